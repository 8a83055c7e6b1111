"""What must hold of the registry before it is written.

The rule here: the same reading as in the program; a row that its own form refuses is not written.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from app.domain.address.chain import Form
from app.domain.address.forms import make_form
from app.domain.errors import InvalidAddress

is_caip2 = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}").fullmatch
is_asset = re.compile(r"[-a-z0-9]{3,8}:[-.%a-zA-Z0-9]{1,128}").fullmatch
is_slug = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*").fullmatch
is_host = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+").fullmatch
CONTRACTS = frozenset({"erc20", "trc20", "token", "cw20", "fa2", "nep141"})
MAX_BYTES = 1_000_000


def check(document: Mapping[str, Any]) -> None:
    """Raise ValueError with every fault of the document."""
    faults: list[str] = []
    forms: dict[str, Form] = {}
    names: Counter[str] = Counter()
    for row in document["chains"]:
        forms[row["caip2"]] = make_form(row["form"][0], row["family"], row["form"][1])
        names.update(name.lower() for name in (row["caip2"], row["slug"], *row["aliases"]))
        faults += _chain_faults(row, forms[row["caip2"]])
    faults += [f"{name}: a name of {count} chains" for name, count in names.items() if count > 1]
    ids = Counter(asset[0] for asset in document["assets"])
    faults += [f"{caip19}: stands {count} times" for caip19, count in ids.items() if count > 1]
    faults += [
        f"{row['slug']}: no such asset" for row in document["chains"] if row["native"] and not ids[row["native"]]
    ]
    for asset in document["assets"]:
        faults += _asset_faults(asset, forms)
    if faults:
        raise ValueError("\n".join(faults))


def _chain_faults(row: Mapping[str, Any], form: Form) -> list[str]:
    slug = row["slug"]
    faults = []
    if not is_caip2(row["caip2"]) or not is_slug(slug) or not row["name"]:
        faults.append(f"{slug}: id, slug or name")
    if form.family != row["family"]:
        faults.append(f"{slug}: the form is of the family {form.family}")
    if _canonical(form, row["sample"]) != row["sample"]:
        faults.append(f"{slug}: the sample is read as another address")
    faults += [f"{slug}: the host {host}" for host in row["hosts"] if not is_host(host)]
    return faults


def _asset_faults(asset: list[str], forms: Mapping[str, Form]) -> list[str]:
    caip19, symbol, name = asset
    chain, _, held = caip19.partition("/")
    if chain not in forms or not is_asset(held) or not symbol or not name:
        return [f"{caip19}: id, symbol or name"]
    contract = _contract(chain, held)
    if contract and _canonical(forms[chain], contract) != contract:
        return [f"{caip19}: not an address of its chain in its canonical form"]
    return []


def _canonical(form: Form, text: str) -> str:
    try:
        return form.read(text).canonical
    except InvalidAddress:
        return ""


def _contract(chain: str, held: str) -> str:
    kind, _, name = held.partition(":")
    if chain.startswith("xrpl:") and kind == "token":
        return name.rpartition(".")[2]
    if chain.startswith("stellar:") and kind == "asset":
        return name.rpartition("-")[2]
    if kind == "jetton":
        return unquote(name)
    return name if kind in CONTRACTS else ""
