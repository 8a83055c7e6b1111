"""The ASGI application: surfaces mounted, refusals answered, loops started and ended.

The rule here: what is served is assembled here and nowhere else; every refusal leaves in its surface's form.
"""

import asyncio
import logging
import random
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.api import (
    addresses,
    audit,
    exports,
    groups,
    logs,
    node,
    openapi,
    organizations,
    peers,
    reports,
    tokens,
    vocabulary,
)
from app.bootstrap import open_node
from app.domain.errors import Meaning
from app.federation import routes as federation
from app.federation.client import Client
from app.misp import routes as misp
from app.services.audit import Questions
from app.services.authenticate import Authenticator
from app.settings import Settings
from app.taxii import routes as taxii
from app.web import problems
from app.web.deps import Hall
from app.web.limits import Budgets
from app.web.metrics import MeasureRequests, Metrics
from app.web.outbound import Outbound
from app.worker import loops, pulling

VERSION = "1.0.0"  # of the API document
ROUTERS = (
    addresses.router,  # first, because routes are matched in order and this one is the hot one
    node.router,
    tokens.router,
    organizations.router,
    groups.router,
    reports.router,
    exports.router,
    addresses.screening_router,
    logs.router,
    vocabulary.router,
    audit.router,
    peers.router,
    federation.router,
    federation.public_router,
    misp.router,
    taxii.router,
)
DESCRIPTION = """\
Partner organizations submit flagged addresses with their provenance, and query the reputation of addresses; everything
stands in a tamper-evident log. Whatever you may not read is, for you, not there. *Not listed is not the same as clean.*
"""


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def make_hall(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Hall:
    """Open the node, and prepare what the surfaces share."""
    opened = open_node(settings)
    questions = Questions()
    return Hall(
        node=opened,
        remote=Client(opened, Outbound(allow_private=settings.allow_private_peers), clock),
        questions=questions,
        authenticator=Authenticator(opened, questions),
        budgets=Budgets(settings),
        metrics=Metrics(),
        settings=settings,
        clock=clock,
    )


def build(hall: Hall | None) -> FastAPI:
    """Assemble the application around a hall; without one it only describes itself (its OpenAPI document)."""
    app = FastAPI(
        title="Watchfire",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_live if hall is not None else None,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in ROUTERS:
        app.include_router(router)
    app.exception_handler(Meaning)(problems.answer_meaning)
    app.exception_handler(HTTPException)(problems.answer_framework)
    app.exception_handler(RequestValidationError)(problems.answer_validation)
    app.exception_handler(Exception)(problems.answer_unexpected)
    described: list[dict[str, object]] = []

    def describe() -> dict[str, object]:
        if not described:
            described.append(openapi.document(app))
        return described[0]

    app.openapi = describe  # type: ignore[method-assign]
    if hall is not None:
        app.state.hall = hall
        app.add_middleware(MeasureRequests, metrics=hall.metrics)
    return app


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    """Run the loops while the application serves; write and sequence what waits when it ends."""
    hall: Hall = app.state.hall
    running = [
        asyncio.create_task(loops.sequence_loop(hall.node, hall.clock)),
        asyncio.create_task(loops.questions_loop(hall.node, hall.questions)),
        asyncio.create_task(loops.expire_loop(hall.node, hall.clock)),
    ]
    if hall.settings.sync:
        running.append(asyncio.create_task(pulling.pull_loop(hall.node, hall.remote, hall.clock, random.random)))
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await loops.finish(hall.node, hall.questions, hall.clock)
        await hall.node.close()


def configure_logs(level: str) -> None:
    """Write structured lines to standard error, with the fields of an allow-list only."""
    allowed = {"event", "level", "timestamp", "loop", "route", "fault", "exception", "port", "node"}

    def keep_allowed(_: object, __: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {name: value for name, value in fields.items() if name in allowed}

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_stack_only),
            keep_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def _stack_only(exc_info: object) -> str:
    """Render where an exception happened and its type; never its message, which may hold what was asked."""
    if not (isinstance(exc_info, tuple) and isinstance(exc_info[1], BaseException)):
        return ""
    lines = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(exc_info[2])]
    return f"{type(exc_info[1]).__name__} at " + " < ".join(reversed(lines))
