"""`watchfire taxii pull|push`: medallion, our own server, and servers that page as the standard does not say."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.cli.failures import Exit
from app.client import Client
from app.domain import audience as audiences
from app.domain import signing
from app.domain.marking import Tlp
from app.formats import stix
from tests import make
from tests.client.real import serve_real
from tests.formats.leaving import published
from tests.opentaxii_server import serve_opentaxii

SEED = bytes(range(32))
BTC = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
BTC2 = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
FIELDS = {"category": "csam", "method": "advert", "confidence": 60, "tlp": "TLP:CLEAR", "audience": {"kind": "public"}}
MEDIA = "application/taxii+json;version=2.1"
NAMES: list[object] = []


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
        yield Partner(client, str(organization), key, real.url)


@pytest.fixture
def signing_key(real, node, monkeypatch, tmp_path):
    """Be another organization, which has a signing key of its own."""
    organization, key = real.add_organization(f"Partner {len(NAMES)}", public_key=signing.public_key(SEED))
    NAMES.append(organization)
    file = tmp_path / "partner.key"
    file.write_text(SEED.hex())
    file.chmod(0o600)
    monkeypatch.setenv("WATCHFIRE_API_KEY", key)
    monkeypatch.setenv("WATCHFIRE_SIGNING_KEY", str(file))


class Partner:
    def __init__(self, client, organization, key, url):
        self.client, self.id, self.key, self.url = client, organization, key, url

    def reports(self):
        rows = [row for row in self.client.reports() if row["issuer"] == self.id]
        return [self.client.report(row["id"]) for row in rows]

    def listed(self):
        found = []
        for report in self.reports():
            gone = [
                item["address"] for one in report["history"]["revocations"] for item in one["body"].get("addresses", [])
            ]
            if report["state"] == "live":
                found += [row["address"] for row in report["body"]["indicators"] if row["address"] not in gone]
        return sorted(found)


@pytest.fixture
def pull(command, node):
    def call(url, *more, audience=None):
        ended = command("taxii", "pull", url, "--audience", audience or f"organization:{node.id}", "--json", *more)
        ended.result = json.loads(ended.out) if ended.out else None
        return ended

    return call


def figures(ended):
    names = ("read", "accepted", "refused", "unchanged", "taken_back", "revoked")
    assert ended.result is not None, ended.err
    result = ended.result
    assert result["read"] == sum(result[name] for name in ("accepted", "refused", "unchanged", "taken_back"))
    return tuple(result[name] for name in names)


def objects_of(count=1, *, state="live", number=0):
    report = make.report(1, indicators=tuple(make.indicator(number + place) for place in range(count)))
    record = make.record(body_of=report, id=make.ident(("taxii", number)))
    return stix.whole(published(record, state=state, changed=int(time.time() * 1e6), changed_at=make.NOW))


COLLECTION = {"id": "c-1", "title": "Shared", "can_read": True, "can_write": False}
PAGES = {
    "/taxii2/": {"title": "S", "api_roots": ["/root/", "https://elsewhere.example/root/"]},
    "/root/": {"title": "R", "versions": [MEDIA], "max_content_length": 10_000},
    "/root/collections/": {"collections": [COLLECTION, {"id": "x", "title": "W", "can_read": False}]},
    "/root/collections/c-1/": COLLECTION,
}


class Server:
    """A TAXII server of a few lines: one collection, paged by a rule of its own."""

    def __init__(self, objects, page=2, rule="next"):
        self.objects, self.page, self.rule = objects, page, rule
        self.asked, self.broken, self.forgotten = [], None, False
        self.auth = None

    def __call__(self, asked):
        url = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if self.auth and asked.headers.get(self.auth[0]) != self.auth[1]:
            return self.answer({"title": "Sign in"}, 401)
        if asked.headers["Accept"] == "application/taxii+json;version=2.1" and self.rule == "spaced":
            return self.answer({"title": "Not acceptable"}, 406)
        if url.path == "/root/collections/c-1/objects/":
            return self.objects_page(query)
        found = PAGES.get(url.path)
        return self.answer(found or {"title": "Not found"}, 200 if found else 404)

    def objects_page(self, query):
        self.asked.append(query)
        if self.broken is not None and len(self.asked) > self.broken:
            return self.answer({"title": "Broken"}, 500)
        if self.forgotten and "next" in query:
            return self.answer({"title": "No such cursor"}, 400)
        after = int(query.get("added_after", "2026-01-01T00:00:00.000Z")[-4:-1])
        start = int(query["next"]) if query.get("next", "").isdigit() else after
        part = self.objects[start : start + self.page]
        end = start + len(part)
        if self.rule == "empty":
            return self.answer({"more": True, "next": str(len(self.asked)), "objects": []})
        if self.rule == "same":
            return self.answer({"more": True, "next": "same", "objects": part}, headers=self.dates(end))
        document = {"objects": part} if part else {}
        if end < len(self.objects):
            document["more"] = True
            if self.rule in {"next", "spaced"}:
                document["next"] = str(end)
        return self.answer(document, headers=self.dates(end) if part and self.rule != "blind" else {})

    def dates(self, end):
        return {"X-TAXII-Date-Added-Last": f"2026-01-01T00:00:00.{end:03d}Z"}

    @staticmethod
    def answer(document, status=200, headers=None):
        return status, {"Content-Type": MEDIA, **(headers or {})}, json.dumps(document).encode()


@pytest.mark.parametrize("path", ["/taxii2/", "/root/", "/root", "/root/collections/", "/root/collections/c-1/"])
def test_every_address_of_a_server_leads_to_its_collection(pull, node, scripted, path):
    scripted.script = server = Server(objects_of(3))
    ended = pull(scripted.url + path, "--collection", "Shared" if path != "/root" else "")
    assert figures(ended) == (3, 3, 0, 0, 0, 0), ended.err
    assert server.asked[1]["next"] == "2"
    assert all(query["limit"] == "500" for query in server.asked), "filters are repeated"
    references = [item["reference"] for report in node.reports() for item in report["body"]["evidence"]]
    assert any(text.startswith("TAXII 127.0.0.1, collection c-1, object indicator--") for text in references)
    again = pull(scripted.url + path)
    assert figures(again) == (0, 0, 0, 0, 0, 0)
    assert server.asked[-1]["added_after"].endswith(f".{len(server.objects):03d}Z")
    if path == "/taxii2/":
        assert "another server" in again.err, "the other root is not asked with our secret"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("next", ""),
        ("added_after", ""),
        ("spaced", ""),
        ("same", "again and again"),
        ("blind", "not where"),
        ("empty", "again"),
    ],
)
def test_no_way_of_paging_loops_or_loses(pull, node, scripted, rule, said):
    scripted.script = server = Server(objects_of(3), rule=rule)
    ended = pull(scripted.url + "/root/")
    assert said in ended.err
    if not said:
        assert figures(ended) == (3, 3, 0, 0, 0, 0)
    assert len(server.asked) < 30


def test_a_broken_pull_goes_on_where_it_was(pull, node, scripted):
    scripted.script = server = Server(objects_of(6))
    server.broken = 3
    first = pull(scripted.url + "/root/")
    assert (first.exit_code, first.result) == (Exit.FAILURE, None)
    before = len(node.reports())
    server.broken = None
    asked = len(server.asked)
    second = pull(scripted.url + "/root/")
    assert "next" not in server.asked[asked], "a cursor that moves on by itself would lose a page"
    assert server.asked[asked]["added_after"].endswith(".004Z")
    assert len(node.listed()) == 6
    assert len(set(node.listed())) == 6
    assert second.result["accepted"] + before >= 1


def test_a_forgotten_cursor_starts_again_and_doubles_nothing(pull, node, scripted):
    scripted.script = server = Server(objects_of(6))
    server.broken = 3
    pull(scripted.url + "/root/")
    server.broken, server.forgotten, server.page = None, True, 500
    assert pull(scripted.url + "/root/").exit_code == Exit.DONE
    assert len(node.listed()) == 6


def test_what_is_revoked_there_is_revoked_here(pull, node, scripted):
    scripted.script = server = Server(objects_of(2))
    assert figures(pull(scripted.url + "/root/")) == (2, 2, 0, 0, 0, 0)
    server.objects = [
        *server.objects,
        *[item for item in objects_of(2, state="revoked") if item["type"] == "indicator"],
    ]
    assert figures(pull(scripted.url + "/root/")) == (2, 0, 0, 0, 2, 2)
    assert node.listed() == []
    assert figures(pull(scripted.url + "/root/")) == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("options", "header"),
    [
        (("--auth", "bearer", "--secret", "s3"), ("Authorization", "Bearer s3")),
        (("--secret", "s3"), ("Authorization", "Bearer s3")),
        (("--auth", "token", "--secret", "s3"), ("Authorization", "Token s3")),
        (("--user", "u", "--secret", "s3"), ("Authorization", "Basic dTpzMw==")),
        (("--auth", "header", "--header", "X-Key", "--secret", "s3"), ("X-Key", "s3")),
    ],
)
def test_ways_to_sign_in(command, node, scripted, options, header):
    scripted.script = server = Server([])
    server.auth = header
    ended = command("taxii", "collections", scripted.url + "/taxii2/", "--json", *options)
    assert [item["id"] for item in json.loads(ended.out)["collections"]] == ["c-1", "x"]
    refused = command("taxii", "collections", scripted.url + "/taxii2/", "--secret", "wrong-one")
    assert refused.exit_code == Exit.NOT_ALLOWED
    assert "wrong-one" not in refused.err


def test_a_wrong_collection_is_told_with_those_there_are(pull, scripted):
    scripted.script = Server([])
    ended = pull(scripted.url + "/taxii2/", "--collection", "Nothing")
    assert "c-1 (Shared)" in ended.err


def test_nothing_goes_further_than_its_marking(pull, node, scripted):
    report = make.record(body_of=make.report(1), tlp=Tlp.AMBER_STRICT, audience=audiences.group(make.ident("g")))
    objects = stix.whole(published(report, changed_at=make.NOW, tlp=Tlp.AMBER_STRICT))
    scripted.script = Server(objects)
    audience = f"organization:{node.id},0190e5a0-0000-7000-8000-00000000000b"
    ended = pull(scripted.url + "/root/", "--tlp", "green", audience=audience)
    assert figures(ended)[2] == 1
    assert "AMBER+STRICT" in Path("taxii-pull.errors.csv").read_text()


# medallion


@pytest.fixture(scope="module")
def medallion(tmp_path_factory):
    """OASIS's own server, in memory, in a process of its own."""
    folder = tmp_path_factory.mktemp("medallion")
    collections = [
        {
            "id": f"91a7b528-80eb-42ed-a74d-c6fbd5a2611{n}",
            "title": title,
            "can_read": True,
            "can_write": n > 0,
            "media_types": ["application/stix+json;version=2.1"],
            "objects": [],
            "manifest": [],
        }
        for n, title in enumerate(("Read", "Write"))
    ]
    for place, item in enumerate(objects_of(7)):
        version = item.get("modified") or item.get("created") or "2026-01-01T00:00:00.000Z"
        collections[0]["objects"].append({**item, "_date_added": f"2026-01-01T00:00:{place:02d}.000000Z"})
        collections[0]["manifest"].append(
            {
                "id": item["id"],
                "date_added": f"2026-01-01T00:00:{place:02d}.000000Z",
                "version": version,
                "media_type": "application/stix+json;version=2.1",
            }
        )
    data = {
        "/discovery": {"title": "medallion", "default": "http://localhost/api/", "api_roots": ["/api/"]},
        "api": {
            "information": {"title": "Api", "versions": [MEDIA], "max_content_length": 20_000},
            "status": [],
            "collections": collections,
        },
    }
    (folder / "data.json").write_text(json.dumps(data))
    backend = {
        "module": "medallion.backends.memory_backend",
        "module_class": "MemoryBackend",
        "filename": str(folder / "data.json"),
    }
    config = {"backend": backend, "users": {"user": "pass"}, "taxii": {"max_page_size": 5}}
    (folder / "config.json").write_text(json.dumps(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = [sys.executable, "-W", "ignore", "-m", "medallion.scripts.run", "--port", str(port), "config.json"]
    log = (folder / "log").open("wb")
    running = subprocess.Popen(
        program, cwd=folder, stdout=log, stderr=log, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://127.0.0.1:{port}/taxii2/")
                break
            except httpx.HTTPError:
                assert running.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()
        log.close()


SIGN_IN = ("--user", "user", "--secret", "pass")


def test_medallion_is_read_page_by_page(pull, node, medallion):
    ended = pull(f"{medallion}/taxii2/", *SIGN_IN, "--collection", "Read", "--limit", "4")
    assert figures(ended) == (7, 7, 0, 0, 0, 0), ended.err
    assert len(node.listed()) == 7
    assert figures(pull(f"{medallion}/taxii2/", *SIGN_IN, "--collection", "Read")) == (0, 0, 0, 0, 0, 0)


def test_medallion_takes_what_is_pushed_and_says_what_it_does_not(command, node, medallion, pull):
    objects = objects_of(30, number=20)
    Path("bundle.json").write_text(json.dumps({"type": "bundle", "id": "bundle--x", "objects": objects}))
    ended = command("taxii", "push", f"{medallion}/api/", "bundle.json", *SIGN_IN, "--json")
    assert ended.exit_code == Exit.DONE, ended.err
    assert json.loads(ended.out) == {"succeeded": len(objects), "failed": 0, "pending": 0, "failures": []}
    large = {**objects[0], "description": "x" * 30_000}
    Path("large.ndjson").write_text(json.dumps(large) + "\n")
    ended = command("taxii", "push", f"{medallion}/api/", "large.ndjson", *SIGN_IN, "--json")
    assert ended.exit_code == Exit.REFUSED
    assert "the server takes 20000 at once" in ended.out
    assert figures(pull(f"{medallion}/api/", *SIGN_IN, "--collection", "Write"))[0] == 30


def test_what_one_may_read_is_pushed(command, node, signing_key, medallion):
    made = node.client.submit({**FIELDS, "indicators": [{"chain": "bitcoin", "address": BTC}]})
    ended = command("taxii", "push", f"{medallion}/taxii2/", *SIGN_IN, "--json", "--issuer", node.id)
    done = json.loads(ended.out)
    assert done["succeeded"] >= 4, ended.err
    known = [item["id"].partition("--")[0] for item in done["failures"]]
    assert set(known) <= {"marking-definition"}, "medallion takes a marking once"
    answer = httpx.get(
        f"{medallion}/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26111/objects/",
        headers={"Accept": MEDIA},
        auth=("user", "pass"),
        params={"match[type]": "report"},
    )
    assert made["id"] in answer.text


# OpenTAXII


def test_opentaxii_is_read_page_by_page(pull, node):
    """Not pushed to: it answers 500 to every object that has no `modified`, as wallets and markings have none."""
    with serve_opentaxii(objects_of(7)) as others:
        ended = pull(others.url, *SIGN_IN, "--collection", "collection", "--limit", "4")
        assert figures(ended) == (7, 7, 0, 0, 0, 0), ended.err
        assert len(node.listed()) == 7
        assert figures(pull(others.root, *SIGN_IN)) == (0, 0, 0, 0, 0, 0)


# our own server


def test_our_own_server_is_pulled_from_and_a_revocation_travels(pull, node, real):
    organization, key = real.add_organization(f"Other {len(NAMES)}")
    NAMES.append(organization)
    with Client(real.url, key) as other:
        made = other.submit({**FIELDS, "indicators": [{"chain": "bitcoin", "address": BTC2}], "case": "OP-7"})
        options = ("--secret", node.key, "--collection", "all")
        first = pull(f"{real.url}/taxii2/", *options)
        assert first.result, first.err
        assert first.result["accepted"] >= 1, first.err
        assert BTC2 in node.listed()
        (mine,) = [report for report in node.reports() if BTC2 in str(report["body"])]
        body = mine["body"]
        assert (body["category"], body["method"], body["confidence"], body["case"]) == ("csam", "advert", 60, "OP-7")
        other.revoke(made["id"], "mistaken")
        assert pull(f"{real.url}/taxii2/", *options).result["revoked"] >= 1
        assert BTC2 not in node.listed()
