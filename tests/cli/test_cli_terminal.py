"""What somebody at a terminal sees: tables, progress, and no colour where none is wanted."""

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import profile, run
from app.cli.failures import Exit
from app.cli.importing import _show
from app.cli.progress import progress
from app.cli.sources import form_of, open_source, read_rows
from app.formats.rows import Row
from tests.cli.conftest import ROOT
from tests.cli.test_cli_partner import CLAIMS, Node, listed
from tests.client.scripted import document


def at_terminal(*args, **environment):
    """Run the program at a terminal of its own; gives what stands there at the end, and the exit code."""
    ours, theirs = pty.openpty()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment}
    command = [sys.executable, "-m", "app", *map(str, args)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return seen.decode(), process.wait()


@pytest.fixture
def node(scripted, monkeypatch):
    scripted.script = Node()
    monkeypatch.setenv("WATCHFIRE_URL", scripted.url)
    monkeypatch.setenv("WATCHFIRE_API_KEY", "wfk_secret")
    return scripted


def test_an_answer_is_a_table_at_a_terminal(node):
    indicator = {"issuer": {"name": "NGO"}, "category": "csam", "valid_until": "2028-05-01T00:00:00Z", "report": "r-1"}
    node.answers(document({"status": "listed", "confidence": 72, "indicators": [indicator], "as_of": "now"}))
    seen, exit_code = at_terminal("check", "1abc")
    assert exit_code == 0
    for word in ("LISTED", "confidence 72", "NGO", "2028-05-01", "r-1", "Not listed is not the same as clean"):
        assert word in seen
    assert "T00:00" not in seen
    assert "relation" not in seen
    assert "\x1b[" not in seen
    coloured, _ = at_terminal("check", "1abc", NO_COLOR="")
    assert "\x1b[" in coloured


def test_an_import_shows_how_far_it_is_and_ends_in_words(node):
    seen, exit_code = at_terminal("import", listed(["1a,BTC,1", "bad,BTC,2"]), *CLAIMS)
    assert exit_code == Exit.PARTIAL
    assert "2 read: 1 accepted in 1 reports, 1 refused." in seen
    assert "list.csv.errors.csv" in seen


def test_the_words_of_a_dry_run(capsys):
    _show(
        {
            "read": 1_000,
            "accepted": 1_000,
            "refused": 0,
            "cleaned": 0,
            "reports": 0,
            "errors_file": None,
            "dry_run": True,
        }
    )
    assert capsys.readouterr().out == (
        "1,000 read: 1,000 accepted in 0 reports, 0 refused.\nNothing was sent (--dry-run).\n"
    )


def test_progress_is_shown_to_a_terminal_only(monkeypatch, capsys):
    with progress("Importing") as told:
        told(5)
    assert capsys.readouterr().err == ""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("Importing") as told:
        told(1_234)
    assert "Importing" in terminal.getvalue()


class Stdin:
    """Stdin with some bytes in it."""

    def __init__(self, content):
        self.buffer = io.BufferedReader(io.BytesIO(content))


@pytest.mark.parametrize("seekable", [True, False])
def test_stdin_is_read_as_a_file_is(monkeypatch, seekable):
    monkeypatch.setattr(sys, "stdin", Stdin(b'"1abc"\n'))
    with open_source("-", seekable=seekable) as stream:
        form = form_of("-", stream, "auto") if not seekable else "ndjson"
        assert (form, list(read_rows(stream, form, "bitcoin"))) == ("ndjson", [Row(1, "1abc", "bitcoin")])


def test_import_from_stdin_in_a_folder_that_stays_empty(node, command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stdin(b"1abc\n"))
    ended = command("import", "-", "--chain", "bitcoin", "--format", "csv", *CLAIMS)
    assert json.loads(ended.out)["accepted"] == 1
    assert list(Path().iterdir()) == []


def test_a_report_from_stdin(node, command, monkeypatch):
    node.script.fails = lambda _: document({"id": "r"}, 201)
    monkeypatch.setattr(sys, "stdin", Stdin(b'{"indicators": [{"chain": "bitcoin", "address": "1abc"}]}'))
    assert command("submit", "-", *CLAIMS).exit_code == 0
    monkeypatch.setattr(sys, "stdin", Stdin(b"x" * 3_000_000))
    assert command("submit", "-", *CLAIMS).exit_code == Exit.USAGE


def test_a_pipe_that_is_closed_is_the_end(monkeypatch):
    code = (
        "import os, sys; from app.cli import run, root\n"
        "def broken(*_, **__): raise BrokenPipeError\n"
        "root.main = broken\n"
        "raise SystemExit(run([]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_in_a_command(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.reports.connect", interrupted)
    assert run(["reports"]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    def wrong(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("app.cli.reports.connect", wrong)
    with pytest.raises(ZeroDivisionError):
        run(["reports"])


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "../x"])
def test_what_is_no_name_of_a_profile(command, name):
    ended = command("login", "--url", "http://127.0.0.1:1", "--key", "k", "--profile", name)
    assert ended.exit_code == Exit.USAGE
    assert not profile.folder().exists()


@pytest.mark.parametrize("key", ["schl\u00fcssel", "a\x00b", " "])
def test_what_is_no_key(command, key):
    Path("k").write_text(key)
    assert command("login", "--url", "http://127.0.0.1:1", "--key-file", "k").exit_code == Exit.USAGE


def test_results_may_go_to_a_device(node, command):
    node.script = lambda _: (200, {}, b'{"ref": "1", "address": "1abc", "status": "not_listed"}\n')
    Path("q.txt").write_text("1abc\n")
    assert command("screen", "q.txt", "-o", "/dev/null").exit_code == 0
    assert command("screen", "q.txt", "-o", "out.ndjson", "--fail-on-hit").exit_code == 0
    assert json.loads(Path("out.ndjson").read_text())["address"] == "1abc"


def test_a_batch_that_is_all_bad_is_not_signed(node, command):
    Path("key").write_bytes(bytes(range(32)))
    Path("key").chmod(0o600)
    ended = command("import", listed(["nonsense,BTC,1"]), *CLAIMS, "--sign-with", "key")
    result = json.loads(ended.out)
    assert (ended.exit_code, result["accepted"], result["refused"], result["reports"]) == (Exit.REFUSED, 0, 1, 0)
    assert all(asked.method == "GET" for asked in node.asked)


def test_rows_that_lack_what_others_state(node, command):
    Path("c.csv").write_text("address,chain,category\n1a,BTC,csam\n1b,BTC,\n")
    ended = command("import", "c.csv", *CLAIMS[2:], "--case", "x")
    assert ended.exit_code == Exit.USAGE
    Path("d.csv").write_text("address,chain,category,case\n1a,BTC,csam,y\n1b,BTC,,y\n")
    result = json.loads(command("import", "d.csv", *CLAIMS[2:]).out)
    assert (result["accepted"], result["refused"]) == (1, 1)


def test_a_dry_run_of_what_no_report_may_state(command):
    Path("c.csv").write_text("address,chain,subcategory\n0x" + "ab" * 20 + ",ETH,nonsense\n")
    result = json.loads(command("import", "c.csv", *CLAIMS, "--dry-run").out)
    assert (result["accepted"], result["refused"]) == (0, 1)


def test_a_journal_that_does_not_fit_is_told(node, command, monkeypatch):
    path = listed([f"1a{n},BTC,{n}" for n in range(25_000)])
    turns = iter(range(1_000))
    node.script.fails = lambda _: (403, {}, b"{}") if next(turns) >= 2 else None
    command("import", path, *CLAIMS)
    journal = Path("list.csv.import.ndjson")
    head, *lines = journal.read_text().splitlines()
    wrong = [json.dumps({**json.loads(line), "accepted": 7}) for line in lines]
    journal.write_text("\n".join([head, *wrong]) + "\n")
    node.script.fails = lambda _: None
    ended = command("import", path, *CLAIMS)
    assert (ended.exit_code, "--restart" in ended.err) == (Exit.FAILURE, True)
