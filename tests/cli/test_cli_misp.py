"""`watchfire misp pull`: feeds and servers, resumed, followed, and never beyond what they allow."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from pymisp import MISPEvent

from app.cli.failures import Exit
from app.cli.pull_state import PullState
from app.client import Client
from app.formats.stix_ids import of_organization
from tests.client.real import serve_real
from tests.client.scripted import document

BTC = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
BTC2 = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
ETH = "0x52908400098527886e0f7030069857d2e4169ee7"
KEY = "k" * 40


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with serve_real(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def node(real, monkeypatch):
    """Be a new organization at the node, so that each test begins with nothing."""
    organization, key = real.add_organization(f"Partner {len(NAMES)}")
    NAMES.append(organization)
    monkeypatch.setenv("WATCHFIRE_URL", real.url)
    monkeypatch.setenv("WATCHFIRE_API_KEY", key)
    with Client(real.url, key) as client:
        yield Partner(client, str(organization))


NAMES: list[object] = []


class Partner:
    def __init__(self, client, organization):
        self.client, self.id = client, organization

    def reports(self):
        return [self.client.report(row["id"]) for row in self.client.reports()]

    def listed(self):
        """Give the addresses that this organization claims now, with the TLP of each."""
        found = {}
        for report in self.reports():
            gone = [item for one in report["history"]["revocations"] for item in one["body"].get("addresses", [])]
            if report["state"] == "live":
                rows = [(row["chain"], row["address"]) for row in report["body"]["indicators"]]
                left = [row for row in rows if row not in [(item["chain"], item["address"]) for item in gone]]
                found |= {address: report["tlp"] for _, address in left}
        return found


def make(uuid, timestamp, *attributes, tags=("tlp:green", "csam"), objects=(), **fields):
    event = {
        "uuid": uuid,
        "info": "case",
        "timestamp": str(timestamp),
        "Orgc": {"name": "CERT", "uuid": "6e1b8b7a-0000-4000-8000-000000000001"},
        "Tag": [{"name": name} for name in tags],
        "Attribute": list(attributes),
        "Object": list(objects),
        **fields,
    }
    return {"Event": event}


def attribute(number, value=BTC, kind="btc", **fields):
    return {"uuid": f"00000000-0000-4000-8000-{number:012d}", "type": kind, "value": value, **fields}


def uuid_of(number):
    return f"10000000-0000-4000-8000-{number:012d}"


def write_feed(folder, *events):
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.json"):
        path.unlink()
    for event in events:
        (folder / f"{event['Event']['uuid']}.json").write_text(json.dumps(event))
    manifest = {event["Event"]["uuid"]: {"timestamp": int(event["Event"]["timestamp"])} for event in events}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def pull(command, node):
    def call(source, *more, audience=None):
        ended = command("misp", "pull", source, "--audience", audience or f"organization:{node.id}", "--json", *more)
        ended.result = json.loads(ended.out) if ended.out else None
        return ended

    return call


def figures(ended):
    names = ("read", "accepted", "refused", "unchanged", "taken_back", "revoked")
    result = ended.result
    assert result["read"] == sum(result[name] for name in ("accepted", "refused", "unchanged", "taken_back"))
    return tuple(result[name] for name in names)


def test_a_feed_folder_is_followed(pull, node, tmp_path):
    feed = tmp_path / "feed"
    coin = {
        "name": "coin-address",
        "Attribute": [
            attribute(3, ETH, "text", object_relation="address-crypto"),
            attribute(4, "ETH", "text", object_relation="symbol"),
        ],
    }
    write_feed(feed, make(uuid_of(1), 100, attribute(1), attribute(2, BTC2), attribute(9, "x", "url"), objects=[coin]))
    first = pull(feed.as_uri())
    assert (first.exit_code, figures(first)) == (Exit.DONE, (3, 3, 0, 0, 0, 0)), first.err
    assert first.result["skipped"] == {"url": 1}
    assert node.listed() == {BTC: "TLP:GREEN", BTC2: "TLP:GREEN", ETH: "TLP:GREEN"}
    (report,) = node.reports()
    assert report["body"]["evidence"][0]["reference"] == f"MISP event {uuid_of(1)} of CERT, from the feed folder feed"

    again = pull(str(feed / "manifest.json"), "--state", first.result["state"])
    assert again.exit_code == Exit.REFUSED, "the state is of another source"
    assert figures(pull(feed.as_uri())) == (0, 0, 0, 0, 0, 0)

    # One is deleted, one has vanished, one is new, one says the same.
    write_feed(feed, make(uuid_of(1), 101, attribute(1, deleted=True), attribute(5, "1" * 26), objects=[coin]))
    second = pull(feed.as_uri())
    assert figures(second) == (3, 0, 1, 1, 1, 2), "the new address is none"
    assert second.exit_code == Exit.PARTIAL
    assert node.listed() == {ETH: "TLP:GREEN"}
    rows = (tmp_path / "work" / "misp-pull.errors.csv").read_text()
    assert attribute(5)["uuid"] in rows

    # An event that becomes stricter is taken back and sent again.
    write_feed(feed, make(uuid_of(1), 102, tags=("tlp:amber", "csam"), objects=[coin]))
    assert figures(pull(feed.as_uri())) == (1, 1, 0, 0, 0, 1)
    assert node.listed() == {ETH: "TLP:AMBER"}

    # What leaves the manifest stays, unless the caller wants it gone.
    write_feed(feed)
    kept = pull(feed.as_uri())
    assert "--gone revoke" in kept.err
    assert figures(pull(feed.as_uri(), "--gone", "revoke")) == (0, 0, 0, 0, 0, 1)
    assert node.listed() == {}


def test_nothing_goes_further_than_its_event(pull, node, tmp_path):
    feed = tmp_path / "feed"
    write_feed(
        feed,
        make(uuid_of(1), 100, attribute(1), tags=("tlp:amber+strict", "csam")),
        make(uuid_of(2), 100, attribute(2, BTC2), distribution="0"),
    )
    audience = f"organization:{node.id},0190e5a0-0000-7000-8000-00000000000b"
    ended = pull(str(feed), "--tlp", "green", audience=audience)
    assert (ended.exit_code, figures(ended)) == (Exit.REFUSED, (2, 0, 2, 0, 0, 0))
    assert node.reports() == []


class Server:
    """A MISP server as PyMISP finds it: restSearch with its filters, the key in Authorization."""

    def __init__(self, *events, page=100):
        self.events = list(events)
        self.searches = []
        self.broken = None
        self.page = page

    def __call__(self, asked):
        if asked.path.endswith("/manifest.json"):
            return document({"message": "no such page"}, 404)
        if asked.headers.get("Authorization") != KEY:
            return document({"message": "Authentication failed."}, 403)
        search = asked.document
        self.searches.append(search)
        assert (asked.method, asked.path) == ("POST", "/events/restSearch")
        if self.broken and search.get("uuid") == self.broken:
            return document({"message": "An Internal Error Has Occurred."}, 500)
        found = [event for event in self.events if self.matches(event["Event"], search)]
        if "limit" in search:
            start = (search["page"] - 1) * search["limit"]
            found = found[start : start + search["limit"]]
        if search.get("metadata"):
            found = [{"Event": {**event["Event"], "Attribute": [], "Object": []}} for event in found]
        return document({"response": found})

    @staticmethod
    def matches(event, search):
        if "uuid" in search:
            return event["uuid"] == search["uuid"]
        if "object_name" in search:
            return any(item["name"] == search["object_name"] for item in event["Object"])
        return any(item["type"] in search["type"] for item in event["Attribute"])


def test_a_server_is_walked_by_its_pages(pull, node, scripted, monkeypatch):
    monkeypatch.setattr("app.client.misp.PAGE", 2)
    events = [make(uuid_of(number), number, attribute(number, f"0x{number:040x}", "btc")) for number in range(1, 8)]
    for event in events:
        event["Event"]["Attribute"][0]["value"] = BTC
    scripted.script = server = Server(*events)
    ended = pull(scripted.url, "--misp-key", KEY)
    assert figures(ended) == (7, 7, 0, 0, 0, 0), ended.err
    assert ended.result["events"] == 7
    assert {"btc", "xmr", "dash"} == set(server.searches[0]["type"])
    assert [search["page"] for search in server.searches if "type" in search] == [1, 2, 3, 4]
    assert all(search["deleted"] == [0, 1] for search in server.searches)
    server.searches.clear()
    assert figures(pull(scripted.url, "--misp-key", KEY)) == (0, 0, 0, 0, 0, 0)
    assert not any("uuid" in search for search in server.searches), "nothing is newer"


def test_a_broken_pull_goes_on_and_doubles_nothing(pull, node, scripted):
    events = [make(uuid_of(number), number, attribute(number)) for number in (1, 2, 3)]
    scripted.script = server = Server(*events)
    server.broken = uuid_of(2)
    first = pull(scripted.url, "--misp-key", KEY)
    assert (first.exit_code, first.result) == (Exit.FAILURE, None)
    assert "An Internal Error" in first.err
    assert len(node.reports()) == 1
    server.broken = None
    assert figures(pull(scripted.url, "--misp-key", KEY)) == (2, 2, 0, 0, 0, 0)
    assert len(node.reports()) == 3


def test_a_lost_state_submits_nothing_twice(pull, node, tmp_path):
    feed = tmp_path / "feed"
    write_feed(feed, make(uuid_of(1), 100, attribute(1)))
    first = pull(str(feed))
    state = Path(first.result["state"])
    lines = state.read_text().splitlines(keepends=True)
    state.write_text(lines[0] + lines[1][:-5])  # killed before the last line was whole
    assert figures(pull(str(feed))) == (1, 1, 0, 0, 0, 0)
    assert len(node.reports()) == 1


def test_what_a_server_no_longer_has_is_revoked(pull, node, scripted):
    scripted.script = server = Server(make(uuid_of(1), 1, attribute(1)), make(uuid_of(2), 2, attribute(2, BTC2)))
    pull(scripted.url, "--misp-key", KEY)
    del server.events[0]
    server.events[0]["Event"]["Attribute"][0]["deleted"] = True
    server.events[0]["Event"]["timestamp"] = "9"
    ended = pull(scripted.url, "--misp-key", KEY)
    assert figures(ended) == (1, 0, 0, 0, 1, 2)
    assert node.listed() == {}
    assert {report["state"] for report in node.reports()} == {"revoked"}
    assert figures(pull(scripted.url, "--misp-key", KEY)) == (0, 0, 0, 0, 0, 0)


def test_one_unreadable_event_does_not_stop_the_rest(pull, node, tmp_path):
    feed = tmp_path / "feed"
    write_feed(feed, make(uuid_of(1), 1, attribute(1)), make(uuid_of(2), 2, attribute(2, BTC2)))
    (feed / f"{uuid_of(1)}.json").write_text("{")
    ended = pull(str(feed))
    assert (ended.exit_code, figures(ended)) == (Exit.PARTIAL, (2, 1, 1, 0, 0, 0))
    write_feed(feed, make(uuid_of(1), 1, attribute(1)), make(uuid_of(2), 2, attribute(2, BTC2)))
    assert figures(pull(str(feed))) == (1, 1, 0, 0, 0, 0), "it is tried anew"


@pytest.mark.parametrize("manifest", ["[]", "{", '{"../../etc/passwd": {"timestamp": 1}}', '{"x": 3}'])
def test_a_manifest_is_never_trusted(pull, tmp_path, manifest):
    (tmp_path / "manifest.json").write_text(manifest)
    ended = pull(str(tmp_path))
    assert ended.exit_code == Exit.FAILURE
    assert "Traceback" not in ended.err


def test_the_key_goes_to_no_other_host(pull, scripted):
    scripted.answers((302, {"Location": "http://localhost:1/x"}, b""))
    ended = pull(scripted.url, "--misp-key", KEY, "--as", "feed")
    assert ended.exit_code == Exit.NO_CONNECTION
    assert "another server" in ended.err
    assert KEY not in ended.err


def test_two_pulls_of_one_source_do_not_mix(pull, tmp_path):
    feed = tmp_path / "feed"
    write_feed(feed)
    first = pull(str(feed))
    path = Path(first.result["state"])
    name = json.loads(path.read_text().splitlines()[0])["pull"]
    with PullState(path, name):
        assert "Another pull" in pull(str(feed)).err


def test_an_audience_is_needed(command, node):
    ended = command("misp", "pull", "/nowhere")
    assert (ended.exit_code, "--audience" in ended.err) == (Exit.USAGE, True)


def test_a_long_state_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("app.cli.pull_state._MIN_COMPACTED", 10)
    path = tmp_path / "state"
    with PullState(path, "x") as state:
        for number in range(50):
            state.put(str(number % 3), {"n": number})
    long = path.stat().st_size
    with PullState(path, "x") as state:
        assert {key: state.get(key)["n"] for key in state} == {"0": 48, "1": 49, "2": 47}
        assert path.stat().st_size < long / 5
        state.put("0", {"n": 99})
    with PullState(path, "x") as state:
        assert state.get("0") == {"n": 99}


def test_what_pymisp_writes_as_a_feed_is_read(pull, node, tmp_path):
    made = MISPEvent()
    made.from_dict(
        **make(uuid_of(7), 1700000000, attribute(1))["Event"],
        date="2026-01-01",
        published=True,
        publish_timestamp="1700000000",
        analysis="2",
        threat_level_id="1",
    )
    folder = tmp_path / "feed"
    folder.mkdir()
    (folder / f"{made.uuid}.json").write_text(json.dumps(made.to_feed()))
    (folder / "manifest.json").write_text(json.dumps(made.manifest))
    assert figures(pull(str(folder))) == (1, 1, 0, 0, 0, 0)
    assert node.listed() == {BTC: "TLP:GREEN"}


def test_what_was_fed_from_here_does_not_come_back(pull, node, tmp_path):
    event = make(uuid_of(1), 1, attribute(1))
    event["Event"]["Orgc"]["uuid"] = str(of_organization(UUID(node.id)))
    write_feed(tmp_path / "feed", event)
    ended = pull(str(tmp_path / "feed"))
    assert figures(ended) == (0, 0, 0, 0, 0, 0)
    assert ended.result["skipped"] == {"event of our own": 1}


def test_an_event_in_a_file_is_imported(command, node):
    event = make(uuid_of(1), 1, attribute(1), attribute(2, BTC2, deleted=True), attribute(3, "x", "url"))
    Path("event.json").write_text(json.dumps(event))
    ended = command("import", "event.json", "--audience", f"organization:{node.id}", "--json")
    assert ended.exit_code == Exit.PARTIAL, ended.err
    result = json.loads(ended.out)
    assert (result["read"], result["accepted"], result["refused"], result["skipped"]) == (2, 1, 1, {"url": 1})
    assert node.listed() == {BTC: "TLP:GREEN"}
    assert "taken_back" in Path("event.json.errors.csv").read_text()
    further = command("import", "event.json", "--audience", "public", "--tlp", "clear", "--json")
    assert further.exit_code == Exit.REFUSED, "TLP:GREEN is not for the public"
