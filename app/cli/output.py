"""What a command prints: JSON for programs, tables for people.

The rule here: data goes to stdout and everything else to stderr; what others wrote is stripped of control characters
before a terminal sees it.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
FORMS = ("table", "json", "ndjson")
_WHOLE = frozenset({"id", "report"})  # columns that are copied into the next command
_MOMENTS = ("_at", "_seen", "_until")
_DAY = 10  # characters of a date


def form_options(command: F) -> F:
    """Add --format and --json to a command, as the parameters `form` and `as_json`."""
    form = click.option(
        "--format",
        "form",
        type=click.Choice(FORMS),
        help="How to print [table on a terminal, ndjson into a pipe].",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    return form(as_json(command))


def choose_form(form: str | None, *, as_json: bool) -> str:
    """Give the form to print in: what was asked for, or a table on a terminal and ndjson elsewhere."""
    if as_json:
        return "json"
    return form or ("table" if sys.stdout.isatty() else "ndjson")


def print_document(document: Any) -> None:
    """Print one JSON document on one line."""
    click.echo(json.dumps(document, ensure_ascii=False, separators=(", ", ": ")))


def print_rows(rows: Iterable[Mapping[str, Any]], form: str, columns: Sequence[str], noun: str) -> None:
    """Print rows in a form: ndjson as they come, JSON under their noun, or a table of some columns."""
    if form == "ndjson":
        for row in rows:
            print_document(row)
    elif form == "json":
        print_document({noun: list(rows)})
    else:
        print_table(columns, ([row.get(column) for column in columns] for row in rows))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Draw a table of the columns that hold something; long cells are folded, never cut, and ids stay whole."""
    from rich.box import SIMPLE  # noqa: PLC0415 - rich only when drawing
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    cells = [[_short(column, plain(value)) for column, value in zip(columns, row, strict=True)] for row in rows]
    used = [place for place in range(len(columns)) if any(row[place] for row in cells)]
    table = Table(box=SIMPLE, pad_edge=False)
    for place in used:
        table.add_column(columns[place].replace("_", " "), overflow="fold", no_wrap=columns[place] in _WHOLE)
    for row in cells:
        table.add_row(*(Text(row[place]) for place in used))
    Console(color_system=None if os.environ.get("NO_COLOR") else "auto", highlight=False).print(table)


def _short(column: str, text: str) -> str:
    """Write a moment as its day: a table is an overview, the whole is in --json."""
    return text[:_DAY] if column.endswith(_MOMENTS) else text


def plain(value: Any) -> str:
    """Write a value as harmless text: nothing for nothing, no control characters, no marks that turn text around."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return plain(value.get("name") or value.get("kind") or value.get("id"))
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return "".join(character if character.isprintable() else "\ufffd" for character in str(value))


def say(sentence: str) -> None:
    """Say something to the person at the terminal, not to the program that reads the output."""
    click.echo(plain(sentence), err=True)
