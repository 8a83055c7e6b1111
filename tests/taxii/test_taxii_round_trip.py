"""Out of one node by TAXII and into another: category, method, confidence, marking, dates and evidence stay."""

import json
import os

from app.formats import stix_ids
from tests import make
from tests.api.conftest import open_site
from tests.taxii.reader import ROOT, TYPE, Reader, api, check_answer

REPORTS = int(os.environ.get("WATCHFIRE_ROUND_TRIPS", "60"))
KEPT = ("category", "subcategory", "method", "confidence", "reliability", "credibility", "case", "legal_basis")
KEPT += ("summary", "valid_from", "valid_until", "tlp", "pap")
CHOICES = [
    ("sex_trafficking", "escort_ad_payment", "advert", 75),
    ("labour_trafficking", "forced_labour", "court_record", 95),
    ("csam", "vendor", "undercover_purchase", 85),
    ("laundering", None, "hotline_tip", 20),
    ("victim_controlled", None, "unspecified", 10),
]


def fields(number):
    """Make the fields of a report, another for each number."""
    category, subcategory, method, most = CHOICES[number % len(CHOICES)]
    chain, first = make.address(2 * number)
    _, second = make.address(2 * number + len(make.FORMS) * 1_000)
    said = {
        "category": category,
        "subcategory": subcategory,
        "method": method,
        "confidence": most - number % 10,
        "reliability": [None, "A", "F"][number % 3],
        "credibility": [None, 1, 6][number % 3],
        "case": f"OP-{number}",
        "legal_basis": [None, "mou", "court_order"][number % 3],
        "summary": None if number % 2 else f"seen in advert number {number}",
        "valid_from": None if number % 2 else f"2026-0{1 + number % 4}-01T00:00:00.000000Z",
        "evidence": [
            {"kind": "advert", "reference": f"archive:{number}", "sha256": "ab" * 32},
            {"kind": "other", "reference": f"file {number}", "observed_at": "2026-02-03T04:05:06.000000Z"},
        ][: number % 3],
        "tlp": ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER"][number % 3],
        "indicators": [
            {"chain": chain, "address": first, "role": "intermediary", "first_seen": "2025-01-01T00:00:00.000000Z"},
            {"chain": make.address(2 * number + len(make.FORMS) * 1_000)[0], "address": second, "relation": "paid_to"},
        ],
    }
    return {name: value for name, value in said.items() if value is not None}


def claims(objects):
    """Give what is said of each address: what must be the same on both sides."""
    reports = {}
    for item in objects:
        if item["type"] == "report":
            own = item["extensions"][stix_ids.EXTENSION]
            evidence = [entry for entry in own.get("evidence", []) if "Watchfire report" not in entry["reference"]]
            reports[own["record"]] = {name: own.get(name) for name in KEPT} | {"evidence": evidence}
    found = {}
    for item in objects:
        if item["type"] == "indicator":
            own = item["extensions"][stix_ids.EXTENSION]
            one = {**reports[own["record"]], "indicator": own["indicator"], "state": own["state"]}
            found.setdefault(item["name"], []).append(json.dumps(one, sort_keys=True))
    return {name: sorted(said) for name, said in found.items()}


async def collection_of(client, group):
    listed = (await client.get(f"{ROOT}/collections/")).json()["collections"]
    return next(
        item["id"] for item in listed if item["title"].startswith(f"{group.name} ") and "strict" not in item["title"]
    )


async def test_reports_out_by_taxii_and_in_again_keep_all_that_they_said(fresh_sqlite):
    one_site = open_site(fresh_sqlite(), loops=False, requests_per_minute=10**6)
    two_site = open_site(fresh_sqlite(), seed=1, loops=False, requests_per_minute=10**6)
    async with one_site as one, two_site as two:
        ngo, there = await one.partner("an ngo"), await two.partner("an ngo there")
        group, group_there = await one.home.group(ngo.partner), await two.home.group(there.partner)
        audience = {"kind": "group", "group": str(group.id)}
        for number in range(REPORTS):
            answer = await ngo.api.post("/v1/reports", json={**fields(number), "audience": audience})
            assert answer.status_code == 201, answer.text
        await one.settle()
        source = Reader(api(ngo), await collection_of(api(ngo), group))
        target = await collection_of(api(there), group_there)
        for page in await source.walk(500):
            sent = await api(there).post(
                f"{ROOT}/collections/{target}/objects/",
                content=json.dumps({"objects": page}),
                headers={"content-type": TYPE},
            )
            status = check_answer(sent).json()
            assert status["failure_count"] == 0, status["failures"][:3]
        await two.settle()
        out, back = await source.everything(), await Reader(api(there), target).everything()
        assert len(claims(out)) >= REPORTS
        assert claims(back) == claims(out)
