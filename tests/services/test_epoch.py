"""Epochs: a log whose end is lost goes on in a new one, which names what it follows."""

from dataclasses import replace

import pytest

from app.domain import audience as audiences
from app.domain import checkpoint, record
from app.domain.actor import peer
from app.domain.checkpoint import Checkpoint
from app.domain.errors import Conflict, Forbidden, NotFound
from app.domain.marking import Pap, Tlp
from app.services import epoch, recover, verify_log

NOBODY = "wf" + "a" * 32
PUBLIC = {"audience": audiences.PUBLIC, "tlp": Tlp.CLEAR, "pap": Pap.CLEAR}


@pytest.fixture
async def lost(home):
    """The note of a checkpoint of the public log whose entries this database does not have, and who spoke in it."""
    partners = [await home.organization() for _ in range(2)]
    for partner in partners:
        await home.submit(partner, **PUBLIC)
    await home.sequence()
    me = home.node.identity
    line = checkpoint.origin_line(me.node_id, "public", 1)
    note = checkpoint.sign_checkpoint(Checkpoint(line, 9, bytes(32)), me.node_id, me.seed)
    assert await recover.take_shown(home.node, peer(NOBODY), [note], home.tick()) == 1
    return note, partners


def public(home, number=1):
    return checkpoint.log_id(home.node.identity.node_id, "public", number)


async def entries(home, log):
    rows = await home.rows(
        'SELECT payload FROM records r JOIN log_entries e ON e.record_id = r.id WHERE log_id = :log ORDER BY e."index"',
        log=log,
    )
    return [record.parse(bytes(row[0])) for row in rows]


async def test_nothing_is_appended_where_the_end_is_lost_until_a_new_epoch_names_it(home, lost):
    note, partners = lost
    before = await entries(home, public(home))
    await home.submit(partners[0], **PUBLIC)
    await home.submit(partners[0])
    await home.sequence()
    assert await entries(home, public(home)) == before
    assert [row[0] for row in await home.rows("SELECT count(*) FROM logs")] == [2], "another log goes on"
    assert [row[0] for row in await home.rows("SELECT count(*) FROM log_pending")] == [1]

    opened = await epoch.open_epoch(home.node, home.operator, public(home), home.tick())
    assert opened == public(home, 2)
    await home.sequence()
    first, *rest = await entries(home, opened)
    assert (first.kind, first.body.previous) == ("node", note)
    assert [item.kind for item in rest] == ["organization", "organization", "report"]
    assert {item.issuer for item in rest[:2]} == {partner.id for partner in partners}
    assert await entries(home, public(home)) == before
    assert (await verify_log.verify(home.node, home.world.clock.now)).faults == []
    noted = await home.rows("SELECT subject FROM audit WHERE deed = 'open_epoch'")
    assert [row[0] for row in noted] == [opened]


@pytest.fixture
async def lost_group(home):
    """A group whose log has lost its end, its steward, and a member who spoke in it."""
    steward, member = await home.organization(), await home.organization()
    group = await home.group(steward, member)
    await home.submit(member, audience=audiences.group(group.id))
    await home.sequence()
    me, key = home.node.identity, f"group:{group.id}"
    note = checkpoint.sign_checkpoint(
        Checkpoint(checkpoint.origin_line(me.node_id, key, 1), 9, bytes(32)), me.node_id, me.seed
    )
    await recover.take_shown(home.node, peer(NOBODY), [note], home.tick())
    return group, steward, member, checkpoint.log_id(me.node_id, key, 1)


async def test_what_is_owed_follows_in_its_order_with_the_keys_that_signed_it(home, lost_group):
    group, steward, member, log = lost_group
    await home.submit(member, audience=audiences.group(group.id))
    await home.change(steward, group, add=[await home.organization()])
    for partner in (member, steward):
        await home.rotate(partner)
    await home.submit(member, audience=audiences.group(group.id))
    opened = await epoch.open_epoch(home.node, home.operator, log, home.tick())
    while await home.sequence():
        pass
    kinds = [item.kind for item in await entries(home, opened)]
    assert kinds[:5] == ["node", "organization", "organization", "report", "group"]
    assert kinds[5:] == ["organization"] * 4 + ["report"]
    assert (await verify_log.verify(home.node, home.world.clock.now)).faults == []


async def test_a_new_epoch_is_opened_only_where_something_is_lost_and_once(home):
    ngo = await home.organization()
    await home.submit(ngo, **PUBLIC)
    await home.sequence()
    with pytest.raises(Conflict, match="Nothing is missing"):
        await epoch.open_epoch(home.node, home.operator, public(home), home.tick())
    for absent in ("0" * 32, public(home, 2)):
        with pytest.raises(NotFound):
            await epoch.open_epoch(home.node, home.operator, absent, home.tick())


async def test_an_epoch_is_opened_once(home, lost):
    opened = await epoch.open_epoch(home.node, home.operator, public(home), home.tick())
    size = len(await entries(home, opened))
    for log in (public(home), opened):
        with pytest.raises(Conflict):
            await epoch.open_epoch(home.node, home.operator, log, home.tick())
    assert len(await entries(home, opened)) == size


async def test_only_the_operator_opens_an_epoch(home, lost):
    _, partners = lost
    for actor in (partners[0].strong, replace(home.operator, strong=False)):
        with pytest.raises(Forbidden):
            await epoch.open_epoch(home.node, actor, public(home), home.tick())
