"""Metrics: what the node does, for Prometheus.

The rule here: labels are route templates, methods and status classes, and the ids of peers and logs, which are for the
node's operator alone; never an address, another id, a name or a detail.
"""

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import answer_unexpected

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("watchfire_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "watchfire_request_seconds", "Time to answer.", ("method", "route"), buckets=BUCKETS, registry=self.registry
        )
        self.owed = Gauge("watchfire_log_owed", "Records owed to the logs.", registry=self.registry)
        self.owed_seconds = Gauge(
            "watchfire_log_owed_seconds", "How long the oldest owed record has waited.", registry=self.registry
        )
        of_peer, of_log = ("peer",), ("peer", "log")
        self._peers = {
            "failures": self._gauge("watchfire_peer_failures", "Failures since the peer last answered.", of_peer),
            "unheard_seconds": self._gauge("watchfire_peer_unheard_seconds", "Since the peer last answered.", of_peer),
            "behind": self._gauge("watchfire_peer_log_behind", "Entries shown by the peer and not here.", of_log),
            "lag_seconds": self._gauge("watchfire_peer_log_lag_seconds", "Since not all of them are here.", of_log),
            "refused": self._gauge("watchfire_peer_log_refused", "Entries that this node refused.", of_log),
            "refused_there": self._gauge("watchfire_peer_log_refused_there", "Entries the peer refused.", of_log),
        }
        self._forks = self._gauge("watchfire_forks", "Proofs that a node has told two histories.", ())
        self._held: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def _gauge(self, name: str, what: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, what, labels, registry=self.registry)

    def note_peers(self, rows: Iterable[tuple[str, tuple[str, ...], float]], forks: int) -> None:
        """Set the figures of peers and their logs: (figure, labels, value), and forget those that are gone."""
        for gauge in self._peers.values():
            gauge.clear()
        for figure, labels, value in rows:
            self._peers[figure].labels(*labels).set(value)
        self._forks.set(forks)

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        held = self._held.get((method, route, status))
        if held is None:
            held = (self.requests.labels(method, route, str(status)), self.seconds.labels(method, route))
            self._held[method, route, status] = held
        held[0].inc()
        held[1].observe(seconds)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AnswerCutError(Exception):
    """A fault came after the beginning of the answer had been sent: the connection has to be closed."""


class MeasureRequests:
    """Counts every request, marks every answer as not to be sniffed, framed or referred from, and answers faults.

    A fault goes no further than here: the server would write its message, which may hold what was asked, to its log.
    """

    _HEADERS = (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    )

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Stand around an application."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self._HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered as a fault of the house
            answer = await answer_unexpected(Request(scope), error)
            if status:
                raise AnswerCutError from None
            await answer(scope, receive, note_status)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            route = getattr(scope.get("route"), "path_format", "-")
            self._metrics.note(method, route, status or 500, time.perf_counter() - started)
