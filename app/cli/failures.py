"""From a meaning, or a node's refusal, to an exit code and one sentence that says what to do.

The rule here: what is not in the table is a fault of the program and keeps its traceback.
"""

import sys
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from app.domain import errors

MAX_PLACES = 5  # refused places that are shown on a terminal; all are in the answer of --json


class Exit(IntEnum):
    """What a command ends with: see `app.cli`."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    NOT_ALLOWED = 3
    NOT_FOUND = 4
    REFUSED = 5
    PARTIAL = 6
    NO_CONNECTION = 7
    HIT = 10


class Failure(NamedTuple):
    """How an expected problem ends the command."""

    exit_code: int
    sentence: str


_MEANINGS: tuple[tuple[type[errors.Meaning], Exit], ...] = (
    (errors.Unauthenticated, Exit.NOT_ALLOWED),
    (errors.Forbidden, Exit.NOT_ALLOWED),
    (errors.NotFound, Exit.NOT_FOUND),
    (errors.TooMany, Exit.NO_CONNECTION),
    (errors.Unavailable, Exit.NO_CONNECTION),
    (errors.Meaning, Exit.REFUSED),
)
_STATUSES = {401: Exit.NOT_ALLOWED, 403: Exit.NOT_ALLOWED, 404: Exit.NOT_FOUND, 410: Exit.NOT_FOUND}
_BUSY = frozenset({429, 502, 503, 504})
_ADVICE = {
    401: " Give a key with --key or WATCHFIRE_API_KEY, or run `watchfire login`.",
}


def explain(error: Exception) -> Failure | None:
    """Give the failure of an expected problem, None for any other exception."""
    if isinstance(error, errors.Meaning):
        exit_code = next(code for kind, code in _MEANINGS if isinstance(error, kind))
        places = [{"pointer": place.pointer, "detail": place.detail} for place in error.errors]
        return Failure(exit_code, error.detail + _places(places))
    if isinstance(error, OSError):
        return Failure(Exit.FAILURE, f"{error.filename or 'The system'}: {error.strerror or error}.")
    return _explain_client(error)


def _explain_client(error: Exception) -> Failure | None:
    """Explain an error of the client; where the client was never imported, it cannot be one of its."""
    problems = sys.modules.get("app.client.problems")
    if problems is None:
        return None
    if isinstance(error, problems.ProblemError):
        exit_code = _exit_of(error.status)
        return Failure(exit_code, f"{error.detail}{_ADVICE.get(error.status, '')}{_places(error.errors)}")
    elsewhere = sys.modules.get("app.client.elsewhere")
    if elsewhere is not None and isinstance(error, elsewhere.ElsewhereError):
        return Failure(_exit_of(error.status) if error.status else Exit.NO_CONNECTION, str(error))
    if isinstance(error, problems.ClientError):
        return Failure(Exit.NO_CONNECTION, f"{error} Check --url.")
    return None


def _exit_of(status: int) -> Exit:
    if status in _BUSY:
        return Exit.NO_CONNECTION
    if status in _STATUSES:
        return _STATUSES[status]
    return Exit.REFUSED if 400 <= status < 500 else Exit.FAILURE  # noqa: PLR2004 - RFC 9110, 15


def _places(places: Iterable[Mapping[str, Any]]) -> str:
    """List the first refused places, each on a line."""
    listed = list(places)
    lines = [f"\n  {place.get('pointer', '')}: {place.get('detail', '')}" for place in listed[:MAX_PLACES]]
    more = f"\n  and {len(listed) - MAX_PLACES} more" if len(listed) > MAX_PLACES else ""
    return "".join(lines) + more
