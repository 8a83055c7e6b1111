"""What is owed of an organization's statements is taken back where the log has them already."""

from app.domain import audience as audiences
from app.domain.marking import Pap, Tlp
from app.storage import logs

OWED = "SELECT r.kind FROM log_pending p JOIN records r ON r.id = p.record_id ORDER BY p.id"
STATEMENT = "SELECT id FROM records WHERE kind = 'organization'"


async def withdraw(home, partner, version, coming=()):
    (row,) = await home.rows("SELECT id FROM audiences WHERE key = 'public'")
    async with home.node.store.write(home.operator) as tx:
        await logs.withdraw(tx, row[0], partner.id, version, coming)
    return [found[0] for found in await home.rows(OWED)], len(await home.rows(STATEMENT))


async def owing(home):
    partner = await home.organization()
    await home.submit(partner, audience=audiences.PUBLIC, tlp=Tlp.CLEAR, pap=Pap.CLEAR)
    return partner


async def test_a_statement_of_a_version_that_stands_in_the_log_is_not_owed_any_more(home):
    assert await withdraw(home, await owing(home), 1) == (["report"], 0)


async def test_a_newer_statement_and_one_that_is_the_logs_own_stay_owed(home):
    partner = await owing(home)
    assert await withdraw(home, partner, 0) == (["organization", "report"], 1)

    async with home.node.store.read(home.operator) as tx:
        (found, *_) = [item.record_id for item in await logs.pending(tx, 10)]
    assert await withdraw(home, partner, 1, [found]) == (["organization", "report"], 1)
