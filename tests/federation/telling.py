"""Telling a simulation: from a seed to its end, in a folder that is taken away after it."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from app.domain import page
from app.storage import migrate
from app.storage.store import open_store
from tests.federation import inline
from tests.federation.checker import Broken
from tests.federation.simulation import Simulation

STEPS = 60
PAGE = 4  # entries of a page, so that a log of a few entries takes several
_MEMORY = Path("/dev/shm")  # where there is one, a story does not wait for the disk


@dataclass(frozen=True)
class Told:
    """What became of a story."""

    seed: int
    trace: tuple[str, ...]
    rounds: int
    bound: int
    broken: str | None


@cache
def template() -> Path:
    """Give one migrated SQLite file, to be copied."""
    path = Path(tempfile.mkdtemp(prefix="simulation-", dir=_MEMORY if _MEMORY.is_dir() else None)) / "template.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)

    async def upgrade() -> None:
        store = open_store(f"sqlite+aiosqlite:///{path}")
        await migrate.upgrade(store)
        await store.close()

    asyncio.run(upgrade())
    return path


@contextmanager
def folder(seed: int) -> Iterator[Path]:
    """Give an empty folder beside the template."""
    path = template().parent / f"seed-{seed}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def tell(seed: int, *, steps: int = STEPS, **how: Any) -> Told:
    """Tell a random story, faults and healing; what is broken is told too, and stops it."""

    async def story(simulation: Simulation) -> int:
        for _ in range(steps):
            await simulation.step()
        return await simulation.heal()

    return play(seed, story, **how)


def play(seed: int, story: Callable[[Simulation], Any], **how: Any) -> Told:
    """Tell a story that the caller makes up; it may give the rounds that it took."""

    async def whole(path: Path) -> Told:
        simulation = await Simulation.begin(seed, template(), path, **how)
        broken, rounds = None, 0
        try:
            rounds = await story(simulation) or 0
        except Broken as error:
            broken = str(error)
        finally:
            await simulation.close()
        return Told(seed, tuple(simulation.trace), rounds, simulation.bound(), broken)

    with folder(seed) as path, mock.patch.object(page, "MAX_PAGE_ENTRIES", PAGE):
        told: Told = inline.run(whole(path))
    return told
