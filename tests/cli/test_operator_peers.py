"""An operator's day among other nodes: peers, pulling, groups of nodes, evidence, epochs and keys, by commands."""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from app.asgi import utc_now
from app.bootstrap import open_node
from app.cli.failures import Exit
from app.client import Client
from app.domain import checkpoint, evidence
from app.domain.actor import operator
from app.domain.checkpoint import Checkpoint
from app.services import peering
from app.storage.evidence import Evidence, add
from tests.cli.conftest import Ended
from tests.client.real import serve_real

ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
NODE_ID = "wf" + 32 * "a"


@dataclass
class Office:
    """One operator: the real node, and the commands on its folder."""

    real: object
    command: object
    monkeypatch: object

    def __call__(self, *words) -> Ended:
        self.monkeypatch.setenv("WATCHFIRE_DATA", str(self.real.settings.data))
        return self.command(*words)

    def ask(self, *words):
        """Run a command with --json that must succeed; give its document."""
        ended = self(*words, "--json")
        assert ended.exit_code == Exit.DONE, ended.err
        return json.loads(ended.out)

    def table(self, *words):
        """Run a command that must succeed; give what a person reads, with each run of spaces as one."""
        ended = self(*words)
        assert ended.exit_code == Exit.DONE, ended.err
        return re.sub(r"[ \n]+", " ", ended.out)

    @property
    def url(self):
        return self.real.url

    @property
    def id(self):
        return self.ask("node")["id"]

    @property
    def fingerprint(self):
        return self.ask("node")["fingerprint"]

    def accept(self, other):
        return self.ask("peer", "add", other.url, "--fingerprint", other.fingerprint)

    def report(self):
        with Client(self.url, self.real.key) as client:
            said = {
                "category": "sex_trafficking",
                "method": "advert",
                "confidence": 60,
                "tlp": "TLP:CLEAR",
                "pap": "PAP:CLEAR",
                "audience": {"kind": "public"},
                "indicators": [{"chain": "bitcoin", "address": ADDRESS}],
            }
            return client.submit(said)["id"]

    def do(self, deed):
        """Do something with the opened node that no command does."""

        async def run():
            node = open_node(self.real.settings)
            try:
                return await deed(node)
            finally:
                await node.close()

        return asyncio.run(run())


@pytest.fixture
def offices(alone, command, monkeypatch, tmp_path):
    """Two serving nodes that pull only when told."""
    monkeypatch.setenv("WATCHFIRE_ALLOW_PRIVATE_PEERS", "true")
    monkeypatch.setenv("WATCHFIRE_SYNC", "false")
    monkeypatch.setenv("COLUMNS", "160")
    with serve_real(tmp_path / "alfa", "Alfa") as alfa, serve_real(tmp_path / "bravo", "Bravo") as bravo:
        yield Office(alfa, command, monkeypatch), Office(bravo, command, monkeypatch)


def test_two_operators_become_peers_and_see_how_far_each_is(offices):
    alfa, bravo = offices
    assert (
        "There is no peer yet; add one with `watchfire peer add URL`." in alfa("peer", "list", "--format", "table").err
    )
    said = alfa.table("peer", "add", bravo.url, "--fingerprint", bravo.fingerprint)
    assert said.startswith(f"Bravo ({bravo.id}) has not accepted this node yet; both sides must.")
    assert f"and compares this node's fingerprint: {alfa.fingerprint}" in said
    said = bravo.table("peer", "add", alfa.url, "--fingerprint", alfa.fingerprint)
    assert said == f"Alfa ({alfa.id}) is a peer now: both sides accept. "

    alfa.report()
    assert "Alfa: 2 new entries, 2 taken" in bravo("sync", "--once").err
    listed = bravo.table("peer", "list", "--format", "table")
    assert re.search(r"name state heard logs behind refused id .* Alfa active \d s ago 1 0 0 ", listed)
    assert alfa.id in listed
    (row,) = bravo.ask("peer", "list")["peers"]
    assert {"node", "name", "url", "state", "heard_at", "logs", "behind", "refused", "error"} <= set(row)
    assert json.loads(bravo("peer", "list").out) == row

    said = bravo.table("peer", "show", "Alfa")
    for words in (
        f"node {alfa.id}",
        "state active",
        "categories any",
        "indicators per day 10,000,000",
        "public (the peer's)",
    ):
        assert words in said
    assert "from the peer 2 of 2 entries are here" in said
    bravo("sync")
    assert "to the peer 2 entries acknowledged, 2 sent" in alfa.table("peer", "show", bravo.id)
    shown = alfa.ask("peer", "show", bravo.id)
    assert shown["policy"]["relay"] == "known"
    assert [(log["held"], log["served"]) for log in shown["logs"]] == [(2, 2)]


def test_a_fingerprint_is_compared_before_anything_is_kept(offices, monkeypatch):
    alfa, bravo = offices
    ended = alfa("peer", "add", bravo.url, "--fingerprint", alfa.fingerprint)
    assert (ended.exit_code, ended.out) == (Exit.REFUSED, "")
    assert f"another fingerprint: {bravo.fingerprint}" in ended.err

    answers = iter([False, True])
    monkeypatch.setattr("click.confirm", lambda *_, **__: next(answers))
    ended = alfa("peer", "add", bravo.url)
    assert ended.exit_code == 130
    assert f"The node at {bravo.url} calls itself Bravo." in ended.err
    assert bravo.fingerprint in ended.err
    assert alfa.ask("peer", "list")["peers"] == []
    assert alfa("peer", "add", bravo.url).exit_code == Exit.DONE
    assert alfa.ask("peer", "list")["peers"][0]["state"] == "proposed"


def test_a_node_without_a_url_is_accepted_by_name(offices):
    alfa, bravo = offices
    alfa.accept(bravo)
    ended = bravo("peer", "accept", "Alfa", "--fingerprint", bravo.fingerprint)
    assert (ended.exit_code, ended.out) == (Exit.USAGE, "")
    assert alfa.fingerprint in ended.err
    accepted = bravo.ask("peer", "accept", "Alfa", "--fingerprint", alfa.fingerprint)
    assert (accepted["state"], accepted["url"]) == ("active", None)
    assert alfa.table("sync") == ""
    assert alfa.ask("peer", "list")["peers"][0]["state"] == "active"


def test_a_url_that_is_no_peers_is_refused_in_words(offices, monkeypatch):
    alfa, _ = offices
    for url, code, words in (
        ("http://127.0.0.1:1", Exit.NO_CONNECTION, "did not answer"),
        (f"{alfa.url}/nothing", Exit.REFUSED, "status 404"),
        (alfa.url, Exit.REFUSED, "this node itself"),
        ("nonsense", Exit.REFUSED, "must look like https://"),
    ):
        ended = alfa("peer", "add", url, "--fingerprint", "x")
        assert (ended.exit_code, ended.out) == (code, ""), ended.err
        assert words in ended.err
    monkeypatch.setenv("WATCHFIRE_ALLOW_PRIVATE_PEERS", "false")
    ended = alfa("peer", "add", "https://127.0.0.1", "--fingerprint", "x")
    assert ended.exit_code == Exit.NO_CONNECTION
    assert "WATCHFIRE_ALLOW_PRIVATE_PEERS=true" in ended.err


def test_a_peering_is_suspended_resumed_and_ended(offices):
    alfa, bravo = offices
    alfa.accept(bravo)
    bravo.accept(alfa)
    assert "Bravo (" in alfa.table("peer", "suspend", "Bravo")
    assert alfa.ask("peer", "show", "Bravo")["state"] == "suspended"
    bravo.report()
    (row,) = alfa.ask("sync")["peers"]
    assert (row["entries"], row["error"]) == (0, None)
    assert "is suspended, not active: see `watchfire peer show" in row["left"]
    assert "is a peer now" in alfa.table("peer", "resume", "Bravo")
    assert alfa.ask("sync")["peers"][0]["entries"] == 2
    assert f"Bravo ({bravo.id}) is ended: nothing is exchanged" in alfa.table("peer", "end", "Bravo")
    ended = alfa("peer", "resume", "Bravo")
    assert (ended.exit_code, ended.out) == (Exit.REFUSED, "")
    assert "ended cannot resume" in ended.err
    for words in (("show", NODE_ID), ("suspend", "Nobody"), ("policy", "Nobody"), ("explain", uuid4(), "Nobody")):
        ended = alfa("peer", *words)
        assert (ended.exit_code, ended.out) == (Exit.NOT_FOUND, "")
        assert "`watchfire peer list`" in ended.err


def test_what_is_taken_from_a_peer_is_chosen(offices):
    alfa, bravo = offices
    alfa.accept(bravo)
    said = alfa.table("peer", "policy", "Bravo", "--category", "recruitment", "--chain", "bitcoin", "--per-day", "1000")
    assert "categories recruitment chains bip122:" in said
    assert "indicators per day 1,000 " in said
    changed = alfa.ask("peer", "policy", "Bravo", "--chain", "any", "--review", "--relay", "none")
    assert (changed["chains"], changed["review"], changed["relay"]) == (None, True, "none")
    assert (changed["categories"], changed["indicators_per_day"]) == (["recruitment"], 1_000)
    for words, code, hint in (
        (("--chain", "bitcoyn"), Exit.USAGE, "Did you mean bitcoin"),
        (("--category", "theft"), Exit.REFUSED, "categories"),
        (("--per-day", "-1"), Exit.REFUSED, "indicators_per_day"),
    ):
        ended = alfa("peer", "policy", "Bravo", *words)
        assert (ended.exit_code, ended.out) == (code, "")
        assert hint in ended.err


def test_it_is_explained_why_a_peer_has_a_record(offices):
    alfa, bravo = offices
    report = alfa.report()
    alfa.accept(bravo)
    assert "The peering is proposed" in alfa.table("peer", "explain", report, "Bravo")
    bravo.accept(alfa)
    assert alfa.ask("peer", "explain", report, "Bravo")["verdict"] == "may_have"
    bravo("sync")
    assert alfa.ask("peer", "explain", report, "Bravo")["verdict"] == "served"
    bravo("sync")
    assert "The peer acknowledged 2 entries of this log." in alfa.table("peer", "explain", report, "Bravo")
    ended = alfa("peer", "explain", uuid4(), "Bravo")
    assert (ended.exit_code, ended.out) == (Exit.NOT_FOUND, "")


def test_a_sync_says_what_it_did_and_what_went_wrong(offices):
    alfa, bravo = offices
    ended = alfa("sync")
    assert (ended.exit_code, ended.out) == (Exit.DONE, "")
    assert "There is no peer yet; add one with `watchfire peer add URL`." in ended.err
    bravo.accept(alfa)
    ended = bravo("sync")
    assert ended.exit_code == Exit.DONE
    assert f"Alfa: The peering is proposed, not active: see `watchfire peer show {alfa.id}`." in ended.err
    alfa.accept(bravo)
    alfa.report()
    (row,) = bravo.ask("sync", "--peer", "Alfa")["peers"]
    assert row == {
        "peer": alfa.id,
        "name": "Alfa",
        "left": None,
        "entries": 2,
        "accepted": 2,
        "refused": 0,
        "error": None,
    }
    assert bravo("sync").err.endswith("Alfa: nothing new\n")
    assert bravo("sync", "--watch", "--peer", "Alfa").exit_code == Exit.USAGE
    assert bravo("sync", "--peer", "Nobody").exit_code == Exit.NOT_FOUND

    async def lose(node):
        async with node.store.write(operator(node.operator)) as tx:
            await peering.peers.change(tx, alfa.id, url="http://127.0.0.1:1")

    bravo.do(lose)
    ended = bravo("sync")
    assert (ended.exit_code, ended.out) == (Exit.NO_CONNECTION, "")
    assert "Alfa: 127.0.0.1 did not answer" in ended.err


def test_proof_of_two_histories_is_listed_and_given_to_others(offices):
    alfa, bravo = offices
    assert alfa.ask("log", "evidence") == {"evidence": []}
    document, log_id = bravo.do(_two_stories)

    async def keep(node):
        async with node.store.write(operator(node.operator)) as tx:
            await add(tx, Evidence("e1", log_id, bravo.id, "fork", document, None, utc_now()))

    alfa.do(keep)
    assert [row["node"] for row in alfa.ask("log", "evidence")["evidence"]] == [bravo.id]
    assert "fork" in alfa.table("log", "evidence", "--format", "table")
    assert alfa("log", "evidence", "e1", "-o", "proof.json").exit_code == Exit.DONE
    assert Path("proof.json").read_bytes() == document
    assert alfa.ask("log", "verify-evidence", "proof.json")["sizes"] == [3, 3]
    assert f"Proved: the node {bravo.id} signed two histories" in alfa.table("log", "verify-evidence", "proof.json")
    assert alfa("log", "evidence", "e1").exit_code == Exit.USAGE
    assert alfa("log", "evidence", "e2", "-o", "other.json").exit_code == Exit.NOT_FOUND
    assert not Path("other.json").exists()


async def _two_stories(node):
    line = checkpoint.origin_line(node.identity.node_id, "public", 1)
    notes = [
        checkpoint.sign_checkpoint(Checkpoint(line, 3, bytes([story] * 32)), node.identity.node_id, node.identity.seed)
        for story in (1, 2)
    ]
    log_id = checkpoint.log_id(node.identity.node_id, "public", 1)
    return evidence.fork(await peering.own_record(node, utc_now()), *notes), log_id


def test_an_epoch_is_opened_only_where_the_end_of_a_log_is_lost(offices):
    alfa, _ = offices
    alfa.report()
    alfa("organization", "list")  # a command that ends has sequenced what was owed
    (log,) = alfa.ask("log", "list")["logs"]
    ended = alfa("log", "new-epoch", log["id"])
    assert (ended.exit_code, ended.out) == (Exit.REFUSED, "")
    assert "Nothing is missing" in ended.err
    assert alfa("log", "new-epoch", 32 * "0").exit_code == Exit.NOT_FOUND


def test_a_rotated_key_keeps_the_node_who_it_is(command, tmp_path):
    def ask(*words):
        ended = command(*words, "--data", tmp_path / "node", "--json")
        assert ended.exit_code == Exit.DONE, ended.err
        return json.loads(ended.out)

    ask("init", "--name", "Alfa")
    before = ask("node")
    member = ask("organization", "add", "Aid", "--kind", "ngo")["id"]
    ask("group", "add", "Circle", "--member", member)
    entries = ask("log", "verify")["entries"]
    first, second = (ask("rotate-key")["keyid"] for _ in range(2))
    assert first != second
    assert ask("node") == before
    said = command("rotate-key", "--data", tmp_path / "node").out
    assert "its id and fingerprint stay. Start every process of it anew." in said
    ask("organization", "list")  # a command that ends has sequenced what was owed
    verdict = ask("log", "verify")
    assert (verdict["ok"], verdict["entries"]) == (True, entries + 3), "three entries say which key follows"


def test_organizations_are_found_and_nodes_join_groups(offices):
    alfa, bravo = offices
    added = bravo.ask("organization", "add", "Aid", "--kind", "ngo")["id"]
    assert "listed" in bravo.table("organization", "find", added)
    alfa.accept(bravo)
    bravo.accept(alfa)
    known = {row["name"]: row["home"] for row in alfa.ask("organization", "list")["organizations"]}
    assert known["Aid"] == bravo.id
    assert bravo.ask("organization", "find", added, "--hide") == {"id": added, "listed": False}
    assert alfa("organization", "find", added).exit_code in {Exit.NOT_FOUND, Exit.REFUSED, Exit.NOT_ALLOWED}

    ended = alfa("group", "add", "Circle", "--node", NODE_ID)
    assert (ended.exit_code, ended.out) == (Exit.REFUSED, "")
    assert "no peer" in ended.err
    assert alfa("group", "add", "Circle").exit_code == Exit.USAGE
    made = alfa.ask("group", "add", "Circle", "--node", alfa.id, "--node", bravo.id)
    assert (made["members"], made["nodes"]) == ([], sorted([alfa.id, bravo.id]))
    assert bravo.id in alfa.table("group", "list", "--format", "table")
    bravo("sync")
    assert [row["id"] for row in bravo.ask("group", "list")["groups"]] == [made["id"]]
    left = alfa.ask("group", "leave", made["id"], "--node", bravo.id)
    assert left["nodes"] == [alfa.id]
