"""Which keys count at a place of a log.

The rule here: in a log, the keys of an organization are what its newest organization record *before* that place says.
The node's own keys sign organization records, statements of the node itself, and the groups of a steward who keeps its
key; the number of the key that signs (its generation, the root being 0) never falls along the log, so that a key which
was replaced, and may be stolen since, signs nothing more.
"""

from collections.abc import Sequence
from uuid import UUID

from app.domain import signing
from app.domain.errors import InvalidSignature, NotNext
from app.domain.record import Group, NodeStatement, Organization, Record
from app.domain.signing import Envelope

BY_NODE = frozenset({"organization", "node"})  # kinds that nobody but the node signs


class LogKeys:
    """What the entries of one log have stated so far: organizations, the group, and how far the node's keys went.

    `node_keys` are all keys of the log's node, the root first. `versions` holds each (organization, version) stated.
    `by_id` are the organizations' keys by their names, also those that count no more: to verify a signature ahead.
    """

    __slots__ = ("_numbers", "by_id", "generation", "group", "node_keys", "stated", "versions")

    def __init__(
        self,
        node_keys: Sequence[bytes],
        generation: int = 0,
        stated: dict[UUID, Organization] | None = None,
        group: Group | None = None,
    ) -> None:
        """Start with what the log states before the place that is looked at."""
        self.node_keys = tuple(node_keys)
        self.generation = generation
        self.stated = dict(stated or {})
        self.group = group
        self.versions = {(issuer, body.version) for issuer, body in self.stated.items()}
        self.by_id = {key.keyid: key.public_key for body in self.stated.values() for key in body.keys}
        self._numbers = {signing.key_id(key): number for number, key in enumerate(self.node_keys)}

    def verify(self, record: Record, envelope: Envelope, verified_with: bytes | None = None) -> str:
        """Verify a record's signature with a key that counts here; give who holds that key.

        `verified_with` is the key with which this very envelope was verified before, if it was.

        1. A key of the node signs organization and node records, which nobody else may sign, and group records.
        2. No key of the node signs that stands before one which signed earlier; a node record names the key that
           signed it.
        3. Anything else is signed by a key that the issuer's newest organization record has, and has not revoked.

        Raises InvalidSignature. Afterwards the caller must `learn` the record, before it goes on to the next.
        """
        number = self._numbers.get(envelope.keyid)
        # 1
        if number is not None and (record.kind in BY_NODE or record.kind == "group"):
            signing.verify(envelope, self.node_keys[number])
            self._advance(number, record)  # 2
            return "node"
        if record.kind in BY_NODE:
            raise InvalidSignature(f"a record of the kind '{record.kind}' is signed by the node alone")
        # 3
        body = self.stated.get(record.issuer)
        if body is None:
            raise InvalidSignature("no organization record of its issuer stands before it")
        for key in body.keys:
            if key.keyid == envelope.keyid:
                if key.revoked:
                    raise InvalidSignature("it is signed with a key that was revoked before it")
                if key.public_key != verified_with:
                    signing.verify(envelope, key.public_key)
                return key.custody
        raise InvalidSignature("it is signed with a key that its issuer did not have before it")

    def _advance(self, number: int, record: Record) -> None:
        if number < self.generation:
            raise InvalidSignature("it is signed with a key that the node had replaced before it")
        said = record.body
        if isinstance(said, NodeStatement) and (said.generation, said.key) != (number, self.node_keys[number]):
            raise InvalidSignature("it names another key of the node than the one that signed it")
        self.generation = number

    def custody_of(self, issuer: UUID, keyid: str) -> str | None:
        """Tell who holds a key that an organization has or had here, None when it never had it."""
        body = self.stated.get(issuer)
        return next((key.custody for key in body.keys if key.keyid == keyid), None) if body else None

    def learn(self, record: Record) -> None:
        """Take in what the record states.

        Raises NotNext, and learns nothing: it takes back what an earlier version stated.
        """
        if isinstance(record.body, Organization):
            before = self.stated.get(record.issuer)
            if before is not None:
                _check_versions(before, record.body)
            self.stated[record.issuer] = record.body
            self.versions.add((record.issuer, record.body.version))
            self.by_id |= {key.keyid: key.public_key for key in record.body.keys}
        elif isinstance(record.body, Group):
            if self.group is not None and record.body.version <= self.group.version:
                raise NotNext("it states an older version of the group than stands before it")
            self.group = record.body


def _check_versions(before: Organization, after: Organization) -> None:
    if after.version <= before.version:
        raise NotNext("it states an older version of the organization than stands before it")
    now = {key.public_key: key.revoked for key in after.keys}
    if any(key.public_key not in now or (key.revoked and not now[key.public_key]) for key in before.keys):
        raise NotNext("it takes a key away, or makes a revoked one valid again")
