"""A world of nodes in one process: a clock that only the test turns, randomness from one seed, and builders.

The rule here: nothing is decided by the wall clock or by the system's randomness, so a seed is a story that can be
told again. A `Home` is one node with its store; `World` holds any number of them (they are not joined yet). The
builders do what partners do, by the services, and never write a row themselves.

    world = World(seed=1)
    home = await world.add_home(database_url)
    ngo, bank = await home.organization(), await home.organization()
    report = await home.submit(ngo, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
    await home.sequence()
    assert await faults(home) == []
"""

import asyncio
import copy
import hashlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain import audience as audiences
from app.domain import checkpoint, merkle, record, signing
from app.domain.actor import Actor, Scope, operator
from app.domain.audience import Audience
from app.domain.ids import uuid7
from app.domain.marking import Pap, Tlp
from app.domain.record import Body, Record
from app.domain.report import read_report
from app.domain.signing import Envelope
from app.services import follow as following
from app.services import groups, identity, look_up, membership, screen, sequence, submit, verify_log
from app.services.audit import Questions
from app.services.known_heads import KnownHeads
from app.services.membership import PARTNER_SCOPES, NewCredential
from app.services.node import Node
from app.services.repeats import Repeat
from app.services.submit import Draft, Submitted
from app.storage import tables
from app.storage.groups import Group
from app.storage.indicators import Indicators
from app.storage.store import Store, open_store

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
GENESIS_BLOCK = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"  # a Bitcoin address that everybody knows
CHAIN = "eip155:1"


class Clock:
    """The time of a world; every deed of a builder takes a second."""

    def __init__(self, start: datetime = START) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **span: float) -> datetime:
        """Let time pass, a second unless said otherwise."""
        self.now += timedelta(**span) if span else timedelta(seconds=1)
        return self.now


@dataclass(frozen=True)
class Partner:
    """An organization as its own people see it: its id, and the seed of its own key if it has one."""

    id: UUID
    name: str
    seed: bytes | None = None

    @property
    def actor(self) -> Actor:
        """Its API key."""
        return Actor(self.id, "key:partner", "machine", frozenset(PARTNER_SCOPES))

    @property
    def strong(self) -> Actor:
        """Its private_key_jwt."""
        scopes = frozenset(Scope) - {Scope.OPERATE}
        return Actor(self.id, "assertion:partner", "machine", scopes, strong=True)


class World:
    """Any number of nodes under one clock and one seed."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = Clock()
        self.dice = random.Random(seed)
        self.homes: list[Home] = []

    async def add_home(self, url: str, name: str = "home", at: str | None = None) -> "Home":
        """Start one node on a migrated, empty database, with its operator's organization; peers reach it `at` a URL."""
        home = Home(self, url, name, *(self.dice.randbytes(32) for _ in range(3)), at=at)
        self.homes.append(home)
        home.open()
        await membership.add_organization(
            home.node, home.operator, f"operator of {name}", "other", self.clock.tick(), trusted=True,
            organization_id=home.operator.organization, listed=True,
        )  # fmt: skip
        return home

    async def close(self) -> None:
        """Close every node."""
        for home in self.homes:
            await home.close()


@dataclass
class Home:
    """One node of the world, and what partners do there."""

    world: World
    url: str
    name: str
    seed: bytes
    pepper: bytes
    wrapping_key: bytes
    at: str | None = None
    heads: Path | None = None
    node: Node = field(init=False)
    operator: Actor = field(init=False)
    questions: Questions = field(default_factory=Questions)

    def __post_init__(self) -> None:
        self.operator = operator(uuid7(self.world.clock.now, self.random(10)))

    def random(self, size: int) -> bytes:
        """Give random bytes of the world's seed."""
        return self.world.dice.randbytes(size)

    def open(self, url: str | None = None) -> Node:
        """Open the store, as the program does when it starts."""
        self.node = self.another(url)
        return self.node

    def another(self, url: str | None = None) -> Node:
        """Open the same store once more, as another process of the same node would."""
        return Node(
            store=open_store(url or self.url),
            indicators=Indicators(url or self.url),
            identity=identity.new(self.seed, self.pepper, self.wrapping_key),
            operator=self.operator.organization,
            name=self.name,
            random=self.random,
            url=self.at,
            heads=KnownHeads(self.heads),
        )

    async def close(self) -> None:
        """Stop the node."""
        await self.node.close()

    async def restart(self) -> None:
        """Stop and start again on the same database; what waited in memory is lost, as in a crash."""
        await self.close()
        self.questions = Questions()
        self.open()

    @contextmanager
    def aside(self, seed: int = 0) -> Iterator[None]:
        """Draw from another seed inside the block and turn the clock back after it: a deed that leaves no trace."""
        held, now = self.world.dice, self.world.clock.now
        self.world.dice = random.Random(f"aside {seed}")
        try:
            yield
        finally:
            self.world.dice, self.world.clock.now = held, now

    def tick(self) -> datetime:
        """Let a second pass."""
        return self.world.clock.tick()

    def address(self) -> str:
        """Make an address that nobody has used."""
        return "0x" + self.random(20).hex()

    async def organization(
        self, name: str | None = None, *, kind: str = "ngo", trusted: bool = True, own_key: bool = False
    ) -> Partner:
        """Add an organization; with `own_key` it signs itself, and the node knows its public key only."""
        seed = self.random(32) if own_key else None
        made = await membership.add_organization(
            self.node,
            self.operator,
            name or f"partner {self.random(6).hex()}",
            kind,
            self.tick(),
            trusted=trusted,
            public_key=None if seed is None else signing.public_key(seed),
        )
        return Partner(made.id, made.name, seed)

    async def trust(self, partner: Partner) -> int:
        """End the review of an organization."""
        return await membership.trust_organization(self.node, self.operator, partner.id, self.tick())

    async def credential(self, partner: Partner, *scopes: str, **fields: Any) -> NewCredential:
        """Make an API key of an organization."""
        return await membership.add_credential(
            self.node, self.operator, partner.id, "key", scopes or PARTNER_SCOPES, self.tick(), **fields
        )

    async def group(self, *members: Partner, steward: Partner | None = None) -> Group:
        """Make a group; its first member leads it unless said otherwise."""
        leader = steward or members[0]
        name = f"group {self.random(4).hex()}"
        charter = groups.Charter(name, [item.id for item in members])
        return await groups.add_group(self.node, leader.actor, charter, self.tick())

    async def change(
        self, steward: Partner, group: Group, *, add: Sequence[Partner] = (), remove: Sequence[Partner] = ()
    ) -> Group:
        """Let organizations join or leave a group."""
        change = groups.Change(tuple(item.id for item in add), tuple(item.id for item in remove))
        return await groups.change_members(self.node, steward.actor, group.id, change, self.tick())

    async def rotate(self, partner: Partner) -> Partner:
        """Give an organization a new key in the place of its valid ones; the new one is of the same custody."""
        _, held = await membership.get_organization(self.node, partner.strong, partner.id)
        seed = self.random(32) if partner.seed is not None else None
        public_key = None if seed is None else signing.public_key(seed)
        await membership.enrol_key(self.node, partner.strong, partner.id, public_key, self.tick())
        for key in held:
            if key.revoked_at is None:
                await membership.revoke_key(self.node, partner.strong, partner.id, key.keyid, self.tick())
        return replace(partner, seed=seed)

    def claim(self, *addresses: str, chain: str = CHAIN, **fields: Any) -> dict[str, Any]:
        """Make the fields of a report about these addresses, one new address if none is named."""
        return {
            "category": "sex_trafficking",
            "method": "advert",
            "confidence": 70,
            "indicators": [{"chain": chain, "address": item} for item in addresses or (self.address(),)],
            **fields,
        }

    async def submit(
        self,
        partner: Partner,
        *addresses: str,
        audience: Audience | None = None,
        tlp: Tlp = Tlp.AMBER,
        pap: Pap = Pap.AMBER,
        repeat: Repeat | None = None,
        actor: Actor | None = None,
        **fields: Any,
    ) -> Submitted:
        """Submit a report, signed by whoever holds the partner's key; to the partner itself unless said otherwise."""
        audience = audience or audiences.organizations(partner.id)
        said = self.claim(*addresses, **fields)
        draft: Draft | Envelope = Draft(audience, tlp, pap, said)
        if partner.seed is not None:
            draft = self.envelope(partner, audience, said, tlp=tlp, pap=pap)
        return await submit.submit(self.node, actor or partner.actor, draft, self.tick(), repeat=repeat)

    def envelope(
        self,
        partner: Partner,
        audience: Audience,
        said: dict[str, Any] | Body,
        *,
        kind: str = "report",
        tlp: Tlp = Tlp.AMBER,
        pap: Pap = Pap.AMBER,
        seed: bytes | None = None,
        **frame: Any,
    ) -> Envelope:
        """Sign a record as an organization's own client does, with the partner's key or the one of `seed`."""
        body = read_report(said)[0] if isinstance(said, dict) else said
        signed = Record(
            id=uuid7(self.world.clock.now, self.random(10)),
            kind=kind,
            issuer=partner.id,
            origin=self.node.identity.node_id,
            issued_at=self.world.clock.now,
            audience=audience,
            tlp=tlp,
            pap=pap,
            nonce=self.random(16),
            body=body,
        )
        key = seed or partner.seed
        assert key is not None
        return replace(signed, **frame).sign(key)

    async def follow(
        self, partner: Partner, report: UUID, kind: str, *, repeat: Repeat | None = None, **said: Any
    ) -> Submitted:
        """Add a revocation, erasure, opinion or sighting, signed by whoever holds the partner's key."""
        heard: dict[str, Any] | Envelope = FOLLOWERS[kind] | said
        if partner.seed is not None:
            stored = await self.stored(report)
            reader = following.READERS[kind][0]
            signed = record.parse(stored.payload) if stored.payload else None
            about = audiences.parse(stored.audience) if signed is None else signed.audience
            named = {"report": str(report if signed is None else signed.id), "origin": stored.origin}
            heard = self.envelope(partner, about, reader({**heard, **named}), kind=kind, tlp=Tlp(stored.tlp))
        return await following.follow(self.node, partner.actor, report, kind, heard, self.tick(), repeat=repeat)

    async def stored(self, record_id: UUID) -> Any:
        """Read a record's row past every rule, as only a test may."""
        frame = select(tables.records, tables.audiences.c.document.label("audience"), tables.audiences.c.key).join(
            tables.audiences
        )
        async with self.raw() as connection:
            return (await connection.execute(frame.where(tables.records.c.id == record_id))).one()

    async def sequence(self) -> int:
        """Sequence all that is owed."""
        total = 0
        while moved := await sequence.run_once(self.node, self.tick()):
            total += moved
        return total

    async def look_up(
        self, who: Partner | Actor, address: str, chain: str | None = CHAIN, as_of: datetime | None = None
    ) -> look_up.Answer:
        """Ask about one address."""
        actor = who.actor if isinstance(who, Partner) else who
        now = self.world.clock.now
        return await look_up.look_up(self.node, self.questions, actor, address, chain, now, as_of)

    async def status(self, who: Partner | Actor, address: str, as_of: datetime | None = None) -> str:
        """Ask about one address, and give the status in one word."""
        return (await self.look_up(who, address, as_of=as_of)).reputation.status

    async def screen(self, who: Partner | Actor, rows: Sequence[screen.Row]) -> list[screen.Screened]:
        """Ask about many addresses."""
        actor = who.actor if isinstance(who, Partner) else who
        return await screen.screen(self.node, self.questions, actor, rows, self.world.clock.now)

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Run a statement past every rule, as only a test may."""
        async with self.raw() as connection:
            return list(await connection.execute(text(statement), values))

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[AsyncConnection]:
        """Open a reading connection past every rule, as only a test may."""
        async with self.node.store.engine.connect() as connection:
            await connection.execution_options(watchfire_read=True)
            yield connection


FOLLOWERS: dict[str, dict[str, Any]] = {
    "revocation": {"reason": "mistaken"},
    "erasure": {"reason": "personal_data"},
    "opinion": {"opinion": "disagree", "reason": "wrong_address"},
    "sighting": {"chain": CHAIN},
}


class Trouble:
    """Faults at the edge of the database driver: the statement of a number fails, before or after it happened.

    `before`: it did not happen. `after`: it happened, and the answer was lost. Counted are the statements, the COPYs
    and the commits of one store. `error` makes what is raised: a lost connection unless said otherwise.
    """

    def __init__(self, store: Store, error: Callable[[], BaseException] = ConnectionResetError) -> None:
        self.count = 0
        self.fatal: int | None = None
        self.when = "before"
        self.error = error
        self._dialect: Any
        sync = store.engine.sync_engine
        sync.dialect = self._dialect = copy.copy(sync.dialect)  # stores share theirs: see tests/engines.py
        for name in ("do_execute", "do_executemany", "do_execute_no_params", "do_commit"):
            setattr(self._dialect, name, self._guarded(getattr(self._dialect, name)))

    def strike(self, number: int | None, when: str = "before") -> None:
        """Let the step of this number, counted from now, fail; None for no fault."""
        self.count, self.fatal, self.when = 0, number, when

    def _guarded(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            strikes = self.count == self.fatal
            if strikes and self.when == "before":
                raise self.error()
            done = real(*arguments, **named)
            if strikes:
                raise self.error()
            return done

        return step


async def faults(home: Home) -> list[str]:
    """Verify a node from its rows: each log by the node's key and itself alone, the debts, the arrivals, the audit.

    1. Indices are contiguous from 0, and each entry's leaf hash is that of its envelope, unless that was erased.
    2. Every checkpoint is signed by the node and is the root over the leaves of its size; tiles hold those leaves.
    3. Every entry is signed by a key of its issuer that is valid at its index; an organization's or group's record may
       be vouched for by the node.
    4. Every entry has arrived, at a time of its own; every record is logged once, owed once, waiting for review, or
       was erased while waiting.
    5. Each organization's audit is one unbroken chain.
    6. The product's own check (`services/verify_log.py`), written apart from this one, finds nothing either.
    """
    verdict = await verify_log.verify(home.node, home.world.clock.now)
    found = [str(fault) for fault in verdict.faults]
    async with home.raw() as connection:
        held = {
            name: [row._mapping for row in await connection.execute(select(tables.metadata.tables[name]))]
            for name in ("records", "logs", "log_entries", "log_tiles", "checkpoints", "log_pending", "audit")
        }
    records = {row["id"]: row for row in held["records"]}
    entries: dict[str, list[Any]] = defaultdict(list)
    for row in sorted(held["log_entries"], key=lambda row: row["index"]):
        entries[row["log_id"]].append(row)
    for log in held["logs"]:
        mine = [row for row in held["checkpoints"] if row["log_id"] == log["id"]]
        found += _faults_of_tree(home, entries[log["id"]], mine)
        found += _faults_of_tiles(entries[log["id"]], [row for row in held["log_tiles"] if row["log_id"] == log["id"]])
        found += _faults_of_signatures(home, [records[row["record_id"]] for row in entries[log["id"]]])
        for row in entries[log["id"]]:
            if records[row["record_id"]]["audience_id"] != log["audience_id"]:
                found.append(f"entry {row['index']} stands in another audience's log")
    found += _faults_of_debts(records, held)
    found += _faults_of_audit(held["audit"])
    return found


def _faults_of_tree(home: Home, entries: Sequence[Any], checkpoints: Sequence[Any]) -> Iterator[str]:
    if [row["index"] for row in entries] != list(range(len(entries))):
        yield "indices are not contiguous"
    frontier, sizes = merkle.Frontier(), {row["size"]: row for row in checkpoints}
    if entries and len(entries) not in sizes:
        yield "the newest entries are under no checkpoint"
    me = home.node.identity
    for row in entries:
        frontier = frontier.append(row["leaf_hash"])
        published = sizes.pop(frontier.size, None)
        if published is not None:
            said = checkpoint.parse_checkpoint(published["note"], me.node_id, me.public_key)
            if (said.size, said.root) != (frontier.size, frontier.root()) or published["root"] != frontier.root():
                yield f"the checkpoint of size {frontier.size} is of another tree"
    if sizes:
        yield f"checkpoints without entries: {sorted(sizes)}"


def _faults_of_tiles(entries: Sequence[Any], tiles: Sequence[Any]) -> Iterator[str]:
    held = {(row["level"], row["index"]): row for row in tiles}
    for number in range(len(entries) // merkle.TILE_WIDTH):
        part = entries[number * merkle.TILE_WIDTH : (number + 1) * merkle.TILE_WIDTH]
        tile = held.get((0, number))
        if tile is None or tile["hashes"] != b"".join(row["leaf_hash"] for row in part):
            yield f"tile {number} does not hold its leaves"
        elif tile["root"] != merkle.root_of(tile["hashes"]):
            yield f"tile {number} has another root"
    if len([1 for level, _ in held if level == 0]) != len(entries) // merkle.TILE_WIDTH:
        yield "there are tiles without leaves"


def _faults_of_signatures(home: Home, rows: Sequence[Any]) -> Iterator[str]:
    valid: dict[UUID, dict[str, bytes]] = {}
    mine = signing.key_id(home.node.identity.public_key)
    for index, row in enumerate(rows):
        if row["payload"] is None:
            continue
        envelope = Envelope(row["payload"], row["keyid"], row["signature"])
        if merkle.leaf_hash(envelope.to_bytes()) != row["leaf_hash"]:
            yield f"record {index} is not its leaf"
        said = record.parse(row["payload"])
        vouched = said.kind in {"organization", "group"} and row["keyid"] == mine
        keys = {mine: home.node.identity.public_key} if vouched else valid.get(said.issuer, {})
        if row["keyid"] not in keys:
            yield f"record {index} ({said.kind}) is signed by a key that is not valid there"
            continue
        signing.verify(envelope, keys[row["keyid"]])
        if isinstance(said.body, record.Organization):
            valid[said.issuer] = {key.keyid: key.public_key for key in said.body.keys if not key.revoked}


def _faults_of_debts(records: dict[UUID, Any], held: dict[str, list[Any]]) -> Iterator[str]:
    logged = [row["record_id"] for row in held["log_entries"]]
    owed = [row["record_id"] for row in held["log_pending"]]
    waiting = [row["id"] for row in records.values() if row["quarantined"]]
    if sorted(logged + owed + waiting) != sorted(records):
        yield f"{len(records)} records, {len(logged)} logged, {len(owed)} owed, {len(waiting)} waiting: not each once"
    if len({row["arrival"] for row in held["log_entries"]} - {None}) != len(logged):
        yield "some have not arrived, or two at one time"


def _faults_of_audit(rows: Sequence[Any]) -> Iterator[str]:
    from app.services.audit import GENESIS, chain_hash  # noqa: PLC0415 - beside what it verifies
    from app.storage.audit import AuditRow  # noqa: PLC0415

    last: dict[UUID, tuple[int, bytes]] = {}
    for row in sorted(rows, key=lambda row: (row["organization_id"], row["index"])):
        index, previous = last.get(row["organization_id"], (-1, GENESIS))
        names = ("organization_id", "at", "principal", "deed", "subject", "outcome", "count")
        digest = chain_hash(previous, index + 1, AuditRow(*(row[name] for name in names)))
        if (row["index"], row["hash"]) != (index + 1, digest):
            yield f"the audit of {row['organization_id']} breaks at {row['index']}"
        last[row["organization_id"]] = (row["index"], row["hash"])


def digest_of(text: str) -> bytes:
    """Give a digest that stands for a request's body."""
    return hashlib.sha256(text.encode()).digest()


def run(story: Any) -> Any:
    """Run a story to its end in a loop of its own: for machines, whose steps are not coroutines."""
    return asyncio.run(story)
