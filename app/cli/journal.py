"""The journal of an import: what the node has acknowledged, so that a killed import goes on where it was.

The rule here: a line is on the disk before the next step is taken; a torn last line counts as never written. What is
not in the journal is sent again under the same idempotency key, so it is harmless.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.domain.errors import Conflict


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became of one batch: the report (None where nothing was accepted), and the refused rows as lists.

    `cleaned` is how many of the accepted had something around the address.
    """

    batch: int
    report: str | None
    accepted: int
    refused: list[list[Any]] = field(default_factory=list)
    cleaned: int = 0


class Journal:
    """The journal of one import, as `name`: of one file, one node and one set of options. Use it as a context manager.

    Raises Conflict when the file is the journal of another import that has begun.
    """

    def __init__(self, path: Path | None, name: str, *, restart: bool = False) -> None:
        """Read what is there; with `restart` it is forgotten. Without a path nothing is kept."""
        self._path = path
        self._name = name
        self.done: dict[int, Acknowledged] = {}
        self.marks: dict[int, dict[str, str]] = {}
        self._length = 0
        if path is not None and path.exists() and not restart:
            self._read(path)
        self._handle: int | None = None

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
            name = lines[0]["import"] if lines else None
        except (ValueError, KeyError, TypeError):
            raise Conflict(f"{path} is not the journal of an import; move it away.") from None
        if name == self._name:
            self._length = len(whole)
            for line in lines[1:]:
                self._take(line)
        elif len(lines) > 1 and "finished" not in lines[-1]:
            raise Conflict(
                f"{path} is the journal of another import of this file, which did not end. Run that one again with its "
                "options to finish it, or add --restart to begin anew."
            )

    def _take(self, line: dict[str, Any]) -> None:
        if "mark" in line:
            self.marks[line["batch"]] = line["mark"]
        elif "finished" in line:
            self.done.clear()
        else:
            self.done[line["batch"]] = Acknowledged(**line)

    def __enter__(self) -> Self:
        if self._path is not None:
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.ftruncate(self._handle, self._length)
            os.lseek(self._handle, 0, os.SEEK_END)
            if not self._length:
                self._write({"import": self._name})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def mark(self, batch: int, mark: dict[str, str]) -> None:
        """Keep what makes the signed record of a batch this one, before it is sent."""
        self.marks[batch] = mark
        self._write({"batch": batch, "mark": mark})

    def acknowledge(self, done: Acknowledged) -> None:
        """Keep what became of a batch."""
        self.done[done.batch] = done
        self._write(asdict(done))

    def _write(self, line: dict[str, Any]) -> None:
        if self._handle is not None:
            os.write(self._handle, json.dumps(line).encode() + b"\n")
            os.fsync(self._handle)

    def finish(self) -> None:
        """Remove the journal: the import is complete.

        Where records were signed here it stays, with their marks: the same import again sends the same records, which
        the node has already.
        """
        if self.marks:
            self._write({"finished": True})
            return
        self.__exit__(None, None, None)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
