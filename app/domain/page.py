"""A page of a log on its way from node to node: how it is written, read, and verified.

A page is lines of canonical JSON: a header, one line for each entry (a signed record, or a bare leaf hash and why it is
bare), and an end. A record stands in its line as its own bytes, so nothing is escaped or encoded twice.

The rule here: bytes in, trust out. Whatever is wrong with the bytes raises a meaning, and a page of which one byte was
changed is refused. What an entry says is judged in `entry_rules.py`.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from app.domain import canonical, checkpoint, merkle, reading, signing
from app.domain.canonical import MAX_INTEGER
from app.domain.checkpoint import MAX_NOTE_BYTES, Checkpoint
from app.domain.entry_rules import Accepted as Accepted  # noqa: PLC0414 - what becomes of a page is one interface
from app.domain.entry_rules import Bare as Bare  # noqa: PLC0414 - same
from app.domain.entry_rules import Entry as Entry  # noqa: PLC0414 - same
from app.domain.entry_rules import LogName as LogName  # noqa: PLC0414 - same
from app.domain.entry_rules import RefusedEntry as RefusedEntry  # noqa: PLC0414 - same
from app.domain.entry_rules import Verdict as Verdict  # noqa: PLC0414 - same
from app.domain.entry_rules import judge as judge  # noqa: PLC0414 - same
from app.domain.errors import Invalid, InvalidProof, InvalidRecord
from app.domain.merkle import Frontier
from app.domain.node_record import NodeRecord
from app.domain.signing import Envelope

MAX_PAGE_ENTRIES = 1_000  # entries: one round trip for a busy day, some 100 ms of verifying
PAGE_BYTES = 4 * 1024 * 1024  # bytes of records beyond the first entry: what the sender holds at once
MAX_WIRE_BYTES = 16 * 1024 * 1024  # bytes of a decoded page: 2 + 4 MiB of records, the lines around them, and room
MAX_PROOF = 64  # hashes: a consistency proof has at most one for each level of a tree, and one
LOG_ID_LENGTH = 32  # characters
LONGEST_HASH = 44  # characters of a hash in base64
REASONS = ("erased", "withheld", "ended", "damaged", "refused")

_ENTRY = re.compile(
    rb'\{"index":(0|[1-9][0-9]{0,15}),"keyid":"([0-9a-f]{32})","record":(.+),"sig":"([A-Za-z0-9+/]{85}[AQgw]==)"\}'
)
_HEADER = frozenset({"from", "log", "note", "proof", "size", "to"})
_BARE = frozenset({"index", "leaf", "why"})


class InvalidPage(Invalid):
    """The page of a log is cut off or not well formed."""

    code = "invalid_page"


class RolledBack(InvalidProof):
    """The log is smaller than its node signed before."""

    code = "rolled_back"


class Forked(InvalidProof):
    """The log's node has signed two histories of it.

    `prefix_root` is None where both checkpoints are of one size; else it is the root that the page's history has at the
    size of the checkpoint held, and a consistency proof from there makes it evidence.
    """

    code = "forked"

    def __init__(self, detail: str, prefix_root: bytes | None = None) -> None:
        """Keep what evidence is made of."""
        super().__init__(detail)
        self.prefix_root = prefix_root


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it came: entries `start` to `stop` (excluded), the checkpoint of `size` over them, and the proof."""

    log_id: str
    start: int
    stop: int
    size: int
    note: str
    proof: tuple[bytes, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What this node has of the log: the right edge of its tree, and the newest checkpoint over it, if any."""

    frontier: Frontier
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verified page proves: the new right edge, the checkpoint over it, and which key of the node signed it."""

    frontier: Frontier
    checkpoint: Checkpoint
    generation: int


def header(log_id: str, start: int, stop: int, size: int, note: str, proof: Sequence[bytes]) -> bytes:
    """Write the first line: entries `start` to `stop` (excluded), and the checkpoint of `size` entries.

    `proof` is the consistency proof from `stop` to `size`, empty where they are one, or `stop` is 0.
    """
    hashes = [base64.b64encode(item).decode() for item in proof]
    return _line({"log": log_id, "from": start, "to": stop, "size": size, "note": note, "proof": hashes})


def entry(index: int, envelope: Envelope) -> bytes:
    """Write the line of an entry with its body. Not checked: that the envelope is one of this house's making."""
    signature = base64.b64encode(envelope.signature)
    return b'{"index":%d,"keyid":"%s","record":%s,"sig":"%s"}\n' % (
        index,
        envelope.keyid.encode(),
        envelope.payload,
        signature,
    )


def bare(index: int, leaf: bytes, why: str) -> bytes:
    """Write the line of an entry without its body; `why` is one of REASONS."""
    return _line({"index": index, "leaf": leaf.hex(), "why": why})


def trailer(stop: int) -> bytes:
    """Write the last line, without which a page is cut off."""
    return _line({"end": stop})


def read(raw: bytes, keys: Mapping[str, bytes] = MappingProxyType({})) -> Page:
    """Read a whole page, decoded; signatures by `keys` are verified on the way (see `Entry.of`).

    1. It has at most MAX_WIRE_BYTES and MAX_PAGE_ENTRIES, and ends with a line.
    2. Header and end agree; the page is within the log, and empty only where the log ends.
    3. There is an entry for each index, in order.

    Raises InvalidPage; bytes that are no record are not the page's fault: their entry says so. Not checked: everything
    that `verify` proves.
    """
    # 1
    lines = raw.count(b"\n")
    if len(raw) > MAX_WIRE_BYTES or lines > MAX_PAGE_ENTRIES + 2:
        raise InvalidPage(f"A page has at most {MAX_WIRE_BYTES} bytes and {MAX_PAGE_ENTRIES} entries.")
    first, *between, last, rest = raw.split(b"\n") if lines >= 2 else [b""] * 3  # noqa: PLR2004 - header and end
    try:
        # 2
        page = _read_header(first)
        if rest or last + b"\n" != trailer(page.stop):
            raise InvalidPage("The page is cut off.")
        if not page.start <= page.stop <= page.size or (page.start == page.stop < page.size):
            raise InvalidPage("The page is not of the entries that its header says.")
        # 3: counted before they are looked for, because a header may say any number
        if len(between) != page.stop - page.start:
            raise InvalidPage("The page does not have as many entries as its header says.")
        entries = tuple(_read_entry(line, keys) for line in between)
    except InvalidRecord as error:
        raise InvalidPage(f"A line of the page is malformed: {error.detail}") from error
    if [item.index for item in entries] != list(range(page.start, page.stop)):
        raise InvalidPage("The page does not have the entries that its header says.")
    return replace(page, entries=entries)


def verify(page: Page, log: LogName, held: Held, node: NodeRecord) -> Verified:
    """Verify that a page continues what is held of a log, under a checkpoint that the log's node signed.

    1. The page is of this log, which is the node's, and begins where the held tree ends.
    2. A key of the node signed the checkpoint, and none older than the one that signed the checkpoint held.
    3. The checkpoint is of the size that the page says; it is not smaller than the one held, and not another one of
       the same size.
    4. The held tree with the page's leaf hashes is the beginning of the checkpoint's tree, and has the root of the
       checkpoint held where it passes its size.

    Raises InvalidPage, InvalidProof, RolledBack, Forked. Not checked: what the entries say (see `judge`), and that the
    checkpoint held is the beginning of a larger one before the page reaches its size.
    """
    # 1
    if log.origin != node.id or log.id != checkpoint.log_id(log.origin, log.audience_key, log.epoch):
        raise InvalidProof("The log is not one of this node.")
    if (page.log_id, page.start) != (log.id, held.frontier.size):
        raise InvalidPage("The page is of another log, or does not begin where the entries held end.")
    # 2
    signed, generation = read_checkpoint(page.note, log, node)
    before, oldest = (None, 0) if held.note is None else read_checkpoint(held.note, log, node)
    if generation < oldest:
        raise InvalidProof("The checkpoint is signed with a key that the node had replaced before.")
    # 3
    if signed.size != page.size:
        raise InvalidPage("The page does not have the size of its checkpoint.")
    if before is not None and signed.size < before.size:
        raise RolledBack(f"The log has {signed.size} entries; its node signed {before.size} before.")
    if before is not None and signed.size == before.size and signed.root != before.root:
        raise Forked(f"The log's node has signed two roots of {signed.size} entries.")
    # 4
    leaves = [item.leaf_hash for item in page.entries]
    frontier = held.frontier.extend(leaves)
    merkle.verify_consistency(page.stop, frontier.root(), signed.size, signed.root, page.proof)
    if before is not None and page.start <= before.size <= page.stop:
        reached = held.frontier.extend(leaves[: before.size - page.start]).root()
        if reached != before.root:
            raise Forked(f"The log's node has signed another root of {before.size} entries before.", reached)
    return Verified(frontier, signed, generation)


def read_checkpoint(note: str, log: LogName, node: NodeRecord) -> tuple[Checkpoint, int]:
    """Verify a note as a checkpoint of a log by a key of its node; give it with the number of the key.

    Raises InvalidProof. Not checked: that the key is not one that was replaced before.
    """
    generation = checkpoint.signer_generation(note, node.id, node.keys)
    if generation is None:
        raise InvalidProof("The checkpoint is not signed with a key of the log's node.")
    found = checkpoint.parse_checkpoint(note, node.id, node.keys[generation])
    if found.origin != log.origin_line:
        raise InvalidProof("The checkpoint is of another log.")
    return found, generation


def _line(document: dict[str, Any]) -> bytes:
    return canonical.encode(document) + b"\n"


def _read_header(line: bytes) -> Page:
    document = _read_line(line, _HEADER)
    rows = reading.rows(document["proof"], "/proof", 0, MAX_PROOF)
    start, stop, size = (reading.integer(document[name], f"/{name}", 0, MAX_INTEGER) for name in ("from", "to", "size"))
    return Page(
        log_id=reading.text(document["log"], "/log", LOG_ID_LENGTH),
        start=start,
        stop=stop,
        size=size,
        note=reading.text(document["note"], "/note", MAX_NOTE_BYTES),
        proof=tuple(signing.read_base64(reading.text(row, "/proof", LONGEST_HASH), "/proof") for row in rows),
        entries=(),
    )


def _read_entry(line: bytes, keys: Mapping[str, bytes]) -> Entry:
    match = _ENTRY.fullmatch(line)
    if match is not None:
        index, keyid, payload, signature = match.groups()
        envelope = Envelope(payload, keyid.decode(), base64.b64decode(signature))
        return Entry.of(int(index), envelope, keys)
    document = _read_line(line, _BARE)
    return Entry(
        reading.integer(document["index"], "/index", 0, MAX_INTEGER),
        bytes.fromhex(reading.sha256_hex(document["leaf"], "/leaf")),
        why=reading.word(document["why"], REASONS, "/why"),
    )


def _read_line(line: bytes, names: frozenset[str]) -> dict[str, Any]:
    document = reading.mapping(canonical.decode(line), "")
    if document.keys() != names:
        raise InvalidRecord(f"The line must have the fields {', '.join(sorted(names))}.")
    return document
