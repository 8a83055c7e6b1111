"""What can go wrong between a partner and a node, as exceptions.

The rule here: a node's answer keeps its code, its sentence and every refused place; no secret is in any message.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ClientError(Exception):
    """The call did not give an answer that can be used."""


class ProblemError(ClientError):
    """The node refused: an RFC 9457 problem.

    `code` is stable and for programs, `status` the HTTP status, `detail` says what to do, `errors` has one entry per
    refused place (`pointer`, `ref`, `code`, `detail`), `retry_after` is in seconds where the node said so.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after: float | None = None,
    ) -> None:
        """Keep the parts of the problem."""
        super().__init__(f"{detail} ({code}, {status})")
        self.code = code
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after


class NetworkError(ClientError):
    """The node could not be reached, or the connection broke and the call may not be repeated by itself."""


class ProtocolError(ClientError):
    """The answer is not what this version of the client understands."""
