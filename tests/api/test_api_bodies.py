"""Bodies: what is too large, of another type or not strict JSON is refused before it is understood."""

import gzip
import json
import tracemalloc

import pytest

from app.web.limits import LARGE_BODY, SMALL_BODY
from tests.api.conftest import address, claim

JSON = {"content-type": "application/json"}


@pytest.fixture
async def a(lite):
    return await lite.partner("A")


def report(**changes):
    return json.dumps(claim(address(1)) | changes)


STRANGE = {
    "empty": b"",
    "blank": b"  ",
    "not JSON": b"{",
    "two documents": b"{}{}",
    "a text": b'"report"',
    "a list": b"[]",
    "null": b"null",
    "a number": b"1e9999",
    "NaN": report(confidence=0).replace('"confidence": 0', '"confidence": NaN').encode(),
    "Infinity": report(confidence=0).replace('"confidence": 0', '"confidence": -Infinity').encode(),
    "a key twice": b'{"category": "csam", ' + report().encode()[1:],
    "a key twice, escaped": b'{"c\\u0061tegory": "csam", ' + report().encode()[1:],
    "deep": b'{"evidence":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a byte order mark": b"\xef\xbb\xbf" + report().encode(),
    "UTF-16": report().encode("utf-16"),
    "UTF-16 without a mark": report().encode("utf-16-le"),
    "UTF-32": report().encode("utf-32"),
    "Latin-1": report(summary="caf\u00e9").encode().decode("unicode_escape").encode("latin-1"),
    "a huge integer": report(confidence=0).replace('"confidence": 0', '"confidence": ' + "9" * 10_000).encode(),
    "an integer beyond 64 bits": report(confidence=10**30).encode(),
    "a fraction": report(confidence=0.5).encode(),
    "a boolean for a number": report(confidence=True).encode(),
    "half a surrogate pair": report(summary="\ud800").encode(),
    "half a surrogate pair in a name": report(**{"\ud800": 1}).encode(),
    "a null byte": report(summary="a\x00b").encode(),
    "an unknown field": report(note="x").encode(),
    "no fields": b"{}",
    "both forms": report(envelope={"payload": "", "payload_type": "", "signatures": []}).encode(),
    "an envelope of nothing": b'{"envelope": {}}',
    "an envelope that is a list": b'{"envelope": []}',
    "wrong everywhere": json.dumps({name: {"a": [1]} for name in json.loads(report())}).encode(),
    "a text for the rows": report(indicators="rows").encode(),
    "no rows": report(indicators=[]).encode(),
    "rows that are none": report(indicators=[1, None, [], "x", {}]).encode(),
    "a personal number": report(summary="call +49 171 2345678").encode(),
}


@pytest.mark.parametrize("place", ["submit", "group", "follow"])
async def test_what_is_not_strict_json_is_refused(a, place):
    made = await a.submit(address(9))
    paths = {"submit": "/v1/reports", "group": "/v1/groups", "follow": f"/v1/reports/{made['id']}/revocation"}
    for name, body in STRANGE.items():
        answer = await a.api.post(paths[place], content=body, headers=JSON)
        expected = {413, 422} if len(body) > SMALL_BODY else {422}
        assert answer.status_code in expected, (name, answer.text)
        assert answer.json()["code"] != "internal"
    assert len((await a.api.get("/v1/reports")).json()["reports"]) == 1, "nothing came of it"


async def test_a_screening_is_read_as_strictly(a):
    rows = {
        "half a surrogate pair": b'{"addresses":[{"address":"x","ref":"\\ud800"}]}',
        "half, upper case": b'{"addresses":[{"address":"\\uDfff"}]}',
        "no rows": b"{}",
        "more": b'{"addresses":[],"more":1}',
        "detail": b'{"addresses":[],"detail":"all"}',
        "a list": b"[]",
    }
    for name, body in rows.items():
        answer = await a.api.post("/v1/screenings", content=body, headers=JSON)
        assert answer.status_code == 422, name
    whole = b'{"addresses":[{"address":"\\ud83d\\ude00","ref":99999999999999999999999999}]}'
    answer = await a.api.post("/v1/screenings", content=whole, headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["results"][0]["ref"] == 99999999999999999999999999


async def test_a_bad_row_is_a_row(a):
    rows = [None, 1, "x", [], {}, {"address": None}, {"address": address(1), "chain": 1}, {"address": "\x00"}]
    rows += [
        {"address": address(1), "more": 1},
        {"address": address(1), "ref": []},
        {"address": address(1), "ref": False},
        {"address": address(1), "ref": 0},
    ]
    answer = await a.api.post("/v1/screenings", json={"addresses": rows})
    assert answer.status_code == 200
    assert answer.json()["counts"] == {"listed": 0, "disputed": 0, "revoked": 0, "not_listed": 1, "invalid": 11}
    assert all(row["error"]["code"] for row in answer.json()["results"][:-1])
    lines = b'{"address": "' + address(1).encode() + b'"}\n\n{\nnull\n{"address": "\\ud800"}\n\xff\n'
    headers = {"content-type": "application/x-ndjson", "accept": "application/x-ndjson"}
    answer = await a.api.post("/v1/screenings", content=lines, headers=headers)
    assert [json.loads(line)["status"] for line in answer.text.splitlines()] == ["not_listed", *["invalid"] * 4]


@pytest.mark.parametrize("media_type", ["Application/JSON", "application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_a_media_type_has_no_case(a, media_type):
    headers = {"content-type": media_type}
    answer = await a.api.post("/v1/reports", content=report(), headers=headers)
    assert answer.status_code == 201
    body = json.dumps({"addresses": [{"address": address(1)}]})
    answer = await a.api.post("/v1/screenings", content=body, headers=headers)
    assert [row["status"] for row in answer.json()["results"]] == ["listed"]


@pytest.mark.parametrize("media_type", [None, "", "text/plain", "application/jsonx", "application/json, text/plain"])
async def test_another_type_is_refused(a, media_type):
    headers = {} if media_type is None else {"content-type": media_type}
    for path in ("/v1/reports", "/v1/groups", "/v1/screenings"):
        answer = await a.api.post(path, content=report(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_no_encoded_body_is_ever_decoded(a):
    """A bomb stays packed: a megabyte that would become a gigabyte costs no more memory than itself."""
    bomb = gzip.compress(b"[" * 200_000_000, 1)
    assert len(bomb) < LARGE_BODY
    tracemalloc.start()
    for encoding in ("gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP"):
        for path in ("/v1/reports", "/v1/screenings", "/v1/token"):
            headers = {**JSON, "content-encoding": encoding}
            answer = await a.api.post(path, content=bomb, headers=headers)
            assert answer.status_code == 415, encoding
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    plain = await a.api.post("/v1/reports", content=report(), headers={**JSON, "content-encoding": "identity"})
    assert plain.status_code == 201


@pytest.mark.parametrize(("path", "most"), [("/v1/reports", LARGE_BODY), ("/v1/screenings", LARGE_BODY),
                                            ("/v1/groups", SMALL_BODY), ("/v1/token", SMALL_BODY)])  # fmt: skip
async def test_a_body_is_bounded(a, path, most):
    """The last byte that is allowed, one more, and what does not declare its length: read to the limit, no further."""
    fitting = await a.api.post(path, content=b" " * most, headers=JSON)
    assert fitting.status_code == 422
    over = await a.api.post(path, content=b" " * (most + 1), headers=JSON)
    assert (over.status_code, over.json()["code"]) == (413, "too_large")
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 50_000
            yield b" " * 50_000

    streamed = await a.api.post(path, content=endless(), headers=JSON)
    assert streamed.status_code == 413
    assert read <= most + 2 * 50_000


async def test_a_declared_length_is_refused_unread(a):
    read = 0

    async def body():
        nonlocal read
        read += 1
        yield b"{}"

    headers = {**JSON, "content-length": "999999999999"}
    answer = await a.api.post("/v1/reports", content=body(), headers=headers)
    assert answer.status_code == 413
    assert read == 0
