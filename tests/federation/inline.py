"""One thread for everything: the database driver and whatever the product does beside the loop run inline.

The rule here: with no thread there is one order of events, so a seed is a story that can be told again to the same turn
of the loop; and a story takes a fraction of the time. Each statement still gives way to the loop once, as it does in
the product, and a crash may come there.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest import mock

from aiosqlite import core


class Inline(ThreadPoolExecutor):
    """An executor whose work is done when it is handed in."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it now."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed on to whoever waits
            done.set_exception(error)
        return done


class Queue:
    """What SQLite's driver is told goes to its thread; here it is done when it is put in, and known a turn later."""

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        """Do it now."""
        future, function = item
        try:
            told, word = core.set_result, function()
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits, as the thread does
            told, word = core.set_exception, error
        if future is not None:
            future.get_loop().call_soon(told, future, word)


class NoThread:
    """The driver's thread, which is not needed."""

    daemon = True

    def __init__(self, **_: object) -> None:
        """Prepare nothing."""

    def start(self) -> None:
        """Begin nothing."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let SQLite's driver work on the loop's own thread inside the block."""
    with mock.patch.multiple(core, SimpleQueue=Queue, Thread=NoThread):
        yield


def run(story: Any) -> Any:
    """Run a story to its end in a loop of its own, on one thread."""

    async def whole() -> Any:
        asyncio.get_running_loop().set_default_executor(Inline(1))
        return await story

    with one_thread():
        return asyncio.run(whole())
