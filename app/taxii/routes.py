"""The routes of TAXII 2.1 (OASIS Standard, section 4 and 5): one discovery, one API root, its collections.

The rule here: who is not signed in gets 401 for every address below `/taxii2`, and what is hidden gives the same answer
as what is absent. Every answer leaves by `answers.py`. A path is good with and without the slash at its end.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from app.domain.errors import Invalid, NotFound
from app.formats import stix, stix_reading
from app.services import taxii as collecting
from app.services import taxii_pages, taxii_posts
from app.services.taxii import Collection
from app.services.taxii_pages import Page
from app.taxii import answers, queries
from app.taxii.answers import MEDIA_TYPE, answer
from app.web.bodies import JSON, parse_json
from app.web.deps import SignedIn, actor_of, hall_of
from app.web.limits import LARGE_BODY, read_body

ROOT = "watchfire"  # the root's path segment: OpenCTI's connector finds it by this
BODIES = ("application/taxii+json", "application/stix+json", "application/vnd.oasis.stix+json", JSON)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_BAD_METHOD = 405
_NAMED = (2, 4)  # segments of a path that name a collection or status, and an object


class Taxii(SignedIn):
    """A route whose every answer has TAXII's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Sign in, look at Accept, answer."""
        signed_in = super().get_route_handler()

        async def in_form(request: Request) -> Response:
            try:
                return await signed_in(request)
            except Exception as error:  # noqa: BLE001 - a fault of the house leaves in TAXII's form too, and is logged
                return await answers.refuse(request, error)

        return in_form


router = APIRouter(tags=["taxii"], route_class=Taxii, include_in_schema=False)


@router.api_route("/taxii2", methods=_METHODS)
async def discover(request: Request) -> Response:
    """Answer the discovery without its slash."""
    return await _dispatch(request, ())


@router.api_route("/taxii2/{path:path}", methods=_METHODS)
async def serve(request: Request, path: str) -> Response:
    """Answer everything below."""
    segments = path.removesuffix("/").split("/")
    return await _dispatch(request, () if segments == [""] else tuple(segments))


async def _dispatch(request: Request, segments: tuple[str, ...]) -> Response:
    answers.check_accept(request)
    shape = tuple("*" if place in _NAMED else segment for place, segment in enumerate(segments))
    found = OPERATIONS.get(shape)
    if found is None:
        raise NotFound("There is no such address here.")
    operation = found.get(request.method)
    if operation is None:
        raise HTTPException(_BAD_METHOD, "This address does not know that method.", {"allow": ", ".join(sorted(found))})
    named = [segment for place, segment in enumerate(segments) if place in _NAMED]
    if shape[1:2] == ("collections",) and named:
        named[0] = collecting.canonical(actor_of(request), named[0])
    return await operation(request, *named)


async def _discovery(request: Request) -> Response:
    hall = hall_of(request)
    # Without a public URL the root is told relative to this address, so that it is right behind any proxy.
    base = hall.url if hall.settings.url else ""
    root = f"{base}/taxii2/{ROOT}/"
    return answer({"title": f"Watchfire: {hall.node.name}", "default": root, "api_roots": [root]})


async def _api_root(request: Request) -> Response:
    hall = hall_of(request)
    document = {
        "title": f"Watchfire: {hall.node.name}",
        "description": "Cryptocurrency addresses linked to human trafficking. Not listed is not the same as clean.",
        "versions": [MEDIA_TYPE],
        "max_content_length": LARGE_BODY,
    }
    return answer(document)


async def _collections(request: Request) -> Response:
    found = await collecting.collections(hall_of(request).node, actor_of(request))
    return answer({"collections": [_collection_document(item) for item in found]})


async def _collection(request: Request, name: str) -> Response:
    for item in await collecting.collections(hall_of(request).node, actor_of(request)):
        if name == str(item.id):
            return answer(_collection_document(item))
    raise NotFound(collecting.NOT_FOUND)


def _collection_document(item: Collection) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": str(item.id),
        "title": item.title,
        "description": item.description,
        "can_read": True,
        "can_write": item.audience is not None,
        "media_types": [stix.MEDIA_TYPE],
    }
    return document if item.alias is None else document | {"alias": item.alias}


async def _page(request: Request, collection: str) -> tuple[Page, dict[str, Any]]:
    """Read the page that is asked for; give it with what an envelope says of what follows."""
    hall, actor = hall_of(request), actor_of(request)
    limit = queries.read_limit(request)
    filters, position = queries.read_position(request, collection, queries.read_filters(request))
    page = await taxii_pages.read_page(hall.node, actor, collection, filters, position, limit)
    await hall.questions.note(actor, "poll", hall.clock(), subject=collection, outcome="done", count=len(page.entries))
    if page.following is None:
        return page, {"more": False}
    return page, {"more": True, "next": queries.write_cursor(request, collection, filters, page.following)}


def _dates(page: Page) -> dict[str, str]:
    """Give the fields that tell when the first and the last object were added; none for an empty page."""
    if not page.entries:
        return {}
    first, last = page.entries[0].date_added, page.entries[-1].date_added
    return {"X-TAXII-Date-Added-First": first, "X-TAXII-Date-Added-Last": last}


async def _objects(request: Request, collection: str) -> Response:
    page, following = await _page(request, collection)
    if not page.entries:
        return answer({})
    return answer({**following, "objects": [entry.item for entry in page.entries]}, headers=_dates(page))


async def _manifest(request: Request, collection: str) -> Response:
    page, following = await _page(request, collection)
    if not page.entries:
        return answer({})
    rows = [
        {
            "id": entry.item["id"],
            "date_added": entry.date_added,
            "version": entry.version,
            "media_type": stix.MEDIA_TYPE,
        }
        for entry in page.entries
    ]
    return answer({**following, "objects": rows}, headers=_dates(page))


async def _one(request: Request, collection: str, object_id: str) -> Page:
    hall = hall_of(request)
    limit = queries.read_limit(request)
    filters, position = queries.read_position(request, collection, queries.read_filters(request))
    return await taxii_pages.read_object(hall.node, actor_of(request), collection, object_id, filters, position, limit)


async def _object(request: Request, collection: str, object_id: str) -> Response:
    page = await _one(request, collection, object_id)
    if not page.entries:
        return answer({})
    return answer({"more": False, "objects": [entry.item for entry in page.entries]}, headers=_dates(page))


async def _versions(request: Request, collection: str, object_id: str) -> Response:
    page = await _one(request, collection, object_id)
    if not page.entries:
        return answer({})
    return answer({"more": False, "versions": [entry.version for entry in page.entries]}, headers=_dates(page))


async def _status(request: Request, status_id: str) -> Response:
    try:
        known = UUID(status_id)
    except ValueError as error:
        raise NotFound(taxii_posts.NO_STATUS) from error
    return answer(await taxii_posts.get_status(hall_of(request).node, actor_of(request), known))


async def _post(request: Request, collection: str) -> Response:
    hall, actor = hall_of(request), actor_of(request)
    raw = await read_body(request, LARGE_BODY, BODIES)
    document = await asyncio.to_thread(parse_json, raw)
    if not isinstance(document, dict):
        raise Invalid('The body must be an envelope {"objects": [...]} or a STIX bundle.')
    objects = stix_reading.objects_of(document)
    hall.budgets.spend("submitted", str(actor.organization), max(1, len(objects)))
    status = await taxii_posts.post(hall.node, actor, collection, objects, hall.clock())
    return answer(status, 202)


async def _delete(request: Request, collection: str, object_id: str) -> Response:
    hall = hall_of(request)
    filters = queries.read_filters(request)
    await taxii_posts.retract(hall.node, actor_of(request), collection, object_id, filters, hall.clock())
    return answers.empty()


Operation = Callable[..., Coroutine[Any, Any, Response]]

OPERATIONS: dict[tuple[str, ...], dict[str, Operation]] = {
    (): {"GET": _discovery},
    (ROOT,): {"GET": _api_root},
    (ROOT, "status", "*"): {"GET": _status},
    (ROOT, "collections"): {"GET": _collections},
    (ROOT, "collections", "*"): {"GET": _collection},
    (ROOT, "collections", "*", "manifest"): {"GET": _manifest},
    (ROOT, "collections", "*", "objects"): {"GET": _objects, "POST": _post},
    (ROOT, "collections", "*", "objects", "*"): {"GET": _object, "DELETE": _delete},
    (ROOT, "collections", "*", "objects", "*", "versions"): {"GET": _versions},
}
"""What can be done at a path, by method; `*` stands for a name."""
