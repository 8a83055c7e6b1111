"""MISP events in JSON, read into rows: attributes btc, xmr and dash, and objects coin-address.

The rule here: what is no address is counted by its type and never lost from sight; what was deleted is a refused row
with the code `taken_back`; and an event never goes further than it says (`misp_sharing`).

What an event says goes to: its tags to category, method, confidence, TLP and PAP (`misp_tags`; what is said at the
attribute goes before what is said of the event, but for the labels, of which the strictest counts); first and last
seen to the indicator; the organization that made it, and its uuid, to the evidence. An attribute of a type for
addresses that is not for detection (`to_ids` false) is only mentioned with the case. Comments and other texts are not
kept, but for one text that all objects of an event have in common and that holds no personal data.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

from app.domain.errors import InvalidRecord
from app.domain.marking import Tlp
from app.domain.privacy import check_text
from app.domain.report import MAX_SUMMARY
from app.domain.timestamps import read_time
from app.domain.vocabulary import METHOD_CEILINGS
from app.formats import misp_tags
from app.formats.misp_sharing import Destination, Sharing, sharing_of
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

MAX_BYTES = 64 * 1024 * 1024  # bytes of one document: events with a few thousand attributes have about 2 MB
TYPES = {"btc": "bitcoin", "xmr": "monero", "dash": "dash"}
COIN_ADDRESS = "coin-address"
TEMPLATE = "d0e6997e-78da-4815-a6a1-cfc1c1cb8a46"
_RELATIONS = frozenset({"address", "address-xmr", "address-crypto"})
_DEFAULT_LEVEL = 50  # confidence of what was shared without a word on it, before its method's ceiling


@dataclass(frozen=True, slots=True)
class _Context:
    """What an attribute inherits from its object and event."""

    source: Source
    tags: tuple[str, ...]
    sharing: Sharing
    deleted: bool
    summary: str = ""
    symbol: str = ""
    first_seen: str = ""
    last_seen: str = ""


@dataclass(slots=True)
class MispEvents:
    """One or more MISP events being read; rows are numbered from 1 over all attributes that hold an address.

    `skipped` counts, by type, what holds no address; it is complete once all rows were read. A row's `ref` is the uuid
    of its attribute.
    """

    events: list[dict[str, Any]]
    wish: Wish = field(default_factory=Wish)
    destination: Destination = field(default_factory=Destination)
    place: str = ""
    skipped: Counter[str] = field(default_factory=Counter)
    ignored: tuple[str, ...] = ()
    has_sources: bool = True
    _number: int = 0

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        """Read the rows."""
        self._number = 0
        self.skipped.clear()
        for event in self.events:
            yield from self._event_rows(event)

    def _event_rows(self, event: Mapping[str, Any]) -> Iterator[Row | RefusedRow]:
        objects = _dicts(event.get("Object"))
        summary = _common_text(objects)
        deleted = _is_true(event.get("deleted"))
        tags = tuple(misp_tags.names_of(event.get("Tag")))
        of_event = _Context(self._source(event), tags, sharing_of(event), deleted, summary)
        for attribute in _dicts(event.get("Attribute")):
            context = of_event
            if "Event" in attribute:  # one found by /attributes/restSearch brings its event along
                own = {**_dict(attribute["Event"]), **_dict(event.get("Event"))}
                more = (*tags, *misp_tags.names_of(own.get("Tag")))
                context = _Context(self._source(own), more, sharing_of(own), deleted, summary)
            yield from self._attribute_rows(attribute, context)
        for item in objects:
            yield from self._object_rows(item, of_event)
        if proposals := _dicts(event.get("ShadowAttribute")):
            self.skipped["proposal"] += len(proposals)

    def _object_rows(self, item: Mapping[str, Any], of_event: _Context) -> Iterator[Row | RefusedRow]:
        attributes = _dicts(item.get("Attribute"))
        if item.get("name") != COIN_ADDRESS and item.get("template_uuid") != TEMPLATE:
            for attribute in attributes:
                yield from self._attribute_rows(attribute, of_event)
            return
        said = {str(part.get("object_relation")): _text(part, "value") for part in attributes if not _deleted(part)}
        context = _Context(
            of_event.source,
            of_event.tags,
            sharing_of(item).within(of_event.sharing),
            of_event.deleted or _deleted(item),
            of_event.summary,
            said.get("symbol", ""),
            said.get("first-seen") or _text(item, "first_seen"),
            said.get("last-seen") or _text(item, "last_seen"),
        )
        for attribute in attributes:
            if attribute.get("object_relation") in _RELATIONS:
                yield self._row(attribute, context)

    def _attribute_rows(self, attribute: Mapping[str, Any], context: _Context) -> Iterator[Row | RefusedRow]:
        if attribute.get("type") in TYPES:
            yield self._row(attribute, context)
        else:
            self.skipped[_text(attribute, "type")[:40] or "without a type"] += 1

    def _row(self, attribute: Mapping[str, Any], context: _Context) -> Row | RefusedRow:
        self._number += 1
        number, ref = self._number, _text(attribute, "uuid")[:MAX_REF]
        address = attribute.get("value")
        if not isinstance(address, str):
            return RefusedRow(number, "empty", "The attribute has no value that is a text.", ref)
        chain, asset = self._chain(attribute, context)

        def refuse(code: str, detail: str) -> RefusedRow:
            return RefusedRow(number, code, detail, ref, address[:MAX_ADDRESS], chain)

        tags = (*misp_tags.names_of(attribute.get("Tag")), *context.tags)
        tlp = misp_tags.tlp_of(tags)
        if problem := self._problem(attribute, context, address, tlp):
            return refuse(*problem)
        claims = self._claims(tags, context.summary)
        if isinstance(claims, str):
            return refuse("not_trafficking", claims)
        if not chain:
            said = asset or "The object"
            return refuse("ambiguous_chain", f"'{said}' does not say on which chain: give a chain.")
        claims |= self.destination.labels(tlp, misp_tags.pap_of(tags))
        fields = {**({"asset": asset} if asset else {}), **_seen(attribute, context), **_relation(attribute)}
        return Row(number, address, chain, ref, fields, tuple(sorted(claims.items())), (context.source,))

    def _problem(
        self, attribute: Mapping[str, Any], context: _Context, address: str, tlp: Tlp | None
    ) -> tuple[str, str] | None:
        """Tell why an attribute is not to be submitted, whatever it claims, as code and detail."""
        if context.deleted or _deleted(attribute):
            return TAKEN_BACK, "It was deleted in MISP: it is not submitted, and revoked where it was before."
        if problem := address_problem(address):
            return problem
        reason = self.destination.refusal(tlp, sharing_of(attribute).within(context.sharing))
        return ("shared_too_far", reason) if reason else None

    def _claims(self, tags: tuple[str, ...], summary: str) -> dict[str, Any] | str:
        """Give the report's fields, or the sentence why this is not about trafficking."""
        wish, found = self.wish, misp_tags.category_of(tags)
        claims: dict[str, Any] = {}
        if wish.category is None:
            if found is None and (vague := misp_tags.vague_of(tags)):
                return f"'{vague}' does not say of which kind; give the category of the event's addresses."
            if found is None:
                return "No tag of the event says that it is about trafficking; it is taken only with a category."
            claims["category"] = found[0]
            if wish.subcategory is None and found[1]:
                claims["subcategory"] = found[1]
        claims |= {name: value for name, value in misp_tags.claims_of(tags).items() if name != "method"}
        stated = misp_tags.claims_of(tags).get("method")
        if wish.method is None and (stated or wish.confidence is None):
            claims["method"] = stated or "unspecified"
        if wish.confidence is None:
            level = misp_tags.confidence_of(tags)
            method = wish.method or claims.get("method", "unspecified")
            claims["confidence"] = min(_DEFAULT_LEVEL if level is None else level, METHOD_CEILINGS.get(method, 100))
        if summary and wish.summary is None:
            claims["summary"] = summary
        return claims

    def _chain(self, attribute: Mapping[str, Any], context: _Context) -> tuple[str, str]:
        """Give the chain and asset: a symbol that names a chain goes before the attribute's type."""
        of_type = TYPES.get(_text(attribute, "type"), "")
        symbol = context.symbol
        if not symbol or (not is_chain(symbol) and of_type):
            return of_type or self.wish.chain, ""
        if is_chain(symbol):
            return chain_of(symbol), ""
        return self.wish.chain, symbol.upper()

    def _source(self, event: Mapping[str, Any]) -> Source:
        orgc = _dict(event.get("Orgc"))
        maker = _text(orgc, "name") or _text(orgc, "uuid") or "an unnamed organisation"
        words = f"MISP event {_text(event, 'uuid') or 'without a uuid'} of {maker}"
        if self.place:
            words += f", from {self.place}"
        reference = "".join(character if character.isprintable() else " " for character in words)
        return Source("report", reference[:MAX_SOURCE], _moment(event.get("timestamp")))


def read_misp(stream: BinaryIO, wish: Wish | None = None, destination: Destination | None = None) -> MispEvents:
    """Parse a document: an event, a list of them, or an answer of restSearch. Raises UnreadableDocument."""
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnreadableDocument(f"The MISP document has more than {MAX_BYTES} bytes; export fewer events at once.")
    return MispEvents(events_of(content), wish or Wish(), destination or Destination())


def events_of(content: bytes) -> list[dict[str, Any]]:
    """Read the events of a JSON document. Raises UnreadableDocument for what holds none in any known form."""
    try:
        document = load(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableDocument(f"The file is not JSON: {str(error)[:200]}.") from error
    if isinstance(document, dict) and "response" in document:
        document = document["response"]
    if isinstance(document, dict) and isinstance(document.get("Attribute"), list) and "info" not in document:
        return [document]  # what /attributes/restSearch answers: each attribute with its event
    listed = document if isinstance(document, list) else [document]
    events = [item.get("Event", item) if isinstance(item, dict) else None for item in listed]
    if any(not isinstance(event, dict) or not ("info" in event or "uuid" in event) for event in events):
        raise UnreadableDocument("The file is not MISP: it must be an event, a list of events, or restSearch's answer.")
    return [event for event in events if isinstance(event, dict)]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value.strip() if isinstance(value, str) else ""


def _is_true(value: Any) -> bool:
    return value in (True, 1, "1", "true")


def _deleted(document: Mapping[str, Any]) -> bool:
    return _is_true(document.get("deleted"))


def _relation(attribute: Mapping[str, Any]) -> dict[str, str]:
    for_detection = attribute.get("to_ids")
    is_plain = attribute.get("type") in TYPES and for_detection is not None
    return {"relation": "mentioned_with"} if is_plain and not _is_true(for_detection) else {}


def _seen(attribute: Mapping[str, Any], context: _Context) -> dict[str, str]:
    first = _text(attribute, "first_seen") or context.first_seen
    last = _text(attribute, "last_seen") or context.last_seen
    return {name: _time(text) for name, text in (("first_seen", first), ("last_seen", last)) if text}


def _time(text: str) -> str:
    """Write a time as a report has it; one without an offset is UTC, one that is no time is left for the node."""
    try:
        read_time(text)
    except InvalidRecord:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    return text


def _moment(value: Any) -> str:
    """Write a number of seconds since 1970 as a time; nothing for what is none."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= len("2147483647")) or text == "0":
        return ""
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _common_text(objects: list[dict[str, Any]]) -> str:
    """Give the text that all coin-address objects of an event share, where it is short and holds no personal data."""
    texts = {
        next(
            (_text(part, "value") for part in _dicts(item.get("Attribute")) if part.get("object_relation") == "text"),
            "",
        )
        for item in objects
        if item.get("name") == COIN_ADDRESS
    }
    text = texts.pop() if len(texts) == 1 else ""
    try:
        check_text(text, "text")
    except InvalidRecord:
        return ""
    return text if len(text) <= MAX_SUMMARY and text.isprintable() else ""
