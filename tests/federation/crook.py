"""The node of a simulation that lies: it answers by the product's own application, and then says something else.

The rule here: it may say whatever it has the keys for. It holds its own node's key and those of its shadows; it has no
key of anybody else, so what it says of others it can only alter, leave out, repeat, or sign with a key of its own.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from uuid import UUID

import httpx

from app.domain import audience as audiences
from app.domain import page, record
from app.domain.ids import uuid7
from app.domain.marking import Tlp
from app.domain.signing import Envelope
from app.services.remote import Destination, Held
from tests.federation.liar import Asked, Reply, Story, person
from tests.federation.roads import Stand
from tests.world import Partner

HABITS = ("withhold", "garble", "rewind", "flood", "end")
TRICKS = ("alter", "forge", "claim", "reuse", "take back", "erase", "seize", "unlabelled", "drop", "poison", "honest")
_OWN = (
    "SELECT l.id, a.document, a.red, l.epoch FROM logs l JOIN audiences a ON a.id = l.audience_id WHERE l.origin = :me"
)
_ENTRIES = (
    "SELECT e.leaf_hash, r.payload, r.keyid, r.signature FROM log_entries e LEFT JOIN records r ON r.id = e.record_id "
    'WHERE e.log_id = :log ORDER BY e."index"'
)


@dataclass
class Crook:
    """A node, its shadows, and what it tells whom: for each of its logs one story, or two by who asks."""

    stand: Stand
    dice: Random
    victims: list[tuple[UUID, UUID | None]] = field(default_factory=list)  # reports of others: id, group
    claimed: list[Partner] = field(default_factory=list)  # organizations that are at home elsewhere
    # A node pins an organization to the home that it hears of first: only who knows it already is not deceived.
    known_everywhere: Callable[[UUID], bool] = lambda _: False
    stories: dict[str, list[Story]] = field(default_factory=dict)
    habits: set[str] = field(default_factory=set)
    kept: dict[tuple[str, str], list[tuple[int, bytes]]] = field(default_factory=dict)
    forked: bool = False

    async def lie(self) -> str:
        """Begin another lie, or leave one off."""
        what = self.dice.choice(["story", "story", "story", "habit", "habit", "gossip", "repent"])
        if what == "habit":
            habit = self.dice.choice(HABITS)
            self.habits ^= {habit}
            return f"{habit} {habit in self.habits}"
        if what == "story":
            return await self._tell()
        if what == "gossip":
            return await self._gossip()
        if self.stories:
            self.stories.pop(self.dice.choice(sorted(self.stories)))
        return what

    async def _tell(self) -> str:
        own = await self.stand.home.rows(_OWN, me=self.stand.id)
        if not own:
            return "nothing to tell"
        log_id, document, red, epoch = self.dice.choice(sorted(own))
        if log_id not in self.stories:
            story = Story(self.stand.home, audiences.parse(json.loads(document)), Tlp.RED if red else Tlp.CLEAR, epoch)
            if not story.audience.group and story.audience.kind != "public" and not red:
                story.tlp = Tlp.AMBER
            story.entries = await self.entries(log_id)
            self.stories[log_id] = [story]
            if self.dice.random() < 0.4:
                self.stories[log_id].append(replace(story, entries=list(story.entries)))
                self.forked = True
        told = []
        for story in self.stories[log_id]:
            for _ in range(self.dice.randrange(1, 4)):
                told.append(self.dice.choice(TRICKS))
                self._trick(story, told[-1])
        return f"{log_id[:6]} {' '.join(told)}"

    async def entries(self, log_id: str) -> list[Envelope | bytes]:
        """Give what really stands in one of its logs."""
        rows = await self.stand.home.rows(_ENTRIES, log=log_id)
        return [row[0] if row[1] is None else Envelope(row[1], row[2], row[3]) for row in rows]

    def _trick(self, story: Story, trick: str) -> None:
        shadow = person(self.stand.home)
        if trick == "drop":
            story.entries = story.entries[: self.dice.randrange(len(story.entries) + 1)] or story.entries
        elif trick == "alter":
            self._alter(story)
        elif trick == "claim":
            known = [one for one in self.claimed if self.known_everywhere(one.id)]
            if not known:
                return
            shadow = replace(self.dice.choice(known), seed=shadow.seed)
            story.state(shadow, version=self.dice.randrange(1, 9))
            story.report(shadow)
        elif trick == "forge":
            story.state(shadow)
            story.report(shadow, seed=self.stand.home.random(32))
        elif trick == "poison":
            story.entries.append(Envelope(b'{"poison":true}', "0" * 32, bytes(64)))
        elif trick == "unlabelled":
            story.state(shadow)
            made = story.frame("report", shadow, record.read_body("report", self.stand.home.claim()))
            document = made.to_document() | {"tlp": "TLP:ULTRAVIOLET"}
            story.entries.append(_sign(document, shadow))
        elif self.victims:
            story.state(shadow)
            self._against(story, shadow, trick, *self.dice.choice(self.victims))

    def _alter(self, story: Story) -> None:
        place = self.dice.randrange(len(story.entries))
        item = story.entries[place]
        if isinstance(item, Envelope):
            payload = item.payload.replace(b'"confidence":70', b'"confidence":71')
            story.entries[place] = replace(item, payload=payload)

    def _against(self, story: Story, shadow: Partner, trick: str, report: UUID, group: UUID | None) -> None:
        assert shadow.seed is not None
        if trick == "reuse":
            story.report(shadow, id=report)
        elif trick == "take back":
            story.add(story.frame("revocation", shadow, record.Revocation(report, "mistaken")), shadow.seed)
        elif trick == "erase":
            story.add(story.frame("erasure", shadow, record.Erasure(report, "personal_data")), shadow.seed)
        elif trick == "seize" and group is not None:
            body = record.Group(group, "ours", shadow.id, (shadow.id,), 99, nodes=(self.stand.id,))
            story.add(story.frame("group", shadow, body, audience=audiences.group(group)), shadow.seed)

    async def _gossip(self) -> str:
        """Tell a peer what it has never said, and that its logs are held in sizes that they do not have."""
        peers = await self.stand.home.rows("SELECT node_id, url FROM peers WHERE url IS NOT NULL ORDER BY 1")
        if not peers:
            return "nobody to tell"
        node_id, url = self.dice.choice([tuple(row) for row in peers])
        logs = await self.stand.home.rows("SELECT log_id, size, root, note FROM replicas ORDER BY 1")
        held = [Held(row[0], row[1] + self.dice.randrange(3), self.dice.randbytes(32).hex(), 7) for row in logs]
        notes = [row[3].replace("A", "B", 1) for row in logs] + [row[3] for row in logs] + ["not a note"]
        answer = await self.stand.client.heads(Destination(node_id, url), held, notes)
        return f"{len(answer.heads)} heads"

    def meddle(self, name: str, to: str, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        """Change an answer of this node on its way."""
        if to != self.stand.host or not (answer.status_code == 200 or request.url.path.endswith("/entries")):
            return answer
        reply = Reply(answer.status_code, dict(answer.headers), b"".join(answer.stream))
        query = dict(request.url.params)
        asked = Asked(request.method, request.url.path, query, {}, request.content)
        changed = self._change(name, asked, reply)
        if changed is reply:
            return httpx.Response(
                answer.status_code, headers=answer.headers.raw, stream=httpx.ByteStream(reply.content)
            )
        headers = {key: value for key, value in changed.headers.items() if key != "content-length"}
        return httpx.Response(changed.status, headers=headers, stream=httpx.ByteStream(changed.content))

    def _change(self, name: str, asked: Asked, reply: Reply) -> Reply:
        for _, told in sorted(self.stories.items()):
            for story in told if "rewind" in self.habits else ():
                story.covers = self.dice.randrange(1, story.size + 1) if self.dice.random() < 0.5 else None
            reply = told[sum(name.encode()) % len(told)](asked, reply)
        if asked.path.endswith("/heads"):
            return self._change_heads(name, asked, reply)
        if asked.path.endswith("/entries") and reply.status == httpx.codes.OK:
            return self._change_page(reply)
        return reply

    def _change_heads(self, name: str, asked: Asked, reply: Reply) -> Reply:
        document: dict[str, Any] = json.loads(reply.plain)
        before = self.kept.setdefault((name, "heads"), [])
        before.append((len(document["heads"]), reply.plain))
        if "rewind" in self.habits:
            return reply.of(self.dice.choice(before)[1])
        if "end" in self.habits:
            document["heads"] = [head | {"ended": True} for head in document["heads"]]
            return reply.of(json.dumps(document).encode())
        if "flood" in self.habits and document["heads"]:
            head = self.dice.choice(document["heads"])
            document["heads"] += [head | {"epoch": number} for number in range(2, 200)]
            document["gossip"] = [head["note"]] * 300
            document["show"] = [row[0] for row in asked.said["logs"]] * 3
            return reply.of(json.dumps(document).encode())
        return reply

    def _change_page(self, reply: Reply) -> Reply:
        if "garble" in self.habits and b'"confidence":70' in reply.plain:
            return reply.of(reply.plain.replace(b'"confidence":70', b'"confidence":69', 1))
        if "withhold" not in self.habits:
            return reply
        try:
            found = page.read(reply.plain)
        except page.InvalidPage:
            return reply
        lines = [page.header(found.log_id, found.start, found.stop, found.size, found.note, found.proof)]
        for item in found.entries:
            takes_back = item.envelope is None or b'"kind":"re' in item.envelope.payload or self.dice.random() < 0.3
            if takes_back or item.envelope is None:
                lines.append(page.bare(item.index, item.leaf_hash, self.dice.choice(("refused", "erased", "withheld"))))
            else:
                lines.append(page.entry(item.index, item.envelope))
        return reply.of(b"".join([*lines, page.trailer(found.stop)]))


def _sign(document: dict[str, Any], who: Partner) -> Envelope:
    from app.domain import canonical, signing  # noqa: PLC0415 - for the one record that no builder makes

    assert who.seed is not None
    return signing.sign(canonical.encode(document), who.seed)


def shadow_of(stand: Stand, organization: UUID, name: str) -> Partner:
    """Name an organization that is at home elsewhere, of which the crook has no key."""
    return Partner(organization, name, uuid7(stand.home.world.clock.now, bytes(10)).bytes * 2)
