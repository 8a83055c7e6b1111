"""Visibility: the predicate in SQL is `access.can_see`, in every query that gives content; changes count at once."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import access, merkle
from app.domain import audience as audiences
from app.domain.actor import Actor, peer, system
from app.domain.errors import NotFound
from app.domain.marking import ALLOWED_AUDIENCES, Tlp
from app.domain.record import Opinion, Organization, Record
from app.domain.report import read_report
from app.services import sequence
from app.storage import groups, logs, organizations, records, visibility
from app.storage.records import Arriving, Filters
from app.storage.store import open_store
from app.storage.tables import metadata
from tests.conftest import EXAMPLES
from tests.world import START, World

pytestmark = pytest.mark.usefixtures("threads")  # SQLite's driver as in use

OUR = UUID("01900000-0000-7000-8000-0000000000ff")  # the organization that asks
NAMES = [OUR, *(UUID(f"01900000-0000-7000-8000-00000000000{n}") for n in range(3))]
GROUPS = [UUID(f"01900000-0000-7000-8000-0000000000a{n}") for n in range(3)]

an_audience = st.one_of(
    st.just(audiences.PUBLIC),
    st.sampled_from(GROUPS).map(audiences.group),
    st.sets(st.sampled_from(NAMES), min_size=1).map(lambda ids: audiences.organizations(*ids)),
)
a_marked_audience = st.tuples(an_audience, st.sampled_from(Tlp)).filter(
    lambda told: told[0].kind in ALLOWED_AUDIENCES[told[1]]
)
some_audiences = st.lists(a_marked_audience, min_size=1, max_size=6)
memberships = st.fixed_dictionaries({group: st.sets(st.sampled_from(NAMES)) for group in GROUPS})


async def story(home, told: Sequence[tuple[audiences.Audience, Tlp]], members) -> list[Record]:
    """Keep a report and an opinion on it for each audience, in a log: past the services and their rules."""
    node = home.node
    made = []
    async with node.store.write(system(home.operator.organization)) as tx:
        for number, name in enumerate(NAMES):
            await organizations.add(
                tx,
                organizations.Organization(name, f"o{number}", "ngo", "h", trusted=True, version=1, created_at=START),
            )
        for group, joined in members.items():
            who = tuple(sorted(joined))
            await groups.add(tx, groups.Group(group, "g", OUR, 1, START, who))
        for number, (audience, tlp) in enumerate(told):
            body = read_report(home.claim(f"0x{number:040x}"))[0]
            frame = {"origin": "h", "issuer": NAMES[1], "issued_at": START, "audience": audience, "tlp": tlp}
            for kind in ("report", "opinion"):
                said = body if kind == "report" else Opinion(made[-1].id, "agree", "other")
                record = Record(
                    id=node.new_id(home.tick()), kind=kind, pap="PAP:RED", nonce=home.random(16), body=said,
                    **frame if kind == "report" else frame | {"issuer": NAMES[2]},
                )  # fmt: skip
                envelope = record.sign(bytes(32))
                leaf = merkle.leaf_hash(envelope.to_bytes())
                key = await records.ensure_audience(tx, audience, tlp)
                await records.add(tx, Arriving(record.id, record, envelope, leaf, key, "node", home.tick()))
                if kind == "opinion":
                    await records.set_followed(tx, record.subject)
                await logs.owe(tx, record.id, key, leaf, START)
                made.append(record)
    await sequence.run_once(node, home.tick())
    return made


async def seen(home, actor: Actor, made: Sequence[Record]) -> dict[str, set[UUID]]:
    """Ask every query that gives content."""
    node = home.node
    found: dict[str, set[UUID]] = {}
    reports = [record for record in made if record.kind == "report"]
    async with node.store.read(actor) as tx:
        found["get"] = set()
        for record in made:
            try:
                await records.get(tx, record.id)
            except NotFound:
                continue
            found["get"].add(record.id)
        found["payload"] = {item.id for item in made if await records.payload(tx, item.id) is not None}
        found["search"] = {item.id for item in await records.search_visible(tx, Filters(), 1000)}
        found["search on a chain"] = {
            item.id for item in await records.search_visible(tx, Filters(chain="eip155:1"), 1000)
        }
        become = await records.histories(tx, {item.id: item.issuer for item in reports})
        found["histories"] = {opinion.id for item in become.values() for opinion in item.opinions}
        held = await logs.search_visible(tx, "", 1000)
        found["entries"] = {entry.record_id for log in held for entry in await logs.entries(tx, log, 0, 1000)}
        for log in held:
            assert await logs.get_visible(tx, log.id) == log
        ids = tx.audiences
    keys = [item.body.indicators[0].key for item in reports]
    found["indicators"] = {hit.report for hit in await node.indicators.search_visible(keys, ids, None)}
    found["indicators then"] = {hit.report for hit in await node.indicators.search_visible(keys, ids, home.tick())}
    found["gathered"] = {hit.report for hit in await node.indicators.gather_visible(keys, ids)}
    return found


async def check(home, told, members, *, strong) -> None:
    made = await story(home, told, members)
    mine = {group for group, joined in members.items() if OUR in joined}
    actor = Actor(OUR, "p", "machine", frozenset(), strong)
    may = {record.id for record in made if access.can_see(actor, record.audience, record.tlp, mine)}
    reports = {record.id for record in made if record.kind == "report"} & may
    found = await seen(home, actor, made)
    assert found.pop("get") == found.pop("payload") == found.pop("entries") == may
    assert found.pop("histories") == may - reports
    for query, ids in found.items():
        assert ids == reports, query


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_predicate_in_sql_is_can_see(kind, request):
    import asyncio  # noqa: PLC0415

    fresh = request.getfixturevalue(f"fresh_{kind}")

    @settings(max_examples=8 * EXAMPLES)
    @given(some_audiences, memberships, st.booleans())
    def prove(told, members, strong):
        async def one():
            world = World()
            home = await world.add_home(fresh())
            try:
                await check(home, told, members, strong=strong)
            finally:
                await world.close()

        asyncio.run(one())

    prove()


NODES = ["here", "there", "elsewhere"]
homes = st.fixed_dictionaries({name: st.sampled_from(NODES) for name in NAMES})
housings = st.fixed_dictionaries({group: st.sets(st.sampled_from(NODES)) for group in GROUPS})


async def settle_down(home, told, members, housed, homes_of) -> None:
    """Keep organizations at their homes, groups of organizations and nodes, and audiences."""
    async with home.node.store.write(system(home.operator.organization)) as tx:
        for number, (name, where) in enumerate(homes_of.items()):
            await organizations.add(
                tx,
                organizations.Organization(name, f"o{number}", "ngo", where, trusted=True, version=1, created_at=START),
            )
        for group, joined in members.items():
            nodes = tuple(sorted(housed[group]))
            await groups.add(tx, groups.Group(group, "g", OUR, 1, START, tuple(sorted(joined)), nodes))
        for audience, tlp in told:
            await records.ensure_audience(tx, audience, tlp)


async def readable(home, actor: Actor) -> set[str]:
    """Name the audiences that the store gives to an actor."""
    async with home.node.store.read(actor) as tx:
        return {await logs.audience_key(tx, number) for number in tx.audiences}


def node_may_read(node: str, audience: audiences.Audience, members, housed, homes_of) -> bool:
    """Say it once more, in Python: what a peer node may read."""
    at_home = {name for name, where in homes_of.items() if where == node}
    if audience.kind == "group":
        return node in housed[audience.group] or bool(members[audience.group] & at_home)
    return audience.kind == "public" or bool(set(audience.organizations) & at_home)


async def check_nodes(home, told, members, housed, homes_of) -> None:
    await settle_down(home, told, members, housed, homes_of)
    for node in NODES:
        may = {audience.key(tlp) for audience, tlp in told if node_may_read(node, audience, members, housed, homes_of)}
        assert await readable(home, peer(node)) == may, node
    assert await readable(home, peer("nowhere")) == {audience.key(tlp) for audience, tlp in told if not audience.group
                                                     and not audience.organizations}  # fmt: skip
    for name in NAMES:
        mine = {group for group in GROUPS if name in members[group] or homes_of[name] in housed[group]}
        async with home.node.store.read(Actor(name, "p", "machine", frozenset())) as tx:
            assert {group for group in GROUPS if await groups.is_member(tx, group, name)} == mine
            known = {group.id for group in await groups.search_known(tx, None, 10)}
            assert known == (set(GROUPS) if name == OUR else mine)
        for strong in (False, True):
            actor = Actor(name, "p", "machine", frozenset(), strong)
            may = {audience.key(tlp) for audience, tlp in told if access.can_see(actor, audience, tlp, mine)}
            assert await readable(home, actor) == may, (name, strong)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_node_reads_what_it_and_those_at_home_there_may_read(kind, request):
    import asyncio  # noqa: PLC0415

    fresh = request.getfixturevalue(f"fresh_{kind}")

    @settings(max_examples=10 * EXAMPLES)
    @given(some_audiences, memberships, housings, homes)
    def prove(told, members, housed, homes_of):
        async def one():
            world = World()
            home = await world.add_home(fresh())
            try:
                await check_nodes(home, told, members, housed, homes_of)
            finally:
                await world.close()

        asyncio.run(one())

    prove()


async def test_an_organization_is_known_at_its_home_or_when_it_wishes_or_when_it_has_spoken(home):
    """Whoever is none of these is as good as absent."""
    ngo = await home.organization()
    made = {}
    async with home.node.store.write(home.operator) as tx:
        for name in ("hidden", "listed", "spoken", "spoken elsewhere"):
            made[name] = home.node.new_id(home.tick())
            stated = organizations.Organization(
                made[name], name, "ngo", "there", trusted=True, version=1, created_at=START, listed=name == "listed"
            )
            assert await organizations.upsert_foreign(tx, stated) == "there"
        for name, audience in (("spoken", audiences.PUBLIC), ("spoken elsewhere", audiences.group(GROUPS[0]))):
            body = Organization(name, "ngo", 1, ())
            tlp = Tlp.CLEAR if audience is audiences.PUBLIC else Tlp.AMBER
            said = Record(
                home.node.new_id(home.tick()), "organization", made[name], "there", START, audience, tlp, "PAP:CLEAR",
                bytes(16), body,
            )  # fmt: skip
            key = await records.ensure_audience(tx, audience, tlp)
            await records.add(tx, Arriving(said.id, said, said.sign(bytes(32)), bytes(32), key, "node", START))
    async with home.node.store.read(ngo.actor) as tx:
        known = {item.id for item in await organizations.search(tx, None, 100)}
        assert known == {ngo.id, home.operator.organization, made["listed"], made["spoken"]}
        assert await organizations.count_missing(tx, [*made.values(), ngo.id]) == 2
        for name, number in made.items():
            assert await organizations.find(tx, number) is not None
            if number in known:
                assert (await organizations.get(tx, number)).name == name
            else:
                with pytest.raises(NotFound):
                    await organizations.get(tx, number)
        assert [item.id for item in await organizations.listed_at(tx, "there", 10)] == [made["listed"]]
        assert await organizations.homes(tx, [made["hidden"], ngo.id, OUR]) == {
            made["hidden"]: "there",
            ngo.id: home.node.identity.node_id,
        }


async def test_an_organization_is_pinned_to_its_first_home_and_known_in_its_newest_version(home):
    first = organizations.Organization(OUR, "one", "ngo", "there", trusted=True, version=2, created_at=START)
    async with home.node.store.write(home.operator) as tx:
        assert await organizations.upsert_foreign(tx, first) == "there"
        moved = replace(first, home="elsewhere", name="moved", version=9)
        older = replace(first, name="older", version=1)
        assert await organizations.upsert_foreign(tx, moved) == "there"
        assert await organizations.upsert_foreign(tx, older) == "there"
        assert await organizations.find(tx, OUR) == first
        newer = replace(first, name="newer", kind="bank", version=3, listed=True, trusted=False)
        assert await organizations.upsert_foreign(tx, newer) == "there"
        assert await organizations.find(tx, OUR) == replace(newer, trusted=True)  # review is this node's own decision
        twin = replace(first, id=GROUPS[0], name="newer")
        assert await organizations.upsert_foreign(tx, twin) == "there"
        assert (await organizations.find(tx, twin.id)).name == f"newer ({twin.id})"


async def test_a_group_is_put_with_its_nodes_and_rules(home):
    async with home.node.store.write(home.operator) as tx:
        await organizations.upsert_foreign(
            tx, organizations.Organization(OUR, "one", "ngo", "there", trusted=True, version=1, created_at=START)
        )
        stated = groups.Group(GROUPS[0], "g", OUR, 1, START, (), ("here", "there"), "from_join", "keep")
        await groups.put(tx, stated, START)
        assert await groups.find(tx, GROUPS[0]) == stated
        assert await groups.is_community(tx, GROUPS[0])
        newer = replace(stated, members=(NAMES[1],), nodes=("here",), version=2, history="full", name="h")
        await groups.put(tx, newer, START)
        assert await groups.find(tx, GROUPS[0]) == newer
        assert not await groups.is_community(tx, GROUPS[0])
        assert await groups.find(tx, GROUPS[1]) is None


async def test_nobody_sees_nothing():
    for dialect in ("sqlite", "postgresql"):
        assert visibility.bound_ids((), dialect) in ([], "[]")
    assert str(visibility.visible(metadata.tables["records"].c.audience_id, ())) == "false"


async def test_a_change_of_members_counts_in_the_next_transaction(home):
    ngo, bank = await home.organization(), await home.organization()
    group = await home.group(ngo)
    address = home.address()
    await home.submit(ngo, address, audience=audiences.group(group.id))
    assert await home.status(bank, address) == "not_listed"
    await home.change(ngo, group, add=[bank])
    assert await home.status(bank, address) == "listed"
    await home.change(ngo, group, remove=[bank])
    assert await home.status(bank, address) == "not_listed"
    async with home.node.store.read(bank.actor) as tx:
        assert await groups.search_known(tx, None, 10) == []
        assert await logs.search_visible(tx, "", 10) == []


async def test_a_new_audience_is_seen_in_the_next_transaction(home):
    ngo, bank = await home.organization(), await home.organization()
    address = home.address()
    assert await home.status(bank, address) == "not_listed"  # so that his audiences are held
    await home.submit(ngo, address, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
    assert await home.status(bank, address) == "listed"
    await home.submit(ngo, address, audience=audiences.organizations(ngo.id, bank.id), tlp=Tlp.RED)
    assert len((await home.look_up(bank, address)).found) == 1
    assert len((await home.look_up(bank.strong, address)).found) == 2


async def test_a_change_in_another_process_counts_within_the_time_to_live(home, monkeypatch):
    ngo, bank = await home.organization(), await home.organization()
    group = await home.group(ngo, bank)
    address = home.address()
    await home.submit(ngo, address, audience=audiences.group(group.id))
    assert await home.status(bank, address) == "listed"
    other = home.another()
    from app.services import groups  # noqa: PLC0415

    await groups.change_members(other, ngo.actor, group.id, groups.Change(remove=(bank.id,)), home.tick())
    real = visibility.time.monotonic
    monkeypatch.setattr(visibility.time, "monotonic", lambda: real() + visibility.TTL_SECONDS)
    assert await home.status(bank, address) == "not_listed"
    await other.close()


async def test_who_left_is_not_held_although_the_answer_of_the_commit_was_lost(home):
    """The commit happened, its answer did not arrive: the caller gets an error, and the audiences are forgotten."""
    from app.domain.errors import Unavailable  # noqa: PLC0415
    from tests.world import Trouble  # noqa: PLC0415

    ngo, bank = await home.organization(), await home.organization()
    group = await home.group(ngo, bank)
    address = home.address()
    await home.submit(ngo, address, audience=audiences.group(group.id))
    trouble = Trouble(home.node.store)
    await home.change(ngo, group, add=[])  # nothing changes: counts its steps but those of a change
    for step in range(1, 60):
        assert await home.status(bank, address) == "listed"
        trouble.strike(step, "after")
        try:
            await home.change(ngo, group, remove=[bank])
        except Unavailable:
            trouble.strike(None)
            known = (await home.rows("SELECT count(*) FROM group_members"))[0][0]
            assert await home.status(bank, address) == ("listed" if known == 2 else "not_listed")
            if known == 1:
                await home.change(ngo, group, add=[bank])
        else:
            break
    else:
        pytest.fail("the deed has no end")
    trouble.strike(None)
    assert await home.status(bank, address) == "not_listed"


async def test_what_is_held_is_bounded_and_of_one_organization(home, monkeypatch):
    monkeypatch.setattr(visibility, "MAX_HELD", 2)
    partners = [await home.organization() for _ in range(4)]
    for partner in partners:
        async with home.node.store.read(partner.actor):
            pass
    held = home.node.store.audiences
    assert [held.held(partner.actor) is not None for partner in partners] == [False, False, True, True]
    assert held.held(replace(partners[3].actor, strong=True)) is None


async def test_a_reader_that_was_overtaken_holds_nothing(home):
    """It asked before the change and is answered after it: what it read is for itself alone."""
    ngo = await home.organization()
    store = open_store(home.url)
    async with store.engine.connect() as connection:

        class Overtaken:
            async def scalars(self, statement):
                found = await connection.scalars(statement)
                store.audiences.forget()
                return found

        await store.audiences.of(Overtaken(), ngo.actor)
    assert store.audiences.held(ngo.actor) is None
    await store.close()
