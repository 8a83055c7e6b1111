import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidRecord
from app.domain.privacy import check_text
from tests import make
from tests.strategies import quick

PHONES = [
    "+1 (212) 555-0123",  # United States
    "212.555.0123",
    "+44 20 7946 0958",  # United Kingdom
    "(020) 7946 0958",
    "07700 900123",
    "030 / 12 34 56 78",  # Germany
    "0171-2345678",
    "+49 (0)171 2345678",
    "06 12 34 56 78",  # France
    "+33612345678",
    "+39 06 6982 1234",  # Italy
    "612 34 56 78",  # Spain
    "+351 912 345 678",  # Portugal
    "+31 6-12345678",  # the Netherlands
    "070-123 45 67",  # Sweden
    "601 234 567",  # Poland
    "+40 721 234 567",  # Romania
    "8 (912) 345-67-89",  # Russia
    "+380 67 123-45-67",  # Ukraine
    "0 532 123 45 67",  # Turkey
    "+971 50 123 4567",  # United Arab Emirates
    "098765 43210",  # India
    "081-234-5678",  # Thailand
    "138 0013 8000",  # China
    "03-1234-5678",  # Japan
    "9123 4567",  # Hong Kong
    "+63 917 123 4567",  # the Philippines
    "0803 123 4567",  # Nigeria
    "(11) 91234-5678",  # Brazil
    "0412 345 678",  # Australia
    "0044 20 7946 0958",
]
DISGUISED = [
    "call 0171 2345678 / 0172 3456789",
    "0171 2345678 0172 3456789 0173 4567890",
    "0171\n2345678",
    "0171\u20132345678",  # en dash
    "0171\u20112345678",  # a hyphen that does not break
    "0171\u00a02345678",
    "0171\u202f234\u202f5678",
    "01\u200b71 23\u200b45678",  # nothing is seen between
    "01\u00ad712345678",
    "0171\u00b7234\u00b75678",
    "\uff10\uff11\uff17\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
    "\u0660\u0661\u0667\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
    "\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468",
    "1\ufe0f\u20e32\ufe0f\u20e33\ufe0f\u20e34\ufe0f\u20e35\ufe0f\u20e36\ufe0f\u20e37\ufe0f\u20e38\ufe0f\u20e3",
    "\u2121 0171 2345678",  # TEL as one symbol
    "\u21210171 2345678",
    "\U0001f4de01712345678",
    "030-1234-56-78",
    "2026-05-01 0171 2345678",
    "+49.1712345678",
]
EMAILS = [
    "jane@example.org",
    "mail jane.doe+x@mail.example.co.uk, please",
    "<jane@example.org>",
    "\u043f\u0440\u0438\u043c\u0435\u0440@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",
    "jane\uff20example.org",
    "jane@exam\u200bple.org",
    "jane\u200b@example.org",
    "jane@example\uff0eorg",
]
CARDS = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "5500 0000 0000 0004 12/27",
    "4111 1111 1111 1111 123",
    "card 3782 822463 10005.",
    "4222222222222",
]
HARMLESS = [
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "bc1qekd9x3jgqgt3c0ladxaem0gffwnkurl5hev5ls",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x52908400098527886E0F7030069857D2E4169EE7 and 0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "tx 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
    "0197c0de-1234-7123-8000-000000000001",
    "see 01234567-1234-7123-8123-123456789012.",
    "2026-05-01",
    "from 2026-05-01 to 2026-06-30",
    "2026-05-01/2026-06-30",
    "paid 500 2026-05-01",
    "2026-05-01 \u2013 2026-06-30",
    "2026-05-01T14:30:00.000000Z",
    "2026-05-01 14:30",
    "on 01.05.2026 and 5/1/2026 and 01-05-2026",
    "2026/05/01, 2026.05.01",
    "0.12345678 BTC",
    "0,12345678 BTC",
    "paid 1.23456789 ETH.",
    "12,500,000.00 USD",
    "1'250'000 CHF",
    "250000 USDT",
    "1843907 addresses",
    "1000000000000000000000 wei",
    "OP-2026-17",
    "OP-2026-0017",
    "case 1:24-cr-00123",
    "Az-2026-12345 of 2026-05-01",
    "block 840000",
    "at 50 % (2 of 4), 24/7, 3.5 of 10",
    "@handle and a@b",
    "price 5@10.00",
    "\u4eba\u8eab\u53d6\u5f15, \u0442\u043e\u0440\u0433\u043e\u0432\u043b\u044f",
    "",
]
WRONGLY_REFUSED = ["12500000 USD", "block 21000000", "1777593600", "192.168.100.200", "10 20 30 40", "2026-0017"]
UNSEEN = ["tel01712345678", "zero one seven one two three", "171.2345678", "555 0123", "jane at example dot org"]


def refusal_of(text):
    with pytest.raises(InvalidRecord) as refused:
        check_text(text, "/summary")
    assert refused.value.detail.startswith("/summary holds ")
    return refused.value.detail


@pytest.mark.parametrize("text", PHONES + DISGUISED)
def test_phone_numbers_are_seen(text):
    for around in ("{}", "call {}", "({})", "tel:{}.", "{}\n"):
        assert "phone number" in refusal_of(around.format(text))


@pytest.mark.parametrize("text", EMAILS)
def test_mail_addresses_are_seen(text):
    assert "e-mail address" in refusal_of(f"she wrote from {text}")


@pytest.mark.parametrize("text", CARDS)
def test_card_numbers_are_seen(text):
    assert "card number" in refusal_of(text)
    assert "card number" in refusal_of(f"paid with {text} in May")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_a_summary_speaks_of_is_let_through(text):
    check_text(text, "/summary")
    check_text(f"Seen: {text}", "/summary")


@pytest.mark.parametrize("number", range(26))
def test_addresses_of_each_chain_are_let_through(number):
    check_text(f"paid to {make.address(number)[1]} twice", "/summary")


@pytest.mark.parametrize("text", WRONGLY_REFUSED)
def test_what_it_may_wrongly_refuse(text):
    refusal_of(text)


@pytest.mark.parametrize("text", UNSEEN)
def test_what_it_does_not_see(text):
    check_text(text, "/summary")


@quick
@given(st.text(max_size=100))
def test_any_text_is_judged(text):
    try:
        check_text(text, "/summary")
    except InvalidRecord as refused:
        message = refused.detail
        assert "take it out" in message


@quick
@given(st.lists(st.integers(0, 999), min_size=4, max_size=20), st.sampled_from([" ", "-", "/", ".", " - ", "  ", ")("]))
def test_a_number_is_seen_however_it_is_grouped(groups, gap):
    refusal_of("call +" + gap.join(f"{group:03}" for group in groups))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000,
        "a@" * 500,
        "a@" + "a." * 499,
        "a" * 499 + "@" + "b" * 500,
        "@" * 1_000,
        "a@" + "." * 998,
        "1 " * 500,
        "1-" * 499 + "a",
        "1" * 1_000,
        "(" * 1_000,
        "(1" * 500,
        "+0" * 500,
        "1" + " " * 998 + "a",
        "0." * 500,
        "2026-05-01" * 100,
        "1.1.2026-" * 110,
        "A-2026-" * 140,
        "1234-" * 200,
        "\ufdfa" * 1_000,  # one character that stands for eighteen
        "\u3300" * 1_000,
        "\u00bd" * 1_000,
    ],
    ids=lambda text: repr(text[:10]),
)
def test_no_text_takes_long(text):
    start = time.perf_counter()
    try:
        check_text(text, "/summary")
    except InvalidRecord:
        pass
    finally:
        taken = time.perf_counter() - start
    assert taken < 0.25, f"{taken:.3f} s; a few milliseconds is the rule"
