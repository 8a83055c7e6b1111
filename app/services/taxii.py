"""TAXII collections: what of the stream is one collection, what it is called, and what may be posted to it.

The rule here: a collection is an audience that the actor may read; `all` is all of them together, to be read only. What
is TLP:RED is in none. TLP:AMBER+STRICT stands in a collection of its own beside the audience's, named "... strict": who
polls it has asked for it, and who polls the others, or `all`, never gets it. Titles hold no dot and no comma (OpenCTI's
connector splits at both) and are unique among what the actor may read.
"""

import re
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain import access
from app.domain import audience as audiences
from app.domain.actor import Actor, Scope
from app.domain.audience import Audience
from app.domain.errors import NotFound
from app.domain.marking import Tlp
from app.formats import stix_ids
from app.services.node import Node
from app.storage import taxii
from app.storage.store import ReadTx
from app.storage.taxii import Stream

NOT_FOUND = "There is no such collection, or it is not for you."
ALL, PUBLIC = "all", "public"
_ID_OF_PUBLIC = stix_ids.of_collection(PUBLIC)
_NOT_IN_TITLES = re.compile(r"[^\w ()+-]+|_+")
_MOST_TITLE = 80  # characters of a group's name in a title


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection: which audiences' streams it is made of, and which of their markings.

    `audience` is whom a post is for, None where nothing can be posted; `most` is the strictest TLP that it takes,
    `unmarked` the one of what is posted without any.
    """

    id: UUID
    title: str
    description: str
    alias: str | None
    audience_ids: tuple[int, ...]
    strict: bool
    audience: Audience | None = None
    most: Tlp = Tlp.CLEAR
    unmarked: Tlp = Tlp.CLEAR


async def collections(node: Node, actor: Actor) -> list[Collection]:
    """List the collections that the actor may read, by id."""
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as tx:
        return await visible_collections(tx)


async def visible_collections(tx: ReadTx) -> list[Collection]:
    """List the collections that the actor may read, by id."""
    found = await taxii.streams(tx)
    may_post = Scope.SUBMIT in tx.actor.scopes
    made = [_all(tx.actor, found), _public(found, may_post=may_post)]
    for stream in found:
        if stream.kind != "public":
            made += _of_audience(stream, may_post=may_post)
    return _titled(made)


def canonical(actor: Actor, name: str) -> str:
    """Give the id that an alias stands for; any other name is given back."""
    return str({ALL: _id_of_all(actor), PUBLIC: _ID_OF_PUBLIC}.get(name, name))


def _id_of_all(actor: Actor) -> UUID:
    return stix_ids.of_collection(f"{ALL} {actor.organization}")


async def get_collection(tx: ReadTx, collection_id: str) -> Collection:
    """Give a collection by its id. Raises NotFound for a hidden and an absent one alike."""
    for item in await visible_collections(tx):
        if collection_id == str(item.id):
            return item
    raise NotFound(NOT_FOUND)


def _all(actor: Actor, found: list[Stream]) -> Collection:
    return Collection(
        _id_of_all(actor),
        "All",
        "Everything that you may read, but for TLP:AMBER+STRICT and TLP:RED; to be read only.",
        ALL,
        tuple(sorted(stream.audience_id for stream in found)),
        strict=False,
    )


def _public(found: list[Stream], *, may_post: bool) -> Collection:
    ids = tuple(stream.audience_id for stream in found if stream.kind == "public")
    said = "What is for everybody: TLP:CLEAR."
    audience = audiences.PUBLIC if may_post else None
    return Collection(_ID_OF_PUBLIC, "Public", said, PUBLIC, ids, strict=False, audience=audience)


def _of_audience(stream: Stream, *, may_post: bool) -> list[Collection]:
    audience = audiences.parse(dict(stream.document))
    if stream.kind == "group":
        title = " ".join(_NOT_IN_TITLES.sub(" ", stream.group_name or "Group")[:_MOST_TITLE].split()) or "Group"
        said = f"What is for the group {audience.group}."
        writable = may_post and stream.member
    else:
        title, said, writable = "Named", f"What is for {len(audience.organizations)} named organizations.", may_post
    plain = Collection(
        stix_ids.of_collection(stream.key),
        title,
        said,
        None,
        (stream.audience_id,),
        strict=False,
        audience=audience if writable else None,
        most=Tlp.AMBER,
        unmarked=Tlp.AMBER,
    )
    beside = replace(
        plain,
        id=stix_ids.of_collection(f"{stream.key} strict"),
        title=f"{title} strict",
        description=f"{said} Of it only what is TLP:AMBER+STRICT: for your own organization's people.",
        strict=True,
        most=Tlp.AMBER_STRICT,
        unmarked=Tlp.AMBER_STRICT,
    )
    return [plain, beside]


def _titled(found: list[Collection]) -> list[Collection]:
    """Give each its title, unique: of an audience with as much of its id as it takes."""
    fixed = {item.title for item in found if item.alias is not None}
    made: list[Collection] = []
    seen: set[str] = set(fixed)
    for item in sorted(found, key=lambda item: item.id):
        if item.alias is not None:
            made.append(item)
            continue
        short = f"{item.title} {item.id.hex[:12]}"
        title = short if short not in seen else f"{item.title} {item.id.hex}"
        seen.add(title)
        made.append(replace(item, title=title))
    return made
