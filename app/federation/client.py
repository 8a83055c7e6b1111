"""The federation protocol, asked over HTTP: what `services/remote.py` declares.

The rule here: every request is signed for one node, one path and one body; every answer is read strictly, under a bound
of time and size, and is nothing but well formed afterwards.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

import msgspec

from app.domain import audience as audiences
from app.domain import merkle, page
from app.domain.checkpoint import MAX_NOTE_BYTES
from app.domain.errors import InvalidRecord
from app.domain.node_record import MAX_RECORD_BYTES
from app.services import peer_tokens
from app.services.node import Node
from app.services.remote import (
    MAX_HELD,
    MAX_NOTES,
    Destination,
    Heads,
    Held,
    PeeringAnswer,
    PeerRefused,
    Refusals,
    RemoteHead,
    RemoteRefusal,
    Unreachable,
)
from app.web.outbound import Answer, Outbound

SECONDS = 30.0  # of one request, connection and answer together
PAGE_SECONDS = 120.0  # of a page: 16 MiB at 140 KB/s
WAIT_GRACE = 15.0  # seconds beyond those of the wait itself
MAX_ANSWER = 32 * 1024 * 1024  # bytes: 1,000 heads, and the records of their nodes
MAX_SMALL = 64 * 1024  # bytes of an answer that says a word or two, or of a refusal
MAX_HEADS = 1_000  # logs of one answer; the rest is asked for in the next round
MAX_REFUSALS = 1_000  # rows of one page
MAX_STATE = 64  # characters of what is waited on
MAX_CODE = 64  # characters of a code
MAX_TEXT = 1_000  # characters of what the other node says in words
NODE_RECORD = "/.well-known/watchfire.json"
API = "/federation/v1"
BUSY = frozenset({429, 502, 503, 504})  # statuses after which the same request may succeed

_LogId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
_Index = Annotated[int, msgspec.Meta(ge=0, le=merkle.MAX_SIZE)]
_State = Annotated[str, msgspec.Meta(max_length=MAX_STATE)]
_LEAF = re.compile(r"[0-9a-f]{64}")
_Said = TypeVar("_Said")


class _Peering(msgspec.Struct):
    node: msgspec.Raw
    accepted: bool


class _Head(msgspec.Struct):
    id: _LogId
    origin: str
    audience: Any
    red: bool
    epoch: int
    note: Annotated[str, msgspec.Meta(max_length=MAX_NOTE_BYTES)]
    start: _Index = msgspec.field(name="from")
    ended: bool


class _Heads(msgspec.Struct):
    state: _State
    heads: list[_Head]
    nodes: list[msgspec.Raw] = []
    gossip: list[str] = []
    show: list[str] = []
    more: bool = False


class _Wait(msgspec.Struct):
    state: _State


class _Taken(msgspec.Struct):
    taken: int


class _Refusal(msgspec.Struct):
    log: _LogId
    index: _Index
    leaf: str
    code: str
    detail: str


class _Refusals(msgspec.Struct):
    refusals: list[_Refusal]
    next: str | None = None


class _Problem(msgspec.Struct):
    detail: str


class Client:
    """Other nodes over HTTP, as this node asks them; see `remote.Remote` for each call."""

    def __init__(self, node: Node, outbound: Outbound, clock: Callable[[], datetime]) -> None:
        """Ask as this node; `clock` dates the tokens."""
        self._node = node
        self._outbound = outbound
        self._clock = clock

    async def close(self) -> None:
        """Close the connections."""
        await self._outbound.close()

    async def node_record(self, url: str) -> bytes:
        """Fetch the signed record of whatever node answers at a URL."""
        headers = {"Accept": "application/json"}
        answer = await self._outbound.send(
            "GET", url.rstrip("/") + NODE_RECORD, headers=headers, most=MAX_RECORD_BYTES, seconds=SECONDS
        )
        return _accepted(answer)

    async def peering(self, to: Destination, record: bytes, *, accepted: bool) -> PeeringAnswer:
        """Tell the other node that this one accepts it, or no longer does; `record` is this node's own record."""
        body = b'{"node":%s,"accepted":%s}' % (record, b"true" if accepted else b"false")
        content = await self._call(to, "POST", "/peering", body, most=MAX_RECORD_BYTES + MAX_SMALL)
        said = _read(content, _Peering)
        return PeeringAnswer(bytes(said.node), said.accepted)

    async def heads(self, to: Destination, held: Sequence[Held], gossip: Sequence[str]) -> Heads:
        """Say what is held, and ask what differs."""
        logs = [[item.log_id, item.size, item.root, item.refused] for item in held[:MAX_HELD]]
        body = msgspec.json.encode({"logs": logs, "gossip": list(gossip[:MAX_NOTES])})
        said = _read(await self._call(to, "POST", "/heads", body, most=MAX_ANSWER), _Heads)
        return Heads(
            state=said.state,
            heads=tuple(_head(item) for item in said.heads[:MAX_HEADS]),
            nodes=tuple(bytes(item) for item in said.nodes),
            gossip=tuple(said.gossip[:MAX_NOTES]),
            show=tuple(said.show[:MAX_HELD]),
            more=said.more,
        )

    async def entries(self, to: Destination, log_id: str, start: int, stop: int | None = None) -> bytes:
        """Fetch one page of a log, decoded."""
        query = {"from": start} if stop is None else {"from": start, "to": stop}
        path = f"/logs/{quote(log_id, safe='')}/entries?{urlencode(query)}"
        return await self._call(to, "GET", path, most=page.MAX_WIRE_BYTES, seconds=PAGE_SECONDS)

    async def wait(self, to: Destination, state: str, seconds: float) -> str:
        """Wait, at most so long, until what the other node shows is not `state` any more; give its state."""
        path = f"/wait?{urlencode({'state': state, 'timeout': f'{seconds:.1f}'})}"
        content = await self._call(to, "GET", path, most=MAX_SMALL, seconds=seconds + WAIT_GRACE)
        return _read(content, _Wait).state

    async def checkpoints(self, to: Destination, notes: Sequence[str]) -> int:
        """Show the other node checkpoints of its own logs; give how many it took."""
        body = msgspec.json.encode({"notes": list(notes[:MAX_NOTES])})
        return _read(await self._call(to, "POST", "/checkpoints", body, most=MAX_SMALL), _Taken).taken

    async def refusals(self, to: Destination, after: str | None) -> Refusals:
        """Fetch what the other node refused of this node's logs, a page after a cursor."""
        path = "/refusals" if after is None else f"/refusals?{urlencode({'after': after})}"
        said = _read(await self._call(to, "GET", path, most=MAX_ANSWER), _Refusals)
        return Refusals(tuple(_refusal(item) for item in said.refusals[:MAX_REFUSALS]), said.next)

    async def leave_group(self, to: Destination, group: UUID, organization: UUID) -> None:
        """Ask the steward's node to take an organization at home here out of a group."""
        body = msgspec.json.encode({"organization": str(organization)})
        await self._call(to, "POST", f"/groups/{group}/leave", body, most=MAX_SMALL)

    async def _call(
        self,
        to: Destination,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        most: int,
        seconds: float = SECONDS,
    ) -> bytes:
        target = API + path
        token = peer_tokens.mint(self._node, to.node_id, method, _whole_path(to.url) + target, body, self._clock())
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, application/x-ndjson"}
        if body:
            headers["Content-Type"] = "application/json"
        answer = await self._outbound.send(
            method, to.url.rstrip("/") + target, headers=headers, content=body, most=most, seconds=seconds
        )
        return _accepted(answer)


def _whole_path(url: str) -> str:
    """Give the path under which a node is mounted: empty for most."""
    return urlsplit(url).path.rstrip("/")


def _accepted(answer: Answer) -> bytes:
    """Give the content of a success. Raises PeerRefused, or Unreachable where the same may succeed later."""
    if not answer.is_refusal:
        return answer.content
    words = f"It answers with status {answer.status}. {_detail(answer.content)}".rstrip()
    if answer.status in BUSY:
        raise Unreachable(words, retry_after=answer.retry_after)
    raise PeerRefused(words, answer.status)


def _detail(content: bytes) -> str:
    """Read what a problem (RFC 9457) says in words: cut, and without what could move a terminal's cursor."""
    try:
        said = msgspec.json.decode(content[:MAX_SMALL], type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return _printable(said.detail[:MAX_TEXT])


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _read(content: bytes, kind: type[_Said]) -> _Said:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PeerRefused("The answer is not what the protocol says.") from error


def _head(item: _Head) -> RemoteHead:
    try:
        audience = audiences.parse(item.audience)
    except InvalidRecord as error:
        raise PeerRefused("The answer names an audience that is none.") from error
    return RemoteHead(item.id, item.origin, audience, item.red, item.epoch, item.note, item.start, item.ended)


def _refusal(item: _Refusal) -> RemoteRefusal:
    if not _LEAF.fullmatch(item.leaf):
        raise PeerRefused("The answer names an entry by what is no leaf hash.")
    code, words = _printable(item.code[:MAX_CODE]), _printable(item.detail[:MAX_TEXT])
    return RemoteRefusal(item.log, item.index, bytes.fromhex(item.leaf), code, words)
