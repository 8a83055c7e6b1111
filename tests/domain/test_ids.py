from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidRecord
from app.domain.ids import derived_id, parse_id, uuid7
from tests import make, strategies
from tests.strategies import quick

noises = st.binary(min_size=10, max_size=10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_the_published_example():
    """RFC 9562, appendix A.6."""
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    assert uuid7(moment, bytes.fromhex("0cc318c4dc0c0c07398f")) == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@quick
@given(strategies.times, noises)
def test_version_variant_and_time(now, noise):
    made = uuid7(now, noise)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == (now - EPOCH) // timedelta(milliseconds=1)
    assert parse_id(str(made)) == made


@quick
@given(strategies.times, strategies.times, noises, noises)
def test_ids_sort_by_their_millisecond(one, other, noise, other_noise):
    if one + timedelta(milliseconds=1) <= other:
        assert uuid7(one, noise) < uuid7(other, other_noise)
        assert str(uuid7(one, noise)) < str(uuid7(other, other_noise))


@quick
@given(strategies.times, noises, noises)
def test_the_random_bits_tell_ids_of_one_moment_apart(now, noise, other):
    kept = int.from_bytes(noise, "big") & ~(0xF << 76 | 0x3 << 62)
    also = int.from_bytes(other, "big") & ~(0xF << 76 | 0x3 << 62)
    assert (uuid7(now, noise) == uuid7(now, other)) == (kept == also)
    assert uuid7(now, noise + b"more") == uuid7(now, noise)


def test_every_millisecond_is_its_own():
    """A float of seconds loses the last millisecond of some times."""
    start = datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC)
    moments = [start + timedelta(milliseconds=step, days=37 * step) for step in range(1_000)]
    assert all(uuid7(at, bytes(10)).int >> 80 == (at - EPOCH) // timedelta(milliseconds=1) for at in moments)


@pytest.mark.parametrize(
    "text",
    [
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
        " 017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "\u066017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "00000000-0000-0000-0000-000000000000",
        "f1634e18-76c8-4844-8439-b1b426ed00dc",
        "",
        None,
        7,
        UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
    ],
)
def test_an_id_has_one_spelling(text):
    with pytest.raises(InvalidRecord, match="The id must be a UUIDv7"):
        parse_id(text)
    with pytest.raises(InvalidRecord, match="/issuer must be a UUIDv7"):
        parse_id(text, "/issuer")


def test_a_derived_id_tells_origins_apart_and_no_record_can_state_one():
    taken = make.ident()
    made = derived_id(make.NODE, taken)
    assert (made.version, made.variant) == (8, RFC_4122)
    assert made == derived_id(make.NODE, taken)
    digest = sha256(make.NODE.encode() + b"\0" + taken.bytes).digest()
    assert (made.bytes[:6], made.bytes[9:]) == (digest[:6], digest[9:16])
    assert len({made, derived_id(make.node_id("other"), taken), derived_id(make.NODE, make.ident(1)), taken}) == 4
    with pytest.raises(InvalidRecord):
        parse_id(str(made))
