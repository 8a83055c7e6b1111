"""HTTP to servers of others: a MISP, a TAXII server, a folder of files behind a web server.

The rule here: as in `blocking`: every try is bounded in time and size, and tries are bounded in number. The credential
goes to the origin that was named and to no other: redirections and links that lead elsewhere are not followed.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from app.client import exchange
from app.client.calls import Request
from app.client.pacing import Pacing
from app.client.problems import ClientError, NetworkError, ProblemError, ProtocolError

MAX_REDIRECTS = 3  # within the origin: a missing slash, a folder that was moved
MAX_SAID = 300  # characters of a foreign error that are shown
_REDIRECTION, _REFUSAL = 300, 400


class ElsewhereError(ClientError):
    """A server of others refused or cannot be understood; `status` is 0 where it did not answer."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        """Keep the sentence and the HTTP status."""
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(repr=False)

    def document(self) -> dict[str, Any]:
        """Give the content as a JSON object. Raises ElsewhereError."""
        try:
            document = msgspec.json.decode(self.content)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ElsewhereError("The server's answer is not JSON; check its URL.", self.status) from error
        if not isinstance(document, dict):
            raise ElsewhereError("The server's answer is not a JSON object; check its URL.", self.status)
        return document


class Elsewhere:
    """A client of one server at one origin. `headers` go with every request; nothing of them is shown."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        pacing: Pacing | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare the connections; nothing is sent. Raises ValueError for an address that is none."""
        self.url = exchange.check_url(url)
        self._headers = dict(headers or {})
        self._pacing = pacing or Pacing()
        self._http = httpx.Client(timeout=exchange.timeout(self._pacing), transport=transport)

    def __repr__(self) -> str:
        return f"Elsewhere({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    @property
    def host(self) -> str:
        """Return the server's name."""
        return urlsplit(self.url).hostname or ""

    def resolve(self, link: str, place: str = "") -> str:
        """Give a link of a document at `place` as a whole address. Raises ElsewhereError where it leads elsewhere."""
        target = urljoin(place or f"{self.url}/", link)
        if _origin(target) != _origin(self.url):
            raise ElsewhereError(
                f"{self.host} refers to {_shown(target)}, another server, which is not to have the credential: if you "
                "trust it, give its address."
            )
        return target

    def get(self, url: str, query: Mapping[str, str] | None = None, accept: str = "application/json") -> Answer:
        """Read an address of this server, again where the server was busy. Raises ElsewhereError."""
        return self._send("GET", url, {"Accept": accept}, query or {}, b"")

    def post(
        self, url: str, content: bytes, content_type: str = "application/json", accept: str = "application/json"
    ) -> Answer:
        """Post a body that may be posted again: a search, or objects that a server keeps once by their ids."""
        return self._send("POST", url, {"Accept": accept, "Content-Type": content_type}, {}, content)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], content: bytes
    ) -> Answer:
        waited, tried, request = 0.0, 0, Request(method, "")
        target = self.resolve(url)
        while True:
            tried += 1
            try:
                return self._try(method, target, headers, query, content)
            except (ProblemError, NetworkError) as error:
                delay = self._pacing.delay(request, tried, waited, error)
                if delay is None:
                    status = error.status if isinstance(error, ProblemError) else 0
                    raise ElsewhereError(error.detail if status else str(error), status) from error  # type: ignore[union-attr]
            time.sleep(delay)
            waited += delay

    def _try(
        self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], content: bytes
    ) -> Answer:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._once(method, url, headers, query, content)
            if not _REDIRECTION <= answer.status < _REFUSAL:
                return answer
            if method != "GET":
                raise ElsewhereError(f"{self.host} answers from elsewhere; give that address.", answer.status)
            url, query = self.resolve(answer.headers.get("location", ""), url), {}
        raise ElsewhereError(f"{self.host} redirects more than {MAX_REDIRECTS} times.")

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], content: bytes
    ) -> Answer:
        body = exchange.Body()
        try:
            request = self._http.build_request(
                method, url, params=dict(query) or None, content=content or None, headers={**self._headers, **headers}
            )
            response = self._http.send(request, stream=True)
            try:
                for piece in response.iter_bytes():
                    body.add(piece)
            except ProtocolError as error:
                raise ElsewhereError(f"The answer of {self.host} is too large.", response.status_code) from error
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise exchange.broken(error, self.host) from error
        if response.status_code >= _REFUSAL:
            said = f"{self.host} answered {response.status_code}{_said(bytes(body.content))}"
            retry_after = response.headers.get("Retry-After", "")
            seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
            raise ProblemError(f"http_{response.status_code}", response.status_code, said, (), seconds)
        return Answer(response.status_code, bytes(body.content), response.headers)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"[:MAX_SAID]


def _said(content: bytes) -> str:
    """Give what an error says of itself: a TAXII error resource, MISP's message, or nothing."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return "."
    if not isinstance(document, dict):
        return "."
    words = [document.get(name) for name in ("title", "description", "message", "detail")]
    text = ", ".join(dict.fromkeys(word for word in words if isinstance(word, str) and word))
    shown = "".join(character for character in text if character.isprintable())[:MAX_SAID]
    return f": {shown}" if shown else "."
