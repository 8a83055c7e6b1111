"""The simulation is tested itself: each of these faults, put into the product, is found within a few stories.

A fault is planted in the place of the product's own function for as long as the stories are told. The seeds are ones
that find it; should the product's order of requests change, the next few do.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import select, text

from app.domain import keys, merkle, page, peer
from app.domain.page import Accepted, Bare, Held, RolledBack
from app.domain.record import Unknown
from app.services import doubt, fill, gossip, hear, keeping, peer_access, pull, recover, sequence, take_in
from app.storage import arriving, replicas, visibility
from app.storage.replicas import Replica
from app.storage.tables import audiences
from tests.federation import stories
from tests.federation.simulation import DEEDS, Simulation
from tests.federation.telling import play, tell

STORIES = 5  # that are told at most
Plant = Callable[[], list[Any]]


def no_signature_check() -> list[Any]:
    def verify(self, said, envelope):
        return self.custody_of(said.issuer, envelope.keyid) or "organization"

    return [mock.patch.object(keys.LogKeys, "verify", verify)]


def no_root_check() -> list[Any]:
    return [mock.patch.object(merkle, "verify_consistency", return_value=None)]


def position_before_data() -> list[Any]:
    real, append, coming = pull.take_in, take_in._append, {}

    async def taking(node, peer_id, position, verified, note, verdicts, now, **more):
        coming[position.log.id] = Replica(position.log.id, verified.frontier, note, verified.checkpoint.size)
        return await real(node, peer_id, position, verified, note, verdicts, now, **more)

    async def split(tx, desk, position, judged):
        await replicas.save(tx, coming[position.log.id])
        await tx.execute(text("COMMIT"))
        await tx.execute(text("BEGIN IMMEDIATE"))
        await append(tx, desk, position, judged)

    return [mock.patch.object(pull, "take_in", taking), mock.patch.object(take_in, "_append", split)]


def position_after_data() -> list[Any]:
    real = replicas.save

    async def later(tx, replica):
        await tx.execute(text("COMMIT"))
        await tx.execute(text("BEGIN IMMEDIATE"))
        await real(tx, replica)

    return [mock.patch.object(replicas, "save", later)]


def early_release() -> list[Any]:
    return [mock.patch.object(visibility, "may_read_as_node", return_value=select(audiences.c.id))]


def accepted_rollback() -> list[Any]:
    real = page.verify

    def verify(found, log, held, node):
        try:
            return real(found, log, held, node)
        except RolledBack:
            return real(found, log, Held(held.frontier), node)

    def cover(_, verified, note):
        return note, verified.checkpoint.size

    return [mock.patch.object(page, "verify", verify), mock.patch.object(take_in, "_cover", cover)]


def stamped_anew() -> list[Any]:
    real = keeping.Desk._arriving

    async def stamp(self, placed, subjects):
        made = await real(self, placed, subjects)
        return replace(made, received_at=placed.item.record.issued_at)

    return [mock.patch.object(keeping.Desk, "_arriving", stamp)]


def unknown_kind_dropped() -> list[Any]:
    real = page.judge

    def judge(*said):
        return [
            Bare(item.index, item.leaf_hash, "erased", lasting=True)
            if isinstance(item, Accepted) and isinstance(item.record.body, Unknown)
            else item
            for item in real(*said)
        ]

    return [mock.patch.object(page, "judge", judge)]


def forks_unnoticed() -> list[Any]:
    async def nothing(*_):
        return False, None

    async def no(*_):
        return False

    return [mock.patch.object(gossip, "_compare", nothing), mock.patch.object(doubt, "doubt", no)]


def appended_after_a_restore() -> list[Any]:
    async def nobody(*_):
        return []

    return [mock.patch.object(sequence.recover, "held_audiences", nobody)]


def peers_not_asked() -> list[Any]:
    async def enough(*_):
        return True

    return [mock.patch.object(recover, "_all_asked", enough)]


def endless_lease() -> list[Any]:
    return [mock.patch.object(peer_access.Rights, "_is_lapsed", return_value=False)]


def amber_relayed() -> list[Any]:
    return [mock.patch.object(module, "may_relay", return_value=True) for module in (peer, peer_access)]


def nothing_for_who_has_left() -> list[Any]:
    from app.services import offer  # noqa: PLC0415

    def may_have(kind, index, access, had_subject, knew_issuer):
        return access.visible and peer.may_have(kind, index, access, had_subject, knew_issuer)

    return [mock.patch.object(offer, "may_have", may_have)]


def holes_never_filled() -> list[Any]:
    async def nothing(*_):
        return 0

    return [mock.patch.object(fill, "fill", nothing)]


def nothing_purged() -> list[Any]:
    async def keep(*_):
        return None

    return [mock.patch.object(hear._Ear, "_leave", keep)]


def erasures_ignored() -> list[Any]:
    async def keep(*_):
        return None

    return [mock.patch.object(arriving, "erase_reports", keep)]


def revocations_ignored() -> list[Any]:
    return [mock.patch.object(arriving, "_is_whole", return_value=False)]


def only(liar: bool = False, nodes: int = 3, **how: Any) -> dict[str, Any]:
    """Let stories have no deeds but those that are named, which weigh so much; more of `how` beside them."""
    weights = {name.replace("_", " "): how.pop(name) for name in list(how) if name.replace("_", " ") in DEEDS}
    return {"liar": liar, "nodes": nodes, "deeds": dict.fromkeys(DEEDS, 0) | weights, **how}


BUSY = {"submit": 6, "sequence": 2, "pull": 10}
GROUPS = BUSY | {"group": 2, "change_group": 3}
AT_RANDOM: list[tuple[Plant, int, dict[str, Any]]] = [
    (no_signature_check, 1, only(liar=True, **BUSY, lie=3)),
    (no_root_check, 1, only(liar=True, **BUSY, habits=("garble",))),
    (early_release, 1, only(**GROUPS)),
    (stamped_anew, 1, only(**BUSY)),
    (unknown_kind_dropped, 1, only(**BUSY, newer_kind=3)),
    (endless_lease, 1, only(**GROUPS, clock=2)),
    (amber_relayed, 1, only(nodes=4, **GROUPS)),
    (holes_never_filled, 1, only(liar=True, nodes=4, **BUSY, habits=("withhold",))),
    (erasures_ignored, 1, only(**BUSY, follow=6)),
    (revocations_ignored, 1, only(**BUSY, follow=6)),
]
ON_PURPOSE: list[tuple[Plant, Callable[[Simulation], Any], bool]] = [
    (position_before_data, stories.crashes_at_every_turn, False),
    (position_after_data, stories.crashes_at_every_turn, False),
    (accepted_rollback, stories.shows_less_than_before, True),
    (forks_unnoticed, stories.tells_two_stories, True),
    (appended_after_a_restore, stories.is_restored, False),
    (peers_not_asked, stories.is_restored, False),
    (nothing_purged, stories.leaves_a_group, False),
    (nothing_for_who_has_left, stories.takes_back, False),
]
TOLD = sorted({(row[1], row[2]) for row in ON_PURPOSE}, key=lambda row: row[0].__name__)


@pytest.mark.parametrize(("plant", "first", "how"), AT_RANDOM, ids=[row[0].__name__ for row in AT_RANDOM])
def test_a_planted_fault_is_found_by_random_stories(plant, first, how):
    found = []
    for seed in range(first, first + STORIES):
        with ExitStack() as planted:
            for patch in plant():
                planted.enter_context(patch)
            found.append(tell(seed, **how).broken)
        if found[-1] is not None:
            break

    assert found[-1] is not None


@pytest.mark.parametrize(("plant", "story", "liar"), ON_PURPOSE, ids=[row[0].__name__ for row in ON_PURPOSE])
def test_a_planted_fault_is_found_by_a_story_that_leads_to_it(plant, story, liar):
    with ExitStack() as planted:
        for patch in plant():
            planted.enter_context(patch)
        assert play(1, story, nodes=3, liar=liar).broken is not None


@pytest.mark.parametrize(("story", "liar"), TOLD, ids=[row[0].__name__ for row in TOLD])
def test_without_a_fault_such_a_story_breaks_nothing(story, liar):
    told = play(1, story, nodes=3, liar=liar)

    assert told.broken is None, "\n".join((*told.trace, told.broken))
    assert told.rounds <= told.bound
