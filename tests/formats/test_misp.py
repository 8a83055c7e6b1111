"""MISP events read into rows: addresses by attribute and object, tags, sharing, and what is left out."""

import io
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymisp import MISPEvent

from app.domain.marking import ALLOWED_AUDIENCES, Pap, Tlp
from app.formats import misp_tags
from app.formats.misp import read_misp
from app.formats.misp_sharing import Destination, Sharing, sharing_of
from app.formats.rows import TAKEN_BACK, RefusedRow, Row, UnreadableDocument
from app.formats.stix_reading import read_stix
from app.formats.tagpack import Wish

BTC = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
ETH = "0x52908400098527886E0F7030069857D2E4169EE7"
OWN, OTHER = "0190e5a0-0000-7000-8000-00000000000a", "0190e5a0-0000-7000-8000-00000000000b"
GROUP = {"kind": "group", "group": "0190e5a0-0000-7000-8000-0000000000ff"}
ONLY_US = {"kind": "organizations", "organizations": [OWN]}
PUBLIC = {"kind": "public"}


def attribute(value=BTC, kind="btc", **fields):
    return {"type": kind, "value": value, "uuid": f"u-{value[:8]}", **fields}


def event(*attributes, tags=("csam",), objects=(), **fields):
    return {
        "uuid": "aef1d9e7-9d12-4ae1-b4e8-6c8f8de650e7",
        "info": "x",
        "timestamp": "1700000000",
        "Orgc": {"name": "Org", "uuid": "o"},
        "Tag": [{"name": name} for name in tags],
        "Attribute": list(attributes),
        "Object": list(objects),
        **fields,
    }


def coin(relation="address-crypto", value=ETH, symbol="ETH", kind="text", **fields):
    parts = [{"object_relation": relation, "type": kind, "value": value, "uuid": "part"}]
    if symbol:
        parts.append({"object_relation": "symbol", "type": "text", "value": symbol, "uuid": "symbol"})
    return {"name": "coin-address", "Attribute": [*parts, *fields.pop("more", ())], **fields}


def read(document, destination=None, **wish):
    content = json.dumps(document).encode()
    return read_misp(io.BytesIO(content), Wish(**wish), destination)


def one(document, destination=None, **wish):
    (row,) = read({"Event": document}, destination, **wish)
    return row


def test_an_event_made_by_pymisp_is_read():
    made = MISPEvent()
    made.info = "case"
    made.uuid = "aef1d9e7-9d12-4ae1-b4e8-6c8f8de650e7"
    made.add_tag('admiralty-scale:source-reliability="b"')
    made.add_tag("labour-trafficking")
    made.add_attribute("btc", BTC)
    made.add_attribute("xmr", "4" + "A" * 94)
    made.add_attribute("dash", "XdAUmwtig27HBG6WfYyHAzP8n6XC9jESEw")
    made.add_attribute("ip-dst", "192.0.2.1")
    item = made.add_object(name="coin-address")
    item.add_attribute("address-crypto", ETH)
    item.add_attribute("symbol", "ETH")
    item.add_attribute("first-seen", "2026-01-02 03:04:05")
    document = read({**json.loads(made.to_json()), "timestamp": "1700000000"})  # PyMISP leaves a changed event's out
    rows = list(document)
    assert [(row.number, row.chain) for row in rows] == [(1, "bitcoin"), (2, "monero"), (3, "dash"), (4, "ethereum")]
    assert rows[3].fields["first_seen"] == "2026-01-02T03:04:05+00:00"
    assert {"category": "labour_trafficking", "reliability": "B"}.items() <= dict(rows[0].claims).items()
    assert rows[0].sources[0].observed_at == "2023-11-14T22:13:20Z"
    assert document.skipped == {"ip-dst": 1}
    assert list(document) == rows, "a document can be walked twice"
    assert document.skipped == {"ip-dst": 1}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda item: item,
        lambda item: {"Event": item},
        lambda item: [{"Event": item}],
        lambda item: {"response": [{"Event": item}]},
        lambda item: {"response": [item]},
    ],
)
def test_events_are_found_in_every_wrapping(wrap):
    (row,) = read(wrap(event(attribute())))
    assert (row.address, row.ref) == (BTC, f"u-{BTC[:8]}")


def test_attributes_of_a_search_bring_their_event_along():
    found = attribute(Event={"uuid": "e-1", "info": "x", "Orgc": {"name": "There"}, "distribution": "0"})
    found["Tag"] = [{"name": "csam"}]
    (row,) = read({"response": {"Attribute": [found]}})
    assert row.sources[0].reference == "MISP event e-1 of There"
    (row,) = read({"response": {"Attribute": [found]}}, Destination(audience=GROUP))
    assert row.code == "shared_too_far"


@pytest.mark.parametrize(
    "document",
    [{"x": 1}, [1], "x", {"response": [{"Event": 3}]}, {"type": "bundle", "objects": []}, {"response": {"x": []}}],
)
def test_what_is_no_event_is_refused_whole(document):
    with pytest.raises(UnreadableDocument):
        read(document)


def test_deep_or_broken_json_is_refused():
    for content in (b"[" * 100_000, b"{", b'{"info": NaN}', b"\xff"):
        with pytest.raises(UnreadableDocument):
            read_misp(io.BytesIO(content))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Event",
                        "info",
                        "Attribute",
                        "Object",
                        "type",
                        "value",
                        "deleted",
                        "Tag",
                        "name",
                        "distribution",
                        "SharingGroup",
                        "timestamp",
                        "Orgc",
                        "uuid",
                        "object_relation",
                        "response",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_is_read_or_refused(document):
    try:
        rows = list(read(document, Destination(audience=PUBLIC)))
    except UnreadableDocument:
        return
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert all(isinstance(row, Row | RefusedRow) for row in rows)


def test_what_was_deleted_is_taken_back_at_every_level():
    assert one(event(attribute(deleted=True))).code == TAKEN_BACK
    assert one(event(attribute(deleted="1"))).code == TAKEN_BACK
    assert one(event(attribute(), deleted=True)).code == TAKEN_BACK
    assert one(event(objects=[coin(deleted=True)])).code == TAKEN_BACK


def test_what_is_not_for_detection_is_only_mentioned():
    assert one(event(attribute(to_ids=False))).fields == {"relation": "mentioned_with"}
    assert one(event(attribute(to_ids=True))).fields == {}
    assert one(event(objects=[coin()])).fields == {}


def test_a_symbol_names_the_chain():
    assert one(event(objects=[coin(symbol="TRX")])).chain == "tron"
    assert one(event(objects=[coin("address", BTC, "", "btc")])).chain == "bitcoin"
    assert one(event(objects=[coin("address", ETH, "ETH", "btc")])).chain == "ethereum"
    refused = one(event(objects=[coin(symbol="USDT")]))
    assert refused.code == "ambiguous_chain"
    row = one(event(objects=[coin(symbol="USDT")]), chain="tron")
    assert (row.chain, row.fields["asset"]) == ("tron", "USDT")
    assert one(event(objects=[coin(symbol="")])).code == "ambiguous_chain"


@pytest.mark.parametrize(
    ("tag", "category"),
    [
        ("csam", ("csam", None)),
        ("Sex Trafficking", ("sex_trafficking", None)),
        ('dark-web:topic="pornography-child-exploitation"', ("csam", None)),
        ("crime:forced-labor", ("labour_trafficking", "forced_labour")),
        ('watchfire:category="laundering"', ("laundering", None)),
        ('dark-web:topic="cash-out"', None),
        ('misp-galaxy:x="Recruitment"', None),
        ("ngo_donation", None),
        ('watchfire:category="nonsense"', None),
    ],
)
def test_only_a_clear_tag_names_a_category(tag, category):
    assert misp_tags.category_of([tag]) == category


def test_without_a_clear_tag_the_caller_decides_or_it_is_refused():
    assert one(event(attribute(), tags=())).code == "not_trafficking"
    vague = one(event(attribute(), tags=["human-trafficking"]))
    assert "does not say of which kind" in vague.detail
    row = one(event(attribute(), tags=["human-trafficking"]), category="sex_trafficking")
    assert "category" not in dict(row.claims)


@pytest.mark.parametrize(
    ("tags", "level"),
    [
        (['watchfire:confidence="61"', 'watchfire:method="advert"'], 61),
        (['estimative-language:likelihood-probability="unlikely"', 'watchfire:method="advert"'], 32),
        (['misp:confidence-level="completely-confident"', 'watchfire:method="advert"'], 75),
        (['misp:confidence-level="completely-confident"'], 10),
        ([], 10),
    ],
)
def test_confidence_is_what_tags_say_below_the_ceiling(tags, level):
    assert dict(one(event(attribute(), tags=["csam", *tags])).claims)["confidence"] == level


def test_what_the_attribute_says_goes_before_the_event():
    own = attribute(Tag=[{"name": 'watchfire:category="sex_trafficking"'}])
    claims = dict(one(event(own, tags=['watchfire:category="csam"'])).claims)
    assert claims["category"] == "sex_trafficking"


@given(
    st.lists(
        st.sampled_from(
            [
                "tlp:white",
                "tlp:clear",
                "tlp:green",
                "TLP:AMBER",
                "tlp:amber+strict",
                "tlp:red",
                "tlp:ex:chr",
                "tlp:unclear",
                "x",
            ]
        )
    ),
    st.sampled_from(Tlp),
)
def test_a_label_is_never_laxer_than_the_event(names, wished):
    order = list(Tlp)
    stated = misp_tags.tlp_of(names)
    row = one(event(attribute(), tags=["csam", *names]), Destination(tlp=wished, audience=ONLY_US, own=OWN))
    final = Tlp(dict(row.claims).get("tlp", wished))
    assert order.index(final) >= order.index(wished)
    if stated is not None:
        assert order.index(final) >= order.index(stated)
    if any(name in {"tlp:ex:chr", "tlp:unclear", "tlp:red"} for name in names):
        assert stated is Tlp.RED


def test_pap_follows_the_same_rule():
    row = one(event(attribute(), tags=["csam", "PAP:RED"]), Destination(pap=Pap.GREEN))
    assert dict(row.claims)["pap"] == "PAP:RED"


DISTRIBUTIONS = st.sampled_from([None, "", "0", 1, "2", "3", 4, "5", "9", "x"])
AUDIENCES = st.sampled_from([PUBLIC, GROUP, ONLY_US, {"kind": "organizations", "organizations": [OWN, OTHER]}])


@given(DISTRIBUTIONS, DISTRIBUTIONS, AUDIENCES, st.sampled_from([None, *Tlp]))
def test_nothing_goes_to_more_readers_than_event_and_attribute_allow(outer, inner, audience, tlp):
    tags = ["csam"] if tlp is None else ["csam", tlp.lower()]
    made = event(attribute(distribution=inner), tags=tags, distribution=outer)
    row = one(made, Destination(audience=audience, own=OWN))
    if audience == ONLY_US:
        assert isinstance(row, Row)
        return
    strict = {str(item) for item in (outer, inner)} & {"0", "4", "9", "x"}
    strict |= {"5"} if outer == "5" and inner in {None, "", "5"} else set()
    closed = strict or {str(item) for item in (outer, inner)} & {"1", "2"}
    wrong = (
        strict
        or (closed and audience == PUBLIC)
        or tlp in {Tlp.AMBER_STRICT, Tlp.RED}
        or (tlp and audience["kind"] not in ALLOWED_AUDIENCES[tlp])
    )
    assert isinstance(row, RefusedRow) == bool(wrong)
    if wrong:
        assert row.code == "shared_too_far"


def test_a_sharing_group_is_vouched_for_by_the_caller():
    made = event(attribute(), distribution="4", SharingGroup={"uuid": "g-1"})
    assert "--sharing-group" in one(made, Destination(audience=GROUP)).detail
    assert isinstance(one(made, Destination(audience=GROUP, groups=frozenset({"g-1"}))), Row)
    assert isinstance(one(made, Destination(audience=PUBLIC, groups=frozenset({"g-1"}))), RefusedRow)


def test_two_sharing_groups_leave_only_ourselves():
    one_group, other = Sharing(4, "a"), Sharing(4, "b")
    assert one_group.within(other) == Sharing(0)
    assert one_group.within(Sharing(4, "a")) == one_group
    assert sharing_of({}) == Sharing()


def test_one_text_of_all_objects_becomes_the_summary():
    text = {"object_relation": "text", "type": "text", "value": "Paid by advertisers"}
    assert dict(one(event(objects=[coin(more=[text])])).claims)["summary"] == "Paid by advertisers"
    private = {**text, "value": "Call +32 475 12 34 56"}
    assert "summary" not in dict(one(event(objects=[coin(more=[private])])).claims)


def test_proposals_and_other_types_are_counted():
    document = read(
        event(attribute(), {"type": "url", "value": "x"}, {"value": "y"}, ShadowAttribute=[{"type": "btc"}])
    )
    list(document)
    assert document.skipped == {"url": 1, "without a type": 1, "proposal": 1}


CONVERT = """
import sys
from misp_stix_converter import MISPtoSTIX21Parser
from pymisp import MISPEvent
event = MISPEvent()
event.load(sys.stdin.read())
converter = MISPtoSTIX21Parser()
converter.parse_misp_event(event)
print(converter.bundle.serialize())
"""


def test_what_misp_stix_makes_of_an_event_is_read():
    made = MISPEvent()
    made.info = "case"
    made.add_tag("csam")
    made.add_attribute("btc", BTC)
    item = made.add_object(name="coin-address")
    item.add_attribute("address-crypto", ETH)
    item.add_attribute("symbol", "ETH")
    made.from_dict(**{**json.loads(made.to_json()), "timestamp": "1700000000", "date": "2026-01-01"})
    program = [sys.executable, "-W", "ignore", "-c", CONVERT]  # apart: importing it warns, and registers types
    bundle = subprocess.run(program, input=made.to_json().encode(), capture_output=True, check=True, timeout=60).stdout
    rows = list(read_stix(io.BytesIO(bundle), Wish(category="csam")))
    assert sorted((row.chain, row.address) for row in rows) == [("bitcoin", BTC), ("ethereum", ETH)]
    assert all(isinstance(row, Row) for row in rows)
