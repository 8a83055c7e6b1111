"""The meanings that the house raises, and the value it returns for an expected refusal.

The rule here: a meaning knows its stable `code` and nothing of HTTP, TAXII or exit codes; each surface has one
table from meaning to wire. The first line of a docstring is the title that a reader sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused row, address or entry: why, where, and which row of the caller it was.

    `code` is stable and for programs, `detail` says in words what to do, `pointer` is a JSON pointer (RFC 6901)
    into the caller's document, `ref` is the caller's own reference of the row, `suggestion` the address that a refused
    text may have meant.
    """

    code: str
    detail: str
    pointer: str = ""
    ref: str | None = None
    suggestion: str | None = None


class Meaning(Exception):  # noqa: N818 - a meaning is named for what it says, not for being an error
    """Something was refused."""

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, *, errors: Sequence[Refused] = ()) -> None:
        """Keep what a person should read (`detail`) and, for a document, each refused place in it (`errors`)."""
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)

    @classmethod
    def title(cls) -> str:
        """Return the short title of this meaning: the first line of its docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")


class Invalid(Meaning):
    """The request does not say something this node can accept."""

    code = "invalid"


class InvalidAddress(Invalid):
    """The text is not an address of the chain.

    `reason` is the stable code of the row: see `domain/address`. `suggestion` is what the text may have meant.
    """

    code = "invalid_address"

    def __init__(self, reason: str, detail: str, suggestion: str | None = None) -> None:
        """Keep the row code `reason` beside the sentence, which tells the suggestion too."""
        super().__init__(detail if suggestion is None else f"{detail} Did you mean {suggestion}?")
        self.reason = reason
        self.suggestion = suggestion


class InvalidRecord(Invalid):
    """The record is not well formed."""

    code = "invalid_record"


class InvalidSignature(Invalid):
    """The signature does not verify with a key of the issuer that is valid here."""

    code = "invalid_signature"


class InvalidProof(Invalid):
    """The proof or checkpoint does not verify."""

    code = "invalid_proof"


class ContradictoryMarking(Invalid):
    """The marking does not allow this audience."""

    code = "contradictory_marking"


class AboveCeiling(Invalid):
    """The confidence is above what the method can support."""

    code = "confidence_above_ceiling"


class InvalidCursor(Invalid):
    """The cursor was not given out by this node for this list."""

    code = "invalid_cursor"


class Unauthenticated(Meaning):
    """The caller did not prove who it is."""

    code = "unauthenticated"


class Forbidden(Meaning):
    """The caller may not do this."""

    code = "forbidden"


class NotFound(Meaning):
    """There is nothing here that the caller may see."""

    code = "not_found"


class Conflict(Meaning):
    """The request contradicts what is already there."""

    code = "conflict"


class NotNext(Conflict):
    """The record may not follow what is already there."""

    code = "not_next"


class IdempotencyMismatch(Conflict):
    """The idempotency key was used for another request."""

    code = "idempotency_mismatch"


class PreconditionFailed(Conflict):
    """The thing has changed since the caller read it."""

    code = "precondition_failed"


class TooLarge(Meaning):
    """The request is larger than this node accepts."""

    code = "too_large"


class UnsupportedMediaType(Meaning):
    """The body is not in a form that this operation reads."""

    code = "unsupported_media_type"


class NotAcceptable(Meaning):
    """The caller takes no form in which this can be answered."""

    code = "not_acceptable"


class TooMany(Meaning):
    """The caller has used up its budget.

    `retry_after` is in whole seconds.
    """

    code = "too_many"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        """Keep when the caller may come back, in seconds."""
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(Meaning):
    """The node cannot do this now; the same request may succeed later."""

    code = "unavailable"
