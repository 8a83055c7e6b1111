"""Audit: who asked and did what, in your own organization."""

from typing import Annotated

from fastapi import Query, Request, Response

from app.api.documents import moment
from app.api.operations import refusals
from app.api.shapes import Moment, Out
from app.domain.address import LONGEST_WRAPPING, interpret
from app.domain.errors import Invalid, InvalidAddress
from app.domain.indicator import MAX_CHAIN
from app.services import audit, look_up
from app.web.deps import actor_of, hall_of, signed_in_router
from app.web.paging import DEFAULT_LIMIT, MAX_LIMIT, page, read_cursor

router = signed_in_router("audit")


class AuditRowOut(Out):
    """One deed; `subject` is a record or key id, or what stands for a looked-up address."""

    index: int
    at: Moment
    principal: str
    deed: str
    subject: str | None
    outcome: str
    count: int
    hash: str


class AuditOut(Out):
    """A page of your organization's audit, in the order of its hash chain."""

    audit: list[AuditRowOut]
    next: str | None


@router.get("/audit", response_model=AuditOut, responses=refusals(400))
async def read_audit(
    request: Request,
    deed: Annotated[str | None, Query(pattern=r"^[a-z_]{1,64}$")] = None,
    address: Annotated[
        str | None, Query(max_length=LONGEST_WRAPPING, description="Who of us looked this address up?")
    ] = None,
    chain: Annotated[str | None, Query(max_length=MAX_CHAIN, description="The chain of `address`.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """Read what your organization's people and machines asked and did. What was looked up cannot be listed."""
    hall = hall_of(request)
    purpose = ("audit", deed, address, chain)
    after = read_cursor(request, purpose, cursor)
    try:
        asked = () if address is None else interpret(address, look_up.find_chain(chain), keys=True).readings
    except InvalidAddress as error:
        raise Invalid(f"address: {error.detail}") from error
    found = await audit.read(
        hall.node,
        actor_of(request),
        after=-1 if after is None else after,
        limit=limit + 1,
        deed=deed,
        address_keys=[reading.address.key for reading in asked],
    )
    rows = [
        {
            "index": item.index,
            "at": moment(item.row.at),
            "principal": item.row.principal,
            "deed": item.row.deed,
            "subject": item.row.subject,
            "outcome": item.row.outcome,
            "count": item.row.count,
            "hash": item.hash.hex(),
        }
        for item in found[:limit]
    ]
    last = found[limit - 1].index if len(found) > limit else None
    return page(request, rows, purpose, last)
