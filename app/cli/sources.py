"""The file that a command reads: its form, its rows, and stdin.

The rule here: a file is opened once and read as it is; which form it has is told by its name, else by its first line.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

if TYPE_CHECKING:
    from app.formats.rows import Document

FORMATS = ("auto", "csv", "ndjson", "tagpack")
STDIN = "-"
_BY_SUFFIX = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".tab", ".list"), "csv"),
    **dict.fromkeys((".ndjson", ".jsonl"), "ndjson"),
    **dict.fromkeys((".yaml", ".yml"), "tagpack"),
}
_PIECE = 1024 * 1024


@contextmanager
def open_source(name: str, *, seekable: bool) -> Iterator[BinaryIO]:
    """Open a file, or stdin for `-`. With `seekable` stdin is first kept in a file that vanishes."""
    if name != STDIN:
        with Path(name).open("rb") as stream:
            yield stream
    elif not seekable:
        yield sys.stdin.buffer
    else:
        with tempfile.TemporaryFile() as kept:
            while piece := sys.stdin.buffer.read(_PIECE):
                kept.write(piece)
            kept.seek(0)
            yield cast("BinaryIO", kept)


def form_of(name: str, stream: BinaryIO, wanted: str) -> str:
    """Tell the form: what was asked for, else by the name's ending, else by what the content begins with."""
    if wanted != "auto":
        return wanted
    suffix = Path(name).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    start = stream.peek(512)[:512].lstrip(b"\xef\xbb\xbf \r\n\t") if isinstance(stream, io.BufferedReader) else b""
    if start.startswith((b"{", b'"')):
        return "ndjson"
    first = start.split(b"\n", 1)[0]
    is_yaml = first.startswith(b"---") or (b": " in first and b"," not in first)
    return "tagpack" if is_yaml else "csv"


def read_rows(stream: BinaryIO, form: str, chain: str, fields: dict[str, Any] | None = None) -> "Document":
    """Begin to read the rows. `chain` is for rows without one; a TagPack's tags yield to `fields` of the report.

    Raises click.UsageError for a chain that is not known, UnreadableDocument for a document that is none.
    """
    from app.cli.output import plain  # noqa: PLC0415
    from app.domain.address import explain_unknown  # noqa: PLC0415 - the registry only when a file is read
    from app.formats.csv import Table  # noqa: PLC0415
    from app.formats.ndjson import Lines  # noqa: PLC0415
    from app.formats.rows import chain_of, is_chain  # noqa: PLC0415

    if chain and not is_chain(chain):
        raise click.UsageError(f"--chain {plain(chain)} {explain_unknown(chain)}")
    slug = chain_of(chain) if chain else ""
    if form == "tagpack":
        from app.formats.tagpack import TagPack, Wish  # noqa: PLC0415 - YAML only when there is some

        wished = {
            name: (fields or {}).get(name) for name in ("category", "subcategory", "method", "confidence", "summary")
        }
        return TagPack(stream, Wish(**wished, chain=slug))
    return Lines(stream, slug) if form == "ndjson" else Table(stream, slug)
