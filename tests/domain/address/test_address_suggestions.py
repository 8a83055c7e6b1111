"""What a refused text may have meant: only what a checksum confirms, and only when it is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address import chains, find_chain, parse, suggest, suggestions

BITCOIN = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
SEGWIT = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
EIP55 = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
STELLAR = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"


@pytest.mark.parametrize(
    ("text", "chain", "meant"),
    [
        (f"{BITCOIN[:-1]}A", "bitcoin", BITCOIN),  # a letter in the wrong case
        (f"{BITCOIN[:9]} {BITCOIN[9:]}", "bitcoin", BITCOIN),  # a line that was broken
        (BITCOIN.replace("1", "l"), "bitcoin", BITCOIN),  # look-alikes
        (BITCOIN.replace("o", "0").replace("P", "\u0420"), "bitcoin", BITCOIN),  # a Cyrillic letter
        ("\uff11" + BITCOIN[1:], "bitcoin", BITCOIN),  # a full-width digit
        (SEGWIT.capitalize(), "bitcoin", SEGWIT),  # a word processor's capital
        (SEGWIT.replace("0", "o"), "bitcoin", SEGWIT),
        (f"{EIP55[:-1]}D", "ethereum", EIP55),
        (EIP55[2:], "ethereum", EIP55),
        (EIP55[2:].lower(), "ethereum", EIP55),  # the one without a checksum: what is left out is known
        (STELLAR.lower(), "stellar", STELLAR),
    ],
)
def test_a_common_slip_is_suggested(text, chain, meant):
    assert suggest(text, find_chain(chain)) == meant


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        ("", "bitcoin"),
        ("x" * 300, "bitcoin"),
        (f"{BITCOIN[:-1]}b", "bitcoin"),  # another letter: nothing tells which
        (BITCOIN[:-1], "bitcoin"),  # a letter less
        (BITCOIN.lower(), "bitcoin"),  # too many letters in the wrong case
        (f"0x{'5' * 39}", "ethereum"),
        ("A" * 43, "solana"),  # no checksum could confirm it
        ("bitfinexdep1", "eos"),
        ("BITFINEXDEP1", "eos"),
    ],
)
def test_what_nothing_confirms_is_not_suggested(text, chain):
    assert suggest(text, find_chain(chain)) is None


def test_without_a_chain_any_chain_may_confirm_it():
    assert suggest(f"{BITCOIN[:-1]}A") == BITCOIN


@given(st.sampled_from(chains()), st.integers(0, 60), st.data())
def test_a_suggestion_is_an_address_with_a_checksum(chain, place, data):
    text = chain.sample
    place %= len(text)
    letter = data.draw(st.characters(min_codepoint=48, max_codepoint=122))
    meant = suggest(text[:place] + letter + text[place + 1 :], chain)
    if meant is not None and not meant.startswith("0x"):
        assert parse(chain, meant).checksum == "verified"


@pytest.mark.parametrize("text", ["0OIl" * 32, "0OIl0O", "aA" * 64, "1b" * 64, "\u0420" * 128, "0" * 128])
def test_a_text_with_countless_candidates_is_tried_a_bounded_number_of_times(monkeypatch, text):
    tried = []
    monkeypatch.setattr(suggestions, "_read", lambda candidate, _: tried.append(candidate))
    suggest(text)
    assert 0 < len(tried) <= suggestions._MOST_CANDIDATES
