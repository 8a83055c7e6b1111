"""API keys: a text that a scanner finds and a typing error breaks, and every shape in which clients send it."""

import base64
import contextlib
import hashlib
import hmac
import re
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import Invalid, Unauthenticated
from app.services import api_keys
from app.services.api_keys import ParsedKey, PresentedToken

RANDOM = bytes(range(42))
NEW = api_keys.mint(RANDOM)
KEY = NEW.text
PARSED = ParsedKey(NEW.id, KEY.split("_")[2])
OTHER = api_keys.mint(bytes(42)).text
PEPPER = b"p" * 32
JWT = "eyJh.eyJp.c2ln-_"


def basic(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def test_key_is_of_one_form():
    prefix, key_id, secret, check = KEY.split("_")
    assert (prefix, key_id, len(secret), len(check)) == ("wfk", NEW.id, 52, 7)
    assert api_keys.mint(b"\xff" * 42).text.startswith(f"wfk_{'z' * 16}_1{'z' * 51}_")
    assert OTHER.startswith(f"wfk_{'0' * 16}_{'0' * 52}_")


def test_check_is_the_crc_32_of_everything_before():
    body, _, check = KEY.rpartition("_")
    assert int(check.translate(str.maketrans("jkmnpqrstvwxyz", "ijklmnopqrstuv")), 32) == zlib.crc32(body.encode())


@pytest.mark.parametrize("length", [0, 32, 41, 43])
def test_key_needs_its_bytes(length):
    with pytest.raises(ValueError, match="42 random bytes"):
        api_keys.mint(bytes(length))


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=42, max_size=42))
def test_minted_key_is_parsed_and_found_in_any_text(random):
    new = api_keys.mint(random)
    parsed = api_keys.parse(new.text)
    assert parsed is not None
    assert parsed.id == new.id
    assert api_keys.is_genuine(new.text)
    for text in (f"export KEY={new.text}\n", f'{{"key":"{new.text}"}}', f"https://x?k={new.text}&a", f"x{new.text}x"):
        assert re.findall(api_keys.API_KEY_PATTERN, text) == [new.text]


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=42, max_size=42), st.binary(min_size=42, max_size=42))
def test_keys_of_different_bytes_differ(one, other):
    assert (api_keys.mint(one) == api_keys.mint(other)) == (one == other)


def test_pattern_needs_no_more_than_a_plain_engine():
    assert not re.search(r"\(\?|\\[bBdDsSwW1-9]", api_keys.API_KEY_PATTERN)


def test_every_wrong_character_is_caught():
    for index in range(len(KEY)):
        for character in set("0123456789abcdefghijklmnopqrstuvwxyzAZ_-é ") - {KEY[index]}:
            assert not api_keys.is_genuine(KEY[:index] + character + KEY[index + 1 :])


def test_every_transposition_is_caught():
    for index in range(len(KEY) - 1):
        first, second = KEY[index : index + 2]
        swapped = KEY[:index] + second + first + KEY[index + 2 :]
        assert first == second or not api_keys.is_genuine(swapped)


@pytest.mark.parametrize(
    "text", ["", "wfk", KEY[:-1], KEY + "0", KEY + "\n", " " + KEY, KEY.upper(), KEY.replace("_", "-"), KEY + "_" + KEY]
)
def test_what_is_no_key_is_not_parsed(text):
    assert api_keys.parse(text) is None


def test_secret_is_never_shown():
    for value in (NEW, PARSED, PresentedToken(JWT)):
        assert PARSED.secret not in repr(value)
        assert JWT not in repr(value)


def test_digest_is_an_hmac_of_id_and_secret():
    message = b"watchfire api key\x00" + f"{PARSED.id}_{PARSED.secret}".encode()
    assert api_keys.digest(PARSED, PEPPER) == hmac.new(PEPPER, message, hashlib.sha256).digest()


def test_short_pepper_is_a_bug():
    with pytest.raises(ValueError, match="pepper"):
        api_keys.digest(PARSED, b"p" * 31)


def test_key_matches_its_own_digest_only():
    kept = api_keys.digest(PARSED, PEPPER)
    assert api_keys.matches(PARSED, kept, PEPPER)
    assert not api_keys.matches(PARSED, kept, b"q" * 32)
    assert not api_keys.matches(PARSED, kept[:-1], PEPPER)
    assert not api_keys.matches(PARSED, b"", PEPPER)
    assert not api_keys.matches(PARSED, None, PEPPER)
    assert not api_keys.matches(replace(PARSED, id="0" * 16), kept, PEPPER)
    assert not api_keys.matches(replace(PARSED, secret="0" * 52), kept, PEPPER)


@pytest.mark.parametrize(
    ("headers", "presented"),
    [
        ({}, None),
        ({"authorization": ""}, None),
        ({"authorization": " \t", "x-api-key": ""}, None),
        ({"x-other": KEY}, None),
        ({"authorization": f"Bearer {KEY}"}, PARSED),
        ({"authorization": f"bearer {KEY}"}, PARSED),
        ({"authorization": f"BEARER   {KEY} "}, PARSED),
        ({"authorization": f"Bearer {JWT}"}, PresentedToken(JWT)),
        ({"authorization": f"Token {KEY}"}, PARSED),
        ({"authorization": f"token {KEY}"}, PARSED),
        ({"authorization": f"Basic {basic(f'{NEW.id}:{KEY}')}"}, PARSED),
        ({"authorization": f"basic {basic(f'{NEW.id}:{PARSED.secret}')}"}, PARSED),
        ({"authorization": KEY}, PARSED),
        ({"x-api-key": KEY}, PARSED),
        ({"x-api-key": f" {KEY}\t"}, PARSED),
        ({"authorization": f"Bearer {KEY}", "x-api-key": KEY}, PARSED),
        ({"authorization": f"Basic {basic(f'{NEW.id}:{PARSED.secret}')}", "x-api-key": KEY}, PARSED),
        ({"authorization": "", "x-api-key": KEY}, PARSED),
    ],
)
def test_every_shape_of_real_clients_is_read(headers, presented):
    found = api_keys.read_authorization(headers)
    assert found == presented
    assert found is None or found.kind == presented.kind


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer x",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY} {KEY}",
        f"Bearer {KEY},{KEY}",
        f"Bearer {KEY}, Bearer {KEY}",
        f"Bearer Bearer {KEY}",
        f"Bearer: {KEY}",
        f"Bearer\t{KEY}",
        f'Bearer "{KEY}"',
        "Bearer a.b",
        "Bearer a.b.c.d",
        "Bearer a..c",
        f"Bearer {basic(KEY)}",
        f"Token {JWT}",
        f'Token token="{KEY}"',
        JWT,
        f"Digest {KEY}",
        f"Negotiate {basic(KEY)}",
        f"AWS4 {KEY}",
        f"{KEY}\n",
        "Basic",
        "Basic !!!!",
        "Basic é",
        f"Basic !{basic(f'{NEW.id}:{KEY}')}",
        f"Basic {basic(f'{NEW.id}:{KEY}')}====",
        "Basic /zr/",
        f"Basic {basic(KEY)}",
        f"Basic {basic(f':{KEY}')}",
        f"Basic {basic(f'{KEY}:')}",
        f"Basic {basic(f'{KEY}:{KEY}')}",
        f"Basic {basic(f'admin:{KEY}')}",
        f"Basic {basic(f'{NEW.id.upper()}:{KEY}')}",
        f"Basic {basic(f'{NEW.id}:{OTHER}')}",
        f"Basic {basic(f'{NEW.id}:{KEY[:-1]}')}",
        f"Basic {basic(f'{NEW.id}:{PARSED.secret}x')}",
        f"Basic {basic(f'{NEW.id}x:{PARSED.secret}')}",
        f"Basic {basic(f'admin:{PARSED.secret}')}",
        f"Basic {basic(f'{NEW.id}:z{PARSED.secret[1:]}')}",
        f"Basic {basic(f'{NEW.id}:{JWT}')}",
        f"Bearer a.{'b' * 4700}.c",
    ],
)
def test_malformed_credential_is_refused_and_not_quoted(value):
    with pytest.raises(Unauthenticated) as refusal:
        api_keys.read_authorization({"authorization": value})
    assert refusal.value.__cause__ is None
    assert PARSED.secret not in refusal.value.detail


@pytest.mark.parametrize("value", [JWT, f"Bearer {KEY}", PARSED.secret, KEY[:-1], KEY * 60])
def test_x_api_key_holds_a_key_and_nothing_else(value):
    with pytest.raises(Unauthenticated):
        api_keys.read_authorization({"x-api-key": value})


@pytest.mark.parametrize(
    "authorization", [OTHER, f"Bearer {OTHER}", f"Bearer {JWT}", "Bearer x", f"Basic {basic(OTHER)}"]
)
def test_two_credentials_must_agree(authorization):
    with pytest.raises(Unauthenticated):
        api_keys.read_authorization({"authorization": authorization, "x-api-key": KEY})


SCHEMES = st.sampled_from(["", "Bearer ", "basic ", "Token ", "BASIC", "Digest "])
CREDENTIALS = st.text() | st.text().map(lambda text: basic(text.encode())) | st.binary().map(basic) | st.just(KEY)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["authorization", "x-api-key"]), st.tuples(SCHEMES, CREDENTIALS).map("".join)))
def test_random_headers_raise_nothing_else(headers):
    with contextlib.suppress(Unauthenticated):
        presented = api_keys.read_authorization(headers)
        assert presented is None or isinstance(presented, ParsedKey | PresentedToken)


@settings(max_examples=50, deadline=None)
@given(text=st.text(), check=st.text("0123abcz", min_size=6, max_size=6))
def test_random_text_is_never_a_key(text, check):
    assert api_keys.parse(text) is None
    lookalike = f"{KEY[:-7]}0{check}"
    assert re.fullmatch(api_keys.API_KEY_PATTERN, lookalike)
    assert api_keys.parse(lookalike) is None


@pytest.mark.parametrize(
    ("ip", "cidrs", "allowed"),
    [
        (None, [], True),
        ("192.0.2.7", [], True),
        (None, ["0.0.0.0/0"], False),
        ("", ["0.0.0.0/0"], False),
        ("testclient", ["0.0.0.0/0"], False),
        ("192.0.2.7", ["192.0.2.0/24"], True),
        ("192.0.3.7", ["192.0.2.0/24"], False),
        ("192.0.2.7", ["2001:db8::/32", "192.0.2.7/32"], True),
        ("192.0.2.7", ["::/0"], False),
        ("2001:db8::1", ["2001:db8::/32"], True),
        ("2001:db9::1", ["2001:db8::/32"], False),
        ("2001:db8::1", ["0.0.0.0/0"], False),
        ("fe80::1%eth0", ["fe80::/64"], True),
        ("::ffff:192.0.2.7", ["192.0.2.0/24"], True),
        ("::ffff:192.0.3.7", ["192.0.2.0/24"], False),
        ("::ffff:192.0.2.7", ["::/0"], False),
        ("192.0.2.07", ["192.0.2.0/24"], False),
        ("192.0.2.7:443", ["192.0.2.0/24"], False),
        ("192.0.2.7", ["192.0.2.0/24", "unreadable"], False),
    ],
)
def test_network_of_a_key(ip, cidrs, allowed):
    assert api_keys.allowed_network(ip, cidrs) is allowed


@settings(max_examples=50, deadline=None)
@given(st.none() | st.text() | st.ip_addresses().map(str), st.lists(st.text(), max_size=3))
def test_random_networks_raise_nothing(ip, cidrs):
    assert api_keys.allowed_network(ip, cidrs) in {True, False}


def test_good_networks_are_accepted():
    good = ["192.0.2.0/24", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1/128"]
    api_keys.check_cidrs(good)
    api_keys.check_cidrs([])
    api_keys.check_cidrs(good[:1] * 64)


@pytest.mark.parametrize(
    ("cidr", "detail"),
    [
        ("", "Write the network like 192.0.2.0/24 or 2001:db8::/32."),
        ("example.com", "Write the network like 192.0.2.0/24 or 2001:db8::/32."),
        ("192.0.2.0/33", "Write the network like 192.0.2.0/24 or 2001:db8::/32."),
        ("192.0.2.0/24 ", "Write the network like 192.0.2.0/24 or 2001:db8::/32."),
        ("192.0.2.7", "Write the network as 192.0.2.7/32."),
        ("192.0.2.7/24", "Write the network as 192.0.2.0/24."),
        ("192.0.2.0/255.255.255.0", "Write the network as 192.0.2.0/24."),
        ("2001:DB8::/32", "Write the network as 2001:db8::/32."),
        ("2001:db8::1/32", "Write the network as 2001:db8::/32."),
        ("::ffff:192.0.2.0/120", "Write the network as IPv4, like 192.0.2.0/24."),
        ("fe80::%eth0/64", "Write the network without a zone."),
    ],
)
def test_bad_network_is_named_with_what_to_write(cidr, detail):
    with pytest.raises(Invalid) as refusal:
        api_keys.check_cidrs(["192.0.2.0/24", cidr, "::/0"], "/networks")
    (row,) = refusal.value.errors
    assert (row.code, row.pointer, row.detail) == ("invalid_network", "/networks/1", detail)


def test_networks_are_bounded():
    with pytest.raises(Invalid, match="at most 64"):
        api_keys.check_cidrs(["192.0.2.0/24"] * 65)
