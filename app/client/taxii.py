"""A client of any TAXII 2.1 server: finding a collection, walking its objects, posting to it.

The rule here: nothing is lost and nothing loops. A page is asked for by `next` with the same filters, else by
`added_after`; a server that says `more` and not where, or repeats itself, ends the walk with a word on it. A walk can
be taken up where it was, by what each page brings along (`Page.position`).

Sources: TAXII 2.1 (OASIS), sections 3.4, 4 and 5; how medallion, OpenTAXII, OpenCTI and arango differ from it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from app.client.elsewhere import Answer, Elsewhere, ElsewhereError

MEDIA_TYPE = "application/taxii+json;version=2.1"
_SPELLINGS = (MEDIA_TYPE, "application/taxii+json; version=2.1")  # some servers compare the text
MAX_EMPTY = 20  # empty pages in a row that say there is more
MAX_ENVELOPE = 8 * 1024 * 1024  # bytes of one envelope, where the server would take more
POLLS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between two questions for a status; the last one for ever
_BAD_REQUEST, _GONE = 400, frozenset({400, 404, 410, 422})
_NOT_ACCEPTABLE = frozenset({406, 415})


class Position(NamedTuple):
    """Where a walk is: what was added after a time, as the server says it, is still to come; "" is the beginning.

    No cursor: some servers move on with each use of theirs, so that going on with it would lose the page under way.
    """

    added_after: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of a collection, and where a walk goes on once they are taken care of."""

    objects: list[dict[str, Any]]
    position: Position


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection, and what its API root takes."""

    url: str
    id: str
    title: str
    can_read: bool
    can_write: bool
    max_content: int
    alias: str = ""

    def is_named(self, name: str) -> bool:
        """Tell whether somebody means this one: by id, alias, or title in any case."""
        return name in {self.id, self.alias} or name.casefold() == self.title.casefold()


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of objects that were posted: how many arrived, and why each other did not (id and message)."""

    succeeded: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    pending: int = 0


@dataclass(slots=True)
class Taxii:
    """A TAXII server at the address of its discovery, an API root, or a collection."""

    http: Elsewhere
    warn: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    _spelling: str = field(default=MEDIA_TYPE, init=False)

    def collections(self) -> list[Collection]:
        """List the collections that the address leads to. Raises ElsewhereError where there is no TAXII 2.1 server."""
        place = f"{self.http.url}/"
        document = self._get(place).document()
        if "can_read" in document and "id" in document:
            root = place.rsplit("/collections/", 1)[0] + "/"
            return [_collection(place, document, self._max_content(root))]
        if "api_roots" in document or "default" in document:
            return self._of_roots(place, document)
        if "versions" in document or "max_content_length" in document:
            return self._of_root(place, document)
        if isinstance(document.get("collections"), list):
            root = place.removesuffix("collections/")
            return _listed(place, document, self._max_content(root))
        raise ElsewhereError(f"{self.http.host} answers, but not as a TAXII 2.1 server does.", 200)

    def choose(self, wanted: str, *, write: bool = False) -> Collection:
        """Find a collection by id, alias or title; the only one that may be used where none is named."""
        found = self.collections()
        usable = [item for item in found if (item.can_write if write else item.can_read)]
        named = [item for item in usable if item.is_named(wanted)] if wanted else usable
        if len(named) == 1:
            return named[0]
        known = "; ".join(f"{item.id} ({item.title})" for item in usable) or "none"
        verb = "written" if write else "read"
        problem = "Name one collection" if not wanted else f"There is no one collection '{wanted}'"
        raise ElsewhereError(f"{problem} with --collection. Those that may be {verb}: {known[:1500]}", 200)

    def pages(self, collection: Collection, start: Position, limit: int | None = None) -> Iterator[Page]:
        """Walk a collection from a position on; where the server forgets its cursor, again from the last position."""
        walk = _Walk(self, collection, start, limit)
        while (page := walk.step()) is not None:
            yield page

    def find(self, collection: Collection, object_id: str) -> dict[str, Any] | None:
        """Read one object, which others refer to; None where the server does not have it."""
        try:
            document = self._get(f"{collection.url}objects/{quote(object_id, safe='')}/").document()
        except ElsewhereError as error:
            if 400 <= error.status < 500:  # noqa: PLR2004 - RFC 9110, 15.5: it is not for us, or not there
                return None
            raise
        listed = document.get("objects")
        found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        return found[-1] if found else None

    def post(self, collection: Collection, objects: Iterable[Mapping[str, Any]], patience: float = 60.0) -> Posted:
        """Post objects in envelopes that the server takes, and follow each to its end, for `patience` seconds."""
        done = Posted()
        for envelope in _envelopes(objects, min(collection.max_content, MAX_ENVELOPE)):
            if isinstance(envelope, tuple):
                done = Posted(done.succeeded, (*done.failures, envelope), done.pending)
                continue
            answer = self._post(f"{collection.url}objects/", envelope)
            status = self._follow(collection, answer.document(), patience)
            done = Posted(
                done.succeeded + status.succeeded, (*done.failures, *status.failures), done.pending + status.pending
            )
        return done

    def _follow(self, collection: Collection, status: dict[str, Any], patience: float) -> Posted:
        waited, asked = 0.0, 0
        root = collection.url.rsplit("/collections/", 1)[0]
        while status.get("status") != "complete" and isinstance(status.get("id"), str):
            delay = POLLS[min(asked, len(POLLS) - 1)]
            if waited + delay > patience:
                break
            self.sleep(delay)
            waited, asked = waited + delay, asked + 1
            status = self._get(f"{root}/status/{quote(status['id'], safe='')}/").document()
        return _posted(status)

    def _of_roots(self, place: str, document: Mapping[str, Any]) -> list[Collection]:
        found: list[Collection] = []
        links = document.get("api_roots") or [document.get("default")]
        for link in links if isinstance(links, list) else ():
            try:
                root = self.http.resolve(str(link), place).rstrip("/") + "/"
                found += self._of_root(root, self._get(root).document())
            except ElsewhereError as error:
                self.warn(f"Not asked: {error}")
        return found

    def _of_root(self, root: str, document: Mapping[str, Any]) -> list[Collection]:
        place = f"{root}collections/"
        return _listed(place, self._get(place).document(), _max_content(document))

    def _max_content(self, root: str) -> int:
        try:
            return _max_content(self._get(root).document())
        except ElsewhereError:
            return MAX_ENVELOPE

    def _get(self, url: str, query: Mapping[str, str] | None = None) -> Answer:
        return self._spelled(lambda spelling: self.http.get(url, query, spelling))

    def _post(self, url: str, content: bytes) -> Answer:
        return self._spelled(lambda spelling: self.http.post(url, content, spelling, spelling))

    def _spelled(self, ask: Callable[[str], Answer]) -> Answer:
        """Ask in the media type's usual spelling, and where a server does not know it, in the other."""
        try:
            return ask(self._spelling)
        except ElsewhereError as error:
            other = next(item for item in _SPELLINGS if item != self._spelling)
            if error.status not in _NOT_ACCEPTABLE:
                raise
            answer = ask(other)
            self._spelling = other
            return answer


@dataclass(slots=True)
class _Walk:
    """A walk over a collection, page by page; `position` is where another walk may begin without missing anything."""

    taxii: Taxii
    collection: Collection
    position: Position
    limit: int | None
    _after: str = ""
    _cursor: str = ""
    _last: str = ""
    _empty: int = 0
    _seen: set[int] = field(default_factory=set)
    _begun: bool = False
    _ended: bool = False
    _restarted: bool = False

    def step(self) -> Page | None:
        """Fetch the next page; None after the last."""
        if self._ended:
            return None
        if not self._begun:
            self._begun, self._after = True, self.position.added_after
        answer = self._fetch()
        document = answer.document() if answer.content.strip() else {}
        objects = [item for item in document.get("objects") or () if isinstance(item, dict)]
        before, self._last = self._last, _last_of(answer.headers) or self._last
        self._empty = 0 if objects else self._empty + 1
        following = document.get("next")
        if document.get("more") is not True:
            self._end()
        elif isinstance(following, str | int) and str(following):
            self._go_on(str(following), objects, before)
        else:
            self._go_after()
        return Page(objects, self.position)

    def _fetch(self) -> Answer:
        query = {
            **({"added_after": self._after} if self._after else {}),
            **({"limit": str(self.limit)} if self.limit else {}),
            **({"next": self._cursor} if self._cursor else {}),
        }
        try:
            return self.taxii._get(f"{self.collection.url}objects/", query)  # noqa: SLF001 - one client, two classes
        except ElsewhereError as error:
            if error.status in _GONE and self._cursor and not self._restarted:
                self._restarted, self._after, self._cursor = True, self.position.added_after, ""
                return self._fetch()  # the server has forgotten the cursor
            if error.status == _BAD_REQUEST and self.limit:
                self.limit = None  # it takes no limit as high
                return self._fetch()
            raise

    def _go_on(self, cursor: str, objects: list[dict[str, Any]], before: str) -> None:
        """Go on by the cursor, which some servers leave the same while the pages change."""
        page = hash((cursor, *((item.get("id"), item.get("modified")) for item in objects)))
        if (objects and page in self._seen) or self._empty > MAX_EMPTY:
            self._stop("gives the same page again and again")
            return
        self._seen.add(page)
        self._cursor = cursor
        if before and before != self._last:
            # What was added at the time of the page before ends on this one; at this one's time more may follow.
            self.position = Position(before)

    def _go_after(self) -> None:
        """Go on by the time of what came: the server says that there is more, and not where."""
        if not self._last or self._last == self._after:
            self._stop("says that there is more, but not where")
            return
        self._after, self._cursor = self._last, ""
        self.position = Position(self._last)

    def _stop(self, what: str) -> None:
        self.taxii.warn(f"The collection {self.collection.title} {what}: what follows cannot be read.")
        self._ended = True

    def _end(self) -> None:
        """Pin the next walk to the last time that the server named; without one it reads all again."""
        self._ended = True
        self.position = Position(self._last or self.position.added_after)


def _last_of(headers: Mapping[str, str]) -> str:
    """Give when the last object of a page was added; the first where only that is said (medallion, of one object)."""
    named = (headers.get(f"x-taxii-date-added-{which}", "").strip() for which in ("last", "first"))
    return next((text for text in named if text), "")


def _listed(place: str, document: Mapping[str, Any], max_content: int) -> list[Collection]:
    listed = document.get("collections")
    known = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return [
        _collection(f"{place}{quote(item['id'], safe='')}/", item, max_content)
        for item in known
        if isinstance(item.get("id"), str)
    ]


def _collection(url: str, document: Mapping[str, Any], max_content: int) -> Collection:
    title = document.get("title") or document.get("alias") or ""
    return Collection(
        url,
        str(document.get("id")),
        "".join(character for character in str(title) if character.isprintable())[:200],
        document.get("can_read") is not False,
        document.get("can_write") is True,
        max_content,
        str(document.get("alias") or ""),
    )


def _max_content(document: Mapping[str, Any]) -> int:
    given = document.get("max_content_length")
    return given if isinstance(given, int) and given > 0 else MAX_ENVELOPE


def _envelopes(objects: Iterable[Mapping[str, Any]], most: int) -> Iterator[bytes | tuple[str, str]]:
    """Cut objects into envelopes of at most `most` bytes; one that is larger alone is given as its id and why."""
    start, end = b'{"objects":[', b"]}"
    waiting: list[bytes] = []
    size = len(start) + len(end)
    for item in objects:
        encoded = msgspec.json.encode(item)
        if len(start) + len(encoded) + len(end) > most:
            yield str(item.get("id")), f"The object has {len(encoded)} bytes; the server takes {most} at once."
            continue
        if waiting and size + len(encoded) + 1 > most:
            yield start + b",".join(waiting) + end
            waiting, size = [], len(start) + len(end)
        waiting.append(encoded)
        size += len(encoded) + 1
    if waiting:
        yield start + b",".join(waiting) + end


def _posted(status: Mapping[str, Any]) -> Posted:
    failures = [item for item in status.get("failures") or () if isinstance(item, dict)]
    told = tuple((str(item.get("id")), str(item.get("message") or "The server gives no reason.")) for item in failures)
    untold = max(0, _count(status, "failure_count") - len(told))
    more = (("-", f"{untold} further objects failed without a word."),) if untold else ()
    return Posted(_count(status, "success_count"), (*told, *more), _count(status, "pending_count"))


def _count(status: Mapping[str, Any], name: str) -> int:
    given = status.get(name)
    return given if isinstance(given, int) else 0
