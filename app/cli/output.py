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
    """Draw a table; long cells are folded, never cut."""
    from rich.box import SIMPLE  # noqa: PLC0415 - rich only when drawing
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(value)) for value in row))
    Console(no_color=bool(os.environ.get("NO_COLOR")), highlight=False).print(table)


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
