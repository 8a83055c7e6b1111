"""The newest checkpoints that this node has published, remembered outside the database.

The rule here: the file only ever gains lines. A database that was restored from a backup is behind it, and a node that
appended to such a database would sign a second history: see `services/recover.py`.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.domain import checkpoint
from app.domain.checkpoint import Checkpoint
from app.domain.errors import InvalidProof

COMPACT_ABOVE = 1024 * 1024  # bytes: some 4,000 checkpoints; a file above that is written anew when it is read


class KnownHeads:
    """A file of signed checkpoints, one JSON line each; without a path nothing is remembered.

    `vouched`: this process knows that the database is not behind what was published. `asked` are the peers that have
    told this process what they hold of this node's logs.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Look at nothing yet."""
        self.path = path
        self.vouched = False
        self.asked: set[str] = set()

    def begin(self) -> None:
        """Make the file, if there is none, so that from now on its absence tells that it was lost."""
        if self.path is not None:
            self.path.touch(0o600)

    def remember(self, notes: Mapping[str, str]) -> None:
        """Add the checkpoints of logs, by log id. Not flushed: what a power failure takes, the peers know."""
        if self.path is None or not notes:
            return
        lines = "".join(json.dumps({"log": log, "note": note}) + "\n" for log, note in notes.items())
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, lines.encode())
        finally:
            os.close(descriptor)

    def read(self, node_id: str, keys: Sequence[bytes]) -> dict[str, tuple[Checkpoint, str]] | None:
        """Give the newest checkpoint of each log, with its note; None where there is no file.

        A line that is cut off or that none of these keys signed is left out.
        """
        if self.path is None or not self.path.exists():
            return None
        newest: dict[str, tuple[Checkpoint, str]] = {}
        for line in self.path.read_bytes().splitlines():
            found = _parse(line, node_id, keys)
            if found is not None:
                log, said, note = found
                if log not in newest or newest[log][0].size < said.size:
                    newest[log] = said, note
        if self.path.stat().st_size > COMPACT_ABOVE:
            self._compact({log: note for log, (_, note) in newest.items()})
        return newest

    def _compact(self, notes: Mapping[str, str]) -> None:
        assert self.path is not None
        beside = KnownHeads(self.path.with_suffix(".new"))
        assert beside.path is not None
        beside.path.unlink(missing_ok=True)
        beside.remember(notes)
        beside.path.replace(self.path)


def _parse(line: bytes, node_id: str, keys: Sequence[bytes]) -> tuple[str, Checkpoint, str] | None:
    try:
        document = json.loads(line)
        log, note = str(document["log"]), str(document["note"])
    except (ValueError, KeyError, TypeError):
        return None
    for key in reversed(keys):
        try:
            return log, checkpoint.parse_checkpoint(note, node_id, key), note
        except InvalidProof:
            continue
    return None
