"""Build app/domain/address/registry.json: `python tools/registry/build.py SOURCES_DIR [--check]`.

SOURCES_DIR holds one folder for each public repository, named <owner>+<name>, with its files at the commit that
SOURCES.md names; SOURCES.md says which of them are read. With --check nothing is written, and the exit code is 1 when
the file differs.

The rule here: the same sources give the same bytes.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from app.domain.address.forms import make_form
from app.domain.errors import InvalidAddress
from tools.registry.assets import Tokens, choose, read_tokens, written_tokens
from tools.registry.check import MAX_BYTES, check
from tools.registry.cosmos import read_cosmos
from tools.registry.evm import read_evm
from tools.registry.rows import MISLEADING, NO_ASSETS, Row, native, settle_names
from tools.registry.substrate import read_substrate
from tools.registry.wallets import add_wallet_names
from tools.registry.written import read_facts, read_written

TARGET = Path(__file__).parents[2] / "app/domain/address/registry.json"
_slip = re.compile(r"\|\s*(\d+)\s*\|\s*(\S+)\s*\|").match


def main(arguments: list[str]) -> int:
    """Write or compare the registry. Raises ValueError with every fault of it."""
    parser = argparse.ArgumentParser(description="Build the registry of chains and assets.")
    parser.add_argument("sources", type=Path)
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    options = parser.parse_args(arguments)
    text = build(options.sources)
    same = TARGET.exists() and TARGET.read_text() == text
    if not options.check:
        TARGET.write_text(text)
    return int(options.check and not same)


def build(sources: Path) -> str:
    """Return the text of registry.json."""
    facts = read_facts()
    rows, held = gather(sources, facts)
    settle_names(rows)
    for row in rows:
        row.sample = make_form(row.form[0], row.family, row.form[1]).sample(sha256(row.caip2.encode()).digest())
    document = {
        "chains": [row.to_document() for row in rows],
        "assets": list(_assets(rows, held, read_tokens(sources), facts["limits"])),
    }
    check(document)
    text = _lines(document)
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(f"the registry has {len(text.encode())} bytes, more than {MAX_BYTES}")
    return text


def gather(sources: Path, facts: dict[str, Any]) -> tuple[list[Row], list[list[str]]]:
    """Return the rows in the order of the registry, and the further assets of Cosmos chains."""
    rows: dict[str, Row] = {row.caip2: row for row in read_written(facts)}
    slugs = {name for row in rows.values() for name in (row.slug, *row.aliases)}
    held: list[list[str]] = []
    slips = _slips(sources)
    for row, assets in read_cosmos(sources, slips):
        row.slug = facts["slugs"].get(row.slug, row.slug)
        _add(rows, slugs, row, "cosmos")
        held += assets
    for row in read_substrate(sources):
        _add(rows, slugs, row, "substrate")
    for row in read_evm(sources):
        known = rows.get(row.caip2)
        if known:
            known.found += row.found
            known.hosts += row.hosts
        elif not row.testnet:
            _add(rows, slugs, row, "evm")
    _add_numbers({row.slug: row for row in rows.values()}, facts["numbers"], slips)
    add_wallet_names(sources, rows, facts["wallet_ids"])
    _add_tickers(rows.values())
    return _ordered(rows.values(), facts["order"]), held


def _add(rows: dict[str, Row], slugs: set[str], row: Row, kind: str) -> None:
    if row.slug in slugs:
        row.slug = f"{row.slug}-{kind}"
    slugs.add(row.slug)
    rows.setdefault(row.caip2, row)


def _add_numbers(rows: dict[str, Row], numbers: dict[str, int], slips: dict[int, set[str]]) -> None:
    for slug, number in numbers.items():
        if rows[slug].symbol not in slips[number]:
            raise ValueError(f"SLIP-44 number {number} is not of {rows[slug].symbol}")
        rows[slug].native = native(rows[slug].symbol, number)


def _add_tickers(rows: Iterable[Row]) -> None:
    """Make a ticker a name of the only chain that has it; a stablecoin's is no chain's, nor is a placeholder."""
    rows = [row for row in rows if not row.testnet]
    for row in rows:
        row.native_symbol = row.symbol
        if row.symbol.upper() in NO_ASSETS:
            row.native = ""
        if row.symbol.upper() in MISLEADING | NO_ASSETS:
            row.symbol = ""
    symbols = Counter(row.symbol.lower() for row in rows)
    for row in rows:
        if row.symbol and symbols[row.symbol.lower()] == 1:
            row.found.append(row.symbol.lower())


def _ordered(rows: Iterable[Row], order: list[str]) -> list[Row]:
    places = {slug: place for place, slug in enumerate(order)}
    known = list(rows)
    missing = places.keys() - {row.slug for row in known}
    if missing:
        raise ValueError(f"in `order` but no chain: {sorted(missing)}")
    return sorted(known, key=lambda row: (row.testnet, places.get(row.slug, len(places))))


def _slips(sources: Path) -> dict[int, set[str]]:
    numbers: dict[int, set[str]] = {}
    for line in (sources / "satoshilabs+slips/slip-0044.md").read_text().splitlines():
        found = _slip(line)
        if found:
            numbers.setdefault(int(found[1]), set()).add(found[2])
    return numbers


def _assets(rows: list[Row], held: list[list[str]], tokens: Tokens, limits: dict[str, int]) -> Iterator[list[str]]:
    for row in rows:
        if row.native:
            yield [f"{row.caip2}/{row.native}", row.native_symbol or row.symbol, row.native_name]
    yield from written_tokens()
    yield from held
    for row in rows:
        if not row.testnet:
            form = make_form(row.form[0], row.family, row.form[1])
            yield from _tokens(form, choose(tokens.get(row.caip2, {}), limits.get(row.slug, limits["others"])))


def _tokens(form: Any, chosen: Iterable[Any]) -> Iterator[list[str]]:
    seen = set()
    for token in chosen:
        start = token.caip19[: -len(token.contract)]
        try:
            caip19 = start + form.read(token.contract).canonical
        except InvalidAddress:
            continue
        if caip19 not in seen:
            seen.add(caip19)
            yield [caip19, token.symbol, token.name]


def _lines(document: dict[str, Any]) -> str:
    parts = []
    for key in ("chains", "assets"):
        lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in document[key])
        parts.append(f'"{key}":[\n' + ",\n".join(lines) + "\n]")
    return "{" + ",\n".join(parts) + "}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
