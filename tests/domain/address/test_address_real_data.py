"""Published addresses: every line of the shared data for the families that are read, and each refused one by name."""

import csv

import pytest

from app.domain.address import find_chain, parse, readings
from app.domain.errors import InvalidAddress
from tests.domain.address.vectors import SHARED, needs_shared

pytestmark = needs_shared

# lines of each file
FILES = {
    "arbitrum": 1,
    "bitcoin": 299_806,
    "bitcoin-cash": 10,
    "bitcoin-gold": 1,
    "bitcoin-sv": 1,
    "bnb-smart-chain": 10,
    "callisto": 2,
    "dash": 4,
    "digibyte": 1,
    "dogecoin": 5,
    "ethereum": 11_626,
    "ethereum-classic": 1,
    "fantom": 1,
    "kcc": 2,
    "litecoin": 39,
    "monero": 27,
    "omni-bitcoin": 7,
    "polygon": 3,
    "rootstock": 2,
    "solana": 12,
    "songbird": 1,
    "theta": 1,
    "tron": 66,
    "vechain": 2,
    "verge": 2,
    "xdc": 1,
    "xrp": 2,
    "zcash": 6,
}
REFUSED = {
    ("bitcoin", "14bwh6gmvol5ntwbvxqjkjdtzv4y5ebtvm"): "bad_character",  # put in small letters by its publisher
    ("bitcoin", "1MFgcyJ7ZNSknbTBRaih6zWDE6V1A64tRYs"): "bad_length",
    ("bitcoin", "1MJzarWdCR8dXGt6vpK62f7MxcWYcVynM"): "bad_checksum",
    ("bitcoin", "1MK4uue11JnVxjUQhq19KNSpAuyaFqBwM"): "bad_checksum",
    ("bitcoin", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"): "not_on_chain",
    ("ethereum", "0xf299f6B031Cc4dd1BfcB86A5e5590f99336a29c6"): "bad_checksum",
    ("monero", "49HqitRzdnhYjgTEAhgGpCfsjdTeMbUTU6cyR4JV1R7k2Eej9rGT8JpFiYDa4tZM6RZ"): "bad_length",
    ("monero", "884Bz8UH63aYsjVdkfWfScRYWZGGNbjFL7pztqvWNSrtYT4reFSwyvkCj9KEGUtheHh"): "bad_length",
    ("omni-bitcoin", "1UJSCYLh44UYhkm1WwXAwT2W8nirTD74VzPsdhfsstY8S3u"): "bad_length",
    ("tron", "T6MXHXMGXURKJ7AD5NCB4IYPLWX"): "bad_character",
}
ALSO_REFUSED = {
    ("bitcoin", "3daa7ab7451f4215c9fe53c6c739e8e534"): "bad_checksum",
    ("ethereum", "0xA0DF9CA52e8aB5DDE22C55D9B3C2CDF814B9B773"): "bad_checksum",
    ("monero", "5be5543ff73456ab9f2d207887e2af87322c651ea1a873c5b25b7ffae456c320"): "bad_character",
}
OTHER_FAMILIES = {"avalanche", "oasis"}  # of the files of broken and dirty lines
MISFILED = {
    ("BTC", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"): "not_on_chain",
    ("BSV", "bitcoincash:qpnrayau0ax6qcwlxhdzp8kze5gfjwlznygdmdpwjv"): "not_on_chain",
}
TOKENS_AND_PROSE = {"Blockstream", "Planets", "USDT", "USDC", "XNS"}  # stated currencies that name no chain
VECTOR_CHAINS = {
    "bitcoin",
    "bitcoin-cash",
    "bitcoin-testnet",
    "dash",
    "digibyte",
    "dogecoin",
    "ecash",
    "ethereum",
    "litecoin",
    "monero",
    "solana",
    "tron",
    "verge",
    "xrp",
    "zcash",
}
UNSUPPORTED = {"zec sapling zs", "zec unified u1", "zec tex"}
RESERVED_BYTES = "X76UnYEMbQfEs3mUqgtjp4zFy9exgSybYUh1taorDmyP7YL"


def rows(name):
    with (SHARED / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def reason_of(chain, text):
    with pytest.raises(InvalidAddress) as refused:
        parse(chain, text)
    return refused.value.reason


def check_same_identity(chain, text):
    address = parse(chain, text)
    if address.canonical != text:
        assert parse(chain, address.canonical).key == address.key
    return address


@pytest.mark.parametrize("slug", FILES)
def test_every_published_line_is_read_or_refused_for_its_reason(slug):
    chain, refused = find_chain(slug), {}
    lines = (SHARED / f"{slug}.txt").read_text(encoding="utf-8").split("\n")[:-1]
    for line in lines:
        try:
            check_same_identity(chain, line)
        except InvalidAddress as refusal:
            refused[slug, line] = refusal.reason
    assert len(lines) == FILES[slug]
    assert refused == {key: reason for key, reason in REFUSED.items() if key[0] == slug}


def test_every_line_that_was_set_aside_is_refused_for_its_reason():
    expected = REFUSED | ALSO_REFUSED
    ours = [row for row in rows("rejected_by_checksum_or_shape.tsv") if row["chain"] not in OTHER_FAMILIES]
    found = {(row["chain"], row["address"]): reason_of(find_chain(row["chain"]), row["address"]) for row in ours}
    assert found == {key: expected[key] for key in found}
    assert found.keys() >= ALSO_REFUSED.keys()


def test_every_misfiled_line_is_refused_for_its_reason():
    ours = [row for row in rows("dirty_input.tsv") if row["stated_currency"] not in TOKENS_AND_PROSE]
    found = {
        (row["stated_currency"], row["raw"]): reason_of(find_chain(row["stated_currency"]), row["raw"]) for row in ours
    }
    assert found == MISFILED


def test_every_vector_of_each_format_is_read_and_among_its_readings():
    checked = set()
    for row in rows("valid_by_format.tsv"):
        if row["chain"] not in VECTOR_CHAINS:
            continue
        chain, text = find_chain(row["chain"]), row["address"]
        if row["format"] in UNSUPPORTED:
            assert reason_of(chain, text) == "unsupported"
        elif text == RESERVED_BYTES:
            assert reason_of(chain, text) == "bad_padding"
        else:
            address = check_same_identity(chain, text)
            assert address in [found for _, found in readings(text)], text
            checked.add(row["chain"])
    assert checked == VECTOR_CHAINS


def test_every_sample_account_of_these_families_is_read():
    evm = [row for row in rows("walletcore_registry_sample_accounts.tsv") if row["family"] in ("Ethereum", "Vechain")]
    for row in evm:
        chain = find_chain(row["id"])
        assert check_same_identity(chain, row["address"]).family == "evm"
        if row["family"] == "Ethereum":
            assert chain.caip2 == f"eip155:{row['chainId']}"
    assert len(evm) == 26


@pytest.mark.parametrize("slug", ["verge", "solana"])
def test_every_other_sample_account_is_read(slug):
    (row,) = [row for row in rows("walletcore_registry_sample_accounts.tsv") if row["id"] == slug]
    assert check_same_identity(find_chain(slug), row["address"]).family == slug
