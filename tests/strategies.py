"""Hypothesis strategies of domain values: everything that the rules allow, and nothing else."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st

from app.domain import audience as audiences
from app.domain import vocabulary
from app.domain.actor import Actor, Scope
from app.domain.marking import ALLOWED_AUDIENCES, Pap, Tlp
from app.domain.privacy import check_text
from app.domain.record import (
    MAX_VERSION,
    Erasure,
    Group,
    Key,
    NodeStatement,
    Opinion,
    Organization,
    Record,
    Revocation,
    Sighting,
    Unknown,
    Withdrawn,
)
from app.domain.report import Evidence, Report
from app.domain.reputation import Claim
from tests import make

# a sixth of what the profile asks: 16 examples by default, so that the domain is tested within seconds
quick = settings(deadline=None, max_examples=max(2, settings.default.max_examples // 6))


def between(first, last):
    start, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    most = (end - start) // timedelta(microseconds=1)
    return st.integers(0, most).map(lambda microseconds: start + timedelta(microseconds=microseconds))


times = between("1970-01-01", "2999-12-31T23:59:59.999999")
written_times = between("1000-01-01", "2999-12-31T23:59:59.999999")
ids = st.integers(0, 2**32).map(make.ident)
few = st.integers(0, 9)


SCRIPTS = "aZ09 _-./:@+\t\n\"\\<&'\u00e9\u0301\u0430\u4eba\u00a0\ufb01\U0001f56f"
shown = st.text(SCRIPTS, min_size=1, max_size=30)


def is_harmless(text):
    try:
        check_text(text, "")
    except Exception:  # noqa: BLE001 - a strategy only asks whether
        return False
    return True


def maybe(strategy):
    return st.none() | strategy


free = shown.filter(is_harmless)
maybe_times, maybe_free = maybe(times), maybe(free)
spans = st.tuples(maybe_times, maybe_times).map(lambda pair: sorted(pair) if None not in pair else pair)


# documents that have a canonical form

keys = st.text(st.characters(max_codepoint=127), max_size=12)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


# audiences, markings, actors

organization_ids = few.map(make.organization_id)
group_ids = few.map(lambda number: make.ident(("group", number)))
named_audiences = st.lists(organization_ids, min_size=1, max_size=4).map(lambda found: audiences.organizations(*found))
audience_of = {
    "public": st.just(audiences.PUBLIC),
    "group": group_ids.map(audiences.group),
    "organizations": named_audiences,
}
any_audience = st.one_of(*audience_of.values())
tlps, paps = st.sampled_from(Tlp), st.sampled_from(Pap)
actors = st.builds(
    Actor,
    organization_ids,
    st.just("machine"),
    st.just("machine"),
    st.frozensets(st.sampled_from(Scope)),
    st.booleans(),
)


# bodies

texts_of_addresses = st.integers(0, 60).map(make.address)
transactions = st.lists(st.sampled_from(["0x" + "ab" * 32, "A1-+/=_:.", "x" * 128]), max_size=3).map(tuple)
assets = st.sampled_from([None, "USDT", "eip155:1/slip44:60", "eip155:1/erc20:0x" + "ab" * 20, "a.b-$1"])
roles = st.sampled_from([None, *vocabulary.ROLES])
relations = st.sampled_from([None, *vocabulary.RELATIONS])


def build_indicator(number, span, asset, role, relation, tag, found_in, confidence):
    return make.indicator(
        number,
        first_seen=span[0],
        last_seen=span[1],
        asset=asset,
        role=role,
        relation=relation,
        tag=tag,
        transactions=found_in,
        confidence=confidence,
    )


indicators = st.builds(
    build_indicator,
    st.integers(0, 60),
    spans,
    assets,
    roles,
    relations,
    maybe(shown),
    transactions,
    maybe(st.integers(0, 10)),  # below every method's ceiling
)
evidence = st.builds(
    Evidence,
    st.sampled_from(vocabulary.EVIDENCE_KINDS),
    shown,
    maybe(st.binary(min_size=32, max_size=32).map(bytes.hex)),
    maybe_times,
)
classes = st.sampled_from(
    [(category, sub) for category, subs in vocabulary.CATEGORIES.items() for sub in (None, *subs)]
)
methods = st.sampled_from(
    [(method, sure) for method, ceiling in vocabulary.METHOD_CEILINGS.items() for sure in (0, 1, ceiling)]
)


def build_report(classed, method, rows, proofs, span, texts, supersedes, words):
    start, end = span
    return Report(
        category=classed[0],
        subcategory=classed[1],
        method=method[0],
        confidence=method[1],
        indicators=tuple(rows),
        evidence=tuple(proofs),
        case=texts[0],
        summary=texts[1],
        valid_from=start if start != end else None,
        valid_until=end,
        supersedes=supersedes,
        reliability=words[0],
        credibility=words[1],
        legal_basis=words[2],
    )


reports = st.builds(
    build_report,
    classes,
    methods,
    st.lists(indicators, min_size=1, max_size=3),
    st.lists(evidence, max_size=2),
    spans,
    st.tuples(maybe_free, maybe_free),
    maybe(ids),
    st.tuples(
        st.sampled_from([None, *vocabulary.RELIABILITIES]),
        st.sampled_from([None, *vocabulary.CREDIBILITIES]),
        st.sampled_from([None, *vocabulary.LEGAL_BASES]),
    ),
)
sightings = st.builds(
    lambda report, address, count, span: Sighting(report, *address, count, *span),
    ids,
    texts_of_addresses,
    st.integers(1, 1_000_000_000),
    spans,
)
revocations = st.builds(
    Revocation,
    ids,
    st.sampled_from(vocabulary.REVOCATION_REASONS),
    st.lists(texts_of_addresses.map(lambda found: Withdrawn(*found)), max_size=3).map(tuple),
)
erasures = st.builds(Erasure, ids, st.sampled_from(vocabulary.ERASURE_REASONS))
opinions = st.builds(
    Opinion,
    ids,
    st.sampled_from(vocabulary.OPINIONS),
    st.sampled_from(vocabulary.OPINION_REASONS),
    maybe_free,
)
public_keys = st.integers(0, 20).map(make.key)
organizations = st.builds(
    Organization,
    shown,
    st.sampled_from(vocabulary.ORGANIZATION_KINDS),
    st.integers(1, MAX_VERSION),
    st.lists(
        st.builds(Key, public_keys, st.sampled_from(["node", "organization"]), st.booleans()),
        max_size=3,
        unique_by=lambda held: held.public_key,
    ).map(tuple),
)
groups = st.builds(
    Group,
    group_ids,
    shown,
    organization_ids,
    st.lists(organization_ids, max_size=4, unique=True).map(lambda found: tuple(sorted(found))),
    st.integers(1, MAX_VERSION),
    st.sampled_from(["full", "from_join"]),
    st.sampled_from(["purge", "keep"]),
    st.lists(few.map(make.node_id), max_size=3, unique=True).map(lambda found: tuple(sorted(found))),
)
node_statements = st.builds(
    NodeStatement, st.integers(0, 99), public_keys, st.sampled_from([None, "wf/public/1\n0\nroot\n\n— wf signature\n"])
)
unknowns = st.dictionaries(keys, leaves, max_size=3).map(Unknown)
bodies = {
    "report": reports,
    "revocation": revocations,
    "erasure": erasures,
    "opinion": opinions,
    "sighting": sightings,
    "organization": organizations,
    "group": groups,
    "node": node_statements,
    "prophecy": unknowns,
}


markings = st.sampled_from(
    [
        (tlp, audience)
        for audience in (
            audiences.PUBLIC,
            audiences.group(make.ident("group")),
            make.named("ngo"),
            make.named("ngo", 1, 2),
        )
        for tlp in Tlp
        if audience.kind in ALLOWED_AUDIENCES[tlp]
    ]
)
origins = st.sampled_from([make.NODE, "n", "\u4eba" * 64])


def build_record(kind, body, marked, number, origin, issued_at, pap):
    tlp, audience = marked
    issuer, nonce = make.organization_id(number), make.noise(number, 16)
    return Record(make.ident(number), kind, issuer, origin, issued_at, audience, tlp, pap, nonce, body)


def records_of(kind):
    made = st.builds(build_record, st.just(kind), bodies[kind], markings, few, origins, written_times, paps)
    return made.filter(lambda record: record.id != record.subject)


records = st.one_of(*map(records_of, bodies))


# claims

claims = st.builds(
    Claim,
    issuer=organization_ids,
    issuer_name=st.just("an organization"),
    category=st.sampled_from([*sorted(vocabulary.CATEGORIES), "a later word"]),
    method=st.sampled_from([*sorted(vocabulary.METHOD_CEILINGS), "a later word"]),
    confidence=st.integers(0, 100),
    issued_at=between("2016-01-01", "2026-06-01"),
    valid_until=between("2025-01-01", "2036-01-01"),
    state=st.sampled_from(["live", "live", "live", "revoked", "superseded", "erased", "quarantined"]),
    role=maybe(st.sampled_from(vocabulary.ROLES)),
    relation=maybe(st.sampled_from(vocabulary.RELATIONS)),
    elsewhere=st.sampled_from(["", "on Polygon, not on Ethereum"]),
    disputed=st.booleans(),
)
