"""What people paste: what is taken off around an address, and what is refused because it is not clear."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address import find_chain, interpret, parse
from app.domain.address.cleaning import LONGEST_WRAPPING
from app.domain.errors import InvalidAddress
from tests.domain.address import vectors

BITCOIN = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
ACCOUNT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
TRON = "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"
CASH = "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
XRP = "rPEPPER7kfTD9w2To4CQk6UCfuHM9c6GDY"
STELLAR = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"


def reason_of(text, chain=None):
    with pytest.raises(InvalidAddress) as refused:
        interpret(text, chain and find_chain(chain))
    assert refused.value.detail.endswith((".", "?"))
    return refused.value.reason


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (BITCOIN, ()),
        (f" {BITCOIN}\t\r\n", ("blanks",)),
        (f"\u00a0{BITCOIN}\u3000", ("blanks",)),
        (f"{BITCOIN[:9]}\u200b{BITCOIN[9:]}", ("invisible",)),
        (f"\ufeff{BITCOIN}\u200e ", ("invisible", "blanks")),
        (f'"{BITCOIN}"', ("quotes",)),
        (f"'{BITCOIN}',", ("quotes",)),
        (f"\u201c {BITCOIN} \u201d", ("quotes",)),
        (f"**`{BITCOIN}`**", ("quotes",)),
        (f"({BITCOIN}).", ("quotes",)),
        (f"bitcoin:{BITCOIN}", ("uri",)),
        (f"BITCOIN:{BITCOIN}?amount=20.3&label=Luke", ("uri",)),
        (f"bitcoin://{BITCOIN}", ("uri",)),
        (f"btc:{BITCOIN}", ("uri",)),
        (f"bip122:000000000019d6689c085ae165831e93:{BITCOIN}", ("caip10",)),
        (f"https://mempool.space/address/{BITCOIN}", ("link",)),
        (f"<https://www.blockchain.com/explorer/addresses/btc/{BITCOIN}>", ("quotes", "link")),
        (f"blockchair.com/bitcoin/address/{BITCOIN}?from=1#x", ("link",)),
        (f"https://an-explorer-of-nobody.example/whatever/{BITCOIN}/", ("link",)),
    ],
)
def test_what_surrounds_an_address_is_left_out_and_said(text, changes):
    (reading,), cleaned = interpret(text, find_chain("bitcoin"))
    assert (reading.chain.slug, reading.address.canonical, cleaned) == ("bitcoin", BITCOIN, changes)
    readings, _ = interpret(text)
    assert readings[0].address.canonical == BITCOIN


@pytest.mark.parametrize(
    ("text", "chain", "slug", "tag"),
    [
        (f"ethereum:{ACCOUNT}@137", None, "polygon", None),
        (f"ethereum:pay-{ACCOUNT}?value=1", None, "evm", None),
        (f"ethereum:{ACCOUNT}", "polygon", "polygon", None),
        (f"ethereum:{ACCOUNT}@137", "evm", "polygon", None),
        (f"eip155:56:{ACCOUNT}", None, "bnb-smart-chain", None),
        (f"https://etherscan.io/address/{ACCOUNT}#tokentxns", None, "ethereum", None),
        (f"https://bscscan.com/address/{ACCOUNT}", "bsc", "bnb-smart-chain", None),
        (f"https://tronscan.org/#/address/{TRON}", None, "tron", None),
        (f"{CASH}?amount=1", None, "bitcoin-cash", None),
        (f"xrpl:{XRP}?dt=104398", None, "xrp", "104398"),
        (f"web+stellar:pay?destination={STELLAR}&amount=1&memo=77", None, "stellar", "77"),
    ],
)
def test_a_uri_or_link_names_its_chain(text, chain, slug, tag):
    (reading,), _ = interpret(text, chain and find_chain(chain))
    assert (reading.chain.slug, reading.address.tag) == (slug, tag)


@pytest.mark.parametrize(
    ("text", "chain", "reason"),
    [
        ("", None, "empty"),
        (' "" ', None, "empty"),
        ("\u200b", "bitcoin", "empty"),
        ("x" * 257, None, "too_long"),
        ("x" * (LONGEST_WRAPPING + 1), "bitcoin", "too_long"),
        (f"{BITCOIN} {BITCOIN}", "bitcoin", "whitespace"),
        (f"{BITCOIN[:9]} {BITCOIN[9:]}", "bitcoin", "whitespace"),
        (f"{BITCOIN[:-1]}b", None, "bad_checksum"),
        ("not an address", None, "unreadable"),
        (f"ethereum:{ACCOUNT}@137", "ethereum", "not_on_chain"),
        (f"https://etherscan.io/address/{ACCOUNT}", "polygon", "not_on_chain"),
        (f"bitcoin:{BITCOIN}", "litecoin", "not_on_chain"),
        (f"bitcoin:{TRON}", None, "not_on_chain"),
        (f"ethereum:{ACCOUNT}@1/transfer?address={OTHER}&uint256=1", "ethereum", "ambiguous"),
        (f"https://etherscan.io/token/{ACCOUNT}?a={OTHER}", "ethereum", "ambiguous"),
        ("https://etherscan.io/tx/0x" + "ab" * 32, "ethereum", "ambiguous"),
        (f"https://mempool.space/address/{BITCOIN[:-1]}b", "bitcoin", "bad_checksum"),
        ("https://mempool.space/", "bitcoin", "bad_character"),
        ("https://[/address/x", "bitcoin", "bad_character"),
        (f"xrpl:{XRP}?dt=a%20name", "xrp", "ambiguous"),
        ("xrpl:X7AcgcsBL6XDcUb289X4mJ8djcdyKaLFuhLRuNXPrDeJd9A?dt=5", "xrp", "ambiguous"),
    ],
)
def test_what_is_not_clear_is_refused_with_its_reason(text, chain, reason):
    assert reason_of(text, chain) == reason


@given(
    st.text(st.characters(exclude_categories=()), max_size=80), st.sampled_from([None, "bitcoin", "ethereum", "near"])
)
def test_whatever_is_pasted_is_read_or_refused(text, slug):
    chain = slug and find_chain(slug)
    readings = ()
    with suppress(InvalidAddress):
        readings, _ = interpret(text, chain, keys=True)
    for reading in readings:
        assert parse(reading.chain, reading.address.canonical).key == reading.address.key


@given(
    sample=st.sampled_from(vectors.SAMPLES),
    before=st.text(" \t\n\u00a0\u200b\ufeff\"'`<([{", max_size=4),
    after=st.text(" \t\n\u00a0\u200b\ufeff\"'`>)]},;.", max_size=4),
)
def test_cleaning_never_changes_the_address(sample, before, after):
    chain = find_chain(sample[0])
    plain = parse(chain, sample[1])
    (reading,), cleaned = interpret(f"{before}{sample[1]}{after}", chain)
    assert reading.address == plain
    assert bool(cleaned) == bool(before + after)
