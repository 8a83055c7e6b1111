"""A real node behind real HTTP, on SQLite, in a thread of this process."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import uvicorn

from app.asgi import build, configure_logs, make_hall, utc_now
from app.bootstrap import initialize
from app.domain.actor import operator
from app.services import membership
from app.settings import Settings


@dataclass
class RealNode:
    """Where the node is, its operator's key, and its hall for what only an operator may do."""

    url: str
    key: str
    organization: UUID
    settings: Settings

    def add_organization(self, name, kind="ngo", public_key=None):
        """Add a partner; gives its id and an API key of it."""
        return asyncio.run(self._add(name, kind, public_key))

    async def _add(self, name, kind, public_key):
        node = make_hall(self.settings).node
        actor = operator(node.operator)
        try:
            made = await membership.add_organization(
                node, actor, name, kind, utc_now(), trusted=True, public_key=public_key
            )
            key = await membership.add_credential(node, actor, made.id, "test", membership.PARTNER_SCOPES, utc_now())
        finally:
            await node.close()
        return made.id, key.text


@contextmanager
def serve_real(folder, name="Home"):
    """Prepare a node in a folder and serve it."""
    settings = Settings(data=folder)
    configure_logs(settings.log_level)  # to stderr: stdout is what a command prints
    first = asyncio.run(initialize(settings, name, "ngo", utc_now()))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(make_hall(settings)), log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield RealNode(url, first.api_key, first.operator, settings)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
