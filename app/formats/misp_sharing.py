"""Where what came by MISP may go: MISP's distribution and TLP against the audience that the caller has chosen.

The rule here: downwards only. Nothing goes to more readers, or under a laxer label, than its event says; what would is
refused with the reason, and the caller decides anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.domain.marking import ALLOWED_AUDIENCES, Pap, Tlp

OWN_ONLY, COMMUNITY, CONNECTED, EVERYBODY, SHARING_GROUP, INHERIT = range(6)
_NAMES: Mapping[int, str] = MappingProxyType(
    {OWN_ONLY: "your organisation only", COMMUNITY: "this community only", CONNECTED: "connected communities"}
)
# From the strictest; a number that MISP does not have yet is as strict as the first.
_STRICTNESS = (OWN_ONLY, SHARING_GROUP, COMMUNITY, CONNECTED, EVERYBODY)


@dataclass(frozen=True, slots=True)
class Sharing:
    """How far something may go: MISP's distribution, None where nothing says; and the sharing group's uuid."""

    distribution: int | None = None
    group: str = ""

    def within(self, other: "Sharing") -> "Sharing":
        """Give the stricter of two: an attribute reaches no further than its event."""
        if self.distribution is None or self.distribution == INHERIT:
            return other
        if other.distribution is None or other.distribution == INHERIT:
            return self
        if self.distribution == other.distribution == SHARING_GROUP and self.group != other.group:
            return Sharing(OWN_ONLY)  # only who is in both groups, whom nobody here knows
        return min(self, other, key=lambda sharing: _rank(sharing.distribution))


def _rank(distribution: int | None) -> int:
    return _STRICTNESS.index(distribution) if distribution in _STRICTNESS else 0


def sharing_of(document: Mapping[str, Any]) -> Sharing:
    """Read the sharing of an event, object or attribute; a distribution that cannot be read is the strictest."""
    stated = document.get("distribution")
    if stated is None or stated == "":
        return Sharing()
    text = str(stated)
    distribution = int(text) if text in {"0", "1", "2", "3", "4", "5"} else OWN_ONLY
    group = document.get("SharingGroup")
    uuid = group.get("uuid") if isinstance(group, dict) else None
    return Sharing(distribution, str(uuid or document.get("sharing_group_id") or ""))


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the caller wants the reports: labels (None where not stated), the audience's document, and who it is.

    `own` is the caller's organization, "" where it is not known. `groups` are sharing groups, by uuid, of which the
    caller says that everybody in the audience is a member.
    """

    tlp: Tlp | None = None
    pap: Pap | None = None
    audience: Mapping[str, Any] | None = None
    own: str = ""
    groups: frozenset[str] = frozenset()

    def is_own_only(self) -> bool:
        """Tell whether nobody but the caller's organization will read."""
        named = (self.audience or {}).get("organizations")
        return bool(self.own) and isinstance(named, list | tuple) and set(named) == {self.own}

    def labels(self, tlp: Tlp | None, pap: Pap | None) -> dict[str, Any]:
        """Give the labels that the report must have because its event is stricter than the caller; none otherwise."""
        found: dict[str, Any] = {}
        if tlp is not None and (self.tlp is None or _stricter(tlp, self.tlp, Tlp)):
            found["tlp"] = str(tlp)
        if pap is not None and (self.pap is None or _stricter(pap, self.pap, Pap)):
            found["pap"] = str(pap)
        return found

    def refusal(self, tlp: Tlp | None, sharing: Sharing) -> str:
        """Say why what is marked and shared so may not go there; "" where it may."""
        if self.audience is None or self.is_own_only():
            return ""
        kind = str(self.audience.get("kind"))
        if tlp in {Tlp.AMBER_STRICT, Tlp.RED}:
            return f"It is marked {tlp}: it goes no further than your own organization (--audience organization:ID)."
        if tlp is not None and kind not in ALLOWED_AUDIENCES[tlp]:
            return f"It is marked {tlp}, which does not allow the audience '{kind}'."
        return _too_far(sharing, kind, self.groups)


def _too_far(sharing: Sharing, kind: str, groups: Iterable[str]) -> str:
    match sharing.distribution:
        case None | 3:
            return ""
        case 1 | 2 if kind != "public":
            return ""
        case 4 if sharing.group and sharing.group in groups and kind != "public":
            return ""
        case 4:
            return (
                f"It is for the sharing group {sharing.group or 'of another server'}: if all who will read are "
                "members, say so with --sharing-group; otherwise send it to your own organization only."
            )
    said = _NAMES.get(sharing.distribution, _NAMES[OWN_ONLY])
    return f"It is shared with '{said}', which the audience '{kind}' goes beyond."


def _stricter(one: Any, other: Any, labels: Any) -> bool:
    order = list(labels)
    return order.index(one) > order.index(other)
