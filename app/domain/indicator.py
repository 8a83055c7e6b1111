"""The rows of a report: one address each, with what qualifies it.

The rule here: a row that people submit is read with what surrounds its address taken off, and that is said; a row of
a record that is already signed must be canonical as it stands (`strict`). A refused row never refuses another.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from app.domain import address as addresses
from app.domain import reading, vocabulary
from app.domain.address import Address, Chain
from app.domain.errors import Invalid, InvalidAddress, Refused
from app.domain.reading import Refusal
from app.domain.timestamps import format_time

MAX_INDICATORS = 10_000  # addresses of one report: one signature, about 1.2 MB
MAX_TRANSACTIONS = 100  # transaction ids of one indicator
MAX_TAG = 128  # characters of a destination tag, memo or payment id
MAX_CHAIN = 256  # characters of a chain's name, which may be an asset's CAIP-19 id

INDICATOR_FIELDS = (
    "chain",
    "address",
    "asset",
    "role",
    "relation",
    "first_seen",
    "last_seen",
    "tag",
    "transactions",
    "confidence",
)
_PLAIN = frozenset({"chain", "address", "ref"})
_ASSET = re.compile(
    r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}/[-a-z0-9]{3,8}:[-.%a-zA-Z0-9]{1,128}(/[-.%a-zA-Z0-9]{1,78})?|[A-Za-z0-9.$-]{1,32}"
)
_TRANSACTION = re.compile(r"[A-Za-z0-9+/=_:.-]{8,128}")


class Indicator(NamedTuple):
    """One address in one report; `key` is its 16-byte index key, `chain` a CAIP-2 id, `address` canonical.

    A tuple, because a report has up to 10,000 of them and making one must cost no more than reading its address.
    """

    chain: str
    address: str
    key: bytes
    asset: str | None = None
    role: str | None = None
    relation: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    tag: str | None = None
    transactions: tuple[str, ...] = ()
    confidence: int | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the indicator as it stands in a record: only what is known."""
        document: dict[str, Any] = {"chain": self.chain, "address": self.address}
        if self[3:] == _NOTHING_ELSE:
            return document
        for name in ("asset", "role", "relation", "tag", "confidence"):
            value = getattr(self, name)
            if value is not None:
                document[name] = value
        for name in ("first_seen", "last_seen"):
            value = getattr(self, name)
            if value is not None:
                document[name] = format_time(value)
        if self.transactions:
            document["transactions"] = list(self.transactions)
        return document


_NOTHING_ELSE = Indicator("", "", b"")[3:]


class CleanedRow(NamedTuple):
    """A row whose address was read after something around it was taken off: where, which row of the caller, what."""

    pointer: str
    ref: str | None
    changes: tuple[str, ...]


class Rows(NamedTuple):
    """What the rows of a report came to: the good ones, those refused and why, those that were cleaned."""

    accepted: list[Indicator]
    refused: tuple[Refused, ...]
    cleaned: tuple[CleanedRow, ...]


def read_indicators(document: Mapping[str, Any], method: str, *, strict: bool, kept: bool = False) -> Rows:
    """Read the rows of a report; give the good ones and, for each bad one, why.

    A row that was `kept` before stands as it is, whatever is known of its chain today; only its key is made anew.
    """
    rows = reading.rows(reading.need(document, "indicators"), "/indicators", 1, MAX_INDICATORS)
    reader = _Reader(method, strict=strict, kept=kept)
    plain = {} if kept else _read_plain(rows, strict=strict)
    accepted: list[Indicator] = []
    refused: list[Refused] = []
    cleaned: list[CleanedRow] = []
    for place, row in enumerate(rows):
        if place in plain:
            accepted.append(plain[place])
            continue
        try:
            accepted.append(reader.read(row))
        except InvalidAddress as error:
            pointer = f"/indicators/{place}/address"
            refused.append(Refused(error.reason, error.detail, pointer, reader.ref(row), error.suggestion))
        except Invalid as error:
            first = error.errors[0]
            refused.append(Refused(first.code, first.detail, f"/indicators/{place}{first.pointer}", reader.ref(row)))
        else:
            if reader.changes:
                cleaned.append(CleanedRow(f"/indicators/{place}/address", reader.ref(row), reader.changes))
                reader.changes = ()
    return Rows(accepted, tuple(refused), tuple(cleaned))


def _read_plain(rows: Sequence[object], *, strict: bool) -> dict[int, Indicator]:
    """Read the rows that say no more than chain and address, those of each chain together, which costs half.

    Gives the good ones by their place; a row that is anything else is left out, to be read alone.
    """
    by_chain: dict[str, list[tuple[int, str]]] = {}
    for place, row in enumerate(rows):
        if isinstance(row, dict) and row.keys() <= _PLAIN:
            named, given = row.get("chain"), row.get("address")
            if isinstance(named, str) and isinstance(given, str):
                by_chain.setdefault(named, []).append((place, given))
    found: dict[int, Indicator] = {}
    make = tuple.__new__  # half the price of calling the class
    for named, ours in by_chain.items():
        chain = addresses.find_chain(named)
        if chain is None or (strict and named != chain.caip2):
            continue
        read = addresses.parse_many(chain, [given for _, given in ours])
        for (place, given), address in zip(ours, read, strict=True):
            if isinstance(address, Address) and address.tag is None and (address.canonical == given or not strict):
                fields = (chain.caip2, address.canonical, address.key, *_NOTHING_ELSE)
                found[place] = make(Indicator, fields)
    return found


def read_address(row: object, pointer: str, *, strict: bool, kept: bool) -> tuple[str, str]:
    """Read chain and address of a row that names one, as an indicator's are read; give the two texts.

    Raises Refusal.
    """
    fields = reading.mapping(row, pointer)
    name, given = (str(reading.need(fields, field, pointer)) for field in ("chain", "address"))
    if kept:
        return name, given
    chain = addresses.find_chain(name)
    if chain is None:
        raise Refusal(f"{pointer}/chain", addresses.explain_unknown(name), "unknown_chain")
    try:
        read, *_ = addresses.interpret(given, chain).readings
    except InvalidAddress as error:
        raise Refusal(f"{pointer}/address", error.detail, error.reason) from error
    canonical_address = read.chain.caip2, read.address.canonical
    if strict and (name, given) != canonical_address:
        detail = f"must be canonical in a signed record: {' '.join(canonical_address)}"
        raise Refusal(f"{pointer}/address", detail, "not_canonical")
    return canonical_address


@dataclass(slots=True)
class _Reader:
    """Reads rows one after the other; `changes` is what was taken off around the address of the last one."""

    method: str
    strict: bool = field(kw_only=True)
    kept: bool = field(kw_only=True)
    changes: tuple[str, ...] = ()
    _chains: dict[str, Chain] = field(default_factory=dict)
    _sought: int = 0

    def read(self, row: object) -> Indicator:
        """Read one row. Raises InvalidAddress, Refusal."""
        fields = reading.mapping(row, "")
        named = fields.get("chain")
        chain = self._chains.get(named) if isinstance(named, str) else None
        if chain is None:
            chain = self._chains[fields["chain"]] = _chain(fields)
        given = reading.need(fields, "address")
        if not isinstance(given, str):
            raise Refusal("/address", "must be a text.")
        if self.kept:
            read = _qualified(fields, fields["chain"], Address("", given, ""), self.method, strict=True)
            return read._replace(key=addresses.kept_key(read.chain, given))
        try:
            address = addresses.parse(chain, given)
        except InvalidAddress:
            if self.strict:
                raise
            chain, address = self._clean(chain, given)
        if self.strict and (given != address.canonical or fields["chain"] != chain.caip2):
            raise Refusal(
                "/address", f"must be canonical in a signed record: {chain.caip2} {address.canonical}", "not_canonical"
            )
        if address.tag is None and fields.keys() <= _PLAIN:
            return Indicator(chain.caip2, address.canonical, address.key)
        return _qualified(fields, chain.caip2, address, self.method, strict=self.strict)

    def _clean(self, chain: Chain, given: str) -> tuple[Chain, Address]:
        try:
            (read,), self.changes = addresses.interpret(given, chain)
        except InvalidAddress as error:
            self._sought += 1
            suggestion = addresses.suggest(given, chain) if self._sought <= addresses.MOST_SUGGESTIONS else None
            raise InvalidAddress(error.reason, error.detail, suggestion) from None
        return read.chain, read.address

    def ref(self, row: object) -> str | None:
        """Give the caller's reference of a row back, short and such that it can be written; another type is none."""
        ref = row.get("ref") if isinstance(row, dict) and not self.strict else None
        return str(ref)[:128].encode(errors="replace").decode() if isinstance(ref, str | int) else None


def _chain(fields: dict[str, Any]) -> Chain:
    name = reading.text(reading.need(fields, "chain"), "/chain", MAX_CHAIN)
    chain = addresses.find_chain(name)
    if chain is None:
        raise Refusal("/chain", addresses.explain_unknown(name), "unknown_chain")
    return chain


def _qualified(fields: dict[str, Any], chain: str, address: Address, method: str, *, strict: bool) -> Indicator:
    if not strict:
        reading.check_keys(fields, (*INDICATOR_FIELDS, "ref"))
    confidence = reading.maybe_integer(fields, "confidence", 0, 100)
    if confidence is not None:
        vocabulary.check_ceiling(method, confidence)
    tag = reading.maybe_text(fields, "tag", MAX_TAG)
    if tag is not None and address.tag is not None and tag != address.tag:
        raise Refusal("/tag", "contradicts the tag inside the address.")
    first, last = reading.span(fields, strict=strict)
    return Indicator(
        chain,
        address.canonical,
        address.key,
        asset=_pattern(fields.get("asset"), _ASSET, "/asset", "a CAIP-19 id such as eip155:1/slip44:60, or a symbol"),
        role=reading.maybe_word(fields, "role", vocabulary.ROLES),
        relation=reading.maybe_word(fields, "relation", vocabulary.RELATIONS),
        first_seen=first,
        last_seen=last,
        tag=tag or address.tag,
        transactions=_transactions(fields.get("transactions")),
        confidence=confidence,
    )


def _transactions(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    rows = reading.rows(value, "/transactions", 0, MAX_TRANSACTIONS)
    return tuple(
        str(_pattern(row, _TRANSACTION, f"/transactions/{place}", "a transaction id")) for place, row in enumerate(rows)
    )


def _pattern(value: object, pattern: re.Pattern[str], pointer: str, what: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise Refusal(pointer, f"must be {what}.")
