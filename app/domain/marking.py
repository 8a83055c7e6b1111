"""Markings: TLP 2.0 and PAP labels, and the matrix of which audience a marking allows.

The rule here: an unknown label means RED. The marking is the handling rule and the upper bound; who may read is
decided by the audience alone (`audience.py`).
"""

from enum import StrEnum

from app.domain.errors import ContradictoryMarking, InvalidRecord


class Tlp(StrEnum):
    """A Traffic Light Protocol 2.0 label, from the widest to the narrowest."""

    CLEAR = "TLP:CLEAR"
    GREEN = "TLP:GREEN"
    AMBER = "TLP:AMBER"
    AMBER_STRICT = "TLP:AMBER+STRICT"
    RED = "TLP:RED"


class Pap(StrEnum):
    """A Permissible Actions Protocol label, from the freest to the most restricted."""

    CLEAR = "PAP:CLEAR"
    GREEN = "PAP:GREEN"
    AMBER = "PAP:AMBER"
    RED = "PAP:RED"


ALLOWED_AUDIENCES = {
    Tlp.CLEAR: frozenset({"public", "group", "organizations"}),
    Tlp.GREEN: frozenset({"group", "organizations"}),
    Tlp.AMBER: frozenset({"group", "organizations"}),
    Tlp.AMBER_STRICT: frozenset({"group", "organizations"}),
    Tlp.RED: frozenset({"organizations"}),
}

COMMUNITY_LABELS = frozenset({Tlp.CLEAR, Tlp.GREEN})  # what a community's nodes may pass on to each other


def read_tlp(label: str) -> Tlp:
    """Read a stored or foreign label; an unknown one is RED."""
    try:
        return Tlp(label)
    except ValueError:
        return Tlp.RED


def read_pap(label: str) -> Pap:
    """Read a stored or foreign PAP label; an unknown one is RED."""
    try:
        return Pap(label)
    except ValueError:
        return Pap.RED


def parse_tlp(label: object) -> Tlp:
    """Read a label that somebody submits. Raises InvalidRecord for an unknown one."""
    try:
        return Tlp(str(label))
    except ValueError as error:
        raise InvalidRecord(f"tlp must be one of {', '.join(Tlp)}.") from error


def parse_pap(label: object) -> Pap:
    """Read a PAP label that somebody submits. Raises InvalidRecord for an unknown one."""
    try:
        return Pap(str(label))
    except ValueError as error:
        raise InvalidRecord(f"pap must be one of {', '.join(Pap)}.") from error


def check(tlp: Tlp, audience_kind: str) -> None:
    """Check that the marking allows the kind of audience. Raises ContradictoryMarking."""
    allowed = ALLOWED_AUDIENCES[tlp]
    if audience_kind not in allowed:
        raise ContradictoryMarking(
            f"{tlp} does not allow the audience '{audience_kind}'; it allows: {', '.join(sorted(allowed))}."
        )
