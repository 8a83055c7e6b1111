"""The application as it is served, around a hall: any number of them in one program.

The rule here: each is assembled as the program does it. What FastAPI works out of a route when the first request
comes (40 ms for a node's routes) it works out once, for they do not depend on the hall.
"""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI
from starlette.routing import BaseRoute

from app import asgi
from app.federation.client import Client
from app.services.audit import Questions
from app.services.authenticate import Authenticator
from app.services.node import Node
from app.settings import Settings
from app.web.deps import Hall
from app.web.limits import Budgets
from app.web.metrics import Metrics

_ROUTES: list[BaseRoute] = []  # those of the first application


def serve(hall: Hall) -> FastAPI:
    """Assemble the application around a hall."""
    app = asgi.build(hall)
    if not _ROUTES:
        _ROUTES.extend(app.router.routes)
    app.router.routes[:] = _ROUTES
    return app


def make_hall(node: Node, client: Client, settings: Settings, clock: Callable[[], datetime]) -> Hall:
    """Prepare what the surfaces of an open node share; `client` is the one by which it asks others."""
    return Hall(
        node=node,
        remote=client,
        questions=Questions(),
        authenticator=Authenticator(node, Questions()),
        budgets=Budgets(settings),
        metrics=Metrics(),
        settings=settings,
        clock=clock,
    )
