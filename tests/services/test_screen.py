"""Screen: every row comes back in its place, a bad row is a row."""

from dataclasses import replace

import pytest

from app.domain.actor import Scope
from app.domain.errors import Forbidden
from app.services.screen import MAX_ROWS, Row
from tests.world import CHAIN, GENESIS_BLOCK


async def test_ten_thousand_rows_keep_their_places(home):
    ngo = await home.organization()
    bad = [home.address() for _ in range(20)]
    report = await home.submit(ngo, *bad[:10])
    await home.submit(ngo, *bad[10:])
    await home.follow(ngo, report.id, "revocation")
    rows, expected = [], []
    for number in range(MAX_ROWS):
        text, chain, status = {
            0: (bad[number % 20], CHAIN, "revoked" if number % 20 < 10 else "listed"),
            1: (home.address(), CHAIN, "not_listed"),
            2: (GENESIS_BLOCK, None, "not_listed"),
            3: ("nonsense", CHAIN, "invalid"),
            4: (home.address(), "nowhere", "invalid"),
            5: ("", None, "invalid"),
            6: (bad[number % 20].upper().replace("X", "x", 1), None, "revoked" if number % 20 < 10 else "listed"),
        }[number % 7]
        rows.append(Row(f"ref {number}", text, chain))
        expected.append(status)
    answers = await home.screen(ngo, rows)
    assert [item.row for item in answers] == rows
    assert [item.reputation.status for item in answers] == expected
    assert {item.error.reason for item in answers if item.row.chain == "nowhere"} == {"unknown_chain"}
    assert home.questions.waiting[-1].count == MAX_ROWS


async def test_no_rows_and_the_same_row_twice(home):
    ngo = await home.organization()
    assert await home.screen(ngo, []) == []
    address = home.address()
    await home.submit(ngo, address)
    answers = await home.screen(ngo, [Row(None, address, CHAIN), Row(7, address, CHAIN)])
    assert [(item.row.ref, item.reputation.status, len(item.found)) for item in answers] == [
        (None, "listed", 1),
        (7, "listed", 1),
    ]


async def test_nobody_screens_without_the_scope(home):
    ngo = await home.organization()
    with pytest.raises(Forbidden):
        await home.screen(replace(ngo.actor, scopes=frozenset({Scope.SUBMIT})), [])


async def test_what_is_found_stands_in_one_order(home):
    """In the order of the claims, not in the one in which the database happens to find them."""
    ngo = await home.organization()
    address = home.address()
    made = [(await home.submit(ngo, address)).id for _ in range(5)]
    for report in made[:3]:
        await home.follow(ngo, report, "sighting", address=address)  # rewrites rows
    [answer] = await home.screen(ngo, [Row(None, address, None)])
    assert [found.hit.report for found in answer.found] == made
