"""One wrong character: a form with a checksum never lets it by, beyond the odds that the checksum has.

The rule here: every form of the registry that checks anything is in the table; its allowance follows from its odds.
"""

from random import Random

import pytest

from app.domain.address import chains, find_chain
from app.domain.address.forms import FORMS
from app.domain.errors import InvalidAddress
from tests.domain.address.checked_forms import CHECKED

TYPOS = 2000
TEXTS = 8  # addresses of each form
SEED = 64  # bytes of each
UNCHECKED = {"antelope", "graphene", "hex_account", "iost", "lightning_node", "move", "near", "solana"}
EVERY = pytest.mark.parametrize("name", CHECKED)


def allowance(odds, tries):
    """Return how many accepted texts are no surprise: four standard deviations and two above what is expected."""
    expected = tries / odds if odds else 0
    return int(expected + 4 * expected**0.5 + 2) if odds else 0


def texts_of(name):
    rng = Random(name)
    return [CHECKED[name].make(rng.randbytes(SEED)) for _ in range(TEXTS)]


def identity(chain, text):
    """Return what a text is, None when it is refused."""
    try:
        address = find_chain(chain).form.read(text)
    except InvalidAddress:
        return None
    return address.key, address.tag


def mistaken(chain, text, others):
    """Return the other texts that are read, and as something else."""
    right = identity(chain, text)
    assert right is not None, text
    return [other for other in others if other != text and identity(chain, other) not in (None, right)]


def typos(text, alphabet, count, rng):
    for _ in range(count):
        at = rng.randrange(len(text))
        yield text[:at] + rng.choice(alphabet.replace(text[at], "")) + text[at + 1 :]


def swaps(text):
    """Give the text with each two neighbours in the other order, and each two that have one between them."""
    for at in range(len(text) - 1):
        yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    for at in range(len(text) - 2):
        yield text[:at] + text[at + 2] + text[at + 1] + text[at] + text[at + 3 :]


def verified(slug, text):
    return find_chain(slug).form.read(text).checksum == "verified"


@EVERY
def test_the_texts_carry_a_checksum_that_verifies(name):
    form = CHECKED[name]
    assert all(verified(form.chain, text) for text in texts_of(name))


@EVERY
def test_no_typo_is_accepted_beyond_the_odds(name):
    form, rng, found = CHECKED[name], Random(f"typos of {name}"), []
    for text in texts_of(name):
        found += mistaken(form.chain, text, typos(text, form.alphabet, TYPOS // TEXTS, rng))
    assert len(found) <= allowance(form.odds, TYPOS), found


@EVERY
def test_no_two_characters_are_swapped_unseen_beyond_the_odds(name):
    form, found, tries = CHECKED[name], [], 0
    for text in texts_of(name):
        others = set(swaps(text)) - {text}
        tries += len(others)
        found += mistaken(form.chain, text, sorted(others))
    assert len(found) <= allowance(form.odds, tries), found


def test_every_form_with_a_checksum_is_in_the_table():
    covered = {type(find_chain(checked.chain).form) for checked in CHECKED.values()}
    assert {name for name, form in FORMS.items() if form not in covered} == UNCHECKED


def test_what_is_not_in_the_table_checks_nothing():
    outside = [chain for chain in chains() if type(chain.form) in {FORMS[name] for name in UNCHECKED}]
    assert {type(chain.form) for chain in outside} == {FORMS[name] for name in UNCHECKED}
    assert [chain.slug for chain in outside if verified(chain.slug, chain.sample)] == []


def test_the_odds_are_used_and_each_has_its_reason():
    assert all(checked.why.endswith(".") for checked in CHECKED.values())
    assert [allowance(odds, TYPOS) for odds in (0, 65_536, 4049, 256, 97)] == [0, 2, 5, 20, 40]
