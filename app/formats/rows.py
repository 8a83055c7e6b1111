"""The row: what every reader of a document gives, and the columns it is made from.

The rule here: one line or tag of the document is exactly one Row or one RefusedRow, with its number in the document.
A reader states what the document says; whether an address is one of its chain is decided by the node.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from app.domain import address as addresses
from app.domain.errors import Invalid

MAX_ADDRESS = addresses.LONGEST_WRAPPING  # characters: longer texts are refused before they are sent
MAX_REF = 128  # characters of the caller's own reference
MAX_SOURCE = 500  # characters: as long as one evidence reference may be
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_EMPTY: Mapping[str, Any] = MappingProxyType({})

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "address": (
            "address",
            "addr",
            "wallet_address",
            "crypto_address",
            "account_address",
            "wallet",
            "indicator",
            "value",
            "raw",
        ),
        "chain": (
            "chain",
            "caip2",
            "chain_slug",
            "network",
            "blockchain",
            "currency",
            "stated_currency",
            "coin",
            "ticker",
        ),
        "ref": ("ref", "reference_id", "row_id", "id", "uuid"),
        "asset": ("asset", "token", "asset_id"),
        "tag": ("tag", "memo", "destination_tag", "payment_id"),
        "role": ("role",),
        "relation": ("relation", "relationship"),
        "first_seen": ("first_seen", "firstseen", "first"),
        "last_seen": ("last_seen", "lastseen", "last"),
        "transactions": ("transactions", "transaction", "txid", "tx_hash", "transaction_hash"),
        "confidence": ("confidence", "score"),
        "source": ("source", "source_url", "url", "reference", "evidence"),
        "category": ("category",),
        "subcategory": ("subcategory", "sub_category"),
        "method": ("method",),
        "reliability": ("reliability",),
        "credibility": ("credibility",),
        "tlp": ("tlp",),
        "pap": ("pap",),
        "case": ("case", "case_id", "case_number"),
        "legal_basis": ("legal_basis",),
        "summary": ("summary",),
        "state": ("state",),
    }
)
NOT_LIVE = frozenset({"superseded", "revoked", "erased"})  # states of a row that claims nothing any more
TAKEN_BACK = "taken_back"  # code of a refused row that its source once claimed, and claims no longer
_FIELDS = ("asset", "tag", "role", "relation", "first_seen", "last_seen")
_CLAIMS = ("category", "subcategory", "method", "reliability", "case", "legal_basis", "summary")


class UnreadableDocument(Invalid):
    """The document is not in a form that can be read."""

    code = "unreadable_document"


class Source(NamedTuple):
    """A reference that a row must keep: `kind` of evidence, the reference, when it was seen to say so, and its hash."""

    kind: str
    reference: str
    observed_at: str = ""
    sha256: str = ""

    def to_document(self) -> dict[str, Any]:
        """Give the evidence entry of a report."""
        return {name: value for name, value in self._asdict().items() if value}


@dataclass(frozen=True, slots=True)
class Row:
    """One address as the document states it.

    `number` counts lines or tags from 1. `address` is the text as it stands there, `chain` a slug, CAIP-2 id or the
    document's own word ("" when it has none). `fields` are further fields of the indicator, `claims` fields of the
    report that this row states itself (sorted pairs), `sources` the references it must keep as evidence.
    """

    number: int
    address: str
    chain: str = ""
    ref: str = ""
    fields: Mapping[str, Any] = field(default_factory=lambda: _EMPTY, hash=False)
    claims: tuple[tuple[str, Any], ...] = ()
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """One line or tag that was not accepted: `code` for programs, `detail` for people."""

    number: int
    code: str
    detail: str
    ref: str = ""
    address: str = ""
    chain: str = ""


class Document(Protocol):
    """A document that is being read: its rows, in order, once."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """Return the names of columns that were found and mean nothing here."""
        ...

    @property
    def has_sources(self) -> bool:
        """Tell whether rows may name sources of their own."""
        ...

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        """Read the rows."""
        ...


def column_of(name: str) -> str:
    """Give a header's name in the form in which columns are compared: lower case, words joined by `_`."""
    return _SEPARATORS.sub("_", name.strip().lstrip("\ufeff").lower()).strip("_")


def match_columns(names: list[str]) -> dict[str, int]:
    """Find which of a header's names stands for which column; of several synonyms the first of the table counts."""
    places = {column_of(name): place for place, name in reversed(list(enumerate(names)))}
    return {
        column: next(places[word] for word in words if word in places)
        for column, words in COLUMNS.items()
        if any(word in places for word in words)
    }


@lru_cache(maxsize=4096)
def chain_of(name: str) -> str:
    """Give the slug of a chain's name, id or ticker (BTC); an unknown name is given back, for the node to refuse."""
    word = name.strip()
    chain = addresses.find_chain(word)
    return chain.slug if chain else word


def is_chain(name: str) -> bool:
    """Tell whether the name, id or ticker stands for a chain that can be named."""
    return addresses.find_chain(name.strip()) is not None


def make_row(number: int, cells: Mapping[str, Any], chain: str = "") -> Row | RefusedRow:
    """Make a row from the cells of one line, by column; empty cells are absent. `chain` is for a line without one."""
    text = cells.get("address") or ""
    stated = cells.get("chain") or ""
    ref = str(cells.get("ref") or "")[:MAX_REF]
    if not isinstance(text, str) or not isinstance(stated, str):
        return RefusedRow(number, "invalid_field", "address and chain must be texts.", ref)
    if str(cells.get("state") or "") in NOT_LIVE:
        detail = f"Its source says that it is {cells['state']}: it claims nothing any more."
        return RefusedRow(number, TAKEN_BACK, detail, ref, text[:MAX_ADDRESS], stated)
    if problem := address_problem(text):
        return RefusedRow(number, *problem, ref, text[:MAX_ADDRESS], stated)
    if len(cells) == 1:
        return Row(number, text, chain)
    try:
        fields, claims = _fields(cells), _claims(cells)
    except ValueError as error:
        return RefusedRow(number, "invalid_field", str(error), ref, text, stated)
    source = cells.get("source")
    return Row(
        number,
        text,
        chain_of(stated) if stated else chain,
        ref,
        fields,
        claims,
        (Source("other", str(source)[:MAX_SOURCE]),) if source else (),
    )


def address_problem(text: str) -> tuple[str, str] | None:
    """Tell why a text cannot be sent as an address at all, as code and detail."""
    if not text.strip():
        return "empty", "There is no address in this row."
    if len(text) > MAX_ADDRESS:
        return "too_long", f"The text has more than {MAX_ADDRESS} characters, more than any address or link."
    return None


def whole_number(value: Any, name: str) -> int:
    """Read a whole number from a cell. Raises ValueError, which says what to write."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,6}", value.strip()):
        return int(value)
    raise ValueError(f"{name} must be a whole number, such as 60.")


def _fields(cells: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {name: cells[name] for name in _FIELDS if cells.get(name)}
    if cells.get("confidence") not in (None, ""):
        found["confidence"] = whole_number(cells["confidence"], "confidence")
    listed = cells.get("transactions")
    if listed:
        found["transactions"] = listed.split() if isinstance(listed, str) else listed
    return found or _EMPTY


def _claims(cells: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    found: list[tuple[str, Any]] = [(name, str(cells[name])) for name in _CLAIMS if cells.get(name)]
    if cells.get("credibility"):
        found.append(("credibility", whole_number(cells["credibility"], "credibility")))
    found += [(name, label(str(cells[name]), name.upper())) for name in ("tlp", "pap") if cells.get(name)]
    return tuple(sorted(found))


def label(text: str, scheme: str) -> str:
    """Write a marking in full: `amber` as `TLP:AMBER`. An unknown one is refused by the node."""
    word = text.strip().upper()
    return word if word.startswith(f"{scheme}:") else f"{scheme}:{word}"
