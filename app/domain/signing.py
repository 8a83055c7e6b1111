"""Keys, DSSE envelopes and node ids.

The rule here: one verifier everywhere (PyNaCl), because two Ed25519 libraries disagree on malformed keys, and a record
that one node accepts and another refuses would split the network. A key is checked to be a point of prime order when
it is enrolled, so a signature by a small-order key cannot exist.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from app.domain import canonical
from app.domain.errors import Invalid, InvalidRecord, InvalidSignature

PAYLOAD_TYPE = "application/vnd.watchfire.record.v1+json"
KEY_BYTES = 32
SIGNATURE_BYTES = 64
_NODE_ID = re.compile(r"wf[a-z2-7]{32}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed record: its canonical bytes, and one signature over their DSSE pre-authentication encoding."""

    payload: bytes
    keyid: str
    signature: bytes

    def to_document(self) -> dict[str, Any]:
        """Give the DSSE envelope as a JSON document."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payload_type": PAYLOAD_TYPE,
            "signatures": [{"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode()}],
        }

    def to_bytes(self) -> bytes:
        """Give the canonical bytes of the envelope: the data of its leaf in the log.

        Written out, because no field of an envelope has a character that JSON escapes, and the payload may be large.
        """
        return b'{"payload":"%s","payload_type":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}' % (
            base64.b64encode(self.payload),
            PAYLOAD_TYPE.encode(),
            self.keyid.encode(),
            base64.b64encode(self.signature),
        )

    @property
    def digest(self) -> bytes:
        """SHA-256 of the record's bytes, 32 bytes."""
        return hashlib.sha256(self.payload).digest()


def parse_envelope(document: object) -> Envelope:
    """Read a DSSE envelope with exactly one signature.

    Raises InvalidRecord. Does not verify the signature and does not read the payload.
    """
    match document:
        case {
            "payload": str(payload),
            "payload_type": str(payload_type),
            "signatures": [{"keyid": str(keyid), "sig": str(signature)}],
        }:
            pass
        case _:
            raise InvalidRecord("An envelope has payload, payload_type and exactly one signature with keyid and sig.")
    if payload_type != PAYLOAD_TYPE:
        raise InvalidRecord(f"The payload type must be {PAYLOAD_TYPE}.")
    return Envelope(read_base64(payload, "payload"), keyid, read_base64(signature, "sig"))


def read_base64(text: str, name: str) -> bytes:
    """Read base64 in its one canonical form (RFC 4648, 4: padded, no line breaks, unused bits zero).

    Raises InvalidRecord, which calls the text by `name`.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRecord(f"{name} is not base64.") from error
    if base64.b64encode(data).decode() != text:
        raise InvalidRecord(f"{name} is not canonical base64.")
    return data


def pre_authentication_encoding(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Give the bytes that are signed: DSSE v1 PAE of the payload type and the payload."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def new_seed(random: bytes) -> bytes:
    """Make the 32-byte seed of an Ed25519 key from 32 random bytes."""
    if len(random) != KEY_BYTES:
        raise ValueError("a seed is 32 random bytes")
    return random


def public_key(seed: bytes) -> bytes:
    """Give the 32-byte public key of a seed."""
    return bytes(SigningKey(seed).verify_key)


def check_public_key(key: bytes) -> None:
    """Check that 32 bytes are a point of prime order on the curve, in canonical form. Raises Invalid."""
    if len(key) != KEY_BYTES or not crypto_core_ed25519_is_valid_point(key):
        raise Invalid("The public key is not a valid Ed25519 key: 32 bytes, a point of prime order.")


def key_id(key: bytes) -> str:
    """Name a public key: the first 16 bytes of its SHA-256, in hexadecimal."""
    return hashlib.sha256(key).hexdigest()[:32]


def node_id(root_key: bytes) -> str:
    """Name a node by the hash of its first public key, so that the name certifies itself: `wf` and 32 letters."""
    return "wf" + base64.b32encode(hashlib.sha256(root_key).digest()[:20]).decode().lower()


def parse_node_id(text: object, pointer: str = "") -> str:
    """Read a node id in its one form. Raises InvalidRecord. Not checked: that there is such a node."""
    if not isinstance(text, str) or not _NODE_ID.fullmatch(text):
        raise InvalidRecord(f"{pointer or 'The node id'} must be a node id: wf and 32 letters or digits.")
    return text


def fingerprint(root_key: bytes) -> str:
    """Give a node's fingerprint for people to compare: 8 groups of 4 hexadecimal characters."""
    text = hashlib.sha256(root_key).hexdigest()[:32]
    return "-".join(text[i : i + 4] for i in range(0, 32, 4))


def sign(payload: bytes, seed: bytes) -> Envelope:
    """Sign canonical record bytes with the key of a 32-byte seed.

    Raises InvalidRecord for more bytes than `canonical.decode` reads: nobody could read what was signed.
    """
    if len(payload) > canonical.MAX_BYTES:
        raise InvalidRecord(f"The record has {len(payload)} bytes; at most {canonical.MAX_BYTES} are read: split it.")
    return Envelope(payload, key_id(public_key(seed)), make_signature(payload, seed))


def make_signature(payload: bytes, seed: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Sign bytes of a payload type with the key of a 32-byte seed; give the 64 bytes of the signature."""
    return SigningKey(seed).sign(pre_authentication_encoding(payload, payload_type)).signature


def verify(envelope: Envelope, key: bytes) -> None:
    """Check the envelope's signature with a 32-byte public key. Raises InvalidSignature.

    Not checked here: that the key belongs to the issuer and was valid at the record's place in the log.
    """
    if envelope.keyid != key_id(key):
        raise InvalidSignature("The envelope names another key.")
    check_signature(envelope.payload, envelope.signature, key)


def check_signature(payload: bytes, signature: bytes, key: bytes, payload_type: str = PAYLOAD_TYPE) -> None:
    """Check a signature over bytes of a payload type with a 32-byte public key. Raises InvalidSignature."""
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidSignature("An Ed25519 signature has 64 bytes.")
    try:
        VerifyKey(key).verify(pre_authentication_encoding(payload, payload_type), signature)
    except (BadSignatureError, ValueError) as error:
        raise InvalidSignature(
            "The signature does not verify: the record was changed, or another key made it."
        ) from error
