import pytest

from app.domain import errors
from app.domain.errors import InvalidAddress, InvalidRecord, Meaning, NotFound, Refused, TooMany


def leaves(meaning=Meaning):
    yield meaning
    for below in meaning.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from leaves(below)


MEANINGS = list(leaves())


def test_each_meaning_has_a_code_of_its_own():
    codes = [meaning.code for meaning in MEANINGS]
    assert len(set(codes)) == len(codes) > 15


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: meaning.__name__)
def test_the_title_is_one_sentence_without_its_full_stop(meaning):
    title = meaning.title()
    assert title
    assert "\n" not in title
    assert not title.endswith(".")
    assert title == meaning.__doc__.splitlines()[0].rstrip(".")


def test_a_meaning_without_a_docstring_is_called_by_its_name():
    class Nameless(Meaning):
        pass

    Nameless.__doc__ = None
    assert Nameless.title() == "Nameless"


def test_a_meaning_keeps_what_a_person_and_a_program_should_read():
    row = Refused("bad_checksum", "copy it again", "/indicators/0/address", "row 1")
    refused = InvalidRecord("1 of 1 was refused", errors=[row])
    assert (str(refused), refused.detail, refused.errors) == ("1 of 1 was refused", "1 of 1 was refused", (row,))
    assert NotFound("none").errors == ()
    assert InvalidAddress("empty", "There is no text.").reason == "empty"
    assert TooMany("later", retry_after=30).retry_after == 30
