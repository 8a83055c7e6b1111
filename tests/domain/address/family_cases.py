"""What the tests of single families share: refusals, wrong characters, junk, and rows of the shared data.

The rule here: a check takes a form and proves the contract of forms; what a family promises beyond is in its own test.
"""

import csv
import random
from hashlib import sha256

import pytest
from hypothesis import strategies as st

from app.domain.errors import InvalidAddress
from tests.domain.address.vectors import SHARED

ANY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:/+=@ \x00\u0130\u212a\uff11\u0663\ud800"
JUNK = (
    *(" ", ".", "-", ":", "0x", "0X", "0x0", "..", "0.0.", "-1:", "0:", "1", "0" * 64, "f" * 300, "A" * 300, "1" * 300),
    *("\u212a", "\u0130" * 40, "\uff11\uff12\uff13", "\u0661.\u0662.\u0663", "\ud800" * 56, "\x00" * 32, "\n", "a\n"),
    *("0x" + "\u0661" * 40, "ab" * 150, "GA" + "=" * 54, "1e5", "+1", "1_000", "0b1", " 12", "-0:" + "a" * 64),
)

seeds = st.binary(min_size=32, max_size=32)
junk = st.text(min_size=1, max_size=300) | st.text(ANY, min_size=1, max_size=100) | st.sampled_from(JUNK)


def reason_of(form, text):
    with pytest.raises(InvalidAddress) as refused:
        form.read(text)
    assert len(text) < 5 or text not in str(refused.value)
    return refused.value.reason


def is_read(form, text):
    try:
        form.read(text)
    except InvalidAddress:
        return False
    return True


def check_sample(form, seed):
    text = form.sample(seed)
    address = form.read(text)
    assert address.canonical == text
    assert address.family == form.family
    assert text.startswith(tuple(form.starts))
    assert form.sample(seed) == text
    assert form.sample(sha256(seed).digest()) != text


def check_junk(form, text):
    """Read anything: an address that reads again as itself, or a refusal and nothing else."""
    try:
        address = form.read(text)
    except InvalidAddress:
        return
    assert text.startswith(tuple(form.starts))
    again = form.read(address.canonical)
    assert (again.canonical, again.account, again.key) == (address.canonical, address.account, address.key)


def typos(text, alphabet, start=0):
    """Return `text` with each character from `start` replaced by each other one of an alphabet."""
    for at in range(start, len(text)):
        for character in alphabet.replace(text[at], ""):
            yield text[:at] + character + text[at + 1 :]


def edits(text, count=200):
    """Return seeded insertions, deletions, doublings and swaps."""
    rng = random.Random(text)
    for _ in range(count):
        at = rng.randrange(len(text))
        yield text[:at] + text[at + 1 :]
        yield text[:at] + text[at] + text[at:]
        yield text[:at] + rng.choice(ANY) + text[at:]
        yield text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]


def accepted(form, texts, but):
    """Return the texts that are read, other than `but`."""
    return [text for text in texts if text and text != but and is_read(form, text)]


def vectors_of(chain):
    """Return the texts that the shared data holds for a chain."""
    with (SHARED / "valid_by_format.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["address"] for row in rows if row["chain"] == chain]


def lines_of(chain):
    """Return the lines of a chain's file in the shared data."""
    return (SHARED / f"{chain}.txt").read_text(encoding="utf-8").split()


def account_of(identity):
    """Return the sample account of a chain in the shared data."""
    with (SHARED / "walletcore_registry_sample_accounts.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    (found,) = [row["address"] for row in rows if row["id"] == identity]
    return found
