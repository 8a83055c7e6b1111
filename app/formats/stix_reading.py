"""STIX 2.1 in: our own shape, and wallets and indicators of others, MISP's too, read into rows.

The rule here: downwards only, and nothing is guessed that accuses. A marking that cannot be resolved is RED, and what
was taken back is a refused row with the code `taken_back`. The category comes from our extension, from the caller, or
from a label that clearly says it. Of our own shape nothing is lost; of others' the address, marking, confidence and
labels are taken, and who made it stands in the evidence.

Read are `indicator` with a pattern of wallets alone, `cryptocurrency-wallet` (one that an indicator of the document
names is that indicator's), and of MISP's converter `x-misp-attribute` (btc, xmr, dash) and `x-misp-object`
(coin-address). Nobody but us and MISP states the chain: the likeliest whose checksum holds is taken, unless a label or
the caller names one.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from app.domain import address as addresses
from app.domain.address.identity import VERIFIED
from app.domain.errors import InvalidAddress, InvalidRecord
from app.domain.history import LIVE
from app.domain.indicator import INDICATOR_FIELDS
from app.domain.marking import Tlp, read_pap
from app.domain.report import MAX_EVIDENCE
from app.domain.timestamps import EARLIEST, read_time
from app.domain.vocabulary import METHOD_CEILINGS
from app.formats import misp_tags, stix_ids
from app.formats.misp_sharing import Destination, Sharing
from app.formats.ndjson import load
from app.formats.rows import (
    MAX_ADDRESS,
    MAX_REF,
    MAX_SOURCE,
    TAKEN_BACK,
    RefusedRow,
    Row,
    Source,
    UnreadableDocument,
    address_problem,
    chain_of,
    is_chain,
)
from app.formats.tagpack import Wish

MAX_BYTES = 64 * 1024 * 1024  # bytes of one document, which is parsed as a whole
WALLETS = frozenset({"cryptocurrency-wallet", "x-opencti-cryptocurrency-wallet"})
CONTEXT = frozenset(
    {"identity", "marking-definition", "relationship", "report", "grouping", "extension-definition", "language-content"}
)
ADD_CATEGORY = "add a label such as 'sex_trafficking' to the object, or our extension"
_MISP_TYPES = {"btc": "bitcoin", "xmr": "monero", "dash": "dash"}
_MISP_RELATIONS = {"address": "", "address-xmr": "monero", "address-crypto": ""}
_COMPARISON = r"(?:x-opencti-)?cryptocurrency-wallet:value\s*=\s*'((?:[^'\\]|\\.)*)'"
_COMPARED = re.compile(_COMPARISON)
_PATTERN = re.compile(rf"\s*\[\s*{_COMPARISON}(?:\s+OR\s+{_COMPARISON})*\s*\](?:\s*OR\s*\[\s*{_COMPARISON}\s*\])*\s*")
_CLAIMS = ("category", "subcategory", "method", "confidence", "reliability", "credibility", "case", "legal_basis")
_MORE_CLAIMS = ("summary", "valid_from", "valid_until")
_DEFAULT_LEVEL = 50  # confidence of what was shared without a word on it, before its method's ceiling
_SOURCE_FIELDS = ("kind", "reference", "observed_at", "sha256")

Object = Mapping[str, Any]


@dataclass(slots=True)
class StixObjects:
    """STIX objects being read; rows are numbered from 1 over all addresses, and `places` tells of which object each is.

    `skipped` counts, by type, what holds no address; it is complete once all rows were read. A row's `ref` is the id
    of its object. `most` is the strictest TLP that is taken, `destination` where the reports go.
    """

    objects: list[Any]
    wish: Wish = field(default_factory=Wish)
    most: Tlp = Tlp.RED
    destination: Destination = field(default_factory=Destination)
    skipped: Counter[str] = field(default_factory=Counter)
    places: dict[int, int] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    has_sources: bool = True
    _number: int = 0
    _known: dict[str, Object] = field(default_factory=dict)
    _labels: dict[str, list[str]] = field(default_factory=dict)
    _claimed: dict[str, Object] = field(default_factory=dict)
    _flagged: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        """Read the rows."""
        self._number = 0
        self.skipped.clear()
        self.places.clear()
        self._index()
        for place, item in enumerate(self.objects):
            for row in self._rows(item):
                self.places[self._number] = place
                yield row

    def _index(self) -> None:
        """Find what other objects say of each: the newest version of each id, claims, labels, flagged values."""
        for item in self.objects:
            if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                continue
            known = self._known.get(item["id"])
            if known is None or _rank(known) <= _rank(item):
                self._known[item["id"]] = item
        for item in self._known.values():
            kind, own = item.get("type"), _own(item)
            if kind == "report" and isinstance(own.get("record"), str):
                self._claimed[own["record"]] = item
            if kind in {"report", "grouping"}:
                for ref in _texts(item.get("object_refs")):
                    self._labels.setdefault(ref, []).extend(_texts(item.get("labels")))
            if kind == "indicator":
                self._flagged |= set(values_of(_text(item, "pattern")) or ())

    def _rows(self, item: Any) -> Iterator[Row | RefusedRow]:
        if not isinstance(item, dict) or stix_ids.parse(item.get("id")) is None:
            self._number += 1
            yield RefusedRow(self._number, "invalid_object", "The object has no id that is one of STIX.")
            return
        kind = _text(item, "type")
        if self._known.get(item["id"]) is not item:
            self.skipped["an older version"] += 1
        elif kind == "indicator":
            yield from self._indicator_rows(item)
        elif kind in WALLETS:
            value = item.get("value")
            if value in self._flagged:
                self.skipped["wallet of an indicator"] += 1
            else:
                yield self._row(item, value, "")
        elif kind == "x-misp-attribute" and item.get("x_misp_type") in _MISP_TYPES:
            yield self._row(item, item.get("x_misp_value"), _MISP_TYPES[item["x_misp_type"]])
        elif kind == "x-misp-object" and item.get("x_misp_name") == "coin-address":
            yield from self._misp_object_rows(item)
        else:
            self.skipped[kind[:60]] += 1

    def _indicator_rows(self, item: Object) -> Iterator[Row | RefusedRow]:
        found = values_of(_text(item, "pattern"))
        if not found:
            self._number += 1
            code, detail = (
                "unknown_pattern",
                "The pattern must compare cryptocurrency-wallet:value with addresses alone.",
            )
            if item.get("revoked") is True:
                code, detail = TAKEN_BACK, "It was taken back."
            yield RefusedRow(self._number, code, detail, _text(item, "id")[:MAX_REF])
        for value in found or ():
            yield self._row(item, value, "")

    def _misp_object_rows(self, item: Object) -> Iterator[Row | RefusedRow]:
        parts = [part for part in item.get("x_misp_attributes") or () if isinstance(part, dict)]
        symbol = next((_text(part, "value") for part in parts if part.get("object_relation") == "symbol"), "")
        for part in parts:
            relation = part.get("object_relation")
            if relation in _MISP_RELATIONS:
                stated = _MISP_TYPES.get(_text(part, "type"), _MISP_RELATIONS[str(relation)])
                yield self._row(item, part.get("value"), chain_of(symbol) if is_chain(symbol) else stated)

    def _row(self, item: Object, value: Any, chain: str) -> Row | RefusedRow:
        self._number += 1
        number, ref = self._number, _text(item, "id")[:MAX_REF]
        if not isinstance(value, str):
            return RefusedRow(number, "empty", "The object has no address that is a text.", ref)

        def refuse(code: str, detail: str) -> RefusedRow:
            return RefusedRow(number, code, detail, ref, value[:MAX_ADDRESS], chain)

        own, claim = _own(item), self._claim(item)
        tlp = self._tlp(item)
        if problem := self._problem(item, value, tlp):
            return refuse(*problem)
        claims = self._own_claims(claim) if claim else self._claims(item)
        if isinstance(claims, str):
            return refuse("not_trafficking", claims)
        fields = _fields(own)
        chain = _text(fields, "chain") or chain or self._chain(item, value)
        if not chain:
            return refuse("ambiguous_chain", "Nothing says on which chain the address is: add a label such as bitcoin.")
        pap = claims.pop("pap", None)
        claims |= self.destination.labels(tlp, None if pap is None else read_pap(str(pap)))
        further = {name: said for name, said in fields.items() if name not in {"chain", "address"}}
        return Row(
            number, value, chain_of(chain), ref, further, tuple(sorted(claims.items())), self._sources(item, claim)
        )

    def _problem(self, item: Object, value: str, tlp: Tlp | None) -> tuple[str, str] | None:
        """Tell why an address is not to be submitted, whatever is claimed of it, as code and detail."""
        if item.get("revoked") is True or _own(item).get("state", LIVE) != LIVE:
            return TAKEN_BACK, "It was taken back: it is not submitted, and revoked where it was before."
        if tlp is not None and list(Tlp).index(tlp) > list(Tlp).index(self.most):
            return "marking_too_strict", f"It is marked {tlp}; what is stricter than {self.most} is not taken here."
        if reason := self.destination.refusal(tlp, Sharing()):
            return "shared_too_far", reason
        return address_problem(value)

    def _claim(self, item: Object) -> Object:
        """Give what our extension says of the report: that of the report's own object, else the indicator's."""
        own = _own(item)
        whole = self._claimed.get(_text(own, "record"))
        return own if whole is None else _own(whole)

    def _own_claims(self, claim: Object) -> dict[str, Any] | str:
        claims = {name: claim[name] for name in (*_CLAIMS, *_MORE_CLAIMS, "pap") if _is_plain(claim.get(name))}
        wished = {name: getattr(self.wish, name) for name in ("category", "method", "confidence")}
        claims = {name: said for name, said in claims.items() if wished.get(name) is None}
        lacks = [name for name, said in wished.items() if said is None and name not in claims]
        return f"The extension does not state {', '.join(lacks)}." if lacks else claims

    def _claims(self, item: Object) -> dict[str, Any] | str:
        """Give the report's fields by labels and confidence, or the sentence why this is not about trafficking."""
        wish, labels = self.wish, self._labels_of(item)
        claims: dict[str, Any] = {}
        if wish.category is None:
            found = misp_tags.category_of(labels)
            if found is None:
                vague = misp_tags.vague_of(labels)
                said = f"'{vague}' does not say of which kind" if vague else "Nothing says that it is about trafficking"
                return f"{said}: {ADD_CATEGORY}."
            claims["category"] = found[0]
            if wish.subcategory is None and found[1]:
                claims["subcategory"] = found[1]
        stated = misp_tags.claims_of(labels)
        claims |= {name: value for name, value in stated.items() if name != "method"}
        if wish.method is None:
            claims["method"] = stated.get("method", "unspecified")
        if wish.confidence is None:
            level = item.get("confidence")
            known = level if isinstance(level, int) and 0 <= level <= 100 else misp_tags.confidence_of(labels)  # noqa: PLR2004 - STIX's scale
            ceiling = METHOD_CEILINGS.get(wish.method or str(claims.get("method")), 100)
            claims["confidence"] = min(_DEFAULT_LEVEL if known is None else known, ceiling)
        return claims

    def _labels_of(self, item: Object) -> list[str]:
        extensions = item.get("extensions")
        others = extensions.values() if isinstance(extensions, dict) else ()
        found = [*_texts(item.get("labels")), *self._labels.get(_text(item, "id"), [])]
        for part in others:
            found += _texts(part.get("labels")) if isinstance(part, dict) else []
        return found

    def _tlp(self, item: Object) -> Tlp | None:
        """Give the strictest marking of an object; None where it has none."""
        refs = _texts(item.get("object_marking_refs"))
        found = [stix_ids.MARKED_BY.get(ref) or self._marking(ref) for ref in refs]
        found.append(misp_tags.tlp_of(self._labels_of(item)))
        order = list(Tlp)
        return max((tlp for tlp in found if tlp is not None), key=order.index, default=None)

    def _marking(self, ref: str) -> Tlp | None:
        """Read a marking that the document defines; a statement says nothing of readers, and what is absent is RED."""
        item = self._known.get(ref)
        if item is None:
            return Tlp.RED
        definition = item.get("definition")
        stated = _text(definition, "tlp") if isinstance(definition, dict) else ""
        name = _text(item, "name")
        label = name if name.lower().startswith("tlp:") else f"tlp:{stated}" if stated else ""
        return misp_tags.tlp_of([label]) if label else None

    def _chain(self, item: Object, value: str) -> str:
        """Give the chain: of the wallet's extension, the caller, a label, or the likeliest whose checksum holds."""
        stated = _text(_own(item), "chain") or self.wish.chain
        if stated:
            return stated
        for label in self._labels_of(item):
            if is_chain(label):
                return chain_of(label)
        try:
            first, *_ = addresses.interpret(value).readings
        except InvalidAddress:
            return ""
        return first.chain.slug if first.address.checksum == VERIFIED or first.address.family == "evm" else ""

    def _sources(self, item: Object, claim: Object) -> tuple[Source, ...]:
        """Give the evidence: what our extension lists, and whose objects these are."""
        listed = claim.get("evidence")
        found = [
            Source(*(_text(entry, name) for name in _SOURCE_FIELDS))
            for entry in (listed if isinstance(listed, list) else ())
            if isinstance(entry, dict)
        ]
        creator = self._known.get(_text(item, "created_by_ref"), {})
        maker = _text(creator, "name") or _text(item, "created_by_ref") or "an unnamed source"
        record = _text(claim, "record")
        words = f"Watchfire report {record} of {maker}, node {_text(claim, 'origin')}" if record else f"STIX of {maker}"
        shown = "".join(character if character.isprintable() else " " for character in words)
        return (*found, Source("report", shown[:MAX_SOURCE]))[:MAX_EVIDENCE]


def read_stix(stream: BinaryIO, wish: Wish | None = None, destination: Destination | None = None) -> StixObjects:
    """Parse a bundle, a TAXII envelope, or a list of objects. Raises UnreadableDocument."""
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnreadableDocument(f"The STIX document has more than {MAX_BYTES} bytes; export fewer objects at once.")
    try:
        document = load(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableDocument(f"The file is not JSON: {str(error)[:200]}.") from error
    return StixObjects(objects_of(document), wish or Wish(), destination=destination or Destination())


def objects_of(document: Any) -> list[Any]:
    """Give the objects of a bundle, an envelope or a list, or one alone. Raises UnreadableDocument."""
    if isinstance(document, dict) and "objects" not in document and document.get("type") not in {None, "bundle"}:
        return [document]
    listed = document.get("objects", []) if isinstance(document, dict) else document
    if not isinstance(listed, list) or (isinstance(document, dict) and not document.keys() & {"objects", "type"}):
        raise UnreadableDocument('The document must be a STIX bundle or {"objects": [...]}.')
    return listed


def values_of(pattern: str) -> list[str] | None:
    """Give the addresses that a pattern compares wallets with; None where it says anything else."""
    if not _PATTERN.fullmatch(pattern):
        return None
    return [re.sub(r"\\(.)", r"\1", found) for found in _COMPARED.findall(pattern)]


def _own(item: Object) -> Object:
    extensions = item.get("extensions")
    own = extensions.get(stix_ids.EXTENSION) if isinstance(extensions, dict) else None
    return own if isinstance(own, dict) else {}


def _fields(own: Object) -> Object:
    said = own.get("indicator")
    return {name: said[name] for name in INDICATOR_FIELDS if name in said} if isinstance(said, dict) else {}


def _rank(item: Object) -> tuple[datetime, bool]:
    """Give what decides which version of an object is the newer one: of one time that which is revoked."""
    try:
        moment = read_time(_text(item, "modified"))
    except InvalidRecord:
        moment = EARLIEST
    return moment, item.get("revoked") is True


def _text(document: Object, name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
