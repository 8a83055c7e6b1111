"""The partner's commands against a real node over real HTTP."""

import csv
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.cli.failures import Exit
from app.client import Client
from app.domain import signing
from tests.cli.conftest import ROOT
from tests.client.real import serve_real

SEED = bytes(range(32))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with serve_real(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def node(real, monkeypatch):
    monkeypatch.setenv("WATCHFIRE_URL", real.url)
    monkeypatch.setenv("WATCHFIRE_API_KEY", real.key)
    return real


def claims(node, *more):
    audience = f"organization:{node.organization}"
    return (
        "--category",
        "csam",
        "--method",
        "advert",
        "--confidence",
        "60",
        "--tlp",
        "amber",
        "--audience",
        audience,
        *more,
    )


def reports_of(node, case):
    """Count the live reports and addresses of a case, as its issuer."""
    with Client(node.url, node.key) as client:
        rows = [row for row in client.reports() if row["state"] == "live"]
        found = [client.report(row["id"]) for row in rows]
    mine = [report for report in found if report["body"].get("case") == case]
    return len(mine), sum(len(report["body"]["indicators"]) for report in mine)


def addresses(seed, count):
    dice = random.Random(seed)
    return [f"0x{dice.randbytes(20).hex()}" for _ in range(count)]


def write(name, texts, chain="ethereum"):
    Path(name).write_text("address,chain,id\n" + "".join(f"{text},{chain},r{n}\n" for n, text in enumerate(texts)))
    return name


def test_import_check_screen_and_revoke(node, command):
    texts = addresses(1, 300)
    name = write("a.csv", [*texts, "0xnonsense"])
    ended = command("import", name, *claims(node, "--case", "one"))
    result = json.loads(ended.out)
    assert (ended.exit_code, result["read"], result["accepted"], result["refused"]) == (Exit.PARTIAL, 301, 300, 1)
    again = json.loads(command("import", name, *claims(node, "--case", "one")).out)
    assert again == result
    assert reports_of(node, "one") == (1, 300)
    assert command("check", texts[0], "--fail-on-hit").exit_code == Exit.HIT
    people = command("check", texts[0], "--chain", "ethereum", "--format", "table")
    assert "LISTED" in people.out
    assert command("screen", name, "-o", "out.csv").exit_code == Exit.DONE
    with Path("out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["address"] for row in rows] == [*texts, "0xnonsense"]
    assert [row["ref"] for row in rows] == [f"r{n}" for n in range(301)]
    assert {row["status"] for row in rows[:-1]} == {"listed"}
    assert rows[-1]["error_code"]
    report = rows[0]["reports"]
    assert report in command("report", report, "--format", "table").out
    ended = command("revoke", report, "--reason", "mistaken", "--address", f"ethereum:{texts[0]}")
    assert ended.exit_code == 0
    assert json.loads(command("check", texts[0]).out)["status"] == "revoked"
    assert json.loads(command("check", texts[1]).out)["status"] == "listed"
    assert command("revoke", report, "--reason", "mistaken").exit_code == 0
    assert json.loads(command("check", texts[1]).out)["status"] == "revoked"


def test_an_import_killed_again_and_again_doubles_nothing(node, command):
    name = write("k.csv", addresses(2, 45_000))
    arguments = [sys.executable, "-m", "app", "import", name, *claims(node, "--case", "killed")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for reports in (1, 2, 3):
        process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journal = Path("k.csv.import.ndjson")
        while process.poll() is None and (not journal.exists() or journal.read_text().count("\n") <= reports):
            time.sleep(0.005)
        process.kill()
        process.wait()
    result = json.loads(command("import", name, *claims(node, "--case", "killed")).out)
    assert (result["read"], result["accepted"], result["refused"], result["reports"]) == (45_000, 45_000, 0, 5)
    assert reports_of(node, "killed") == (5, 45_000)


def test_an_import_signed_here_twice_is_one(node, command, monkeypatch):
    organization, key = node.add_organization("Signer", "forensics", signing.public_key(SEED))
    monkeypatch.setenv("WATCHFIRE_API_KEY", key)
    Path("key").write_text(SEED.hex())
    Path("key").chmod(0o600)
    name = write("s.csv", addresses(3, 50))
    for _ in range(2):
        ended = command("import", name, *claims(node, "--case", "signed", "--sign-with", "key"))
        assert ended.exit_code == 0, ended.err
    with Client(node.url, key) as client:
        rows = list(client.reports(issuer=organization))
        assert [(row["custody"], row["indicators"]) for row in rows] == [("organization", 50)]
    ended = command("revoke", rows[0]["id"], "--reason", "outdated", "--sign-with", "key")
    assert (ended.exit_code, json.loads(ended.out)["custody"]) == (0, "organization")


def test_submit_and_reports(node, command):
    (text,) = addresses(4, 1)
    ended = command("submit", "--address", text, "--chain", "ethereum", *claims(node), "--json")
    made = json.loads(ended.out)
    assert made["state"] == "live"
    listed = command("reports", "--limit", "1", "--json")
    assert json.loads(listed.out)["reports"][0]["id"] == made["id"]
    assert made["id"] in command("reports", "--format", "table").out


def test_refusals_are_one_line_and_an_exit_code(node, command):
    assert command("report", "01900000-0000-7000-8000-000000000000").exit_code == Exit.NOT_FOUND
    assert command("check", "x", "--key", "wfk_wrong").exit_code == Exit.NOT_ALLOWED
    assert command("check", "x", "--chain", "nowhere").exit_code in {Exit.DONE, Exit.REFUSED}
    group = "group:01900000-0000-7000-8000-000000000000"
    ended = command("submit", "--address", "0x" + "11" * 20, "--chain", "ethereum", *claims(node)[:-1], group)
    assert ended.exit_code in {Exit.REFUSED, Exit.NOT_FOUND, Exit.NOT_ALLOWED}
    assert "Traceback" not in ended.err


def test_login(real, command):
    assert command("login", "--url", real.url, "--key", real.key, "--json").exit_code == 0
    assert command("reports", "--limit", "1").exit_code == 0


def test_every_chain_is_known_to_import_check_and_the_lists(node, command):
    chains = json.loads(command("chains", "--json").out)["chains"]
    assert len(chains) >= 390
    Path("all.csv").write_text("address,chain\n" + "".join(f"{it['sample']},{it['chain_slug']}\n" for it in chains))
    result = json.loads(command("import", "all.csv", *claims(node, "--case", "all")).out)
    assert (result["read"], result["accepted"], result["refused"]) == (len(chains), len(chains), 0)
    assets = json.loads(command("assets", "USDT", "--json").out)["assets"]
    assert {"tron", "ethereum", "solana", "ton"} <= {asset["chain_slug"] for asset in assets}
    for asset in assets[:3]:
        sample = next(it["sample"] for it in chains if it["chain"] == asset["chain"])
        found = json.loads(command("check", sample, "--chain", asset["asset"]).out)
        assert (found["status"], found["query"]["chain"]) == ("listed", asset["chain"])


def test_what_is_pasted_is_cleaned_and_counted(node, command):
    (text,) = addresses(77, 1)
    Path("pasted.csv").write_text(
        "address,chain\n"
        f'"https://etherscan.io/address/{text}#tokentxns",ethereum\n'
        f"ethereum:{addresses(78, 1)[0]}@1?value=1,ethereum\n"
        f"{addresses(79, 1)[0]},ethereum\n"
    )
    ended = command("import", "pasted.csv", *claims(node, "--case", "pasted"))
    result = json.loads(ended.out)
    assert (ended.exit_code, result["accepted"], result["cleaned"]) == (Exit.DONE, 3, 2)
    shown = command("check", f"etherscan.io/address/{text}", "--format", "table").out
    assert "LISTED" in shown
    assert "Left out around the address: link." in shown
    wrong = command("check", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNA", "--format", "table").out
    assert "Did you mean 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?" in wrong
