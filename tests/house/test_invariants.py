"""Each invariant of the design has tests, and ARCHITECTURE.md names them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (I\d+) \| [^|]+ \| (.+) \|$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)


def test_every_invariant_has_a_line():
    assert [name for name, _ in ROWS] == [f"I{number}" for number in range(1, 15)]


def test_every_test_that_is_named_is_there():
    for invariant, tests in ROWS:
        named = re.findall(r"`([^`]+)::(\w+)`", tests)
        assert named, invariant
        for file, test in named:
            assert re.search(rf"^(async )?def {test}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE), test
