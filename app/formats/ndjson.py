"""Lines of JSON: one object a line, with the columns of a table as names; a line may also be an address alone, quoted.

The rule here: JSON is read strictly (no repeated names, no NaN), and a bad line is one refused row with its number.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from app.formats.lines import MAX_LINE, read_lines
from app.formats.rows import RefusedRow, Row, make_row, match_columns


class Lines:
    """A file of JSON lines being read, in constant memory; blank lines do not count."""

    has_sources = True

    def __init__(self, stream: BinaryIO, chain: str = "") -> None:
        """Take the stream. `chain` is for rows that state none."""
        self._lines = read_lines(stream)
        self._chain = chain
        self._ignored: dict[str, None] = {}
        self._places: dict[tuple[str, ...], dict[str, int]] = {}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Return the names that mean nothing here, of the lines read so far."""
        return tuple(self._ignored)

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        """Read the rows; each has the number of its line."""
        for number, line in enumerate(self._lines, 1):
            if line.strip():
                yield self._row(number, line)

    def _row(self, number: int, line: str) -> Row | RefusedRow:
        if len(line) >= MAX_LINE:
            return RefusedRow(number, "too_long", f"The line has more than {MAX_LINE} characters.")
        try:
            document = load(line)
        except (ValueError, RecursionError) as error:
            return RefusedRow(number, "invalid_json", f"The line is not JSON: {error}.")
        if isinstance(document, str):
            return make_row(number, {"address": document}, self._chain)
        if not isinstance(document, dict):
            return RefusedRow(number, "invalid_json", "The line must be an object with an address.")
        return make_row(number, self._cells(document), self._chain)

    def _cells(self, document: dict[str, Any]) -> dict[str, Any]:
        names = tuple(document)
        places = self._places.get(names)
        if places is None:
            places = match_columns(list(names))
            used = set(places.values())
            self._ignored.update(dict.fromkeys(name for place, name in enumerate(names) if place not in used))
            if len(self._places) < 1000:  # noqa: PLR2004 - shapes of lines remembered; a hostile file has no end of them
                self._places[names] = places
        return {column: document[names[place]] for column, place in places.items()}


def load(text: str | bytes) -> Any:
    """Read JSON strictly. Raises ValueError for repeated names, NaN, infinities and what is not JSON."""
    return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name is repeated")
    return document


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")
