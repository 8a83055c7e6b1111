"""TagPack, GraphSense's YAML of attribution tags, read into rows.

The rule here: a tag that is not about trafficking never becomes a claim of trafficking unless the caller says which;
and every tag's source stays with it as evidence.

What a tag says goes to: `network` and `currency` to the chain and asset; `confidence` to method and confidence, never
above the method's ceiling; `concepts`, `abuse` and `category` to the category; `source` and `lastmod` to evidence;
a transaction in `context` to the indicator. A `label` is kept, as the report's summary, only where the whole pack has
one and it holds no personal data. `actor`, other labels and `is_cluster_definer` are not kept: an indicator has no
free text. Sources of the tables: graphsense-tagpack-tool `db/confidence.csv`; the INTERPOL DW-VA taxonomy.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import yaml

from app.domain import address as addresses
from app.domain.errors import InvalidRecord
from app.domain.privacy import check_text
from app.domain.report import MAX_SUMMARY
from app.domain.timestamps import read_time
from app.domain.vocabulary import CATEGORIES, METHOD_CEILINGS
from app.formats.rows import (
    MAX_ADDRESS,
    MAX_SOURCE,
    RefusedRow,
    Row,
    Source,
    UnreadableDocument,
    address_problem,
    chain_of,
)

MAX_BYTES = 256 * 1024 * 1024  # bytes of one pack: it is parsed as a whole; the largest public one has 30 MB

CONFIDENCES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "override": ("clustering_common_input", 100),
        "ownership": ("controlled_transaction", 100),
        "ledger_immanent": ("open_source_document", 100),
        "manual_transaction": ("controlled_transaction", 90),
        "service_api": ("open_source_document", 70),
        "forensic_investigation": ("open_source_document", 70),
        "authority_data": ("open_source_document", 60),
        "trusted_provider": ("open_source_document", 50),
        "service_data": ("open_source_document", 50),
        "forensic": ("open_source_document", 50),
        "untrusted_transaction": ("open_source_document", 40),
        "web_crawl": ("automated_crawl", 20),
        "heuristic": ("unspecified", 10),
        "unknown": ("unspecified", 5),
    }
)
"""GraphSense's confidence id -> our method, and GraphSense's level before our ceiling."""

CONCEPTS: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        **{category: (category, None) for category in CATEGORIES},
        "labor_trafficking": ("labour_trafficking", None),
        "forced_labour": ("labour_trafficking", "forced_labour"),
        "forced_labor": ("labour_trafficking", "forced_labour"),
        "scam_compound": ("labour_trafficking", "scam_compound_forced_criminality"),
        "child_sexual_abuse": ("csam", None),
        "child_sexual_abuse_material": ("csam", None),
        "child_abuse": ("csam", None),
        "sextortion_of_minors": ("csam", "sextortion_of_minors"),
        "people_smuggling": ("migrant_smuggling", None),
        "human_smuggling": ("migrant_smuggling", None),
        "guarantee_marketplace": ("facilitation", "guarantee_marketplace"),
    }
)
"""Concept, abuse or category of a tag -> our category and subcategory. `sextortion` is spam more often than not."""

OWN_CONTEXT = "watchfire"  # in a tag's context: the claim as it was, in a pack that this house has written
_VAGUE = frozenset({"human_trafficking", "trafficking_in_persons", "modern_slavery"})
_OWN_FIELDS = frozenset({"title", "creator", "description", "tags"})  # of the header, not inherited


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller decides for the tags: it goes before what they say. `chain` is for tags that state none."""

    category: str | None = None
    subcategory: str | None = None
    method: str | None = None
    confidence: int | None = None
    summary: str | None = None
    chain: str = ""


class TagPack:
    """A TagPack being read; rows are numbered by tag, from 1. Raises UnreadableDocument for what is no TagPack."""

    ignored: tuple[str, ...] = ()
    has_sources = True

    def __init__(self, stream: BinaryIO, wish: Wish | None = None) -> None:
        """Parse the pack."""
        self._wish = wish or Wish()
        pack = _load(stream)
        self._tags = pack["tags"]
        self._header = {name: value for name, value in pack.items() if name not in _OWN_FIELDS}
        title, creator = (str(pack.get(name) or "untitled") for name in ("title", "creator"))
        self._origin = f"TagPack: {title}, {creator}"[:MAX_SOURCE]
        self.summary = self._shared_label()

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        """Read the tags."""
        for number, tag in enumerate(self._tags, 1):
            if isinstance(tag, dict):
                yield self._row(number, {**self._header, **tag})
            else:
                yield RefusedRow(number, "unreadable_row", "The tag is not a mapping of fields.")

    def _row(self, number: int, tag: Mapping[str, Any]) -> Row | RefusedRow:
        address = tag.get("address")
        if not isinstance(address, str):
            return RefusedRow(number, "empty", "The tag has no address.")
        stated = _text(tag, "network") or _text(tag, "currency")
        if problem := address_problem(address):
            return RefusedRow(number, *problem, "", address[:MAX_ADDRESS], stated)
        claims = self._claims(tag)
        if isinstance(claims, str):
            return RefusedRow(number, "not_trafficking", claims, "", address, stated)
        chain, asset = self._chain(tag)
        if not chain:
            detail = f"'{asset or 'The tag'}' does not say on which chain: add its network, or give a chain."
            return RefusedRow(number, "ambiguous_chain", detail, "", address, stated)
        fields = {**({"asset": asset} if asset else {}), **_context(tag)}
        return Row(number, address, chain, "", fields, claims, (self._source(tag),))

    def _claims(self, tag: Mapping[str, Any]) -> tuple[tuple[str, Any], ...] | str:
        """Give the report's fields, or the sentence why this tag is not about trafficking."""
        concepts = _concepts(tag)
        own = _own_claim(tag)
        found = (own["category"], own.get("subcategory")) if own else None
        found = found or next((CONCEPTS[word] for word in concepts if word in CONCEPTS), None)
        wish = self._wish
        if wish.category is None and found is None:
            vague = next((word for word in concepts if word in _VAGUE), None)
            if vague:
                return f"'{vague}' does not say of which kind; give the category of the pack's tags."
            said = ", ".join(concepts)[:100] or "nothing"
            return f"The tag speaks of {said}, not of trafficking; it is taken only with a category from you."
        claims: dict[str, Any] = {}
        if wish.category is None and found is not None:
            claims["category"] = found[0]
            if wish.subcategory is None and found[1]:
                claims["subcategory"] = found[1]
        method, level = CONFIDENCES.get(_text(tag, "confidence"), CONFIDENCES["unknown"])
        method, level = own.get("method", method), own.get("confidence", level)
        if wish.method is None:
            claims["method"] = method
        if wish.confidence is None:
            claims["confidence"] = min(level, METHOD_CEILINGS.get(wish.method or method, level))
        if self.summary and wish.summary is None:
            claims["summary"] = self.summary
        return tuple(sorted(claims.items()))

    def _chain(self, tag: Mapping[str, Any]) -> tuple[str, str]:
        """Give the tag's chain and asset: a currency that is no chain is an asset of its network."""
        network, currency = _text(tag, "network"), _text(tag, "currency")
        if network:
            slug = chain_of(network)
            chain = addresses.find_chain(slug)
            native = {slug, network, chain.symbol if chain else ""}
            return slug, "" if currency.upper() in {name.upper() for name in native} else currency
        if not currency or (self._wish.chain and addresses.find_chain(currency) is None):
            return self._wish.chain, currency
        known = addresses.find_chain(currency) is not None
        return (chain_of(currency), "") if known else ("", currency)

    def _source(self, tag: Mapping[str, Any]) -> Source:
        try:
            observed = read_time(_text(tag, "lastmod"))
        except InvalidRecord:
            observed = None
        reference = _text(tag, "source")[:MAX_SOURCE] or self._origin
        return Source("dataset", reference, observed.strftime("%Y-%m-%dT%H:%M:%SZ") if observed else "")

    def _shared_label(self) -> str:
        labels = {_text(tag, "label") or _text(self._header, "label") for tag in self._tags if isinstance(tag, dict)}
        text = labels.pop() if len(labels) == 1 else ""
        try:
            check_text(text, "label")
        except InvalidRecord:
            return ""
        return text if len(text) <= MAX_SUMMARY and text.isprintable() else ""


def _load(stream: BinaryIO) -> dict[str, Any]:
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnreadableDocument(f"The TagPack has more than {MAX_BYTES} bytes; split it.")
    # The base loader makes only texts, lists and mappings: an address like 0x10 does not become a number.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        pack = yaml.load(content, Loader=loader)  # noqa: S506 - it constructs no objects at all
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise UnreadableDocument(f"The file is not YAML{place}.") from error
    if not isinstance(pack, dict) or not isinstance(pack.get("tags"), list):
        raise UnreadableDocument("The file is not a TagPack: it has no list of tags.")
    return cast("dict[str, Any]", pack)


def _text(tag: Mapping[str, Any], name: str) -> str:
    value = tag.get(name)
    return value.strip() if isinstance(value, str) else ""


def _concepts(tag: Mapping[str, Any]) -> list[str]:
    listed = tag.get("concepts")
    words = [word for word in listed if isinstance(word, str)] if isinstance(listed, list) else []
    words += [_text(tag, name) for name in ("concepts", "abuse", "category")]
    return [word.strip().lower().replace(" ", "_").replace("-", "_") for word in words if word]


def _json_context(tag: Mapping[str, Any]) -> dict[str, Any]:
    try:
        context = json.loads(_text(tag, "context") or "{}")
    except (ValueError, RecursionError):
        return {}
    return context if isinstance(context, dict) else {}


def _own_claim(tag: Mapping[str, Any]) -> dict[str, Any]:
    """Give the claim that a pack written by this house carries in its context, as far as it is in our words."""
    said = _json_context(tag).get(OWN_CONTEXT)
    if not isinstance(said, dict) or said.get("category") not in CATEGORIES:
        return {}
    found = {"category": said["category"]}
    if said.get("subcategory") in CATEGORIES[found["category"]]:
        found["subcategory"] = said["subcategory"]
    if said.get("method") in METHOD_CEILINGS:
        found["method"] = said["method"]
    if isinstance(said.get("confidence"), int) and 0 <= said["confidence"] <= 100:  # noqa: PLR2004 - percent
        found["confidence"] = said["confidence"]
    return found


def _context(tag: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a JSON context tells of the indicator: a transaction, and the token that moved."""
    context = _json_context(tag)
    found: dict[str, Any] = {}
    if isinstance(transaction := context.get("transaction") or context.get("tx_hash"), str):
        found["transactions"] = [transaction]
    if isinstance(token := context.get("token"), str):
        found["asset"] = token
    return found
