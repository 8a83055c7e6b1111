"""The server under the tests must itself be trusted: roles as in production, no loss, nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.postgres import APP, OWNER, SUPERUSER, PostgresError, PostgresServer, find_programs, is_alive

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(postgres_server):
    postgres_server.create_database("probe")
    yield "probe"
    postgres_server.drop_database("probe")


async def query(server, sql, database="postgres", role=APP):
    connection = await asyncpg.connect(server.dsn(database, role))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_the_owner_makes_tables_and_the_app_may_not(postgres_server, database):
    await query(postgres_server, "CREATE TABLE flags (address text)", database, OWNER)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await query(postgres_server, "CREATE TABLE others (address text)", database, APP)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await query(postgres_server, "SELECT count(*) FROM flags", database, APP)


@pytest.mark.parametrize("role", [OWNER, APP])
async def test_neither_role_is_above_row_level_security(postgres_server, role):
    powers = (
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    assert await query(postgres_server, powers, role=role) is False


async def test_a_copy_of_a_template_has_its_rows(postgres_server, database):
    await query(postgres_server, "CREATE TABLE flags AS SELECT generate_series(1, 5) AS n", database, OWNER)
    postgres_server.create_database("copy", template=database)
    assert await query(postgres_server, "SELECT count(*) FROM flags", "copy", OWNER) == 5
    postgres_server.drop_database("copy")
    postgres_server.drop_database("copy")


@pytest.mark.parametrize(
    "programs", find_programs(), ids=lambda found: f"{found.version}-{'wheel' if found.parts else 'system'}"
)
async def test_a_commit_outlives_every_kind_of_end(programs):
    with PostgresServer(durable=True, programs=programs) as server:
        await query(server, "CREATE TABLE deeds (n int)", role=SUPERUSER)
        for n, end in enumerate([server.kill, lambda: server.stop(immediate=True), server.stop]):
            await query(server, f"INSERT INTO deeds VALUES ({n})", role=SUPERUSER)
            end()
            assert server.pid is None
            server.start()
            assert await query(server, "SELECT count(*) FROM deeds", role=SUPERUSER) == n + 1
        assert await query(server, "SHOW fsync") == "on"
        folder, pid = server.folder, server.pid
    assert not folder.exists()
    assert not psutil.pid_exists(pid)


async def test_a_crash_leaves_no_process(postgres_server):
    with PostgresServer() as server:
        connection = await asyncpg.connect(server.dsn("postgres"))
        processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        assert len(processes) > 3
        server.kill()
        assert [process for process in processes if is_alive(process)] == []
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=1)


def test_when_the_tests_are_killed_the_server_goes_too(tmp_path):
    """Not even SIGKILL of the test run, where no finalizer runs, leaves a server or its files."""
    program = textwrap.dedent("""
        from tests.postgres import PostgresServer
        server = PostgresServer().start()
        print(server.pid, server.folder, flush=True)
        input()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:
        pid, folder = victim.stdout.readline().split()
        server = psutil.Process(int(pid))
        os.kill(victim.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while (is_alive(server) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(server)
    assert not Path(folder).exists()


def test_a_setting_reaches_the_server_and_a_wrong_one_tells_why():
    with PostgresServer(settings={"work_mem": "7MB"}) as server:
        assert server.execute("SHOW work_mem") == "7MB"
        with pytest.raises(PostgresError, match="no_such_table"):
            server.execute("SELECT * FROM no_such_table")
    with pytest.raises(PostgresError, match="no_such_setting"):
        PostgresServer(settings={"no_such_setting": "1"}).start()
