"""One wrong character: a form with a checksum never lets it by."""

import random

import pytest

from app.domain.address import find_chain, parse
from app.domain.address.codecs import base58, bech32
from app.domain.errors import InvalidAddress
from tests.domain.address import vectors

TYPOS = 2000
ALPHABETS = {"bech32": bech32.ALPHABET.decode(), "base58": base58.BITCOIN.decode(), "hex": "0123456789abcdefABCDEF"}
CHECKSUMMED = [(slug, text) for slug, text, _, _, checksum, _ in vectors.SAMPLES if checksum == "verified"]


def alphabet_of(text):
    if text.startswith("0x"):
        return ALPHABETS["hex"]
    return ALPHABETS["bech32" if text == text.lower() else "base58"]


def typos(text, alphabet, rng):
    start = text.rfind(":") + 1
    start = max(start, 2 if text.startswith("0x") else 0)
    for _ in range(TYPOS):
        at = rng.randrange(start, len(text))
        yield text[:at] + rng.choice(alphabet.replace(text[at], "")) + text[at + 1 :]


@pytest.mark.parametrize(("slug", "text"), CHECKSUMMED, ids=lambda value: value[:14])
def test_no_typo_is_accepted(slug, text):
    read = find_chain(slug).form.read
    accepted = []
    for typo in typos(text, alphabet_of(text), random.Random(20)):
        try:
            accepted.append(read(typo))
        except InvalidAddress:
            continue
    assert accepted == []


@pytest.mark.parametrize(("slug", "text"), CHECKSUMMED, ids=lambda value: value[:14])
def test_no_two_neighbours_are_swapped_unseen(slug, text):
    chain = find_chain(slug)
    for at in range(2, len(text) - 1):
        swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        if swapped != text:
            with pytest.raises(InvalidAddress):
                parse(chain, swapped)
