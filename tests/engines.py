"""The engines under the tests' own stores, made quick: a store lives for one test only.

The rule here: nothing that a statement does is changed. What one store has compiled is compiled for all of its kind,
and SQLite does not wait for the disk: a test that crashes a node ends a program, and the files outlive that. Programs
in processes of their own are as in use.
"""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.storage import store

CACHED = 5_000  # statements: more than the product and its tests have
DURABLE, QUICK = "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF"
_KINDS: dict[str, tuple[Any, Any]] = {}  # the dialect of the first engine of each kind, and what it has compiled


def hurry() -> None:
    """Let every store that this program opens from now on be quick."""
    assert DURABLE in store._SQLITE_PRAGMAS, "what a node acknowledges outlives a power failure"
    store._SQLITE_PRAGMAS = tuple(QUICK if pragma == DURABLE else pragma for pragma in store._SQLITE_PRAGMAS)
    store.create_async_engine = _make_engine


def _make_engine(url: str, **options: Any) -> AsyncEngine:
    engine = create_async_engine(url, query_cache_size=CACHED, **options)
    sync = engine.sync_engine
    sync.dialect, sync._compiled_cache = _KINDS.setdefault(sync.dialect.name, (sync.dialect, sync._compiled_cache))
    return engine
