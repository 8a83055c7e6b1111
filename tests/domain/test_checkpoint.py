import base64
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from app.domain.checkpoint import (
    MAX_NOTE_BYTES,
    Checkpoint,
    log_id,
    note_key_id,
    origin_line,
    parse_checkpoint,
    parse_origin,
    parse_verifier_key,
    sign_checkpoint,
    sign_note,
    signer_generation,
    verifier_key,
    verify_note,
)
from app.domain.errors import InvalidProof
from app.domain.merkle import EMPTY_ROOT, MAX_SIZE

NAME = "wfnode"
SEED = bytes(range(32))
KEY = bytes(SigningKey(SEED).verify_key)
ORIGIN = "wfnode/group:0197/1"
ROOT = bytes(range(100, 132))
CHECKPOINT = Checkpoint(ORIGIN, 20_852_163, ROOT)
NOTE = sign_checkpoint(CHECKPOINT, NAME, SEED)
quick = settings(deadline=None, max_examples=60)

# golang.org/x/mod/sumdb/note, note_test.go
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)


def signed(text):
    return sign_note(text, NAME, SEED)


def line(name, key_id, signature):
    return f"— {name} {base64.b64encode(key_id + signature).decode()}\n"


# published vectors


@pytest.mark.parametrize("key", [PETER, ENOCH])
def test_the_published_note_verifies(key):
    for note in (f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}", f"{TEXT}\n{ENOCH_LINE}{PETER_LINE}"):
        assert verify_note(note, *parse_verifier_key(key)) == TEXT
        assert verify_note(note.encode(), *parse_verifier_key(key)) == TEXT


@pytest.mark.parametrize("key", [PETER, ENOCH])
def test_the_published_verifier_key_is_written_back(key):
    assert verifier_key(*parse_verifier_key(key)) == key


# notes


def test_a_text_with_empty_lines_ends_at_the_last_one():
    text = "Ognuno sta solo sul cuor della terra\n\ned è subito sera.\n\n"
    assert verify_note(signed(text), NAME, KEY) == text
    assert verify_note(signed("\n"), NAME, KEY) == "\n"


def test_signatures_of_other_keys_are_ignored():
    other = bytes(SigningKey(bytes(32)).verify_key)
    others = [
        line("witness.example/w1", b"abcd", b"any"),
        line("witness.example/w1", b"abcd", b"any"),
        line(NAME, note_key_id(NAME, other), bytes(64)),
        line("other", note_key_id(NAME, KEY), bytes(64)),
    ]
    assert verify_note(NOTE + "".join(others), NAME, KEY) == CHECKPOINT.to_text()
    with pytest.raises(InvalidProof, match="0 signatures"):
        verify_note(NOTE, NAME, other)
    with pytest.raises(InvalidProof, match="0 signatures"):
        verify_note(NOTE, "other", KEY)


def test_a_second_signature_of_the_key_is_refused():
    last = NOTE.splitlines(keepends=True)[-1]
    with pytest.raises(InvalidProof, match="2 signatures"):
        verify_note(NOTE + last, NAME, KEY)


@pytest.mark.parametrize(
    "last",
    [
        "—",
        "— \n",
        "— wfnode\n",
        "— wfnode \n",
        "— wfnode AAAAAA==\n",
        "— wfnode AAAAAAE\n",
        "— wfnode AAAAAAF=\n",
        "— wfnode AAAAA-E=\n",
        "— wfnode AAAAAAE= \n",
        "— wfnode AAAAAAE=\r\n",
        "— wfnode AAAAAAE=",
        "—  AAAAAAE=\n",
        "—  wfnode AAAAAAE=\n",
        "— wf+node AAAAAAE=\n",
        "— wf\N{NO-BREAK SPACE}node AAAAAAE=\n",
        "— wfnode \N{ARABIC-INDIC DIGIT ZERO}AAAAAE=\n",
        "- wfnode AAAAAAE=\n",
        "wfnode AAAAAAE=\n",
        "\n",
        "\n\n",
        "\n— wfnode AAAAAAE=\n",
    ],
)
def test_a_malformed_signature_line_refuses_the_note(last):
    with pytest.raises(InvalidProof):
        verify_note(NOTE + last, NAME, KEY)


@pytest.mark.parametrize(
    "note", ["", "\n", "\n\n", "text\n", "text\n\n", "text\n— wfnode AAAAAAE=\n", b"\xff\n\n", "\ud800\n\n"]
)
def test_what_is_no_note_is_refused(note):
    with pytest.raises(InvalidProof):
        verify_note(note, NAME, KEY)


@pytest.mark.parametrize(
    "text", ["", "text", "a\n\nb", "a\tb\n", "a\x00\n", "a\r\n", "a\ud800\n", "x" * MAX_NOTE_BYTES + "\n"]
)
def test_a_text_that_no_note_can_carry_is_not_signed(text):
    with pytest.raises(InvalidProof):
        signed(text)


def test_a_note_is_bounded_in_bytes():
    room = MAX_NOTE_BYTES - len(signed("\n").encode())
    assert verify_note(signed("x" * room + "\n"), NAME, KEY)
    with pytest.raises(InvalidProof, match="longer"):
        signed("x" * (room + 1) + "\n")
    with pytest.raises(InvalidProof, match="longer"):
        signed("è" * (room // 2 + 1) + "\n")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\N{EM SPACE}b", "a\x00", "\ud800"])
def test_a_name_that_no_key_can_have_is_refused(name):
    for use in (lambda: note_key_id(name, KEY), lambda: verifier_key(name, KEY), lambda: sign_note("a\n", name, SEED)):
        with pytest.raises(InvalidProof):
            use()
    with pytest.raises(InvalidProof):
        verify_note(NOTE, name, KEY)


@pytest.mark.parametrize("key", [b"", KEY[:31], bytes(32), b"\x01" + bytes(31)])
def test_a_note_does_not_verify_with_a_bad_key(key):
    forged = CHECKPOINT.to_text() + "\n" + line(NAME, note_key_id(NAME, key), bytes(64))
    with pytest.raises(InvalidProof, match="does not verify"):
        verify_note(forged, NAME, key)


@pytest.mark.parametrize("signature", [b"x", bytes(63), bytes(64), bytes(65)])
def test_a_signature_of_the_key_that_fails_refuses_the_note(signature):
    with pytest.raises(InvalidProof, match="does not verify"):
        verify_note(CHECKPOINT.to_text() + "\n" + line(NAME, note_key_id(NAME, KEY), signature), NAME, KEY)


# verifier keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+0c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Other+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "\ud800+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_any_other_verifier_key_is_refused(text):
    with pytest.raises(InvalidProof):
        parse_verifier_key(text)


@pytest.mark.parametrize(("kind", "key"), [(b"\x02", KEY), (b"\x01", KEY + b"x"), (b"\x01", KEY[:31])])
def test_a_verifier_key_of_another_kind_is_refused_with_its_own_key_id(kind, key):
    with pytest.raises(InvalidProof, match="not the verifier key"):
        parse_verifier_key(f"{NAME}+{note_key_id(NAME, key).hex()}+{base64.b64encode(kind + key).decode()}")


def test_a_key_with_a_plus_in_its_base64_is_read_back():
    keys = (bytes(SigningKey(bytes([seed]) * 32).verify_key) for seed in range(256))
    key = next(key for key in keys if verifier_key(NAME, key).count("+") > 2)
    assert parse_verifier_key(verifier_key(NAME, key)) == (NAME, key)


# checkpoints


def test_the_text_of_a_checkpoint_is_that_of_the_specification():
    assert NOTE.startswith(f"{ORIGIN}\n20852163\n{base64.b64encode(ROOT).decode()}\n\n— wfnode ")
    assert NOTE.count("\n") == 5


@quick
@given(st.integers(1, MAX_SIZE), st.binary(min_size=32, max_size=32), st.lists(st.sampled_from(["x", "— a b", "è +"])))
def test_a_signed_checkpoint_is_read_back(size, root, extensions):
    checkpoint = Checkpoint(ORIGIN, size, root, tuple(extensions))
    note = sign_checkpoint(checkpoint, NAME, SEED)
    assert parse_checkpoint(note, NAME, KEY) == parse_checkpoint(note.encode(), NAME, KEY) == checkpoint


def test_an_empty_log_has_the_root_of_an_empty_tree():
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert parse_checkpoint(sign_checkpoint(empty, NAME, SEED), NAME, KEY) == empty
    with pytest.raises(InvalidProof):
        sign_checkpoint(replace(empty, root=ROOT), NAME, SEED)


def test_a_node_signs_only_its_own_logs():
    own = replace(CHECKPOINT, origin=NAME)
    assert parse_checkpoint(sign_checkpoint(own, NAME, SEED), NAME, KEY) == own
    for origin in ("other/public/1", "wfnode2/public/1", "wfnod"):
        foreign = replace(CHECKPOINT, origin=origin)
        with pytest.raises(InvalidProof, match="another node"):
            sign_checkpoint(foreign, NAME, SEED)
        with pytest.raises(InvalidProof, match="another node"):
            parse_checkpoint(signed(foreign.to_text()), NAME, KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"origin": ""},
        {"origin": "wfnode/a\nb"},
        {"size": -1},
        {"size": MAX_SIZE + 1},
        {"root": ROOT[:31]},
        {"root": b""},
        {"extensions": ("",)},
        {"extensions": ("a\nb",)},
        {"extensions": ("a\tb",)},
        {"extensions": ("\ud800",)},
    ],
)
def test_a_checkpoint_that_cannot_be_read_back_is_not_signed(change):
    with pytest.raises(InvalidProof):
        sign_checkpoint(replace(CHECKPOINT, **change), NAME, SEED)


ROOT_LINE = base64.b64encode(ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n{ROOT_LINE}\n",
        f"{ORIGIN}\n5\n",
        f"\n5\n{ROOT_LINE}\n",
        f"{ORIGIN}\n\n5\n{ROOT_LINE}\n",
        f"{ORIGIN}\n5\n{ROOT_LINE}\n\n",
        f"{ORIGIN}\n05\n{ROOT_LINE}\n",
        f"{ORIGIN}\n00\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{ORIGIN}\n+5\n{ROOT_LINE}\n",
        f"{ORIGIN}\n-5\n{ROOT_LINE}\n",
        f"{ORIGIN}\n5 \n{ROOT_LINE}\n",
        f"{ORIGIN}\n5_0\n{ROOT_LINE}\n",
        f"{ORIGIN}\n\N{ARABIC-INDIC DIGIT FIVE}\n{ROOT_LINE}\n",
        f"{ORIGIN}\n{MAX_SIZE + 1}\n{ROOT_LINE}\n",
        f"{ORIGIN}\n{'9' * 5_000}\n{ROOT_LINE}\n",
        f"{ORIGIN}\n5\n{ROOT_LINE} \n",
        f"{ORIGIN}\n5\n{ROOT_LINE[:-1]}\n",
        f"{ORIGIN}\n5\n{ROOT_LINE[:-2]}N=\n",
        f"{ORIGIN}\n5\n{base64.b64encode(ROOT + b'x').decode()}\n",
        f"{ORIGIN}\n5\n{ROOT.hex()}\n",
    ],
)
def test_a_malformed_checkpoint_is_refused_even_when_signed(text):
    with pytest.raises(InvalidProof):
        parse_checkpoint(signed(text), NAME, KEY)


def test_a_checkpoint_fails_after_any_one_bit_change():
    raw = NOTE.encode()
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]
        with pytest.raises(InvalidProof):
            parse_checkpoint(changed, NAME, KEY)


def test_a_cut_off_checkpoint_is_refused():
    raw = NOTE.encode()
    for at in range(len(raw)):
        with pytest.raises(InvalidProof):
            parse_checkpoint(raw[:at], NAME, KEY)


@quick
@given(st.binary() | st.text(st.sampled_from("a1\n— +/=\ud800\x00")))
def test_whatever_comes_is_refused_with_one_meaning(noise):
    block = noise if isinstance(noise, bytes) else noise.encode("utf-8", "replace")
    for note in (noise, NOTE.encode() + block, CHECKPOINT.to_text().encode() + block):
        with suppress(InvalidProof):
            assert parse_checkpoint(note, NAME, KEY) == CHECKPOINT
    for parse in (parse_origin, parse_verifier_key):
        with suppress(InvalidProof):
            parse(noise if isinstance(noise, str) else noise.decode("latin-1"))


# origins


def test_an_origin_line_names_the_log():
    line = origin_line(NAME, "group:0197", 1)
    assert line == ORIGIN
    assert parse_origin(line) == (NAME, "group:0197", 1)
    assert parse_origin("n/organizations:0a.red/0").audience == "organizations:0a.red"


@pytest.mark.parametrize(
    "parts",
    [
        ("", "a", 1),
        ("n", "", 1),
        ("n/m", "a", 1),
        ("n", "a b", 1),
        ("n+", "a", 1),
        ("n", "a\n", 1),
        ("n", "è", 1),
        ("n", "a", -1),
        ("n", "a", 10**9),
    ],
)
def test_an_origin_that_cannot_be_read_back_is_not_written(parts):
    with pytest.raises(InvalidProof):
        origin_line(*parts)


@pytest.mark.parametrize(
    "text", ["", "n", "n/a", "n/a/", "n/a/01", "n/a/b/1", "/a/1", "n/a/1\n", "n/a/1/", "n/a/\u0661"]
)
def test_any_other_origin_is_refused(text):
    with pytest.raises(InvalidProof):
        parse_origin(text)


# which key signed


def test_the_newest_key_that_signed_a_note_is_told():
    seeds = [bytes([number]) * 32 for number in range(4)]
    keys = [bytes(SigningKey(seed).verify_key) for seed in seeds]
    for number in range(4):
        note = sign_note("text\n", NAME, seeds[number])
        assert signer_generation(note, NAME, keys) == signer_generation(note.encode(), NAME, keys) == number
        assert signer_generation(note, "another", keys) is None
        assert signer_generation(note, NAME, [*keys[:number], *keys[number + 1 :]]) is None
    first, last = (sign_note("text\n", NAME, seed) for seed in (seeds[0], seeds[3]))
    both = first + last.partition("\n\n")[2]
    assert signer_generation(both, NAME, keys) == 3
    assert signer_generation(both, NAME, keys[:3]) == 0


@pytest.mark.parametrize("note", ["", "text\n", NOTE[:-1], NOTE + "\n", b"\xff", NOTE.replace("1", "2", 1)])
def test_a_note_that_is_not_well_formed_was_signed_by_nobody(note):
    assert signer_generation(NOTE, NAME, [KEY]) == 0
    assert signer_generation(note, NAME, [KEY]) is None


def test_a_log_is_named_by_its_origin_line():
    made = log_id("wfnode", "public", 1)
    assert made == sha256(b"wfnode/public/1").hexdigest()[:32]
    for other in (("wfnode", "public", 2), ("wfnode", "public.red", 1), ("wfother", "public", 1)):
        assert log_id(*other) != made
    with pytest.raises(InvalidProof):
        log_id("wf/node", "public", 1)
