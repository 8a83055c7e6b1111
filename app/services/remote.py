"""What a node asks of another node: the requests of the federation protocol, and what may come back.

The rule here: an answer is somebody else's word. These types say only that it is well formed; whoever uses a value
verifies it first. `federation/client.py` speaks the protocol over HTTP; every call is bounded in time and size, may be
lost or answered twice, and changes nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from app.domain.audience import Audience
from app.domain.errors import Meaning, Unavailable

MAX_HELD = 10_000  # logs of one question: what a node says it holds
MAX_NOTES = 100  # checkpoints of third nodes' logs in one question or answer


class Unreachable(Unavailable):
    """The other node did not answer.

    `retry_after` is what it asked for, in seconds.
    """

    code = "unreachable"

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        """Keep when the other node wants to be asked again."""
        super().__init__(detail)
        self.retry_after = retry_after


class PeerRefused(Meaning):
    """The other node refused the request, or answered what is none of the protocol's answers.

    `status` is the HTTP status, 0 for an answer that cannot be read.
    """

    code = "peer_refused"

    def __init__(self, detail: str, status: int = 0) -> None:
        """Keep the status beside the sentence."""
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class Destination:
    """The node that is meant, and where it is reached."""

    node_id: str
    url: str


@dataclass(frozen=True, slots=True)
class PeeringAnswer:
    """The other node's record document, and whether it accepts this node."""

    record: bytes
    accepted: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A log as this node holds it: size in entries, root in hexadecimal, and how many entries it refused."""

    log_id: str
    size: int
    root: str
    refused: int


@dataclass(frozen=True, slots=True)
class RemoteHead:
    """The newest checkpoint of a log that the other node shows; `start` is the index from which bodies may come.

    `ended`: this node has left the log, and gets bare leaf hashes from now on.
    """

    log_id: str
    origin: str
    audience: Audience
    red: bool
    epoch: int
    note: str
    start: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Heads:
    """The answer about logs: what differs, the node records and checkpoints beside it, and a state to wait on."""

    state: str
    heads: tuple[RemoteHead, ...]
    nodes: tuple[bytes, ...] = ()
    gossip: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class RemoteRefusal:
    """An entry of this node's own log that the other node refused, and why."""

    log_id: str
    index: int
    leaf_hash: bytes
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """A page of refusals, and the cursor of the next one."""

    rows: tuple[RemoteRefusal, ...]
    next: str | None = field(default=None)


class Remote(Protocol):
    """Other nodes, as they are asked. Every call raises Unreachable and PeerRefused, and nothing else of the network.

    Not checked here: signatures, sizes and roots, and whether the answer is about what was asked.
    """

    async def node_record(self, url: str) -> bytes:
        """Fetch the signed record of whatever node answers at a URL."""
        ...

    async def peering(self, to: Destination, record: bytes, *, accepted: bool) -> PeeringAnswer:
        """Tell the other node that this one accepts it, or no longer does; `record` is this node's own record."""
        ...

    async def heads(self, to: Destination, held: Sequence[Held], gossip: Sequence[str]) -> Heads:
        """Say what is held, and ask what differs."""
        ...

    async def entries(self, to: Destination, log_id: str, start: int, stop: int | None = None) -> bytes:
        """Fetch one page of a log, decoded: see `domain.page`. At most `page.MAX_WIRE_BYTES` bytes."""
        ...

    async def wait(self, to: Destination, state: str, seconds: float) -> str:
        """Wait, at most so long, until what the other node shows is not `state` any more; give its state."""
        ...

    async def checkpoints(self, to: Destination, notes: Sequence[str]) -> int:
        """Show the other node checkpoints of its own logs; give how many it took."""
        ...

    async def refusals(self, to: Destination, after: str | None) -> Refusals:
        """Fetch what the other node refused of this node's logs, a page after a cursor."""
        ...

    async def leave_group(self, to: Destination, group: UUID, organization: UUID) -> None:
        """Ask the steward's node to take an organization at home here out of a group."""
        ...
