"""Records signed at the partner are what the domain accepts, and nothing secret is shown."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.client import LocalSigner, new_mark, read_seed
from app.client.signer import default_pap
from app.client.tokens import make_assertion, token_form
from app.domain import record, signing
from app.domain.errors import AboveCeiling, ContradictoryMarking, Invalid, InvalidRecord
from app.domain.ids import derived_id
from app.services.tokens import verify_assertion
from tests import make

SEED = bytes(range(32))
ORGANIZATION = UUID("01900000-0000-7000-8000-000000000001")
NODE = signing.node_id(signing.public_key(SEED))
FIELDS = {
    "category": "csam",
    "method": "advert",
    "confidence": 60,
    "tlp": "TLP:AMBER",
    "audience": {"kind": "organizations", "organizations": [str(ORGANIZATION)]},
    "indicators": [{"chain": "ethereum", "address": "0x" + "AB" * 20, "ref": "1"}],
}


@pytest.fixture
def signer():
    return LocalSigner(ORGANIZATION, NODE, SEED)


def read(signed):
    signing.verify(signed.envelope, signing.public_key(SEED))
    return record.parse(signed.envelope.payload)


def test_a_signed_report_is_what_the_domain_reads(signer):
    made = read(signer.report(FIELDS))
    assert (made.issuer, made.origin, made.kind) == (ORGANIZATION, NODE, "report")
    assert made.body.indicators[0].address == "0x" + "ab" * 20
    assert made.pap == "PAP:AMBER"


def test_bad_rows_are_left_out_and_told(signer):
    rows = [*FIELDS["indicators"], {"chain": "bitcoin", "address": "nonsense", "ref": "2"}]
    with pytest.raises(InvalidRecord):
        signer.report({**FIELDS, "indicators": rows})
    signed = signer.report({**FIELDS, "indicators": rows}, partial=True)
    assert [row.ref for row in signed.refused] == ["2"]
    assert len(read(signed).body.indicators) == 1


@pytest.mark.parametrize(
    ("change", "meaning"),
    [
        ({"confidence": 99}, AboveCeiling),
        ({"tlp": "TLP:RED", "audience": {"kind": "public"}}, ContradictoryMarking),
        ({"audience": None}, InvalidRecord),
        ({"categorie": "csam"}, InvalidRecord),
    ],
)
def test_what_a_node_would_refuse_is_not_signed(signer, change, meaning):
    with pytest.raises(meaning):
        signer.report({**FIELDS, **change})


def test_the_same_mark_gives_the_same_bytes(signer):
    mark = new_mark(datetime(2026, 5, 1, tzinfo=UTC))
    assert signer.report(FIELDS, mark=mark) == signer.report(FIELDS, mark=mark)
    assert signer.report(FIELDS).envelope != signer.report(FIELDS).envelope


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("revocation", {"reason": "mistaken", "addresses": [{"chain": "ethereum", "address": "0x" + "AB" * 20}]}),
        ("erasure", {"reason": "court_order"}),
        ("opinion", {"opinion": "agree", "reason": "own_evidence", "summary": "seen"}),
        ("sighting", {"chain": "ethereum", "address": "0x" + "AB" * 20, "count": 2}),
    ],
)
def test_what_follows_stands_in_the_reports_audience(signer, kind, fields):
    report = {**FIELDS, "id": str(new_mark().id), "origin": NODE, "pap": "PAP:RED"}
    made = read(signer.follow(kind, report, fields))
    assert (made.kind, str(made.subject), made.subject_origin) == (kind, report["id"], NODE)
    assert (made.audience.to_document(), made.tlp, made.pap) == (FIELDS["audience"], "TLP:AMBER", "PAP:RED")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("opinion", {"opinion": "agree", "reason": "own_evidence"}),
        ("sighting", {"chain": "ethereum", "address": "0x" + "AB" * 20}),
    ],
)
def test_what_is_said_of_another_nodes_report_names_its_origin_and_the_id_that_it_was_signed_with(signer, kind, fields):
    signed_id, other = new_mark().id, make.node_id("other")
    report = {**FIELDS, "id": str(derived_id(other, signed_id)), "signed_id": str(signed_id), "origin": other}
    made = read(signer.follow(kind, report, fields))
    assert (made.subject, made.subject_origin, made.origin) == (signed_id, other, NODE)


def test_the_seed_is_not_shown(signer):
    for secret in (SEED.hex(), repr(SEED), base64.b64encode(SEED).decode()):
        assert secret not in repr(signer)
    assert signer.key_id == signing.key_id(signing.public_key(SEED))


def test_every_form_of_key_file(tmp_path):
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (SEED, SEED.hex().encode() + b"\n", base64.b64encode(SEED), pem):
        assert read_seed(content) == SEED


@pytest.mark.parametrize(
    "content", [b"", b"secretsecret", b"00" * 31, bytes(range(31)), b"-----BEGIN PRIVATE KEY-----"]
)
def test_what_is_no_key_is_refused_without_being_shown(content):
    with pytest.raises(Invalid, match="holds no Ed25519 key") as caught:
        read_seed(content)
    assert "secretsecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("tlp", "pap"), [("TLP:CLEAR", "PAP:CLEAR"), ("TLP:AMBER+STRICT", "PAP:AMBER"), ("TLP:RED", "PAP:RED")]
)
def test_the_pap_that_goes_with_a_tlp(tlp, pap):
    assert default_pap(tlp) == pap


def test_an_assertion_is_what_a_node_accepts():
    now = datetime.now(UTC)
    assertion = make_assertion(SEED, ORGANIZATION, NODE, now)
    key = signing.public_key(SEED)
    claims = verify_assertion(assertion, {signing.key_id(key): key}, [NODE], now)
    assert (claims.organization, claims.audience) == (ORGANIZATION, NODE)
    assert (claims.expires_at - claims.issued_at).total_seconds() == 60
    assert make_assertion(SEED, ORGANIZATION, NODE, now) != assertion
    assert token_form(assertion, "query")["scope"] == "query"
