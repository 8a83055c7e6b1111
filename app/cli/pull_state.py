"""What a pull has read and submitted: a file of JSON lines, so that an interrupted pull goes on and none submits twice.

The rule here: a line is on the disk before the next step is taken, and a torn last line counts as never written. Of
each key the last line counts; only where it stands is held in memory, because a source may have a million events.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.cli import profile
from app.domain.errors import Conflict

_MIN_COMPACTED = 1_000  # lines below which nothing is gained


class PullState:
    """The state of the pulls from one source, as `name`, to one node. Use it as a context manager.

    Raises Conflict when the file belongs to another source or node, or another pull is writing it.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Take the file's place; it is opened on entering."""
        self.path = path
        self.name = name
        self._places: dict[str, tuple[int, int]] = {}
        self._handle = -1
        self._end = 0
        self._lines = 0

    def __enter__(self) -> Self:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open(self.path)
        try:
            self._read()
        except BaseException:
            os.close(self._handle)
            raise
        if self._lines > max(_MIN_COMPACTED, 2 * len(self._places)):
            self._compact()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def _open(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._handle)
        except OSError as error:
            os.close(self._handle)
            raise Conflict(f"Another pull is at work with {path}; wait until it has ended.") from error

    def _read(self) -> None:
        with os.fdopen(os.dup(self._handle), "rb") as stream:
            stream.seek(0)
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                self._take(line)
        os.ftruncate(self._handle, self._end)
        if not self._end:
            self._write([{"pull": self.name}])

    def _take(self, line: bytes) -> None:
        try:
            document = json.loads(line)
            key = document["key"] if self._end else None
            name = None if self._end else document["pull"]
        except (ValueError, KeyError, TypeError):
            raise Conflict(f"{self.path} is not the state of a pull; name another with --state.") from None
        if key is not None:
            self._places[key] = (self._end, len(line))
            self._lines += 1
        elif name != self.name:
            raise Conflict(f"{self.path} is the state of a pull from another source or to another node.")
        self._end += len(line)

    def _write(self, documents: Iterable[Mapping[str, Any]]) -> None:
        lines = [json.dumps(document, separators=(",", ":")).encode() + b"\n" for document in documents]
        os.lseek(self._handle, self._end, os.SEEK_SET)
        view = memoryview(b"".join(lines))
        while view:
            view = view[os.write(self._handle, view) :]
        os.fsync(self._handle)
        for line in lines:
            self._take(line)

    def __iter__(self) -> Iterator[str]:
        """Walk the keys of what has been kept, in the order in which each first was."""
        return iter(list(self._places))

    def get(self, key: str) -> dict[str, Any] | None:
        """Read what was kept of a key; None where nothing was."""
        place = self._places.get(key)
        if place is None:
            return None
        start, length = place
        line = os.pread(self._handle, length, start)
        found: dict[str, Any] = json.loads(line)["kept"]
        return found

    def put(self, key: str, kept: Mapping[str, Any]) -> None:
        """Keep something of a key, in place of what was there."""
        self.put_all({key: kept})

    def put_all(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep something of each key, in their order: after a crash the last ones may be missing, never the first."""
        self._write({"key": key, "kept": value} for key, value in kept.items())

    def _compact(self) -> None:
        """Write the last line of each key alone, whole or not at all."""
        beside = self.path.with_name(f"{self.path.name}.part")
        with beside.open("wb") as stream:
            beside.chmod(0o600)
            stream.write(json.dumps({"pull": self.name}, separators=(",", ":")).encode() + b"\n")
            for start, length in self._places.values():
                stream.write(os.pread(self._handle, length, start))
            stream.flush()
            os.fsync(stream.fileno())
        old = self._handle
        beside.replace(self.path)
        self._open(self.path)
        os.close(old)
        self._places, self._end, self._lines = {}, 0, 0
        self._read()


def _lock(handle: int) -> None:
    """Hold the file for this process alone, where the platform can. Raises OSError where another holds it."""
    try:
        import fcntl  # noqa: PLC0415 - not on every platform
    except ImportError:
        return
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def state_path(kind: str, source: str, target: str) -> Path:
    """Give the place of a state where none is named: beside the profiles, one for each source and node."""
    digest = hashlib.sha256(f"{source}\0{target}".encode()).hexdigest()[:12]
    words = re.sub(r"[^A-Za-z0-9]+", "-", re.sub(r"^[a-z]+://", "", source)).strip("-")[:60]
    return profile.folder() / "pulls" / f"{kind}-{words}-{digest}.ndjson"
