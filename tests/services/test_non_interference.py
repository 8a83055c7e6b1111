"""I9: nobody's answer depends on records that it may not read.

Two worlds are told the same story; in one of them, things happen in between that one partner may not know of. Whatever
that partner asks is answered alike in both, down to order, counts, proofs and the words of each refusal. (Numbers that
no surface shows are left out: an audience's row id.)
"""

import asyncio
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import audience as audiences
from app.domain.errors import Meaning
from app.domain.marking import Tlp
from app.services import audit, groups, read_log, read_reports
from app.services.screen import Row
from app.storage.records import Filters
from tests.conftest import EXAMPLES
from tests.world import World

PLACES = 5  # moments of the story at which something hidden may happen
DEEDS = ("report", "red", "group", "followed", "superseded", "erased", "waiting", "submitted to the group it left")
hidden = st.lists(st.tuples(st.integers(0, PLACES - 1), st.sampled_from(DEEDS)), max_size=6)


def plain(value):
    """Leave out what no surface shows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
        fields.pop("audience_id", None)
        return type(value).__name__, fields
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


async def hide(home, cast, deed):
    """Let something happen that the curious partner may not know of, about the same addresses."""
    one, two, new, lead, private, shared, addresses = cast
    both = audiences.organizations(one.id, two.id)
    if deed == "report":
        await home.submit(one, *addresses, audience=both)
    elif deed == "red":
        await home.submit(two, *addresses, audience=both, tlp=Tlp.RED)
    elif deed == "group":
        await home.submit(one, *addresses, audience=audiences.group(private.id))
    elif deed == "waiting":
        await home.submit(new, *addresses, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
    elif deed.startswith("submitted"):
        await home.submit(lead, *addresses, audience=audiences.group(shared.id))
    else:
        report = await home.submit(one, *addresses, audience=both)
        if deed == "superseded":
            await home.submit(one, *addresses, audience=both, supersedes=str(report.id))
        elif deed == "erased":
            await home.follow(one, report.id, "erasure")
        else:
            await home.follow(two, report.id, "opinion")
    await home.sequence()


async def tell(url, secrets):
    """Tell the story with what happens in secret, and give all answers to the curious partner."""
    world = World(seed=11)
    home = await world.add_home(url)
    curious, one, two, lead = [await home.organization(f"partner {n}") for n in range(4)]
    new = await home.organization("new", trusted=False)
    shared = await home.group(lead, curious)
    left = await home.group(lead, curious, one)
    private = await home.group(one, two)
    addresses = [home.address() for _ in range(3)]
    await home.change(curious, left, remove=[curious])
    cast = (one, two, new, lead, private, left, addresses)

    async def steps():
        report = await home.submit(one, addresses[0], audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
        yield
        await home.follow(curious, report.id, "opinion")
        yield
        await home.submit(curious, addresses[1], audience=audiences.group(shared.id))
        yield
        await home.follow(one, report.id, "revocation")
        yield
        await home.submit(two, addresses[1], audience=audiences.organizations(two.id, curious.id))
        yield

    place = 0
    async for _ in steps():
        await home.sequence()
        for number, (when, deed) in enumerate(secrets):
            if when == place:
                with home.aside(seed=number * 100 + place):
                    await hide(home, cast, deed)
        place += 1
    heard = await answers(home, curious, addresses)
    await world.close()
    return heard


async def answers(home, who, addresses):
    """Ask everything."""
    heard = {}
    for actor in (who.actor, who.strong):
        for address in addresses:
            for chain in (None, "eip155:1", "eip155:137"):
                answer = await home.look_up(actor, address, chain)
                heard[actor.strong, address, chain] = plain(answer.found), answer.reputation
        rows = [Row(str(n), address, None) for n, address in enumerate(addresses)]
        heard[actor.strong, "screen"] = [
            (plain(item.found), item.reputation) for item in await home.screen(actor, rows)
        ]
        for filters in (Filters(), Filters(state="live"), Filters(state="revoked"), Filters(chain="eip155:1")):
            listed = await read_reports.list_reports(home.node, actor, filters, 2)
            heard[actor.strong, "list", filters] = plain(listed)
            for item in listed:
                heard[actor.strong, "get", item.id] = plain(await read_reports.get_report(home.node, actor, item.id))
        held = await read_log.list_logs(home.node, actor, "", 100)
        heard[actor.strong, "logs"] = [(log.id, log.audience_key, head.note) for log, head in held]
        for log, head in held:
            heard[actor.strong, log.id] = plain(await read_log.list_entries(home.node, actor, log.id, 0, 2, 2**20))
            for index in range(head.size):
                proof = await read_log.prove_entry(home.node, actor, log.id, index, None)
                heard[actor.strong, log.id, index] = plain(proof)
        heard[actor.strong, "groups"] = plain(await groups.list_groups(home.node, actor, None, 100))
        heard[actor.strong, "audit"] = plain(await audit.read(home.node, actor, after=-1, limit=100))
    heard["refused"] = await refusals(home, who)
    return heard


async def refusals(home, who):
    """Ask for every report and log that there is, and keep what a refusal says: not about which it is."""
    said = set()
    async with home.node.store.read(home.operator) as tx:
        reports = [row[0] for row in await tx.execute(_ids("records"))]
        logs = [row[0] for row in await tx.execute(_ids("logs"))]
    reports.append(home.node.new_id(home.tick()))
    logs.append("0" * 32)
    for report in reports:
        try:
            await read_reports.get_report(home.node, who.actor, report)
        except Meaning as error:
            said.add((type(error).__name__, error.detail))
    for log in logs:
        for deed in (read_log.get_checkpoint, lambda *a: read_log.prove_entry(*a, 0, None)):
            try:
                await deed(home.node, who.actor, log)
            except Meaning as error:
                said.add((type(error).__name__, error.detail))
    return said


def _ids(table):
    from sqlalchemy import select  # noqa: PLC0415

    from app.storage.tables import metadata  # noqa: PLC0415

    return select(metadata.tables[table].c.id)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_answers_do_not_depend_on_what_is_hidden(kind, request):
    fresh = request.getfixturevalue(f"fresh_{kind}")
    alone = asyncio.run(tell(fresh(), []))
    assert len(alone["refused"]) == 2

    @settings(max_examples=2 * EXAMPLES)
    @given(hidden)
    def prove(secrets):
        assert asyncio.run(tell(fresh(), secrets)) == alone

    prove()


def test_every_hidden_deed_is_hidden(fresh_sqlite):
    alone = asyncio.run(tell(fresh_sqlite(), []))
    every = [(number % PLACES, deed) for number, deed in enumerate(DEEDS)]
    assert asyncio.run(tell(fresh_sqlite(), every)) == alone
