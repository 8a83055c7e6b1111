"""The Merkle tree of a log: hashes, right edge, tiles, proofs, and how proofs are verified.

RFC 9162, 2.1 (the tree of RFC 6962) with SHA-256; tiles are C2SP tlog-tiles of height 8. A hash is 32 bytes, `hashes`
as bytes are whole hashes end to end. Storage is asynchronous and this module is not, so every question has two parts:
which hashes are needed (`growth_spans`, and `..._nodes` with `Node.span`), then the answer from what was fetched.

The rule here: no hash from outside is hashed before its length is checked (31 + 33 bytes hash like 32 + 32), and what
is not proved raises InvalidProof.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from typing import Self

from app.domain.errors import Invalid, InvalidProof

HASH_BYTES = 32
TILE_HEIGHT = 8  # tree levels in a tile (C2SP tlog-tiles)
TILE_WIDTH = 256  # hashes in a full tile
MAX_SIZE = 2**63 - 1  # entries: what a signed 64-bit column can count
EMPTY_ROOT = sha256(b"").digest()

Read = Callable[[int, int], bytes]  # gives the hash of the perfect subtree (level, index): see `Node`

_Part = tuple[int, int]  # leaves, from the first to before the second
_SIZE_BYTES = 8
_TILE_PATH = re.compile(r"tile/(0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry into its leaf (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two hashes into their parent (RFC 9162, 2.1.1). Not checked: that both are 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def split_hashes(hashes: bytes) -> list[bytes]:
    """Cut hashes that stand end to end into 32 bytes each. Raises InvalidProof: the last one is cut off."""
    if len(hashes) % HASH_BYTES:
        raise InvalidProof(f"{len(hashes)} bytes are not a whole number of hashes.")
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def root_of(hashes: bytes) -> bytes:
    """Compute the root over hashes that stand end to end; over a full tile, its hash one tile level up."""
    return Frontier().extend(split_hashes(hashes)).root()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: its size, and the hashes of its perfect subtrees from left (largest) to right.

    There is one hash for each 1 in the binary size: at most 63. It is enough to append and to know the root.
    Whatever makes one raises InvalidProof: size above MAX_SIZE, hashes too few, too many or not of 32 bytes.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE or self.size.bit_count() != len(self.hashes):
            raise InvalidProof(f"{len(self.hashes)} hashes are not the right edge of a tree of {self.size} entries.")
        _check_hashes(self.hashes)

    def append(self, leaf: bytes) -> Self:
        """Give the edge with one leaf hash more."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Self:
        """Give the edge with these leaf hashes more, in order. n leaves cost at most n + 63 hashes of work."""
        edge, size = list(self.hashes), self.size
        for leaf in leaves:
            _check_hashes((leaf,))
            edge.append(leaf)
            size += 1
            for _ in range(_trailing_zeros(size)):
                right = edge.pop()
                edge[-1] = node_hash(edge[-1], right)
        return type(self)(size, tuple(edge))

    def root(self) -> bytes:
        """Compute the root (RFC 9162, 2.1.1)."""
        return _fold(self.hashes) if self.size else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """Write the size (8 bytes, big-endian), then the hashes from left to right."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.hashes)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises InvalidProof: any other length."""
        if len(raw) < _SIZE_BYTES:
            raise InvalidProof("The stored right edge of a tree is cut off.")
        return cls(int.from_bytes(raw[:_SIZE_BYTES], "big"), tuple(split_hashes(raw[_SIZE_BYTES:])))


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The hashes `start` to `stop` (excluded) of one tile level: what storage fetches. It never crosses a tile.

    Hash i of tile level 0 is the leaf hash of entry i; hash i of tile level L is the root of the full tile (L - 1, i).
    Storage has them in the tile (`level`, `tile()`) when that one is full, else one by one: as the leaf hashes of
    entries, or as the `root` of the tiles `start` to `stop` of the level below.
    """

    level: int
    start: int
    stop: int

    def tile(self) -> int:
        """Give the index of the tile that has, or will have, these hashes."""
        return self.start // TILE_WIDTH

    def is_in_full_tile(self, size: int) -> bool:
        """Say whether that tile is full in a tree of `size` entries."""
        return (self.tile() + 1) * TILE_WIDTH <= size >> TILE_HEIGHT * self.level

    def cut(self, tile: bytes) -> bytes:
        """Take these hashes, end to end, out of the 8,192 bytes of their full tile."""
        first = self.start % TILE_WIDTH
        return tile[first * HASH_BYTES : (first + self.stop - self.start) * HASH_BYTES]


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """The perfect subtree over the `2**level` leaves from `index * 2**level`; at level 0 a leaf."""

    level: int
    index: int

    def span(self) -> Span:
        """Give the hashes, all of one tile, whose `root_of` is this node: 1 to 128 of them."""
        tile_level, height = divmod(self.level, TILE_HEIGHT)
        return Span(tile_level, self.index << height, (self.index + 1) << height)


@dataclass(frozen=True, slots=True)
class Tile:
    """A full tile: 256 `hashes` end to end (8,192 bytes), and their `root`, which is hash `index` of `level` + 1."""

    level: int
    index: int
    hashes: bytes
    root: bytes


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Write `tile/<L>/<N>[.p/<W>]` (C2SP tlog-tiles). Raises InvalidProof: no tree of MAX_SIZE entries has that."""
    is_tile = min(level, index) >= 0 and 1 <= width <= TILE_WIDTH
    if not is_tile or (index * TILE_WIDTH + width) << TILE_HEIGHT * level > MAX_SIZE:
        raise InvalidProof(f"There is no tile {index} of width {width} at level {level}.")
    elements = [f"{index % 1000:03d}"]
    while index := index // 1000:
        elements.insert(0, f"x{index % 1000:03d}")
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return "/".join(["tile", str(level), *elements]) + suffix


def parse_tile_path(text: str) -> tuple[int, int, int]:
    """Read a path into (level, index, width); a full tile has width 256.

    Raises InvalidProof: any spelling that `tile_path` does not write. Not checked: that a log has this tile.
    """
    match = _TILE_PATH.fullmatch(text)
    if match is None:
        raise InvalidProof("The text is not the path of a tile.")
    level, elements, width = match.groups()
    found = (int(level), int(elements.replace("/", "").replace("x", "")), int(width or TILE_WIDTH))
    if tile_path(*found) != text:
        raise InvalidProof("The path of the tile is not in its one canonical form.")
    return found


def growth_spans(before: int, after: int) -> list[Span]:
    """List the hashes that `full_tiles` needs from storage when a tree grows from `before` to `after` entries.

    At most one span per tile level, of at most 255 hashes; none while no tile becomes full.
    """
    spans, level = [], 0
    while before // TILE_WIDTH < after // TILE_WIDTH:
        if before % TILE_WIDTH:
            spans.append(_edge_span(level, before))
        before, after, level = before // TILE_WIDTH, after // TILE_WIDTH, level + 1
    return spans


def full_tiles(before: int, leaves: Sequence[bytes], stored: Mapping[Span, bytes]) -> list[Tile]:
    """Make every tile, of any level, that becomes full when `leaves` are appended to a tree of `before` entries.

    `stored` holds what `growth_spans(before, before + len(leaves))` lists. Tiles come lowest level first, then from
    left to right; batches of any size make the same tiles. Raises InvalidProof: a leaf hash is not 32 bytes, or a span
    is absent or of another length. Not checked: that the stored hashes are those of this tree.
    """
    _check_hashes(leaves)
    tiles: list[Tile] = []
    level, run = 0, b"".join(leaves)
    while before % TILE_WIDTH + len(run) // HASH_BYTES >= TILE_WIDTH:
        run = _fetched(stored, _edge_span(level, before)) + run
        made = _cut_tiles(level, before // TILE_WIDTH, run)
        tiles += made
        level, before, run = level + 1, before // TILE_WIDTH, b"".join(tile.root for tile in made)
    return tiles


def subtree_reader(stored: Mapping[Span, bytes]) -> Read:
    """Make the `read` of the proofs from fetched spans, one for each node. It raises InvalidProof for an absent one."""
    return lambda level, index: root_of(_fetched(stored, Node(level, index).span()))


def frontier_nodes(size: int) -> list[Node]:
    """List the nodes that `frontier_at` reads."""
    return _cover(0, size)


def frontier_at(size: int, read: Read) -> Frontier:
    """Rebuild the right edge, and so the root, that a tree had at `size` entries."""
    return Frontier(size, tuple(read(node.level, node.index) for node in frontier_nodes(size)))


def inclusion_nodes(index: int, size: int) -> list[Node]:
    """List the nodes that `inclusion_proof` reads."""
    return [node for part in _descend(index, size)[0] for node in _cover(*part)]


def inclusion_proof(index: int, size: int, read: Read) -> list[bytes]:
    """Prove that entry `index` is in the tree of `size` entries: PATH of RFC 9162, 2.1.3.1, leaf side first.

    Raises Invalid: there is no such entry. Not checked: what `read` gives.
    """
    return _roots(_descend(index, size)[0], read)


def consistency_nodes(size1: int, size2: int) -> list[Node]:
    """List the nodes that `consistency_proof` reads."""
    return [node for part in _consistency_parts(size1, size2) for node in _cover(*part)]


def consistency_proof(size1: int, size2: int, read: Read) -> list[bytes]:
    """Prove that the tree of `size1` entries is the beginning of that of `size2`: PROOF of RFC 9162, 2.1.4.1.

    Empty for equal sizes. Raises Invalid: `size1` is not 1 to `size2` (from an empty tree there is nothing to prove).
    Not checked: what `read` gives.
    """
    return _roots(_consistency_parts(size1, size2), read)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Verify that the leaf hash is entry `index` of the tree (RFC 9162, 2.1.3.2).

    1. The index is in the tree.
    2. The leaf hash and every hash of the proof are 32 bytes.
    3. The proof has as many hashes as the path from the leaf to the root.
    4. The path ends at the root.

    Raises InvalidProof. Not checked: that `size` and `root` belong together; take both from one signed checkpoint (a
    path can have one form in trees of several sizes).
    """
    # 1
    if not 0 <= index < size <= MAX_SIZE:
        raise InvalidProof(f"A tree of {size} entries has no entry {index}.")
    # 2
    _check_hashes((leaf, *proof))
    # 3
    sides = list(_left_siblings(index, size - 1))
    if len(proof) != len(sides):
        raise InvalidProof(f"The inclusion proof has {len(proof)} hashes, not {len(sides)}.")
    # 4
    reached = leaf
    for is_left, sibling in zip(sides, proof, strict=True):
        reached = node_hash(sibling, reached) if is_left else node_hash(reached, sibling)
    if reached != root:
        raise InvalidProof("The inclusion proof does not lead to the root.")


def verify_consistency(size1: int, root1: bytes, size2: int, root2: bytes, proof: Sequence[bytes]) -> None:
    """Verify that the first tree is the beginning of the second (RFC 9162, 2.1.4.2).

    1. The sizes are in order.
    2. Equal sizes: the proof is empty, the roots are equal, and an empty tree has the root of an empty tree. Done.
    3. The first tree is not empty: every tree begins with an empty one, so that would prove nothing.
    4. The roots and every hash of the proof are 32 bytes.
    5. The proof has as many hashes as the path from the last perfect subtree of the first tree to the second root.
    6. One path leads to both roots.

    Raises InvalidProof. Not checked: that each size and root belong together (as above); the length of equal roots.
    """
    # 1
    if not 0 <= size1 <= size2 <= MAX_SIZE:
        raise InvalidProof(f"A tree of {size1} entries is not the beginning of one of {size2}.")
    # 2
    if size1 == size2:
        if proof or root1 != root2 or (size1 == 0 and root1 != EMPTY_ROOT):
            raise InvalidProof("Trees of one size have one root and no proof between them.")
        return
    # 3
    if size1 == 0:
        raise InvalidProof("A consistency proof from an empty tree proves nothing.")
    # 4
    _check_hashes((root1, root2, *proof))
    # 5: the root of a first tree that is itself perfect is not in the proof
    height = _trailing_zeros(size1)
    path = [root1, *proof] if size1 == 1 << height else list(proof)
    sides = list(_left_siblings((size1 - 1) >> height, (size2 - 1) >> height))
    if len(path) != len(sides) + 1:
        raise InvalidProof(f"The consistency proof has {len(proof)} hashes, too few or too many.")
    # 6
    reached1 = reached2 = path[0]
    for is_left, sibling in zip(sides, path[1:], strict=True):
        reached1 = node_hash(sibling, reached1) if is_left else reached1
        reached2 = node_hash(sibling, reached2) if is_left else node_hash(reached2, sibling)
    if reached1 != root1 or reached2 != root2:
        raise InvalidProof("The consistency proof does not lead to both roots.")


def _edge_span(level: int, have: int) -> Span:
    """Give the hashes of the rightmost tile while it is partial: none at a multiple of 256."""
    return Span(level, have - have % TILE_WIDTH, have)


def _cut_tiles(level: int, index: int, run: bytes) -> list[Tile]:
    """Cut hashes that begin with those of tile `index` into full tiles; a partial rest is left out."""
    size = TILE_WIDTH * HASH_BYTES
    parts = [run[at : at + size] for at in range(0, len(run) - size + 1, size)]
    return [Tile(level, number, part, root_of(part)) for number, part in enumerate(parts, index)]


def _fetched(stored: Mapping[Span, bytes], span: Span) -> bytes:
    hashes = stored.get(span, b"")
    if len(hashes) != (span.stop - span.start) * HASH_BYTES:
        raise InvalidProof(f"The stored hashes {span.start} to {span.stop} of tile level {span.level} are incomplete.")
    return hashes


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for each in hashes:
        if len(each) != HASH_BYTES:
            raise InvalidProof(f"A hash has {len(each)} bytes, not {HASH_BYTES}.")


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Hash perfect subtrees, largest first, into the root over all of them."""
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes))


def _left_siblings(node: int, last: int) -> Iterator[bool]:
    """Tell for each step from a node to the root whether its sibling stands on the left.

    `node` and `last` number the nodes of one level from the left; `last` is the rightmost. Where a node at the right
    edge has no sibling, the step is skipped (RFC 9162, 2.1.3.2, step 4: fn and sn).
    """
    while last:
        is_left = node % 2 == 1 or node == last
        steps = _trailing_zeros(node) + 1 if is_left else 1
        node, last = node >> steps, last >> steps
        yield is_left


def _cover(start: int, stop: int) -> list[Node]:
    """Cut a range of leaves that the RFC's recursion meets into its perfect subtrees, largest first."""
    nodes = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def _roots(parts: list[_Part], read: Read) -> list[bytes]:
    return [_fold([read(node.level, node.index) for node in _cover(*part)]) for part in parts]


def _consistency_parts(size1: int, size2: int) -> list[_Part]:
    parts, last = _descend(size1 - 1, size2, size1)
    return [last, *parts] if last[0] else parts  # a verifier has the root of a subtree that is the whole first tree


def _descend(leaf: int, size: int, end: int = 0) -> tuple[list[_Part], _Part]:
    """Go down from the root to `leaf`, or to the first subtree on that way whose leaves stop at `end`.

    Gives the siblings that were passed, lowest first, and the subtree that was reached.
    """
    if not 0 <= leaf < size <= MAX_SIZE:
        raise Invalid(f"A tree of {size} entries has no entry {leaf}.")
    parts, start, stop = [], 0, size
    while stop - start > 1 and stop != end:
        middle = start + (1 << (stop - start - 1).bit_length() - 1)
        left, right = (start, middle), (middle, stop)
        (start, stop), sibling = (left, right) if leaf < middle else (right, left)
        parts.append(sibling)
    return parts[::-1], (start, stop)
