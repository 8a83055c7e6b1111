"""Reports of one address each, from 16 connections, each signed, logged and durable before its answer.

The floor is one INSERT per durable transaction by the bare driver, from as many connections.
"""

import asyncio
import json
import sqlite3
import tempfile
import time
from pathlib import Path

import asyncpg

from benchmarks.look_up import CONNECTIONS, SECONDS, rate
from benchmarks.servers import Served, made_addresses, postgres, served

COUNT = 8_000


def bodies() -> list[str]:
    return [
        json.dumps(
            {
                "category": "sex_trafficking",
                "method": "advert",
                "confidence": 60,
                "tlp": "TLP:CLEAR",
                "audience": {"kind": "public"},
                "indicators": [{"chain": "bitcoin", "address": address}],
            }
        )
        for address in made_addresses(COUNT, seed=4)
    ]


def bare_sqlite() -> float:
    with tempfile.TemporaryDirectory(prefix="watchfire-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE floor (id INTEGER PRIMARY KEY, address TEXT)")
        done, until = 0, time.monotonic() + SECONDS
        while time.monotonic() < until:
            connection.execute("INSERT INTO floor (address) VALUES ('an address')")
            done += 1
        connection.close()
    return done / SECONDS


async def _bare_postgresql(url: str) -> float:
    pool = await asyncpg.create_pool(url.replace("+asyncpg", ""), min_size=CONNECTIONS, max_size=CONNECTIONS)
    await pool.execute("CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, address text)")
    until = time.monotonic() + SECONDS

    async def insert() -> int:
        done = 0
        async with pool.acquire() as connection:
            while time.monotonic() < until:
                await connection.execute("INSERT INTO floor (address) VALUES ('an address')")
                done += 1
        return done

    total = sum(await asyncio.gather(*(insert() for _ in range(CONNECTIONS))))
    await pool.execute("DROP TABLE floor")
    await pool.close()
    return total / SECONDS


def report(name: str, node: Served, floor: float) -> None:
    said = bodies()
    got = rate(node.url, ["/v1/reports"] * len(said), node.key, "POST", said)
    print(f"single submissions on {name}: {got:,.0f}/s = {got / floor:.2f} of one bare INSERT each ({floor:,.0f}/s)")


def main() -> None:
    with served() as node:
        report("SQLite", node, bare_sqlite())
    with postgres() as url, served(url) as node:
        report("PostgreSQL", node, asyncio.run(_bare_postgresql(url)))


if __name__ == "__main__":
    main()
