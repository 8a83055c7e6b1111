"""Reports as tables: CSV and lines of JSON, one row for each address, with the columns of EXPORT_COLUMNS.

The rule here: what is written says of itself what became of it (`state`), and is read back by our own importer, which
takes no row that was revoked, superseded or erased as a claim. An erased report is one row without an address: whoever
holds an earlier export learns which report to remove. No cell of a CSV runs as a formula; no address is changed for
that where it cannot.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

from app.domain import address as addresses
from app.domain.history import LIVE, REVOKED
from app.domain.indicator import Indicator
from app.domain.timestamps import format_time
from app.formats.csv import cell
from app.formats.published import Published

EXPORT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "address": "The address, canonical; empty where the report was erased.",
        "chain": "CAIP-2 id of its chain.",
        "chain_slug": "The chain's short name.",
        "asset": "Asset, as CAIP-19 id or symbol.",
        "tag": "Destination tag, memo or payment id.",
        "role": "What the address was in it.",
        "relation": "How it belongs to it; nothing means directly.",
        "first_seen": "When it was first seen in it.",
        "last_seen": "When it was last seen in it.",
        "transactions": "Transaction ids, apart by blanks.",
        "category": "What it is for.",
        "subcategory": "What exactly.",
        "method": "How it is known.",
        "confidence": "How sure, 0 to 100: the address's own, else the report's.",
        "reliability": "Of the source, A to F (Admiralty).",
        "credibility": "Of the claim, 1 to 6 (Admiralty).",
        "tlp": "Handling label.",
        "pap": "Permitted actions.",
        "case": "The issuer's own reference.",
        "legal_basis": "On what it is shared.",
        "summary": "The issuer's short text.",
        "source": "First reference to evidence; all are in NDJSON, under `evidence`.",
        "state": "live, superseded, revoked or erased.",
        "issuer": "Id of the organization that says so.",
        "issuer_name": "Its name.",
        "issuer_kind": "What it is.",
        "origin": "Id of its node.",
        "report": "Id of the report.",
        "ordinal": "Place of the address in the report, from 0.",
        "custody": "Who signed: the organization itself, or its node for it.",
        "issued_at": "When the report was made.",
        "valid_until": "When the claim ends.",
    }
)
# Nothing without one of these is computed by a spreadsheet that could reach another file or program.
_DANGEROUS = re.compile(r"""[()!|"'=,;&\s]""")
_FLUSHED = 64 * 1024  # characters of one piece


def csv_pieces(reports: Iterable[Published], *, header: bool = True) -> Iterator[bytes]:
    """Write reports as CSV (RFC 4180 quoting, line feeds, UTF-8), in pieces of some 64 KiB."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    if header:
        writer.writerow(EXPORT_COLUMNS)
    for report in reports:
        for row in rows_of(report):
            writer.writerow([_guarded(name, value) for name, value in row.items()])
            if sink.tell() >= _FLUSHED:
                yield _emptied(sink)
    yield _emptied(sink)


def ndjson_pieces(reports: Iterable[Published]) -> Iterator[bytes]:
    """Write reports as lines of JSON: the columns that hold something, transactions as a list, and `evidence`."""
    encode = msgspec.json.Encoder().encode
    for report in reports:
        said = report.report
        evidence = [item.to_document() for item in said.evidence] if said is not None else []
        lines: list[bytes] = []
        for row in rows_of(report):
            found = {name: value for name, value in row.items() if value is not None and value != ()}
            lines.append(encode({**found, "evidence": evidence} if evidence else found))
        yield b"".join(line + b"\n" for line in lines)


def rows_of(report: Published) -> Iterator[dict[str, Any]]:
    """Give the rows of a report, by column and in their order."""
    if report.report is None:
        yield {**dict.fromkeys(EXPORT_COLUMNS), **_frame(report), "state": report.state}
        return
    of_report = {**_claim(report), **_frame(report)}
    for ordinal, indicator in enumerate(report.indicators):
        row = {**_NOTHING, **of_report, **_indicator(indicator)}
        row["ordinal"] = ordinal
        row["state"] = state_of(report, ordinal)
        if indicator.confidence is not None:
            row["confidence"] = indicator.confidence
        yield row


def state_of(report: Published, ordinal: int) -> str:
    """Give the state of one address of a report."""
    return REVOKED if report.state == LIVE and report.is_withdrawn(ordinal) else report.state


_NOTHING: Mapping[str, Any] = MappingProxyType(dict.fromkeys(EXPORT_COLUMNS))


def _indicator(indicator: Indicator) -> dict[str, Any]:
    first, last = indicator.first_seen, indicator.last_seen
    return {
        "address": indicator.address,
        "chain": indicator.chain,
        "chain_slug": slug_of(indicator.chain),
        "asset": indicator.asset,
        "tag": indicator.tag,
        "role": indicator.role,
        "relation": indicator.relation,
        "first_seen": None if first is None else format_time(first),
        "last_seen": None if last is None else format_time(last),
        "transactions": indicator.transactions,
    }


def _claim(report: Published) -> dict[str, Any]:
    said = report.report
    assert said is not None
    return {
        "category": said.category,
        "subcategory": said.subcategory,
        "method": said.method,
        "confidence": said.confidence,
        "reliability": said.reliability,
        "credibility": said.credibility,
        "case": said.case,
        "legal_basis": said.legal_basis,
        "summary": said.summary,
        "source": said.evidence[0].reference if said.evidence else None,
        "valid_until": format_time(said.expires_at(report.issued_at)),
    }


def _frame(report: Published) -> dict[str, Any]:
    return {
        "tlp": str(report.tlp),
        "pap": report.pap,
        "issuer": str(report.issuer.id),
        "issuer_name": report.issuer.name,
        "issuer_kind": report.issuer.kind,
        "origin": report.origin,
        "report": str(report.id),
        "custody": report.custody,
        "issued_at": format_time(report.issued_at),
    }


@lru_cache(maxsize=4096)
def slug_of(chain: str) -> str:
    """Give the short name of a chain; its CAIP-2 id where it has none."""
    found = addresses.find_chain(chain)
    return chain if found is None else found.slug


def _guarded(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return cell(" ".join(value))
    if name == "address" and value is not None and not _DANGEROUS.search(value):
        return str(value)
    return cell(value)


def _emptied(sink: io.StringIO) -> bytes:
    text = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return text.encode()
