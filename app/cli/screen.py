"""`watchfire screen`: every address of a file, of any size, in constant memory.

The rule here: one output row for each input row, in order, with its reference and the address as it was written; a
row that cannot be read is a row that says so.
"""

import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from app.cli.check import HITS, exit_of
from app.cli.connection import LONG, connect, connection_options
from app.cli.failures import Exit
from app.cli.output import print_document, say
from app.cli.progress import progress
from app.cli.sources import FORMATS, STDIN, form_of, open_source, read_rows

if TYPE_CHECKING:
    from app.client import Client
    from app.formats.rows import RefusedRow, Row

_TOLD_EVERY = 10_000  # rows
_NDJSON = frozenset({".ndjson", ".jsonl"})


@click.command()
@click.argument("name", metavar="FILE|-", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("-o", "--output", "out", default=STDIN, metavar="OUT", help="Where the results go [stdout].")
@click.option(
    "--format", "form", type=click.Choice(("csv", "ndjson")), help="Of the results [by OUT; ndjson to stdout]."
)
@click.option("--input", "wanted", type=click.Choice(FORMATS), default="auto", show_default=True, help="Form of FILE.")
@click.option("--chain", default="", help="Chain of rows that state none, as slug or CAIP-2 id.")
@click.option("--fail-on-hit", is_flag=True, help="End with 10 if an address is listed or disputed, 6 if one is none.")
@click.option("--json", "as_json", is_flag=True, help="Print what it came to as JSON; the results go to OUT.")
@connection_options
@click.pass_context
def screen(
    ctx: click.Context,
    /,
    *,
    name: str,
    out: str,
    form: str | None,
    wanted: str,
    chain: str,
    fail_on_hit: bool,
    as_json: bool,
    **node: str | None,
) -> None:
    """Ask about every address of FILE (- is stdin): CSV, NDJSON, TagPack, or one address a line."""
    if as_json and out == STDIN:
        raise click.UsageError("With --json the results need a place of their own: give -o OUT.")
    chosen = form or ("ndjson" if out == STDIN or Path(out).suffix.lower() in _NDJSON else "csv")
    counts: Counter[str] = Counter()
    with (
        open_source(name, seekable=False) as stream,
        connect(**node).client(LONG) as client,
        progress("Screening") as told,
    ):
        # A category, because a screening asks of every tag, whatever it is about.
        document = read_rows(stream, form_of(name, stream, wanted), chain, {"category": "service_infrastructure"})
        with _opened(out) as sink:
            write = _write_csv if chosen == "csv" else _write_ndjson
            write(sink, _counted(results(client, document), counts, told))
    words = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in sorted(counts.items()))
    if as_json:
        print_document({"read": counts.total(), "counts": dict(sorted(counts.items())), "output": out})
    say(f"{counts.total():,} screened: {words or 'nothing'}. Not listed is not the same as clean.")
    if fail_on_hit:
        ctx.exit(Exit.HIT if any(counts[status] for status in HITS) else _partial(counts))


def _partial(counts: Counter[str]) -> Exit:
    return Exit.PARTIAL if any(exit_of(status) for status in counts) else Exit.DONE


def results(client: "Client", rows: Iterable["Row | RefusedRow"]) -> Iterator[dict[str, Any]]:
    """Screen rows; each result has the row's number, its own reference and the address as it was written."""
    from app.formats.rows import Row  # noqa: PLC0415 - the formats only when a file is read

    asked: deque[Row | RefusedRow] = deque()

    def questions() -> Iterator[dict[str, str]]:
        for given in rows:
            row = _claimed_once(given)
            asked.append(row)
            if isinstance(row, Row):
                question = {"ref": str(row.number), "address": row.address.strip()}
                yield {**question, "chain": row.chain} if row.chain else question

    for answer in client.screen(questions()):
        while not isinstance(row := asked.popleft(), Row):
            yield _unread(row)
        if answer.get("ref") != str(row.number):
            raise click.ClickException("The node's answers are not in the order of the questions; nothing is certain.")
        yield {**answer, "row": row.number, "ref": row.ref or str(row.number), "address": row.address}
    yield from (_unread(row) for row in asked if not isinstance(row, Row))


def _claimed_once(row: "Row | RefusedRow") -> "Row | RefusedRow":
    """Ask also about an address that its file takes back: a question claims nothing."""
    from app.formats.rows import TAKEN_BACK, RefusedRow, Row, chain_of  # noqa: PLC0415

    if isinstance(row, RefusedRow) and row.code == TAKEN_BACK and row.address.strip():
        return Row(row.number, row.address, chain_of(row.chain) if row.chain else "", row.ref)
    return row


def _unread(row: "RefusedRow") -> dict[str, Any]:
    return {
        "ref": row.ref or str(row.number),
        "address": row.address,
        "chain": row.chain or None,
        "canonical": None,
        "status": "invalid",
        "confidence": None,
        "organizations": 0,
        "categories": [],
        "reports": [],
        "error": {"code": row.code, "detail": row.detail},
        "row": row.number,
    }


def _counted(rows: Iterable[dict[str, Any]], counts: Counter[str], told: Any) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows, 1):
        counts[str(row.get("status"))] += 1
        if number % _TOLD_EVERY == 0:
            told(number)
        yield row


@contextmanager
def _opened(out: str) -> Iterator[TextIO]:
    """Open the output. A file appears under its name only when it is complete."""
    path = Path(out)
    if out == STDIN:
        yield sys.stdout
    elif path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    else:
        unfinished = path.with_name(f"{path.name}.part")
        with unfinished.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        unfinished.replace(path)


def _write_ndjson(sink: TextIO, rows: Iterable[Mapping[str, Any]]) -> None:
    import msgspec  # noqa: PLC0415

    encode = msgspec.json.Encoder().encode
    sink.writelines(encode(row).decode() + "\n" for row in rows)


def _write_csv(sink: TextIO, rows: Iterable[Mapping[str, Any]]) -> None:
    from app.formats.csv import SCREENING_COLUMNS, write_rows  # noqa: PLC0415

    write_rows(sink, [SCREENING_COLUMNS])
    write_rows(sink, (_cells(row) for row in rows))


def _cells(row: Mapping[str, Any]) -> list[Any]:
    error = row.get("error") or {}
    return [
        row.get("ref"),
        row.get("address"),
        row.get("chain"),
        row.get("canonical"),
        row.get("status"),
        row.get("confidence"),
        row.get("organizations"),
        _joined(row.get("categories")),
        _joined(row.get("reports")),
        error.get("code"),
        error.get("detail"),
    ]


def _joined(value: Any) -> Any:
    """Write a list in one cell, its entries apart by blanks."""
    if not isinstance(value, list):
        return value
    return " ".join(
        str(item.get("category") or item.get("id")) if isinstance(item, dict) else str(item) for item in value
    )
