"""Bootstrap: a node is prepared once, in steps that may be cut anywhere; its keys are for nobody else to read."""

import json

import pytest

from app import bootstrap
from app.domain.errors import Conflict, Unavailable
from app.services import membership
from app.services.audit import Questions
from app.services.authenticate import Authenticator
from app.settings import Settings
from app.storage import migrate
from tests.world import START


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request, tmp_path):
    """The settings of a node that is not prepared: on PostgreSQL, the owner migrates and the app serves."""
    if request.param == "sqlite":
        yield Settings(data=tmp_path / "data")
        return
    server = request.getfixturevalue("postgres_server")
    server.create_database("site")
    owner = server.url("site", "watchfire_owner")
    yield Settings(data=tmp_path / "data", database_url=server.url("site"), owner_database_url=owner)
    server.drop_database("site")


async def test_a_node_is_prepared_and_its_first_key_works(site):
    made = await bootstrap.initialize(site, "ours", "ngo", START)
    assert made.api_key_file.read_text().strip() == made.api_key
    for file in (bootstrap.KEY_FILE, bootstrap.FIRST_KEY_FILE):
        assert (site.data / file).stat().st_mode & 0o777 == 0o600
    assert site.data.stat().st_mode & 0o077 == 0
    node = bootstrap.open_node(site)
    assert (node.identity.node_id, node.operator, node.name) == (made.node_id, made.operator, "ours")
    await bootstrap.check_database(node, production=True)
    auth = Authenticator(node, Questions())
    actor = await auth.authenticate({"x-api-key": made.api_key}, None, START)
    assert (actor.organization, actor.scopes) == (made.operator, frozenset(membership.PARTNER_SCOPES))
    found, _ = await membership.get_organization(node, actor, made.operator)
    assert (found.name, found.kind, found.trusted) == ("ours", "ngo", True)
    await node.close()
    with pytest.raises(Conflict, match="prepared already"):
        await bootstrap.initialize(site, "ours", "ngo", START)


async def test_a_preparation_that_was_cut_is_continued(site, monkeypatch):
    """After each of its steps: the key file, the schema, the organization, the credential."""
    steps = [
        (bootstrap, "migrate_database"),
        (membership, "get_organization"),
        (membership, "add_organization"),
        (membership, "add_credential"),
    ]
    ids = set()
    for module, name in steps:
        with monkeypatch.context() as cut:

            async def killed(*_, **__):
                raise KeyboardInterrupt

            cut.setattr(module, name, killed)
            try:
                await bootstrap.initialize(site, "ours", "ngo", START)
            except KeyboardInterrupt:
                ids.add(bootstrap.read_key_file(site)["operator"])
            else:
                pytest.fail("nothing was cut")
    made = await bootstrap.initialize(site, "ours", "ngo", START)
    assert ids == {str(made.operator)}


async def test_a_node_that_is_not_prepared_does_not_start(tmp_path):
    with pytest.raises(Unavailable, match="init"):
        bootstrap.open_node(Settings(data=tmp_path))


async def test_a_key_file_that_others_read_stops_the_start(tmp_path):
    site = Settings(data=tmp_path / "data")
    await bootstrap.initialize(site, "ours", "ngo", START)
    for mode in (0o640, 0o604, 0o660, 0o644):
        (site.data / bootstrap.KEY_FILE).chmod(mode)
        with pytest.raises(Unavailable, match="chmod 600"):
            bootstrap.open_node(site)


@pytest.mark.parametrize(
    "change",
    [
        None,
        [],
        {"seed": None},
        {"seed": "zz" * 32},
        {"seed": "00"},
        {"pepper": "00"},
        {"wrapping_key": "00" * 31},
        {"operator": "nobody"},
        {"name": 7},
    ],
)
async def test_a_damaged_key_file_says_so(tmp_path, change):
    site = Settings(data=tmp_path / "data")
    await bootstrap.initialize(site, "ours", "ngo", START)
    path = site.data / bootstrap.KEY_FILE
    held = json.loads(path.read_text())
    changed = held | change if isinstance(change, dict) else change
    if isinstance(changed, dict) and None in changed.values():
        changed = {name: value for name, value in changed.items() if value is not None}
    path.write_text("{" if change is None else json.dumps(changed))
    with pytest.raises(Unavailable, match="restore it from the backup"):
        bootstrap.open_node(site)


async def test_a_database_that_cannot_be_used_says_what_to_do(site):
    await bootstrap.initialize(site, "ours", "ngo", START)
    store = bootstrap.open_store(site.owner_url)
    async with store.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    await store.close()
    node = bootstrap.open_node(site)
    with pytest.raises(Unavailable, match="watchfire migrate"):
        await bootstrap.check_database(node, production=False)
    await node.close()


async def test_an_empty_database_says_what_to_do(tmp_path):
    site = Settings(data=tmp_path / "data")
    await bootstrap.initialize(site, "ours", "ngo", START)
    (site.data / "watchfire.db").unlink()
    node = bootstrap.open_node(site)
    with pytest.raises(Unavailable, match="watchfire migrate"):
        await bootstrap.check_database(node, production=False)
    await node.close()


async def test_in_production_the_owner_does_not_serve(postgres_server, tmp_path):
    postgres_server.create_database("site")
    owner = postgres_server.url("site", "watchfire_owner")
    site = Settings(data=tmp_path / "data", database_url=owner)
    await bootstrap.initialize(site, "ours", "ngo", START)
    node = bootstrap.open_node(site)
    await bootstrap.check_database(node, production=False)
    with pytest.raises(Unavailable, match="superuser"):
        await bootstrap.check_database(node, production=True)
    await node.close()
    postgres_server.drop_database("site")


async def test_no_database_says_what_to_do(tmp_path):
    site = Settings(data=tmp_path / "data")
    await bootstrap.initialize(site, "ours", "ngo", START)
    away = Settings(data=site.data, database_url="postgresql+asyncpg://nobody@/x?host=/nowhere&port=5432")
    node = bootstrap.open_node(away)
    with pytest.raises(Unavailable, match="cannot be opened"):
        await bootstrap.check_database(node, production=False)
    await node.close()


async def test_the_newest_schema_is_named(site):
    site.data.mkdir(parents=True, exist_ok=True)
    assert await bootstrap.migrate_database(site) == migrate.newest()
