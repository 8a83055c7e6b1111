"""Audiences: who may read a record.

The rule here: one audience has one key, and the key is all that any comparison uses. An empty audience is nobody, and
cannot be written down. RED records have a key (and so a log) of their own, because a credential that may not read RED
must not see even that such a log exists.
"""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain.errors import InvalidRecord
from app.domain.ids import parse_id
from app.domain.marking import Tlp

MAX_ORGANIZATIONS = 1_000  # named organizations of one audience: more than that is a group


@dataclass(frozen=True, slots=True)
class Audience:
    """`public`, one group, or named organizations (sorted, without repetition)."""

    kind: str
    group: UUID | None = None
    organizations: tuple[UUID, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Give the audience as it stands in a record."""
        if self.kind == "group":
            return {"kind": "group", "group": str(self.group)}
        if self.kind == "organizations":
            return {"kind": "organizations", "organizations": [str(item) for item in self.organizations]}
        return {"kind": "public"}

    def key(self, tlp: Tlp) -> str:
        """Give the key of the audience for records of a marking: of ASCII letters, digits, `:`, `.` and `-`."""
        red = ".red" if tlp is Tlp.RED else ""
        if self.kind == "group":
            return f"group:{self.group}{red}"
        if self.kind == "organizations":
            names = ",".join(str(item) for item in self.organizations)
            return f"organizations:{hashlib.sha256(names.encode()).hexdigest()[:32]}{red}"
        return f"public{red}"


PUBLIC = Audience("public")


def group(group_id: UUID) -> Audience:
    """Make the audience of a group."""
    return Audience("group", group=group_id)


def organizations(*ids: UUID) -> Audience:
    """Make the audience of named organizations, in any order."""
    return Audience("organizations", organizations=tuple(sorted(set(ids))))


def parse(document: object) -> Audience:
    """Read an audience strictly: nothing beside what its kind has, organizations sorted and each once.

    Raises InvalidRecord. Not checked: that the group or the organizations exist.
    """
    match document:
        case {"kind": "public", **rest} if not rest:
            return PUBLIC
        case {"kind": "group", "group": str(group_id), **rest} if not rest:
            return group(parse_id(group_id, "audience.group"))
        case {"kind": "organizations", "organizations": list(items), **rest} if not rest:
            ids = tuple(parse_id(item, "audience.organizations") for item in items)
            if not 1 <= len(ids) <= MAX_ORGANIZATIONS:
                raise InvalidRecord(
                    f"An audience names 1 to {MAX_ORGANIZATIONS} organizations; an empty one is nobody."
                )
            if list(ids) != sorted(set(ids)):
                raise InvalidRecord("The organizations of an audience must be sorted, each named once.")
            return organizations(*ids)
    raise InvalidRecord(
        'audience must be {"kind": "public"}, {"kind": "group", "group": id} or '
        '{"kind": "organizations", "organizations": [ids]}.'
    )
