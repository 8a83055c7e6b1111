"""Our readers against other people's: what they write, what we write, and what is spoiled, judged alike by both.

The rule here: every difference is explained in the table of disagreements, and every explanation still occurs.
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.address import find_chain
from app.domain.errors import InvalidAddress
from tests.conftest import EXAMPLES
from tests.domain.address import mutations
from tests.domain.address.disagreement_shapes import OURS, THEIRS, has_shape
from tests.domain.address.disagreements import TABLE, explained
from tests.domain.address.oracle_formats import BY_NAME, ORACLES
from tests.domain.address.oracles import SEED, ours, theirs

EVERY = pytest.mark.parametrize("name", BY_NAME)
ROWS = pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.package}-{row.formats[0]}-{row.accepted_by}")
LONGEST = 300  # characters that a form is given

seeds = st.binary(min_size=SEED, max_size=SEED)


def judgement(oracle, text):
    """Return who accepts a text that one of the two refuses, else None; both must understand the same."""
    mine, other = ours(oracle, text), theirs(oracle, text)
    if mine and other:
        assert mine == other, f"{oracle.name} understands {text!r} otherwise"
    return None if bool(mine) == bool(other) else OURS if mine else THEIRS


def test_every_format_has_a_name_of_its_own():
    assert len(BY_NAME) == len(ORACLES)


@EVERY
@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_what_another_package_writes_is_read_as_the_package_reads_it(name, seed):
    oracle = BY_NAME[name]
    text = oracle.make(seed)
    address = find_chain(oracle.chain).form.read(text)
    assert (address.canonical, address.tag) == theirs(oracle, text)
    assert address.kind == oracle.kinds[0] or (oracle.mixed and address.kind in oracle.kinds)


@pytest.mark.parametrize("name", [oracle.name for oracle in ORACLES if oracle.samples])
@given(seed=st.binary(min_size=32, max_size=32))
@settings(max_examples=20, deadline=None)
def test_what_we_write_is_read_by_the_other_package(name, seed):
    oracle = BY_NAME[name]
    text = find_chain(oracle.chain).form.sample(seed)
    assert theirs(oracle, text) == (text, None)


# BUG: "ecash" takes cashaddr's token-aware types and hashes of 32 bytes, which only Bitcoin Cash has
@EVERY
@given(seed=seeds)
@settings(max_examples=10 * EXAMPLES, deadline=None)
def test_what_is_spoiled_is_judged_alike_or_the_difference_is_explained(name, seed):
    oracle, rng = BY_NAME[name], Random(seed)
    text = oracle.make(seed)
    spoiled = {*mutations.edits(text, rng), *mutations.spellings(text, rng), *oracle.forge(text, rng)}
    for other in sorted(filter(None, spoiled)):
        by = judgement(oracle, other[:LONGEST])
        assert by is None or explained(oracle.package, oracle.format, other[:LONGEST], by), (other, by)


@ROWS
def test_every_explanation_still_occurs(row):
    for format_, text in zip(row.formats, row.examples, strict=True):
        oracle = BY_NAME[f"{format_} by {row.package}"]
        assert judgement(oracle, text) == row.accepted_by, text
        assert has_shape(row, text), text


@ROWS
def test_no_explanation_covers_what_the_package_writes(row):
    for format_ in row.formats:
        oracle, rng = BY_NAME[f"{format_} by {row.package}"], Random(5)
        written = [oracle.make(rng.randbytes(SEED)) for _ in range(20)]
        assert [text for text in written if has_shape(row, text) and row.accepted_by == THEIRS] == []


@ROWS
def test_every_explanation_says_why(row):
    assert {row.accepted_by, row.right} <= {OURS, THEIRS}
    assert len(row.why) > 50
    assert row.why.endswith(".")


# BUG: eCash knows two types and hashes of 20 bytes (Bitcoin ABC, cashaddrenc.h, CashAddrType: PUBKEY_TYPE 0 and
# SCRIPT_TYPE 1); CashTokens and P2SH32 are upgrades of Bitcoin Cash alone.
@pytest.mark.parametrize(
    "text",
    [
        "ecash:zrqzz84apdww2cdw64ml4rrd4gx395gze5g56fqzc6",
        "ecash:rqchhafz77e4eujfpqx32269ldd8dwjd2um7vrutn0",
        "ecash:p0z5av79xhaha49m65mh6kumn3up84qpylz5av79xhaha49m65mh6aj6avclk",
    ],
)
def test_ecash_has_no_types_of_bitcoin_cash(text):
    with pytest.raises(InvalidAddress) as refused:
        find_chain("ecash").form.read(text)
    assert refused.value.reason == "unsupported"
