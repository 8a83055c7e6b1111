"""The client for asyncio: the same calls, awaited.

The rule here: as in `blocking`: every try is bounded in time and size, and tries are bounded in number.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from app.client import exchange
from app.client.api import Api
from app.client.calls import Request, read_document, read_lines, screening, screening_bodies
from app.client.pacing import Pacing
from app.client.problems import NetworkError, ProblemError, ProtocolError
from app.client.signer import LocalSigner


class AsyncClient(Api[Awaitable[dict[str, Any]], AsyncIterator[dict[str, Any]], Awaitable[str]]):
    """A partner's client of one node, for asyncio: see `blocking.Client`."""

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        pacing: Pacing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare the connection pool; nothing is sent. Raises ValueError for an address that is none."""
        self.url = exchange.check_url(url)
        self._session = exchange.Session(key)
        self._pacing = pacing or Pacing()
        self._http = httpx.AsyncClient(timeout=exchange.timeout(self._pacing), transport=transport)
        self._renewing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, request: Request) -> bytes:
        """Send a request, again where it may be repeated, and give the bytes of the answer."""
        waited, tried = 0.0, 0
        while True:
            tried += 1
            try:
                return await self._try(request)
            except (ProblemError, NetworkError) as error:
                delay = self._pacing.delay(request, tried, waited, error)
                if delay is None:
                    raise
            await asyncio.sleep(delay)
            waited += delay

    async def _try(self, request: Request) -> bytes:
        if request.signed_in:
            await self._renew()
        body = exchange.Body()
        try:
            http = exchange.to_http(self._http, self.url, request, self._session.key)
            response = await self._http.send(http, stream=True)
            try:
                async for piece in response.aiter_bytes():
                    body.add(piece)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise exchange.broken(error, self.url) from error
        return exchange.judge(response, body)

    async def _renew(self) -> None:
        async with self._renewing:
            if self._session.is_stale(time.monotonic()):
                await self.token()

    async def token(self) -> dict[str, Any]:
        """Exchange the API key, or the signer's assertion, for a token: `access_token`, `expires_in` in seconds."""
        document = read_document(await self.send(self._session.token_request()))
        return self._session.take_token(document, time.monotonic())

    async def signer(self, organization: UUID | str | None, seed: bytes) -> LocalSigner:
        """Make a signer for this node; the organization is asked for where it is not given."""
        own = organization or str((await self.organization())["id"])
        return exchange.own_node(await self.node(), own, seed)

    async def sign_in(self, signer: LocalSigner, scope: str = "") -> None:
        """Call as the signer's organization from now on: tokens are got with its key and renewed."""
        self._session = exchange.Session(signer=signer, scope=scope)
        await self._renew()

    async def call(self, request: Request) -> dict[str, Any]:
        """Send a request whose answer is one JSON object."""
        return read_document(await self.send(request))

    async def read_text(self, request: Request) -> str:
        """Send a request whose answer is a text."""
        return (await self.send(replace(request, accept="text/plain"))).decode("utf-8", "replace")

    async def walk(self, request: Request, noun: str) -> AsyncIterator[dict[str, Any]]:
        """Walk the pages of a list, asking for each when it is reached."""
        cursor: str | None = None
        while True:
            query = {**request.query, "cursor": cursor} if cursor else request.query
            rows, cursor = exchange.next_cursor(await self.send(replace(request, query=query)), noun, cursor)
            for row in rows:
                yield row
            if cursor is None:
                return

    async def screen(
        self, rows: Iterable[Mapping[str, Any] | str], *, chain: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Screen any number of rows; one result for each, in order, in constant memory: see `blocking.Client`."""
        for body in screening_bodies(rows, chain):
            results = read_lines(await self.send(screening(body)))
            if len(results) != body.count(b"\n") + 1:
                raise ProtocolError("The node did not answer every row.")
            for result in results:
                yield result
