"""A machine that tells stories of several nodes: Hypothesis chooses the deeds, and shortens what breaks something.

The deeds are those of `tests/federation/simulation.py`; what they are about is drawn from the story's seed, so that a
short story stays short to read. `WATCHFIRE_TEST_EXAMPLES` tells more and longer stories.
"""

import asyncio
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from app.domain import page
from tests.conftest import EXAMPLES
from tests.engines import one_thread
from tests.federation.inline import Inline
from tests.federation.simulation import DEEDS, Simulation
from tests.federation.telling import PAGE, folder, template

NODES = 3  # enough for a relay, and for two who are told two stories
EXCHANGING = ("submit", "sequence", "pull", "follow")


class Stories(RuleBasedStateMachine):
    """The rules of the story: one for what moves records, and one for everything else that may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.simulation: Simulation | None = None
        self.broken = False

    def do(self, deed):
        try:
            return self.loop.run_until_complete(deed)
        except BaseException:
            self.broken = True
            raise

    @initialize(seed=st.integers(0, 1_000), liar=st.booleans())
    def begin(self, seed, liar):
        self.driver = one_thread()
        self.pages = mock.patch.object(page, "MAX_PAGE_ENTRIES", PAGE)
        self.place = folder(seed)
        self.driver.__enter__()
        self.pages.__enter__()
        path = self.place.__enter__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(Inline(1))
        self.simulation = self.do(Simulation.begin(seed, template(), path, nodes=NODES, liar=liar))

    @rule(names=st.lists(st.sampled_from(EXCHANGING), min_size=1, max_size=6))
    def exchange(self, names):
        for name in names:
            self.do(self.simulation.step(name))

    @rule(name=st.sampled_from(sorted(DEEDS)))
    def happen(self, name):
        self.do(self.simulation.step(name))

    def teardown(self):
        if self.simulation is None:
            return
        try:
            if not self.broken:
                self.do(self.simulation.heal())
        finally:
            self.do(self.simulation.close())
            self.loop.close()
            self.place.__exit__(None, None, None)
            self.pages.__exit__(None, None, None)
            self.driver.__exit__(None, None, None)


def test_stories_of_several_nodes():
    run_state_machine_as_test(
        Stories, settings=settings(max_examples=3 * EXAMPLES, stateful_step_count=8 * min(EXAMPLES, 3))
    )
