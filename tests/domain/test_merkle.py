import base64
import json
import random
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import Invalid, InvalidProof
from app.domain.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    Node,
    Span,
    Tile,
    consistency_nodes,
    consistency_proof,
    frontier_at,
    frontier_nodes,
    full_tiles,
    growth_spans,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    parse_tile_path,
    root_of,
    split_hashes,
    subtree_reader,
    tile_path,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "vectors"
LARGE = 70_000
SMALL = 70
quick = settings(deadline=None, max_examples=60)


def vectors(kind):
    found = sorted((VECTORS / kind).rglob("*.json"))
    if not found:
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason="shared data absent"))]
    return [pytest.param(path, id=str(path.relative_to(VECTORS / kind).with_suffix(""))) for path in found]


def decoded(path):
    vector = json.loads(path.read_text())
    binary = {name: base64.b64decode(vector[name]) for name in vector.keys() & {"root", "leafHash", "root1", "root2"}}
    return vector | binary | {"proof": [base64.b64decode(each) for each in vector["proof"] or []]}


def refuses(verify, *args):
    try:
        verify(*args)
    except InvalidProof:
        return True
    return False


LEAVES = [leaf_hash(b"entry %d" % number) for number in range(LARGE)]


@cache
def mth(start, stop):
    """MTH of RFC 9162, 2.1.1, word for word."""
    if stop - start == 0:
        return sha256(b"").digest()
    if stop - start == 1:
        return LEAVES[start]
    middle = start + half(stop - start)
    return sha256(b"\x01" + mth(start, middle) + mth(middle, stop)).digest()


def half(count):
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def path(index, start, stop):
    """PATH of RFC 9162, 2.1.3.1, as (stands left, hash)."""
    if stop - start == 1:
        return []
    middle = start + half(stop - start)
    if index < middle:
        return [*path(index, start, middle), (False, mth(middle, stop))]
    return [*path(index, middle, stop), (True, mth(start, middle))]


def subproof(size, start, stop, complete):
    """SUBPROOF of RFC 9162, 2.1.4.1, as (stands left, hash); None for the hash that the path begins with."""
    if size == stop:
        return [] if complete else [(None, mth(start, stop))]
    middle = start + half(stop - start)
    if size <= middle:
        return [*subproof(size, start, middle, complete), (False, mth(middle, stop))]
    return [*subproof(size, middle, stop, False), (True, mth(start, middle))]


def hashes(steps):
    return [each for _, each in steps]


def form(steps):
    return [side for side, _ in steps]


def read(level, index):
    return mth(index << level, (index + 1) << level)


class Shelf:
    """Keeps what storage keeps: a leaf hash for each entry, and the full tiles."""

    def __init__(self):
        self.leaves = []
        self.tiles = {}
        self.frontier = Frontier()

    def append(self, leaves):
        before = len(self.leaves)
        stored = self.fetch(growth_spans(before, before + len(leaves)))
        made = full_tiles(before, leaves, stored)
        assert not self.tiles.keys() & {(tile.level, tile.index) for tile in made}
        self.tiles |= {(tile.level, tile.index): tile for tile in made}
        self.leaves += leaves
        self.frontier = self.frontier.extend(leaves)

    def fetch(self, spans):
        return {span: self.find(span) for span in spans}

    def find(self, span):
        assert span.start // 256 == (span.stop - 1) // 256 == span.tile()
        if span.is_in_full_tile(len(self.leaves)):
            return span.cut(self.tiles[span.level, span.tile()].hashes)
        if span.level == 0:
            return b"".join(self.leaves[span.start : span.stop])
        return b"".join(self.tiles[span.level - 1, index].root for index in range(span.start, span.stop))

    def reader(self, nodes):
        return subtree_reader(self.fetch(node.span() for node in nodes))


@pytest.fixture(scope="module")
def shelf():
    made = Shelf()
    made.append(LEAVES)
    return made


# published vectors


@pytest.mark.parametrize("file", vectors("inclusion"))
def test_inclusion_agrees_with_the_published_vector(file):
    it = decoded(file)
    args = it["leafHash"], it["leafIdx"], it["treeSize"], it["proof"], it["root"]
    assert refuses(verify_inclusion, *args) == it["wantErr"], it["desc"]


@pytest.mark.parametrize("file", vectors("consistency"))
def test_consistency_agrees_with_the_published_vector(file):
    it = decoded(file)
    args = it["size1"], it["root1"], it["size2"], it["root2"], it["proof"]
    assert refuses(verify_consistency, *args) == it["wantErr"], it["desc"]


def test_the_hashes_of_rfc_6962():
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


# the definitions of the RFC


def test_every_small_tree_has_the_root_of_the_definition():
    frontier = Frontier()
    for size in range(SMALL + 1):
        assert frontier.size == size
        assert frontier.root() == mth(0, size)
        assert Frontier().extend(LEAVES[:size]) == frontier == frontier_at(size, read)
        assert Frontier.parse(frontier.to_bytes()) == frontier
        frontier = frontier.append(LEAVES[size])


def test_every_small_inclusion_proof_is_the_one_of_the_definition_and_verifies():
    for size in range(1, SMALL + 1):
        for index in range(size):
            proof = inclusion_proof(index, size, read)
            assert proof == hashes(path(index, 0, size))
            verify_inclusion(LEAVES[index], index, size, proof, mth(0, size))


def test_every_small_consistency_proof_is_the_one_of_the_definition_and_verifies():
    for size2 in range(1, SMALL + 1):
        for size1 in range(1, size2 + 1):
            proof = consistency_proof(size1, size2, read)
            assert proof == hashes(subproof(size1, 0, size2, complete=True))
            verify_consistency(size1, mth(0, size1), size2, mth(0, size2), proof)


@pytest.mark.parametrize("size", [255, 256, 257, 4_095, 65_535, 65_536, 65_537, 69_999, LARGE])
def test_large_trees_agree_with_the_definition(size, shelf):
    chance = random.Random(size)
    assert frontier_at(size, shelf.reader(frontier_nodes(size))).root() == mth(0, size)
    for index in {0, size - 1, *(chance.randrange(size) for _ in range(4))}:
        proof = inclusion_proof(index, size, shelf.reader(inclusion_nodes(index, size)))
        assert proof == hashes(path(index, 0, size))
        verify_inclusion(LEAVES[index], index, size, proof, mth(0, size))
    for size1 in {1, size, *(chance.randrange(1, size) for _ in range(4))}:
        proof = consistency_proof(size1, size, shelf.reader(consistency_nodes(size1, size)))
        assert proof == hashes(subproof(size1, 0, size, complete=True))
        verify_consistency(size1, mth(0, size1), size, mth(0, size), proof)


def test_the_largest_tree_has_proofs_of_few_nodes():
    assert len(inclusion_nodes(2**62, MAX_SIZE)) < 128
    assert len(consistency_nodes(2**62 + 1, MAX_SIZE)) < 256


# verification refuses


sizes = st.integers(1, SMALL)
bits = st.integers(0, 255)


def flipped(value, bit):
    return bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(value))


@quick
@given(sizes, st.data())
def test_inclusion_fails_after_any_one_bit_change(size, data):
    index = data.draw(st.integers(0, size - 1))
    bit = data.draw(bits)
    leaf, root, proof = LEAVES[index], mth(0, size), hashes(path(index, 0, size))
    assert refuses(verify_inclusion, flipped(leaf, bit), index, size, proof, root)
    assert refuses(verify_inclusion, leaf, index, size, proof, flipped(root, bit))
    assert refuses(verify_inclusion, leaf, index ^ (1 << bit % 64), size, proof, root)
    for at in range(len(proof)):
        assert refuses(
            verify_inclusion, leaf, index, size, [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]], root
        )
        assert refuses(verify_inclusion, leaf, index, size, proof[:at] + proof[at + 1 :], root)


@quick
@given(sizes, sizes, st.data())
def test_inclusion_holds_for_another_size_only_where_the_path_has_the_same_form(size, other, data):
    index = data.draw(st.integers(0, min(size, other) - 1))
    steps = path(index, 0, size)
    same = form(steps) == form(path(index, 0, other))
    assert refuses(verify_inclusion, LEAVES[index], index, other, hashes(steps), mth(0, size)) != same


@quick
@given(sizes, st.data())
def test_consistency_fails_after_any_one_bit_change(size2, data):
    size1 = data.draw(st.integers(1, size2))
    bit = data.draw(bits)
    root1, root2, proof = mth(0, size1), mth(0, size2), hashes(subproof(size1, 0, size2, complete=True))
    assert refuses(verify_consistency, size1, flipped(root1, bit), size2, root2, proof)
    assert refuses(verify_consistency, size1, root1, size2, flipped(root2, bit), proof)
    for at in range(len(proof)):
        changed = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
        assert refuses(verify_consistency, size1, root1, size2, root2, changed)
        assert refuses(verify_consistency, size1, root1, size2, root2, proof[:at] + proof[at + 1 :])


@quick
@given(sizes, sizes, sizes, sizes)
def test_consistency_holds_for_other_sizes_only_where_the_path_has_the_same_form(one, two, three, four):
    (size1, size2), (other1, other2) = sorted((one, two)), sorted((three, four))
    steps = subproof(size1, 0, size2, complete=True)
    same = form(steps) == form(subproof(other1, 0, other2, complete=True)) and (size1 == size2) == (other1 == other2)
    args = other1, mth(0, size1), other2, mth(0, size2), hashes(steps)
    assert refuses(verify_consistency, *args) != same


def test_empty_trees_are_consistent_only_with_the_empty_root():
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    for args in [
        (0, LEAVES[0], 0, LEAVES[0], []),
        (0, EMPTY_ROOT, 0, EMPTY_ROOT, [EMPTY_ROOT]),
        (0, EMPTY_ROOT, 1, LEAVES[0], []),
        (1, LEAVES[0], 0, EMPTY_ROOT, []),
        (-1, LEAVES[0], 1, LEAVES[0], []),
        (1, LEAVES[0], MAX_SIZE + 1, LEAVES[0], []),
        (2, mth(0, 2), 2, mth(0, 3), []),
        (3, mth(0, 3), 4, mth(0, 4), []),
    ]:
        with pytest.raises(InvalidProof):
            verify_consistency(*args)


def test_hashes_are_not_moved_across_their_borders():
    left, right = LEAVES[0], LEAVES[1]
    assert node_hash(left + right[:1], right[1:]) == mth(0, 2)
    assert refuses(verify_inclusion, left + right[:1], 0, 2, [right[1:]], mth(0, 2))
    assert refuses(verify_consistency, 1, left + right[:1], 2, mth(0, 2), [right[1:]])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3), (0, MAX_SIZE + 1)])
def test_there_is_no_entry_outside_the_tree(index, size):
    assert refuses(verify_inclusion, LEAVES[0], index, size, [], LEAVES[0])
    with pytest.raises(Invalid, match="has no entry"):
        inclusion_proof(index, size, read)
    with pytest.raises(Invalid, match="has no entry"):
        inclusion_nodes(index, size)


@pytest.mark.parametrize(("size1", "size2"), [(0, 0), (0, 5), (-1, 5), (6, 5), (1, MAX_SIZE + 1)])
def test_there_is_no_consistency_proof_of_a_tree_that_is_no_beginning(size1, size2):
    with pytest.raises(Invalid):
        consistency_proof(size1, size2, read)
    with pytest.raises(Invalid):
        consistency_nodes(size1, size2)


# the right edge


@quick
@given(st.lists(st.integers(0, 40), max_size=8))
def test_the_right_edge_does_not_depend_on_the_batches(batches):
    frontier = Frontier()
    for batch in batches:
        frontier = Frontier.parse(frontier.extend(LEAVES[frontier.size : frontier.size + batch]).to_bytes())
    assert frontier == Frontier().extend(LEAVES[: sum(batches)])
    assert frontier.root() == mth(0, sum(batches))


def test_the_right_edge_is_kept_as_size_and_hashes():
    assert Frontier().to_bytes() == bytes(8)
    assert Frontier().extend(LEAVES[:3]).to_bytes() == bytes(7) + b"\x03" + mth(0, 2) + LEAVES[2]


def test_the_right_edge_is_never_built_wrong():
    for size, edge in [(-1, ()), (MAX_SIZE + 1, (LEAVES[0],)), (1, ()), (0, (LEAVES[0],)), (1, (b"short",))]:
        with pytest.raises(InvalidProof):
            Frontier(size, edge)
    with pytest.raises(InvalidProof):
        Frontier().extend([LEAVES[0], LEAVES[1] + b"x"])
    full = Frontier(MAX_SIZE, tuple(LEAVES[:63]))
    assert Frontier.parse(full.to_bytes()) == full
    with pytest.raises(InvalidProof):
        full.append(LEAVES[0])


@quick
@given(st.binary(max_size=200))
def test_any_bytes_are_a_right_edge_or_refused(raw):
    try:
        assert Frontier.parse(raw).to_bytes() == raw
    except InvalidProof:
        assert raw != bytes(8)


# tiles


def test_a_tree_of_70000_entries_has_the_tiles_that_the_specification_counts(shelf):
    assert {level: sum(key[0] == level for key in shelf.tiles) for level in range(3)} == {0: 273, 1: 1, 2: 0}
    for (level, index), tile in shelf.tiles.items():
        width = 256**level
        starts = range(index * 256 * width, (index + 1) * 256 * width, width)
        assert split_hashes(tile.hashes) == [mth(start, start + width) for start in starts]
        assert tile == Tile(level, index, tile.hashes, mth(starts.start, starts.stop))


def test_tiles_do_not_depend_on_the_batches(shelf):
    for seed in range(2):
        chance, other = random.Random(seed), Shelf()
        while len(other.leaves) < LARGE:
            start = len(other.leaves)
            other.append(LEAVES[start : start + chance.choice([1, 37, 255, 256, 257, 3_000, 20_000])])
        assert other.tiles == shelf.tiles
        assert other.frontier == shelf.frontier
        assert other.frontier.root() == mth(0, LARGE)


@quick
@given(st.lists(st.integers(0, 300), min_size=1, max_size=6), st.data())
def test_proofs_read_from_a_growing_shelf_verify(batches, data):
    shelf = Shelf()
    for batch in batches:
        shelf.append(LEAVES[len(shelf.leaves) : len(shelf.leaves) + batch])
    size = data.draw(st.integers(0, len(shelf.leaves)))
    assert frontier_at(size, shelf.reader(frontier_nodes(size))).root() == mth(0, size)
    if size:
        index = data.draw(st.integers(0, size - 1))
        proof = inclusion_proof(index, size, shelf.reader(inclusion_nodes(index, size)))
        verify_inclusion(LEAVES[index], index, size, proof, mth(0, size))
        proof = consistency_proof(index + 1, size, shelf.reader(consistency_nodes(index + 1, size)))
        verify_consistency(index + 1, mth(0, index + 1), size, mth(0, size), proof)


def test_growth_reads_only_where_a_tile_becomes_full():
    assert growth_spans(10, 255) == []
    assert growth_spans(0, 70_000) == []
    assert growth_spans(10, 256) == [Span(0, 0, 10)]
    assert growth_spans(65_535, 65_536) == [Span(0, 65_280, 65_535), Span(1, 0, 255)]
    assert growth_spans(65_536, 65_536) == []


def test_a_node_is_the_root_of_hashes_of_one_tile():
    assert Node(0, 300).span() == Span(0, 300, 301)
    assert Node(7, 3).span() == Span(0, 384, 512)
    assert Node(8, 3).span() == Span(1, 3, 4)
    assert Node(17, 1).span() == Span(2, 2, 4)
    assert root_of(b"".join(LEAVES[:8])) == mth(0, 8)
    assert root_of(b"") == EMPTY_ROOT


def test_a_span_knows_its_tile():
    assert [Span(0, 256, 260).is_in_full_tile(size) for size in (511, 512)] == [False, True]
    assert [Span(1, 0, 4).is_in_full_tile(size) for size in (65_535, 65_536)] == [False, True]
    assert Span(1, 260, 262).tile() == 1
    assert Span(1, 260, 262).cut(b"".join(LEAVES[:256])) == LEAVES[4] + LEAVES[5]


def test_hashes_that_storage_does_not_have_are_refused():
    for stored in [{}, {Span(0, 0, 10): b"".join(LEAVES[:9])}]:
        with pytest.raises(InvalidProof, match="incomplete"):
            full_tiles(10, LEAVES[10:256], stored)
    with pytest.raises(InvalidProof, match="incomplete"):
        inclusion_proof(0, 2, subtree_reader({}))
    with pytest.raises(InvalidProof):
        full_tiles(0, [b"short"], {})
    with pytest.raises(InvalidProof):
        root_of(b"short")


@pytest.mark.parametrize(
    ("tile", "text"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((0, 273, 112), "tile/0/273.p/112"),
        ((1, 1_234_067, 256), "tile/1/x001/x234/067"),
        ((0, 1_000, 1), "tile/0/x001/000.p/1"),
        ((7, 0, 127), "tile/7/000.p/127"),
        ((0, 2**55 - 1, 255), "tile/0/x036/x028/x797/x018/x963/967.p/255"),
    ],
)
def test_the_path_of_a_tile(tile, text):
    assert tile_path(*tile) == text
    assert parse_tile_path(text) == tile


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile/0",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/entries/000",
        "tile/8/000",
        "tile/99/000",
        "tile/7/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ],
)
def test_any_other_path_of_a_tile_is_refused(text):
    with pytest.raises(InvalidProof):
        parse_tile_path(text)


@quick
@given(st.integers(0, 6), st.integers(0, 2**55), st.integers(1, 256))
def test_the_path_of_a_tile_is_read_back(level, index, width):
    index >>= 8 * level + 1
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@quick
@given(st.text(st.sampled_from("tile/x0123.p\n\ud800\u0660")))
def test_any_text_is_the_path_of_a_tile_or_refused(text):
    for candidate in (text, f"tile/0/{text}"):
        with suppress(InvalidProof):
            assert tile_path(*parse_tile_path(candidate)) == candidate


@pytest.mark.parametrize("tile", [(-1, 0, 256), (0, -1, 256), (0, 0, 0), (0, 0, 257), (0, 2**55, 1)])
def test_there_is_no_tile_outside_any_tree(tile):
    with pytest.raises(InvalidProof):
        tile_path(*tile)
