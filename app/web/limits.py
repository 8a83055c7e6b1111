"""Limits: how large a request may be, and how much one organization may ask.

The rule here: size is refused before a body is parsed; a budget is counted for one organization and one class of
question, so that nobody's use is felt, or seen, by another.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from app.domain.errors import Invalid, TooLarge, TooMany, UnsupportedMediaType
from app.settings import Settings

SMALL_BODY = 64 * 1024  # bytes: every request but reports and batches
LARGE_BODY = 2 * 1024 * 1024  # bytes: a report or batch of 10,000 rows
BODY_SECONDS = 60.0  # for a whole body: 2 MiB at 35 KB/s; whoever is slower holds a connection for nothing
WINDOW = 60  # seconds


@dataclass(frozen=True, slots=True)
class Spent:
    """What is left of a budget: for the RateLimit fields (draft-ietf-httpapi-ratelimit-headers)."""

    name: str
    quota: int
    left: int
    reset: int

    def headers(self) -> dict[str, str]:
        """Give the response fields."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={WINDOW}',
            "RateLimit": f'"{self.name}";r={self.left};t={self.reset}',
        }


class Budgets:
    """The budgets of one process, in fixed windows of a minute.

    Counted in one dictionary that is emptied when the window ends: a library's store with a timer thread per window
    cost more than the look-up it guarded.
    """

    def __init__(self, settings: Settings) -> None:
        """Start with nothing spent."""
        self._quotas = {
            "requests": settings.requests_per_minute,
            "look-ups": settings.look_ups_per_minute,
            "screened": settings.screened_per_minute,
            "submitted": settings.submitted_per_minute,
            "failures": settings.failures_per_minute,
        }
        self._spent: dict[tuple[str, str], int] = {}
        self._window = 0

    def spend(self, name: str, who: str, cost: int = 1) -> Spent:
        """Spend from a budget. Raises TooMany, which says when to come back, and spends nothing."""
        quota, reset = self._quotas[name], self._turn()
        spent = self._spent.get((name, who), 0) + cost
        if spent > quota:
            raise TooMany(
                f"The budget '{name}' of {quota} per minute is used up; come back in {reset} s.", retry_after=reset
            )
        self._spent[name, who] = spent
        return Spent(name, quota, quota - spent, reset)

    def check(self, name: str, who: str) -> None:
        """Check that something is left of a budget, without spending. Raises TooMany."""
        self.spend(name, who, 0 if self._spent.get((name, who), 0) < self._quotas[name] else 1)

    def _turn(self) -> int:
        """Begin a new window when it is time; give the seconds until the next."""
        now = time.time()
        window = int(now // WINDOW)
        if window != self._window:
            self._window = window
            self._spent.clear()
        return max(1, int((window + 1) * WINDOW - now))


class AtOnce:
    """How many requests of one kind each caller has under way in this process, at most `most`."""

    def __init__(self, most: int) -> None:
        """Start with none."""
        self._most = most
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one(self, who: str) -> Iterator[None]:
        """Count one request while it is answered. Raises TooMany: the caller has as many as it may."""
        if self._under_way[who] >= self._most:
            raise TooMany(f"At most {self._most} of these requests are answered at once.", retry_after=1)
        self._under_way[who] += 1
        try:
            yield
        finally:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]


async def read_body(request: Request, most: int, media_types: tuple[str, ...]) -> bytes:
    """Read a request's body, bounded while it arrives.

    Raises TooLarge (before reading when the length is declared), UnsupportedMediaType for another type or any
    Content-Encoding: a compressed request could be a bomb. Invalid: it did not come in time, or not in full.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in media_types:
        raise UnsupportedMediaType(f"Send the body as {' or '.join(media_types)}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise TooLarge(f"The body has {declared} bytes; at most {most} are read here.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, most)
    except TimeoutError as error:
        raise Invalid(f"The body did not come in full within {BODY_SECONDS:g} seconds.") from error
    except ClientDisconnect as error:
        raise Invalid("The body was cut off.") from error


async def _read(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLarge(f"The body is larger than the {most} bytes that are read here.")
        parts.append(chunk)
    return b"".join(parts)
