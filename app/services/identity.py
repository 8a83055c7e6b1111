"""The node's own secrets: its signing key, the pepper of its digests, and the key that seals what it holds for others.

The rule here: secrets never appear in a repr, a log or an error, and leave this module only as what they made.
"""

import hashlib
from dataclasses import dataclass, field

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from app.domain import signing
from app.domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Identity:
    """A node: its id, and three secrets of 32 bytes each."""

    node_id: str
    seed: bytes = field(repr=False)
    pepper: bytes = field(repr=False)
    wrapping_key: bytes = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The node's public key, 32 bytes."""
        return signing.public_key(self.seed)

    def seal(self, seed: bytes) -> bytes:
        """Encrypt an organization's key for keeping (XSalsa20-Poly1305, random nonce)."""
        return bytes(SecretBox(self.wrapping_key).encrypt(seed))

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypt an organization's key. Raises Unavailable: it was sealed by another node key, or damaged."""
        try:
            return SecretBox(self.wrapping_key).decrypt(sealed)
        except CryptoError as error:
            raise Unavailable(
                "A key that this node holds cannot be opened: was the node's key file replaced?"
            ) from error

    def digest(self, purpose: str, value: bytes) -> bytes:
        """Give the keyed digest of a value for one purpose of at most 16 bytes: BLAKE2b (RFC 7693), 32 bytes."""
        return hashlib.blake2b(value, digest_size=32, key=self.pepper, person=purpose.encode()).digest()

    def address_digest(self, key: bytes) -> str:
        """Give what stands for a looked-up address in the audit: it can be recognized, and not be listed."""
        return self.digest("audit-address", key)[:16].hex()


def new(seed: bytes, pepper: bytes, wrapping_key: bytes) -> Identity:
    """Make the identity of a node from its secrets; the id follows from the key."""
    return Identity(signing.node_id(signing.public_key(seed)), seed, pepper, wrapping_key)
