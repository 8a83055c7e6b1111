"""Signing in of peers: a request is answered only when its token proves which node made it, and exactly it.

The rule here: routers refuse by default. Before a parameter is read or a byte of the body is taken, the token has been
verified; then the body must be the one that the token names. A stranger gets the same answer for everything.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from app.domain.errors import Forbidden, Unauthenticated
from app.services import peer_tokens, peering
from app.web.bodies import JSON
from app.web.deps import hall_of
from app.web.limits import LARGE_BODY, read_body

PREFIX = "/federation/v1"
_SCHEME = "bearer "


def target_of(request: Request) -> str:
    """Give the path with its query as the caller has sent them, also where a proxy took off the node's own prefix."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope.get("query_string", b"")
    path = raw.decode("ascii", "replace")
    prefix = urlsplit(hall_of(request).url).path
    if not path.startswith(prefix + "/"):
        path = prefix + path
    return f"{path}?{query.decode('ascii', 'replace')}" if query else path


def token_of(request: Request) -> str:
    """Give the token of the request. Raises Unauthenticated: there is none, or more than one."""
    given = request.headers.getlist("authorization")
    if len(given) != 1 or not given[0].lower().startswith(_SCHEME):
        raise Unauthenticated("Send one peer token, as 'Authorization: Bearer ...'.")
    return given[0][len(_SCHEME) :]


def address_of(request: Request) -> str:
    """Give the network address of the caller, for the budget of failures."""
    return request.client.host if request.client else "-"


async def body_of(request: Request) -> bytes:
    """Read the body of a request that has one, bounded while it arrives."""
    return await read_body(request, LARGE_BODY, (JSON,)) if request.method == "POST" else b""


class FromPeer(APIRoute):
    """A route that answers only a peer, within the peer's budget of requests."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Sign in first, then take the body, then let FastAPI read the request."""
        answer: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def signed_in(request: Request) -> Response:
            hall = hall_of(request)
            try:
                caller = await peering.recognize(
                    hall.node, token_of(request), request.method, target_of(request), hall.clock()
                )
                request.state.actor = caller.actor
                request.state.spent = spent = hall.budgets.spend("requests", caller.actor.principal)
                request.state.body = body = await body_of(request)
                peer_tokens.check_body(caller.body_digest, body)
            except Unauthenticated:
                hall.budgets.spend("failures", address_of(request))
                raise
            except Forbidden:  # it is who it says, and does not know yet how the peering stands
                hall.budgets.spend("requests", address_of(request))
                raise
            response = await answer(request)
            response.headers.update(spent.headers())
            return response

        return signed_in


def from_peer_router() -> APIRouter:
    """Make a router that refuses everybody but peers."""
    return APIRouter(prefix=PREFIX, tags=["federation"], route_class=FromPeer, include_in_schema=False)
