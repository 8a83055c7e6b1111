"""Limits: a budget is spent by one organization, and a body is read no further than its limit."""

from contextlib import suppress

import pytest

from app.domain.errors import TooLarge, TooMany, UnsupportedMediaType
from app.settings import Settings
from app.web.limits import AtOnce, Budgets, read_body


class Reader:
    """A request's body, in parts; tells how many were asked for."""

    def __init__(self, *parts, **headers):
        self.parts = parts
        self.read = 0
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def stream(self):
        for part in self.parts:
            self.read += 1
            yield part


@pytest.fixture
def still(monkeypatch):
    """A clock that stands still, in the first second of a window."""
    now = [60_000.0]
    monkeypatch.setattr("app.web.limits.time.time", lambda: now[0])
    return now


def budgets(**settings):
    return Budgets(Settings(_env_file=None, **settings))


def test_a_budget_is_spent_and_comes_back(still):
    held = budgets(requests_per_minute=3)
    left = [held.spend("requests", "a").left for _ in range(3)]
    assert left == [2, 1, 0]
    with pytest.raises(TooMany) as caught:
        held.spend("requests", "a")
    assert caught.value.retry_after == 60
    assert held.spend("requests", "b").left == 2
    assert held.spend("look-ups", "a").left > 0
    still[0] += 59.5
    with pytest.raises(TooMany) as caught:
        held.spend("requests", "a")
    assert caught.value.retry_after == 1
    still[0] += 0.5
    assert held.spend("requests", "a").left == 2


def test_what_is_refused_is_not_spent(still):
    held = budgets(screened_per_minute=10)
    with pytest.raises(TooMany):
        held.spend("screened", "a", 11)
    assert held.spend("screened", "a", 10).headers() == {
        "RateLimit-Policy": '"screened";q=10;w=60',
        "RateLimit": '"screened";r=0;t=60',
    }


async def test_a_body_is_read_to_its_limit():
    assert await read_body(Reader(b"12", b"345", content_type="Text/CSV; charset=utf-8"), 5, ("text/csv",)) == b"12345"
    for headers in ({}, {"content_length": "x"}, {"content_length": "3"}):
        reader = Reader(b"12", b"3456", b"7", b"8", content_type="text/csv", **headers)
        with pytest.raises(TooLarge):
            await read_body(reader, 5, ("text/csv",))
        assert reader.read == 2
    reader = Reader(b"1", content_type="text/csv", content_length="6")
    with pytest.raises(TooLarge):
        await read_body(reader, 5, ("text/csv",))
    assert reader.read == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": "text/plain"},
        {"content_type": "text/csv, text/plain"},
        {"content_type": "text/csv", "content_encoding": "gzip"},
        {"content_type": "text/csv", "content_encoding": ""},
    ],
)
async def test_another_type_is_not_read(headers):
    reader = Reader(b"1", **headers)
    with pytest.raises(UnsupportedMediaType):
        await read_body(reader, 5, ("text/csv",))
    assert reader.read == 0


def test_a_caller_has_so_many_requests_under_way_and_no_more():
    waiting = AtOnce(2)
    with waiting.one("a"):
        with waiting.one("a"):
            with pytest.raises(TooMany), waiting.one("a"):
                pass
            with waiting.one("b"):
                pass
        with waiting.one("a"):
            pass
    with suppress(ValueError), waiting.one("a"):
        raise ValueError
    with waiting.one("a"), waiting.one("a"):
        pass
