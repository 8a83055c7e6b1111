"""TagPacks: what they say about trafficking, and what they do not."""

import io
from collections import Counter
from pathlib import Path

import pytest

from app.domain.vocabulary import CATEGORIES, METHOD_CEILINGS
from app.formats.batches import gather, has_few_sources
from app.formats.rows import RefusedRow, Row, Source, UnreadableDocument
from app.formats.tagpack import CONCEPTS, CONFIDENCES, TagPack, Wish

PACKS = Path(__file__).parents[3] / "shared" / "data" / "tagpacks"
shared = pytest.mark.skipif(not PACKS.is_dir(), reason="shared data absent")
TAGS = {"ransomwhere": 7457, "sextortion_talos": 58600, "usdt_blacklist": 774, "walletexplorer": 386}


def pack(text, **wish):
    return TagPack(io.BytesIO(text.encode()), Wish(**wish))


def one(text, **wish):
    (row,) = pack(text, **wish)
    return row


def test_the_header_is_inherited_and_overridden():
    rows = list(
        pack("""
title: T
creator: C
currency: BTC
confidence: forensic
source: https://a.example
lastmod: 2026-05-01
concepts: [csam]
tags:
- address: 1abc
- {address: "1def", currency: LTC, source: https://b.example, confidence: unknown}
""")
    )
    assert rows[0].chain == "bitcoin"
    assert rows[0].sources == (Source("dataset", "https://a.example", "2026-05-01T00:00:00Z"),)
    assert dict(rows[0].claims) == {"category": "csam", "confidence": 50, "method": "open_source_document"}
    assert (rows[1].chain, rows[1].sources[0].reference) == ("litecoin", "https://b.example")
    assert dict(rows[1].claims)["confidence"] == 5


def test_a_number_without_quotes_stays_an_address():
    assert one("currency: ETH\nabuse: csam\ntags: [{address: 0x10}]").address == "0x10"


@pytest.mark.parametrize("name", sorted(CONFIDENCES))
def test_no_confidence_is_above_its_methods_ceiling(name):
    claims = dict(one(f"currency: BTC\nabuse: csam\nconfidence: {name}\ntags: [{{address: 1abc}}]").claims)
    method, level = CONFIDENCES[name]
    assert claims["method"] == method
    assert claims["confidence"] == min(level, METHOD_CEILINGS[method])


@pytest.mark.parametrize("concept", sorted(CONCEPTS))
def test_concepts_are_words_of_the_vocabulary(concept):
    category, subcategory = CONCEPTS[concept]
    assert subcategory is None or subcategory in CATEGORIES[category]
    claims = dict(one(f"currency: BTC\nconcepts: [{concept}]\ntags: [{{address: 1abc}}]").claims)
    assert (claims["category"], claims.get("subcategory")) == (category, subcategory)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [("abuse: ransomware", "speaks of ransomware"), ("abuse: human_trafficking", "which kind"), ("x: y", "nothing")],
)
def test_what_is_not_about_trafficking_needs_a_category(said, sentence):
    text = f"currency: BTC\n{said}\ntags: [{{address: 1abc}}]"
    refused = one(text)
    assert isinstance(refused, RefusedRow)
    assert refused.code == "not_trafficking"
    assert sentence in refused.detail or "of which kind" in refused.detail
    assert "category" not in dict(one(text, category="csam").claims)


def test_what_the_caller_states_goes_before():
    row = one(
        "currency: BTC\nabuse: csam\nconfidence: ownership\nlabel: L\ntags: [{address: 1abc}]",
        category="laundering",
        method="hotline_tip",
        confidence=5,
        summary="S",
    )
    assert row.claims == ()


def test_a_token_needs_its_network():
    assert one("currency: USDT\nabuse: csam\ntags: [{address: 0xa}]").code == "ambiguous_chain"
    stated = one("currency: USDT\nnetwork: ETH\nabuse: csam\ntags: [{address: 0xa}]")
    assert (stated.chain, stated.fields) == ("ethereum", {"asset": "USDT"})
    filled = one("currency: USDT\nabuse: csam\ntags: [{address: 0xa}]", chain="tron")
    assert (filled.chain, filled.fields) == ("tron", {"asset": "USDT"})
    plain = one("currency: ETH\nnetwork: ETH\nabuse: csam\ntags: [{address: 0xa}]")
    assert (plain.chain, plain.fields) == ("ethereum", {})


def test_a_label_is_kept_only_where_all_share_it_and_it_names_nobody():
    text = "currency: BTC\nabuse: csam\nlabel: {}\ntags: [{{address: 1abc}}, {{address: 1def}}]"
    assert pack(text.format("Site X")).summary == "Site X"
    assert pack(text.format("jane@example.org")).summary == ""
    assert pack("currency: BTC\ntags: [{address: a, label: X}, {address: b, label: Y}]").summary == ""


def test_a_tag_without_source_names_its_pack():
    assert one("title: T\ncreator: C\ncurrency: BTC\nabuse: csam\ntags: [{address: a}]").sources == (
        Source("dataset", "TagPack: T, C"),
    )


@pytest.mark.parametrize("tag", ["{label: x}", "text", "{address: [a]}", '{address: ""}', f"{{address: {'a' * 2049}}}"])
def test_a_tag_that_is_none_is_one_refused_row(tag):
    rows = list(pack(f"currency: BTC\nabuse: csam\ntags:\n- {tag}\n- {{address: 1abc}}"))
    assert [type(row) for row in rows] == [RefusedRow, Row]


@pytest.mark.parametrize("text", ["", "a: b", "[1]", "tags: x", "a: [", "\x00", "tags: &a [*a"])
def test_what_is_no_tagpack_is_refused(text):
    with pytest.raises(UnreadableDocument):
        pack(text)


def test_context_gives_transaction_and_token():
    context = """'{"transaction": "0xaabbccdd", "token": "USDT"}'"""
    row = one(f"currency: ETH\nabuse: csam\ntags: [{{address: 0xa, context: {context}}}]")
    assert row.fields == {"transactions": ["0xaabbccdd"], "asset": "USDT"}


@pytest.mark.parametrize("context", ["'not json'", "'[1]'", "'{\"transaction\": 5}'"])
def test_another_context_is_left_alone(context):
    row = one(f"currency: ETH\nabuse: csam\ntags: [{{address: 0xa, context: {context}}}]")
    assert row.fields == {}


def read(name, category):
    with (PACKS / f"{name}.yaml").open("rb") as stream:
        return list(TagPack(stream, Wish(category=category)))


@shared
@pytest.mark.parametrize("name", ["usdt_blacklist", "walletexplorer", "ransomwhere"])
def test_published_packs_are_not_about_trafficking(name):
    assert Counter(type(row) for row in read(name, None)) == {RefusedRow: TAGS[name]}


@shared
@pytest.mark.parametrize("name", sorted(TAGS))
def test_published_packs_add_up_and_every_source_is_evidence_of_its_report(name):
    rows = read(name, "csam")
    assert Counter(type(row) for row in rows) == {Row: TAGS[name]}
    batches = list(gather(rows, by_source=has_few_sources(rows)))
    assert sum(len(batch.rows) for batch in batches) == TAGS[name]
    for batch in batches:
        kept = {entry["reference"] for entry in batch.to_document({})["evidence"]}
        assert {source.reference for row in batch.rows for source in row.sources} == kept
        assert len(kept) <= 100
