"""Federation between two real nodes on PostgreSQL: how fast one gets all, in how much memory, and in how many bytes.

One node serves (`watchfire serve`), the other pulls by a process of its own (`watchfire sync`); what a second run of
that takes, which finds nothing new, is the start of the program, and is not counted. Every page is verified and durable
before it counts, as in use. Floors of the same run: COPY of the same indicator rows into the same table with its
indexes, and Ed25519 verifications on one core. Memory is the greatest resident size of each of the two processes, for a
log of a quarter of the size and for the whole, each into an empty database.

WATCHFIRE_BENCH_PART=20 takes a twentieth of all counts, to see that it runs. For comparison, measured before: medallion
pages 4,000 records at 70/s and cannot page 10,000 at all.
"""

import asyncio
import http.client
import itertools
import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psutil

from app.domain import checkpoint, page, signing
from app.domain.signing import Envelope
from app.services import peer_tokens
from benchmarks import filling
from benchmarks.bulk_import import copy
from benchmarks.servers import PROGRAM, ROOT, Prepared, Served, imported, made_addresses, prepared, serving
from tests.postgres import OWNER, PostgresServer

PART = int(os.environ.get("WATCHFIRE_BENCH_PART", "1"))
FULL = 300_000 // PART  # addresses in full reports
SINGLE = 100_000 // PART  # reports of one address
LOGS = 1_000 // PART
SEEN = 20  # new records, one after the other
SMALLER = 4  # the smaller size is this part of the whole
VERIFIED = 10_000  # signatures of the floor
SAMPLE_SECONDS = 0.02
PAUSE = 0.002  # seconds between looks for a new record
MIB = 1024 * 1024
MEDALLION = "medallion: 4,000 records at 70/s; it cannot page 10,000 at all"


@dataclass(frozen=True, slots=True)
class Pull:
    """One run of `watchfire sync`: its seconds, the entries it took, and the peaks of memory in MiB."""

    seconds: float
    entries: int
    server: float
    puller: float


class Peaks:
    """Watches the resident size of processes, and keeps the greatest of each in MiB."""

    def __init__(self, *pids: int) -> None:
        self.most = dict.fromkeys(pids, 0.0)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            for pid in self.most:
                try:
                    self.most[pid] = max(self.most[pid], psutil.Process(pid).memory_info().rss / MIB)
                except psutil.Error:
                    continue


class Bench:
    """One PostgreSQL with a new database for each node."""

    def __init__(self, postgres: PostgresServer) -> None:
        self._postgres = postgres
        self._numbers = itertools.count(1)

    @contextmanager
    def node(self) -> Iterator[Prepared]:
        name = f"node{next(self._numbers)}"
        self._postgres.create_database(name)
        with prepared(self._postgres.url(name, OWNER), allow_private_peers="true") as made:
            yield made
        self._postgres.drop_database(name)


def pull(puller: Prepared, source: Served) -> Pull:
    """Pull until nothing is missing."""
    command = [*PROGRAM, "sync", "--once", "--json", "--data", str(puller.data)]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=puller.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with Peaks(source.process.pid, process.pid) as peaks:
        said, words = process.communicate()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(words.decode())
    (row,) = json.loads(said)["peers"]
    if row["refused"] or row["accepted"] != row["entries"]:
        raise RuntimeError(f"pulled {row}")
    return Pull(seconds, row["entries"], peaks.most[source.process.pid], peaks.most[process.pid])


def pulled_at_two_sizes(
    bench: Bench, source: Prepared, addresses: Sequence[str], fill: Callable[[Served, Sequence[str], int], object]
) -> list[Pull]:
    """Pull a log of a part of the addresses, then one of all, each from its beginning into an empty database."""
    pulls = []
    part = len(addresses) // SMALLER
    for number, more in enumerate((addresses[:part], addresses[part:])):
        with serving(source) as server:
            fill(server, more, number)
        with serving(source) as server, bench.node() as puller:
            asyncio.run(filling.join(puller, server))
            pulls.append(pull_all(puller, server))
    return pulls


def pull_all(puller: Prepared, source: Served) -> Pull:
    """Pull until nothing is missing, and leave out of the seconds what a program takes that has nothing to do."""
    done, idle = pull(puller, source), pull(puller, source)
    if idle.entries:
        raise RuntimeError(f"{idle.entries} entries came after all had come")
    return replace(done, seconds=done.seconds - idle.seconds)


def tell_memory(smaller: Pull, whole: Pull) -> None:
    print(
        f"  memory of logs of {smaller.entries:,} and {whole.entries:,} entries: server {smaller.server:.0f} and "
        f"{whole.server:.0f} MiB, puller {smaller.puller:.0f} and {whole.puller:.0f} MiB (goal 300, and flat)"
    )


def measure_full(bench: Bench) -> None:
    def fill(server: Served, addresses: Sequence[str], _: int) -> None:
        with imported(server, list(addresses)):
            asyncio.run(filling.wait_until_sequenced(server))

    addresses = made_addresses(FULL)
    with bench.node() as source:
        url = source.database_url or ""
        floor = asyncio.run(copy(url, addresses))
        smaller, whole = pulled_at_two_sizes(bench, source, addresses, fill)
        floor = min(floor, asyncio.run(copy(url, addresses)))
    print(
        f"initial sync of {FULL:,} addresses in full reports: {FULL / whole.seconds:,.0f} indicators/s "
        f"= {floor / whole.seconds:.2f} of COPY ({FULL / floor:,.0f}/s; goal 20,000)"
    )
    tell_memory(smaller, whole)


def measure_singles(bench: Bench) -> None:
    last: list[Envelope] = []

    def fill(server: Served, addresses: Sequence[str], seed: int) -> None:
        last[:] = asyncio.run(filling.fill_singles(server, addresses, seed))

    with bench.node() as source:
        smaller, whole = pulled_at_two_sizes(bench, source, made_addresses(SINGLE, seed=2), fill)
        with serving(source) as server, bench.node() as reader:
            asyncio.run(filling.join(reader, server))
            size, rate = read_pages(reader, server, whole.entries)
        key = asyncio.run(filling.key_of(source))
    floor = verifications(last, key)
    print(
        f"initial sync of {SINGLE:,} reports of one address: {SINGLE / whole.seconds:,.0f} records/s "
        f"= {SINGLE / whole.seconds / floor:.2f} of bare Ed25519 verifications ({floor:,.0f}/s; goal 3,000)"
    )
    print(f"  {MEDALLION}")
    tell_memory(smaller, whole)
    print(
        f"  on the wire with zstd: {size:.0f} bytes a record (goal 350); read and not taken in: {rate:,.0f} records/s"
    )


def verifications(envelopes: Sequence[Envelope], key: bytes) -> float:
    """Give how many signatures one core verifies in a second."""
    some = list(itertools.islice(itertools.cycle(envelopes), VERIFIED // PART))
    started = time.perf_counter()
    for envelope in some:
        signing.check_signature(envelope.payload, envelope.signature, key)
    return len(some) / (time.perf_counter() - started)


def read_pages(reader: Prepared, source: Served, size: int) -> tuple[float, float]:
    """Read all pages of the public log one after the other; give the bytes of an entry, and entries in a second."""
    pages = asyncio.run(ask_for_pages(reader, source, size))
    began, read = time.perf_counter(), 0
    for asked in pages:
        with urlopen(asked) as answer:
            read += len(answer.read())
    return read / size, size / (time.perf_counter() - began)


async def ask_for_pages(reader: Prepared, source: Served, size: int) -> list[Request]:
    async with filling.opened(reader) as node, filling.opened(source) as other:
        origin = other.identity.node_id
        log_id, pages = checkpoint.log_id(origin, "public", 1), []
        for start in range(0, size, page.MAX_PAGE_ENTRIES):
            target = f"/federation/v1/logs/{log_id}/entries?from={start}"
            token = peer_tokens.mint(node, origin, "GET", target, b"", filling.now())
            headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "zstd"}
            pages.append(Request(source.url + target, headers=headers))
    return pages


def measure_logs(bench: Bench) -> None:
    with bench.node() as source, bench.node() as puller, serving(source) as server:
        asyncio.run(filling.join(puller, server))
        asyncio.run(filling.fill_logs(server, asyncio.run(filling.operator_of(puller)), made_addresses(LOGS, seed=3)))
        first = pull(puller, server)
        before = requests(server)
        second = pull(puller, server)
        asked = requests(server) - before
    if second.entries:
        raise RuntimeError(f"{second.entries} entries came after all had come")
    print(
        f"first sync of {LOGS:,} logs of {first.entries / LOGS:.0f} entries: {first.seconds:.1f} s; nothing changed "
        f"in {LOGS:,} logs: {asked:.0f} request (goal 1), {second.seconds:.1f} s with the start of the program"
    )


def requests(server: Served) -> float:
    """Count what other nodes have asked of a node."""
    with urlopen(f"{server.url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    of_nodes = [line for line in lines if line.startswith("watchfire_requests_total") and "/federation/" in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in of_nodes)


def measure_one(bench: Bench) -> None:
    with bench.node() as source, bench.node() as puller, serving(source) as server, serving(puller) as peer:
        asyncio.run(filling.join(peer, server))
        seconds = list(seen_after(server, peer, made_addresses(SEEN + 1, seed=4)))[1:]
    seconds.sort()
    print(
        f"one new record, from sending it to seeing it at the peer: {statistics.median(seconds) * 1000:.0f} ms in the "
        f"median of {SEEN}, {seconds[int(SEEN * 0.95) - 1] * 1000:.0f} ms at p95 (goal 200)"
    )


def seen_after(source: Served, peer: Served, addresses: Sequence[str]) -> Iterator[float]:
    """Submit reports here, and ask for each there until it is listed; give the seconds of each."""
    here, there = (http.client.HTTPConnection(urlsplit(node.url).netloc) for node in (source, peer))
    for address in addresses:
        time.sleep(0.5)  # so that the peer waits again
        body = filling.claim(address) | {"tlp": "TLP:CLEAR", "audience": {"kind": "public"}}
        started = time.perf_counter()
        ask(here, source, "POST", "/v1/reports", json.dumps(body))
        while ask(there, peer, "GET", f"/v1/addresses/{address}?chain=bitcoin")["status"] != "listed":
            time.sleep(PAUSE)
        yield time.perf_counter() - started


def ask(connection: http.client.HTTPConnection, node: Served, method: str, path: str, body: str = "") -> dict[str, str]:
    headers = {"Authorization": f"Bearer {node.key}", "Content-Type": "application/json"}
    connection.request(method, path, body or None, headers if body else {"Authorization": headers["Authorization"]})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{path} was answered with {answer.status}: {content[:500]!r}")
    said: dict[str, str] = json.loads(content)
    return said


def main() -> None:
    with PostgresServer(durable=True) as postgres:
        bench = Bench(postgres)
        for measure in (measure_full, measure_singles, measure_logs, measure_one):
            measure(bench)


if __name__ == "__main__":
    main()
