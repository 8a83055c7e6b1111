"""The engines under the tests' own stores, made quick: a store lives for one test only.

The rule here: nothing that a statement does is changed. What one store has compiled is compiled for all of its kind;
SQLite does not wait for the disk: a test that crashes a node ends a program, and the files outlive that; and its driver
works on the loop's own thread. Each statement still gives way to the loop once, as it does in the product. Whoever
tries what two connections do to one file at the same moment asks for the fixture `threads`, and has the driver as in
use; so have programs in processes of their own.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

from aiosqlite import core
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.storage import store

CACHED = 5_000  # statements: more than the product and its tests have
DURABLE, QUICK = "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF"
THREADED = {"SimpleQueue": core.SimpleQueue, "Thread": core.Thread}  # the driver as in use
AROUND = frozenset({"cursor", "fetchall", "fetchmany", "fetchone", "close"})
_KINDS: dict[str, tuple[Any, Any]] = {}  # the dialect of the first engine of each kind, and what it has compiled


class Queue:
    """What SQLite's driver is told goes to its thread; here it is done when it is put in, and known a turn later.

    What the driver does around a statement is known at once.
    """

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        """Do it now."""
        future, function = item
        try:
            told, word = core.set_result, function()
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits, as the thread does
            told, word = core.set_exception, error
        if future is None:
            return
        if isinstance(function, partial) and function.func.__name__ in AROUND:
            told(future, word)
        else:
            future.get_loop().call_soon(told, future, word)


class NoThread:
    """The driver's thread, which is not needed."""

    daemon = True

    def __init__(self, **_: object) -> None:
        """Prepare nothing."""

    def start(self) -> None:
        """Begin nothing."""


INLINE = {"SimpleQueue": Queue, "Thread": NoThread}


def hurry() -> None:
    """Let every store that this program opens from now on be quick."""
    assert DURABLE in store._SQLITE_PRAGMAS, "what a node acknowledges outlives a power failure"
    store._SQLITE_PRAGMAS = tuple(QUICK if pragma == DURABLE else pragma for pragma in store._SQLITE_PRAGMAS)
    store.create_async_engine = _make_engine
    mock.patch.multiple(core, **INLINE).start()


@contextmanager
def threads() -> Iterator[None]:
    """Let each SQLite connection that is made inside the block have a thread of its own, as in use."""
    with mock.patch.multiple(core, **THREADED):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Let SQLite's driver work on the loop's own thread inside the block, also where nobody has hurried."""
    with mock.patch.multiple(core, **INLINE):
        yield


def _make_engine(url: str, **options: Any) -> AsyncEngine:
    engine = create_async_engine(url, query_cache_size=CACHED, **options)
    sync = engine.sync_engine
    sync.dialect, sync._compiled_cache = _KINDS.setdefault(sync.dialect.name, (sync.dialect, sync._compiled_cache))
    return engine
