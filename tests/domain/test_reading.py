from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import reading
from app.domain.errors import InvalidRecord, Refused
from app.domain.reading import Refusal
from tests import make
from tests.strategies import quick

ANYTHING = [None, True, False, 0, 1, -1, 1.5, "", "word", b"", [], {}, ["word"], {"word": 1}]


def refused(read, *args, **said):
    """Give the one place that was refused."""
    with pytest.raises(Refusal) as caught:
        read(*args, **said)
    (row,) = caught.value.errors
    assert caught.value.detail == f"{row.pointer}: {row.detail}"
    return row


def test_a_refusal_names_its_place_and_is_an_invalid_record():
    row = refused(reading.word, "blue", ("red", "green"), "/colour")
    assert row == Refused("unknown_word", "must be one of: red, green.", "/colour")
    assert issubclass(Refusal, InvalidRecord)


@pytest.mark.parametrize(
    ("read", "good"),
    [
        (lambda value: reading.word(value, ("word",), "/x"), {"word"}),
        (lambda value: reading.text(value, "/x", 10), {"word"}),
        (lambda value: reading.integer(value, "/x", 0, 1), {0, 1}),
        (lambda value: reading.moment(value, "/x"), set()),
        (lambda value: reading.moment(value, "/x", strict=True), set()),
        (lambda value: reading.sha256_hex(value, "/x"), set()),
        (lambda value: reading.identifier(value, "/x"), set()),
    ],
    ids=["word", "text", "integer", "moment", "strict moment", "sha256", "id"],
)
def test_a_reader_takes_its_own_type_and_no_other(read, good):
    for value in ANYTHING:
        if type(value) in {str, int} and value in good:
            assert read(value) == value
        else:
            assert refused(read, value).pointer == "/x"


def test_lists_and_objects():
    assert reading.rows([1, 2], "/x", 1, 2) == reading.rows((1, 2), "/x", 1, 2) == [1, 2]
    for value in ([], [1, 2, 3], "ab", {"a": 1}, None, 5):
        assert refused(reading.rows, value, "/x", 1, 2).detail == "must be a list of 1 to 2 entries."
    assert reading.mapping({"a": 1}, "/x") == {"a": 1}
    for value in ([], "a", None, 5):
        assert refused(reading.mapping, value, "/x").detail == "must be an object."


def test_needed_fields():
    assert reading.need({"a": 0}, "a") == 0
    for document in ({}, {"a": None}, {"A": 1}):
        assert refused(reading.need, document, "a", "/row/3") == Refused(
            "missing_field", "this field is needed.", "/row/3/a"
        )


def test_a_misspelt_field_is_named():
    reading.check_keys({"a": 1}, ("a", "b"))
    assert refused(reading.check_keys, {"a": 1, "d": 2, "c": 3}, ("a",), "/row").pointer == "/row/c"


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("a/b~c", "a~1b~0c"),
        ("x" * 5_000, "x" * 64),
        ("\ud800\x1b[2J", "??[2J"),
        ("", ""),
        (7, "7"),
        (None, "None"),
    ],
)
def test_a_misspelt_field_is_named_such_that_it_can_be_shown(name, token):
    """A pointer goes into answers and terminals, whatever the field was called."""
    assert refused(reading.check_keys, {name: 1}, ("a",)).pointer == f"/{token}"


@pytest.mark.parametrize("text", ["a", "a\tb\nc", "a" * 10, "naïve ☃", "e\u0301", "\u0430dmin", "人身取引"])
def test_texts_of_any_script(text):
    assert reading.text(text, "/x", 10) == text


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x07", "\x1b", "\r", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066", "\ud800"],
    ids=ascii,
)
def test_what_a_terminal_obeys_or_a_reader_is_deceived_by_is_refused(character):
    assert refused(reading.text, f"a{character}b", "/x", 10).detail == "must not hold control characters."


def test_free_text_holds_no_personal_data():
    assert reading.text("call 0171 2345678", "/x", 100) == "call 0171 2345678"
    row = refused(reading.text, "call 0171 2345678", "/x", 100, free=True)
    assert (row.code, row.pointer) == ("personal_data", "/x")
    assert row.detail.startswith("the text holds what looks like a phone number")
    assert "2345678" not in row.detail
    assert reading.text("seen twice", "/x", 100, free=True) == "seen twice"


@quick
@given(st.text(max_size=20))
def test_any_text_is_kept_as_it_is_or_refused(text):
    try:
        assert reading.text(text, "/x", 15) == text
    except Refusal:
        return
    assert 1 <= len(text) <= 15
    assert text.encode()


def test_times():
    assert reading.moment("2026-05-01", "/x") == datetime(2026, 5, 1, tzinfo=UTC)
    assert reading.moment("2026-05-01T00:00:00.000000Z", "/x", strict=True) == datetime(2026, 5, 1, tzinfo=UTC)
    row = refused(reading.moment, "2026-05-01", "/x", strict=True)
    assert row.code == "not_canonical"
    assert reading.maybe_moment({}, "a", strict=True) is None
    assert reading.maybe_moment({"a": None}, "a", strict=False) is None
    assert refused(reading.maybe_moment, {"a": "soon"}, "a", strict=False).pointer == "/a"


def test_a_span_does_not_run_backwards():
    day, night = "2026-05-01", "2026-05-02"
    assert reading.span({}, strict=True) == (None, None)
    assert reading.span({"first_seen": day, "last_seen": day}, strict=False)[0] == datetime(2026, 5, 1, tzinfo=UTC)
    assert reading.span({"last_seen": day}, strict=False)[0] is None
    assert refused(reading.span, {"first_seen": night, "last_seen": day}, strict=False).pointer == "/last_seen"


def test_hashes_and_ids():
    digest = make.noise("x").hex()
    assert reading.sha256_hex(digest, "/x") == digest
    for other in (digest.upper().replace("1", "A"), digest[:-1], digest + "0", digest[:-1] + "\u0661", digest + "\n"):
        assert refused(reading.sha256_hex, other, "/x").pointer == "/x"
    assert reading.identifier(str(make.ident()), "/x") == make.ident()
    assert refused(reading.identifier, str(make.ident()).upper(), "/x").detail.startswith("must be a UUIDv7")
