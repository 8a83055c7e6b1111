"""One thread for everything: the database driver and whatever the product does beside the loop run inline.

The rule here: with no thread there is one order of events, so a seed is a story that can be told again to the same turn
of the loop; and a story takes a fraction of the time. Each statement still gives way to the loop once, as it does in
the product, and a crash may come there.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.engines import one_thread


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


def run(story: Any) -> Any:
    """Run a story to its end in a loop of its own, on one thread."""

    async def whole() -> Any:
        asyncio.get_running_loop().set_default_executor(Inline(1))
        return await story

    with one_thread():
        return asyncio.run(whole())
