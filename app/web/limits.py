"""Limits: how large a request may be, and how much one organization may ask.

The rule here: size is refused before a body is parsed; a budget is counted for one organization and one class of
question, so that nobody's use is felt, or seen, by another.
"""

import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import Request

from app.domain.errors import TooLarge, TooMany, UnsupportedMediaType
from app.settings import Settings

SMALL_BODY = 64 * 1024  # bytes: every request but reports and batches
LARGE_BODY = 2 * 1024 * 1024  # bytes: a report or batch of 10,000 rows
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
    """The budgets of one process, in fixed windows of a minute."""

    def __init__(self, settings: Settings) -> None:
        """Start with nothing spent."""
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._items = {
            "requests": RateLimitItemPerMinute(settings.requests_per_minute),
            "look-ups": RateLimitItemPerMinute(settings.look_ups_per_minute),
            "screened": RateLimitItemPerMinute(settings.screened_per_minute),
            "submitted": RateLimitItemPerMinute(settings.submitted_per_minute),
            "failures": RateLimitItemPerMinute(settings.failures_per_minute),
        }

    def spend(self, name: str, who: str, cost: int = 1) -> Spent:
        """Spend from a budget. Raises TooMany, which says when to come back."""
        item = self._items[name]
        allowed = self._limiter.hit(item, name, who, cost=cost)
        stats = self._limiter.get_window_stats(item, name, who)
        reset = max(1, round(stats.reset_time - time.time()))
        if not allowed:
            raise TooMany(
                f"Your organization's budget '{name}' of {item.amount} per minute is used up; come back in {reset} s.",
                retry_after=reset,
            )
        return Spent(name, item.amount, stats.remaining, reset)

    def check(self, name: str, who: str) -> None:
        """Check that something is left of a budget, without spending. Raises TooMany."""
        item = self._items[name]
        if not self._limiter.test(item, name, who):
            stats = self._limiter.get_window_stats(item, name, who)
            raise TooMany(
                "Too many failed attempts from your network; wait.",
                retry_after=max(1, round(stats.reset_time - time.time())),
            )


async def read_body(request: Request, most: int, media_types: tuple[str, ...]) -> bytes:
    """Read a request's body, bounded while it arrives.

    Raises TooLarge (before reading when the length is declared), UnsupportedMediaType for another type or any
    Content-Encoding: a compressed request could be a bomb.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in media_types:
        raise UnsupportedMediaType(f"Send the body as {' or '.join(media_types)}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise TooLarge(f"The body has {declared} bytes; at most {most} are read here.")
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLarge(f"The body is larger than the {most} bytes that are read here.")
        parts.append(chunk)
    return b"".join(parts)
