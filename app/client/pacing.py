"""When a call is made again, and how long to wait before.

The rule here: only what may be repeated is repeated, never beyond `attempts` and never waiting beyond `patience`.
"""

import random
from dataclasses import dataclass

from app.client.calls import Request
from app.client.problems import NetworkError, ProblemError

BUSY = frozenset({429, 502, 503, 504})  # statuses after which the same request may succeed


@dataclass(frozen=True, slots=True)
class Pacing:
    """How patient a client is; all in seconds but `attempts`."""

    attempts: int = 6
    first_delay: float = 0.25
    longest_delay: float = 20.0
    patience: float = 120.0
    timeout: float = 60.0
    connect_timeout: float = 10.0

    def delay(self, request: Request, tried: int, waited: float, error: ProblemError | NetworkError) -> float | None:
        """Tell how long to wait before the next try, or None where there is none. `tried` counts from 1."""
        if not request.repeatable or tried >= self.attempts:
            return None
        asked = None
        if isinstance(error, ProblemError):
            if error.status not in BUSY and not _is_being_done(request, error):
                return None
            asked = error.retry_after
        backoff = min(self.first_delay * 2 ** (tried - 1), self.longest_delay)
        jittered = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients, keeps no secret
        wait = max(asked or 0.0, jittered)
        return wait if waited + wait <= self.patience else None


def _is_being_done(request: Request, error: ProblemError) -> bool:
    """Tell whether an earlier try of the same request is still at work: its answer can be had a little later."""
    return bool(request.idempotency_key) and error.code == "conflict"
