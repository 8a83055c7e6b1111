"""The file that a command reads: its form, its rows, and stdin.

The rule here: a file is opened once and read as it is; which form it has is told by its name, else by its first line.
"""

import io
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

if TYPE_CHECKING:
    from app.formats.misp_sharing import Destination
    from app.formats.rows import Document
    from app.formats.tagpack import Wish

FORMATS = ("auto", "csv", "ndjson", "tagpack", "stix", "misp")
STDIN = "-"
_BY_SUFFIX = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".tab", ".list"), "csv"),
    **dict.fromkeys((".ndjson", ".jsonl"), "ndjson"),
    **dict.fromkeys((".yaml", ".yml"), "tagpack"),
}
_PIECE = 1024 * 1024
_WISHED = ("category", "subcategory", "method", "confidence", "summary")
_STIX = re.compile(rb'"type"\s*:\s*"bundle"|"spec_version"\s*:\s*"2')
_MISP = re.compile(rb'\s*(\[\s*)?\{\s*"(Event|response)"\s*:|\s*\{\s*"response"')


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
    if start.startswith((b"{", b'"', b"[")):
        if _STIX.search(start):
            return "stix"
        return "misp" if _is_misp(start) else "ndjson"
    first = start.split(b"\n", 1)[0]
    is_yaml = first.startswith(b"---") or (b": " in first and b"," not in first)
    return "tagpack" if is_yaml else "csv"


@dataclass(frozen=True, slots=True)
class Sharing:
    """Whose organization is asking ("" where it is not known), and MISP's sharing groups that its audience is in."""

    own: str = ""
    groups: frozenset[str] = frozenset()


def _slug(chain: str) -> str:
    """Give the slug of --chain. Raises click.UsageError for one that is not known."""
    from app.cli.output import plain  # noqa: PLC0415
    from app.domain.address import explain_unknown  # noqa: PLC0415 - the registry only when a file is read
    from app.formats.rows import chain_of, is_chain  # noqa: PLC0415

    if chain and not is_chain(chain):
        raise click.UsageError(f"--chain {plain(chain)} {explain_unknown(chain)}")
    return chain_of(chain) if chain else ""


def wish_of(fields: Mapping[str, Any], chain: str) -> "Wish":
    """Give what the caller decides for tags, whatever they say. Raises click.UsageError for an unknown chain."""
    from app.formats.tagpack import Wish  # noqa: PLC0415

    return Wish(**{name: fields.get(name) for name in _WISHED}, chain=_slug(chain))


def destination(fields: Mapping[str, Any], sharing: Sharing) -> "Destination":
    """Tell where reports with these fields go, for what may not go further than it says."""
    from app.domain.marking import Pap, Tlp  # noqa: PLC0415
    from app.formats.misp_sharing import Destination  # noqa: PLC0415

    tlp, pap = fields.get("tlp"), fields.get("pap")
    labels = (None if tlp is None else Tlp(tlp), None if pap is None else Pap(pap))
    return Destination(*labels, fields.get("audience"), sharing.own, sharing.groups)


def _is_misp(start: bytes) -> bool:
    """Tell whether JSON begins as MISP writes an event, a list of them, or the answer of a search."""
    return _MISP.match(start) is not None


def read_rows(
    stream: BinaryIO, form: str, chain: str, fields: dict[str, Any] | None = None, sharing: "Sharing | None" = None
) -> "Document":
    """Begin to read the rows. `chain` is for rows without one; a TagPack's and MISP's tags yield to `fields`.

    `sharing` says whose organization reads a MISP event, and which sharing groups its audience is in.

    Raises click.UsageError for a chain that is not known, UnreadableDocument for a document that is none.
    """
    from app.formats.csv import Table  # noqa: PLC0415
    from app.formats.ndjson import Lines  # noqa: PLC0415

    slug = _slug(chain)
    if form in {"tagpack", "misp", "stix"}:
        from app.formats.tagpack import TagPack  # noqa: PLC0415 - YAML only when there is some

        wish = wish_of(fields or {}, chain)
        if form == "tagpack":
            return TagPack(stream, wish)
        if form == "stix":
            from app.formats.stix_reading import read_stix  # noqa: PLC0415

            return read_stix(stream, wish, destination(fields or {}, sharing or Sharing()))
        from app.formats.misp import read_misp  # noqa: PLC0415

        return read_misp(stream, wish, destination(fields or {}, sharing or Sharing()))
    return Lines(stream, slug) if form == "ndjson" else Table(stream, slug)
