"""I9, non-interference: no answer to C depends on records that C may not read.

The rule here: two nodes live the same life from the same seed, one of them with hidden deeds in between. C asks
everything that can be asked, and every answer - status, headers, body - is the same to the byte. Both have a peer, of
which one pulls logs that C may not read. Left out: the date,
and what is left of C's own budgets. Time is not measured, and the loops stand still, for how far the sequencer has come
when an answer is written is a matter of time.
"""

import re

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import audience as audiences
from app.domain import vocabulary
from app.domain.errors import Meaning
from app.domain.marking import Tlp
from app.services.repeats import repeat_of
from tests.api.conftest import BITCOIN, address, claim, open_site
from tests.api.neighbour import Neighbour
from tests.conftest import EXAMPLES

BOTH, HIDDEN, NOBODYS, LATER = (address(number) for number in (0xB0, 0x41D, 0x0, 0x7A))
ABSENT = "019de369-1158-7e96-8138-000000000000"
UNTOLD = {"date", "ratelimit"}
# Durations, and the figures of logs between nodes, which the metrics give to who looks after the node.
UNTOLD_FIGURES = re.compile(
    r"^watchfire_request_seconds.*\n|^# .*\n|^watchfire_requests_created.*\n|^watchfire_peer_log_.*\n", re.MULTILINE
)


class Asked:
    """What C asked and what came back, in order."""

    def __init__(self, client):
        self.client = client
        self.answers = []

    async def __call__(self, method, path, **request):
        answer = await self.client.request(method, path, **request)
        headers = tuple(sorted((k, v) for k, v in answer.headers.items() if k not in UNTOLD))
        body = UNTOLD_FIGURES.sub("", answer.text).encode() if path == "/metrics" else answer.content
        if path == "/metrics":
            headers = ()
        said = {key: str(value) for key, value in request.items()}
        self.answers.append((f"{method} {path} {said}", answer.status_code, headers, body))
        return answer

    async def walk(self, path, limit, **params):
        """Follow a list to its end by its Link field."""
        following = httpx.URL(path, params={**params, "limit": limit})
        for _ in range(60):
            answer = await self("GET", str(following))
            if answer.status_code != 200 or "link" not in answer.headers:
                return
            following = httpx.URL(answer.headers["link"].partition(">")[0][1:])
        raise AssertionError(f"{path} does not end")


async def ask_everything(ask, site, seen, hidden):
    """Ask what can be asked: `seen` are ids that C knows rightly, `hidden` those that it should not know."""
    start = site.clock.now
    for path in (
        "/v1/node",
        "/.well-known/watchfire.json",
        "/healthz",
        "/readyz",
        "/v1/chains",
        "/v1/assets",
        "/v1/vocabulary",
    ):
        await ask("GET", path)
    for name in ("organizations", "groups", "logs", "reports"):
        for limit in (1, 1_000):
            await ask.walk(f"/v1/{name}", limit)
    await ask_reports(ask, seen, start)
    await ask_addresses(ask, start)
    await ask_hidden(ask, seen, hidden)
    for log in seen["logs"]:
        await ask("GET", f"/v1/logs/{log}/checkpoint")
        for query in ("", "?from=1&limit=1", "?from=99"):
            await ask("GET", f"/v1/logs/{log}/entries{query}")
            await ask("GET", f"/v1/logs/{log}/entries{query}", headers={"accept": "application/x-ndjson"})
        for tile in ("0/000.p/1", "0/000.p/2", "0/000", "1/000.p/1", "9/x"):
            await ask("GET", f"/v1/logs/{log}/tile/{tile}")
        for query in ("index=0", "index=1&size=2", "index=99", "from=1", "from=1&size=2", "from=99", ""):
            await ask("GET", f"/v1/logs/{log}/proof?{query}")


async def ask_hidden(ask, seen, hidden):
    """Ask for what is hidden by its very id, and for what is absent."""
    for number in [*hidden["reports"], ABSENT]:
        for query in ("", "?envelope=true"):
            await ask("GET", f"/v1/reports/{number}{query}")
        await ask("POST", f"/v1/reports/{number}/revocation", json={"reason": "mistaken"})
        await ask("POST", f"/v1/reports/{number}/erasure", json={"reason": "personal_data"})
        await ask("POST", f"/v1/reports/{number}/opinions", json={"opinion": "agree", "reason": "own_evidence"})
        await ask("POST", f"/v1/reports/{number}/sightings", json={"chain": "ethereum", "address": HIDDEN})
        await ask("POST", "/v1/reports", json=claim(NOBODYS, supersedes=number))
        repeat = {"idempotency-key": "used-by-a"}
        await ask("POST", f"/v1/reports/{number}/revocation", json={"reason": "mistaken"}, headers=repeat)
    for number in [*hidden["groups"], ABSENT]:
        await ask("GET", f"/v1/groups/{number}")
        await ask("GET", f"/v1/groups/{number}/members")
        await ask("POST", f"/v1/groups/{number}/members", json={"remove": [seen["c"]]})
        audience = {"kind": "group", "group": number}
        await ask("POST", "/v1/reports", json=claim(NOBODYS, tlp="TLP:GREEN", audience=audience))
        await ask("POST", "/v1/reports", json=claim(NOBODYS, tlp="TLP:RED", audience=audience))
    for number in [*hidden["organizations"], ABSENT]:
        for what in ("", "/keys", "/credentials"):
            await ask("GET", f"/v1/organizations/{number}{what}")
        await ask("POST", "/v1/groups", json={"name": "with whom?", "members": [number]})
        named = {"kind": "organizations", "organizations": sorted([seen["c"], number])}
        await ask("POST", "/v1/reports", json=claim(NOBODYS, tlp="TLP:GREEN", audience=named))
        await ask.walk("/v1/reports", 2, issuer=number)
    for log in [*hidden["logs"], "0" * 32]:
        for what in ("checkpoint", "entries", "tile/0/000.p/1", "proof?index=0", "proof?from=1"):
            await ask("GET", f"/v1/logs/{log}/{what}")


async def ask_reports(ask, seen, start):
    filters = [{"category": item} for item in [*vocabulary.CATEGORIES][:4]]
    filters += [{"state": item} for item in ("live", "superseded", "revoked", "erased", "quarantined")]
    filters += [{"issuer": item} for item in seen["organizations"]]
    filters += [{"chain": item} for item in ("ethereum", "bitcoin", "eip155:1", "no chain")]
    filters += [{"since": item} for item in ("2026-05-01", start.isoformat(), "never")]
    for chosen in filters:
        await ask.walk("/v1/reports", 2, **chosen)
    for number in seen["reports"]:
        await ask("GET", f"/v1/reports/{number}")
        await ask("GET", f"/v1/reports/{number}?envelope=true")
    for number in seen["organizations"]:
        await ask("GET", f"/v1/organizations/{number}")
        await ask("GET", f"/v1/organizations/{number}/keys")
        await ask("GET", f"/v1/organizations/{number}/credentials")


async def ask_addresses(ask, start):
    wanted = (BOTH, HIDDEN, NOBODYS, LATER, BITCOIN, "nonsense")
    for item in wanted:
        for params in ({}, {"chain": "ethereum"}, {"as_of": start.isoformat()}, {"as_of": "2026-05-01T12:00:10Z"}):
            await ask("GET", f"/v1/addresses/{item}", params=params)
    rows = [{"address": item, "ref": place} for place, item in enumerate(wanted)]
    for detail in ("summary", "full"):
        for accept in ("application/json", "application/x-ndjson"):
            body = {"addresses": rows, "detail": detail}
            await ask("POST", "/v1/screenings", json=body, headers={"accept": accept})


async def ask_own(ask, site, seen):
    """Ask what changes with each asking, because C's own doings are in it."""
    for params in ({}, {"deed": "look_up"}, {"deed": "submit"}, {"address": HIDDEN}, {"address": BOTH}):
        await ask.walk("/v1/audit", 50, **params)
    await ask("POST", "/v1/token", json={"grant_type": "client_credentials"})
    for repeat in ("used-by-a", "used-by-c"):
        again = {"json": claim(LATER, address(5)), "headers": {"idempotency-key": repeat}}
        await ask("POST", "/v1/reports", **again)
        await ask("POST", "/v1/reports", **again)
        await ask("POST", "/v1/reports", json=claim(NOBODYS), headers={"idempotency-key": repeat})
    named = {"kind": "organizations", "organizations": [seen["organizations"][0]]}
    await ask("POST", "/v1/reports", json=claim(LATER, tlp="TLP:AMBER", audience=named))
    await site.settle()
    await ask_addresses(ask, site.clock.now)
    for limit in (1, 1_000):
        await ask.walk("/v1/reports", limit)
        await ask.walk("/v1/logs", limit)
    site.clock.tick()
    await ask.walk("/v1/audit", 100)
    await ask("GET", "/metrics")
    await ask("GET", "/readyz")


async def hide(site, a, b, c, d, group, *, red_for_c):
    """Do what C may not know of: in the group of A and B, between them by name, in RED, under review."""
    home = site.home
    shared, named = audiences.group(group.id), audiences.organizations(a.id, b.id)
    made = []
    for place in range(3):
        for audience, tlp in ((shared, Tlp.AMBER), (named, Tlp.GREEN), (named, Tlp.RED)):
            for partner in (a, b):
                mine = [HIDDEN, BOTH, home.address()]
                made.append(await home.submit(partner, *mine, audience=audience, tlp=tlp, case=f"case {place}"))
    if red_for_c:
        with_c = audiences.organizations(a.id, c.id)
        made.append(await home.submit(a, HIDDEN, BOTH, audience=with_c, tlp=Tlp.RED))
    waiting = await home.submit(d, HIDDEN, BOTH, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
    ids = [item.id for item in made]
    used = repeat_of("used-by-a", "POST /v1/reports?", b"another body")
    made.append(await home.submit(a, HIDDEN, audience=shared, repeat=used))
    await home.sequence()
    await home.follow(b, ids[0], "opinion")
    await home.follow(b, ids[0], "sighting", address=HIDDEN)
    await home.follow(a, ids[2], "revocation", reason="mistaken")
    await home.follow(a, ids[4], "erasure")
    await home.follow(a, ids[6], "revocation", addresses=[{"chain": "ethereum", "address": HIDDEN}])
    made.append(await home.submit(a, BOTH, audience=shared, supersedes=str(ids[6])))
    second = await home.group(b, a, d)
    await home.change(b, second, add=[], remove=[d])
    made.append(await home.submit(b, HIDDEN, audience=audiences.group(second.id)))
    await home.credential(a)
    await home.look_up(b, HIDDEN)
    await site.settle()
    logs = await home.rows(
        "SELECT logs.id FROM logs JOIN audiences ON audiences.id = logs.audience_id WHERE kind <> 'public'"
    )
    return {
        "reports": [str(item.id) for item in (made[0], made[2], made[4], *made[-4:], waiting)],
        "groups": [str(group.id), str(second.id)],
        "logs": sorted(row[0] for row in logs),
    }


async def live(url, far, hidden, *, strong):
    """Live the life of a node, with hidden deeds unless their ids are given already; give what C was answered."""
    async with open_site(url, seed=7, loops=False) as site:
        home = site.home
        a, b, c = [await site.partner(name) for name in "ABC"]
        d = await home.organization("D", trusted=False)
        group = await home.group(a.partner, b.partner)
        neighbour = await Neighbour.open(site, far, a.partner)
        foreign = await neighbour.publish(BOTH, address(6))
        public = await home.submit(a.partner, BOTH, address(1), audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
        with_c = audiences.organizations(b.partner.id, c.partner.id)
        private = await home.submit(b.partner, BOTH, audience=with_c)
        mine = await home.submit(c.partner, address(2), address(3), audience=with_c)
        await site.settle()
        seen = {
            "c": c.id,
            "organizations": [a.id, b.id, c.id, str(d.id), str(neighbour.partner.id)],
            "reports": [str(item.id) for item in (public, private, mine, foreign)],
        }
        client = await c.strong() if strong else c.api
        seen["logs"] = [item["id"] for item in (await client.get("/v1/logs")).json()["logs"]]
        if hidden is None:
            with home.aside():
                parties = a.partner, b.partner, c.partner, d, group
                pulled = await neighbour.hide(a.partner, HIDDEN, BOTH)
                hidden = await hide(site, *parties, red_for_c=not strong)
                hidden |= {name: hidden.get(name, []) + ids for name, ids in pulled.items()}
                hidden["logs"] = [item for item in hidden["logs"] if item not in seen["logs"]]
        await home.submit(a.partner, LATER, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
        await home.follow(b.partner, public.id, "opinion")
        await neighbour.publish(LATER, BOTH)
        await site.settle()
        ask = Asked(client)
        await ask_everything(ask, site, seen, hidden)
        await site.settle()
        await ask_own(ask, site, seen)
        await neighbour.close()
        return ask.answers, hidden


async def test_no_answer_depends_on_what_is_hidden(fresh, fresh_sqlite):
    await compare(fresh, fresh_sqlite, strong=False)


async def test_no_answer_to_a_strong_token_depends_on_it_either(fresh_sqlite):
    await compare(fresh_sqlite, fresh_sqlite, strong=True)


async def compare(fresh, fresh_far, *, strong):
    busy, hidden = await live(fresh(), fresh_far(), None, strong=strong)
    quiet, _ = await live(fresh(), fresh_far(), hidden, strong=strong)
    assert len(hidden["logs"]) >= 8
    assert len(busy) > 250
    for one, other in zip(busy, quiet, strict=True):
        assert one == other
    assert {status for _, status, _, _ in busy} >= {200, 201, 404, 422}


async def test_what_is_hidden_is_read_by_those_it_is_for(site):
    """The other half: the same records are there for A and B, and with a strong token the RED ones too."""
    a, b, c = [await site.partner(name) for name in "ABC"]
    group = await site.home.group(a.partner, b.partner)
    in_group = await a.submit(HIDDEN, tlp="TLP:AMBER", audience={"kind": "group", "group": str(group.id)})
    named = {"kind": "organizations", "organizations": [b.id]}
    by_name = await a.submit(HIDDEN, tlp="TLP:GREEN", audience=named)
    red = await a.submit(HIDDEN, tlp="TLP:RED", audience=named)
    await site.settle()
    for party in (a, b):
        weak = {in_group["id"], by_name["id"]}
        for client, visible in ((party.api, weak), (await party.strong(), weak | {red["id"]})):
            found = (await client.get(f"/v1/addresses/{HIDDEN}")).json()
            assert {item["report"] for item in found["indicators"]} == visible
            assert (found["status"], found["organizations"]) == ("listed", 1)
            listed = (await client.get("/v1/reports")).json()["reports"]
            assert {item["id"] for item in listed} == visible
            for item in listed:
                assert (await client.get(f"/v1/reports/{item['id']}")).status_code == 200
                log = item["log"]["id"]
                assert (await client.get(f"/v1/logs/{log}/proof?index={item['log']['index']}")).status_code == 200
            assert len((await client.get("/v1/logs")).json()["logs"]) == len(visible)
    assert (await a.api.get(f"/v1/reports/{red['id']}")).status_code == 404
    for client in (c.api, await c.strong()):
        assert (await client.get(f"/v1/addresses/{HIDDEN}")).json()["status"] == "not_listed"
        assert (await client.get("/v1/reports")).json()["reports"] == []
        assert (await client.get("/v1/logs")).json()["logs"] == []


async def test_a_report_that_leaves_its_readers_does_not_say_where_to(lite):
    a, b, c = [await lite.partner(name) for name in "ABC"]
    group = await lite.home.group(a.partner, b.partner)
    public = await a.submit(BOTH)
    audience = {"kind": "group", "group": str(group.id)}
    moved = await a.submit(BOTH, tlp="TLP:AMBER", audience=audience, supersedes=public["id"])
    await lite.settle()
    answer = await c.api.get(f"/v1/reports/{public['id']}", params={"envelope": True})
    assert answer.json()["state"] == "revoked"
    assert moved["id"] not in answer.text
    assert (await c.look_up(BOTH))["status"] == "revoked"
    assert (await b.look_up(BOTH))["status"] == "listed"
    for state in ("live", "superseded", "revoked", "erased"):
        answer = await c.api.get("/v1/reports", params={"state": state})
        assert [item["id"] for item in answer.json()["reports"]] == ([public["id"]] if state == "revoked" else [])
        assert moved["id"] not in answer.text


WHO = st.sampled_from("ab")
ADDRESSES = st.lists(st.sampled_from([BOTH, HIDDEN, NOBODYS, LATER, address(9)]), min_size=1, max_size=3, unique=True)
WORDS = st.fixed_dictionaries(
    {"category": st.sampled_from([*vocabulary.CATEGORIES]), "method": st.just("advert")},
    optional={"role": st.none(), "confidence": st.integers(0, 75), "case": st.just("A-1"), "summary": st.just("x")},
)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), WHO, st.sampled_from(["group", "named", "red"]), ADDRESSES, WORDS),
        st.tuples(
            st.sampled_from(["revocation", "erasure", "opinion", "sighting", "supersede"]), WHO, st.integers(0, 30)
        ),
        st.tuples(st.sampled_from(["join", "leave", "credential", "rotate", "question"]), WHO),
    ),
    min_size=1,
    max_size=6,
)


class Hiding:
    """Does generated deeds that C may not know of."""

    def __init__(self, home, a, b, stranger, group):
        self.home = home
        self.parties = {"a": a, "b": b}
        self.stranger = stranger
        self.group = group
        self.audiences = {
            "group": (audiences.group(group.id), Tlp.AMBER),
            "named": (audiences.organizations(a.id, b.id), Tlp.GREEN),
            "red": (audiences.organizations(a.id, b.id), Tlp.RED),
        }
        self.made = []

    async def do(self, kind, who, *rest):
        party = self.parties[who]
        if kind == "submit":
            audience, listed, words = rest
            words = {name: value for name, value in words.items() if value is not None}
            where, tlp = self.audiences[audience]
            made = await self.home.submit(party, *listed, audience=where, tlp=tlp, **words)
            self.made.append((made.id, where, tlp))
        elif kind == "supersede" and self.made:
            report, where, tlp = self.made[rest[0] % len(self.made)]
            await self.home.submit(party, BOTH, audience=where, tlp=tlp, supersedes=str(report))
        elif kind in {"revocation", "erasure", "opinion"} and self.made:
            await self.home.follow(party, self.made[rest[0] % len(self.made)][0], kind)
        elif kind == "sighting" and self.made:
            await self.home.follow(party, self.made[rest[0] % len(self.made)][0], kind, address=HIDDEN)
        elif kind in {"join", "leave"}:
            change = {"add" if kind == "join" else "remove": [self.stranger]}
            await self.home.change(self.parties["a"], self.group, **change)
        elif kind == "credential":
            await self.home.credential(party)
        elif kind == "question":
            await self.home.look_up(party, HIDDEN)


@settings(max_examples=12 * EXAMPLES)
@given(deeds=DEEDS)
async def test_no_generated_deed_changes_an_answer(told, deeds):
    site, hiding, ask_all, held = told
    held["number"] += 1
    with site.home.aside(held["number"]):
        for deed in deeds:
            try:
                await hiding.do(*deed)
            except Meaning:
                continue
        await site.settle()
    for one, other in zip(await ask_all(), held["answers"], strict=True):
        assert one == other


@pytest.fixture
async def told(lite):
    """A site where C has asked everything once, before anything was hidden."""
    a, b, c = [await lite.partner(name) for name in "ABC"]
    home = lite.home
    stranger = await home.organization("D")
    group = await home.group(a.partner, b.partner)
    public = await home.submit(a.partner, BOTH, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
    with_c = audiences.organizations(b.partner.id, c.partner.id)
    private = await home.submit(b.partner, BOTH, address(4), audience=with_c)
    await lite.settle()
    seen = {
        "c": c.id,
        "organizations": [a.id, b.id, c.id],
        "reports": [str(public.id), str(private.id)],
        "logs": [item["id"] for item in (await c.api.get("/v1/logs")).json()["logs"]],
    }
    hidden = {"reports": [], "groups": [str(group.id)], "organizations": [], "logs": []}

    async def ask_all():
        ask = Asked(c.api)
        for name in ("organizations", "groups", "logs", "reports"):
            await ask.walk(f"/v1/{name}", 1)
        await ask_addresses(ask, lite.clock.now)
        await ask_hidden(ask, seen, hidden)
        for number in seen["reports"]:
            await ask("GET", f"/v1/reports/{number}?envelope=true")
        for log in seen["logs"]:
            await ask("GET", f"/v1/logs/{log}/entries")
            await ask("GET", f"/v1/logs/{log}/checkpoint")
        return ask.answers

    hiding = Hiding(home, a.partner, b.partner, stranger, group)
    return lite, hiding, ask_all, {"number": 0, "answers": await ask_all()}
