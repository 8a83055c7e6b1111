"""STIX: what leaves is what other platforms read, and comes back with the whole of its provenance."""

import io
import json
import warnings
from dataclasses import replace
from datetime import timedelta

import pytest
import stix2
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_string

from app.domain import vocabulary
from app.domain.history import ERASED, LIVE, REVOKED, SUPERSEDED
from app.domain.marking import Tlp
from app.domain.record import Opinion, Sighting
from app.domain.report import read_report
from app.domain.timestamps import format_time
from app.formats import stix, stix_ids
from app.formats.batches import gather
from app.formats.published import Issuer, Published, Said
from app.formats.rows import TAKEN_BACK, RefusedRow, Row, UnreadableDocument
from app.formats.stix_reading import StixObjects, read_stix, values_of
from app.formats.tagpack import Wish
from tests import make, strategies
from tests.conftest import EXAMPLES
from tests.taxii.reader import missing_refs

NGO = Issuer(make.organization_id("ngo"), "An NGO", "ngo", make.NODE)
BANK = Issuer(make.organization_id("bank"), "A bank", "bank")
OPTIONS = ValidationOptions(version="2.1")


def published(record, **said):
    """Make a report as it leaves."""
    envelope = record.sign(make.seed())
    fields = {
        "id": record.id,
        "record": record,
        "issuer": NGO,
        "origin": record.origin,
        "custody": "node",
        "digest": envelope.digest,
        "envelope": envelope,
        "issued_at": record.issued_at,
        "audience": record.audience.to_document(),
        "tlp": record.tlp,
        "pap": str(record.pap),
        "arrival": 1,
        "changed": 1,
        "state": LIVE,
        "count": len(record.body.indicators),
    }
    return Published(**(fields | said))


def said(body, ordinals=(0,), number=1):
    return Said(make.ident(("said", number)), BANK, make.NOW + timedelta(seconds=number), body, ordinals, 2)


def ended(made, state):
    """Give what became of a report."""
    later = made.issued_at + timedelta(hours=1)
    gone = {"record": None, "envelope": None} if state == ERASED else {}
    return replace(made, state=state, changed_at=later, withdrawn=frozenset(range(made.count)), **gone)


leaving = strategies.records_of("report").filter(lambda record: record.tlp is not Tlp.RED).map(published)


def validate(objects):
    """Hold a bundle to the checker that others use, and to the reader of the reference library."""
    text = json.dumps(stix.bundle(objects, "test"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = validate_string(text, OPTIONS)
    assert results.is_valid, [str(error) for error in results.errors]
    assert len(stix2.parse(text, allow_custom=True).objects) == len(objects)


@examples(max_examples=3 * EXAMPLES)
@given(leaving, st.sampled_from([LIVE, REVOKED, SUPERSEDED, ERASED]))
def test_whatever_leaves_is_valid_stix_and_names_nothing_that_is_not_there(made, state):
    if state != LIVE:
        made = ended(made, state)
    objects = stix.whole(made)
    assert missing_refs(objects) == set()
    validate(objects)


def fields_of(objects):
    """Read objects back, as an import does; give the fields of each report that they come to."""
    rows = list(StixObjects(json.loads(json.dumps(objects))))
    assert all(isinstance(row, Row) for row in rows), rows
    return [batch.to_document({}) for batch in gather(rows, by_source=True)]


@examples(max_examples=25 * EXAMPLES)
@given(leaving)
def test_a_report_comes_back_with_everything_that_it_said(made):
    (document,) = fields_of(stix.whole(made))
    body, labels = made.report, {name: document.pop(name) for name in ("tlp", "pap")}
    assert labels == {"tlp": str(made.tlp), "pap": made.pap}
    source = document["evidence"].pop()  # whose it was, and under which id
    assert str(made.id) in source["reference"]
    assert NGO.name in source["reference"]
    for row in document["indicators"]:
        row.pop("ref")
    back = read_report(document).report
    addresses = {(item.chain, item.address): item for item in body.indicators}
    assert {(item.chain, item.address): item for item in back.indicators} == addresses
    evidence = tuple(dict.fromkeys(body.evidence))  # the same one twice is one
    assert replace(back, indicators=()) == replace(body, indicators=(), evidence=evidence, supersedes=None)


def test_the_claim_of_a_report_carries_its_whole_provenance():
    record = make.record("report", make.report(2, summary="seen"))
    made = published(record)
    claim = next(item for item in stix.whole(made) if item["type"] == "report")
    own = claim["extensions"][stix_ids.EXTENSION]
    assert own["record"] == str(record.id)
    assert own["digest"] == made.digest.hex()
    assert own["issuer"] == str(NGO.id)
    assert own["origin"] == record.origin
    assert own["custody"] == "node"
    assert own["issued_at"] == format_time(record.issued_at)
    assert own["audience"] == record.audience.kind
    assert own["state"] == LIVE


def test_the_wallet_has_the_id_that_opencti_and_dogesec_give_it():
    found = stix.wallet_id("1KFHE7w8BhaENAswwryaoccDb6qcT6DbYY")
    assert found == "cryptocurrency-wallet--27fadc91-1e1c-5474-988f-07a16840be45"  # as both packages make it


@pytest.mark.parametrize("state", [REVOKED, SUPERSEDED, ERASED])
def test_what_was_taken_back_keeps_its_id_and_is_a_later_version(state):
    made = published(make.record("report", make.report(2)))
    before = {item["id"]: item for item in stix.whole(made) if item["type"] == "indicator"}
    after = {item["id"]: item for item in stix.whole(ended(made, state)) if item["type"] == "indicator"}
    assert before.keys() == after.keys()
    for name, item in after.items():
        assert item["revoked"] is True
        assert item["modified"] > before[name]["modified"]
        assert item["created"] == before[name]["created"]


def test_what_was_erased_says_nothing_but_that_it_was():
    made = published(make.record("report", make.report(2, summary="a telling word", case="OP-7")))
    text = json.dumps(stix.whole(ended(made, ERASED)))
    for indicator in made.indicators:
        assert indicator.address not in text
    for word in ("a telling word", "OP-7", made.report.category, "wallet"):
        assert word not in text


def test_of_a_report_taken_back_in_part_only_the_named_are_revoked():
    made = published(make.record("report", make.report(3)))
    at = made.issued_at + timedelta(days=1)
    partly = replace(made, withdrawn=frozenset({1}), taken_back_at={1: at})
    flags = [item for item in stix.whole(partly) if item["type"] == "indicator"]
    assert [item.get("revoked", False) for item in flags] == [False, True, False]
    assert flags[1]["modified"] == stix.milliseconds(at)
    assert {item["id"] for item in flags} == {item["id"] for item in stix.whole(made) if item["type"] == "indicator"}


def test_opinions_and_sightings_stand_beside_the_report():
    made = published(make.record("report", make.report(2)))
    where = made.indicators[1]
    made = replace(
        made,
        opinions=(said(Opinion(made.id, "disagree", "wrong_address", "not theirs")),),
        sightings=(said(Sighting(made.id, where.chain, where.address, 10**9), (1,), 2),),
    )
    objects = stix.whole(made)
    validate(objects)
    assert missing_refs(objects) == set()
    opinion = next(item for item in objects if item["type"] == "opinion")
    sighting = next(item for item in objects if item["type"] == "sighting")
    claim = next(item for item in objects if item["type"] == "report")
    flags = [item for item in objects if item["type"] == "indicator"]
    assert opinion["object_refs"] == [claim["id"]]
    assert opinion["explanation"] == "not theirs"
    assert sighting["sighting_of_ref"] == flags[1]["id"]
    assert sighting["extensions"][stix_ids.EXTENSION]["count"] == 10**9


@pytest.mark.parametrize("category", sorted(vocabulary.PROTECTIVE))
def test_whom_it_must_protect_it_never_calls_malicious(category):
    record = make.record("report", replace(make.report(1), category=category, subcategory=None))
    objects = stix.whole(published(record))
    flag = next(item for item in objects if item["type"] == "indicator")
    assert flag["indicator_types"] == ["benign"]
    assert flag["extensions"][stix.OPENCTI_OBJECT]["score"] == 0
    assert "human-trafficking" not in flag["labels"]


def test_an_id_leads_back_to_its_report_and_place():
    base = stix_ids.base_of(make.ident(1))
    for ordinal in (0, 1, 9_999, stix_ids.OF_REPORT):
        assert stix_ids.split(stix_ids.of_ordinal(base, ordinal)) == (base, ordinal)
    assert stix_ids.organization_of(stix_ids.of_organization(NGO.id)) == NGO.id
    assert stix_ids.parse("indicator--" + str(base)) == ("indicator", base)
    for text in ("indicator", "indicator--", f"--{base}", f"indicator--{base} ", None, 7, f"INDICATOR--{base}"):
        assert stix_ids.parse(text) is None


# what others write

BITCOIN = make.bitcoin(1)
MARK = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"


def identified(kind, number=1, **fields):
    value = stix_ids.of_ordinal(stix_ids.base_of(make.ident(kind)), number)
    return {"type": kind, "spec_version": "2.1", "id": f"{kind}--{value}", **fields}


def flag(pattern=f"[cryptocurrency-wallet:value = '{BITCOIN}']", **fields):
    return identified("indicator", **{"pattern": pattern, "labels": ["sex_trafficking"], "confidence": 80, **fields})


def read(*objects, **how):
    return list(StixObjects(list(objects), **how))


def test_an_indicator_of_others_becomes_a_row_with_its_category_marking_and_source():
    maker = identified("identity", name="OpenCTI of somebody")
    (row,) = read(maker, flag(created_by_ref=maker["id"], object_marking_refs=[MARK]))
    assert (row.address, row.chain) == (BITCOIN, "bitcoin")
    assert dict(row.claims) == {
        "category": "sex_trafficking",
        "confidence": 10,
        "method": "unspecified",
        "tlp": "TLP:AMBER",
    }
    assert row.sources[0].reference == "STIX of OpenCTI of somebody"


def test_a_wallet_that_an_indicator_names_is_that_indicator_and_one_alone_is_a_row():
    own = identified("cryptocurrency-wallet", value=BITCOIN)
    other = identified("cryptocurrency-wallet", 2, value=make.ethereum(), labels=["forced-labour"])
    reader = StixObjects([own, flag(), other])
    first, second = reader
    assert (first.address, second.address) == (BITCOIN, make.ethereum())
    assert dict(second.claims)["category"] == "labour_trafficking"
    assert reader.skipped == {"wallet of an indicator": 1}
    assert reader.places == {1: 1, 2: 2}


def test_misp_attributes_and_objects_become_rows():
    attribute = identified(
        "x-misp-attribute", x_misp_type="btc", x_misp_value=BITCOIN, labels=['misp:type="btc"', "tlp:green"]
    )
    coin = identified(
        "x-misp-object",
        x_misp_name="coin-address",
        x_misp_attributes=[
            {"type": "xmr", "object_relation": "address-xmr", "value": make.monero()},
            {"type": "text", "object_relation": "symbol", "value": "XMR"},
        ],
    )
    other = identified("x-misp-attribute", 2, x_misp_type="text", x_misp_value="hello")
    event = identified(
        "grouping", labels=["csam"], object_refs=[attribute["id"], coin["id"]], context="suspicious-activity"
    )
    reader = StixObjects([attribute, coin, other, event])
    first, second = reader
    assert (first.address, first.chain, dict(first.claims)["tlp"]) == (BITCOIN, "bitcoin", "TLP:GREEN")
    assert (second.address, second.chain) == (make.monero(), "monero")
    assert {dict(row.claims)["category"] for row in (first, second)} == {"csam"}
    assert reader.skipped == {"x-misp-attribute": 1, "grouping": 1}


def test_a_marking_that_nobody_explains_is_red_and_is_not_taken_where_less_is_allowed():
    unknown = "marking-definition--11111111-1111-4111-8111-111111111111"
    (row,) = read(flag(object_marking_refs=[unknown]), most=Tlp.AMBER)
    assert row.code == "marking_too_strict"
    assert "TLP:RED" in row.detail
    defined = {"type": "marking-definition", "id": unknown, "name": "TLP:GREEN"}
    (row,) = read(flag(object_marking_refs=[unknown]), defined, most=Tlp.AMBER)
    assert dict(row.claims)["tlp"] == "TLP:GREEN"
    statement = {"type": "marking-definition", "id": unknown, "definition": {"statement": "(c)"}}
    (row,) = read(flag(object_marking_refs=[unknown, MARK]), statement, most=Tlp.AMBER)
    assert dict(row.claims)["tlp"] == "TLP:AMBER"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"labels": ["malware"]}, "not_trafficking"),
        ({"labels": ["human-trafficking"]}, "not_trafficking"),
        ({"revoked": True}, TAKEN_BACK),
        ({"pattern": "[ipv4-addr:value = '1.1.1.1']"}, "unknown_pattern"),
        ({"pattern": f"[cryptocurrency-wallet:value = '{BITCOIN}' AND url:value = 'x']"}, "unknown_pattern"),
        ({"pattern": "[cryptocurrency-wallet:value = 'no address at all']"}, "ambiguous_chain"),
        ({"pattern": "[cryptocurrency-wallet:value = '']"}, "empty"),
        ({"pattern": 7}, "unknown_pattern"),
    ],
)
def test_what_cannot_be_taken_is_a_refused_row_with_its_reason(change, code):
    (row,) = read(flag(**change))
    assert isinstance(row, RefusedRow)
    assert row.code == code


def test_what_is_no_object_is_refused_and_does_not_stop_the_rest():
    rows = read(7, {}, {"id": "x"}, flag(), None)
    assert [isinstance(row, Row) for row in rows] == [False, False, False, True, False]


def test_of_several_versions_the_newest_counts():
    old, new = flag(modified="2026-01-01T00:00:00.000Z"), flag(modified="2026-02-01T00:00:00.000Z", revoked=True)
    for pair in ((old, new), (new, old)):
        (row,) = read(*pair)
        assert row.code == TAKEN_BACK


def test_the_caller_goes_before_labels_and_names_the_chain():
    litecoin = make.litecoin(3)
    wish = Wish(category="csam", method="advert", confidence=40, chain="litecoin")
    (row,) = read(flag(f"[cryptocurrency-wallet:value = '{litecoin}']", labels=[]), wish=wish)
    assert (row.chain, row.claims) == ("litecoin", ())


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[cryptocurrency-wallet:value = 'a']", ["a"]),
        ("[cryptocurrency-wallet:value='a' OR cryptocurrency-wallet:value = 'b']", ["a", "b"]),
        ("[cryptocurrency-wallet:value = 'a'] OR [cryptocurrency-wallet:value = 'b']", ["a", "b"]),
        ("[x-opencti-cryptocurrency-wallet:value = 'it\\'s']", ["it's"]),
        ("[NOT cryptocurrency-wallet:value = 'a']", None),
        ("[cryptocurrency-wallet:value != 'a']", None),
        ("[cryptocurrency-wallet:value = 'a'] FOLLOWEDBY [cryptocurrency-wallet:value = 'b']", None),
        ("", None),
    ],
)
def test_a_pattern_is_read_where_it_compares_wallets_and_nothing_else(pattern, found):
    assert values_of(pattern) == found


@pytest.mark.parametrize("text", ["", "[", '{"a": 1}', '{"objects": 5}', "7", '{"a":1,"a":2}'])
def test_a_document_that_is_none_says_so(text):
    with pytest.raises(UnreadableDocument):
        read_stix(io.BytesIO(text.encode()))


@examples(max_examples=25 * EXAMPLES)
@given(st.lists(strategies.documents, max_size=4))
def test_no_document_breaks_the_reader(objects):
    for row in StixObjects(objects):
        assert isinstance(row, Row | RefusedRow)
