"""Outbound: the one client for HTTP requests that this node makes to addresses which others have named.

The rule here: a name is resolved once, every address it has is checked, and the connection goes to a checked one, under
the name's own certificate. Nothing is followed or inherited: no redirects, no proxies of the environment, no sockets of
this machine. Every request has a deadline for all of it, and every answer a size, before and after decompression.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import httpcore
import httpx
from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

from app.services.remote import PeerRefused, Unreachable

CONNECT_SECONDS = 10.0  # of one try to connect: a round trip anywhere is under a second
MAX_CONNECTIONS = 64  # at once, all peers together
KEEP_SECONDS = 30.0  # an idle connection outlives a long poll, so that what follows it needs no handshake
MAX_RETRY_AFTER = 86_400.0  # seconds: whoever asks for more is asked again after a day
MAX_FRAMES = 16  # zstd frames of one answer: this house's are one; a decoder for each of millions would take minutes
ZSTD_WINDOW_LOG = 23  # 8 MiB: what RFC 9659 allows a sender, and so the memory that a decoder needs
_REDIRECTION, _REFUSAL = 300, 400

# What "private" means for the setting; link-local (metadata services), multicast and reserved ones are never reached.
_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "100.64.0.0/10",  # carriers' shared addresses (RFC 6598)
        "::1/128",
        "fc00::/7",
    )
)
# Forms that hold an IPv4 address: which network they end in is not for the asker to see.
_DISGUISED = tuple(
    ip_network(text)
    for text in (
        "::/96",  # IPv4-compatible (RFC 4291, deprecated)
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # NAT64 in one network (RFC 8215)
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
    )
)


def may_reach(address: str, *, allow_private: bool) -> bool:
    """Tell whether a request may go to an IP address in text form; private ones only if that is allowed."""
    found = ip_address(address.partition("%")[0])
    if any(found in network for network in _PRIVATE):
        return allow_private
    return _is_public(found)


def _is_public(found: IPv4Address | IPv6Address) -> bool:
    if any(found in network for network in _DISGUISED) or found.is_multicast or found.is_reserved:
        return False
    return found.is_global and not getattr(found, "is_site_local", False)


def check_url(url: str, *, allow_private: bool) -> str:
    """Check the address of another node and give it without a slash at its end.

    Plain HTTP only where private addresses are allowed. Raises PeerRefused.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise PeerRefused("The URL of a node must look like https://node.example, without a password in it.")
    if parts.scheme == "http" and not allow_private:
        raise PeerRefused(
            "The URL of a node must begin with https; plain http needs WATCHFIRE_ALLOW_PRIVATE_PEERS=true."
        )
    return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status (200 to 299, or 400 and above), the decoded content, and when to come back."""

    status: int
    content: bytes
    retry_after: float | None

    @property
    def is_refusal(self) -> bool:
        """Tell whether the other side refused."""
        return self.status >= _REFUSAL


class Outbound:
    """The client; `transport` takes the network's place, with all addresses there may be in it."""

    def __init__(self, *, allow_private: bool = False, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Prepare the pool; nothing is opened."""
        self._allow_private = allow_private or transport is not None
        self._http = httpx.AsyncClient(
            transport=transport or _Checked(allow_private=allow_private),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none is kept: peers leave nothing here
            headers={"User-Agent": "watchfire"},
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        most: int,
        seconds: float,
    ) -> Answer:
        """Send a request once, and read the answer: at most `most` bytes, in at most `seconds` from first to last.

        Raises Unreachable (no connection, no answer in time, an address that may not be reached) and PeerRefused
        (a redirection, more bytes than that, an encoding that was not asked for or does not decode).
        """
        check_url(url, allow_private=self._allow_private)
        asked = {"Accept-Encoding": "zstd", **headers}
        host = urlsplit(url).hostname
        try:
            async with (
                asyncio.timeout(seconds),
                self._http.stream(method, url, headers=asked, content=content or None) as response,
            ):
                return await _read(response, most)
        except TimeoutError as error:
            raise Unreachable(f"{host} did not answer in full within {seconds:g} seconds.") from error
        except (httpx.HTTPError, *_BROKEN) as error:
            raise Unreachable(f"{host} did not answer: {error or type(error).__name__}.") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


async def _read(response: httpx.Response, most: int) -> Answer:
    status = response.status_code
    if _REDIRECTION <= status < _REFUSAL:
        raise PeerRefused("The other side answers from elsewhere; redirections are not followed.", status)
    body = _Body(response.headers.get("Content-Encoding", "identity").strip().lower(), most)
    async for piece in response.aiter_raw():
        body.add(piece)
    return Answer(status, body.end(), _retry_after(response.headers.get("Retry-After", "")))


def _retry_after(text: str) -> float | None:
    """Read a delay in seconds; a date is left out, because the other side's clock is not ours."""
    return min(float(text), MAX_RETRY_AFTER) if text.isascii() and text.isdigit() else None


class _Body:
    """The content of an answer as it arrives, decoded and bounded."""

    def __init__(self, encoding: str, most: int) -> None:
        if encoding not in {"identity", "zstd"}:
            raise PeerRefused(f"The answer is encoded as {encoding[:20]!r}, which was not asked for.")
        self._decoder = _decoder() if encoding == "zstd" else None
        self._most = most
        self._encoded = 0
        self._frames = 1
        self._content = bytearray()

    def add(self, piece: bytes) -> None:
        """Take a piece in. Raises PeerRefused: too much, or it does not decode."""
        self._encoded += len(piece)
        if self._encoded > self._most:
            self._refuse()
        if self._decoder is None:
            self._content += piece
            return
        try:
            self._decode(piece)
        except ZstdError as error:
            raise PeerRefused("The answer does not decode.") from error

    def _decode(self, piece: bytes) -> None:
        assert self._decoder is not None
        while piece or not (self._decoder.eof or self._decoder.needs_input):
            if self._decoder.eof:  # frames may stand one after the other (RFC 8878, 3)
                self._frames += 1
                if self._frames > MAX_FRAMES:
                    raise PeerRefused(f"The answer is encoded in more than {MAX_FRAMES} parts.")
                self._decoder = _decoder()
            self._content += self._decoder.decompress(piece, self._most + 1 - len(self._content))
            if len(self._content) > self._most:
                self._refuse()
            piece = self._decoder.unused_data if self._decoder.eof else b""

    def end(self) -> bytes:
        """Give the content. Raises PeerRefused: it was cut off."""
        if self._decoder is not None and self._encoded and not self._decoder.eof:
            raise PeerRefused("The answer is cut off.")
        return bytes(self._content)

    def _refuse(self) -> None:
        raise PeerRefused(f"The answer has more than {self._most} bytes.")


def _decoder() -> ZstdDecompressor:
    return ZstdDecompressor(options={DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})


# OSError: what TLS raises in the midst of reading goes past httpcore.
_BROKEN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError)


class _Checked(httpx.AsyncBaseTransport):
    """httpx over a pool whose connections go to checked addresses only."""

    def __init__(self, *, allow_private: bool) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_SECONDS,
            network_backend=_CheckedNetwork(allow_private=allow_private),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            answer = await self._pool.handle_async_request(sent)
        except AttributeError as error:  # anyio's on uvloop: the connection was reset before its socket was looked at
            raise httpcore.ConnectError("the connection was reset") from error
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    """The pieces of an answer of the pool."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._answer.aiter_stream():
            yield piece

    async def aclose(self) -> None:
        await self._answer.aclose()


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """TCP to addresses that were checked; no sockets of this machine."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a name once, check every address it has, and connect to the first that answers."""
        addresses = await _resolve(host, port)
        for address in addresses:
            if not may_reach(address, allow_private=self._allow_private):
                raise Unreachable(
                    f"{host} is at {address}, an address that is not public. Peers on this machine or network need "
                    "WATCHFIRE_ALLOW_PRIVATE_PEERS=true."
                )
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - same
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no request leaves by a socket of this machine."""
        raise Unreachable(f"{path} is not an address of another node.")

    async def sleep(self, seconds: float) -> None:
        """Wait, between tries of the pool."""
        await self._network.sleep(seconds)


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{host} has no address.") from error
    return list(dict.fromkeys(str(item[4][0]) for item in found))
