"""Nodes that crash, are restored, are cut off and lied to: nothing is lost, nothing leaks, and all agree in the end.

`WATCHFIRE_SEEDS` says how many stories are told: 2,000 of them take about two hours on one core.
"""

import os

import pytest

from tests.federation.telling import tell

SEEDS = int(os.environ.get("WATCHFIRE_SEEDS", "3"))
FIRST = int(os.environ.get("WATCHFIRE_FIRST_SEED", "1000"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_random_story_breaks_nothing_and_all_are_level_within_the_bound(seed):
    told = tell(seed)

    assert told.broken is None, "\n".join((*told.trace, told.broken))
    assert told.rounds <= told.bound


def test_the_same_seed_tells_the_same_story():
    assert tell(7, steps=20, nodes=3).trace == tell(7, steps=20, nodes=3).trace
