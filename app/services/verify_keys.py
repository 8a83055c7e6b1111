"""Which keys count at a place of a log.

The rule here: in a log, the keys of an organization are what its newest organization record *before* that place says;
the node's own key signs organization records, and nothing else but the groups of a steward who keeps its key.
"""

from dataclasses import dataclass, field
from uuid import UUID

from app.domain import signing
from app.domain.errors import InvalidSignature, NotNext
from app.domain.record import Group, Organization, Record
from app.domain.signing import Envelope


@dataclass(slots=True)
class Keys:
    """What the organization records of one log have stated so far, and the newest group record."""

    node_key: bytes
    stated: dict[UUID, Organization] = field(default_factory=dict)
    group: Group | None = None
    versions: set[tuple[UUID, int]] = field(default_factory=set)

    def verify(self, record: Record, envelope: Envelope) -> str:
        """Verify a record's signature with a key that counts here; give who holds that key.

        Raises InvalidSignature. Afterwards the caller must `learn` the record, before it goes on to the next.
        """
        if envelope.keyid == signing.key_id(self.node_key) and record.kind in {"organization", "group"}:
            signing.verify(envelope, self.node_key)
            return "node"
        if record.kind == "organization":
            raise InvalidSignature("an organization record is signed by the node alone")
        body = self.stated.get(record.issuer)
        if body is None:
            raise InvalidSignature("no organization record of its issuer stands before it")
        for key in body.keys:
            if key.keyid == envelope.keyid:
                if key.revoked:
                    raise InvalidSignature("it is signed with a key that was revoked before it")
                signing.verify(envelope, key.public_key)
                return key.custody
        raise InvalidSignature("it is signed with a key that its issuer did not have before it")

    def custody_of(self, issuer: UUID, keyid: str) -> str | None:
        """Tell who holds a key that an organization has or had here, None when it never had it."""
        body = self.stated.get(issuer)
        return next((key.custody for key in body.keys if key.keyid == keyid), None) if body else None

    def learn(self, record: Record) -> None:
        """Take in what the record states. Raises NotNext: it takes back what an earlier version stated."""
        if isinstance(record.body, Organization):
            before = self.stated.get(record.issuer)
            self.stated[record.issuer] = record.body
            self.versions.add((record.issuer, record.body.version))
            if before is not None:
                _check_versions(before, record.body)
        elif isinstance(record.body, Group):
            older = self.group
            self.group = record.body
            if older is not None and record.body.version <= older.version:
                raise NotNext("it states an older version of the group than stands before it")


def _check_versions(before: Organization, after: Organization) -> None:
    if after.version <= before.version:
        raise NotNext("it states an older version of the organization than stands before it")
    now = {key.public_key: key.revoked for key in after.keys}
    if any(key.public_key not in now or (key.revoked and not now[key.public_key]) for key in before.keys):
        raise NotNext("it takes a key away, or makes a revoked one valid again")
