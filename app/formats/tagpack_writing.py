"""Reports as a TagPack: GraphSense's YAML of attribution tags.

The rule here: a tag says of an address that it belongs to a crime, and can neither be taken back nor say that somebody
is protected. So only live and direct claims of trafficking become tags: what was revoked, superseded or erased, what is
only mentioned with a case, and whoever is protected are left out, and the pack says how many.

A tag carries what GraphSense reads (network, currency, confidence id, concepts, abuse, source, lastmod), and in its
context, under `watchfire`, what our own importer needs to read the claim back as it was.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from app.domain import address as addresses
from app.domain.history import LIVE
from app.domain.indicator import Indicator
from app.domain.report import Report
from app.domain.vocabulary import DIRECT_RELATIONS, PROTECTED_ROLES, PROTECTIVE
from app.formats.exporting import slug_of, state_of
from app.formats.published import Published
from app.formats.tagpack import CONFIDENCES, OWN_CONTEXT

# GraphSense's names of networks, where they are not our symbols.
NETWORKS: Mapping[str, str] = MappingProxyType(
    {
        "bnb-smart-chain": "BSC",
        "arbitrum": "ARB",
        "eos": "EOSIO",
        "polygon": "MATIC",
        "kcc": "KCC",
        "optimism": "OP",
    }
)
IDS: Mapping[str, str] = MappingProxyType(
    {
        "court_record": "authority_data",
        "legal_process_return": "forensic_investigation",
        "exchange_kyc_confirmation": "service_api",
        "undercover_purchase": "manual_transaction",
        "controlled_transaction": "manual_transaction",
        "advert": "forensic_investigation",
        "open_source_document": "forensic",
        "clustering_common_input": "forensic",
        "automated_crawl": "web_crawl",
    }
)
"""Our method -> GraphSense's confidence id, where the report is sure enough for its level."""
_BY_LEVEL = ("forensic", "untrusted_transaction", "web_crawl", "heuristic", "unknown")  # for any other, from the surest
_CONCEPTS = MappingProxyType(
    {"csam": "child_sexual_abuse", "laundering": "money_laundering", "cash_out": "money_laundering"}
)
_TICKER = re.compile(r"[A-Z0-9.$]{1,12}")
# What JSON leaves as it is and YAML reads as the end of a line, or not at all.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


@dataclass(slots=True)
class TagPackWriter:
    """Writes one pack piece by piece; `left_out` counts by reason what no tag can say."""

    title: str
    creator: str
    tags: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def head(self) -> bytes:
        """Write the header."""
        return f"title: {_scalar(self.title)}\ncreator: {_scalar(self.creator)}\ntags:".encode()

    def pieces(self, reports: Iterable[Published]) -> Iterator[bytes]:
        """Write the tags of reports."""
        for report in reports:
            said = report.report
            if said is None:
                self.left_out["erased"] += report.count
                continue
            lines = []
            for ordinal, indicator in enumerate(report.indicators):
                if reason := _reason(report, said, ordinal, indicator):
                    self.left_out[reason] += 1
                else:
                    lines.append(f"\n- {_mapping(_tag(report, said, indicator))}")
            self.tags += len(lines)
            yield "".join(lines).encode()

    def tail(self) -> bytes:
        """End the pack, and say what was left out."""
        none = "" if self.tags else " []"
        return f"{none}\ndescription: {_scalar(self.summary())}\n".encode()

    def summary(self) -> str:
        """Say in a sentence what the pack holds and what it leaves out."""
        counted = ", ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items()))
        return f"{self.tags} tags. Left out, because a tag cannot say it: {counted or 'nothing'}."


def _reason(report: Published, said: Report, ordinal: int, indicator: Indicator) -> str:
    """Tell in a word why an address has no tag; "" where it has one."""
    state = state_of(report, ordinal)
    if state != LIVE:
        return state
    if said.category in PROTECTIVE or indicator.role in PROTECTED_ROLES:
        return "protected"
    return "" if indicator.relation is None or indicator.relation in DIRECT_RELATIONS else "indirect"


def _tag(report: Published, said: Report, indicator: Indicator) -> dict[str, Any]:
    network = network_of(indicator.chain)
    asset = indicator.asset
    is_ticker = asset is not None and _TICKER.fullmatch(asset) is not None
    concept = _CONCEPTS.get(said.category, "human_trafficking")
    sure = said.confidence if indicator.confidence is None else indicator.confidence
    own = {
        "category": said.category,
        "subcategory": said.subcategory,
        "method": said.method,
        "confidence": sure,
        "tlp": str(report.tlp),
        "report": str(report.id),
        "issuer": report.issuer.name,
    }
    context: dict[str, Any] = {OWN_CONTEXT: {name: value for name, value in own.items() if value is not None}}
    if indicator.transactions:
        context["transaction"] = indicator.transactions[0]
    if asset is not None and not is_ticker:
        context["token"] = asset
    return {
        "address": indicator.address,
        "network": network,
        "currency": asset if is_ticker else currency_of(indicator.chain),
        "label": (said.subcategory or said.category).replace("_", " "),
        "source": said.evidence[0].reference if said.evidence else f"urn:uuid:{report.id}",
        "confidence": confidence_id(said.method, sure),
        "concepts": [concept],
        "abuse": concept,
        "lastmod": report.issued_at.astimezone(UTC),
        "context": json.dumps(context, separators=(",", ":")),
    }


def confidence_id(method: str, confidence: int) -> str:
    """Give GraphSense's confidence id: never one that is surer than the report, but for the least of all."""
    wanted = IDS.get(method)
    ids = _BY_LEVEL if wanted is None else (wanted, *_BY_LEVEL)
    return next((name for name in ids if CONFIDENCES[name][1] <= confidence), _BY_LEVEL[-1])


@lru_cache(maxsize=4096)
def network_of(chain: str) -> str:
    """Give the name of a chain as GraphSense has it, else one that names this chain alone."""
    slug = slug_of(chain)
    if slug in NETWORKS:
        return NETWORKS[slug]
    symbol = currency_of(chain)
    named = addresses.find_chain(symbol)
    return symbol if named is not None and named.caip2 == chain else slug


@lru_cache(maxsize=4096)
def currency_of(chain: str) -> str:
    """Give the ticker of a chain's own coin; its short name where it has none."""
    found = addresses.find_chain(chain)
    return (found.symbol if found is not None else None) or slug_of(chain)


def _mapping(tag: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_scalar(value)}" for name, value in tag.items()) + "}"


def _scalar(value: Any) -> str:
    """Write a value as YAML: texts in quotes, so that none becomes a number; a time as its day."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d")
    if isinstance(value, list):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    text = json.dumps(str(value), ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
