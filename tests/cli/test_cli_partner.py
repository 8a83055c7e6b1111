"""The partner's commands against a node that a test plays: what is sent, printed, kept, and where it ends."""

import csv
import itertools
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.cli import profile
from app.cli.check import show
from app.cli.claims import parse_audience
from app.cli.failures import Exit
from app.cli.import_run import IN_FLIGHT
from app.cli.output import plain, print_rows
from app.domain import record, signing
from app.domain.errors import InvalidRecord
from tests.cli.conftest import ROOT
from tests.client.scripted import document, problem
from tests.client.test_client_signer import NODE, ORGANIZATION, SEED

CASH = "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
GROUP = "01900000-0000-7000-8000-00000000000a"
CLAIMS = (
    "--category",
    "csam",
    "--method",
    "advert",
    "--confidence",
    "60",
    "--tlp",
    "amber",
    "--audience",
    f"group:{GROUP}",
)


class Node:
    """Takes reports as a node does: once under each key, rows whose address begins with `bad` refused."""

    def __init__(self):
        self.reports = {}
        self.fails = lambda _: None

    def __call__(self, asked):
        if asked.method == "GET":
            return document({"id": NODE if asked.path == "/v1/node" else str(ORGANIZATION), "name": "Org"})
        return self.take(asked)

    def take(self, asked):
        if (answer := self.fails(asked)) is not None:
            return answer
        key, body = asked.headers["Idempotency-Key"], asked.body
        if key in self.reports and self.reports[key][0] != body:
            return problem(422, "idempotency_mismatch")
        status = 200 if key in self.reports else 201
        said = asked.document
        if "envelope" in said:
            self.reports[key] = (body, said)
            return document({"id": f"r-{key[-8:]}"}, status)
        refused = [
            {"pointer": f"/indicators/{place}/address", "ref": row["ref"], "code": "bad", "detail": "No address."}
            for place, row in enumerate(said["indicators"])
            if row["address"].startswith("bad")
        ]
        if len(refused) == len(said["indicators"]):
            return document({"code": "invalid_record", "status": 422, "detail": "None.", "errors": refused}, 422)
        self.reports[key] = (body, said)
        return document({"id": f"r-{key[-8:]}", "refused": refused}, status)


@pytest.fixture
def node(scripted, monkeypatch):
    scripted.script = Node()
    monkeypatch.setenv("WATCHFIRE_URL", scripted.url)
    monkeypatch.setenv("WATCHFIRE_API_KEY", "wfk_secret")
    return scripted


def table(name):
    with Path(name).open() as stream:
        return list(csv.DictReader(stream))


def listed(rows, name="list.csv"):
    path = Path(name)
    path.write_text("address,chain,ref\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_import_adds_up_and_names_the_refused(node, command):
    path = listed([f"1a{n},BTC,r{n}" for n in range(12_000)] + ["badone,BTC,mine", ",BTC,empty"])
    ended = command("import", path, *CLAIMS, "--json")
    result = json.loads(ended.out)
    assert ended.exit_code == Exit.PARTIAL
    assert result == {
        "read": 12_002,
        "accepted": 12_000,
        "refused": 2,
        "cleaned": 0,
        "reports": 2,
        "errors_file": "list.csv.errors.csv",
    }
    rows = table("list.csv.errors.csv")
    assert [(row["row"], row["ref"], row["address"], row["code"]) for row in rows] == [
        ("12002", "mine", "badone", "bad"),
        ("12003", "empty", "", "empty"),
    ]
    assert not Path("list.csv.import.ndjson").exists()
    sent = [asked.document for asked in node.asked]
    assert sorted(len(report["indicators"]) for report in sent) == [2_001, 10_000]
    assert sent[0]["pap"] == "PAP:AMBER"
    assert all(asked.path == "/v1/reports?partial=true" for asked in node.asked)


def test_the_same_import_again_doubles_nothing(node, command):
    path = listed([f"1a{n},BTC,r{n}" for n in range(50)])
    first, second = (json.loads(command("import", path, *CLAIMS).out) for _ in range(2))
    assert first == second
    assert len(node.script.reports) == 1
    command("import", path, *CLAIMS, "--case", "another")
    assert len(node.script.reports) == 2


def test_an_import_that_was_stopped_goes_on(node, command):
    path = listed([f"1a{n},BTC,r{n}" for n in range(45_000)] + ["bad,BTC,x"])
    turn = itertools.count()
    node.script.fails = lambda _: problem(403, "forbidden", "Not now.") if next(turn) >= 2 else None
    ended = command("import", path, *CLAIMS)
    assert (ended.exit_code, ended.out) == (Exit.NOT_ALLOWED, "")
    kept = len(Path("list.csv.import.ndjson").read_text().splitlines()) - 1
    assert kept >= 1
    node.script.fails = lambda _: None
    node.asked.clear()
    ended = command("import", path, *CLAIMS)
    assert json.loads(ended.out) == {
        "read": 45_001,
        "accepted": 45_000,
        "refused": 1,
        "cleaned": 0,
        "reports": 5,
        "errors_file": "list.csv.errors.csv",
    }
    assert len(node.asked) == 5 - kept
    assert len(node.script.reports) == 5


def test_an_import_that_was_killed_goes_on(node, command):
    path = listed([f"1a{n},BTC,r{n}" for n in range(60_000)])
    turn = itertools.count()
    node.script.fails = lambda _: time.sleep(60) if next(turn) >= 3 else None
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "app", "import", str(path), *CLAIMS], env=environment)
    journal = Path("list.csv.import.ndjson")
    while not journal.exists() or len(journal.read_text().splitlines()) < 3:
        time.sleep(0.01)
    process.kill()
    process.wait()
    node.script.fails = lambda _: None
    ended = command("import", path, *CLAIMS)
    assert "Going on after" in ended.err
    result = json.loads(ended.out)
    assert (result["accepted"], result["reports"], len(node.script.reports)) == (60_000, 6, 6)


def test_options_that_differ_do_not_take_over_a_journal(node, command):
    path = listed([f"1a{n},BTC,r{n}" for n in range(25_000)])
    turn = itertools.count()
    node.script.fails = lambda _: problem(403) if next(turn) >= 2 else None
    command("import", path, *CLAIMS)
    node.script.fails = lambda _: None
    assert command("import", path, *CLAIMS, "--case", "x").exit_code == Exit.REFUSED
    assert command("import", path, *CLAIMS, "--case", "x", "--restart").exit_code == Exit.DONE


def test_what_is_refused_as_a_whole_is_not_sent_thirty_times(node, command):
    path = listed([f"1a{n},BTC,r{n}" for n in range(90_000)])
    node.script.fails = lambda _: problem(422, "invalid_record", "There is no such group.")
    ended = command("import", path, *CLAIMS)
    assert (ended.exit_code, "no such group" in ended.err) == (Exit.REFUSED, True)
    assert len(node.asked) <= IN_FLIGHT


def test_rows_that_state_what_no_report_may_are_refused_alone(node, command):
    Path("c.csv").write_text("address,chain,category\n1a,BTC,csam\n1b,BTC,nonsense\n1c,BTC,\n")
    node.script.fails = lambda asked: (
        problem(422, "invalid_record", "What?") if asked.document.get("category") == "nonsense" else None
    )
    ended = command("import", "c.csv", *CLAIMS[2:])
    assert ended.exit_code == Exit.USAGE or json.loads(ended.out)["read"] == 3
    ended = command("import", "c.csv", *CLAIMS)
    result = json.loads(ended.out)
    assert (result["read"], result["accepted"], result["refused"], result["reports"]) == (3, 2, 1, 2)


def test_all_refused(node, command):
    ended = command("import", listed(["bad1,BTC,1", "bad2,BTC,2"]), *CLAIMS)
    result = json.loads(ended.out)
    assert (ended.exit_code, result["read"], result["accepted"], result["refused"], result["reports"]) == (
        5,
        2,
        0,
        2,
        0,
    )


def test_a_chain_is_never_guessed(node, command):
    Path("q.csv").write_text("address,chain\n1abc,\n1def,BTC\n")
    assert json.loads(command("import", "q.csv", *CLAIMS).out)["accepted"] == 1
    assert [row["code"] for row in table("q.csv.errors.csv")] == ["missing_chain"]


def test_an_empty_file_is_no_rows(node, command):
    Path("empty.csv").touch()
    ended = command("import", "empty.csv", *CLAIMS)
    assert (ended.exit_code, json.loads(ended.out)["read"], node.asked) == (0, 0, [])


def test_import_from_stdin(node, program):
    done = program("import", "-", "--chain", "bitcoin", *CLAIMS, input=b"1abc\n1def\n")
    assert json.loads(done.stdout)["accepted"] == 2
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", '{"address": "1abc", "chain": "BTC"}\n'),
        ("b", '"1abc"\n'),
        ("c.txt", "1abc\n"),
        ("d", "1abc\n"),
        ("e.yaml", "currency: BTC\ntags: [{address: 1abc}]"),
        ("f", "title: x\ncurrency: BTC\ntags: [{address: 1abc}]"),
    ],
)
def test_the_form_of_a_file_is_told(node, command, name, content):
    Path(name).write_text(content)
    ended = command("import", name, "--chain", "bitcoin", *CLAIMS)
    assert json.loads(ended.out)["accepted"] == 1
    (asked,) = node.asked
    assert asked.document["indicators"] == [{"chain": "bitcoin", "address": "1abc", "ref": "1"}]


def test_sources_become_evidence(node, command):
    Path("s.csv").write_text("address,chain,source,note\n1a,BTC,https://a,x\n1b,BTC,https://b,y\n1c,BTC,https://a,z\n")
    ended = command("import", "s.csv", *CLAIMS)
    assert json.loads(ended.out)["reports"] == 2
    assert "note" in ended.err
    assert sorted(
        (report["evidence"][0]["reference"], [row["ref"] for row in report["indicators"]])
        for _, report in node.script.reports.values()
    ) == [("https://a", ["2", "4"]), ("https://b", ["3"])]


def test_dry_run_sends_nothing_and_judges(command):
    Path("d.csv").write_text("address,chain\n0x" + "ab" * 20 + ",ETH\nnonsense,BTC\n0x1,nowhere\n")
    ended = command("import", "d.csv", *CLAIMS, "--dry-run")
    result = json.loads(ended.out)
    assert (result["read"], result["accepted"], result["refused"], result["dry_run"]) == (3, 1, 2, True)
    codes = [row["code"] for row in table("d.csv.errors.csv")]
    assert codes[1] == "unknown_chain"


def test_import_signed_here(node, command):
    Path("key").write_text(SEED.hex())
    Path("key").chmod(0o600)
    Path("s.csv").write_text("address,chain\n0x" + "AB" * 20 + ",ETH\nnonsense,BTC\n")
    for _ in range(2):
        ended = command("import", "s.csv", *CLAIMS, "--sign-with", "key")
        result = json.loads(ended.out)
        assert (ended.exit_code, result["accepted"], result["refused"], result["reports"]) == (Exit.PARTIAL, 1, 1, 1)
    ((_, said),) = node.script.reports.values()
    envelope = signing.parse_envelope(said["envelope"])
    signing.verify(envelope, signing.public_key(SEED))
    made = record.parse(envelope.payload)
    assert (made.issuer, made.origin, made.body.category) == (ORGANIZATION, NODE, "csam")


def test_a_contradiction_is_told_before_anything_is_read(node, command):
    ended = command("import", listed([]), *CLAIMS[:-3], "red", *CLAIMS[-2:])
    assert ended.exit_code == Exit.REFUSED
    assert command("import", listed([]), *CLAIMS[:4], "--confidence", "99").exit_code == Exit.REFUSED
    assert command("import", listed(["1a,BTC,1"]), "--category", "csam").exit_code == Exit.USAGE
    assert command("import", listed(["1a,BTC,1"]), *CLAIMS, "--chain", "nowhere").exit_code == Exit.USAGE
    assert node.asked == []


@pytest.mark.parametrize("text", ["", "group", "group:x", f"group:{GROUP},{GROUP}", "organization:", "everybody", "{}"])
def test_what_is_no_audience(text):
    with pytest.raises(InvalidRecord):
        parse_audience(text)


def test_audiences():
    other = GROUP.replace("a", "b")
    assert parse_audience("public").kind == "public"
    assert str(parse_audience(f"group:{GROUP}").group) == GROUP
    assert [str(one) for one in parse_audience(f"organization:{other},{GROUP}").organizations] == [GROUP, other]
    assert parse_audience('{"kind": "public"}').kind == "public"


def screened(asked):
    rows = [json.loads(line) for line in asked.body.split(b"\n")]
    answers = [
        {
            **row,
            "canonical": row["address"].lower(),
            "status": "listed" if row["address"] == "1hit" else "invalid" if row["address"] == "bad" else "not_listed",
            "confidence": 70,
            "organizations": 2,
            "categories": [{"category": "csam"}],
            "reports": ["r1", "r2"],
            "error": {"code": "x", "detail": "y"} if row["address"] == "bad" else None,
        }
        for row in rows
    ]
    return 200, {}, b"".join(json.dumps(row).encode() + b"\n" for row in answers)


def test_screen_writes_a_row_for_each_row(node, command):
    node.script = screened
    Path("q.csv").write_text("id,address,chain\na,1hit,BTC\nb,,BTC\nc, bad ,BTC\nd,=1+1,BTC\n")
    ended = command("screen", "q.csv", "-o", "out.csv", "--fail-on-hit")
    assert ended.exit_code == Exit.HIT
    assert "1 listed" in ended.err
    rows = table("out.csv")
    assert [(row["ref"], row["address"], row["status"], row["error_code"]) for row in rows] == [
        ("a", "1hit", "listed", ""),
        ("b", "", "invalid", "empty"),
        ("c", " bad ", "invalid", "x"),
        ("d", "'=1+1", "not_listed", ""),
    ]
    assert (rows[0]["categories"], rows[0]["reports"], rows[0]["confidence"]) == ("csam", "r1 r2", "70")


def test_screen_streams_from_stdin_to_stdout(node, program):
    node.script = screened
    lines = "".join(f"1a{number}\n" for number in range(30_000))
    done = program("screen", "-", input=lines.encode())
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["address"] for row in rows] == lines.split()
    assert rows[0]["ref"] == "1"
    assert done.returncode == 0


def test_screen_does_not_ask_what_a_tag_is_about(node, command):
    node.script = screened
    Path("p.yaml").write_text("currency: BTC\nabuse: ransomware\ntags: [{address: 1hit}]")
    ended = command("screen", "p.yaml")
    assert json.loads(ended.out)["status"] == "listed"


@pytest.mark.parametrize("lie", [lambda rows: rows[::-1], lambda rows: rows[:-1]])
def test_screen_does_not_believe_answers_that_do_not_fit(node, command, lie):
    node.script = lambda asked: (200, {}, b"".join(lie(screened(asked)[2].splitlines(keepends=True))))
    Path("q.txt").write_text("1abc\n1def\n")
    ended = command("screen", "q.txt", "-o", "out.csv")
    assert ended.exit_code != 0
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(("status", "exit_code"), [("listed", 10), ("disputed", 10), ("not_listed", 0), ("invalid", 5)])
def test_check(node, command, status, exit_code):
    answer = {"status": status, "confidence": 72, "confidence_label": "high", "organizations": 1}
    node.answers(document(answer))
    assert command("check", "1abc", "--json").exit_code == 0
    ended = command("check", "1abc", "--chain", "bitcoin", "--as-of", "2026-01-01", "--fail-on-hit")
    assert (ended.exit_code, json.loads(ended.out)) == (exit_code, answer)
    assert node.asked[-1].path == "/v1/addresses/1abc?chain=bitcoin&as_of=2026-01-01"
    people = command("check", "1abc", "--format", "table").out
    assert status.replace("_", " ").upper() in people
    assert "Not listed is not the same as clean" in people


def test_what_people_see_of_a_hit(capsys):
    show(
        {
            "status": "listed",
            "confidence": 72,
            "confidence_label": "high",
            "organizations": 2,
            "corroborated": True,
            "readings": [{"chain_slug": "bitcoin", "canonical": "1abc", "checksum": "verified"}],
            "because": ["two organizations \x1b[31m agree"],
            "indicators": [{"issuer": {"name": "[bold]NGO\x1b[0m"}, "category": "csam", "confidence": 60}],
            "as_of": "2026-01-01",
            "error": {"detail": "beware"},
        }
    )
    out = capsys.readouterr().out
    assert "72 (high), 2 organizations, corroborated" in out
    assert "\x1b" not in out.replace("\x1b[31m\x1b[1m\x1b[7m", "").replace("\x1b[0m", "")
    assert "beware" in out


def test_harmless_text():
    assert plain(["a\x1b", {"name": "b"}, None, 5]) == "a\ufffd, b, , 5"
    assert plain("\u202egpj") == "\ufffdgpj"


@pytest.mark.parametrize(
    ("form", "out"), [("ndjson", '{"a": 1}\n{"a": 2}\n'), ("json", '{"rows": [{"a": 1}, {"a": 2}]}\n')]
)
def test_rows_in_each_form(capsys, form, out):
    print_rows(iter([{"a": 1}, {"a": 2}]), form, ("a",), "rows")
    assert capsys.readouterr().out == out


def test_rows_as_a_table(capsys):
    print_rows(iter([{"a_b": 1}]), "table", ("a_b",), "rows")
    assert "a b" in capsys.readouterr().out


def test_report_and_reports_and_revoke(node, command):
    body = {
        "category": "csam",
        "indicators": [{"chain": "b", "address": "1abc"}],
        "evidence": [{"kind": "other", "reference": "x"}],
    }
    node.answers(document({"id": "r", "state": "live", "indicators": 1, "body": body}))
    assert json.loads(command("report", "r").out)["id"] == "r"
    people = command("report", "r", "--format", "table").out
    assert "1abc" in people
    assert "other: x" in people
    node.answers(document({"reports": [{"id": "r1"}, {"id": "r2"}], "next": None}))
    assert len(command("reports", "--state", "live", "--limit", "1").out.splitlines()) == 1
    node.answers(document({"id": "v"}))
    ended = command(
        "revoke",
        "r",
        "--reason",
        "mistaken",
        "--address",
        "bitcoin:1abc",
        "--address",
        "eip155:1:0xa",
        "--address",
        f"bitcoin-cash:bitcoincash:{CASH}",
        "--address",
        "tron:mainnet:T",
        "--address",
        "cosmos:hub-9:c",
        "--format",
        "table",
    )
    assert "Revoked: r" in ended.out
    assert node.asked[-1].document["addresses"] == [
        {"chain": "bitcoin", "address": "1abc"},
        {"chain": "eip155:1", "address": "0xa"},
        {"chain": "bitcoin-cash", "address": f"bitcoincash:{CASH}"},
        {"chain": "tron:mainnet", "address": "T"},
        {"chain": "cosmos:hub-9", "address": "c"},
    ]
    assert command("revoke", "r", "--reason", "mistaken", "--address", "1abc").exit_code == Exit.USAGE


def test_submit_of_a_document_with_options(node, command):
    rows = [{"chain": "bitcoin", "address": "bad", "ref": "1"}]
    Path("r.json").write_text(json.dumps({"category": "laundering", "indicators": rows}))
    node.script.fails = lambda _: document(
        {"id": "r", "refused": [{"ref": "1", "code": "bad", "detail": "No address."}]}, 201
    )
    ended = command("submit", "r.json", *CLAIMS, "--address", "1abc", "--chain", "bitcoin", "--partial")
    assert ended.exit_code == Exit.PARTIAL
    said = node.asked[0].document
    assert (said["category"], said["pap"]) == ("csam", "PAP:AMBER")
    assert [row["address"] for row in said["indicators"]] == ["bad", "1abc"]
    assert "refused 1: No address." in command("submit", "r.json", *CLAIMS, "--format", "table").err


def test_submit_from_options(node, command):
    node.script.fails = lambda _: document({"id": "r", "state": "live", "indicators": 1}, 201)
    for _ in range(2):
        ended = command("submit", "--address", "1abc", "--chain", "bitcoin", "--evidence", "advert=a", *CLAIMS)
        assert (ended.exit_code, json.loads(ended.out)["id"]) == (0, "r")
    assert len({asked.headers["Idempotency-Key"] for asked in node.asked}) == 1
    said = node.asked[0].document
    assert said["indicators"] == [{"chain": "bitcoin", "address": "1abc"}]
    assert said["evidence"] == [{"kind": "advert", "reference": "a"}]
    assert "1 addresses" in command("submit", "--address", "1abc", *CLAIMS, "--format", "table").out


def test_submit_signed_here(node, command):
    Path("key").write_bytes(SEED)
    options = ("--address", "0x" + "AB" * 20, "--chain", "ethereum", *CLAIMS, "--sign-with", "key")
    ended = command("submit", *options)
    assert ended.exit_code == 0
    assert "chmod 600" in ended.err
    assert "envelope" in node.asked[-1].document


@pytest.mark.parametrize("content", ["nonsense", "[]", '{"a": 1, "a": 2}'])
def test_submit_of_what_is_no_report(node, command, content):
    Path("r.json").write_text(content)
    assert command("submit", "r.json", *CLAIMS).exit_code == Exit.USAGE
    assert node.asked == []


def test_login_keeps_the_key_for_its_owner(scripted, command, monkeypatch):
    scripted.answers(document({"id": "o", "name": "Org"}))
    Path("k").write_text("wfk_kept\n")
    ended = command("login", "--url", scripted.url, "--key-file", "k", "--profile", "ngo")
    assert (ended.exit_code, "Org" in ended.err) == (0, True)
    kept = profile.folder()
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept.iterdir())
    assert "wfk_kept" not in (kept / "config.toml").read_text()
    scripted.answers(document({"status": "not_listed"}))
    assert command("check", "1abc", "--profile", "ngo").exit_code == 0
    assert scripted.asked[-1].headers["Authorization"] == "Bearer wfk_kept"
    monkeypatch.setenv("WATCHFIRE_API_KEY", "wfk_environment")
    command("check", "1abc", "--profile", "ngo")
    assert scripted.asked[-1].headers["Authorization"] == "Bearer wfk_environment"
    command("check", "1abc", "--profile", "ngo", "--key", "wfk_flag")
    assert scripted.asked[-1].headers["Authorization"] == "Bearer wfk_flag"
    assert command("check", "1abc", "--profile", "absent").exit_code == Exit.USAGE


def test_a_profiles_key_goes_to_its_node_only(scripted, command):
    scripted.answers(document({"id": "o"}))
    profile.save("default", "https://elsewhere.example", "wfk_kept")
    command("check", "1abc", "--url", scripted.url)
    assert "Authorization" not in scripted.asked[-1].headers


def test_a_key_that_the_node_refuses_is_not_kept(scripted, command):
    scripted.answers(problem(401, "unauthenticated"))
    ended = command("login", "--url", scripted.url, "--key", "wfk_wrong")
    assert ended.exit_code == Exit.NOT_ALLOWED
    assert not profile.folder().exists()


def test_profiles_that_are_no_toml_are_told(command):
    profile.folder().mkdir(parents=True)
    (profile.folder() / "config.toml").write_text("=")
    assert command("check", "1abc").exit_code == Exit.USAGE


def test_a_profile_may_name_a_variable(monkeypatch):
    profile.folder().mkdir(parents=True)
    (profile.folder() / "config.toml").write_text('[profiles.default]\nurl = "https://x"\nkey_env = "MY_KEY"\n')
    monkeypatch.setenv("MY_KEY", "wfk_mine")
    assert profile.load(None) == profile.Profile("https://x", "wfk_mine")
    assert "wfk_mine" not in repr(profile.load(None))


def test_a_key_in_clear_text_is_warned_of(command):
    ended = command("check", "1abc", "--url", "http://node.invalid", "--key", "k")
    assert "unencrypted" in ended.err
