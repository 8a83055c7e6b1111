"""Checkpoints: the signed size and root of a log (C2SP tlog-checkpoint), over signed notes (C2SP signed-note).

A note is text, a blank line, and one line for each signature: `— <key name> <base64(4-byte key id || signature)>`.
Here the key name is the node id, and the origin line is `<node id>/<audience key>/<epoch>`. Public keys are the 32 raw
bytes of Ed25519, seeds the 32 raw bytes of its private key.

The rule here: nothing of a note is given out before its signature is verified, and whatever is wrong with bytes from
outside raises InvalidProof and nothing else.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from app.domain.errors import InvalidProof
from app.domain.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE

MAX_NOTE_BYTES = 16 * 1024  # room for the log's signature and some 100 Ed25519 cosignatures; this house's own limit
KEY_ID_BYTES = 4
ED25519 = b"\x01"  # signature type (C2SP signed-note, "Signature types")

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_ORIGIN = re.compile(r"([!-*,-.0-~]+)/([!-*,-.0-~]+)/(0|[1-9][0-9]{0,8})")
_KEY_ID_TEXT = re.compile(r"[0-9a-f]{8}")
_FIXED_LINES = 3


class Origin(NamedTuple):
    """Which log a checkpoint speaks of: the node's id, the key of the audience, and the epoch."""

    node: str
    audience: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log's node signs: the log's origin line, its size in entries, and the 32 bytes of its root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Write the note text that is signed: a line each, the root in base64.

        Not checked: anything; `sign_checkpoint` refuses a text that cannot be read back.
        """
        lines = (self.origin, str(self.size), _to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def origin_line(node_id: str, audience_key: str, epoch: int) -> str:
    """Write the origin line of a log.

    Raises InvalidProof: a part that `parse_origin` would not read back.
    """
    line = f"{node_id}/{audience_key}/{epoch}"
    parse_origin(line)
    return line


def parse_origin(line: str) -> Origin:
    """Read an origin line: two names of printable ASCII without space, `+` or `/`, and an epoch below 10**9.

    Raises InvalidProof: any other form. Not checked: that the node or the audience exists.
    """
    match = _ORIGIN.fullmatch(line)
    if match is None:
        raise InvalidProof("The origin line is not <node id>/<audience key>/<epoch>.")
    return Origin(match[1], match[2], int(match[3]))


def log_id(node_id: str, audience_key: str, epoch: int) -> str:
    """Name a log: the first 16 bytes of the SHA-256 of its origin line, in hexadecimal."""
    return sha256(origin_line(node_id, audience_key, epoch).encode()).hexdigest()[:32]


def sign_checkpoint(checkpoint: Checkpoint, name: str, seed: bytes) -> str:
    """Sign a checkpoint as the node `name` and give the note.

    Raises InvalidProof: the checkpoint is not well formed or not of this node's log, or the note is one that
    `verify_note` refuses. Not checked: that it is consistent with what was signed before; the caller owes that.
    """
    text = checkpoint.to_text()
    if _parse_text(text) != checkpoint:
        raise InvalidProof("The checkpoint cannot be read back from its text.")
    _check_owner(checkpoint, name)
    return sign_note(text, name, seed)


def parse_checkpoint(note: str | bytes, name: str, public_key: bytes) -> Checkpoint:
    """Verify a checkpoint signed by the node `name` with this key, and read it.

    1. The note verifies: see `verify_note`.
    2. Its text is an origin, a size without leading zeros, and a root of 32 bytes; an empty log has the root of an
       empty tree; extension lines are kept and not understood.
    3. The origin is `name`, or begins with `name` and a slash: a node signs its own logs only.

    Raises InvalidProof. Not checked: that it is the log the caller means (compare `origin`), that the key was valid,
    and that it is consistent with other checkpoints.
    """
    # 1
    text = verify_note(note, name, public_key)
    # 2
    checkpoint = _parse_text(text)
    # 3
    _check_owner(checkpoint, name)
    return checkpoint


def signer_generation(note: str | bytes, name: str, keys: Sequence[bytes]) -> int | None:
    """Tell which of a node's keys, the root being number 0, signed a note: the newest that did, or None.

    A note that is not well formed was signed by nobody. Costs at most one verification for each signature line.
    """
    for generation in range(len(keys) - 1, -1, -1):
        try:
            verify_note(note, name, keys[generation])
        except InvalidProof:
            continue
        return generation
    return None


def sign_note(text: str, name: str, seed: bytes) -> str:
    """Sign a text, which ends with a newline, and give the note with this one signature.

    Raises InvalidProof: the note would not pass `verify_note`, because of the text or the name.
    """
    key = SigningKey(seed)
    public_key = bytes(key.verify_key)
    signature = note_key_id(name, public_key) + key.sign(_utf8(text)).signature
    note = f"{text}\n— {name} {_to_base64(signature)}\n"
    verify_note(note, name, public_key)
    return note


def verify_note(note: str | bytes, name: str, public_key: bytes) -> str:
    """Verify that a note is signed by `name` with this key, and give its text (C2SP signed-note, "Format").

    1. The note is UTF-8 of at most MAX_NOTE_BYTES, without control characters other than newline.
    2. It is text and signature lines around its last blank line, both ending with a newline.
    3. Every signature line is well formed, whoever signed.
    4. Exactly one signature has this name and the key id of this key. Others are ignored.
    5. That signature verifies over the text.

    Raises InvalidProof. Not checked: any signature of another name or key.
    """
    # 1
    decoded = _utf8(note).decode()
    if _CONTROL.search(decoded):
        raise InvalidProof("The note has control characters.")
    # 2
    blank = decoded.rfind("\n\n")
    text, block = decoded[: blank + 1], decoded[blank + 2 :]
    if blank < 0 or not block.endswith("\n"):
        raise InvalidProof("The note is not text, a blank line and signature lines.")
    # 3
    signatures = [_parse_signature(line) for line in block[:-1].split("\n")]
    # 4
    wanted = (name, note_key_id(name, public_key))
    found = [signature for *who, signature in signatures if tuple(who) == wanted]
    if len(found) != 1:
        raise InvalidProof(f"The note has {len(found)} signatures of the key, not one.")
    # 5
    try:
        VerifyKey(public_key).verify(text.encode(), found[0])
    except CryptoError as error:
        raise InvalidProof("The signature of the note does not verify.") from error
    return text


def note_key_id(name: str, public_key: bytes) -> bytes:
    """Give the 4 bytes that tell an Ed25519 key of this name (C2SP signed-note, "Ed25519 signatures").

    They tell keys apart and prove nothing. Raises InvalidProof: the name is empty, or has a space or a plus.
    """
    _check_name(name)
    return sha256(_utf8(name) + b"\n" + ED25519 + public_key).digest()[:KEY_ID_BYTES]


def verifier_key(name: str, public_key: bytes) -> str:
    """Write the key as one line to hand over: `<name>+<key id in hex>+<base64(0x01 || public key)>`.

    Raises InvalidProof: the name is empty, or has a space or a plus. Not checked: the key.
    """
    return f"{name}+{note_key_id(name, public_key).hex()}+{_to_base64(ED25519 + public_key)}"


def parse_verifier_key(line: str) -> tuple[str, bytes]:
    """Read a verifier key into its name and the 32 bytes of the public key.

    Raises InvalidProof: it is not well formed, the key is not Ed25519, or the key id is of another key. Not checked:
    that the key is a point of the curve.
    """
    name, _, rest = line.partition("+")
    hint, _, encoded = rest.partition("+")
    key = _from_base64(encoded)
    if key[:1] != ED25519 or len(key) != HASH_BYTES + 1 or not _KEY_ID_TEXT.fullmatch(hint):
        raise InvalidProof("The text is not the verifier key of an Ed25519 key.")
    if note_key_id(name, key[1:]).hex() != hint:
        raise InvalidProof("The verifier key does not have the key id of its key.")
    return name, key[1:]


def _parse_text(text: str) -> Checkpoint:
    *lines, rest = text.split("\n")
    if rest or len(lines) < _FIXED_LINES or not all(lines):
        raise InvalidProof("A checkpoint is an origin, a size and a root, each on its line, without empty lines.")
    origin, size, root, *extensions = lines
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        raise InvalidProof("The size of the checkpoint is not a plain number of entries.")
    checkpoint = Checkpoint(origin, int(size), _from_base64(root), tuple(extensions))
    if len(checkpoint.root) != HASH_BYTES or (checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT):
        raise InvalidProof("The root of the checkpoint is not the root of such a tree.")
    return checkpoint


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    """Read a signature line into key name, key id and signature."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    raw = _from_base64(encoded)
    if dash != "—" or len(raw) <= KEY_ID_BYTES:
        raise InvalidProof("A signature line of the note is malformed.")
    _check_name(name)
    return name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:]


def _check_owner(checkpoint: Checkpoint, name: str) -> None:
    if checkpoint.origin != name and not checkpoint.origin.startswith(f"{name}/"):
        raise InvalidProof("The checkpoint is of another node's log.")


def _check_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(map(str.isspace, name)):
        raise InvalidProof("A key name is empty, or has a space, a plus or a control character.")


def _utf8(text: str | bytes) -> bytes:
    try:
        raw = text.encode() if isinstance(text, str) else text
        raw.decode()
    except UnicodeError as error:
        raise InvalidProof("The text is not valid UTF-8.") from error
    if len(raw) > MAX_NOTE_BYTES:
        raise InvalidProof(f"The text is longer than {MAX_NOTE_BYTES} bytes.")
    return raw


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _from_base64(text: str) -> bytes:
    """Read standard base64 in its one canonical spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidProof("A field is not base64.") from error
    if _to_base64(raw) != text:
        raise InvalidProof("A field is not canonical base64.")
    return raw
