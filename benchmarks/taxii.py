"""TAXII: how fast a collection is read page by page, whether its end is as quick as its beginning, in how much memory.

The node is served (`watchfire serve`) on PostgreSQL; one client reads one page after the other on one connection, so
one core works: objects in a second are of the clock, and of the seconds that the server's process computed. The first
and the last pages are those of the same walk. Floor of the same run: the bytes of the same pages, sent by a bare server
of the standard library. Memory is the greatest resident size of the server, for a quarter of the indicators and for
all.

medallion (memory backend) and OpenTAXII (SQLite, as it comes) are given as many of the same objects as each can page in
bearable time, each by its own server, asked by the same client.

WATCHFIRE_BENCH_PART=20 takes a twentieth of all counts, to see that it runs.
"""

import asyncio
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil

from app.domain.timestamps import format_time
from benchmarks import filling
from benchmarks.federation import Peaks
from benchmarks.servers import free_port, imported, made_addresses, prepared, serving
from tests.opentaxii_server import serve_opentaxii
from tests.postgres import OWNER, PostgresServer

PART = int(os.environ.get("WATCHFIRE_BENCH_PART", "1"))
INDICATORS = 300_000 // PART
SMALLER = 4  # the smaller size is this part of the whole
OTHERS = {"medallion": 4_000 // PART, "OpenTAXII": 20_000 // PART}  # objects
LIMIT = 1_000  # objects of a page
ENDS = max(3, 20 // PART)  # pages at each end that are compared
TYPE = "application/taxii+json;version=2.1"
COLLECTION = "11111111-1111-4111-8111-111111111111"


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk through a collection: seconds of each page, objects, bytes, and computed seconds of the server."""

    seconds: list[float]
    objects: int
    bytes: int
    cpu: float
    memory: float

    @property
    def rate(self) -> float:
        return self.objects / sum(self.seconds)

    @property
    def last_to_first(self) -> float:
        """The last pages' median against the first ones'; the very last is short, and left out."""
        ends = min(ENDS, len(self.seconds) // 3 or 1)
        full = self.seconds[:-1] or self.seconds
        return statistics.median(full[-ends:]) / statistics.median(full[:ends])


def walk(url: str, authorization: str, pid: int, kept: list[bytes] | None = None) -> Walk:
    """Read a collection from its beginning to its end, as clients do; keep the pages' bytes for the floor."""
    place, process = urlsplit(url), psutil.Process(pid)
    connection = http.client.HTTPConnection(place.netloc, timeout=600)
    headers = {"Accept": TYPE, "Authorization": authorization}
    seconds, objects, size, cursor = [], 0, 0, ""
    before = process.cpu_times()
    with Peaks(pid) as peaks:
        while True:
            query = f"?limit={LIMIT}" + (f"&next={quote(cursor, safe='')}" if cursor else "")
            began = time.perf_counter()
            connection.request("GET", place.path + query, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            seconds.append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{url} was answered with {answer.status}: {content[:300]!r}")
            page: dict[str, Any] = json.loads(content)
            objects += len(page.get("objects", ()))
            size += len(content)
            if kept is not None and len(kept) < ENDS:
                kept.append(content)
            cursor = page.get("next", "") if page.get("more") else ""
            if not cursor:
                break
    after = process.cpu_times()
    connection.close()
    computed = float(after.user + after.system - before.user - before.system)
    return Walk(seconds, objects, size, computed, peaks.most[pid])


def measure_watchfire() -> list[bytes]:
    """Measure the node; give some of its pages."""
    addresses = made_addresses(INDICATORS)
    pages: list[bytes] = []
    part = len(addresses) // SMALLER
    walks: list[Walk] = []
    with PostgresServer(durable=True) as postgres:
        postgres.create_database("bench")
        with prepared(postgres.url("bench", OWNER)) as node:
            for more in (addresses[:part], addresses[part:]):
                with serving(node) as server, imported(server, more):
                    asyncio.run(filling.wait_until_sequenced(server))
                with serving(node) as server:
                    url = f"{server.url}/taxii2/watchfire/collections/all/objects/"
                    walks.append(walk(url, f"Bearer {server.key}", server.process.pid, pages))
    smaller, whole = walks
    floor = bare(pages)
    rate = whole.bytes / sum(whole.seconds)
    print(
        f"{INDICATORS:,} indicators by TAXII, pages of {LIMIT:,}: {whole.objects:,} objects, {whole.rate:,.0f} a "
        f"second (goal 5,000), {whole.objects / max(whole.cpu, 0.01):,.0f} for each second that the server computed "
        f"= {rate / floor:.2f} of bare sending"
    )
    print(f"  last pages against first ones: {whole.last_to_first:.2f} (goal at most 1.3)")
    print(f"  memory for {part:,} and {INDICATORS:,} indicators: {smaller.memory:.0f} and {whole.memory:.0f} MiB")
    return pages


def bare(pages: Sequence[bytes]) -> float:
    """Give how many bytes a second a bare server sends of the same pages, read and parsed by the same client."""

    class Bare(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        number = 0

        def do_GET(self) -> None:
            content = pages[Bare.number % len(pages)]
            Bare.number += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Bare)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    try:
        began, size = time.perf_counter(), 0
        for _ in range(4 * len(pages)):
            connection.request("GET", "/")
            content = connection.getresponse().read()
            json.loads(content)
            size += len(content)
        return size / (time.perf_counter() - began)
    finally:
        connection.close()
        server.shutdown()
        thread.join()
        server.server_close()


def objects_of(pages: Sequence[bytes], count: int) -> list[dict[str, Any]]:
    """Make that many objects of those in pages, each with an id of its own."""
    known = [item for content in pages for item in json.loads(content)["objects"]]
    made = []
    for number in range(count):
        item = known[number % len(known)]
        kind = item["id"].partition("--")[0]
        moment = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
        made.append({**item, **moment, "id": f"{kind}--{number:08x}-0000-4000-8000-000000000000"})
    return made


@contextmanager
def medallion(objects: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, int]]:
    """Serve objects by medallion's memory backend."""
    port = free_port()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    added = [format_time(start + timedelta(microseconds=number)) for number in range(len(objects))]
    media_type = "application/stix+json;version=2.1"
    manifest = [
        {"id": item["id"], "date_added": moment, "version": item["modified"], "media_type": media_type}
        for item, moment in zip(objects, added, strict=True)
    ]
    stored = [{**item, "_date_added": moment} for item, moment in zip(objects, added, strict=True)]
    rights = {"can_read": True, "can_write": True, "media_types": [media_type]}
    collection = {
        "id": COLLECTION,
        "title": "bench",
        **rights,
        "manifest": manifest,
        "objects": stored,
        "responses": {},
    }
    root = f"http://127.0.0.1:{port}/bench/"
    data = {
        "/discovery": {"title": "bench", "default": root, "api_roots": [root]},
        "bench": {
            "information": {"title": "bench", "versions": [TYPE], "max_content_length": 10**9},
            "status": [],
            "collections": [collection],
        },
    }
    with tempfile.TemporaryDirectory(prefix="watchfire-bench-") as folder:
        Path(folder, "data.json").write_text(json.dumps(data))
        config = {
            "backend": {
                "module": "medallion.backends.memory_backend",
                "module_class": "MemoryBackend",
                "filename": f"{folder}/data.json",
            },
            "users": {"bench": "bench"},
            "taxii": {"max_page_size": LIMIT},
        }
        Path(folder, "config.json").write_text(json.dumps(config))
        program = [sys.executable, "-m", "medallion.scripts.run", "--port", str(port), f"{folder}/config.json"]
        with others(program, port) as pid:
            yield f"{root}collections/{COLLECTION}/objects/", f"Basic {b64encode(b'bench:bench').decode()}", pid


@contextmanager
def opentaxii(objects: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, int]]:
    """Serve objects by OpenTAXII on SQLite."""
    with serve_opentaxii(objects) as others:
        yield others.objects, "", others.pid


@contextmanager
def others(program: list[str], port: int) -> Iterator[int]:
    """Run another program's server until it listens."""
    process = psutil.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not is_open(port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{program[1:4]} did not start")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def is_open(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.connect()
    except OSError:
        return False
    connection.close()
    return True


def measure_others(pages: Sequence[bytes]) -> None:
    for name, serve in (("medallion", medallion), ("OpenTAXII", opentaxii)):
        count = OTHERS[name]
        try:
            with serve(objects_of(pages, count)) as (url, authorization, pid):
                done = walk(url, authorization, pid)
        except (RuntimeError, OSError, http.client.HTTPException) as error:
            print(f"  {name}: cannot page {count:,} objects: {str(error)[:200]}")
            continue
        print(
            f"  {name}: {done.objects:,} of {count:,} objects, {done.rate:,.0f} a second, last pages against first "
            f"ones {done.last_to_first:.2f}, memory {done.memory:.0f} MiB"
        )


def main() -> None:
    measure_others(measure_watchfire())


if __name__ == "__main__":
    main()
