"""A node that answers what a test tells it to."""

import pytest

from tests.client.scripted import serve


@pytest.fixture
def scripted():
    with serve() as node:
        yield node
