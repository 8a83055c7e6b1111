"""Every chain and asset that the node names: asked about, screened and reported; and what people paste around them."""

import pytest

from tests.api.conftest import BITCOIN, claim

ACCOUNT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


async def every(client, name):
    """Walk a list of the vocabulary to its end."""
    rows, cursor = [], None
    while True:
        params = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"/v1/{name}", params=params)).json()
        rows += page[name]
        cursor = page["next"]
        if cursor is None:
            assert page["total"] == len(rows)
            return rows


async def screened(client, rows):
    answers = []
    for start in range(0, len(rows), 5_000):
        body = {"addresses": rows[start : start + 5_000]}
        answers += (await client.post("/v1/screenings", json=body)).json()["results"]
    return answers


async def test_every_chain_and_asset_is_reported_looked_up_and_screened(lite):
    a = await lite.partner("A")
    chains, assets = await every(a.api, "chains"), await every(a.api, "assets")
    assert len(chains) >= 390
    assert len(assets) >= 1_400
    samples = {chain["chain"]: chain["sample"] for chain in chains}
    rows = [{"chain": chain["chain"], "address": chain["sample"]} for chain in chains]
    made = await a.submit(indicators=rows)
    assert made["indicators"] == len(chains)
    by_chain = await screened(a.api, rows)
    by_asset = await screened(a.api, [{"chain": it["asset"], "address": samples[it["chain"]]} for it in assets])
    assert {row["status"] for row in (*by_chain, *by_asset)} == {"listed"}
    assert [row["chain"] for row in by_asset] == [asset["chain"] for asset in assets]
    for chain in chains[:: len(chains) // 40]:
        found = await a.look_up(chain["sample"], chain=chain["chain_slug"])
        assert found["status"] == "listed"
        assert found["readings"][0]["checksum"] == chain["checksum"]


async def test_chains_and_assets_are_searched(lite):
    a = await lite.partner("A")
    found = (await a.api.get("/v1/chains", params={"q": "tron"})).json()
    assert found["chains"][0]["chain_slug"] == "tron"
    assert found["total"] == len(found["chains"]) < 20
    usdt = (await a.api.get("/v1/assets", params={"q": "USDT", "chain": "tron"})).json()
    assert (usdt["assets"][0]["symbol"], {row["chain_slug"] for row in usdt["assets"]}) == ("USDT", {"tron"})
    nothing = (await a.api.get("/v1/assets", params={"q": "no such asset"})).json()
    assert (nothing["assets"], nothing["total"], nothing["next"]) == ([], 0, None)
    assert (await a.api.get("/v1/assets", params={"chain": "nowhere"})).status_code == 422


@pytest.mark.parametrize(
    ("text", "chain", "cleaned"),
    [
        (f"bitcoin%3A{BITCOIN}%3Famount%3D1%26label%3Dx", None, ["uri"]),
        (f"https%3A%2F%2Fmempool.space%2Faddress%2F{BITCOIN}", "bitcoin", ["link"]),
        (f"bip122:000000000019d6689c085ae165831e93:{BITCOIN}", None, ["caip10"]),
        (f"%20%E2%80%8B{BITCOIN}%20", None, ["invisible", "blanks"]),
    ],
)
async def test_what_is_pasted_is_answered_and_what_was_left_out_is_said(lite, text, chain, cleaned):
    a = await lite.partner("A")
    await a.submit(BITCOIN, chain="bitcoin")
    found = await a.look_up(text, **({"chain": chain} if chain else {}))
    assert (found["status"], found["cleaned"]) == ("listed", cleaned)


async def test_a_submission_says_which_rows_were_cleaned(lite):
    a = await lite.partner("A")
    link = f"https://etherscan.io/address/{ACCOUNT}"
    rows = [
        {"chain": "ethereum", "address": ACCOUNT},
        {"chain": "ethereum", "address": link, "ref": "row 2"},
        {"chain": "bitcoin", "address": f'"{BITCOIN}"'},
        {"chain": "bitcoin", "address": f"{BITCOIN[:-1]}A", "ref": "row 4"},
    ]
    headers = {"Idempotency-Key": "k"}
    body = claim(indicators=rows)
    first = await a.api.post("/v1/reports", json=body, params={"partial": True}, headers=headers)
    again = await a.api.post("/v1/reports", json=body, params={"partial": True}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    for made in (first.json(), again.json()):
        assert made["cleaned"] == [
            {"pointer": "/indicators/1/address", "ref": "row 2", "changes": ["link"]},
            {"pointer": "/indicators/2/address", "ref": None, "changes": ["quotes"]},
        ]
        (refused,) = made["refused"]
        assert (refused["ref"], refused["code"], refused["suggestion"]) == ("row 4", "bad_checksum", BITCOIN)
        assert refused["detail"].endswith(f"Did you mean {BITCOIN}?")


async def test_a_suggestion_is_never_applied(lite):
    a = await lite.partner("A")
    await a.submit(BITCOIN, chain="bitcoin")
    found = await a.look_up(f"{BITCOIN[:-1]}A", chain="bitcoin")
    assert (found["status"], found["indicators"], found["readings"]) == ("invalid", [], [])
    assert found["error"]["suggestion"] == BITCOIN
    (row,) = await screened(a.api, [{"chain": "bitcoin", "address": f"{BITCOIN[:-1]}A"}])
    assert (row["status"], row["error"]["suggestion"]) == ("invalid", BITCOIN)


@pytest.mark.parametrize(
    ("reported", "asked", "said"),
    [
        (("polygon", ACCOUNT), ("ethereum", ACCOUNT), "reported it on Polygon PoS, not on Ethereum: an account is the"),
        (
            ("osmosis", "osmo1w508d6qejxtdg4y5r3zarvary0c5xw7kjxy2e2"),
            ("cosmos", "cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c"),
            "reported it on Osmosis, as osmo1w508d6qejxtdg4y5r3zarvary0c5xw7kjxy2e2: the same key as was asked about",
        ),
    ],
)
async def test_one_key_on_two_chains_is_found_and_the_answer_says_where(lite, reported, asked, said):
    a = await lite.partner("A")
    await a.submit(reported[1], chain=reported[0])
    found = await a.look_up(asked[1], chain=asked[0])
    assert found["status"] == "listed"
    assert [row["same_chain"] for row in found["indicators"]] == [False]
    assert any(said in line for line in found["because"])
    (row,) = await screened(a.api, [{"chain": asked[0], "address": asked[1]}])
    assert row["status"] == "listed"


async def test_a_public_key_finds_what_was_reported_of_its_accounts(lite):
    a = await lite.partner("A")
    await a.submit("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", chain="bitcoin")
    await a.submit("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", chain="ethereum")
    found = await a.look_up("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    assert {row["chain"].partition(":")[0] for row in found["indicators"]} == {"bip122", "eip155"}
    assert "The secp256k1 public key has this p2wpkh of Bitcoin." in [row["why"] for row in found["readings"]]
