"""Plain builders of domain values, each from a word or a number: the same call gives the same value, always.

The rule here: no clock and no randomness is read, and every default is lawful; a test states only what it is about.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain import address as addresses
from app.domain import audience as audiences
from app.domain import signing
from app.domain.actor import Actor, Scope
from app.domain.address.codecs import base58, bech32, cashaddr, ed25519, keccak
from app.domain.audience import Audience
from app.domain.ids import uuid7
from app.domain.indicator import Indicator
from app.domain.marking import Pap, Tlp
from app.domain.record import (
    Body,
    Erasure,
    Group,
    Key,
    NodeStatement,
    Opinion,
    Organization,
    Record,
    Revocation,
    Sighting,
)
from app.domain.report import Evidence, Report
from app.domain.reputation import Claim
from app.domain.signing import Envelope

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CAIP2 = {
    "bitcoin": "bip122:000000000019d6689c085ae165831e93",
    "litecoin": "bip122:12a765e31ffd4059bada1e25190f6e98",
    "bitcoin-cash": "bip122:000000000000000000651ef99cb9fcbe",
    "dogecoin": "bip122:1a91e3dace36e2be3bf030a65679fe82",
    "ethereum": "eip155:1",
    "polygon": "eip155:137",
    "tron": "tron:mainnet",
    "xrp": "xrpl:0",
    "solana": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
    "monero": "monero:418015bb9ae982a1975da7d79277c270",
    "opaque": "example:chain",
}


def noise(what: object, size: int = 32) -> bytes:
    """Give bytes that look random and are always the same for the same thing."""
    return hashlib.shake_256(repr(what).encode()).digest(size)


def ident(what: object = 0, at: datetime = NOW) -> UUID:
    return uuid7(at, noise(("id", what), 10))


def organization_id(what: object = "ngo") -> UUID:
    return ident(("organization", what))


def seed(what: object = "ngo") -> bytes:
    return signing.new_seed(noise(("seed", what)))


def key(what: object = "ngo") -> bytes:
    return signing.public_key(seed(what))


def node_id(what: object = "node") -> str:
    return signing.node_id(key(what))


NODE = node_id()


# addresses, by construction


def bitcoin(what: object = 0) -> str:
    return base58.encode_check(b"\x00" + noise(what, 20))


def bitcoin_segwit(what: object = 0) -> str:
    return bech32.encode("bc", b"\x00" + bech32.unpack(noise(what, 20)), bech32.BECH32)


def bitcoin_taproot(what: object = 0) -> str:
    return bech32.encode("bc", b"\x01" + bech32.unpack(noise(what, 32)), bech32.BECH32M)


def litecoin(what: object = 0) -> str:
    return base58.encode_check(b"\x30" + noise(what, 20))


def bitcoin_cash(what: object = 0) -> str:
    return cashaddr.encode("bitcoincash", 0, noise(what, 20))


def dogecoin(what: object = 0) -> str:
    return base58.encode_check(b"\x1e" + noise(what, 20))


def ethereum(what: object = 0) -> str:
    return "0x" + noise(what, 20).hex()


def tron(what: object = 0) -> str:
    return base58.encode_check(b"\x41" + noise(what, 20))


def xrp(what: object = 0) -> str:
    return base58.encode_check(b"\x00" + noise(what, 20), base58.RIPPLE)


def solana(what: object = 0) -> str:
    return base58.encode(noise(what, 32))


def monero(what: object = 0) -> str:
    keys = noise(what, 64)
    payload = bytes([18]) + ed25519.some_point(keys[:32]) + ed25519.some_point(keys[32:])
    return base58.encode_blocks(payload + keccak.keccak256(payload)[:4])


def opaque(what: object = 0) -> str:
    return "acct-" + noise(what, 12).hex()


FORMS = (
    ("bitcoin", bitcoin),
    ("bitcoin", bitcoin_segwit),
    ("bitcoin", bitcoin_taproot),
    ("litecoin", litecoin),
    ("bitcoin-cash", bitcoin_cash),
    ("dogecoin", dogecoin),
    ("ethereum", ethereum),
    ("polygon", ethereum),
    ("tron", tron),
    ("xrp", xrp),
    ("solana", solana),
    ("monero", monero),
    ("opaque", opaque),
)


def address(number: int = 0) -> tuple[str, str]:
    """Give a CAIP-2 chain and a canonical address of it; neighbouring numbers are of different chains."""
    chain, form = FORMS[number % len(FORMS)]
    return CAIP2[chain], form(number)


# bodies


def indicator(number: int = 0, **said: Any) -> Indicator:
    chain, text = address(number)
    found = addresses.find_chain(chain)
    assert found is not None
    return Indicator(chain, text, addresses.parse(found, text).key, **said)


def report(count: int = 1, **said: Any) -> Report:
    rows = tuple(indicator(number) for number in range(count))
    return replace(Report("sex_trafficking", "advert", 60, rows), **said)


def full_report(**said: Any) -> Report:
    """Give a report with every optional field."""
    seen = NOW - timedelta(days=30)
    row = indicator(
        6,
        asset="eip155:1/slip44:60",
        role="operator_receiving",
        relation="controlled_by",
        first_seen=seen,
        last_seen=NOW,
        tag="4711",
        transactions=("0x" + noise("tx").hex(), "tx-00000001"),
        confidence=75,
    )
    proof = Evidence("advert", "https://archive.example/advert/1", noise("advert").hex(), seen)
    whole = Report(
        category="sex_trafficking",
        method="advert",
        confidence=60,
        indicators=(row, indicator(0)),
        subcategory="escort_ad_payment",
        reliability="B",
        credibility=2,
        case="OP-2026-17",
        legal_basis="314(b)",
        summary="Paid adverts; naïve café, Überweisung, 人身取引, торговля людьми, 🕯.",
        evidence=(proof, Evidence("other", "note")),
        valid_from=seen,
        valid_until=NOW + timedelta(days=365),
        supersedes=ident("superseded"),
    )
    return replace(whole, **said)


def organization(what: object = "ngo", **said: Any) -> Organization:
    keys = (Key(key(what), "organization"), Key(key((what, "old")), "node", revoked=True))
    return replace(Organization("Hope e. V.", "ngo", 3, keys), **said)


def group(*members: UUID, **said: Any) -> Group:
    ids = tuple(sorted(members or (organization_id("ngo"), organization_id("bank"))))
    return replace(Group(ident("group"), "Task force", ids[0], ids, 2, "from_join", "keep"), **said)


def body(kind: str, about: UUID | None = None) -> Body:
    """Give a lawful body of a kind; `about` is the report that it follows."""
    report_id = about or ident("report")
    chain, text = address(0)
    bodies: dict[str, Body] = {
        "report": report(),
        "revocation": Revocation(report_id, "mistaken"),
        "erasure": Erasure(report_id, "personal_data"),
        "opinion": Opinion(report_id, "disagree", "own_evidence"),
        "sighting": Sighting(report_id, chain, text),
        "organization": organization(),
        "group": group(),
        "node": NodeStatement(0, key("node")),
    }
    return bodies[kind]


# records


def record(kind: str = "report", body_of: Body | None = None, **frame: Any) -> Record:
    made = Record(
        id=ident((kind, "record")),
        kind=kind,
        issuer=organization_id(),
        origin=NODE,
        issued_at=NOW,
        audience=audiences.PUBLIC,
        tlp=Tlp.CLEAR,
        pap=Pap.CLEAR,
        nonce=noise("nonce", 16),
        body=body_of or body(kind),
    )
    return replace(made, **frame)


def follower(number: int, body_of: Body, issuer: object = "ngo", after: timedelta = timedelta(0)) -> Record:
    """Give a record that follows a report: `number` tells it from others."""
    kind = type(body_of).__name__.lower()
    issuer_id = organization_id(issuer)
    return record(kind, body_of, id=ident((kind, issuer, number)), issuer=issuer_id, issued_at=NOW + after)


def envelope(made: Record | None = None, by: object = "ngo") -> Envelope:
    return (made or record()).sign(seed(by))


def named(*whats: object) -> Audience:
    return audiences.organizations(*(organization_id(what) for what in whats))


def actor(what: object = "ngo", *scopes: Scope, strong: bool = False) -> Actor:
    return Actor(organization_id(what), f"key:{what}", "machine", frozenset(scopes), strong)


def claim(issuer: object = "ngo", confidence: int = 60, days: int = 0, **said: Any) -> Claim:
    """Give a live claim, made `days` ago, that runs for a year from NOW."""
    made = Claim(
        issuer=organization_id(issuer),
        issuer_name=str(issuer),
        category="sex_trafficking",
        method="court_record",
        confidence=confidence,
        issued_at=NOW - timedelta(days=days),
        valid_until=NOW + timedelta(days=365),
        state="live",
    )
    return replace(made, **said)
