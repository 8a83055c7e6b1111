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
    """A node: its id, three secrets of 32 bytes each, and its public keys, the root first and the one in use last.

    `handovers` are the signatures by which each key but the root was named by the one before it.
    """

    node_id: str
    seed: bytes = field(repr=False)
    pepper: bytes = field(repr=False)
    wrapping_key: bytes = field(repr=False)
    keys: tuple[bytes, ...] = ()
    handovers: tuple[bytes, ...] = ()

    @property
    def public_key(self) -> bytes:
        """The node's public key in use, 32 bytes."""
        return self.keys[-1]

    @property
    def generation(self) -> int:
        """How often the node's key was changed."""
        return len(self.keys) - 1

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


def new(
    seed: bytes, pepper: bytes, wrapping_key: bytes, earlier: tuple[bytes, ...] = (), handovers: tuple[bytes, ...] = ()
) -> Identity:
    """Make the identity of a node from its secrets, and the public keys that it had before; the id is the first's."""
    keys = (*earlier, signing.public_key(seed))
    return Identity(signing.node_id(keys[0]), seed, pepper, wrapping_key, keys, handovers)
