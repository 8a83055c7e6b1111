"""The program as a whole: it starts at once, imports late, and fails in one line."""

import os
import resource
import signal
import subprocess
import sys
import time
from importlib import import_module, util

import pytest

from app.cli import COMMANDS, run
from app.cli.failures import Exit, explain
from app.client import NetworkError, ProblemError, ProtocolError
from app.domain import errors
from tests.cli.conftest import ROOT

HEAVY = ("httpx", "sqlalchemy", "fastapi", "pydantic", "rich", "yaml", "cryptography", "nacl", "msgspec")


def test_help_names_every_command(command):
    ended = command("--help")
    assert ended.exit_code == 0
    for name, (_, sentence) in COMMANDS.items():
        assert f"  {name} " in ended.out
        assert sentence in ended.out


def test_help_starts_at_once(program):
    def spent():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    seconds = []
    for _ in range(5):
        start = spent()
        assert program("--help").returncode == 0
        seconds.append(spent() - start)
    assert min(seconds) < 0.3  # of processor time: what else the machine does is not counted


def test_nothing_heavy_is_imported_before_a_command_is_chosen(program):
    code = "import sys; from app.cli import run; run(['--help']); print([name for name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    loaded = set(eval(out.splitlines()[-1]))
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("name", [name for name, (place, _) in COMMANDS.items() if util.find_spec(place.split(":")[0])])
def test_every_command_explains_itself(command, name):
    module, _, attribute = COMMANDS[name][0].partition(":")
    assert hasattr(import_module(module), attribute)
    ended = command(name, "--help")
    assert ended.exit_code == 0
    assert "Usage: watchfire" in ended.out


@pytest.mark.parametrize("args", [["nonsense"], ["check"], ["check", "--nonsense"], ["import", "absent.csv"], []])
def test_wrong_usage(command, args):
    ended = command(*args)
    assert ended.exit_code == Exit.USAGE
    assert "Traceback" not in ended.err


def test_version(command):
    assert command("--version").out.startswith("watchfire")


def test_an_unknown_fault_keeps_its_traceback():
    assert explain(RuntimeError("x")) is None
    assert explain(ValueError("x")) is None


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (errors.InvalidRecord("x", errors=[errors.Refused("c", "d", "/p")] * 9), Exit.REFUSED),
        (errors.Forbidden("x"), Exit.NOT_ALLOWED),
        (errors.Unauthenticated("x"), Exit.NOT_ALLOWED),
        (errors.NotFound("x"), Exit.NOT_FOUND),
        (errors.Conflict("x"), Exit.REFUSED),
        (errors.TooMany("x", retry_after=1), Exit.NO_CONNECTION),
        (errors.Unavailable("x"), Exit.NO_CONNECTION),
        (FileNotFoundError(2, "No such file", "x.csv"), Exit.FAILURE),
        (ProblemError("c", 401, "x"), Exit.NOT_ALLOWED),
        (ProblemError("c", 403, "x"), Exit.NOT_ALLOWED),
        (ProblemError("c", 404, "x"), Exit.NOT_FOUND),
        (ProblemError("c", 409, "x"), Exit.REFUSED),
        (ProblemError("c", 422, "x", [{"pointer": "/p", "detail": "d"}]), Exit.REFUSED),
        (ProblemError("c", 429, "x"), Exit.NO_CONNECTION),
        (ProblemError("c", 500, "x"), Exit.FAILURE),
        (ProblemError("c", 503, "x"), Exit.NO_CONNECTION),
        (NetworkError("x"), Exit.NO_CONNECTION),
        (ProtocolError("x"), Exit.NO_CONNECTION),
    ],
)
def test_exit_codes(error, exit_code):
    failure = explain(error)
    assert failure.exit_code == exit_code
    assert "x" in failure.sentence


def test_who_stops_reading_sees_no_complaint(tmp_path):
    names = tmp_path / "list.txt"
    names.write_text("1abc\n" * 50_000)
    line = f"'{sys.executable}' -m app --help | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


def test_an_interrupt_ends_with_130(scripted, tmp_path):
    scripted.script = lambda _: time.sleep(30)
    arguments = [sys.executable, "-m", "app", "check", "1abc", "--url", scripted.url, "--key", "k"]
    process = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)
    while not scripted.asked:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_the_exit_code_of_a_command_is_given_back(command, scripted):
    assert run(["check", "x", "--url", "nonsense", "--key", "k"]) == Exit.USAGE
