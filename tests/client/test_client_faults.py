"""Both clients against a node that is busy, breaks off, lies or loops."""

import asyncio
import itertools
import json

import pytest

from app.client import AsyncClient, Client, LocalSigner, NetworkError, Pacing, ProblemError, ProtocolError
from app.client.exchange import MAX_ANSWER
from tests.client.scripted import document, problem
from tests.client.test_client_signer import NODE, ORGANIZATION, SEED

FAST = Pacing(attempts=4, first_delay=0.001, longest_delay=0.002, patience=3.0, timeout=5.0)
KEY = "wfk_secret"


class Awaiting:
    """The asynchronous client, called as the blocking one is."""

    def __init__(self, url, key=KEY, pacing=FAST):
        self._made = (url, key, pacing)

    def __getattr__(self, name):
        def call(*args, **options):
            return asyncio.run(self._call(name, args, options))

        return call

    async def _call(self, name, args, options):
        url, key, pacing = self._made
        async with AsyncClient(url, key, pacing=pacing) as client:
            answer = getattr(client, name)(*args, **options)
            if hasattr(answer, "__aiter__"):
                return [row async for row in answer]
            return await answer


@pytest.fixture(params=["blocking", "asynchronous"])
def client(request, scripted):
    if request.param == "asynchronous":
        yield Awaiting(scripted.url)
        return
    with Client(scripted.url, KEY, pacing=FAST) as made:
        yield made


def test_the_key_is_sent_and_not_shown(client, scripted):
    scripted.answers(document({"id": "x"}))
    assert client.organization() == {"id": "x"}
    assert scripted.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    for made in (Client(scripted.url, KEY), AsyncClient(scripted.url, KEY)):
        assert KEY not in repr(made)
        assert KEY not in repr(vars(made)["_session"])


@pytest.mark.parametrize("busy", [problem(429, "too_many", Retry_After="0"), problem(503), problem(502), None])
def test_a_busy_node_is_asked_again(client, scripted, busy):
    scripted.answers(busy, busy, document({"status": "not_listed"}))
    assert client.check("1abc/?", chain="bitcoin") == {"status": "not_listed"}
    assert len(scripted.asked) == 3
    assert scripted.asked[0].path == "/v1/addresses/1abc%2F%3F?chain=bitcoin"


def test_a_report_that_is_sent_again_has_the_same_key(client, scripted):
    scripted.answers(None, problem(409, "conflict"), document({"id": "r"}, 201))
    assert client.submit({"category": "csam"}, partial=True)["id"] == "r"
    keys = {asked.headers["Idempotency-Key"] for asked in scripted.asked}
    assert (len(scripted.asked), len(keys)) == (3, 1)
    assert scripted.asked[0].path == "/v1/reports?partial=true"
    assert scripted.asked[0].document == {"category": "csam"}


def test_a_busy_node_is_not_asked_for_ever(client, scripted):
    scripted.answers(problem(503))
    with pytest.raises(ProblemError):
        client.node()
    assert len(scripted.asked) == FAST.attempts


def test_a_refusal_is_not_repeated(client, scripted):
    scripted.answers(problem(403, "forbidden", "You may not."))
    with pytest.raises(ProblemError, match="You may not") as caught:
        client.revoke("r", "mistaken")
    assert (caught.value.code, len(scripted.asked)) == ("forbidden", 1)


def test_nobody_there():
    with Client("http://127.0.0.1:1", KEY, pacing=FAST) as made, pytest.raises(NetworkError, match="No answer from"):
        made.node()


@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "http://elsewhere.example"}, b""),
        (200, {}, b"<html>"),
        (200, {}, b"[]"),
        (200, {}, b"x" * (MAX_ANSWER + 1)),
    ],
)
def test_an_answer_that_is_not_understood(client, scripted, answer):
    scripted.answers(answer)
    with pytest.raises(ProtocolError):
        client.node()
    assert len(scripted.asked) == 1


def test_pages_are_walked_to_their_end(client, scripted):
    scripted.answers(
        document({"reports": [{"id": 1}, {"id": 2}], "next": "c"}), document({"reports": [{"id": 3}], "next": None})
    )
    assert [row["id"] for row in client.reports(category="csam", issuer=None)] == [1, 2, 3]
    assert [asked.path for asked in scripted.asked] == [
        "/v1/reports?category=csam",
        "/v1/reports?category=csam&cursor=c",
    ]


@pytest.mark.parametrize("page", [{"reports": [], "next": "c"}, {"rows": []}, {"reports": None}])
def test_pages_that_lead_nowhere(client, scripted, page):
    scripted.answers(document(page))
    with pytest.raises(ProtocolError):
        list(client.reports())


def test_every_list_and_what_follows(client, scripted):
    for noun in ("organizations", "keys", "credentials", "groups", "chains", "logs"):
        scripted.answers(document({noun: [{"id": noun}], "next": None}))
        whose = ("o",) if noun in {"keys", "credentials"} else ()
        assert list(getattr(client, noun)(*whose)) == [{"id": noun}]
    scripted.answers(document({"id": "x"}))
    client.erase("r", "court_order")
    client.opine("r", "agree", "own_evidence", "seen")
    client.sight("r", "bitcoin", "1abc", 3)
    client.revoke("r", "mistaken", [{"chain": "bitcoin", "address": "1abc"}])
    client.vocabulary()
    client.report("r")
    assert client.checkpoint("l") == '{"id": "x"}'
    client.entries("l", 5)
    client.proof("l", index=1, size=2)
    assert [asked.path for asked in scripted.asked[6:]] == [
        "/v1/reports/r/erasure",
        "/v1/reports/r/opinions",
        "/v1/reports/r/sightings",
        "/v1/reports/r/revocation",
        "/v1/vocabulary",
        "/v1/reports/r",
        "/v1/logs/l/checkpoint",
        "/v1/logs/l/entries?from=5",
        "/v1/logs/l/proof?index=1&size=2",
    ]


def echo(asked):
    rows = [json.loads(line) for line in asked.body.split(b"\n")]
    return 200, {}, b"".join(json.dumps({**row, "status": "not_listed"}).encode() + b"\n" for row in rows)


def test_screening_keeps_order_and_asks_again(client, scripted):
    turn = itertools.count()
    scripted.script = lambda asked: problem(429, Retry_After="0") if next(turn) % 3 == 1 else echo(asked)
    rows = ({"address": "1abc", "ref": str(number)} for number in range(45_000))
    assert [row["ref"] for row in client.screen(rows)] == [str(number) for number in range(45_000)]


def test_an_answer_that_misses_rows_is_no_answer(client, scripted):
    scripted.script = lambda _: (200, {}, b'{"ref": "1"}\n')
    with pytest.raises(ProtocolError):
        list(client.screen(["1abc", "1def"]))


def test_a_screening_that_is_given_up_ends(scripted):
    scripted.script = echo
    with Client(scripted.url, KEY, pacing=FAST) as made:
        rows = made.screen("1abc" for _ in itertools.count())
        assert next(rows)["status"] == "not_listed"
        rows.close()
    assert len(scripted.asked) <= 5


def test_an_api_key_is_exchanged_for_a_token(client, scripted):
    scripted.answers(document({"access_token": "t", "expires_in": 900}))
    assert client.token()["access_token"] == "t"
    assert scripted.asked[0].body == f"grant_type=client_credentials&client_secret={KEY}".encode()
    assert "Authorization" not in scripted.asked[0].headers


def test_a_signer_signs_in_and_renews(scripted):
    tokens = itertools.count()

    def script(asked):
        if asked.path == "/v1/token":
            return document({"access_token": f"t{next(tokens)}", "expires_in": 30})
        return document({"id": NODE if asked.path == "/v1/node" else str(ORGANIZATION)})

    scripted.script = script
    with Client(scripted.url, KEY, pacing=FAST) as made:
        signer = made.signer(None, SEED)
        assert signer == LocalSigner(ORGANIZATION, NODE, SEED)
        made.sign_in(signer, "query")
        made.organization()
    assert b"client_assertion=" in scripted.asked[2].body
    assert scripted.asked[-1].headers["Authorization"] == "Bearer t1"


def test_an_asynchronous_signer_signs_in_and_renews(scripted):
    def script(asked):
        if asked.path == "/v1/token":
            return document({"access_token": "t", "expires_in": 900})
        return document({"id": NODE if asked.path == "/v1/node" else str(ORGANIZATION)})

    async def run():
        async with AsyncClient(scripted.url, KEY, pacing=FAST) as made:
            await made.sign_in(await made.signer(None, SEED))
            await asyncio.gather(made.organization(), made.organization())

    scripted.script = script
    asyncio.run(run())
    assert [asked.path for asked in scripted.asked].count("/v1/token") == 1


@pytest.mark.parametrize("answer", [{"id": 5}, {}])
def test_a_node_that_does_not_say_who_it_is(client, scripted, answer):
    scripted.answers(document(answer))
    with pytest.raises(ProtocolError):
        client.signer(ORGANIZATION, SEED)


def test_an_answer_without_a_token(client, scripted):
    scripted.answers(document({}))
    with pytest.raises(ProtocolError):
        client.token()
