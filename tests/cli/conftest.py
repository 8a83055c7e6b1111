"""A command line of its own: no profile, no environment of the person who runs the tests."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cli import run
from tests.client.scripted import serve

ROOT = Path(__file__).parents[2]


@dataclass
class Ended:
    """What a command came to."""

    exit_code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Work in an empty folder, without profiles and WATCHFIRE_ variables."""
    for name in [name for name in os.environ if name.startswith("WATCHFIRE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def scripted():
    with serve() as node:
        yield node


@pytest.fixture
def command(capfd):
    """Run a command in this process."""

    def call(*args):
        capfd.readouterr()
        exit_code = run([str(arg) for arg in args])
        printed = capfd.readouterr()
        return Ended(exit_code, printed.out, printed.err)

    return call


@pytest.fixture
def program():
    """Run the program in a process of its own."""

    def call(*args, **options):
        return subprocess.run(
            [sys.executable, "-m", "app", *map(str, args)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
            timeout=60,
            **options,
        )

    return call
