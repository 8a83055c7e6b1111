"""MISP's tags: what they say of handling, category, method and confidence, and how ours are written.

The rule here: a tag that is not known never loosens anything. A TLP that is not known is RED, and of several the
strictest counts; a category is taken only from a tag that clearly says it, because a wrong one accuses somebody.

Sources: the MISP taxonomies tlp, PAP, admiralty-scale, estimative-language, misp and dark-web; ours is `watchfire`.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from app.domain.marking import Pap, Tlp
from app.domain.vocabulary import CATEGORIES, METHOD_CEILINGS, PROTECTIVE, RELIABILITIES
from app.formats.tagpack import CONCEPTS

NAMESPACE = "watchfire"
TAG_COLOURS: Mapping[str, str] = MappingProxyType(
    {"clear": "#ffffff", "green": "#33ff00", "amber": "#ffc000", "amber+strict": "#ffc000", "red": "#ff2b2b"}
)
_OWN_COLOUR = "#5a3fa0"
_MACHINE_TAG = re.compile(r'([^:=]+):([^=]+)="([^"]*)"')
_WORDS = re.compile(r"[^a-z0-9]+")
# Categories whose bare name says nothing of trafficking; they are taken from a tag of this house alone.
_NOT_BY_ITSELF = frozenset({"recruitment", "facilitation", "laundering", "cash_out"}) | PROTECTIVE
_CLEAR = MappingProxyType(
    {
        **{word: found for word, found in CONCEPTS.items() if word not in _NOT_BY_ITSELF},
        "pornography_child_exploitation": ("csam", None),  # dark-web:topic
        "child_sexual_exploitation": ("csam", None),
    }
)
VAGUE = frozenset({"human_trafficking", "trafficking_in_persons", "trafficking_in_human_beings", "modern_slavery"})
_CONFIDENCES: Mapping[tuple[str, str], Mapping[str, int]] = MappingProxyType(
    {
        # The middle of each span of ICD 203, and the numbers of the taxonomy `misp`.
        ("estimative-language", "likelihood-probability"): {
            "almost-no-chance": 3,
            "very-unlikely": 12,
            "unlikely": 32,
            "roughly-even-chance": 50,
            "likely": 67,
            "very-likely": 87,
            "almost-certain": 97,
        },
        ("estimative-language", "confidence-in-analytic-judgment"): {"low": 25, "moderate": 50, "high": 80},
        ("misp", "confidence-level"): {
            "completely-confident": 100,
            "usually-confident": 75,
            "fairly-confident": 50,
            "rarely-confident": 25,
            "unconfident": 0,
        },
    }
)


def names_of(tags: Any) -> list[str]:
    """Give the names of a document's list of tags; what is no tag is left out."""
    if not isinstance(tags, list):
        return []
    found = (tag.get("name") if isinstance(tag, dict) else tag for tag in tags)
    return [name.strip() for name in found if isinstance(name, str)]


def tlp_of(names: Iterable[str]) -> Tlp | None:
    """Give the strictest TLP that tags state; None where none does. `white` is TLP 1.0's CLEAR; unknown is RED."""
    order = list(Tlp)
    found = [_label(name[4:], Tlp, "TLP:") for name in names if name.lower().startswith("tlp:")]
    return max(found, key=order.index, default=None)


def pap_of(names: Iterable[str]) -> Pap | None:
    """Give the strictest PAP that tags state; None where none does."""
    order = list(Pap)
    found = [_label(name[4:], Pap, "PAP:") for name in names if name.lower().startswith("pap:")]
    return max(found, key=order.index, default=None)


def _label(word: str, labels: Any, prefix: str) -> Any:
    text = word.strip().strip('"').upper().replace("WHITE", "CLEAR")
    try:
        return labels(prefix + text)
    except ValueError:
        return labels(f"{prefix}RED")


def category_of(names: Iterable[str]) -> tuple[str, str | None] | None:
    """Give the category and subcategory that a tag clearly states; one of this house goes before any other."""
    known = list(names)
    own = [(predicate, value) for space, predicate, value in _machine(known) if space == NAMESPACE]
    category = next((value for name, value in own if name == "category" and value in CATEGORIES), None)
    if category is not None:
        kinds = CATEGORIES[category]
        return category, next((value for name, value in own if name == "subcategory" and value in kinds), None)
    return next((_CLEAR[word] for word in _said(known) if word in _CLEAR), None)


def vague_of(names: Iterable[str]) -> str | None:
    """Give the tag that speaks of trafficking and not of which kind."""
    return next((word for word in _said(names) if word in VAGUE), None)


def confidence_of(names: Iterable[str]) -> int | None:
    """Give the confidence, 0 to 100, that tags state."""
    for space, predicate, value in _machine(names):
        if (space, predicate) == (NAMESPACE, "confidence") and re.fullmatch(r"\d{1,2}|100", value):
            return int(value)
        if value in (known := _CONFIDENCES.get((space, predicate), {})):
            return known[value]
    return None


def claims_of(names: Iterable[str]) -> dict[str, Any]:
    """Give the method and the two letters of the Admiralty scale that tags state."""
    found: dict[str, Any] = {}
    for space, predicate, value in reversed(list(_machine(names))):  # of several the first counts
        if (space, predicate) == (NAMESPACE, "method") and value in METHOD_CEILINGS:
            found["method"] = value
        elif (space, predicate) == ("admiralty-scale", "source-reliability") and value.upper() in RELIABILITIES:
            found["reliability"] = value.upper()
        elif (space, predicate) == ("admiralty-scale", "information-credibility") and re.fullmatch("[1-6]", value):
            found["credibility"] = int(value)
    return found


def _machine(names: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    for name in names:
        if found := _MACHINE_TAG.fullmatch(name):
            space, predicate, value = found.groups()
            yield space.lower(), predicate.lower(), value


def _said(names: Iterable[str]) -> Iterable[str]:
    """Give the last part of each tag as a word: `dark-web:topic="Human-Trafficking"` says human_trafficking."""
    for name in names:
        machine = _MACHINE_TAG.fullmatch(name)
        text = machine.group(3) if machine else name.rpartition(":")[2]
        yield _WORDS.sub("_", text.lower()).strip("_")


def tag(name: str) -> dict[str, Any]:
    """Write a tag as a feed carries it."""
    colour = TAG_COLOURS.get(name.removeprefix("tlp:"), _OWN_COLOUR)
    return {"name": name, "colour": colour, "local": False, "relationship_type": ""}


def tlp_tag(tlp: Tlp) -> dict[str, Any]:
    """Write a TLP as the taxonomy `tlp` spells it."""
    return tag(tlp.lower())


def own_tags(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write what a report claims as tags of this house, and the Admiralty scale's; None is left out."""
    found = [tag(f'{NAMESPACE}:{name}="{value}"') for name, value in said.items() if name in _OWN and value is not None]
    if said.get("reliability") is not None:
        found.append(tag(f'admiralty-scale:source-reliability="{str(said["reliability"]).lower()}"'))
    if said.get("credibility") is not None:
        found.append(tag(f'admiralty-scale:information-credibility="{said["credibility"]}"'))
    return found


_OWN = ("category", "subcategory", "method", "confidence")
