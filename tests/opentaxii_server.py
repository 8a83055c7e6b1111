"""EclecticIQ's OpenTAXII, in a process of its own: a TAXII 2.1 server that others run, for tests and measurements."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 120

# Objects are put in by its own models: posted one after the other, a thousand take minutes.
_PROGRAM = """
import datetime, json, sys, uuid
from opentaxii.cli import app, server
from opentaxii.persistence.sqldb import taxii2models as models
refuse = json.JSONEncoder.default  # with this SQLAlchemy its ids are UUIDs, which it writes into JSON
json.JSONEncoder.default = lambda self, item: str(item) if isinstance(item, uuid.UUID) else refuse(self, item)
api = server.servers.taxii2.persistence.api
with app.app_context():
    server.auth.api.create_account("user", "pass", is_admin=True)
    root = api.add_api_root("root", default=True, is_public=True)
    collection = api.add_collection(root.id, "collection", is_public=True, is_public_write=True)
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    for number, item in enumerate(json.load(open(sys.argv[1]))):
        rest = {k: v for k, v in item.items() if k not in ("id", "type", "spec_version")}
        version = datetime.datetime.fromisoformat((item.get("modified") or start.isoformat()).replace("Z", "+00:00"))
        api.db.session.add(models.STIXObject(id=item["id"], collection_id=collection.id, type=item["type"],
            spec_version="2.1", date_added=start + datetime.timedelta(microseconds=number), version=version,
            serialized_data=rest))
    api.db.session.commit()
    open(sys.argv[3], "w").write(f"{root.id} {collection.id}")
app.debug = False
app.run(port=int(sys.argv[2]))
"""

_CONFIGURATION = """
domain: "127.0.0.1:{port}"
auth_api:
  class: opentaxii.auth.sqldb.SQLDatabaseAPI
  parameters: {{db_connection: "sqlite:///{folder}/auth.db", create_tables: yes, secret: of-a-test}}
taxii1:
taxii2:
  title: others
  max_content_length: 1000000
  public_discovery: true
  allow_custom_properties: true
  persistence_api:
    class: opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI
    parameters: {{db_connection: "sqlite:///{folder}/data.db", create_tables: yes}}
logging: {{opentaxii: error, root: error}}
"""


@dataclass(frozen=True)
class Others:
    """A server of others: where it is found, its API root and collection, and its process."""

    url: str
    root: str
    collection: str
    pid: int

    @property
    def objects(self) -> str:
        """The URL of the collection's objects."""
        return f"{self.root}collections/{self.collection}/objects/"


@contextmanager
def serve_opentaxii(objects: Sequence[Mapping[str, Any]]) -> Iterator[Others]:
    """Serve objects from a public collection on SQLite, with an account of the name user and the password pass."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="opentaxii-") as folder:
        place = Path(folder)
        (place / "objects.json").write_text(json.dumps(list(objects)))
        (place / "config.yml").write_text(_CONFIGURATION.format(port=port, folder=folder))
        told, log = place / "ids", (place / "log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(place / "objects.json"), str(port), str(told)],
            env={**os.environ, "OPENTAXII_CONFIG": str(place / "config.yml")},
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _listens(port):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError(f"OpenTAXII did not start: {(place / 'log').read_text()[-2_000:]}")
                time.sleep(0.1)
            root, collection = told.read_text().split()
            url = f"http://127.0.0.1:{port}/taxii2/"
            yield Others(url, f"{url}{root}/", collection, process.pid)
        finally:
            process.terminate()
            process.wait(30)
            log.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
