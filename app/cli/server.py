"""The server of `watchfire serve`: uvicorn, which tells those who wait for news that it is about to end.

The rule here: whoever has asked is answered before the program ends, and nobody keeps it from ending.
"""

import asyncio
from contextlib import suppress
from types import FrameType

import uvicorn

from app.services.node import Moved


class Server(uvicorn.Server):
    """A server that ends its long polls when it is told to stop."""

    def __init__(self, config: uvicorn.Config, moved: Moved) -> None:
        """Prepare; `moved` is what the long polls wait for."""
        super().__init__(config)
        self._moved = moved

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Hear a signal, between any two lines of the program."""
        with suppress(RuntimeError):  # no loop runs yet: nobody waits
            asyncio.get_running_loop().call_soon_threadsafe(self._moved.close)
        super().handle_exit(sig, frame)
