"""Addresses: the reputation of one, and the screening of many.

The rule here: this is the hot path. Answers are bytes made once, and nothing here asks the database a second time.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import Field

from app.api import documents, examples
from app.api.operations import also_lines, refusals, takes
from app.api.shapes import AudienceModel, Change, In, LogPlaceOut, Moment, Out, Status
from app.domain.address import LONGEST_WRAPPING
from app.domain.errors import Invalid, InvalidAddress, NotFound, Refused, TooLarge
from app.domain.timestamps import read_time
from app.services import look_up as looking
from app.services.screen import MAX_ROWS, Row, Screened, screen
from app.web.bodies import JSON, NDJSON, asks_for_lines, json_answer, lines_answer, parse_json, parse_lines
from app.web.deps import LookUp, actor_of, hall_of, signed_in_router
from app.web.limits import LARGE_BODY, read_body

router = signed_in_router("addresses", LookUp)
screening_router = signed_in_router("addresses")
MAX_TEXT = LONGEST_WRAPPING + 1  # characters of a text that are looked at: more is refused as too long


class QueryOut(Out):
    """What was asked."""

    address: str
    chain: str | None


class ReadingOut(Out):
    """One way to read the text."""

    chain: str
    chain_slug: str
    family: str
    canonical: str
    kind: str
    checksum: Literal["verified", "absent"]
    why: str


class CategoryOut(Out):
    """How sure it is that the address belongs to a category."""

    category: str
    organizations: int
    confidence: int


class IssuerOut(Out):
    """Who says so."""

    id: str
    name: str | None
    kind: str | None
    home: str = Field(description="Its node: a name is unique at its home only.")


class IndicatorOut(Out):
    """One claim about the address."""

    report: str
    issuer: IssuerOut
    chain: str
    address: str
    category: str
    subcategory: str | None
    role: str | None
    relation: str | None
    asset: str | None
    tag: str | None
    transactions: list[str]
    method: str
    confidence: int
    reliability: str | None
    credibility: int | None
    tlp: str
    pap: str
    audience: AudienceModel
    first_seen: Moment | None
    last_seen: Moment | None
    issued_at: Moment
    valid_until: Moment
    state: str
    same_chain: bool
    signature: Literal["valid"]
    custody: str
    log: LogPlaceOut
    opinions: list[dict[str, Any]]
    sightings: list[dict[str, Any]]


class FreshnessOut(Out):
    """When an origin node was last heard."""

    node: str
    heard_at: Moment


class RowErrorOut(Out):
    """Why a text is not an address."""

    code: str
    detail: str
    suggestion: str | None = Field(description="The address that the text may have meant; never applied.")


class ReputationOut(Out):
    """What you may know about an address. `not_listed` is not the same as clean."""

    query: QueryOut
    readings: list[ReadingOut]
    cleaned: list[Change]
    status: Status
    confidence: int
    confidence_label: Literal["none", "low", "medium", "high"]
    organizations: int
    corroborated: bool
    categories: list[CategoryOut]
    because: list[str]
    first_reported: Moment | None
    last_confirmed: Moment | None
    indicators: list[IndicatorOut]
    as_of: Moment
    freshness: list[FreshnessOut]
    notice: str
    error: RowErrorOut | None


class ScreeningRowIn(In):
    """One row to screen."""

    address: str
    chain: str | None = None
    ref: str | int | None = None


class ScreeningIn(In):
    """Rows to screen, at most 10,000."""

    addresses: list[ScreeningRowIn] = Field(max_length=MAX_ROWS)
    detail: Literal["summary", "full"] = "summary"


class ScreenedOut(Out):
    """The answer for one row, in the order of the rows."""

    ref: str | int | None
    address: str
    chain: str | None
    canonical: str | None
    cleaned: list[Change]
    status: Status
    confidence: int
    organizations: int
    categories: list[CategoryOut]
    reports: list[str]
    error: RowErrorOut | None
    because: list[str] | None = Field(None, description="With detail=full.")
    indicators: list[IndicatorOut] | None = Field(None, description="With detail=full.")


class ScreeningOut(Out):
    """The answers, and how many rows have each status."""

    results: list[ScreenedOut]
    counts: dict[str, int]


@router.get(
    "/addresses/{address:path}",
    response_model=ReputationOut,
    responses=refusals(),
    openapi_extra={
        "parameters": [
            {"name": "address", "in": "path", "required": True, "schema": {"type": "string"}},
            {
                "name": "chain",
                "in": "query",
                "required": False,
                "schema": {"type": "string"},
                "description": "CAIP-2 id, slug, ticker, or an asset's CAIP-19 id; without it every reading is tried.",
            },
            {
                "name": "as_of",
                "in": "query",
                "required": False,
                "schema": {"type": "string", "format": "date-time"},
                "description": "Answer as this node knew it then.",
            },
        ]
    },
)
async def look_up(request: Request) -> Response:
    """Tell what you may know about an address."""
    # Parameters are read by hand: FastAPI's reading of three of them costs as much as the answer.
    hall, query, text = hall_of(request), request.query_params, request.path_params["address"]
    if not text:
        raise NotFound("Nothing is here; ask about an address with /v1/addresses/{address}.")
    as_of = query.get("as_of")
    answer = await looking.look_up(
        hall.node,
        hall.questions,
        actor_of(request),
        text,
        query.get("chain"),
        hall.clock(),
        None if as_of is None else read_time(as_of, "as_of"),
    )
    heard = await hall.freshness.read(hall.node) if as_of is None else ()
    return json_answer(documents.look_up_document(hall.node, answer, heard))


@screening_router.post(
    "/screenings",
    response_model=ScreeningOut,
    responses={**refusals(413, 415), **also_lines(ScreeningOut, "The answers, in the order of the rows.")},
    openapi_extra=takes(ScreeningIn, examples.SCREENING, lines=True),
)
async def screen_addresses(
    request: Request,
    detail: Annotated[
        Literal["summary", "full"], Query(description="For NDJSON; in JSON the body says it.")
    ] = "summary",
) -> Response:
    """Ask about up to 10,000 addresses; a bad row is a row, never a failed batch."""
    hall, actor = hall_of(request), actor_of(request)
    raw = await read_body(request, LARGE_BODY, (JSON, NDJSON, "application/jsonl"))
    if request.headers.get("content-type", "").lower().startswith(JSON):
        given, detail = _from_json(raw)
    else:
        given = parse_lines(raw)
    if len(given) > MAX_ROWS:
        raise TooLarge(f"A screening has at most {MAX_ROWS} rows; send the rest in further calls.")
    if given:
        hall.budgets.spend("screened", str(actor.organization), len(given))
    rows = [_row(item) for item in given]
    good = [row for row in rows if isinstance(row, Row)]
    answers = iter(await screen(hall.node, hall.questions, actor, good, hall.clock()))
    full = detail == "full"
    results = [documents.screened_document(next(answers) if isinstance(row, Row) else row, full=full) for row in rows]
    if asks_for_lines(request):
        return lines_answer(results)
    counts = dict.fromkeys(("listed", "disputed", "revoked", "not_listed", "invalid"), 0)
    for result in results:
        counts[result["status"]] += 1
    return json_answer({"results": results, "counts": counts})


def _from_json(raw: bytes) -> tuple[Sequence[Any], Literal["summary", "full"]]:
    document = parse_json(raw)
    match document:
        case {"addresses": list(rows), **rest} if set(rest) <= {"detail"}:
            detail = rest.get("detail", "summary")
        case _:
            raise Invalid(
                'The body must be {"addresses": [{"address", "chain"?, "ref"?}, ...], "detail"?: "summary" or "full"}.'
            )
    if detail == "full":
        return rows, "full"
    if detail == "summary":
        return rows, "summary"
    raise Invalid("detail must be summary or full.")


def _row(item: Any) -> Row | Screened:
    """Read one row, or answer it as invalid."""
    if isinstance(item, Refused):
        return _bad(Row(None, "", None), item.code, item.detail)
    if not isinstance(item, dict):
        return _bad(Row(None, "", None), "invalid_row", "A row is an object with an address.")
    ref, address, chain = item.get("ref"), item.get("address"), item.get("chain")
    row = Row(
        ref if _is_ref(ref) else None,
        address[:MAX_TEXT] if isinstance(address, str) else "",
        chain if isinstance(chain, str) and chain else None,
    )
    if not isinstance(address, str):
        return _bad(row, "missing_field", "The row has no address.")
    if not (isinstance(chain, str | None) and (ref is None or _is_ref(ref))):
        return _bad(row, "invalid_field", "chain must be a text, and ref a text or a number.")
    if not item.keys() <= _ROW_FIELDS:
        return _bad(row, "unknown_field", "A row has address, chain and ref only.")
    return row


def _is_ref(ref: object) -> bool:
    return isinstance(ref, str | int) and not isinstance(ref, bool)


_ROW_FIELDS = {"address", "chain", "ref"}


def _bad(row: Row, code: str, detail: str) -> Screened:
    return Screened.invalid(row, InvalidAddress(code, detail))


BODIES = (ScreeningIn, ScreeningRowIn)
