"""A newer registry knows a chain that was opaque: what was reported of it before is found, and still verifies."""

import pytest

from app.domain import address as addresses
from app.domain.address.chain import Chain
from app.domain.address.families.opaque import Opaque
from app.services import rekey, verify_log

HUB = "cosmos:cosmoshub-4"
REPORTED = "cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c"
MISTYPED = "COSMOS1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c"  # opaque addresses are not checked
SAME_KEY = "osmo1w508d6qejxtdg4y5r3zarvary0c5xw7kjxy2e2"


def older(name):
    """Find a chain as a registry does that does not know it."""
    form = Opaque(name)
    return Chain(name, name, name, form.family, "", "", form)


async def verdict(home):
    return await verify_log.verify(home.node, home.world.clock.now)


async def test_what_was_reported_before_a_chain_was_known_is_found_afterwards(home, monkeypatch):
    ngo = await home.organization()
    with monkeypatch.context() as before:
        before.setattr(addresses, "find_chain", older)
        await home.submit(ngo, REPORTED, chain=HUB)
        report = await home.submit(ngo, MISTYPED, chain=HUB)
    await home.sequence()
    assert (await home.look_up(ngo, REPORTED, HUB)).reputation.status == "not_listed"
    assert not await rekey.is_current(home.node.store)
    assert await rekey.rekey(home.node.store) == 1  # the mistyped one stays what it was
    assert await rekey.is_current(home.node.store)
    assert await rekey.rekey(home.node.store) == 0
    for text, chain in ((REPORTED, HUB), (REPORTED, None), (SAME_KEY, "osmosis")):
        assert (await home.look_up(ngo, text, chain)).reputation.status == "listed"
    assert (await verdict(home)).ok
    await home.follow(ngo, report.id, "revocation")
    assert (await verdict(home)).ok


@pytest.mark.parametrize("batch", [1, 2, 3])
async def test_every_row_is_made_anew_whatever_the_size_of_a_batch(home, monkeypatch, batch):
    monkeypatch.setattr(rekey, "BATCH", batch)
    ngo = await home.organization()
    samples = [addresses.find_chain(HUB).form.sample(bytes([number]) * 32) for number in range(5)]
    with monkeypatch.context() as before:
        before.setattr(addresses, "find_chain", older)
        for sample in samples:
            await home.submit(ngo, sample, chain=HUB)
    assert await rekey.rekey(home.node.store) == len(samples)
    for sample in samples:
        assert (await home.look_up(ngo, sample, HUB)).reputation.status == "listed"
