from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from app.domain import indicator
from app.domain import report as reports
from app.domain.errors import AboveCeiling, InvalidRecord
from app.domain.report import default_expiry, read_report
from app.domain.timestamps import LATEST, format_time
from tests import make, strategies
from tests.strategies import quick

CHAIN, ADDRESS = make.address(0)
EIP55 = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
X_ADDRESS = "X7AcgcsBL6XDcUb289X4mJ8djcdyKaLFuhLRuNXPrDeJd9A"  # r9cZA1mLK5R5Am25ArfXFmqgNwjZgnfk59 with tag 11747


def row(number=0, **said):
    chain, address = make.address(number)
    return {"chain": chain, "address": address, **said}


def draft(*rows, **said):
    document = {"category": "sex_trafficking", "method": "advert", "confidence": 60}
    return document | {"indicators": list(rows) or [row()]} | said


def refusals(document, **how):
    """Give (pointer, code, ref) of each place refused."""
    with pytest.raises(InvalidRecord) as refused:
        read_report(document, **how)
    return [(item.pointer, item.code, item.ref) for item in refused.value.errors]


@quick
@given(strategies.reports)
def test_a_report_is_printed_and_read_back(report):
    for strict in (True, False):
        assert read_report(report.to_document(), strict=strict) == (report, (), ())


def test_a_report_with_every_field():
    report = make.full_report()
    document = report.to_document()
    assert set(document) == set(reports.REPORT_FIELDS)
    assert set(document["indicators"][0]) == set(indicator.INDICATOR_FIELDS)
    assert read_report(document, strict=True) == (report, (), ())


@pytest.mark.parametrize(
    ("chain", "address", "caip2", "canonical", "tag"),
    [
        ("bitcoin", ADDRESS, CHAIN, ADDRESS, None),
        ("BTC", ADDRESS, CHAIN, ADDRESS, None),
        ("ethereum", EIP55, "eip155:1", EIP55.lower(), None),
        ("eip155:137", EIP55, "eip155:137", EIP55.lower(), None),
        ("xrp", X_ADDRESS, "xrpl:0", "r9cZA1mLK5R5Am25ArfXFmqgNwjZgnfk59", "11747"),
        ("bitcoin", make.bitcoin_segwit().upper(), CHAIN, make.bitcoin_segwit(), None),
        ("unheard:of", "anything-goes", "unheard:of", "anything-goes", None),
    ],
)
def test_what_people_write_becomes_canonical(chain, address, caip2, canonical, tag):
    for more in ({}, {"role": "unknown"}):
        report, refused, _ = read_report(draft({"chain": chain, "address": address, **more}))
        (found,) = report.indicators
        assert (found.chain, found.address, found.tag, refused) == (caip2, canonical, tag, ())
        assert read_report(report.to_document(), strict=True)[0] == report


def test_times_of_people_become_canonical():
    given_times = {"valid_from": "2026-05-01", "valid_until": "2027-05-01T02:00:00+02:00"}
    seen = {"first_seen": "2026-04-01", "last_seen": "2026-04-01T00:00:00.1234567Z"}
    document = draft(
        row(**seen), **given_times, evidence=[{"kind": "other", "reference": "x", "observed_at": "2026-01-01"}]
    )
    report, _, _ = read_report(document)
    printed = report.to_document()
    assert (printed["valid_from"], printed["valid_until"]) == (
        "2026-05-01T00:00:00.000000Z",
        "2027-05-01T00:00:00.000000Z",
    )
    assert printed["indicators"][0]["last_seen"] == "2026-04-01T00:00:00.123456Z"
    assert printed["evidence"][0]["observed_at"] == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"valid_from": "2026-05-01"}, "/valid_from"),
        ({"valid_until": "2026-05-01T00:00:00Z"}, "/valid_until"),
        ({"indicators": [row(first_seen="2026-05-01")]}, "/indicators/0/first_seen"),
        ({"indicators": [row(last_seen="2026-05-01T00:00:00+00:00")]}, "/indicators/0/last_seen"),
        ({"evidence": [{"kind": "other", "reference": "x", "observed_at": "2026-05-01"}]}, "/evidence/0/observed_at"),
        ({"indicators": [row() | {"chain": "bitcoin"}]}, "/indicators/0/address"),
        ({"indicators": [{"chain": "eip155:1", "address": EIP55}]}, "/indicators/0/address"),
        ({"indicators": [{"chain": "xrpl:0", "address": X_ADDRESS}]}, "/indicators/0/address"),
        ({"indicators": [{"chain": "EIP155:1", "address": EIP55.lower()}]}, "/indicators/0/address"),
    ],
)
def test_signed_bytes_are_canonical_in_every_field(said, pointer):
    read_report(draft(**said))
    assert refusals(draft(**said), strict=True) == [(pointer, "not_canonical", None)]


def test_a_field_of_a_later_version_is_left_alone_in_signed_bytes_and_refused_in_a_draft():
    later = draft(row(mood="bad"), weather="fine", evidence=[{"kind": "other", "reference": "x", "page": 7}])
    report, _, _ = read_report(later, strict=True)
    assert read_report(report.to_document(), strict=True)[0] == report
    assert refusals(later) == [("/weather", "unknown_field", None)]
    assert refusals(draft(row(mood="bad"))) == [("/indicators/0/mood", "unknown_field", None)]
    assert refusals(draft(evidence=later["evidence"])) == [("/evidence/0/page", "unknown_field", None)]
    assert refusals(draft(row(ref="7"), ref="7")) == [("/ref", "unknown_field", None)]


BAD_ROWS = [
    (row(address="1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"), "/address", "bad_checksum"),
    (row(address=""), "/address", "empty"),
    (row(address="x" * 257), "/address", "too_long"),
    (row(address=f"{ADDRESS[:9]} {ADDRESS[9:]}"), "/address", "whitespace"),
    (row(address="https://mempool.space/tx/1"), "/address", "ambiguous"),
    (row(address=None), "/address", "missing_field"),
    (row(address=5), "/address", "invalid_field"),
    ({"chain": "bitcoin", "address": make.tron(1)}, "/address", "not_on_chain"),
    ({"address": ADDRESS}, "/chain", "missing_field"),
    (row() | {"chain": "bitcoim"}, "/chain", "unknown_chain"),
    (row() | {"chain": "x" * 257}, "/chain", "invalid_field"),
    (row() | {"chain": ["bitcoin"]}, "/chain", "invalid_field"),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "", "invalid_field"),
    (None, "", "invalid_field"),
    ([CHAIN, ADDRESS], "", "invalid_field"),
    (row(confidence=76), "/confidence", "confidence_above_ceiling"),
    (row(confidence=101), "/confidence", "invalid_field"),
    (row(confidence=True), "/confidence", "invalid_field"),
    (row(confidence=1.0), "/confidence", "invalid_field"),
    (row(confidence="60"), "/confidence", "invalid_field"),
    (row(role="boss"), "/role", "unknown_word"),
    (row(role=["unknown"]), "/role", "unknown_word"),
    (row(relation="friend_of"), "/relation", "unknown_word"),
    (row(asset="two words"), "/asset", "invalid_field"),
    (row(asset=""), "/asset", "invalid_field"),
    (row(asset=1), "/asset", "invalid_field"),
    (row(tag=""), "/tag", "invalid_field"),
    (row(tag=11747), "/tag", "invalid_field"),
    (row(tag="x" * 129), "/tag", "invalid_field"),
    (row(tag="a\u202eb"), "/tag", "invalid_field"),
    ({"chain": "xrp", "address": X_ADDRESS, "tag": "11748"}, "/tag", "invalid_field"),
    (row(transactions="0x" + "a" * 64), "/transactions", "invalid_field"),
    (row(transactions=["0x" + "a" * 64, "short"]), "/transactions/1", "invalid_field"),
    (row(transactions=["0x" + "a" * 127]), "/transactions/0", "invalid_field"),
    (row(transactions=["a" * 64] * 101), "/transactions", "invalid_field"),
    (row(transactions={"a": "b"}), "/transactions", "invalid_field"),
    (row(first_seen="yesterday"), "/first_seen", "invalid_field"),
    (row(first_seen="2026-05-02", last_seen="2026-05-01"), "/last_seen", "invalid_field"),
    (row(addres="typo"), "/addres", "unknown_field"),
]


@pytest.mark.parametrize(("bad", "pointer", "code"), BAD_ROWS, ids=lambda value: repr(value)[:60])
def test_a_bad_row_is_named_and_the_others_are_read(bad, pointer, code):
    bad = bad | {"ref": "line 7"} if isinstance(bad, dict) else bad
    ref = "line 7" if isinstance(bad, dict) else None
    document = draft(row(0, ref="line 6"), bad, row(2))
    assert refusals(document) == [(f"/indicators/1{pointer}", code, ref)]
    report, refused, _ = read_report(document, partial=True)
    assert [(item.pointer, item.code, item.ref) for item in refused] == [(f"/indicators/1{pointer}", code, ref)]
    assert [item.address for item in report.indicators] == [make.address(0)[1], make.address(2)[1]]


def test_every_bad_row_is_named_at_once():
    bad = [bad for bad, _, _ in BAD_ROWS]
    expected = [(f"/indicators/{place}{pointer}", code, None) for place, (_, pointer, code) in enumerate(BAD_ROWS)]
    assert refusals(draft(*bad)) == expected
    assert refusals(draft(*bad), partial=True) == expected  # at least one must be good


@pytest.mark.parametrize(
    ("given_ref", "ref"),
    [
        ("row 1", "row 1"),
        (1, "1"),
        ("x" * 500, "x" * 128),
        ("a\ud800b", "a?b"),
        (None, None),
        (["a"], None),
        ({"a": 1}, None),
        (1.5, None),
    ],
)
def test_the_callers_reference_comes_back_such_that_it_can_be_written(given_ref, ref):
    assert refusals(draft(row(address="nonsense", ref=given_ref)))[0][2] == ref


@pytest.mark.parametrize(
    ("said", "pointer", "code"),
    [
        ({"category": None}, "/category", "missing_field"),
        ({"category": "minor_sex_trafficking"}, "/category", "unknown_word"),
        ({"category": ["csam"]}, "/category", "unknown_word"),
        ({"subcategory": "vendor"}, "/subcategory", "unknown_word"),
        ({"category": "recruitment", "subcategory": "vendor"}, "/subcategory", "unknown_word"),
        ({"method": "guess"}, "/method", "unknown_word"),
        ({"method": None}, "/method", "missing_field"),
        ({"confidence": None}, "/confidence", "missing_field"),
        ({"confidence": -1}, "/confidence", "invalid_field"),
        ({"confidence": 101}, "/confidence", "invalid_field"),
        ({"confidence": True}, "/confidence", "invalid_field"),
        ({"confidence": 10**400}, "/confidence", "invalid_field"),
        ({"reliability": "a"}, "/reliability", "unknown_word"),
        ({"credibility": 0}, "/credibility", "invalid_field"),
        ({"credibility": 7}, "/credibility", "invalid_field"),
        ({"credibility": "2"}, "/credibility", "invalid_field"),
        ({"case": ""}, "/case", "invalid_field"),
        ({"case": "x" * 101}, "/case", "invalid_field"),
        ({"case": "0171 2345678"}, "/case", "personal_data"),
        ({"legal_basis": "because"}, "/legal_basis", "unknown_word"),
        ({"summary": "x" * 1_001}, "/summary", "invalid_field"),
        ({"summary": "mail jane@example.org"}, "/summary", "personal_data"),
        ({"summary": "4111 1111 1111 1111"}, "/summary", "personal_data"),
        ({"summary": "\x1b[2J"}, "/summary", "invalid_field"),
        ({"evidence": "none"}, "/evidence", "invalid_field"),
        ({"evidence": {}}, "/evidence", "invalid_field"),
        ({"evidence": False}, "/evidence", "invalid_field"),
        ({"evidence": 0}, "/evidence", "invalid_field"),
        ({"evidence": [{"kind": "other", "reference": "x"}] * 101}, "/evidence", "invalid_field"),
        ({"evidence": ["x"]}, "/evidence/0", "invalid_field"),
        ({"evidence": [{"reference": "x"}]}, "/evidence/0/kind", "missing_field"),
        ({"evidence": [{"kind": "photo", "reference": "x"}]}, "/evidence/0/kind", "unknown_word"),
        ({"evidence": [{"kind": "other"}]}, "/evidence/0/reference", "missing_field"),
        ({"evidence": [{"kind": "other", "reference": "x" * 501}]}, "/evidence/0/reference", "invalid_field"),
        ({"evidence": [{"kind": "other", "reference": "x", "sha256": "ABC"}]}, "/evidence/0/sha256", "invalid_field"),
        (
            {"evidence": [{"kind": "other", "reference": "x", "observed_at": 1}]},
            "/evidence/0/observed_at",
            "invalid_field",
        ),
        ({"valid_from": "2026-13-01"}, "/valid_from", "invalid_field"),
        ({"valid_until": 5}, "/valid_until", "invalid_field"),
        ({"valid_from": "2026-05-01", "valid_until": "2026-05-01"}, "/valid_until", "invalid_field"),
        ({"valid_from": "2026-05-02", "valid_until": "2026-05-01"}, "/valid_until", "invalid_field"),
        ({"indicators": None}, "/indicators", "missing_field"),
        ({"indicators": []}, "/indicators", "invalid_field"),
        ({"indicators": {}}, "/indicators", "invalid_field"),
        ({"indicators": [row()] * 10_001}, "/indicators", "invalid_field"),
        ({"supersedes": "nothing"}, "/supersedes", "invalid_field"),
        ({"supersedes": ""}, "/supersedes", "invalid_field"),
        ({"supersedes": False}, "/supersedes", "invalid_field"),
        ({"supersedes": []}, "/supersedes", "invalid_field"),
        ({"catgory": "csam"}, "/catgory", "unknown_field"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_bad_field_is_named(said, pointer, code):
    assert refusals(draft(**said)) == [(pointer, code, None)]
    assert refusals(draft(**said), partial=True) == [(pointer, code, None)]


@pytest.mark.parametrize(
    "name", sorted(set(reports.REPORT_FIELDS) - {"category", "method", "confidence", "indicators"})
)
def test_a_field_that_may_be_absent_may_be_null(name):
    assert read_report(draft(**{name: None}))[0] == read_report(draft())[0]


def test_the_whole_report_above_its_ceiling_is_refused_with_the_ceiling():
    with pytest.raises(AboveCeiling, match="at most 20") as refused:
        read_report(draft(method="hotline_tip", confidence=21), partial=True)
    assert refused.value.errors[0].pointer == "/confidence"
    assert read_report(draft(method="hotline_tip", confidence=20))


def test_a_tag_may_be_said_twice_if_it_is_the_same():
    report, _, _ = read_report(draft({"chain": "xrp", "address": X_ADDRESS, "tag": "11747"}))
    assert report.indicators[0].tag == "11747"


def test_limits_are_within():
    full = row(transactions=["a" * 128] * 100, tag="x" * 128)
    assert read_report(draft(full, summary="x" * 1_000, case="x" * 100))[1] == ()
    assert len(read_report(draft(*[row()] * 10_000))[0].indicators) == 10_000


def test_the_report_counts_what_it_refused():
    with pytest.raises(InvalidRecord, match="2 of 3 indicators were refused; nothing was accepted"):
        read_report(draft(row(), row(address="a"), row(address="b")))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-05-01T12:30:00.000001Z", "2028-05-01T12:30:00.000001Z"),
        ("2024-02-29T12:00:00.000000Z", "2026-02-28T12:00:00.000000Z"),
        ("2026-02-28T12:00:00.000000Z", "2028-02-28T12:00:00.000000Z"),
        ("2996-02-29T00:00:00.000000Z", "2998-02-28T00:00:00.000000Z"),
        ("2997-12-31T23:59:59.999999Z", "2999-12-31T23:59:59.999999Z"),
        ("2998-01-01T00:00:00.000000Z", "2999-12-31T23:59:59.999999Z"),
        ("2999-12-31T00:00:00.000000Z", "2999-12-31T23:59:59.999999Z"),
        ("9999-12-31T00:00:00.000000Z", "2999-12-31T23:59:59.999999Z"),
    ],
)
def test_the_default_lifetime_is_24_months_and_can_be_written(start, end):
    assert format_time(default_expiry(datetime.fromisoformat(start))) == end


@quick
@given(strategies.reports, strategies.written_times)
def test_a_claim_ends_at_a_time_that_a_record_can_state(report, issued_at):
    end = report.expires_at(issued_at)
    assert end <= LATEST
    if report.valid_until is not None:
        assert end == report.valid_until
    elif report.valid_from is not None:
        assert end == default_expiry(report.valid_from)
    else:
        assert timedelta(0) <= end - issued_at <= timedelta(days=731)


def test_a_report_without_dates_ends_24_months_after_it_was_made():
    assert make.report().expires_at(datetime(2026, 5, 1, tzinfo=UTC)) == datetime(2028, 5, 1, tzinfo=UTC)
