"""The SDK against a real node over real HTTP."""

import asyncio
import base64

import pytest

from app.client import AsyncClient, Client, LocalSigner, ProblemError
from app.domain import checkpoint, merkle, signing
from tests.client.real import serve_real

SEED = bytes(range(32))
ALICE = "0x" + "a1" * 20


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serve_real(tmp_path_factory.mktemp("node")) as real:
        yield real


@pytest.fixture(scope="module")
def partner(node):
    """An organization that signs itself."""
    organization, key = node.add_organization("Partner", "forensics", signing.public_key(SEED))
    with Client(node.url, key) as client:
        yield client, client.signer(organization, SEED)


@pytest.fixture(scope="module")
def own(node):
    with Client(node.url, node.key) as client:
        yield client


def fields(node, address=ALICE, **more):
    return {
        "category": "sex_trafficking",
        "method": "advert",
        "confidence": 60,
        "tlp": "TLP:CLEAR",
        "audience": {"kind": "public"},
        "indicators": [{"chain": "ethereum", "address": address, "ref": "1"}],
        **more,
    }


def test_submit_read_check_and_revoke(node, own):
    made = own.submit(fields(node))
    assert (made["state"], made["indicators"], made["custody"]) == ("live", 1, "node")
    assert own.report(made["id"])["body"]["category"] == "sex_trafficking"
    assert made["id"] in [row["id"] for row in own.reports(category="sex_trafficking", limit=1)]
    answer = own.check(ALICE, chain="ethereum")
    assert (answer["status"], answer["indicators"][0]["report"]) == ("listed", made["id"])
    own.revoke(made["id"], "mistaken", [{"chain": "ethereum", "address": ALICE}])
    assert own.check(ALICE)["status"] == "revoked"


def test_the_same_submission_twice_is_one_report(node, own):
    first, second = (own.submit(fields(node, "0x" + "a2" * 20), idempotency_key="once") for _ in range(2))
    assert first["id"] == second["id"]
    with pytest.raises(ProblemError) as caught:
        own.submit(fields(node, "0x" + "a3" * 20), idempotency_key="once")
    assert caught.value.code == "idempotency_mismatch"


def test_bad_rows(node, own):
    rows = [
        {"chain": "ethereum", "address": "0x" + "a4" * 20, "ref": "good"},
        {"chain": "x", "address": "y", "ref": "bad"},
    ]
    with pytest.raises(ProblemError) as caught:
        own.submit(fields(node, indicators=rows))
    assert [error["ref"] for error in caught.value.errors] == ["bad"]
    made = own.submit(fields(node, indicators=rows), partial=True)
    assert [row["ref"] for row in made["refused"]] == ["bad"]


def test_records_signed_by_the_partner(partner, own, node):
    client, signer = partner
    made = client.submit(signer.report(fields(node, "0x" + "b1" * 20)))
    assert made["custody"] == "organization"
    report = client.report(made["id"])
    signed = signer.follow("revocation", report, {"reason": "outdated"})
    assert client.follow("revocation", made["id"], signed)["custody"] == "organization"
    assert client.report(made["id"])["state"] == "revoked"
    assert own.check("0x" + "b1" * 20)["status"] == "revoked"


def test_what_others_say_of_a_report(partner, own, node):
    client, signer = partner
    made = own.submit(fields(node, "0x" + "b2" * 20))
    report = client.report(made["id"])
    opinion = {"opinion": "disagree", "reason": "wrong_address"}
    client.follow("opinion", made["id"], signer.follow("opinion", report, opinion))
    sighting = {"chain": "ethereum", "address": "0x" + "b2" * 20, "count": 3}
    client.follow("sighting", made["id"], signer.follow("sighting", report, sighting))
    history = own.report(made["id"])["history"]
    assert (len(history["opinions"]), len(history["sightings"])) == (1, 1)
    own.erase(made["id"], "personal_data")
    assert own.report(made["id"])["state"] == "erased"


def test_a_report_among_named_organizations(partner, own, node):
    client, signer = partner
    audience = {"kind": "organizations", "organizations": [str(node.organization)]}
    made = client.submit(signer.report(fields(node, "0x" + "b3" * 20, tlp="TLP:AMBER", audience=audience)))
    assert client.report(made["id"])["audience"] == own.report(made["id"])["audience"]


def test_signing_in_with_ones_own_key(partner, node):
    client, signer = partner
    with Client(node.url) as bare:
        bare.sign_in(signer, "query")
        assert bare.organization()["name"] == "Partner"
        other = LocalSigner(signer.organization, signer.node, bytes(32))
        with pytest.raises(ProblemError) as caught:
            bare.sign_in(other)
        assert caught.value.status == 401
    assert client.token()["token_type"] == "Bearer"


def test_screening(own, node):
    own.submit(fields(node, "0x" + "c1" * 20))
    rows = [{"address": "0x" + "c1" * 20, "ref": "a"}, {"address": "no address", "chain": "bitcoin", "ref": "b"}]
    rows += [{"address": f"0x{number:040x}", "ref": str(number)} for number in range(1, 25_000)]
    results = list(own.screen(rows))
    assert [result["ref"] for result in results] == [row["ref"] for row in rows]
    assert [result["status"] for result in results[:3]] == ["listed", "invalid", "not_listed"]


def test_lists(own, node):
    assert str(node.organization) in [row["id"] for row in own.organizations(limit=1)]
    assert len(list(own.keys(node.organization))) == 1
    assert list(own.groups()) == []
    assert "bitcoin" in [row["chain_slug"] for row in own.chains()]
    assert "csam" in own.vocabulary()["categories"]
    with pytest.raises(ProblemError):
        own.report("01900000-0000-7000-8000-000000000000")


def test_the_log_can_be_verified_by_the_partner(own, node):
    made = own.submit(fields(node, "0x" + "d1" * 20))
    while (place := own.report(made["id"])["log"])["index"] is None:
        pass
    identity = own.node()
    key = base64.b64decode(identity["keys"][0]["public_key"])
    head = checkpoint.parse_checkpoint(own.checkpoint(place["id"]).encode(), identity["id"], key)
    proof = own.proof(place["id"], index=place["index"], size=head.size)
    leaf = bytes.fromhex(own.report(made["id"])["leaf_hash"])
    hashes = [base64.b64decode(item) for item in proof["hashes"]]
    merkle.verify_inclusion(leaf, place["index"], head.size, hashes, head.root)
    assert place["id"] in [log["id"] for log in own.logs()]
    assert own.entries(place["id"], place["index"], 1)["entries"]
    assert own.proof(place["id"], start=1, size=head.size)["size"] == head.size


def test_the_asynchronous_client(node):
    async def story():
        async with AsyncClient(node.url, node.key) as client:
            made = await client.submit(fields(node, "0x" + "e1" * 20))
            answers = await asyncio.gather(*(client.check("0x" + "e1" * 20) for _ in range(20)))
            assert {answer["status"] for answer in answers} == {"listed"}
            assert made["id"] in [row["id"] async for row in client.reports(limit=2)]
            rows = [row async for row in client.screen(["0x" + "e1" * 20] * 10_001)]
            assert len(rows) == 10_001
            assert "wf" in await client.checkpoint((await anext(client.logs()))["id"])

    asyncio.run(story())
