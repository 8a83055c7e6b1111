"""Nodes, databases and callers for the measurements: real processes on this machine's loopback.

The rule here: a measurement starts what it needs and ends it, whatever happens.
"""

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil

from app.domain.address.codecs import base58, bech32
from tests.postgres import OWNER, PostgresServer

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30
PROGRAM = (sys.executable, "-m", "app")
BUDGET = str(10**9)  # requests and rows of a minute: as many as there are


@dataclass(frozen=True, slots=True)
class Prepared:
    """A node that does not serve: its folder, first API key, database, and the environment of its programs."""

    data: Path
    key: str
    database_url: str | None
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Served:
    """A node that serves: its URL, first API key, data folder and process."""

    url: str
    key: str
    data: Path
    process: subprocess.Popen[bytes]
    database_url: str | None

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: list[str], url: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environment or {})})
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError), urlopen(url, timeout=1):
                break
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{command[3:5]} did not start")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def prepared(database_url: str | None = None, **chosen: str) -> Iterator[Prepared]:
    """Prepare a node in a folder of its own, with settings such as `allow_private_peers="true"`."""
    settings = {f"{name}_per_minute": BUDGET for name in ("requests", "look_ups", "screened", "submitted")}
    settings |= {"log_level": "ERROR"} | chosen
    if database_url is not None:
        settings["database_url"] = database_url
    environment = {**os.environ, **{f"WATCHFIRE_{name.upper()}": value for name, value in settings.items()}}
    with tempfile.TemporaryDirectory(prefix="watchfire-bench-") as folder:
        made = subprocess.run(
            [*PROGRAM, "init", "--data", folder, "--json"], cwd=ROOT, env=environment, check=True, capture_output=True
        )
        yield Prepared(Path(folder), json.loads(made.stdout)["api_key"], database_url, environment)


@contextmanager
def serving(node: Prepared) -> Iterator[Served]:
    """Serve a node that is prepared."""
    port = free_port()
    command = [*PROGRAM, "serve", "--data", str(node.data), "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/healthz", node.environment) as process:
        yield Served(f"http://127.0.0.1:{port}", node.key, node.data, process, node.database_url)


@contextmanager
def served(database_url: str | None = None) -> Iterator[Served]:
    """Prepare and serve a node in a folder of its own."""
    with prepared(database_url) as node, serving(node) as server:
        yield server


@contextmanager
def postgres() -> Iterator[str]:
    """Start a durable PostgreSQL (fsync on, as in use) with an empty database; give its URL."""
    with PostgresServer(durable=True) as server:
        server.create_database("bench")
        yield server.url("bench", OWNER)


def made_addresses(count: int, seed: int = 1) -> list[str]:
    """Make valid Bitcoin addresses in the proportions of published ones."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        kind = rng.random()
        if kind < 0.22:
            made.append(base58.encode_check(b"\0" + rng.randbytes(20)))
        elif kind < 0.86:
            made.append(base58.encode_check(b"\5" + rng.randbytes(20)))
        else:
            made.append(bech32.encode("bc", b"\0" + bech32.unpack(rng.randbytes(20)), bech32.BECH32))
    return made


@contextmanager
def imported(node: Served, addresses: list[str]) -> Iterator[float]:
    """Import addresses through the command line; give the seconds it took."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="watchfire-bench-") as file:
        file.write("\n".join(addresses) + "\n")
        file.flush()
        started = time.perf_counter()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "app", "import", file.name, "--chain", "bitcoin", "--category"),
                *("sex_trafficking", "--method", "unspecified", "--confidence", "5", "--tlp", "TLP:CLEAR"),
                *("--audience", "public", "--url", node.url, "--key", node.key, "--json"),
            ],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        seconds = time.perf_counter() - started
        counted = json.loads(done.stdout)
        if counted["accepted"] != len(addresses):
            raise RuntimeError(f"imported {counted}")
        yield seconds
