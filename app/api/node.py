"""The node itself: its record, its health, its metrics.

The rule here: these routes are public, so they tell nothing about any organization, record or address.
"""

import base64
import hmac
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import generate_latest
from starlette.responses import PlainTextResponse

from app.api.operations import refusals
from app.api.shapes import Out
from app.domain import signing
from app.domain.checkpoint import verifier_key
from app.domain.errors import NotFound, Unavailable
from app.domain.record import KINDS
from app.services import health, lag
from app.web.bodies import json_answer
from app.web.deps import hall_of

router = APIRouter(tags=["node"])
PROTOCOLS = ("v1",)


class NodeOut(Out):
    """Who the node is, and by which keys it is known; signed by the node itself at `/.well-known/watchfire.json`."""

    id: str
    name: str
    fingerprint: str
    keys: list[dict[str, str]]
    verifier_key: str
    versions: list[str]
    kinds: list[str]
    payload_type: str
    links: dict[str, str]


class HealthOut(Out):
    """Whether the node runs."""

    status: Literal["ok"]


@router.get("/v1/node", response_model=NodeOut, responses=refusals(signed_in=False), openapi_extra={"security": []})
async def describe_node(request: Request) -> Response:
    """Read who the node is."""
    hall = hall_of(request)
    identity = hall.node.identity
    document: dict[str, Any] = {
        "id": identity.node_id,
        "name": hall.node.name,
        "fingerprint": signing.fingerprint(identity.keys[0]),
        "keys": [_key(key, "valid" if key == identity.public_key else "replaced") for key in identity.keys],
        "verifier_key": verifier_key(identity.node_id, identity.public_key),
        "versions": list(PROTOCOLS),
        "kinds": list(KINDS),
        "payload_type": signing.PAYLOAD_TYPE,
        "links": {"api": f"{hall.url}/v1", "token": f"{hall.url}/v1/token", "openapi": f"{hall.url}/openapi.json"},
    }
    response = json_answer(document)
    response.headers["cache-control"] = "public, max-age=300"
    return response


def _key(key: bytes, state: str) -> dict[str, str]:
    return {"keyid": signing.key_id(key), "public_key": base64.b64encode(key).decode(), "state": state}


@router.get("/healthz", response_model=HealthOut, responses=refusals(signed_in=False))
async def is_alive() -> Response:
    """Tell that the program runs."""
    return json_answer({"status": "ok"})


@router.get("/readyz", response_model=HealthOut, responses=refusals(signed_in=False))
async def is_ready(request: Request) -> Response:
    """Tell that the node can answer: the database does, and the sequencer keeps up."""
    hall = hall_of(request)
    state = await health.measure(hall.node, hall.clock())
    if state.late:
        raise Unavailable("What is owed to the logs waits too long; see the metrics and `watchfire doctor`.")
    return json_answer({"status": "ok"})


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={**refusals(404, signed_in=False), 200: {"description": "Prometheus text format."}},
)
async def read_metrics(request: Request) -> Response:
    """Give the metrics, to who has the metrics token, or without one to a direct loopback caller."""
    hall = hall_of(request)
    token = hall.settings.metrics_token
    if token is None:
        direct = request.client is not None and request.client.host in {"127.0.0.1", "::1"}
        proxied = "forwarded" in request.headers or "x-forwarded-for" in request.headers
        allowed = direct and not proxied
    else:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        allowed = hmac.compare_digest(given.encode(), token.get_secret_value().encode())
    if not allowed:
        raise NotFound("There is no such address here.")
    state = await health.measure(hall.node, hall.clock())
    hall.metrics.owed.set(state.owed)
    hall.metrics.owed_seconds.set(state.owed_seconds)
    hall.metrics.note_peers(*await lag.figures(hall.node, hall.clock()))
    return PlainTextResponse(generate_latest(hall.metrics.registry))
