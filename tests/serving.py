"""The application as it is served, around a hall: any number of them in one program.

The rule here: each is assembled as the program does it. What FastAPI works out of a route when the first request
comes (40 ms for a node's routes) it works out once, for they do not depend on the hall.
"""

from fastapi import FastAPI
from starlette.routing import BaseRoute

from app import asgi
from app.web.deps import Hall

_ROUTES: list[BaseRoute] = []  # those of the first application


def serve(hall: Hall) -> FastAPI:
    """Assemble the application around a hall."""
    app = asgi.build(hall)
    if not _ROUTES:
        _ROUTES.extend(app.router.routes)
    app.router.routes[:] = _ROUTES
    return app
