"""Rotate: the node's new key is stated once in each of its logs, and from then on it alone counts."""

from dataclasses import replace

import pytest

from app.domain import audience as audiences
from app.domain import checkpoint, node_record, record, signing
from app.domain.errors import Forbidden, Unavailable
from app.domain.marking import Pap, Tlp
from app.services import identity, rotate, sequence, verify_log
from app.storage import peers


def follow_up(home):
    """Give the node as it is opened with a new key, which the one in use has named."""
    held = home.node.identity
    seed = home.random(32)
    handover = node_record.hand_over(held.node_id, len(held.keys), signing.public_key(seed), held.seed)
    newer = identity.new(seed, held.pepper, held.wrapping_key, held.keys, (*held.handovers, handover))
    return replace(home.node, identity=newer)


async def speak(home, ngo, group):
    """Let something stand in four logs of the node."""
    named = audiences.organizations(ngo.id)
    for audience, tlp in (
        (audiences.PUBLIC, Tlp.CLEAR),
        (audiences.group(group.id), Tlp.AMBER),
        (named, Tlp.AMBER),
        (named, Tlp.RED),
    ):
        await home.submit(ngo, audience=audience, tlp=tlp, pap=Pap(f"PAP:{tlp[4:]}"))
    await home.sequence()


async def test_each_log_says_at_which_entry_the_key_changed(home):
    ngo = await home.organization()
    group = await home.group(ngo)
    await speak(home, ngo, group)
    home.node = follow_up(home)
    assert await rotate.rotate(home.node, home.operator, home.tick()) == 4
    await speak(home, ngo, group)

    rows = await home.rows("SELECT payload, keyid, tlp FROM records WHERE kind = 'node'")
    keyid = signing.key_id(home.node.identity.public_key)
    said = [(record.parse(bytes(row[0])).body, row[1], row[2]) for row in rows]
    assert {(body.generation, body.key, body.previous) for body, _, _ in said} == {
        (1, home.node.identity.public_key, None)
    }
    assert {item[1] for item in said} == {keyid}
    assert sorted(item[2] for item in said) == ["TLP:AMBER", "TLP:AMBER", "TLP:CLEAR", "TLP:RED"]
    newest = await home.rows(
        "SELECT note FROM checkpoints c WHERE size = (SELECT max(size) FROM checkpoints d WHERE d.log_id = c.log_id)"
    )
    keys = home.node.identity.keys
    assert [checkpoint.signer_generation(row[0], home.node.identity.node_id, keys) for row in newest] == [1] * 4
    assert (await verify_log.verify(home.node, home.world.clock.now)).faults == []


async def test_a_rotation_is_done_once_and_noted(home):
    await speak(home, ngo := await home.organization(), await home.group(ngo))
    home.node = follow_up(home)
    done = [await rotate.rotate(home.node, home.operator, home.tick()) for _ in range(2)]
    assert done == [4, 0]
    await home.sequence()
    noted = await home.rows("SELECT deed, count FROM audit WHERE deed = 'rotate_node_key'")
    assert [tuple(row) for row in noted] == [("rotate_node_key", 4)]
    async with home.node.store.read(home.operator) as tx:
        own = await peers.find_node(tx, home.node.identity.node_id)
    assert own.generation == 1
    assert node_record.parse(own.document).newest == home.node.identity.public_key
    home.node = follow_up(home)
    assert await rotate.rotate(home.node, home.operator, home.tick()) == 4
    await home.sequence()
    assert (await verify_log.verify(home.node, home.world.clock.now)).faults == []


async def test_a_process_with_the_old_key_appends_nothing_more(home):
    older = home.node
    await speak(home, ngo := await home.organization(), await home.group(ngo))
    home.node = follow_up(home)
    await rotate.rotate(home.node, home.operator, home.tick())
    with pytest.raises(Unavailable, match="restart"):
        await sequence.run_once(older, home.tick())
    assert await home.sequence() > 0


async def test_only_the_operator_rotates(home):
    ngo = await home.organization()
    newer = follow_up(home)
    for actor in (ngo.strong, replace(home.operator, strong=False)):
        with pytest.raises(Forbidden):
            await rotate.rotate(newer, actor, home.tick())
    assert await home.rows("SELECT 1 FROM nodes") == []
