"""An operator's day: prepare a node, serve it, show it, migrate it, verify its logs."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from app.cli import COMMANDS, run
from tests.postgres import APP, OWNER

ROOT = Path(__file__).parents[2]
HEAVY = ("sqlalchemy", "alembic", "fastapi", "pydantic", "uvicorn", "httpx", "rich", "nacl")
OPERATOR = (
    "init",
    "serve",
    "node",
    "migrate",
    "doctor",
    "openapi",
    "log",
    "organization",
    "credential",
    "key",
    "group",
)
START_SECONDS = 60


@pytest.fixture(autouse=True)
def only_what_is_said(monkeypatch):
    for name in list(os.environ):
        if name.startswith("WATCHFIRE_") and not name.startswith("WATCHFIRE_TEST"):
            monkeypatch.delenv(name)


@pytest.fixture
def say(capsys):
    """Run a command; give its exit code, stdout and stderr."""

    def call(*words):
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def ask(say):
    """Run a command with --json that must succeed; give its document."""

    def call(*words):
        code, out, err = say(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


def test_init_prepares_a_node_and_shows_the_key_once(ask, say, tmp_path):
    data = tmp_path / "node"
    made = ask("init", "--data", data, "--name", "Home")
    assert {"node", "data", "organization", "api_key"} <= set(made)
    assert made["api_key"] == (data / "first-api-key").read_text().strip()
    assert stat.S_IMODE((data / "node.json").stat().st_mode) == 0o600
    code, _, err = say("init", "--data", data)
    assert code == 5
    assert "prepared already" in err
    again = ask("init", "--data", data, "--if-absent")
    assert (again["node"], again["organization"], again["api_key"]) == (made["node"], made["organization"], None)
    assert again["api_key_file"] == str(data / "first-api-key")


def test_init_says_what_to_keep_and_what_to_paste(say, tmp_path):
    code, out, _ = say("init", "--data", tmp_path / "node")
    assert code == 0
    secret = (tmp_path / "node" / "first-api-key").read_text().strip()
    for word in (
        "fingerprint",
        "back it up",
        "node.json",
        "export WATCHFIRE_API_KEY=$(cat ",
        "/v1/addresses/",
        "-d '{",
    ):
        assert word in out
    code, again, _ = say("init", "--data", tmp_path / "node", "--if-absent")
    assert code == 0
    assert "prepared before" in again
    assert secret not in out + again


def test_node_is_shown(ask, say, tmp_path):
    made = ask("init", "--data", tmp_path / "node")
    shown = ask("node", "--data", tmp_path / "node")
    assert shown["id"] == made["node"]
    assert shown["fingerprint"] == made["fingerprint"]
    assert shown["url"] == "http://127.0.0.1:8000"
    assert made["fingerprint"] in say("node", "--data", tmp_path / "node")[1]


def test_without_a_node_a_command_says_how_to_make_one(say, tmp_path):
    for words in (["node"], ["serve"], ["migrate"], ["log", "verify"], ["organization", "list"], ["key", "add"]):
        code, out, err = say(*words, "--data", tmp_path / "none")
        assert code in {1, 7}
        assert "watchfire init" in err
        assert out == ""


def test_a_bad_setting_is_one_sentence(say, tmp_path, monkeypatch):
    monkeypatch.setenv("WATCHFIRE_PORT", "many")
    code, _, err = say("node", "--data", tmp_path)
    assert code == 2
    assert "WATCHFIRE_PORT" in err


def test_logs_verify_and_a_change_is_named(ask, say, tmp_path):
    data = tmp_path / "node"
    ask("init", "--data", data)
    member = ask("organization", "add", "Aid", "--kind", "ngo", "--data", data)["id"]
    group = ask("group", "add", "Circle", "--member", member, "--data", data)["id"]
    verdict = ask("log", "verify", "--data", data)
    assert (verdict["ok"], verdict["logs"], verdict["entries"], verdict["faults"]) == (True, 1, 2, [])
    assert [row["audience"] for row in ask("log", "list", "--data", data)["logs"]] == []
    assert "Everything verifies." in say("log", "verify", "--data", data)[1]
    knife = sqlite3.connect(data / "watchfire.db")
    with knife:
        knife.execute("UPDATE records SET tlp = 'TLP:CLEAR' WHERE kind = 'group'")
    knife.close()
    code, out, _ = say("log", "verify", "--data", data, "--json")
    assert code == 1
    (fault,) = json.loads(out)["faults"]
    assert set(fault) == {"log", "index", "record", "reason"}
    assert "records.tlp" in fault["reason"]
    code, out, _ = say("log", "verify", "--data", data)
    assert code == 1
    assert "fault: log" in out
    assert group


def test_the_api_document_is_written_and_compared(say, tmp_path):
    place = tmp_path / "api.json"
    assert say("openapi", "--check", "-o", place)[0] == 1
    assert say("openapi", "-o", place)[0] == 0
    assert say("openapi", "--check", "-o", place)[0] == 0
    text = place.read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert say("openapi", "-o", "-")[1] == text
    place.write_text(text + " ")
    assert say("openapi", "--check", "-o", place)[0] == 1


@pytest.mark.parametrize(
    "words", [[], *([name] for name in OPERATOR), ["log", "verify"], ["key", "new"], ["group", "add"]]
)
def test_help_imports_nothing_heavy(words):
    program = (
        "import sys; from app.cli import run; "
        f"code = run({[*words, '--help']!r}); found = [m for m in {HEAVY!r} if m in sys.modules]; "
        "sys.exit(f'{code} {found}' if code or found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Usage: watchfire" in done.stdout


def test_every_operator_command_is_where_the_table_says():
    assert {name for name in COMMANDS if name in OPERATOR} == set(OPERATOR)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(data, port, **environment):
    words = [sys.executable, "-m", "app", "serve", "--data", str(data), "--port", str(port)]
    return subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ | environment)


def get(port, path, key=None):
    request = Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {key}"} if key else {})
    with build_opener(ProxyHandler({})).open(request, timeout=5) as answer:
        return answer.status, dict(answer.headers), answer.read()


def wait_until_ready(server, port):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return get(port, "/readyz")
        except OSError:
            time.sleep(0.05)
    server.kill()
    raise AssertionError(server.stderr.read())


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_ends_in_order(ask, say, tmp_path, stop):
    data, port = tmp_path / "node", free_port()
    made = ask("init", "--data", data)
    server = start(data, port)
    try:
        status, headers, _ = wait_until_ready(server, port)
        assert status == 200
        assert "server" not in {name.lower() for name in headers}
        status, _, body = get(port, "/v1/addresses/bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", made["api_key"])
        assert (status, json.loads(body)["status"]) == (200, "not_listed")
        code, _, err = say("serve", "--data", data, "--port", port)
        assert code == 1
        assert "Cannot listen" in err
        os.environ["WATCHFIRE_PORT"] = str(port)
        assert say("doctor", "--data", data)[0] == 0, say("doctor", "--data", data)[1]
    finally:
        os.environ.pop("WATCHFIRE_PORT", None)
        server.send_signal(stop)
        assert server.wait(30) == 0
        said = server.stderr.read()
        server.stderr.close()
    assert "Traceback" not in said
    assert made["api_key"] not in said


def test_serve_refuses_a_url_that_is_none(say, tmp_path):
    assert say("serve", "--data", tmp_path, "--url", "example.org")[0] == 2


def test_on_postgresql_the_owner_migrates_and_the_application_serves(ask, say, tmp_path, postgres_server, monkeypatch):
    name = f"operator_{os.getpid()}"
    postgres_server.create_database(name)
    monkeypatch.setenv("WATCHFIRE_DATABASE_URL", postgres_server.url(name, APP))
    monkeypatch.setenv("WATCHFIRE_PRODUCTION", "true")
    data = tmp_path / "node"
    try:
        monkeypatch.setenv("WATCHFIRE_OWNER_DATABASE_URL", postgres_server.url(name, OWNER))
        revision = ask("migrate", "--data", data)["revision"]
        assert say("migrate", "--data", data)[1] == f"{revision}\n"
        monkeypatch.delenv("WATCHFIRE_OWNER_DATABASE_URL")
        ask("init", "--data", data)
        ask("organization", "add", "Aid", "--kind", "ngo", "--data", data)
        assert ask("log", "verify", "--data", data)["ok"]
        found = {row["name"]: row["ok"] for row in ask("doctor", "--data", data)["checks"]}
        assert all(found.values())
        postgres_server.execute("UPDATE alembic_version SET version_num = '0000'", name)
        code, _, err = say("serve", "--data", data, "--port", free_port())
        assert code == 7
        assert "watchfire migrate" in err
    finally:
        postgres_server.drop_database(name)
