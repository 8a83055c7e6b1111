"""Hostile requests to the served node: smuggling, bombs of every kind, and many large questions at once."""

import concurrent.futures
import contextlib
import json
import os
import socket
import time

import httpx
import psutil
import pytest

from app.web.limits import LARGE_BODY
from tests.api.conftest import address

OPENING = b"HTTP/1.1 "


def request(method=b"GET", target=b"/healthz", *headers, body=b"", close=True):
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: node", *headers]
    if close:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def statuses(answer):
    """Give the status of each answer on a connection."""
    return [int(part[:3]) for part in answer.split(OPENING)[1:]]


@pytest.mark.parametrize(
    "raw",
    [
        request(b"POST", b"/v1/token", b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        request(b"POST", b"/v1/token", b"Content-Length: 5", b"Content-Length: 6", body=b"12345"),
        request(b"POST", b"/v1/token", b"Content-Length: +5", body=b"12345"),
        request(b"POST", b"/v1/token", b"Content-Length: -1"),
        request(b"POST", b"/v1/token", b"Content-Length: 0x5", body=b"12345"),
        request(b"POST", b"/v1/token", b"Content-Length: 99999999999999999999999999"),
        request(b"POST", b"/v1/token", b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
        request(b"POST", b"/v1/token", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
        request(b"POST", b"/v1/token", b"Transfer-Encoding: chunked", body=b"zz\r\n\r\n"),
        request(b"POST", b"/v1/token", b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
        request(b"GET", b"/healthz", b"X\x00: a"),
        request(b"GET", b"/healthz", b"X: a\x00b"),
        request(b"GET", b"/health z"),
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"{}\r\n\r\n",
    ],
    ids=range(16),
)
def test_an_ambiguous_request_is_400(served, raw):
    """One request that two servers would cut differently is answered once, with 400, and the connection ends."""
    answer = served.talk(raw + request())
    assert statuses(answer) in ([400], [])


def test_a_pipelined_request_is_read_where_the_first_ends(served):
    first = request(b"POST", b"/v1/token", b"Content-Length: 2", b"Content-Type: text/csv", body=b"{}", close=False)
    assert statuses(served.talk(first + request())) == [415, 200]
    hidden = request(b"GET", b"/metrics")
    length = b"Content-Length: %d" % len(hidden)
    carrier = request(b"POST", b"/v1/token", length, b"Content-Type: text/csv", body=hidden, close=False)
    answer = served.talk(carrier + request())
    assert statuses(answer)[0] == 415
    assert b"watchfire_requests" not in answer


def test_a_body_without_end_is_cut(served):
    """Undeclared and chunked: the answer comes once the limit is passed, and the connection ends."""
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    key = b"Authorization: Bearer " + served.key.encode()
    opening = request(b"POST", b"/v1/reports", key, b"Content-Type: application/json", b"Transfer-Encoding: chunked")
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(opening)
        sent = 0
        try:
            while sent < 50 * LARGE_BODY:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        answer = b""
        with contextlib.suppress(OSError):
            answer = connection.recv(65_536)
    assert statuses(answer) in ([413], [])
    assert sent < 50 * LARGE_BODY, "the node went on reading"
    assert time.monotonic() - started < 20
    assert httpx.get(f"{served.url}/healthz").status_code == 200


def test_a_stranger_sends_no_body_at_all(served):
    """Who is not signed in is answered before the body is read."""
    opening = request(b"POST", b"/v1/reports", b"Content-Type: application/json", b"Content-Length: 2000000")
    assert statuses(served.talk(opening)) == [401]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/v1/addresses/" + b"a" * 60_000, {400, 401, 414, 431}),
        (b"/v1/addresses/x?chain=" + b"a" * 60_000, {400, 401, 414, 431}),
        (b"/v1/addresses/%00", {401}),
        (b"/v1/addresses/%ff%fe", {401}),
        (b"/v1/addresses/..%2f..%2fmetrics", {401, 404}),
        (b"/v1/logs/../../metrics", {401, 404}),
        (b"/v1/logs/" + b"0" * 32 + b"/tile/../../../../etc/passwd", {401, 404}),
        (b"//metrics", {404}),
        (b"/metrics/", {404}),
        (b"/METRICS", {404}),
        (b"/%6detrics", {200}),
        (b"*", {400, 404}),
        (b"http://other/healthz", {200, 400, 404}),
        (b"/healthz?" + b"&".join(b"a%d=1" % n for n in range(5_000)), {200, 400, 431}),
    ],
    ids=range(14),
)
def test_a_strange_target_is_answered(served, target, status):
    found = statuses(served.talk(request(b"GET", target)))
    assert len(found) == 1
    assert found[0] in status


def test_strange_headers_are_answered(served):
    for header in (
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: " + b"x" * 50_000,
        b"X-API-Key: caf\xc3\xa9",
        b"Accept: \xff",
        b"Idempotency-Key: \xe2\x80\xae",
        b"Content-Type: \xff/\xff",
    ):
        found = statuses(served.talk(request(b"GET", b"/v1/reports", header)))
        assert found in ([401], [400], [431]), header[:30]
    key = b"Authorization: Bearer " + served.key.encode()
    many = [b"X-%d: y" % number for number in range(2_000)]
    assert statuses(served.talk(request(b"GET", b"/v1/reports", key, *many)))[0] in {200, 400, 431}


def test_many_large_screenings_stay_within_bounds(served):
    """Twenty at once, 10,000 rows each: memory grows by no more than the answers of those that are worked on.

    Most name the chain, which takes a fraction of the time and as much memory.
    """
    rows = [{"address": address(number)} for number in range(10_000)]
    bodies = [json.dumps({"addresses": [row | chain for row in rows]}) for chain in ({"chain": "ethereum"}, {})]
    headers = {"authorization": f"Bearer {served.key}", "content-type": "application/json"}
    process = psutil.Process(os.getpid())
    peak = before = process.memory_info().rss

    def ask(number):
        body = bodies[number % 5 == 0]
        return httpx.post(f"{served.url}/v1/screenings", content=body, headers=headers, timeout=60).json()["counts"]

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, number) for number in range(20)]
        while not all(future.done() for future in asked):
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.02)
    for future in asked:
        assert sum(future.result().values()) == 10_000
    assert peak - before < 600 * 1024 * 1024
