"""A reader of collections, and what every answer of the surface must keep."""

import json

TYPE = "application/taxii+json;version=2.1"
ROOT = "/taxii2/watchfire"
COMES_AGAIN = {"identity", "marking-definition", "report"}


def check_answer(answer):
    """Hold an answer to what clients compare."""
    assert answer.headers["content-type"] == TYPE, answer.text
    first = answer.headers.get("x-taxii-date-added-first")
    last = answer.headers.get("x-taxii-date-added-last")
    assert (first is None) == (last is None)
    if answer.status_code >= 400:
        document = answer.json()
        assert document["title"]
        assert document["http_status"] == str(answer.status_code)
        assert first is None
    elif answer.content:
        document = answer.json()
        rows = document.get("objects")
        assert rows is None or (rows and first is not None and first <= last)
        if "more" in document:
            assert document["more"] == ("next" in document)
            assert not document["more"] or rows
    return answer


def refs_of(item):
    """List every id that an object names."""
    for name, value in item.items():
        if name.endswith("_ref") and isinstance(value, str):
            yield value
        elif name.endswith("_refs"):
            yield from value


def missing_refs(objects):
    """List what objects name and do not hold."""
    held = {item["id"] for item in objects}
    return {ref for item in objects for ref in refs_of(item)} - held


def versions_of(objects):
    """Count each object of each version, but what is shared and may come again."""
    return [(item["id"], item.get("modified")) for item in objects if item["type"] not in COMES_AGAIN]


def api(party):
    """Speak with a party's API key; TAXII is no part of the OpenAPI document."""
    return party.site.client(party.key, check=False)


async def strong(party):
    """Speak with a party's token by private_key_jwt."""
    return party.site.client(await party.token(), check=False)


class Reader:
    """One party that reads one collection."""

    def __init__(self, client, collection="all"):
        self.client, self.collection = client, collection

    async def get(self, path="objects/", **params):
        answer = await self.client.get(f"{ROOT}/collections/{self.collection}/{path}", params=params)
        return check_answer(answer)

    async def page(self, **params):
        answer = await self.get(**params)
        assert answer.status_code == 200, answer.text
        return answer

    async def walk(self, limit=100, between=None, **params):
        """Read page after page by `next`; give the pages' objects."""
        pages, cursor = [], None
        while True:
            more = {"limit": limit, **params} | ({"next": cursor} if cursor else {})
            document = (await self.page(**more)).json()
            pages.append(document.get("objects", []))
            cursor = document.get("next")
            if not cursor:
                return pages
            if between is not None:
                await between()

    async def everything(self, limit=1_000, **params):
        return [item for page in await self.walk(limit, **params) for item in page]

    async def manifest(self, limit=1_000, **asked):
        rows, cursor = [], None
        while True:
            more = {"limit": limit} | asked | ({"next": cursor} if cursor else {})
            document = (await self.get("manifest/", **more)).json()
            rows += document.get("objects", [])
            cursor = document.get("next")
            if not cursor:
                return rows


def shown(item):
    """Write an object such that two can be compared."""
    return json.dumps(item, sort_keys=True)
