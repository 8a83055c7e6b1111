"""Published addresses: every line of the shared data is read, or refused for its reason, each of those by name."""

import csv

import pytest

from app.domain.address import explain_unknown, find_chain, parse, readings, suggest
from app.domain.errors import InvalidAddress
from tests.domain.address.vectors import SHARED, needs_shared

pytestmark = needs_shared

LINES = 312_302 - 15 - 15 - 497 - 66  # of all files of addresses together, without the four tables
OMNI = "1UJSCYLh44UYhkm1WwXAwT2W8nirTD74VzPsdhfsstY8S3u"  # published as Omni's; it is a whole address of Polkadot
REFUSED = {
    ("avalanche", "X-avax1ju2khnvkex4u30rt5jm5x8jd3jdfhvawg7ed9x"): "not_on_chain",  # the X-Chain is another chain
    ("bitcoin", "14bwh6gmvol5ntwbvxqjkjdtzv4y5ebtvm"): "bad_character",  # put in small letters by its publisher
    ("bitcoin", "1MFgcyJ7ZNSknbTBRaih6zWDE6V1A64tRYs"): "bad_length",
    ("bitcoin", "1MJzarWdCR8dXGt6vpK62f7MxcWYcVynM"): "bad_checksum",
    ("bitcoin", "1MK4uue11JnVxjUQhq19KNSpAuyaFqBwM"): "bad_checksum",
    ("bitcoin", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"): "not_on_chain",
    ("ethereum", "0xf299f6B031Cc4dd1BfcB86A5e5590f99336a29c6"): "bad_checksum",
    ("monero", "49HqitRzdnhYjgTEAhgGpCfsjdTeMbUTU6cyR4JV1R7k2Eej9rGT8JpFiYDa4tZM6RZ"): "bad_length",
    ("monero", "884Bz8UH63aYsjVdkfWfScRYWZGGNbjFL7pztqvWNSrtYT4reFSwyvkCj9KEGUtheHh"): "bad_length",
    ("multiversx", "Erd1a56dkgcpwwx6grmcvw9w5vpf9zeq53w3w7n6dmxcpxjry3l7uh2s3h9dtr"): "mixed_case",
    ("oasis", "Oasis1qptlwu8arx7l8x0427f0xxke3swd27ctygukv0h5"): "mixed_case",
    ("omni-bitcoin", OMNI): "not_on_chain",
    ("terra", "Terra1t0an4m6t47rp3mj57rdfzw6dpd3lw8erxjppgw"): "mixed_case",
    ("tron", "T6MXHXMGXURKJ7AD5NCB4IYPLWX"): "bad_character",
}
ALSO_REFUSED = {
    ("bitcoin", "3daa7ab7451f4215c9fe53c6c739e8e534"): "bad_checksum",
    ("ethereum", "0xA0DF9CA52e8aB5DDE22C55D9B3C2CDF814B9B773"): "bad_checksum",
    ("monero", "5be5543ff73456ab9f2d207887e2af87322c651ea1a873c5b25b7ffae456c320"): "bad_character",
}
SUGGESTED = {
    ("ethereum", "0xf299f6B031Cc4dd1BfcB86A5e5590f99336a29c6"): "0xf299f6B031Cc4dd1BfcB86A5e5590f99336a29C6",
    ("ethereum", "0xA0DF9CA52e8aB5DDE22C55D9B3C2CDF814B9B773"): "0xA0DF9CA52e8aB5DDe22C55D9B3C2CDF814B9B773",
    ("multiversx", "Erd1a56dkgcpwwx6grmcvw9w5vpf9zeq53w3w7n6dmxcpxjry3l7uh2s3h9dtr"): (
        "erd1a56dkgcpwwx6grmcvw9w5vpf9zeq53w3w7n6dmxcpxjry3l7uh2s3h9dtr"
    ),
    ("oasis", "Oasis1qptlwu8arx7l8x0427f0xxke3swd27ctygukv0h5"): "oasis1qptlwu8arx7l8x0427f0xxke3swd27ctygukv0h5",
    ("terra", "Terra1t0an4m6t47rp3mj57rdfzw6dpd3lw8erxjppgw"): "terra1t0an4m6t47rp3mj57rdfzw6dpd3lw8erxjppgw",
}
MISFILED = {
    ("BTC", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"): "not_on_chain",
    ("BSV", "bitcoincash:qpnrayau0ax6qcwlxhdzp8kze5gfjwlznygdmdpwjv"): "not_on_chain",
}
# Stated currencies that name no chain: what the partner is told about each.
NO_CHAINS = {
    "Blockstream": "is not known",
    "Planets": "is not known",
    "XNS": "is not known",
    "USDT": "is a token of",
    "USDC": "is a token of",
}
# Of the vectors: an X-address whose reserved bytes are not zero, and an invoice, which expires and names its payee.
NOT_TAKEN = {"X76UnYEMbQfEs3mUqgtjp4zFy9exgSybYUh1taorDmyP7YL": "bad_padding", "ln invoice": "too_long"}


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


def test_every_published_line_is_read_or_refused_for_its_reason():
    refused, read = {}, 0
    for file in sorted(SHARED.glob("*.txt")):
        chain = find_chain(file.stem)
        for line in file.read_text(encoding="utf-8").split("\n")[:-1]:
            read += 1
            try:
                check_same_identity(chain, line)
            except InvalidAddress as refusal:
                refused[file.stem, line] = refusal.reason
    assert refused == REFUSED
    assert read == LINES


def test_every_line_that_was_set_aside_is_refused_for_its_reason():
    expected = REFUSED | ALSO_REFUSED
    ours = rows("rejected_by_checksum_or_shape.tsv")
    found = {(row["chain"], row["address"]): reason_of(find_chain(row["chain"]), row["address"]) for row in ours}
    assert found == {key: expected[key] for key in found}
    assert found.keys() >= ALSO_REFUSED.keys()


def test_only_what_a_checksum_confirms_is_suggested():
    for slug, text in REFUSED | ALSO_REFUSED:
        assert suggest(text, find_chain(slug)) == SUGGESTED.get((slug, text))


def test_every_misfiled_line_is_refused_for_its_reason():
    known = [row for row in rows("dirty_input.tsv") if row["stated_currency"] not in NO_CHAINS]
    found = {
        (row["stated_currency"], row["raw"]): reason_of(find_chain(row["stated_currency"]), row["raw"]) for row in known
    }
    assert found == MISFILED
    for row in rows("dirty_input.tsv"):
        if row["stated_currency"] in NO_CHAINS:
            assert find_chain(row["stated_currency"]) is None
            assert explain_unknown(row["stated_currency"]).startswith(NO_CHAINS[row["stated_currency"]])


def test_every_vector_of_each_format_is_read_and_among_its_readings():
    vectors = rows("valid_by_format.tsv")
    for row in vectors:
        chain, text = find_chain(row["chain"]), row["address"]
        expected = NOT_TAKEN.get(text) or NOT_TAKEN.get(row["format"])
        if expected:
            assert reason_of(chain, text) == expected
            continue
        address = check_same_identity(chain, text)
        found = [reading.address for reading in readings(text)]
        assert address in found or address.kind == "name", text
    assert len(vectors) == 496


def test_every_sample_account_is_read():
    accounts = rows("walletcore_registry_sample_accounts.tsv")
    for row in accounts:
        chain = find_chain(row["id"])
        address = check_same_identity(chain, row["address"])
        if row["family"] in {"Ethereum", "Vechain"}:
            assert address.family == "evm"
        if row["family"] == "Ethereum":
            assert chain.caip2 == f"eip155:{row['chainId']}"
        if row["family"] == "Cosmos":
            assert chain.caip2 in {f"cosmos:{row['chainId']}", find_chain(f"cosmos:{row['chainId']}").caip2}
    assert len(accounts) == 65
