"""Look up: what the asker may know, as of now or then, and the same whoever asks at the same moment."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import audience as audiences
from app.domain import reputation
from app.domain.actor import Scope
from app.domain.errors import Forbidden, Invalid, Unavailable
from app.domain.marking import Tlp
from app.services.screen import Row
from app.storage.indicators import Indicators
from tests.conftest import EXAMPLES
from tests.world import CHAIN, GENESIS_BLOCK, START, World

POLYGON = "eip155:137"


async def test_an_answer_says_who_how_sure_and_why(home):
    ngo, bank = await home.organization("an NGO"), await home.organization("a bank", kind="bank")
    address = home.address()
    first = await home.submit(ngo, address, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
    await home.submit(bank, address, audience=audiences.PUBLIC, tlp=Tlp.CLEAR, method="exchange_kyc_confirmation",
                      confidence=90)  # fmt: skip
    await home.submit(ngo, address, audience=audiences.PUBLIC, tlp=Tlp.CLEAR, confidence=10)  # counts once
    await home.sequence()
    answer = await home.look_up(bank, address)
    said = answer.reputation
    assert (said.status, said.organizations, said.corroborated, said.label) == ("listed", 2, True, "high")
    assert said.confidence == round(100 * reputation.combine([0.7, 0.9]))
    assert any("an NGO claims sex_trafficking with confidence 70" in line for line in said.because)
    found = answer.found[0]
    assert (found.hit.report, found.hit.issuer_name, found.state, found.elsewhere) == (
        first.id,
        "an NGO",
        "live",
        "",
    )
    assert (found.hit.log_index, found.hit.custody, found.hit.tlp) == (1, "node", "TLP:CLEAR")
    assert answer.as_of == home.world.clock.now


async def test_nothing_known_is_not_clean(home):
    ngo = await home.organization()
    answer = await home.look_up(ngo, home.address())
    assert (answer.reputation.status, answer.found) == ("not_listed", ())
    assert (await home.look_up(ngo, home.address())).reputation == answer.reputation


async def test_a_text_that_is_no_address_is_an_answer(home):
    ngo = await home.organization()
    for text, chain in (("hello there", None), ("0x12", CHAIN), ("", None), (GENESIS_BLOCK[:-1] + "b", "bitcoin")):
        answer = await home.look_up(ngo, text, chain)
        assert (answer.reputation.status, answer.readings) == ("invalid", ())
        assert answer.error.reason
    with pytest.raises(Invalid, match="chain is not known"):
        await home.look_up(ngo, GENESIS_BLOCK, "nowhere")
    with pytest.raises(Invalid, match="future"):
        await home.look_up(ngo, GENESIS_BLOCK, as_of=home.world.clock.now + timedelta(seconds=1))
    with pytest.raises(Forbidden):
        await home.look_up(replace(ngo.actor, scopes=frozenset(Scope) - {Scope.QUERY}), GENESIS_BLOCK)


async def test_the_chain_may_be_left_out(home):
    ngo = await home.organization()
    await home.submit(ngo, GENESIS_BLOCK, chain="bip122:000000000019d6689c085ae165831e93")
    assert (await home.look_up(ngo, GENESIS_BLOCK, "bitcoin")).reputation.status == "listed"
    answer = await home.look_up(ngo, GENESIS_BLOCK, None)
    assert (answer.reputation.status, answer.readings[0][0].slug) == ("listed", "bitcoin")
    assert len(answer.readings) > 1, "it reads as Bitcoin Cash, too"


async def test_one_account_on_another_chain_is_found_and_told(home):
    ngo = await home.organization()
    address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    await home.submit(ngo, address)
    for text, chain, same in (
        (address, CHAIN, True),
        (address.lower(), CHAIN, True),
        (address, POLYGON, False),
        (address, None, True),
    ):
        answer = await home.look_up(ngo, text, chain)
        assert ([not found.elsewhere for found in answer.found], answer.reputation.status) == ([same], "listed")
        told = any("not on" in line for line in answer.reputation.because)
        assert told is not same


async def test_an_answer_as_it_was(home):
    ngo, bank = await home.organization(), await home.organization()
    both = audiences.organizations(ngo.id, bank.id)
    kept, erased = home.address(), home.address()
    clock = home.world.clock
    before = clock.tick()
    first = await home.submit(ngo, kept, audience=both)
    second = await home.submit(ngo, erased, audience=both)
    told = clock.tick()
    await home.follow(bank, first.id, "opinion")
    disputed = clock.tick()
    await home.follow(ngo, first.id, "revocation")
    await home.follow(ngo, second.id, "erasure")
    clock.tick()
    said = [await home.status(bank, kept, as_of=when) for when in (before, told, disputed, None)]
    assert said == ["not_listed", "listed", "disputed", "revoked"]
    assert [await home.status(bank, erased, as_of=when) for when in (before, told, None)] == ["not_listed"] * 3
    aged = await home.look_up(bank, kept, as_of=told)
    assert (aged.as_of, aged.reputation.confidence) == (told, 70)


async def test_a_claim_ages_and_ends(home):
    ngo = await home.organization()
    address = home.address()
    await home.submit(ngo, address)
    fresh = (await home.look_up(ngo, address)).reputation.confidence
    home.world.clock.tick(days=365)
    assert (await home.look_up(ngo, address)).reputation.confidence == round(fresh / 2)
    home.world.clock.tick(days=366)
    answer = await home.look_up(ngo, address)
    assert (answer.reputation.status, len(answer.found)) == ("not_listed", 1)
    assert any("past the end of validity" in line for line in answer.reputation.because)


async def test_red_is_for_who_proves_its_key(home):
    ngo, bank = await home.organization(), await home.organization()
    address = home.address()
    await home.submit(ngo, address, audience=audiences.organizations(ngo.id, bank.id), tlp=Tlp.RED)
    assert [await home.status(who, address) for who in (bank.actor, bank.strong)] == ["not_listed", "listed"]


# Each address is listed for some of three partners and revoked for some; all ask at once.
worlds = st.lists(st.tuples(st.sets(st.integers(0, 2), min_size=1), st.booleans()), min_size=1, max_size=5)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_answers_given_together_are_those_given_alone(kind, request):
    """Look-ups are gathered into one statement for each set of audiences, and never mixed; screenings agree."""
    fresh = request.getfixturevalue(f"fresh_{kind}")

    @settings(max_examples=4 * EXAMPLES)
    @given(worlds)
    def prove(told):
        asyncio.run(compare(fresh(), told))

    prove()


async def compare(url, told):
    world = World()
    home = await world.add_home(url)
    partners = [await home.organization() for _ in range(3)]
    asked = []
    for readers, revoked in told:
        address = home.address()
        issuer = partners[min(readers)]
        for audience in (audiences.organizations(*(partners[n].id for n in readers)), audiences.PUBLIC):
            if audience is audiences.PUBLIC and not revoked:
                continue
            tlp = Tlp.CLEAR if audience is audiences.PUBLIC else Tlp.AMBER
            report = await home.submit(issuer, address, audience=audience, tlp=tlp)
            if revoked:
                await home.follow(issuer, report.id, "revocation")
        asked.append(address)
    asked += [home.address(), GENESIS_BLOCK, "nonsense"]
    pairs = [(partner, address) for partner in partners for address in asked]
    together = await asyncio.gather(*(home.look_up(partner, address, None) for partner, address in pairs))
    alone = [await home.look_up(partner, address, None) for partner, address in pairs]
    for (_, address), one, other in zip(pairs, together, alone, strict=True):
        assert (one.reputation, one.found, one.text) == (other.reputation, other.found, address)
    for partner in partners:
        for chain in (None, CHAIN, POLYGON):
            rows = [Row(str(n), address, chain) for n, address in enumerate(asked)]
            for row, screened in zip(rows, await home.screen(partner, rows), strict=True):
                single = await home.look_up(partner, row.address, chain)
                assert screened.row == row
                assert (screened.reputation, tuple(screened.found)) == (single.reputation, single.found)
                assert (screened.error is None) == (single.error is None)
    await world.close()


@pytest.fixture
async def listed(home):
    """A partner, a listed address, its key, and the partner's audiences."""
    ngo = await home.organization()
    address = home.address()
    await home.submit(ngo, address)
    found = (await home.look_up(ngo, address)).found[0].hit
    async with home.node.store.read(ngo.actor) as tx:
        return ngo, address, found.key, tx.audiences


async def test_who_hangs_up_first_does_not_stop_the_others(home, listed):
    _, _, key, ids = listed
    tasks = [asyncio.create_task(home.node.indicators.gather_visible([key], ids)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert [len(await task) for task in tasks[1:]] == [1, 1]
    assert tasks[0].cancelled()
    assert home.node.indicators._gathered == {}
    only = asyncio.create_task(home.node.indicators.gather_visible([key], ids))
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.wait([only])
    await asyncio.sleep(0.05)
    assert len(await home.node.indicators.gather_visible([key], ids)) == 1


async def test_a_failure_is_told_to_all_who_wait_and_to_nobody_else(home, listed):
    _, _, key, ids = listed
    driver = home.node.indicators._driver
    real = driver.search

    async def broken(*_):
        raise Unavailable("away")

    driver.search = broken
    try:
        done = await asyncio.gather(
            *(home.node.indicators.gather_visible([key], ids) for _ in range(3)), return_exceptions=True
        )
    finally:
        driver.search = real
    assert [type(item) for item in done] == [Unavailable] * 3
    assert len(await home.node.indicators.gather_visible([key], ids)) == 1


async def test_a_failing_reader_loses_no_connection(fresh_sqlite, tmp_path):
    missing = Indicators(f"sqlite+aiosqlite:///{tmp_path / 'absent.db'}")
    with pytest.raises(Unavailable):
        await missing.search_visible([bytes(16)], (1,), None)
    await missing.close()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"not a database" * 1000)
    broken = Indicators(f"sqlite+aiosqlite:///{damaged}")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await broken.search_visible([bytes(16)], (1,), None)
    assert len(broken._driver._idle) <= 1
    await broken.close()


async def test_a_folder_may_have_any_name(sqlite_template, tmp_path):
    import shutil  # noqa: PLC0415

    folder = tmp_path / "odd #1 100% & co"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "watchfire.db")
    world = World()
    home = await world.add_home(f"sqlite+aiosqlite:///{folder / 'watchfire.db'}")
    ngo = await home.organization()
    address = home.address()
    await home.submit(ngo, address)
    assert await home.status(ngo, address) == "listed"
    assert [path.name for path in tmp_path.iterdir() if path.name != folder.name] == []
    await world.close()


async def test_nobody_asks_the_database_nothing(home):
    assert await home.node.indicators.gather_visible([bytes(16)], ()) == []
    assert await home.node.indicators.search_visible([bytes(16)], (), START) == []
