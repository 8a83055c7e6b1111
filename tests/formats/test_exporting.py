"""Reports as tables: every column, every state, no formula, and back again."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.csv import Table
from app.formats.exporting import EXPORT_COLUMNS, csv_pieces, ndjson_pieces, rows_of
from app.formats.ndjson import Lines
from app.formats.rows import TAKEN_BACK, RefusedRow, Row
from tests import make, strategies
from tests.formats.leaving import any_published, moment, published

README = Path(__file__).parents[2] / "README.md"
reports = st.lists(any_published(), max_size=4)
FORMULAS = ("=", "+", "-", "@", "\t")


def as_csv(found):
    return b"".join(csv_pieces(found))


def as_ndjson(found):
    return b"".join(ndjson_pieces(found))


def test_the_readme_names_every_column():
    text = README.read_text().partition("<!-- export-columns -->")[2].partition("<!-- /export-columns -->")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)) == dict(EXPORT_COLUMNS)


@strategies.quick
@given(reports)
def test_both_forms_say_the_same_of_every_address(found):
    rows = [row for report in found for row in rows_of(report)]
    lines = [json.loads(line) for line in as_ndjson(found).splitlines()]
    table = list(csv.DictReader(io.StringIO(as_csv(found).decode())))
    assert len(rows) == len(lines) == len(table)
    assert all(list(row) == list(EXPORT_COLUMNS) for row in rows)
    for row, line, cells in zip(rows, lines, table, strict=True):
        for name, value in row.items():
            if value is None or value == ():
                assert name not in line
                assert cells[name] == ""
            else:
                assert line[name] == (list(value) if isinstance(value, tuple) else value)
    total = sum(1 if report.state == "erased" else len(report.indicators) for report in found)
    assert len(rows) == total


def claim_of(report, ordinal):
    said, item = report.report, report.indicators[ordinal]
    return {
        "category": said.category,
        "subcategory": said.subcategory,
        "method": said.method,
        "reliability": said.reliability,
        "credibility": said.credibility,
        "tlp": str(report.tlp),
        "pap": report.pap,
        "case": said.case,
        "legal_basis": said.legal_basis,
        "summary": said.summary,
        "confidence": said.confidence if item.confidence is None else item.confidence,
        "address": item.address,
        "chain": item.chain,
        "asset": item.asset,
        "tag": item.tag,
        "role": item.role,
        "relation": item.relation,
        "first_seen": item.first_seen,
        "last_seen": item.last_seen,
        "transactions": item.transactions,
        "source": said.evidence[0].reference if said.evidence else None,
    }


@strategies.quick
@given(reports)
@pytest.mark.parametrize(("write", "reader"), [(as_csv, Table), (as_ndjson, Lines)])
def test_what_is_exported_is_read_back(write, reader, found):
    rows = list(reader(io.BytesIO(write(found)))) if found else []
    expected = [(report, ordinal) for report in found for ordinal in range(max(1, len(report.indicators)))]
    assert len(rows) == len(expected)
    for row, (report, ordinal) in zip(rows, expected, strict=True):
        if report.state != "live" or ordinal in report.withdrawn:
            assert isinstance(row, RefusedRow)
            assert row.code == TAKEN_BACK
            continue
        wanted = claim_of(report, ordinal)
        claims, fields = dict(row.claims), row.fields
        assert isinstance(row, Row)
        assert row.address == wanted["address"]
        assert row.chain in {wanted["chain"], *make.CAIP2}
        for name in ("category", "subcategory", "method", "reliability", "credibility", "tlp", "pap", "legal_basis"):
            assert claims.get(name) == wanted[name], name
        for name in ("asset", "role", "relation", "confidence"):
            assert fields.get(name) == wanted[name], name
        for name in ("case", "summary"):
            assert claims.get(name) == wanted[name] or str(wanted[name]).startswith("'")
        for name in ("first_seen", "last_seen"):
            assert moment(fields.get(name)) == wanted[name]
        assert tuple(fields.get("transactions", ())) == wanted["transactions"]
        assert (row.sources[0].reference if row.sources else None) == wanted["source"]


def address_report(address):
    item = make.indicator(0)._replace(address=address, chain="example:chain")
    return published(make.record(body_of=make.report(1, indicators=(item,))))


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
    | st.sampled_from(["=1+1", "=cmd|'/C calc'!A0", "@SUM(A1)", "+1", "-1:" + "ab" * 32, "-1+cmd|x", "'x", "'=x"])
)
def test_no_address_is_a_formula_and_none_is_changed(address):
    text = as_csv([address_report(address)]).decode()
    (cells,) = csv.DictReader(io.StringIO(text))
    shown = cells["address"]
    if shown.startswith(FORMULAS):
        assert shown == address
        assert not re.search(r"""[()!|"'=,;&\s]""", shown), "it could call something"
    (row,) = Table(io.BytesIO(text.encode()))
    if not address.startswith("'"):
        assert row.address == address


def test_a_ton_address_of_the_masterchain_stays_as_it_is():
    raw = "-1:" + "ab" * 32
    assert f"\n{raw},".encode() in as_csv([address_report(raw)])


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_other_texts_are_kept_from_being_formulas(text):
    found = published(make.record(body_of=make.report(1, summary=text, case=text)), name=text)
    (cells,) = csv.DictReader(io.StringIO(as_csv([found]).decode()))
    assert (cells["summary"], cells["case"], cells["issuer_name"]) == (f"'{text}",) * 3
    (row,) = Table(io.BytesIO(as_csv([found])))
    assert dict(row.claims)["summary"] == text


def test_an_erased_report_leaves_only_its_ids():
    found = published(state="erased")
    (line,) = as_ndjson([found]).splitlines()
    document = json.loads(line)
    assert document["state"] == "erased"
    assert not {"address", "summary", "category", "evidence"} & document.keys()


def test_pieces_are_bounded():
    items = tuple(make.indicator(number % 60) for number in range(2_000))
    found = published(make.record(body_of=make.report(1, indicators=items)))
    pieces = list(csv_pieces([found] * 3))
    assert len(pieces) > 3
    assert max(map(len, pieces)) < 70 * 1024
