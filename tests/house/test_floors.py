"""The floors that pyproject.toml states hold, and each of its contracts is able to fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A house with one room a floor, each reaching as far as it may.
SOUND = {
    "app/__init__.py": "",
    "app/__main__.py": "from app import cli",
    "app/cli/__init__.py": "from app import bootstrap",
    "app/api/__init__.py": "",
    "app/api/reports.py": "import fastapi\nfrom app.services import submit",
    "app/federation/__init__.py": "",
    "app/bootstrap.py": "from app import settings\nfrom app.storage import store",
    "app/settings.py": "",
    "app/services/__init__.py": "",
    "app/services/submit.py": "from app.domain import record\nfrom app.storage import store",
    "app/client/__init__.py": "import httpx\nfrom app.domain import record",
    "app/storage/__init__.py": "",
    "app/storage/store.py": "import sqlalchemy\nfrom app.domain import record",
    "app/domain/__init__.py": "",
    "app/domain/record.py": "import hashlib",
}

FAULTS = {
    "a floor reaches up": {"app/storage/late.py": "from app.services import submit"},
    "services read settings": {"app/services/late.py": "from app import settings"},
    "siblings meet": {"app/api/late.py": "import app.federation"},
    "a folder that is no floor": {"app/utils/__init__.py": ""},
    "a module that is no floor": {"app/helpers.py": ""},
    "a circle within a floor": {"app/api/one.py": "import app.api.two", "app/api/two.py": "import app.api.one"},
    "the domain knows a loop": {"app/domain/late.py": "import asyncio"},
    "the domain knows the wire": {"app/domain/late.py": "from pydantic import BaseModel"},
    "SQL in a service": {"app/services/late.py": "from sqlalchemy import select"},
    "a driver in a surface": {"app/api/late.py": "import asyncpg"},
    "a surface reaches past the services": {"app/api/late.py": "from app.storage import store"},
    "the command line reaches past the services": {"app/cli/late.py": "import app.storage"},
    "the SDK carries a database": {"app/client/late.py": "from app.storage import store"},
    "the SDK carries a server": {"app/client/late.py": "import starlette"},
}


def lint(folder):
    """Run import-linter where a pyproject.toml is; the program of this very environment."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def house(tmp_path):
    def build(*stories):
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        for name, text in (item for story in stories for item in story.items()):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return build


def test_imports_run_down():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_sound_house_stands(house):
    done = lint(house(SOUND))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(house, fault):
    done = lint(house(SOUND, FAULTS[fault]))
    assert "BROKEN" in done.stdout, done.stdout + done.stderr
