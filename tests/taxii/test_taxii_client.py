"""The client that most programs use, taxii2-client, against the node as it is served, while others write."""

import itertools
import json
import threading
import urllib.request
from collections import Counter

import pytest
from taxii2client import common
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages

from app.formats import stix_ids
from tests.api.conftest import address, claim, serve
from tests.taxii.reader import COMES_AGAIN, missing_refs


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    budgets = dict.fromkeys(("requests_per_minute", "failures_per_minute"), 1_000_000)
    with serve(tmp_path_factory.mktemp("taxii") / "node", **budgets) as made:
        yield made


def submit(node, *addresses, **fields):
    """Submit a public report over HTTP."""
    request = urllib.request.Request(
        f"{node.url}/v1/reports",
        json.dumps(claim(*addresses, **fields)).encode(),
        {"authorization": f"Bearer {node.key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


class Client:
    """One signed-in client and what it opened."""

    def __init__(self, node):
        self.auth = common.TokenAuth(node.key)
        self.server = Server(f"{node.url}/taxii2/", auth=self.auth)
        self.opened = [self.server]

    def root(self) -> ApiRoot:
        self.opened.append(self.server.default)
        return self.server.default

    def collection(self, title) -> Collection:
        listed = self.root().collections
        self.opened += listed
        return next(item for item in listed if item.title == title)

    def close(self):
        for item in self.opened:
            item.close()


@pytest.fixture
def client(node):
    made = Client(node)
    yield made
    made.close()


def test_it_discovers_the_root_and_its_collections(client):
    assert client.server.title.startswith("Watchfire")
    root = client.root()
    assert root in client.server.api_roots
    assert "application/taxii+json;version=2.1" in root.versions
    titles = [item.title for item in root.collections]
    client.opened += root.collections
    assert {"All", "Public"} <= set(titles)
    assert all(item.can_read for item in root.collections)


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_it_pages_under_concurrent_writes_and_loses_nothing_and_gets_nothing_twice(node, client, limit):
    fresh = itertools.count(limit * 10**9)
    before = [submit(node, *(address(next(fresh)) for _ in range(4))) for _ in range(3)]
    collection = client.collection("All")
    known = {report["id"] for report in before}
    eventually(lambda: known <= claimed(everything(collection)))  # the sequencer has been by
    stop = threading.Event()
    written = []

    def write():
        while not stop.is_set() and len(written) < 10:
            written.append(submit(node, address(next(fresh))))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        pages = list(as_pages(collection.get_objects, per_request=limit))
    finally:
        stop.set()
        writer.join()
    objects = [item for page in pages for item in page["objects"]]
    assert all(0 < len(page["objects"]) <= limit for page in pages)
    assert max(Counter(item["id"] for item in objects if item["type"] not in COMES_AGAIN).values()) == 1
    assert known <= claimed(objects)
    if limit > 4:
        assert all(missing_refs(page["objects"]) == set() for page in pages)
    # What was written meanwhile comes by the next poll, from where this one ended, and nothing else does.
    manifest = [row for page in as_pages(collection.get_manifest, per_request=100) for row in page["objects"]]
    held = {item["id"] for item in objects}
    last = max(row["date_added"] for row in manifest if row["id"] in held and row["id"].startswith("relationship"))
    rest = collection.get_objects(added_after=last, limit=1_000).get("objects", [])
    late = {item["id"] for item in rest if item["type"] == "indicator"}
    assert {row["id"] for row in manifest if row["id"].startswith("indicator")} <= held | late
    assert not late & {item["id"] for item in objects if item["type"] == "indicator"}


def test_it_posts_follows_the_status_reads_versions_and_deletes(node, client):
    public = client.collection("Public")
    wallet = address(77_777)
    posted = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": "indicator--8d2f0a30-4b1f-4a39-9d6a-0fcb4e64bf9b",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "pattern": f"[cryptocurrency-wallet:value = '{wallet}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        "labels": ["labour_trafficking"],
    }
    wrong = {**posted, "id": "indicator--9d2f0a30-4b1f-4a39-9d6a-0fcb4e64bf9b", "labels": []}
    status = public.add_objects({"objects": [posted, wrong]}, wait_for_completion=True)
    client.opened.append(status)
    assert (status.status, status.total_count, status.success_count, status.failure_count) == ("complete", 2, 1, 1)
    status.refresh()
    assert status.failures[0]["id"] == wrong["id"]

    found = eventually(lambda: next((item for item in everything(public) if item.get("name") == wallet), None))
    assert public.get_object(found["id"])["objects"][0]["id"] == found["id"]
    assert public.object_versions(found["id"])["versions"] == [found["modified"]]
    assert public.get_objects(id=found["id"], type="indicator", version="last")["objects"][0]["id"] == found["id"]
    row = next(item for item in public.get_manifest(id=found["id"])["objects"])
    assert (row["id"], row["version"]) == (found["id"], found["modified"])

    public.delete_object(found["id"])
    assert eventually(lambda: public.get_object(found["id"])["objects"][0].get("revoked"))
    assert public.object_versions(found["id"])["versions"][0] > found["modified"]


def claimed(objects):
    """Give the reports whose claims are among objects."""
    own = (item["extensions"][stix_ids.EXTENSION] for item in objects if item["type"] == "report")
    return {said["record"] for said in own}


def everything(collection):
    """Read all."""
    return [item for page in as_pages(collection.get_objects, per_request=500) for item in page["objects"]]


def eventually(look, times=200):
    """Look until something is there."""
    pause = threading.Event()
    for _ in range(times):
        found = look()
        if found:
            return found
        pause.wait(0.02)
    raise AssertionError("it did not come to pass")
