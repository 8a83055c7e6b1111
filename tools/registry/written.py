"""The chains that are described by hand in chains.toml.

The rule here: what is written wins over every source.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.registry.rows import Row, native

FACTS = Path(__file__).with_name("chains.toml")


def read_facts() -> dict[str, Any]:
    """Return the document of chains.toml."""
    return tomllib.loads(FACTS.read_text())


def read_written(facts: dict[str, Any]) -> Iterator[Row]:
    """Give the rows of [[chain]], then those of `evm`."""
    for entry in facts["chain"]:
        yield _row({"family": entry["slug"], **entry})
    for entry in facts["evm"]:
        form = ["evm", {key: entry.pop(key) for key in ("eip1191", "prefix") if key in entry}]
        yield _row({"caip2": f"eip155:{entry.pop('id')}", "family": "evm", "form": form, **entry})


def _row(entry: dict[str, Any]) -> Row:
    slip44 = entry.pop("slip44", None)
    name = entry.pop("asset", entry["name"])
    row = Row(**{"native": native(entry["symbol"], slip44), "native_name": name, **entry})
    row.form = [row.form[0], row.form[1] if len(row.form) > 1 else {}]
    return row
