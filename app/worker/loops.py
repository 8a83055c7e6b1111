"""The loops of a serving node: sequence, write the notes of questions, expire.

The rule here: a loop holds no state of its own. Whatever it does, it finds in rows (or in the notes that wait), so it
may be stopped anywhere and started again; an error is logged and the loop goes on, slower.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import structlog

from app.domain.errors import Unavailable
from app.services import sequence
from app.services.audit import AUDIT_DELAY, Questions
from app.services.expire import expire
from app.services.node import Node

SEQUENCE_IDLE = 0.25  # seconds between looks when nobody rings: what another process (the command line) has submitted
EXPIRE_EVERY = 600.0  # seconds
PAUSE_AFTER_ERROR = 1.0  # seconds

log = structlog.get_logger()


async def sequence_loop(node: Node, clock: Callable[[], datetime]) -> None:
    """Sequence what is owed, as soon as somebody rings."""
    while True:
        with suppress(TimeoutError):
            # Not wait_for: on Python 3.11 it swallows a cancellation that meets the bell, and the node never stops.
            async with asyncio.timeout(SEQUENCE_IDLE):
                await node.bell.wait()
        node.bell.clear()
        await _steadily("sequence", lambda: _drain(node, clock))


async def _drain(node: Node, clock: Callable[[], datetime]) -> None:
    while await sequence.run_once(node, clock()):  # noqa: ASYNC110 - it waits for nothing: it gives way
        await asyncio.sleep(0)  # let requests go first


async def questions_loop(node: Node, questions: Questions) -> None:
    """Write the notes of questions."""
    while True:
        await asyncio.sleep(AUDIT_DELAY)
        await _steadily("audit", lambda: questions.write(node))


async def expire_loop(node: Node, clock: Callable[[], datetime]) -> None:
    """Forget what is past its time."""
    while True:
        await _steadily("expire", lambda: expire(node, clock()))
        await asyncio.sleep(EXPIRE_EVERY)


async def _steadily(loop: str, step: Callable[[], Awaitable[object]]) -> None:
    try:
        await step()
    except Unavailable:
        await log.awarning("loop waits for the database", loop=loop)
        await asyncio.sleep(PAUSE_AFTER_ERROR)
    except Exception:  # noqa: BLE001 - a loop outlives any fault: it is logged, and the rows are still there
        await log.aexception("loop failed", loop=loop)
        await asyncio.sleep(PAUSE_AFTER_ERROR)


async def finish(node: Node, questions: Questions, clock: Callable[[], datetime]) -> None:
    """Write and sequence what still waits when the node stops; what the database cannot do now, the next start does."""
    try:
        await questions.write(node)
        await _drain(node, clock)
    except Unavailable as error:
        await log.awarning("stops before everything is in its log", loop="sequence", fault=error.detail)
