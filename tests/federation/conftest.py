"""Two nodes that are peers: the first on PostgreSQL, the second on SQLite."""

import pytest

from tests.federation.pair import befriend, open_sides


@pytest.fixture
async def pair(mixed, fresh_sqlite):
    async with open_sides(mixed, fresh_sqlite()) as sides:
        await befriend(*sides)
        yield sides


@pytest.fixture
async def lite_pair(fresh_sqlite):
    """Two peers on SQLite, for what does not depend on the database."""
    async with open_sides(fresh_sqlite(), fresh_sqlite()) as sides:
        await befriend(*sides)
        yield sides
