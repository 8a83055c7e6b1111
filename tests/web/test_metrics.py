"""The middleware around everything: it counts, marks and answers faults, and lets no fault's words out."""

import pytest
from prometheus_client import generate_latest

from app.web.metrics import AnswerCutError, MeasureRequests, Metrics

SECRET = "0xdeadbeef was asked for"
SCOPE = {"type": "http", "method": "GET", "path": "/v1/x", "headers": [], "query_string": b"", "server": ("node", 80)}


class Sent(list):
    async def __call__(self, message):
        self.append(message)


async def fail(_scope, _receive, _send):
    raise RuntimeError(SECRET)


async def fail_late(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError(SECRET)


async def test_a_fault_is_answered_here():
    metrics, sent = Metrics(), Sent()
    await MeasureRequests(fail, metrics)(SCOPE, None, sent)
    assert sent[0]["status"] == 500
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]
    assert SECRET.encode() not in sent[1]["body"]
    assert b'status="500"} 1.0' in generate_latest(metrics.registry)


async def test_a_fault_after_the_beginning_cuts_the_answer():
    metrics, sent = Metrics(), Sent()
    with pytest.raises(AnswerCutError) as caught:
        await MeasureRequests(fail_late, metrics)(SCOPE, None, sent)
    assert caught.value.__suppress_context__
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert b'status="200"} 1.0' in generate_latest(metrics.registry)


async def test_what_is_no_request_passes():
    seen = []

    async def inner(scope, _receive, _send):
        seen.append(scope["type"])

    await MeasureRequests(inner, Metrics())({"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]


async def test_a_method_of_nobodys_is_counted_as_other():
    async def inner(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 404})

    metrics = Metrics()
    for _ in range(2):
        await MeasureRequests(inner, metrics)({**SCOPE, "method": "0xdeadbeef"}, None, Sent())
    text = generate_latest(metrics.registry)
    assert b'method="OTHER",route="-",status="404"} 2.0' in text
    assert b"deadbeef" not in text
