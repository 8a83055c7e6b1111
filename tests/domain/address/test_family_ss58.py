"""Polkadot and its relatives: published vectors of SS58, and what is no account."""

import hashlib

import pytest

from app.domain.address.codecs import base58
from app.domain.address.families.ss58 import Ss58
from app.domain.errors import InvalidAddress
from tests.domain.address.vectors import SHARED, needs_shared

POLKADOT = Ss58()
KUSAMA = Ss58(prefix=2)
KEY = bytes.fromhex("92fd9c237030356e26cfcc4568dc71055d5ec92dfe0ff903767e00611971bad3")
# number, text: Trust Wallet, tw_ss58_address
NUMBERS = (
    (0, "15KRsCq9LLNmCxNFhGk55s5bEyazKefunDxUH24GFZwsTxyu"),
    (2, "CpjsLDC1JFyrhm3ftC9Gs4QoyrkHKhZKtK7YqGTRFtTafgp"),
    (2, "Fu3r514w83euSVV7q1MyFGWErUR2xDzXS2goHzimUn4S12D"),
    (5, "ZG2d3dH5zfqNchsqReS6x4nBJuJCW7Z6Fh5eLvdA3ZXGkPd"),
    (12, "2E5u4xA1TqswQ3jMJH96zekxwr2itvKu79fDC1mmnVZRh6Uv"),
    (64, "cEYtw6AVMB27hFUs4gVukajLM7GqxwxUfJkbPY3rNToHMcCgb"),
    (172, "p8EGHjWt7e1MYoD7V6WXvbPZWK9GSJiiK85kv2R7Ur7FisPUL"),
    (4096, "VDSyeURSP7ykE1zJPJGeqx6GcDZQF2DT3hAKhPMuwM5FuN9HE"),
    (8219, "YDTv3GdhXPP3pQMqQtntGVg5hMno4jqanfYUgMPX2rLGJBKX6"),
)


def spell(body, checksum=2):
    digest = hashlib.blake2b(b"SS58PRE" + body).digest()
    return base58.encode(body + digest[:checksum])


def refused_of(form, text):
    with pytest.raises(InvalidAddress) as refused:
        form.read(text)
    return refused.value


def reason_of(form, text):
    return refused_of(form, text).reason


@pytest.mark.parametrize(("number", "text"), NUMBERS)
def test_published_addresses_of_each_number(number, text):
    form = Ss58(prefix=number)
    address = form.read(text)
    assert address[:4] == ("ss58", text, "verified", "account")
    assert form.sample(bytes.fromhex(address.account)) == text
    assert text.startswith(tuple(form.starts))


def test_one_key_is_one_account_on_every_chain():
    generic = "5CK8D1sKNwF473wbuBP6NuhQfPaWUetNsWUNAAzVwTfxqjfr"
    here, there = POLKADOT.read(generic), KUSAMA.read(generic)
    assert here.canonical[0] == "1"
    assert there.canonical != here.canonical
    assert here.key == there.key == Ss58(prefix=42).read(generic).key
    assert POLKADOT.read(here.canonical) == here


def test_a_bare_key_becomes_the_chains_own_text():
    text = "14KjL5vGAYJCbKgZJmFKDSjewtBpvaxx9YvRZvi7qmb5s8CC"
    bare = POLKADOT.read("0x" + KEY.hex())
    assert bare == ("ss58", text, "absent", "account", None, KEY.hex())
    assert POLKADOT.read("0X" + KEY.hex().upper()) == bare
    assert POLKADOT.read(text) == bare._replace(checksum="verified")


def test_an_account_that_a_runtime_derives_is_each_chains_own():
    text = "13UVJyLnbVp9RBZYFwFGyDvVd1y27Tt8tkntv6Q7JVPhFsTB"  # "modlpy/trsry": the treasury
    address = POLKADOT.read(text)
    assert address == ("ss58", text, "verified", "derived", None, "")
    key = b"modlpy/trsry".ljust(32, b"\0")
    assert POLKADOT.sample(key) == text
    assert KUSAMA.read(KUSAMA.sample(key)).key != address.key
    for start in (b"para", b"sibl", b"Parent"):
        assert KUSAMA.read(KUSAMA.sample(start.ljust(32, b"\0"))).kind == "derived"


def test_another_chains_number_is_named():
    refused = refused_of(POLKADOT, "CpjsLDC1JFyrhm3ftC9Gs4QoyrkHKhZKtK7YqGTRFtTafgp")
    assert refused.reason == "not_on_chain"
    assert "SS58 prefix 2:" in refused.detail


@pytest.mark.parametrize(
    "text",
    [
        "F7Hs",  # polkadot-js and py-scale-codec: index 1 under 42
        "25GUyv",  # index 256 of two bytes
        "848Gh2GcGaZia",  # eight bytes
        spell(b"\x2a" + bytes(4), 1),
        spell(b"\x2a" + bytes(4), 4),
        spell(b"\x50\x00" + bytes(8), 8),
        "KWCv1L3QX9LDPwY4VzvLmarEmXjVJidUzZcinvVnmxAJJCBou",  # polkadot-js: a public key of 33 bytes
    ],
)
def test_what_is_no_account_is_unsupported(text):
    assert reason_of(Ss58(prefix=42), text) == "unsupported"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1", "bad_length"),
        ("0x" + KEY.hex()[:-1], "bad_length"),
        ("0x" + KEY.hex()[:-1] + "g", "bad_character"),
        ("0x", "bad_length"),
        (KEY.hex(), "bad_character"),
        ("14KjL5vGAYJCbKgZJmFKDSjewtBpvaxx9YvRZvi7qmb5s8CD", "bad_checksum"),
        ("14KjL5vGAYJCbKgZJmFKDSjewtBpvaxx9YvRZvi7qmb5s80C", "bad_character"),
        (spell(b"\0" + bytes(range(31))), "bad_length"),
        (spell(b"\0" + bytes(range(34))), "bad_length"),
        (spell(b"\0" + KEY, 3), "bad_checksum"),
        (spell(b"\x2e" + KEY), "bad_version"),  # 46 and 47 are reserved
        (spell(b"\x2f" + KEY), "bad_version"),
        (spell(b"\x80" + KEY), "bad_version"),
        (spell(b"\x80" + bytes(3)), "bad_version"),
        (spell(b"\x40\x00" + KEY), "bad_padding"),  # number 0 in two bytes
        (base58.encode(b"\x41"), "bad_version"),
        (base58.encode(b"\x2a\0\0\0"), "bad_length"),
    ],
)
def test_ss58_is_refused_for_its_reason(text, reason):
    assert reason_of(POLKADOT, text) == reason


def test_an_empty_text_is_refused():
    assert reason_of(POLKADOT, "") == "bad_length"


@pytest.mark.parametrize("number", [0, 1, 63, 64, 65, 255, 256, 8219, 16383])
def test_every_number_is_written_as_it_is_read(number):
    form = Ss58(prefix=number)
    assert form.read(form.sample(KEY)).account == KEY.hex()


@needs_shared
@pytest.mark.parametrize(("name", "form", "count"), [("polkadot", POLKADOT, 2), ("kusama", KUSAMA, 2)])
def test_every_published_line_is_read(name, form, count):
    lines = (SHARED / f"{name}.txt").read_text(encoding="utf-8").split()
    assert [form.read(line).canonical for line in lines] == lines
    assert len(lines) == count
