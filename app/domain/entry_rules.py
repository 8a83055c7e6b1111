"""What may stand in a log of another node, and what this node takes of it: a verdict for each entry.

The rule here: one bad entry never stops the rest. A refused entry is a value with a stable code and a sentence; its
leaf hash is kept, because the tree needs every leaf. An entry is judged with the keys that counted at its place, so
entries are judged in their order, and whatever one states counts for those after it.

Codes: those of the meanings that reading and verifying raise (`invalid_record`, `contradictory_marking`,
`confidence_above_ceiling`, `invalid_signature`, `not_next`), those of `peer.Policy.judge`, and the ones below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self
from uuid import UUID

from app.domain import checkpoint, merkle, record, signing
from app.domain.audience import Audience
from app.domain.errors import ContradictoryMarking, InvalidSignature, Meaning, Refused
from app.domain.keys import LogKeys
from app.domain.marking import COMMUNITY_LABELS, Tlp
from app.domain.peer import STATEMENTS, Policy
from app.domain.record import Group, Record
from app.domain.signing import Envelope

WRONG_LOG = "wrong_log"
NOT_AT_HOME = "not_at_home"
NOT_STEWARD = "not_steward"
MAX_DETAIL = 500  # characters of a sentence that is kept for each refused entry
LASTING = frozenset({"erased", "withheld", "ended"})  # what the log's own node says of a body, and means


@dataclass(frozen=True, slots=True)
class LogName:
    """Which log: its id, its origin node, its audience with the audience's key, whether it is of RED, and its epoch."""

    id: str
    origin: str
    audience: Audience
    audience_key: str
    red: bool
    epoch: int

    @classmethod
    def of(cls, origin: str, audience: Audience, red: bool, epoch: int) -> Self:
        """Name a log by what it is: its key and id follow. Raises InvalidProof: no log can be named so."""
        key = audience.key(Tlp.RED if red else Tlp.CLEAR)
        return cls(checkpoint.log_id(origin, key, epoch), origin, audience, key, red, epoch)

    @property
    def origin_line(self) -> str:
        """The origin line of the log's checkpoints."""
        return checkpoint.origin_line(self.origin, self.audience_key, self.epoch)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it came: its envelope with what that says, or None and `why` it came bare.

    `said` is the record, or why the signed bytes are none; an unknown label means RED.
    """

    index: int
    leaf_hash: bytes
    envelope: Envelope | None = None
    why: str = ""
    said: Record | Refused | None = None
    verified_with: bytes | None = None

    @classmethod
    def of(cls, index: int, envelope: Envelope, keys: Mapping[str, bytes] = MappingProxyType({})) -> Self:
        """Make the entry of an envelope: read what it says, and verify its signature where its key is among `keys`.

        `keys` are public keys by their names. Whether the key counts for the entry is left to `judge`, which costs
        little then.
        """
        said: Record | Refused
        try:
            said = record.parse(envelope.payload, foreign=True)
        except Meaning as error:
            said = Refused(error.code, error.detail)
        leaf_hash, key = merkle.leaf_hash(envelope.to_bytes()), keys.get(envelope.keyid)
        if key is not None:
            try:
                signing.verify(envelope, key)
            except InvalidSignature:
                key = None
        return cls(index, leaf_hash, envelope, said=said, verified_with=key)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An entry whose record is taken; `custody` says who holds the key that signed it."""

    index: int
    leaf_hash: bytes
    envelope: Envelope
    record: Record
    custody: str


@dataclass(frozen=True, slots=True)
class Bare:
    """An entry that came without its body, and why; `lasting`: asking the same again is of no use."""

    index: int
    leaf_hash: bytes
    why: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry whose record is not taken: a stable code, and a sentence."""

    index: int
    leaf_hash: bytes
    code: str
    detail: str


Verdict = Accepted | Bare | RefusedEntry


def judge(
    entries: Sequence[Entry],
    log: LogName,
    keys: LogKeys,
    homes: Mapping[UUID, str],
    group: Group | None,
    policy: Policy,
    origin_is_serving: bool,
) -> list[Verdict]:
    """Judge entries of one log in their order; there is a verdict for each.

    1. The signed bytes are a record.
    2. It stands in its own log: the origin and the audience's key are the log's; a group record in its group's log.
    3. Its issuer is at home at the log's node.
    4. In a community's log nothing but statements is above TLP:GREEN.
    5. A group record is by the group's steward, the one that is known.
    6. The signature is by a key that counts at this place.
    7. What it states does not fall behind what was stated before it.
    8. This node's policy for the peer takes it.

    `keys` are those before the first of the entries, and are advanced; `homes` the home nodes of the issuers as they
    are known here; `group` the log's group as it is known here. Not checked: the Merkle tree (see `page.verify`),
    quotas, ids that another origin has taken, and whether what a record follows is there.
    """
    court = _Court(log, keys, dict(homes), group, policy)
    return [
        court.judge(entry, entry.envelope, entry.said)
        if entry.envelope is not None and entry.said is not None
        else Bare(entry.index, entry.leaf_hash, entry.why, origin_is_serving and entry.why in LASTING)
        for entry in entries
    ]


@dataclass(slots=True)
class _Court:
    """The judging of one run of entries: the numbers are those of `judge`."""

    log: LogName
    keys: LogKeys
    homes: dict[UUID, str]
    group: Group | None
    policy: Policy

    def judge(self, entry: Entry, envelope: Envelope, said: Record | Refused) -> Accepted | RefusedEntry:
        verdict = said if isinstance(said, Refused) else self._judge(entry, envelope, said)  # 1
        if isinstance(verdict, Accepted):
            return verdict
        return RefusedEntry(entry.index, entry.leaf_hash, verdict.code, _sentence(verdict.detail))

    def _judge(self, entry: Entry, envelope: Envelope, said: Record) -> Accepted | Refused:
        refused = self._place(said) or self._marking(said) or self._steward(said)  # 2 to 5
        if refused is not None:
            return refused
        try:
            custody = self.keys.verify(said, envelope, entry.verified_with)  # 6
            self._learn(said)  # 7
        except Meaning as error:
            return Refused(error.code, error.detail)
        return self.policy.judge(said) or Accepted(entry.index, entry.leaf_hash, envelope, said, custody)  # 8

    def _place(self, said: Record) -> Refused | None:
        # 2
        if (said.origin, said.audience_key) != (self.log.origin, self.log.audience_key):
            return Refused(WRONG_LOG, "The record is of another origin or for another audience than the log.")
        if isinstance(said.body, Group) and said.body.group != self.log.audience.group:
            return Refused(WRONG_LOG, "The record of a group stands in the group's own log.")
        # 3: what a node alone signs brings its issuer's home along
        unknown = self.log.origin if said.kind in {"organization", "node"} else None
        if self.homes.get(said.issuer, unknown) != self.log.origin:
            return Refused(NOT_AT_HOME, "The issuer of the record is not at home at the log's node.")
        return None

    def _marking(self, said: Record) -> Refused | None:
        # 4
        group = self.keys.group or self.group
        if group is None or not group.is_community or said.kind in STATEMENTS or said.tlp in COMMUNITY_LABELS:
            return None
        return Refused(
            ContradictoryMarking.code, f"The log of a community takes nothing above TLP:GREEN, not {said.tlp}."
        )

    def _steward(self, said: Record) -> Refused | None:
        # 5
        if not isinstance(said.body, Group):
            return None
        known = {group.steward for group in (self.group, self.keys.group) if group is not None}
        if {said.issuer, said.body.steward, *known} == {said.issuer}:
            return None
        return Refused(NOT_STEWARD, "The record of a group is by its steward, who does not change.")

    def _learn(self, said: Record) -> None:
        self.keys.learn(said)
        if said.kind == "organization":
            self.homes[said.issuer] = self.log.origin


def _sentence(detail: str) -> str:
    """Make a sentence of bounded length of what a meaning says."""
    text = detail[:1].upper() + detail[1:MAX_DETAIL]
    return text if text.endswith(".") else f"{text}."
