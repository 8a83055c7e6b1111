"""The doctor finds each fault of an installation, and says what to do about it."""

import asyncio
import json
import os
import shutil
import socket
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from app.cli import doctor as command
from app.cli import run
from app.services.examine import examine
from tests.postgres import APP, OWNER, SUPERUSER


@pytest.fixture
def data(tmp_path, monkeypatch, capsys):
    for name in list(os.environ):
        if name.startswith("WATCHFIRE_") and not name.startswith("WATCHFIRE_TEST"):
            monkeypatch.delenv(name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WATCHFIRE_PORT", str(probe.getsockname()[1]))
    assert run(["init", "--data", str(tmp_path / "node")]) == 0
    capsys.readouterr()
    return tmp_path / "node"


@pytest.fixture
def consult(capsys, data):
    """Ask the doctor; give the sentences of what is wrong, by name."""

    def call():
        code = run(["doctor", "--data", str(data), "--json"])
        said = json.loads(capsys.readouterr().out)
        assert said["ok"] == (code == 0)
        return {row["name"]: row["detail"] for row in said["checks"] if not row["ok"]}

    return call


def cut(data, *statements):
    knife = sqlite3.connect(data / "watchfire.db")
    with knife:
        for statement in statements:
            knife.execute(statement)
    knife.close()


def test_a_sound_installation_is_well(consult, data, capsys):
    assert consult() == {}
    assert run(["doctor", "--data", str(data)]) == 0
    assert "ok     schema" in capsys.readouterr().out


def test_the_key_file(consult, data):
    place = data / "node.json"
    kept = place.read_text()
    place.chmod(0o644)
    assert "chmod 600" in consult()["key file"]
    place.chmod(0o600)
    place.write_text("{}")
    assert "damaged" in consult()["key file"]
    place.write_text(kept[:40])
    assert "backup" in consult()["key file"]
    place.unlink()
    assert set(consult()) == {"key file"}


def test_the_folder(consult, data):
    data.chmod(0o755)
    assert "chmod 700" in consult()["folder"]
    shutil.rmtree(data)
    found = consult()
    assert "watchfire init" in found["folder"]
    assert "watchfire init" in found["database"]


def test_the_disk_and_the_programs(consult, monkeypatch):
    monkeypatch.setattr(command, "LEAST_DISK", 2**62)
    monkeypatch.setattr(command, "OLDEST_PYTHON", (4, 0))
    monkeypatch.setattr(command, "OLDEST_SQLITE", (4, 0))
    assert set(consult()) == {"disk", "python", "sqlite"}


def test_the_schema(consult, data):
    cut(data, "UPDATE alembic_version SET version_num = '0000'")
    assert "watchfire migrate" in consult()["schema"]
    cut(data, "DELETE FROM alembic_version")
    assert "empty" in consult()["schema"]


def test_protections_and_drift(consult, data):
    cut(data, "DROP TRIGGER audit_refuses_delete", "ALTER TABLE groups ADD COLUMN colour TEXT")
    found = consult()
    assert "audit_refuses_delete" in found["insert-only"]
    assert "colour" in found["drift"]


def test_a_database_that_is_none(consult, data):
    (data / "watchfire.db").write_text(
        "This is not a database, and it is longer than a header of one hundred bytes." * 9
    )
    for name in ("watchfire.db-wal", "watchfire.db-shm"):
        (data / name).unlink(missing_ok=True)
    assert "cannot be opened" in consult()["database"]


def test_what_is_owed_too_long(consult, data):
    cut(
        data,
        "INSERT INTO audit_pending (organization_id, at, principal, deed, outcome, count) "
        "VALUES (x'01a203d2cf0e7d0f9a22063c2209c796', 0, 'x', 'x', 'done', 1)",
    )
    assert "watchfire serve" in consult()["owed"]


def test_a_clock_that_went_back(data):
    assert (
        run(
            [
                "group",
                "add",
                "G",
                "--member",
                json.loads((data / "node.json").read_text())["operator"],
                "--data",
                str(data),
            ]
        )
        == 0
    )
    early = datetime.now(UTC) - timedelta(days=1)
    findings = asyncio.run(examine(f"sqlite+aiosqlite:///{data / 'watchfire.db'}", early))
    assert [finding.name for finding in findings if not finding.ok] == ["clock"]


def test_a_port_that_somebody_else_has(consult, monkeypatch):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        monkeypatch.setattr(command, "PATIENCE", 0.2)
        monkeypatch.setenv("WATCHFIRE_PORT", str(holder.getsockname()[1]))
        assert "--port" in consult()["port"]


@pytest.fixture
def postgresql(data, monkeypatch, postgres_server, capsys):
    """Prepare the node anew on PostgreSQL; give the database's name."""
    shutil.rmtree(data)
    name = f"doctor_{os.getpid()}"
    postgres_server.create_database(name)
    monkeypatch.setenv("WATCHFIRE_DATABASE_URL", postgres_server.url(name, APP))
    monkeypatch.setenv("WATCHFIRE_OWNER_DATABASE_URL", postgres_server.url(name, OWNER))
    assert run(["init", "--data", str(data)]) == 0
    capsys.readouterr()
    yield name
    postgres_server.drop_database(name)


def test_the_roles_of_postgresql(postgresql, consult, postgres_server, monkeypatch):
    assert consult() == {}
    postgres_server.execute(f"REVOKE INSERT ON records FROM {APP}", postgresql)
    assert "INSERT on records" in consult()["rights"]
    postgres_server.execute(f"GRANT INSERT ON records TO {APP}; GRANT DELETE ON audit TO {APP}", postgresql)
    assert "DELETE on audit" in consult()["power"]
    postgres_server.execute("ALTER TABLE audit DISABLE TRIGGER refuses_change", postgresql)
    assert "audit.refuses_change" in consult()["insert-only"]
    monkeypatch.setenv("WATCHFIRE_DATABASE_URL", postgres_server.url(postgresql, SUPERUSER))
    assert "superuser" in consult()["power"]
    monkeypatch.setenv("WATCHFIRE_DATABASE_URL", "postgresql+asyncpg://nobody@127.0.0.1:1/none")
    assert "cannot be opened" in consult()["database"]


def test_a_database_whose_clock_differs(postgresql, postgres_server):
    late = datetime.now(UTC) + timedelta(minutes=5)
    findings = asyncio.run(examine(postgres_server.url(postgresql, APP), late))
    assert "NTP" in next(finding.sentence for finding in findings if finding.name == "clock")
