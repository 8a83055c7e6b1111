"""What both clients do with a request and its answer, but for waiting on the network.

The rule here: the credential goes only into the header of a request to the node's own address, is never shown, and
redirections are not followed.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import httpx

from app.client.calls import Request, problem, read_document
from app.client.pacing import Pacing
from app.client.problems import NetworkError, ProtocolError
from app.client.signer import LocalSigner
from app.client.tokens import make_assertion, token_form

MAX_ANSWER = 64 * 1024 * 1024  # bytes: a screening of 10,000 rows is about 4 MB
RENEW_BEFORE = 60.0  # seconds before its end at which a token is renewed
_FORM = "application/x-www-form-urlencoded"
_SUCCESS, _REDIRECTION, _REFUSAL = 200, 300, 400


@dataclass(slots=True)
class Session:
    """Who is calling: an API key, or a signer whose tokens are renewed. Nothing of it is shown."""

    key: str = field(default="", repr=False)
    signer: LocalSigner | None = field(default=None, repr=False)
    scope: str = ""
    ends: float = 0.0

    def is_stale(self, clock: float) -> bool:
        """Tell whether a token is needed before the next call; `clock` is monotonic seconds."""
        return self.signer is not None and clock > self.ends - RENEW_BEFORE

    def token_request(self) -> Request:
        """Make the request for a token: by a signed assertion, or by the API key as client secret."""
        if self.signer is not None:
            assertion = make_assertion(self.signer.seed, self.signer.organization, self.signer.node)
            return _token_request(token_form(assertion, self.scope), repeatable=False)
        return _token_request({"grant_type": "client_credentials", "client_secret": self.key}, repeatable=True)

    def take_token(self, document: dict[str, Any], clock: float) -> dict[str, Any]:
        """Read the answer; where there is a signer, its token is used from now on."""
        token = document.get("access_token")
        if not isinstance(token, str):
            raise ProtocolError("The node's answer holds no token.")
        if self.signer is not None:
            self.key = token
            self.ends = clock + float(document.get("expires_in") or 0)
        return document


def _token_request(fields: dict[str, str], *, repeatable: bool) -> Request:
    """Make the form. An assertion is good once: the same again would be refused, so it is not repeatable."""
    content = urlencode(fields).encode()
    return Request("POST", "/v1/token", content=content, content_type=_FORM, repeatable=repeatable, signed_in=False)


def check_url(url: str) -> str:
    """Check the node's address and give it without a slash at its end. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("The node's URL must look like https://node.example, without a password in it.")
    return url.rstrip("/")


def timeout(pacing: Pacing) -> httpx.Timeout:
    """Give the bounds in time of one try."""
    return httpx.Timeout(pacing.timeout, connect=pacing.connect_timeout)


def to_http(http: httpx.Client | httpx.AsyncClient, url: str, request: Request, key: str) -> httpx.Request:
    """Write a request as HTTP."""
    headers = {"Accept": request.accept}
    if request.content:
        headers["Content-Type"] = request.content_type
    if request.idempotency_key:
        headers["Idempotency-Key"] = request.idempotency_key
    if request.signed_in and key:
        headers["Authorization"] = f"Bearer {key}"
    return http.build_request(
        request.method, url + request.path, params=dict(request.query), content=request.content, headers=headers
    )


class Body:
    """The body of an answer as it arrives, bounded."""

    def __init__(self) -> None:
        """Begin empty."""
        self.content = bytearray()

    def add(self, piece: bytes) -> None:
        """Take a piece in. Raises ProtocolError beyond MAX_ANSWER."""
        self.content += piece
        if len(self.content) > MAX_ANSWER:
            raise ProtocolError(f"The node's answer has more than {MAX_ANSWER} bytes.")


def judge(response: httpx.Response, body: Body) -> bytes:
    """Give the content of a success. Raises ProblemError for a refusal, ProtocolError for a redirection."""
    if response.status_code >= _REFUSAL:
        raise problem(response.status_code, bytes(body.content), response.headers.get("Retry-After"))
    if not _SUCCESS <= response.status_code < _REDIRECTION:
        place = response.headers.get("Location", "elsewhere")
        raise ProtocolError(f"The node answers from {place}; give that address as its URL.")
    return bytes(body.content)


def broken(error: httpx.HTTPError, url: str) -> NetworkError:
    """Give the one sentence for a broken connection."""
    return NetworkError(f"No answer from {url}: {error or type(error).__name__}.")


def own_node(document: dict[str, Any], organization: UUID | str, seed: bytes) -> LocalSigner:
    """Make the signer of an organization at home on the node that has answered who it is."""
    node = document.get("id")
    if not isinstance(node, str):
        raise ProtocolError("The node does not say its id.")
    return LocalSigner(UUID(str(organization)), node, seed)


def next_cursor(content: bytes, noun: str, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """Read one page: its rows, and the cursor of the next one. Raises ProtocolError for a page that leads nowhere."""
    page = read_document(content)
    rows, following = page.get(noun), page.get("next")
    if not isinstance(rows, list) or (following is not None and following == cursor):
        raise ProtocolError(f"The node's answer is not a page of {noun}.")
    return rows, following
