"""`watchfire doctor`: what is wrong with an installation, in words that say what to do.

The rule here: it changes nothing, it says every fault it can reach, and one fault does not hide another.
"""

import asyncio
import http.client
import json
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.failures import Exit
from app.cli.operating import data_option, json_option, now, read_settings
from app.cli.output import plain, print_document

if TYPE_CHECKING:
    from app.services.examine import Finding
    from app.settings import Settings

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 37)  # window functions, row values, json_each, STRICT
LEAST_DISK = 512 * 1024 * 1024  # bytes: a WAL, a day's reports, and time to react
OTHERS = 0o077  # permission bits of everyone but the owner
PATIENCE = 2  # seconds for this machine's own port to answer


@click.command()
@data_option
@json_option
def doctor(data: Path, as_json: bool) -> int:
    """Look at the whole installation; say what is well, and what to do about what is not."""
    settings = read_settings(data)
    findings = [*_programs(), *_folder(settings), *_database(settings), _port(settings)]
    well = all(finding.ok for finding in findings)
    if as_json:
        rows = [{"name": one.name, "ok": one.ok, "detail": one.sentence} for one in findings]
        print_document({"ok": well, "checks": rows})
    else:
        for one in findings:
            click.echo(f"{'ok   ' if one.ok else 'FAULT'}  {one.name:<12} {plain(one.sentence)}")
    return Exit.DONE if well else Exit.FAILURE


def _finding(name: str, ok: bool, well: str, wrong: str) -> "Finding":
    from app.services.examine import Finding  # noqa: PLC0415 - SQLAlchemy only when a database is opened

    return Finding(name, ok, well if ok else wrong)


def _programs() -> Iterator["Finding"]:
    python = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, OLDEST_PYTHON))
    well = f"Python {python}."
    yield _finding("python", sys.version_info >= OLDEST_PYTHON, well, f"Python is {python}: install {wanted} or newer.")
    found, wanted = sqlite3.sqlite_version, ".".join(map(str, OLDEST_SQLITE))
    wrong = f"SQLite is {found}: use a Python with {wanted} or newer, or PostgreSQL."
    yield _finding("sqlite", sqlite3.sqlite_version_info >= OLDEST_SQLITE, f"SQLite {found}.", wrong)


def _folder(settings: "Settings") -> Iterator["Finding"]:
    from app import bootstrap  # noqa: PLC0415 - SQLAlchemy only when a database is opened
    from app.domain.errors import Unavailable  # noqa: PLC0415

    data = settings.data
    if not data.is_dir():
        yield _finding("folder", False, "", f"There is no folder {data}: run `watchfire init --data {data}`.")  # noqa: FBT003
        return
    closed = not data.stat().st_mode & OTHERS
    yield _finding(
        "folder", closed, f"{data} is closed to others.", f"Others can enter {data}: run `chmod 700 {data}`."
    )
    free = shutil.disk_usage(data).free
    room = f"{free // 1024**2:,} MiB are free."
    wrong = f"Only {room} Make room: a full disk stops every submission."
    yield _finding("disk", free >= LEAST_DISK, room, wrong)
    try:
        bootstrap.read_key_file(settings)
    except Unavailable as error:
        yield _finding("key file", False, "", error.detail)  # noqa: FBT003
    else:
        yield _finding("key file", True, "The key file is whole, and its owner's alone. Is it in the backup?", "")  # noqa: FBT003


def _database(settings: "Settings") -> list["Finding"]:
    from app.services.examine import examine  # noqa: PLC0415

    if settings.database_url is None and not (settings.data / "watchfire.db").exists():
        wrong = f"There is no database in {settings.data}: run `watchfire init --data {settings.data}`."
        return [_finding("database", False, "", wrong)]  # noqa: FBT003
    return asyncio.run(examine(settings.store_url, now()))


def _port(settings: "Settings") -> "Finding":
    """Try the port: free, or held by this very node."""
    place = f"{settings.host} port {settings.port}"
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.host, settings.port))
        except OSError as error:
            served = _serving_node(settings)
            well = f"This node is serving at {place}."
            wrong = f"{place} cannot be used ({error.strerror}): stop what holds it, or choose --port."
            return _finding("port", served is not None and served == _own_id(settings), well, wrong)
    return _finding("port", True, f"{place} is free; no node is serving there.", "")  # noqa: FBT003


def _serving_node(settings: "Settings") -> str | None:
    """Ask whatever holds the port for its id; no proxy stands between a machine and itself."""
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/v1/node")
        answer = json.loads(connection.getresponse().read(65_536))
        return str(answer["id"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def _own_id(settings: "Settings") -> str | None:
    from app import bootstrap  # noqa: PLC0415
    from app.domain import signing  # noqa: PLC0415
    from app.domain.errors import Unavailable  # noqa: PLC0415

    try:
        held = bootstrap.read_key_file(settings)
    except Unavailable:
        return None
    return signing.node_id(signing.public_key(bytes.fromhex(held["seed"])))
