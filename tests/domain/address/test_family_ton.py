"""TON's addresses, raw and user-friendly, and those of the chains of its kind."""

from base64 import b64encode, urlsafe_b64encode
from binascii import crc_hqx

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.address.families.ton import Ton
from tests.domain.address import family_cases as cases
from tests.domain.address.vectors import needs_shared

MAIN = Ton("ton")
TEST = Ton("ton-testnet", test=True)
every_form = pytest.mark.parametrize("form", [MAIN, TEST], ids=lambda form: form.family)

HASH = "8a8627861a5dd96c9db3ce0807b122da5ed473934ce7568a5b4b1c361cbb28ae"
BOUNCEABLE = "EQCKhieGGl3ZbJ2zzggHsSLaXtRzk0znVopbSxw2HLsorkdl"
SAME_DIGIT = ({"-", "+"}, {"_", "/"})  # both alphabets of base64 are in use
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/"


def friendly(tag, workchain, account, encode=urlsafe_b64encode):
    data = bytes([tag, workchain]) + account
    return encode(data + crc_hqx(data, 0).to_bytes(2, "big")).decode()


@every_form
@given(seed=cases.seeds)
def test_a_sample_reads_as_itself(form, seed):
    cases.check_sample(form, seed)


@every_form
@given(text=cases.junk | st.text(BASE64, min_size=48, max_size=48))
def test_junk_is_refused_and_nothing_else_happens(form, text):
    cases.check_junk(form, text)


@every_form
@given(seed=cases.seeds, tag=st.sampled_from([0x11, 0x51]), at=st.integers(0, 47), other=st.characters())
def test_a_changed_address_is_refused(form, seed, tag, at, other):
    text = friendly(tag, 0, seed)
    assume({text[at], other} not in SAME_DIGIT)
    assert cases.accepted(form, [text[:at] + other + text[at + 1 :]], text) == []


@given(account=cases.seeds, workchain=st.sampled_from([0, 255]), tag=st.sampled_from([0x11, 0x51]))
def test_every_spelling_is_one_identity(account, workchain, tag):
    raw = f"{'-1' if workchain else '0'}:{account.hex()}"
    for text in (friendly(tag, workchain, account), friendly(tag, workchain, account, b64encode), raw.upper()):
        address = MAIN.read(text)
        assert address.canonical == raw
        assert address.checksum == ("absent" if ":" in text else "verified")
        assert text.startswith(tuple(MAIN.starts))


# Vectors: TEP-2; wallet-core's ton_address.rs, address.rs and tests/chains/Everscale.


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (BOUNCEABLE, f"0:{HASH}"),
        ("UQCKhieGGl3ZbJ2zzggHsSLaXtRzk0znVopbSxw2HLsorhqg", f"0:{HASH}"),
        (f"0:{HASH}", f"0:{HASH}"),
        (f"-1:{HASH}", f"-1:{HASH}"),
        (
            "Ef_lZ1T4NCb2mwkme9h2rJfESCE0W34ma9lWp7-_uY3zXDvq",
            "-1:e56754f83426f69b09267bd876ac97c44821345b7e266bd956a7bfbfb98df35c",
        ),
        (
            "Uf_lZ1T4NCb2mwkme9h2rJfESCE0W34ma9lWp7-_uY3zXGYv",
            "-1:e56754f83426f69b09267bd876ac97c44821345b7e266bd956a7bfbfb98df35c",
        ),
        (
            "EQDk2VTvn04SUKJrW7rXahzdF8_Qi6utb0wj43InCu9vdjrR",
            "0:e4d954ef9f4e1250a26b5bbad76a1cdd17cfd08babad6f4c23e372270aef6f76",
        ),
        (
            "EQDk2VTvn04SUKJrW7rXahzdF8/Qi6utb0wj43InCu9vdjrR",
            "0:e4d954ef9f4e1250a26b5bbad76a1cdd17cfd08babad6f4c23e372270aef6f76",
        ),
        (
            "0:83A0352908060FA87839195D8A763A8D9AB28F8FA41468832B398A719CC6469A",
            "0:83a0352908060fa87839195d8a763a8d9ab28f8fa41468832b398a719cc6469a",
        ),
        (
            "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF",
            "0:ca6e321c7cce9ecedf0a8ca2492ec8592494aa5fb5ce0387dff96ef6af982a3e",
        ),
    ],
)
def test_vectors(text, canonical):
    address = MAIN.read(text)
    assert (address.canonical, address.kind) == (canonical, "account")
    assert address.key == MAIN.read(canonical).key


@pytest.mark.parametrize(
    "text",
    ["kQCKhieGGl3ZbJ2zzggHsSLaXtRzk0znVopbSxw2HLsorvzv", "0QCKhieGGl3ZbJ2zzggHsSLaXtRzk0znVopbSxw2HLsorqEq"],
)
def test_a_mark_for_test_networks_counts(text):
    assert cases.reason_of(MAIN, text) == "not_on_chain"
    assert TEST.read(text).canonical == TEST.read(BOUNCEABLE).canonical == f"0:{HASH}"
    assert text.startswith(tuple(TEST.starts))


@needs_shared
def test_every_published_address_is_read():
    texts = [*cases.vectors_of("ton"), cases.account_of("ton"), cases.account_of("everscale")]
    assert len(texts) == 4
    for text in texts:
        assert MAIN.read(text).canonical.startswith("0:")


@pytest.mark.parametrize("text", [BOUNCEABLE, "EQDk2VTvn04SUKJrW7rXahzdF8/Qi6utb0wj43InCu9vdjrR"])
def test_no_wrong_character_and_no_edit_is_accepted(text):
    found = cases.accepted(MAIN, [*cases.typos(text, BASE64), *cases.edits(text)], text)
    assert [other for other in found if other != text.replace("/", "_")] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello world", "bad_character"),
        (HASH, "bad_length"),
        (f"1:{HASH}", "bad_version"),
        (f"-2:{HASH}", "bad_version"),
        (f"2147483648:{HASH}", "bad_version"),
        (f"-0:{HASH}", "bad_version"),
        (f"00:{HASH}", "bad_version"),
        (f":{HASH}", "bad_version"),
        (f"0:{HASH}b", "bad_length"),
        (f"0:{HASH[:-1]}", "bad_length"),
        (f"0:{HASH[:-1]}g", "bad_character"),
        (f"0:0:{HASH[:-2]}", "bad_character"),
        ("0:", "bad_length"),
        (BOUNCEABLE[:-1] + "m", "bad_checksum"),
        (BOUNCEABLE[:-1], "bad_length"),
        (BOUNCEABLE[:-1] + "=", "bad_character"),
        ("Ef_lZ1T4NCb2mwkme9h2rJfESCE0W34ma9lWp7+/uY3zXDvq", "bad_character"),
        ("Pubjns2gp7DGCnEH7EOWeCnb6Lw1akm538YYaz6sdLVHfRB2", "bad_version"),
        (friendly(0x11, 1, bytes(32)), "bad_version"),
        (friendly(0x10, 0, bytes(32)), "bad_version"),
        (friendly(0x31, 0, bytes(32)), "bad_version"),
        ("alice.ton", "bad_character"),
    ],
)
def test_refusals(text, reason):
    assert cases.reason_of(MAIN, text) == reason
