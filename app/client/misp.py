"""MISP as a source: a feed folder, on disk or behind HTTP, or a MISP server by the REST calls that PyMISP makes.

The rule here: each source answers two questions, which events there are and what one of them says, and the same way:
what was read before is told by an event's uuid and timestamp. Names that come from the other side never become a path.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from app.client.elsewhere import Answer, Elsewhere, ElsewhereError
from app.formats.misp import COIN_ADDRESS, MAX_BYTES, TYPES

MAX_EVENTS = 1_000_000  # of one source: its uuids and timestamps are held in memory, some 200 bytes each
PAGE = 100  # events of one page of a server: without their attributes where the server can leave them out
_UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_NOT_FOUND = frozenset({404, 410})
# With what is deleted: an attribute taken back must be seen as such.
_SEARCHES: tuple[Mapping[str, Any], ...] = ({"type": sorted(TYPES)}, {"object_name": COIN_ADDRESS})


class MispSource(Protocol):
    """Where MISP events are read from; `name` is what the evidence calls it, `is_feed` what it is."""

    name: str
    is_feed: bool

    def index(self) -> dict[str, int]:
        """Give the uuid and timestamp of every event there is."""
        ...

    def event(self, uuid: str) -> bytes | None:
        """Give an event as a JSON document; None where it is there no longer."""
        ...


class FeedFolder:
    """A feed folder on this machine."""

    is_feed = True

    def __init__(self, folder: Path) -> None:
        """Take the folder of manifest.json."""
        self.name = f"the feed folder {folder.name}"
        self._folder = folder

    def index(self) -> dict[str, int]:
        """Read the manifest."""
        return read_manifest(self._read("manifest.json"))

    def event(self, uuid: str) -> bytes | None:
        """Read one event's file."""
        try:
            return self._read(f"{uuid}.json")
        except FileNotFoundError:
            return None

    def _read(self, name: str) -> bytes:
        with (self._folder / name).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ElsewhereError(f"{name} has more than {MAX_BYTES} bytes.", 200)
        return content


class Feed:
    """A feed folder behind HTTP."""

    is_feed = True

    def __init__(self, http: Elsewhere) -> None:
        """Take the client of the folder's address."""
        self.name = http.host
        self._http = http

    def index(self) -> dict[str, int]:
        """Fetch the manifest."""
        return read_manifest(self._http.get(f"{self._http.url}/manifest.json").content)

    def event(self, uuid: str) -> bytes | None:
        """Fetch one event's file."""
        try:
            return self._http.get(f"{self._http.url}/{uuid}.json").content
        except ElsewhereError as error:
            if error.status in _NOT_FOUND:
                return None
            raise


class MispServer:
    """A MISP server, asked by /events/restSearch."""

    is_feed = False

    def __init__(self, http: Elsewhere) -> None:
        """Take the client of the server's address."""
        self.name = http.host
        self._http = http

    def index(self) -> dict[str, int]:
        """Walk the events that hold an address, without their attributes."""
        found: dict[str, int] = {}
        for search in _SEARCHES:
            page, seen = 1, 0
            mine: dict[str, int] = {}
            while True:
                events = self._search({**search, "metadata": True, "deleted": [0, 1], "page": page, "limit": PAGE})
                mine |= (_place(event) for event in events)
                _check_number(mine)
                if len(events) < PAGE or len(mine) == seen:  # a server that does not page repeats itself
                    break
                page, seen = page + 1, len(mine)
            found |= mine
        return found

    def event(self, uuid: str) -> bytes | None:
        """Ask for one event, whole."""
        answer = self._post({"uuid": uuid, "deleted": [0, 1]})
        return answer.content if _events(answer) else None

    def _search(self, criteria: Mapping[str, Any]) -> list[dict[str, Any]]:
        return _events(self._post(criteria))

    def _post(self, criteria: Mapping[str, Any]) -> Answer:
        content = msgspec.json.encode({"returnFormat": "json", **criteria})
        return self._http.post(f"{self._http.url}/events/restSearch", content)


def open_misp(url: str, key: str, kind: str, http: Elsewhere | None) -> MispSource:
    """Find out what is at an address: `kind` is auto, feed or server; `http` is its client, None for a folder here."""
    if http is None:
        return FeedFolder(local_folder(url))
    if kind == "feed" or (kind == "auto" and url.rstrip("/").endswith("manifest.json")):
        return Feed(http)
    if kind == "server":
        return MispServer(http)
    try:
        read_manifest(http.get(f"{http.url}/manifest.json").content)
    except ElsewhereError as error:
        if error.status == 0 or (error.status in {401, 403} and not key):
            raise
        return MispServer(http)
    return Feed(http)


def is_local(url: str) -> bool:
    """Tell whether an address is a folder of this machine: a path, or a file: URL."""
    return urlsplit(url).scheme in {"", "file"}


def local_folder(url: str) -> Path:
    """Give the folder of a path or a file: URL; that of manifest.json where that is named."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(url)
    return path.parent if path.name == "manifest.json" else path


def read_manifest(content: bytes) -> dict[str, int]:
    """Read a manifest: uuid and timestamp of each event. Raises ElsewhereError for what is none."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ElsewhereError("manifest.json is not JSON.", 200) from error
    if not isinstance(document, dict):
        raise ElsewhereError("manifest.json is not an object of events.", 200)
    _check_number(document)
    return dict(_place({**(said if isinstance(said, dict) else {}), "uuid": uuid}) for uuid, said in document.items())


def _events(answer: Answer) -> list[dict[str, Any]]:
    response = answer.document().get("response")
    if not isinstance(response, list):
        raise ElsewhereError("The answer of /events/restSearch holds no events; is the URL that of a MISP server?")
    events = [item.get("Event") if isinstance(item, dict) else None for item in response]
    return [event for event in events if isinstance(event, dict)]


def _place(event: Mapping[str, Any]) -> tuple[str, int]:
    uuid, timestamp = str(event.get("uuid")), str(event.get("timestamp", "0"))
    if not _UUID.fullmatch(uuid) or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise ElsewhereError(f"An event is named {uuid[:50]!r}, of {timestamp[:20]!r}: no uuid with a timestamp.", 200)
    return uuid.lower(), int(timestamp)


def _check_number(events: Mapping[str, Any]) -> None:
    if len(events) > MAX_EVENTS:
        raise ElsewhereError(f"The source has more than {MAX_EVENTS} events.")
