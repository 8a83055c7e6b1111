"""Tables of text: CSV and TSV in, CSV out, and plain lists of one address a line.

The rule here: a cell that leaves the house never begins as a formula (a spreadsheet would run it), and a quote that
is never closed must not swallow the rest of the file unseen.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain as joined
from typing import BinaryIO, TextIO

from app.formats.lines import read_lines
from app.formats.rows import COLUMNS, MAX_ADDRESS, RefusedRow, Row, UnreadableDocument, make_row, match_columns

DELIMITERS = (",", ";", "\t")
MAX_ROW_LINES = 50  # lines that one quoted row may span
_FORMULA_STARTS = ("=", "+", "-", "@", "\t")
_GUARDED = tuple(f"'{start}" for start in _FORMULA_STARTS)
SCREENING_COLUMNS = (
    "ref",
    "address",
    "chain",
    "canonical",
    "status",
    "confidence",
    "organizations",
    "categories",
    "reports",
    "error_code",
    "error_detail",
)
ERROR_COLUMNS = ("row", "ref", "address", "chain", "code", "detail")


class Table:
    """A table or list being read, row by row, in constant memory.

    The first line decides: a header with a known name for the address (see `rows.COLUMNS`), or, where it is one
    text alone, a plain list in which blank lines and lines that begin with `#` do not count. Raises
    UnreadableDocument for a first line of several columns none of which is known as the address.
    """

    def __init__(self, stream: BinaryIO, chain: str = "") -> None:
        """Read the first line. `chain` is for rows that state none."""
        self._chain = chain
        self._lines = read_lines(stream)
        self._first, self._before = _first_line(self._lines)
        self._delimiter = _delimiter(self._first)
        self._names = next(csv.reader([self._first], delimiter=self._delimiter or ","), [])
        self.columns = match_columns(self._names)
        if self._delimiter and "address" not in self.columns:
            raise UnreadableDocument(
                f"No column is named as the address; name it 'address'. Found: {', '.join(self._names)[:300]}"
            )
        self.is_list = "address" not in self.columns
        if not self.is_list:
            _spare_currency(self.columns, self._names)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Return the header's names that mean nothing here."""
        used = set(self.columns.values())
        return () if self.is_list else tuple(name for place, name in enumerate(self._names) if place not in used)

    @property
    def has_sources(self) -> bool:
        """Tell whether there is a column of sources."""
        return "source" in self.columns

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        """Read the rows; each has the number of its line in the file."""
        return self._list_rows() if self.is_list else self._table_rows()

    def _list_rows(self) -> Iterator[Row | RefusedRow]:
        for number, line in enumerate(joined([self._first], self._lines), self._before + 1):
            text = line.rstrip("\r\n")
            if text and len(text) <= MAX_ADDRESS and text[0] != "#" and not text.isspace():
                yield Row(number, text, self._chain)  # what make_row would give, for the longest of files
            elif text.strip() and text[0] != "#":
                yield make_row(number, {"address": text}, self._chain)

    def _table_rows(self) -> Iterator[Row | RefusedRow]:
        reader = csv.reader(self._lines, delimiter=self._delimiter or ",")
        offset, line = self._before + 1, 0
        places = [(name, place) for name, place in self.columns.items() if name in COLUMNS]
        while True:
            number = offset + line + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield RefusedRow(number, "unreadable_row", f"The row is not CSV: {error}.")
                line = reader.line_num
                continue
            spanned, line = reader.line_num - line, reader.line_num
            if spanned > MAX_ROW_LINES:
                yield RefusedRow(number, "unclosed_quote", f"A quote opened here takes in {spanned} lines; close it.")
            elif any(cells):
                width = len(cells)
                given = {n: cells[p] for n, p in places if p < width and cells[p]}
                yield make_row(number, _unguarded(given), self._chain)


def _unguarded(cells: dict[str, str]) -> dict[str, str]:
    """Take off the apostrophe by which `cell`, or a spreadsheet, keeps a text from being a formula."""
    for text in cells.values():
        if text[0] == "'" and text.startswith(_GUARDED):
            return {**cells, **{other: value[1:] for other, value in cells.items() if value.startswith(_GUARDED)}}
    return cells


def _first_line(lines: Iterator[str]) -> tuple[str, int]:
    before = 0
    for line in lines:
        if line.strip() and not line.startswith("#"):
            return line, before
        before += 1
    return "", before


def _delimiter(line: str) -> str:
    """Give the delimiter under which the line has a column known as the address, or the most frequent one."""
    split = {mark: next(csv.reader([line], delimiter=mark), []) for mark in DELIMITERS if mark in line}
    for mark, names in split.items():
        if "address" in match_columns(names):
            return mark
    return max(split, key=lambda mark: len(split[mark]), default="")


def _spare_currency(columns: dict[str, int], names: list[str]) -> None:
    """Take a currency that stands beside a network as the asset, where there is no asset."""
    if "asset" in columns:
        return
    left = {place: name for place, name in enumerate(names) if place not in columns.values()}
    for place, name in left.items():
        if name.strip().lower() in {"currency", "coin", "ticker"}:
            columns["asset"] = place
            return


def cell(value: object) -> str:
    """Write one cell: a text that a spreadsheet would take as a formula gets a leading apostrophe.

    A carriage return becomes a blank: the standard library's writer leaves it unquoted, and it would end the row.
    """
    if value is None:
        return ""
    text = str(value).replace("\r", " ")
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def write_rows(stream: TextIO, rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV (RFC 4180 quoting, line feeds), every cell guarded."""
    csv.writer(stream, lineterminator="\n").writerows([cell(value) for value in row] for row in rows)
