"""The tree of one log, grown again from its leaves and compared with what is stored of it.

The rule here: everything stored of the tree - tiles of every level, every checkpoint, its right edge and its note -
is made again; nothing stored is an input but the leaf hashes. Memory is the right edge.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain import checkpoint, merkle
from app.domain.checkpoint import Checkpoint
from app.domain.errors import InvalidProof
from app.domain.merkle import HASH_BYTES, TILE_WIDTH, Frontier, Tile
from app.services.verdict import Verdict
from app.storage import checking
from app.storage.store import ReadTx


class GrowingTree:
    """The tree of a log while its leaves are read in order."""

    def __init__(
        self, tx: ReadTx, verdict: Verdict, log: Mapping[str, Any], origin: str, node_keys: Sequence[bytes]
    ) -> None:
        """Start with the empty tree of the log with this origin line, whose checkpoints these keys sign."""
        self._tx, self._verdict, self._node_keys = tx, verdict, node_keys
        self._log, self._node, self._origin = log["id"], str(log["origin"]), origin
        self._frontier = Frontier()
        self._edges: list[bytearray] = []
        self._full: list[int] = []
        self._newest = 0

    async def grow(self, leaves: Sequence[bytes]) -> None:
        """Append leaves, and compare each tile and checkpoint that they complete."""
        await self._compare_tiles(self._tiles(leaves))
        start = self._frontier.size
        for row in await checking.checkpoints_between(self._tx, self._log, start, start + len(leaves)):
            self._frontier = self._frontier.extend(leaves[self._frontier.size - start : row["size"] - start])
            self._compare_checkpoint(row)
        self._frontier = self._frontier.extend(leaves[self._frontier.size - start :])

    async def finish(self, replica: Mapping[str, Any] | None) -> None:
        """Compare what is stored beyond the leaves: there must be nothing, and the newest checkpoint covers all.

        The checkpoint of a log that is being pulled (`replica`) covers more, until everything is there.
        """
        size = self._frontier.size
        for stray in await checking.checkpoints_outside(self._tx, self._log, size):
            self._fault(f"the checkpoint of size {stray} speaks of a tree that the log never had")
        for level, index in await checking.tiles_outside(self._tx, self._log, self._full):
            self._fault(f"the tile {level}/{index} is not one of this log")
        covered = self._newest if replica is None else max(self._newest, self._cover(replica))
        if covered != size and (replica is None or covered < size):
            self._fault(f"the newest checkpoint covers {covered} of {size} entries")

    def _cover(self, replica: Mapping[str, Any]) -> int:
        """Compare what is kept of a log that is pulled; give the size that its signed note covers."""
        held = (self._frontier.size, self._frontier.root(), self._frontier.to_bytes())
        if (replica["size"], replica["root"], replica["frontier"]) != held:
            self._fault("replicas does not have the right edge of the log's entries")
        said = self._read_note(replica["note"], "the note of replicas")
        if said is None:
            return 0
        if said.size == self._frontier.size and said.root != self._frontier.root():
            self._fault("the note of replicas is signed for another tree")
        if said.size != replica["cover_size"]:
            self._fault("replicas.cover_size is not the size of its note")
        return said.size

    def _fault(self, reason: str) -> None:
        self._verdict.add(reason, log=self._log)

    def _tiles(self, leaves: Sequence[bytes]) -> list[Tile]:
        made: list[Tile] = []
        for leaf in leaves:
            self._push(0, leaf, made)
        return made

    def _push(self, level: int, digest: bytes, made: list[Tile]) -> None:
        if level == len(self._edges):
            self._edges.append(bytearray())
            self._full.append(0)
        edge = self._edges[level]
        edge += digest
        if len(edge) == TILE_WIDTH * HASH_BYTES:
            tile = Tile(level, self._full[level], bytes(edge), merkle.root_of(bytes(edge)))
            made.append(tile)
            self._full[level] += 1
            edge.clear()
            self._push(level + 1, tile.root, made)

    async def _compare_tiles(self, made: Sequence[Tile]) -> None:
        for level in sorted({tile.level for tile in made}):
            wanted = [tile for tile in made if tile.level == level]
            stored = await checking.tiles(self._tx, self._log, level, wanted[0].index, wanted[-1].index)
            for tile in wanted:
                name = f"the tile {level}/{tile.index}"
                if tile.index not in stored:
                    self._fault(f"{name} is absent")
                    continue
                hashes, root = stored[tile.index]
                if hashes != tile.hashes:
                    self._fault(f"{name} does not hold the hashes of the log's entries")
                if root != tile.root:
                    self._fault(f"{name} does not have the root of its hashes")

    def _compare_checkpoint(self, row: Mapping[str, Any]) -> None:
        self._verdict.checkpoints += 1
        self._newest = row["size"]
        name = f"the checkpoint of size {row['size']}"
        if row["root"] != self._frontier.root():
            self._fault(f"{name} does not have the root of the log's entries")
        if row["frontier"] != self._frontier.to_bytes():
            self._fault(f"{name} does not have the right edge of the log's entries")
        said = self._read_note(row["note"], name)
        if said is not None and (said.size, said.root) != (self._frontier.size, self._frontier.root()):
            self._fault(f"{name} is signed for another tree")

    def _read_note(self, note: Any, name: str) -> Checkpoint | None:
        reason = "no key of the node"
        for key in reversed(self._node_keys):
            try:
                said = checkpoint.parse_checkpoint(note, self._node, key)
            except (InvalidProof, TypeError, AttributeError) as error:
                reason = str(error)
                continue
            if said.origin != self._origin:
                self._fault(f"{name} is signed for another log")
            return said
        self._fault(f"{name} does not verify: {reason}")
        return None
