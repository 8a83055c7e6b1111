"""Screening 10,000 addresses of which 1 % are listed among 300,000, per second of the node's own processor time.

The floor is the same 10,000 keys asked of the database by its bare driver, and the JSON read and written bare.
"""

import asyncio
import json
import random
import sqlite3
import statistics
import time
from typing import Any
from urllib.request import Request, urlopen

import asyncpg
import msgspec

from app.domain.address import find_chain, parse
from benchmarks.servers import Served, imported, made_addresses, postgres, served

ROUNDS = 9
LISTED = 300_000
ROWS = 10_000
HITS = 100


def ask(node: Served, body: bytes) -> Any:
    headers = {"Authorization": f"Bearer {node.key}", "Content-Type": "application/json"}
    with urlopen(Request(f"{node.url}/v1/screenings", data=body, headers=headers)) as answer:
        return json.load(answer)


def bare_query(node: Served, keys: list[bytes]) -> float:
    """Give the seconds that the bare driver takes to find these keys."""
    if node.database_url is None:
        connection = sqlite3.connect(f"file:{node.data / 'watchfire.db'}?mode=ro", uri=True)
        statement = f"SELECT key, record_id FROM indicators WHERE key IN ({','.join('?' * 1000)})"
        started = time.perf_counter()
        for first in range(0, len(keys), 1000):
            connection.execute(statement, keys[first : first + 1000]).fetchall()
        seconds = time.perf_counter() - started
        connection.close()
        return seconds
    return asyncio.run(_bare_postgresql(node.database_url, keys))


async def _bare_postgresql(url: str, keys: list[bytes]) -> float:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    statement = await connection.prepare("SELECT key, record_id FROM indicators WHERE key = ANY($1::bytea[])")
    await statement.fetch(keys)
    started = time.perf_counter()
    await statement.fetch(keys)
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds


def compare(name: str, database_url: str | None) -> None:
    listed = made_addresses(LISTED)
    rows = [*listed[: HITS * 100 : 100], *made_addresses(ROWS - HITS, seed=2)]
    random.Random(3).shuffle(rows)
    body = msgspec.json.encode({"addresses": [{"address": row, "chain": "bitcoin", "ref": row} for row in rows]})
    bitcoin = find_chain("bitcoin")
    if bitcoin is None:
        raise RuntimeError("no bitcoin")
    keys = [parse(bitcoin, row).key for row in rows]
    with served(database_url) as node, imported(node, listed):
        answer = ask(node, body)
        if answer["counts"]["listed"] != HITS or answer["counts"]["not_listed"] != ROWS - HITS:
            raise RuntimeError(f"wrong answer: {answer['counts']}")
        walls, processors, floors = [], [], []
        for _ in range(ROUNDS):
            before, started = node.cpu_seconds(), time.perf_counter()
            answer = ask(node, body)
            walls.append(time.perf_counter() - started)
            processors.append(node.cpu_seconds() - before)
            started = time.perf_counter()
            msgspec.json.encode(msgspec.json.decode(body))
            msgspec.json.encode(answer)
            floors.append(bare_query(node, keys) + time.perf_counter() - started)
    wall, processor, floor = (statistics.median(column) for column in (walls, processors, floors))
    print(
        f"screening {ROWS:,} among {LISTED:,} on {name}: {ROWS / wall:,.0f} addresses/s, "
        f"{ROWS / processor:,.0f} per second of one core (goal 50,000); "
        f"{wall / floor:.1f} times the bare query and JSON ({ROWS / floor:,.0f}/s)"
    )


def main() -> None:
    compare("SQLite", None)
    with postgres() as url:
        compare("PostgreSQL", url)


if __name__ == "__main__":
    main()
