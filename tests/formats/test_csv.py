"""Tables and lists: what is read, what is refused, and that the counts add up."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.csv import ERROR_COLUMNS, MAX_ROW_LINES, Table, cell, write_rows
from app.formats.lines import MAX_LINE, read_lines
from app.formats.rows import RefusedRow, Row, Source, UnreadableDocument

ADDRESSES = Path(__file__).parents[3] / "shared" / "data" / "addresses"
shared = pytest.mark.skipif(not ADDRESSES.is_dir(), reason="shared data absent")


def table(text, chain=""):
    content = text if isinstance(text, bytes) else text.encode()
    return Table(io.BytesIO(content), chain)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_marks_and_line_ends(mark, start, end):
    lines = [mark.join(cells) for cells in (("Chain", "Wallet Address", "note"), ("BTC", "1abc", "x"))]
    read = table(start + end.join(lines) + end)
    assert list(read) == [Row(2, "1abc", "bitcoin")]
    assert read.ignored == ("note",)


def test_utf16_with_its_mark():
    assert list(table("address\tchain\n1abc\tBTC\n".encode("utf-16"))) == [Row(2, "1abc", "bitcoin")]


def test_what_is_not_utf8_is_one_odd_row():
    rows = list(table(b"address\n1abc\n1a\xffc\n1def\n"))
    assert [row.address for row in rows] == ["1abc", "1a\ufffdc", "1def"]


def test_every_column():
    header = "ref,address,chain,asset,tag,role,relation,first_seen,last_seen,txid,confidence,source"
    claims = ",category,subcategory,method,reliability,credibility,tlp,pap,case,legal_basis"
    cells = "r1,1abc,bitcoin,BTC,7,intermediary,paid_to,2026-01-01,2026-02-01,aa bb,40,https://a.example"
    more = ",csam,vendor,advert,B,2,amber+strict,PAP:RED,OP-1,mou"
    (row,) = table(f"{header}{claims}\n{cells}{more}\n")
    assert row.ref == "r1"
    assert row.fields == {
        "asset": "BTC",
        "tag": "7",
        "role": "intermediary",
        "relation": "paid_to",
        "first_seen": "2026-01-01",
        "last_seen": "2026-02-01",
        "confidence": 40,
        "transactions": ["aa", "bb"],
    }
    assert dict(row.claims) == {
        "category": "csam",
        "subcategory": "vendor",
        "method": "advert",
        "reliability": "B",
        "credibility": 2,
        "tlp": "TLP:AMBER+STRICT",
        "pap": "PAP:RED",
        "case": "OP-1",
        "legal_basis": "mou",
    }
    assert row.sources == (Source("other", "https://a.example"),)


def test_a_currency_beside_a_network_is_the_asset():
    (row,) = table("address,currency,network\n0xabc,USDT,ETH\n")
    assert (row.chain, row.fields) == ("ethereum", {"asset": "USDT"})


def test_a_list_of_addresses():
    rows = list(table("# seized\n\n1abc\n\n# more\n 1def \n", "bitcoin"))
    assert rows == [Row(3, "1abc", "bitcoin"), Row(6, " 1def ", "bitcoin")]


def test_rows_that_cannot_be_read_are_refused_with_their_line():
    rows = list(table(f"address,confidence,chain\n,5,bitcoin\n1abc,much,bitcoin\n{'1' * 2049},,\n1ok,,\n"))
    assert [(row.number, getattr(row, "code", "ok")) for row in rows] == [
        (2, "empty"),
        (3, "invalid_field"),
        (4, "too_long"),
        (5, "ok"),
    ]


def test_a_quote_that_is_never_closed_is_told():
    body = 'address,chain\n1abc,bitcoin\n"1def,bitcoin\n' + "1ghi,bitcoin\n" * (MAX_ROW_LINES + 5)
    rows = list(table(body))
    assert rows[0] == Row(2, "1abc", "bitcoin")
    assert (rows[1].number, rows[1].code) == (3, "unclosed_quote")


def test_a_field_beyond_the_limit_of_the_parser_is_one_refused_row():
    rows = list(table('address,chain\n"' + "x\n" * 70_000 + '",\n1ok,bitcoin\n'))
    assert any(isinstance(row, RefusedRow) and row.code in {"unreadable_row", "unclosed_quote"} for row in rows)


def test_a_table_without_an_address_is_refused():
    with pytest.raises(UnreadableDocument, match="name it 'address'"):
        table("name,amount\nx,1\n")


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "address,chain\n"])
def test_nothing_is_no_rows(content):
    assert list(table(content)) == []


def test_a_line_without_end_is_bounded():
    lines = list(read_lines(io.BytesIO(b"x" * (3 * MAX_LINE) + b"\nnext\n")))
    assert [len(line) for line in lines] == [MAX_LINE, 5]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_begins_as_a_formula(text):
    assert cell(text) == f"'{text}"


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=6, max_size=6)))
def test_what_is_written_is_read_again(rows):
    stream = io.StringIO()
    write_rows(stream, [ERROR_COLUMNS, *rows])
    read = list(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert read[1:] == [[cell(value) for value in row] for row in rows]


@given(st.text())
def test_any_text_is_read_to_its_end(text):
    content = text.encode("utf-8", "surrogatepass")
    try:
        rows = list(Table(io.BytesIO(content)))
    except UnreadableDocument:
        return
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))


@shared
@pytest.mark.parametrize("path", sorted(ADDRESSES.glob("*.txt")), ids=lambda path: path.stem)
def test_published_lists_are_read_whole(path):
    with path.open("rb") as stream:
        rows = list(Table(stream, path.stem))
    texts = [line for line in path.read_text().split("\n") if line.strip()]
    assert [row.address for row in rows] == texts


@shared
@pytest.mark.parametrize(
    ("name", "count"),
    [("dirty_input.tsv", 14), ("rejected_by_checksum_or_shape.tsv", 14), ("valid_by_format.tsv", 496)],
)
def test_published_tables_are_read_whole(name, count):
    with (ADDRESSES / name).open("rb") as stream:
        assert sum(1 for _ in Table(stream)) == count
