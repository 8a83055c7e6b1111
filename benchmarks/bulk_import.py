"""Import of 300,000 addresses by the command line through HTTP, against COPY into the same indexed table.

The import includes reading the file, HTTP, validation, signing and the log; the goal on PostgreSQL is 0.4 of COPY.
"""

import asyncio
import time
from uuid import uuid4

import asyncpg

from app.domain.address import find_chain, parse
from app.formats import stix_ids
from benchmarks.servers import imported, made_addresses, postgres, served

COUNT = 300_000
BATCH = 10_000


async def copy(url: str, addresses: list[str]) -> float:
    """Give the seconds that COPY takes, in transactions of 10,000, into a table like `indicators` with its indexes."""
    bitcoin = find_chain("bitcoin")
    if bitcoin is None:
        raise RuntimeError("no bitcoin")
    rows = []
    for first in range(0, len(addresses), BATCH):
        record = uuid4()
        for ordinal, address in enumerate(addresses[first : first + BATCH]):
            key, wallet = parse(bitcoin, address).key, stix_ids.of_wallet(address)
            rows.append((record, ordinal, key, 1, bitcoin.caip2, address, *[None] * 8, wallet))
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE floor (LIKE indicators INCLUDING ALL)")
    started = time.perf_counter()
    for first in range(0, len(rows), BATCH):
        async with connection.transaction():
            await connection.copy_records_to_table("floor", records=rows[first : first + BATCH])
    seconds = time.perf_counter() - started
    await connection.execute("DROP TABLE floor")
    await connection.close()
    return seconds


def main() -> None:
    addresses = made_addresses(COUNT)
    with served() as node, imported(node, addresses) as seconds:
        print(f"import of {COUNT:,} on SQLite: {COUNT / seconds:,.0f} addresses/s")
    with postgres() as url, served(url) as node:
        floor = asyncio.run(copy(url, addresses))
        with imported(node, addresses) as seconds:
            pass
        floor = min(floor, asyncio.run(copy(url, addresses)))
    print(
        f"import of {COUNT:,} on PostgreSQL: {COUNT / seconds:,.0f} addresses/s = {floor / seconds:.2f} of COPY "
        f"({COUNT / floor:,.0f}/s; goal 0.40)"
    )


if __name__ == "__main__":
    main()
