"""Tokens: exchange an API key or a signed assertion for a 15-minute token (OAuth 2.0 client credentials).

The rule here: this is a public route, so every failure is one answer, and failures are counted by network address; who
can prove who it is gets in, whatever others failed at from the same address.
"""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.api.operations import refusals
from app.api.shapes import In, Out
from app.domain.errors import Invalid, Unauthenticated
from app.services import api_keys
from app.services.api_keys import PresentedToken
from app.web.bodies import JSON, json_answer, parse_json, parse_model
from app.web.deps import Hall, hall_of, sign_in
from app.web.limits import SMALL_BODY, read_body

router = APIRouter(prefix="/v1", tags=["tokens"])
FORM = "application/x-www-form-urlencoded"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class TokenIn(In):
    """A token request (RFC 6749, 4.4; RFC 7523): the key in Authorization or here, or an assertion."""

    grant_type: Literal["client_credentials"]
    scope: str | None = Field(None, description="Scopes wanted, separated by spaces; all without it.")
    client_id: str | None = None
    client_secret: str | None = Field(None, description="The API key, where it is not in Authorization.")
    client_assertion_type: str | None = None
    client_assertion: str | None = Field(None, description="private_key_jwt: EdDSA, at most 5 minutes long.")


class TokenOut(Out):
    """An access token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


@router.post(
    "/token",
    response_model=TokenOut,
    responses=refusals(401, 403, 413, 415, signed_in=False),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                FORM: {"schema": {"$ref": "#/components/schemas/TokenIn"}},
                JSON: {"schema": {"$ref": "#/components/schemas/TokenIn"}},
            },
        },
        "security": [],
    },
)
async def exchange_token(request: Request) -> Response:
    """Exchange an API key or a signed assertion for a token."""
    hall = hall_of(request)
    ip = request.client.host if request.client else "-"
    said = parse_model(TokenIn, await _read(request))
    wanted = (said.scope or "").split()
    if said.client_assertion is not None:
        token = await _by_assertion(hall, said, wanted, ip)
    else:
        token = await hall.authenticator.exchange_key(await _key_holder(request, said), wanted, hall.clock())
    answer = {
        "access_token": token.text,
        "token_type": "Bearer",
        "expires_in": token.expires_in,
        "scope": " ".join(sorted(token.scopes)),
    }
    response = json_answer(answer)
    response.headers["cache-control"] = "no-store"
    return response


async def _by_assertion(hall: Hall, said: TokenIn, wanted: list[str], ip: str) -> Any:
    if said.client_assertion_type != JWT_BEARER:
        raise Invalid(f"client_assertion_type must be {JWT_BEARER}.")
    audiences = (hall.node.identity.node_id, f"{hall.url}/v1/token")
    try:
        return await hall.authenticator.exchange_assertion(said.client_assertion or "", audiences, wanted, hall.clock())
    except Unauthenticated:
        hall.budgets.spend("failures", ip)
        raise


async def _key_holder(request: Request, said: TokenIn) -> Any:
    given = None if said.client_secret is None else {"authorization": f"Bearer {said.client_secret}"}
    if given and ("authorization" in request.headers or "x-api-key" in request.headers):
        raise Unauthenticated("The request presents more than one credential; send one.")
    actor = await sign_in(request, given)
    if isinstance(api_keys.read_authorization(given or request.headers), PresentedToken):
        raise Unauthenticated("A token is exchanged for an API key or an assertion, not for another token.")
    return actor


async def _read(request: Request) -> Mapping[str, Any]:
    raw = await read_body(request, SMALL_BODY, (FORM, JSON))
    if request.headers.get("content-type", "").lower().startswith(JSON):
        document = parse_json(raw)
        if not isinstance(document, dict):
            raise Invalid("The body must be a JSON object.")
        return document
    try:
        pairs = parse_qsl(raw.decode("ascii"), strict_parsing=True, max_num_fields=10)
    except ValueError as error:
        raise Invalid("The body is not a form.") from error
    if len({name for name, _ in pairs}) != len(pairs):
        raise Invalid("A field of the form stands twice.")
    return dict(pairs)


BODIES = (TokenIn,)
