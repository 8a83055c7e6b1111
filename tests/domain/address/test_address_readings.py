"""One text, no chain: which chains can have written it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address import chains, find_chain, parse, readings
from app.domain.address.codecs import base58
from app.domain.address.families.base58check import Base58Check
from app.domain.errors import InvalidAddress
from tests.domain.address import vectors


def slugs(text):
    return [chain.slug for chain, _ in readings(text)]


@pytest.mark.parametrize("sample", vectors.SAMPLES, ids=lambda sample: sample[1][:12])
def test_the_readings_hold_the_chain_of_every_address(sample):
    address = parse(find_chain(sample[0]), sample[1])
    assert address in [found for _, found in readings(sample[1])]


def test_bitcoin_text_is_read_on_its_forks_too_and_bitcoin_comes_first():
    assert slugs("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa") == ["bitcoin", "bitcoin-cash", "bitcoin-sv", "ecash"]
    assert slugs("3BMEX7DQFyy4McXugXweSu3vw6heM4ByoV")[0] == "bitcoin"
    assert "litecoin" in slugs("3BMEX7DQFyy4McXugXweSu3vw6heM4ByoV")


def test_an_evm_account_is_one_reading():
    (reading,) = readings(vectors.EIP55_MIXED[0])
    assert (reading[0].caip2, reading[0].slug, reading[1].checksum) == ("eip155:0", "evm", "verified")
    assert slugs(vectors.EIP55_MIXED[0].lower()) == ["evm"]


def test_what_only_one_evm_chain_writes_is_read_there():
    assert slugs("0x5aaEB6053f3e94c9b9a09f33669435E7ef1bEAeD") == ["rootstock"]
    assert slugs("xdc" + vectors.EIP55_MIXED[0][2:]) == ["xdc"]


def test_main_networks_come_before_test_networks():
    assert slugs("rE3hWEGquaixF2XwirNbA1ds4m55LxNZPk") == ["xrp", "xrp-testnet"]
    found = [chain.testnet for chain, _ in readings("mfwtuZa2hgKNCM833oAVJAC47F1hAsGJ89")]
    assert found == sorted(found)


def test_a_checksum_comes_before_none():
    found = readings("TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq")
    assert found[0][0].slug == "tron"
    checksums = [address.checksum for _, address in found]
    assert checksums == sorted(checksums, reverse=True)


@pytest.mark.parametrize("text", ["", " ", "hello", "x" * 257, "\ud800", "bc1"])
def test_what_is_no_address_has_no_readings(text):
    assert readings(text) == ()


def families_that_read(text):
    found = set()
    for chain in chains():
        with suppress(InvalidAddress):
            found.add(parse(chain, text).family)
    return found


@given(st.text(st.characters(exclude_categories=()), max_size=70))
def test_readings_agree_with_every_chain(text):
    assert {address.family for _, address in readings(text)} == families_that_read(text)


@pytest.mark.parametrize("sample", vectors.SAMPLES, ids=lambda sample: sample[1][:12])
def test_no_chain_that_reads_a_text_is_missing(sample):
    assert {address.family for _, address in readings(sample[1])} == families_that_read(sample[1])


@pytest.mark.parametrize("chain", [c for c in chains() if c.family != "evm"], ids=lambda chain: chain.slug)
def test_every_version_of_a_chain_is_among_its_readings(chain):
    for form in vars(chain.form).values():
        for version in {*getattr(form, "versions", ()), *getattr(form, "replaced", ())}:
            for filling in (b"\0", b"\x80", b"\xff"):
                text = base58.encode_check(version + 20 * filling)
                assert chain.family in {address.family for _, address in readings(text)}


@pytest.mark.parametrize("more", [b"", b"\x1c"])
def test_the_first_characters_of_every_version_are_foreseen(more):
    for version in (bytes([first]) + more for first in range(256)):
        starts = Base58Check("any", {version: "p2pkh"}).starts
        assert {base58.encode_check(version + 20 * bytes([filling]))[0] for filling in range(0, 256, 51)} <= set(starts)
