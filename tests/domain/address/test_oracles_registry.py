"""Every chain of the registry whose form another package can write: each reads its own texts and no other chain's.

The rule here: the registry's row says what the texts of its chain look like; another package writes them.
"""

import json
from importlib.resources import files
from random import Random

import base58
import bech32
import pytest
from scalecodec.utils.ss58 import ss58_decode, ss58_encode

from app.domain.address import find_chain
from app.domain.errors import InvalidAddress

ROWS = json.loads(files("app.domain.address").joinpath("registry.json").read_bytes())["chains"]
HASH = 20  # bytes
KEY = 32
RESERVED = (46, 47)  # numbers that SS58 gives to no chain
GENERIC = 42


def rows_of(*forms):
    rows = [(row["slug"], row["form"][1]) for row in ROWS if row["form"][0] in forms]
    return pytest.mark.parametrize(("slug", "stated"), rows, ids=[slug for slug, _ in rows])


def read(slug, text):
    """Return the address, or the reason of the refusal."""
    try:
        return find_chain(slug).form.read(text)
    except InvalidAddress as refused:
        return refused.reason


def versions_of(row):
    return set(row["form"][1].get("versions", ())) if row["form"][0] in ("base58check", "utxo", "litecoin") else set()


EVERY_VERSION = sorted(set().union(*map(versions_of, ROWS)))


def base58check(version, payload):
    return base58.b58encode_check(bytes.fromhex(version) + payload).decode()


@rows_of("base58check", "utxo", "litecoin")
def test_base58check_is_read_by_its_version_and_no_other(slug, stated):
    payload = Random(slug).randbytes(stated.get("size", HASH))
    known, replaced = stated["versions"], stated.get("replaced", {})
    for version in EVERY_VERSION:
        text, found = base58check(version, payload), read(slug, base58check(version, payload))
        if version in known:
            assert (found.canonical, found.kind, found.checksum) == (text, known[version], "verified")
        elif version in replaced:
            assert found.canonical == base58check(replaced[version], payload)
        else:
            assert found in ("bad_version", "bad_length"), (version, text)


@rows_of("base58check", "utxo", "litecoin")
def test_the_sample_is_base58check_of_a_known_version(slug, stated):
    raw = base58.b58decode_check(find_chain(slug).sample)
    size = len(raw) - stated.get("size", HASH)
    assert raw[:size].hex() in stated["versions"]


COSMOS_PREFIXES = sorted({row["form"][1]["hrp"] for row in ROWS if row["form"][0] == "cosmos"})


def bech32_text(hrp, payload):
    return bech32.bech32_encode(hrp, bech32.convertbits(payload, 8, 5))


@rows_of("cosmos")
def test_bech32_is_read_under_the_prefix_of_its_chain_and_no_other(slug, stated):
    rng = Random(slug)
    payload = rng.randbytes(HASH)
    text = bech32_text(stated["hrp"], payload)
    found = read(slug, text)
    assert (found.canonical, found.kind, found.checksum) == (text, "account", "verified")
    shared = "" if stated.get("short_contracts") else payload.hex()  # a contract of 20 bytes is no key
    assert found.account.removeprefix("0x") == shared
    assert read(slug, text.upper()) == found
    for other in rng.sample(COSMOS_PREFIXES, 20):
        if other != stated["hrp"]:
            assert read(slug, bech32_text(other, payload)) in ("bad_prefix", "unsupported"), other


@rows_of("cosmos", "bech32")
def test_the_sample_is_bech32_of_its_prefix(slug, stated):
    hrp, symbols = bech32.bech32_decode(find_chain(slug).sample)
    if stated.get("constant") == "bech32m":
        assert (hrp, symbols) == (None, None)
    else:
        assert hrp == stated["hrp"]
        assert len(bytes(bech32.convertbits(symbols, 5, 8, False))) in stated.get("sizes", [HASH])


@rows_of("ss58")
def test_ss58_is_read_under_the_number_of_its_chain_and_no_other(slug, stated):
    rng = Random(slug)
    key, number = rng.randbytes(KEY), stated.get("prefix", 0)
    text = ss58_encode(key, number)
    found = read(slug, text)
    assert (found.canonical, found.account, found.checksum) == (text, key.hex(), "verified")
    assert read(slug, ss58_encode(key, GENERIC)) == found
    for other in {rng.randrange(64), rng.randrange(64, 16384), rng.randrange(16384)} - {number, GENERIC, *RESERVED}:
        assert read(slug, ss58_encode(key, other)) == "not_on_chain"


@rows_of("ss58")
def test_the_sample_is_ss58_of_its_number(slug, stated):
    sample, number = find_chain(slug).sample, stated.get("prefix", 0)
    assert ss58_encode(ss58_decode(sample, number), number) == sample
