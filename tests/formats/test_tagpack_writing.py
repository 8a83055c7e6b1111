"""TagPacks written: valid for GraphSense's checker, read back by us, silent where a tag would accuse wrongly."""

import io

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tagpack import UniqueKeyLoader, tagpack
from tagpack.tagpack_schema import TagPackSchema
from tagpack.taxonomy import Taxonomy

from app.domain.vocabulary import CATEGORIES, DIRECT_RELATIONS, METHOD_CEILINGS, PROTECTED_ROLES, PROTECTIVE
from app.formats.rows import Row
from app.formats.tagpack import CONFIDENCES, TagPack
from app.formats.tagpack_writing import TagPackWriter, confidence_id, network_of
from tests import make, strategies
from tests.formats.leaving import any_published, published

reports = st.lists(any_published(), max_size=4)


def pack(found, title="Export"):
    writer = TagPackWriter(title, "Node")
    return writer, b"".join([writer.head(), *writer.pieces(found), writer.tail()])


@pytest.fixture(scope="module")
def checker():
    """GraphSense's own: its schema, its taxonomies, its loader with unique keys."""
    schema, taxonomies = TagPackSchema(), {}
    for key, name in (("concept", "concepts.yaml"), ("confidence", "confidence.csv"), ("tag_type", "tag_types.csv")):
        taxonomies[key] = Taxonomy(key, name)
        taxonomies[key].load_from_local()

    def check(content):
        made = tagpack.TagPack("", yaml.load(content, UniqueKeyLoader), schema, taxonomies)
        made.validate()
        return made

    return check


def has_tag(report, ordinal):
    item = report.indicators[ordinal]
    return (
        report.state == "live"
        and ordinal not in report.withdrawn
        and report.report.category not in PROTECTIVE
        and item.role not in PROTECTED_ROLES
        and (item.relation is None or item.relation in DIRECT_RELATIONS)
    )


@strategies.quick
@given(reports)
def test_the_checker_of_graphsense_accepts_every_pack(checker, found):
    writer, content = pack(found, title="Export: # of \u2028 \U0001f525 'x' \x85")
    made = checker(content)
    assert len(made.tags) == writer.tags
    assert made.contents["description"] == writer.summary()


@strategies.quick
@given(reports)
def test_what_is_written_is_read_back_and_all_the_rest_is_counted(found):
    writer, content = pack(found)
    rows = list(TagPack(io.BytesIO(content)))
    tagged = [(report, n) for report in found for n in range(len(report.indicators)) if has_tag(report, n)]
    assert writer.tags == len(rows) == len(tagged)
    assert writer.left_out.total() + writer.tags == sum(report.count for report in found)
    for row, (report, ordinal) in zip(rows, tagged, strict=True):
        item, said, claims = report.indicators[ordinal], report.report, dict(row.claims)
        sure = said.confidence if item.confidence is None else item.confidence
        assert isinstance(row, Row)
        assert row.address == item.address
        assert (claims["category"], claims.get("subcategory")) == (said.category, said.subcategory)
        assert (claims["method"], claims["confidence"]) == (said.method, sure)
        assert row.fields.get("asset") == item.asset or (item.asset or "").isupper()
        assert row.sources[0].reference
        assert list(row.fields.get("transactions", [])) == list(item.transactions[:1])


@pytest.mark.parametrize("number", range(12))
def test_a_network_names_the_chain_again(number):
    chain, address = make.address(number)
    item = make.indicator(number)
    _, content = pack([published(make.record(body_of=make.report(1, indicators=(item,))))])
    (row,) = TagPack(io.BytesIO(content))
    assert (make.CAIP2.get(row.chain, row.chain), row.address) == (chain, address)


@pytest.mark.parametrize(
    ("slug", "name"), [("bitcoin", "BTC"), ("ethereum", "ETH"), ("tron", "TRX"), ("polygon", "MATIC")]
)
def test_networks_are_named_as_graphsense_names_them(slug, name):
    assert network_of(make.CAIP2[slug]) == name


@given(st.sampled_from(sorted(METHOD_CEILINGS)), st.integers(0, 100))
def test_no_confidence_id_is_surer_than_the_report(method, confidence):
    level = CONFIDENCES[confidence_id(method, confidence)][1]
    assert level <= max(confidence, 5)


def test_a_survivors_wallet_is_never_tagged():
    for category in PROTECTIVE & set(CATEGORIES):
        writer, content = pack([published(make.record(body_of=make.report(1, category=category)))])
        assert writer.left_out == {"protected": 1}
        assert make.address(0)[1].encode() not in content


def test_an_empty_pack_says_what_it_leaves_out(checker):
    writer, content = pack([published(state="revoked"), published(state="erased")])
    assert writer.summary() == "0 tags. Left out, because a tag cannot say it: 1 erased, 1 revoked."
    assert checker(content).contents["tags"] == []
