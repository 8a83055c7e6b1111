"""What a surface finds in the hall: the node, who is asking, and the request's own conditions.

The rule here: routers refuse by default. A route made by `SignedIn` knows its actor before FastAPI looks at a single
parameter, so a stranger learns nothing from a 404 or a 422; public routes are plain, and listed by name in a test.
"""

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from app.domain.actor import Actor
from app.domain.errors import Invalid, Unauthenticated
from app.services import repeats
from app.services.audit import Questions
from app.services.authenticate import Authenticator
from app.services.freshness import Freshness
from app.services.node import Node
from app.services.remote import Remote
from app.services.repeats import Repeat
from app.settings import Settings
from app.web.limits import AtOnce, Budgets
from app.web.metrics import Metrics

MAX_EXPORTS = 2  # bulk exports of one organization at once: each holds a page of some 20 MB
MAX_WAITING = 4  # long polls of one peer at once: one for each of its processes, and room for those that were cut off
_IDEMPOTENCY_KEY = re.compile(r'"?[!#-~]{1,255}"?')


@dataclass(frozen=True, slots=True)
class Hall:
    """What all surfaces of one process share."""

    node: Node
    remote: Remote
    questions: Questions
    authenticator: Authenticator
    budgets: Budgets
    metrics: Metrics
    settings: Settings
    clock: Callable[[], datetime]
    freshness: Freshness = field(default_factory=Freshness)
    waiting: AtOnce = field(default_factory=lambda: AtOnce(MAX_WAITING))
    exporting: AtOnce = field(default_factory=lambda: AtOnce(MAX_EXPORTS))

    @property
    def url(self) -> str:
        """The node's public URL, without a slash at the end."""
        return (self.settings.url or f"http://{self.settings.host}:{self.settings.port}").rstrip("/")


def hall_of(request: Request) -> Hall:
    """Give the hall of the request's application."""
    hall: Hall = request.app.state.hall
    return hall


def actor_of(request: Request) -> Actor:
    """Give the actor that `SignedIn` found."""
    actor: Actor = request.state.actor
    return actor


async def sign_in(request: Request, headers: Mapping[str, str] | None = None) -> Actor:
    """Find out who is asking, by the request's headers or by those given in their place.

    Raises Unauthenticated; TooMany after too many failures from one network address.
    """
    hall = hall_of(request)
    ip = request.client.host if request.client else None
    if len(request.headers.getlist("authorization")) > 1 or len(request.headers.getlist("x-api-key")) > 1:
        raise Unauthenticated("The request presents more than one credential; send one.")
    try:
        return await hall.authenticator.authenticate(headers or request.headers, ip, hall.clock())
    except Unauthenticated:
        if headers or "authorization" in request.headers or "x-api-key" in request.headers:
            hall.budgets.spend("failures", ip or "-")
        raise


class SignedIn(APIRoute):
    """A route that answers only who is signed in, within the organization's budget of requests."""

    budget = "requests"

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Sign in first, then let FastAPI read the request."""
        answer: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def signed_in(request: Request) -> Response:
            request.state.actor = actor = await sign_in(request)
            request.state.spent = spent = hall_of(request).budgets.spend(self.budget, str(actor.organization))
            response = await answer(request)
            response.headers.update(spent.headers())
            return response

        return signed_in


class LookUp(SignedIn):
    """A signed-in route with the budget of single look-ups."""

    budget = "look-ups"


def signed_in_router(tag: str, route_class: type[SignedIn] = SignedIn) -> APIRouter:
    """Make a router that refuses by default."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=route_class)


def repeat_of(request: Request, body: bytes) -> Repeat | None:
    """Give the request's idempotency key, with what it stands for. Raises Invalid: not a key."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Invalid("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return repeats.repeat_of(key.strip('"'), f"{request.method} {request.url.path}?{request.url.query}", body)
