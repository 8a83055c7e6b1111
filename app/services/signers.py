"""Who signs for an organization, and whose signature counts now.

The rule here: a signature counts by the keys that are valid at this moment of the log, never by a claimed time; the
caller holds the organization's keys still until its commit (`storage.organizations.hold`).
"""

from app.domain import signing
from app.domain.errors import Conflict, InvalidSignature
from app.domain.record import Record
from app.domain.signing import Envelope
from app.services.node import Node
from app.storage import organizations
from app.storage.organizations import Organization
from app.storage.store import ReadTx


async def sign(node: Node, tx: ReadTx, issuer: Organization, record: Record) -> Envelope:
    """Sign a record with the key that the node holds for its issuer.

    Raises Conflict: the organization keeps its own key, so its client must sign.
    """
    for key in reversed(await organizations.keys(tx, issuer.id)):
        if key.sealed_seed is not None and key.revoked_at is None:
            return record.sign(node.identity.unseal(key.sealed_seed))
    raise Conflict("This node holds no valid key of your organization: sign the record yourself and send its envelope.")


async def verify(tx: ReadTx, issuer: Organization, envelope: Envelope) -> str:
    """Check that a valid key of the issuer made the envelope; give who holds that key. Raises InvalidSignature."""
    for key in await organizations.keys(tx, issuer.id):
        if key.keyid == envelope.keyid and key.revoked_at is None:
            signing.verify(envelope, key.public_key)
            return key.custody
    raise InvalidSignature("The envelope names a key that is not a valid key of your organization here.")
