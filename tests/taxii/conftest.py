"""A site with organizations that speak TAXII to it."""

import pytest

from tests.api.conftest import open_site


@pytest.fixture
async def site(database):
    """A site on each kind of database."""
    async with open_site(database, loops=False, requests_per_minute=1_000_000) as made:
        yield made


@pytest.fixture
async def lite(fresh_sqlite):
    """A site on SQLite, for what does not depend on the database."""
    async with open_site(fresh_sqlite(), loops=False, requests_per_minute=1_000_000) as made:
        yield made
