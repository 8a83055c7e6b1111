"""The demonstration runs to its end on free ports, tells how fast it was, and leaves nothing when its nodes end."""

import re
import subprocess
import sys
from pathlib import Path

import psutil

from tests.federation.programs import free_port

ROOT = Path(__file__).parents[2]
STORY = (
    *("fingerprint ", "serves at http://127.0.0.1:", "proposed", "active", "group "),
    *("LISTED", "DISPUTED", "REVOKED", "everything verifies", "The peer acknowledged ", "Both nodes go on running."),
)


def test_the_demonstration_tells_the_whole_story_and_its_last_line_ends_both_nodes(tmp_path):
    folder = tmp_path / "demo"
    words = [sys.executable, ROOT / "tools" / "demo.py", "--folder", folder, "--ports"]
    pids = []
    try:
        done = subprocess.run(
            [*map(str, words), str(free_port()), str(free_port())],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        pids = [int(line) for line in (folder / "processes").read_text().split()]
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        places = [done.stdout.index(part) for part in STORY]
        assert places == sorted(places)
        took = [int(text) for text in re.findall(r"knows it (\d+) ms after", done.stdout)]
        assert len(took) == 3, "the report, the dispute and the revocation each have their time"
        assert re.search(rf"kill {pids[0]} {pids[1]} ", done.stdout)
        assert all(psutil.pid_exists(pid) for pid in pids)
    finally:
        for pid in pids:
            psutil.Process(pid).terminate()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], 30)
    assert alive == []
    assert "Traceback" not in (folder / "ngo.log").read_text() + (folder / "firm.log").read_text()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("kept")
    words = [sys.executable, ROOT / "tools" / "demo.py", "--folder", tmp_path]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "is not of an earlier demonstration" in done.stderr
    assert (tmp_path / "precious").read_text() == "kept"
