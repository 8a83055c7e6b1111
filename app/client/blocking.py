"""The client that waits: one connection pool to one node, usable from several threads.

The rule here: a call ends: every try is bounded in time and size, and tries are bounded in number.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
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


class Client(Api[dict[str, Any], Iterator[dict[str, Any]], str]):
    """A partner's client of one node.

    `url` is the node's address, `key` an API key or token. Use it as a context manager, or close it.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        pacing: Pacing | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare the connection pool; nothing is sent. Raises ValueError for an address that is none."""
        self.url = exchange.check_url(url)
        self._session = exchange.Session(key)
        self._pacing = pacing or Pacing()
        self._http = httpx.Client(timeout=exchange.timeout(self._pacing), transport=transport)
        self._renewing = Lock()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, request: Request) -> bytes:
        """Send a request, again where it may be repeated, and give the bytes of the answer."""
        waited, tried = 0.0, 0
        while True:
            tried += 1
            try:
                return self._try(request)
            except (ProblemError, NetworkError) as error:
                delay = self._pacing.delay(request, tried, waited, error)
                if delay is None:
                    raise
            time.sleep(delay)
            waited += delay

    @contextmanager
    def stream(self, request: Request) -> Iterator[Iterator[bytes]]:
        """Send a request once and give its answer in pieces, however long it is; a cut-off one raises NetworkError."""
        self._renew()
        try:
            http = exchange.to_http(self._http, self.url, request, self._session.key)
            response = self._http.send(http, stream=True)
            try:
                if not response.is_success:
                    body = exchange.Body()
                    for piece in response.iter_bytes():
                        body.add(piece)
                    exchange.judge(response, body)
                yield response.iter_bytes()
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise exchange.broken(error, self.url) from error

    def _try(self, request: Request) -> bytes:
        if request.signed_in:
            self._renew()
        body = exchange.Body()
        try:
            http = exchange.to_http(self._http, self.url, request, self._session.key)
            response = self._http.send(http, stream=True)
            try:
                for piece in response.iter_bytes():
                    body.add(piece)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise exchange.broken(error, self.url) from error
        return exchange.judge(response, body)

    def _renew(self) -> None:
        with self._renewing:
            if self._session.is_stale(time.monotonic()):
                self.token()

    def token(self) -> dict[str, Any]:
        """Exchange the API key, or the signer's assertion, for a token: `access_token`, `expires_in` in seconds."""
        document = read_document(self.send(self._session.token_request()))
        return self._session.take_token(document, time.monotonic())

    def signer(self, organization: UUID | str | None, seed: bytes) -> LocalSigner:
        """Make a signer for this node; the organization is asked for where it is not given."""
        return exchange.own_node(self.node(), organization or str(self.organization()["id"]), seed)

    def sign_in(self, signer: LocalSigner, scope: str = "") -> None:
        """Call as the signer's organization from now on: tokens are got with its key and renewed."""
        self._session = exchange.Session(signer=signer, scope=scope)
        self._renew()

    def call(self, request: Request) -> dict[str, Any]:
        """Send a request whose answer is one JSON object."""
        return read_document(self.send(request))

    def read_text(self, request: Request) -> str:
        """Send a request whose answer is a text."""
        return self.send(replace(request, accept="text/plain")).decode("utf-8", "replace")

    def walk(self, request: Request, noun: str) -> Iterator[dict[str, Any]]:
        """Walk the pages of a list, asking for each when it is reached."""
        cursor: str | None = None
        while True:
            query = {**request.query, "cursor": cursor} if cursor else request.query
            rows, cursor = exchange.next_cursor(self.send(replace(request, query=query)), noun, cursor)
            yield from rows
            if cursor is None:
                return

    def screen(
        self, rows: Iterable[Mapping[str, Any] | str], *, chain: str | None = None, in_flight: int = 3
    ) -> Iterator[dict[str, Any]]:
        """Screen any number of rows; one result for each, in order, in constant memory.

        A row is an address, or has `address` and perhaps `chain` and `ref`. `in_flight` calls run at once.
        """
        waiting: deque[tuple[int, Future[bytes]]] = deque()
        pool = ThreadPoolExecutor(in_flight)
        try:
            for body in screening_bodies(rows, chain):
                waiting.append((body.count(b"\n") + 1, pool.submit(self.send, screening(body))))
                if len(waiting) >= in_flight:
                    yield from _results(*waiting.popleft())
            while waiting:
                yield from _results(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _results(asked: int, answer: Future[bytes]) -> list[dict[str, Any]]:
    rows = read_lines(answer.result())
    if len(rows) != asked:
        raise ProtocolError(f"The node answered {len(rows)} of {asked} rows.")
    return rows
