from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidRecord
from app.domain.timestamps import EARLIEST, LATEST, format_time, parse_time, read_time
from tests import strategies
from tests.strategies import quick

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@quick
@given(strategies.written_times)
def test_a_time_is_written_and_read_back(moment):
    text = format_time(moment)
    assert len(text) == 27
    assert parse_time(text) == read_time(text) == moment
    assert format_time(parse_time(text)) == text


@quick
@given(strategies.times, strategies.times)
def test_written_times_sort_as_times_do(one, other):
    assert (format_time(one) < format_time(other)) == (one < other)


@quick
@given(strategies.times, offsets)
def test_one_moment_has_one_spelling_wherever_it_was_written(moment, zone):
    local = moment.astimezone(zone)
    if local.year <= 2999:
        assert format_time(read_time(local.isoformat())) == format_time(moment)


@quick
@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    for read in (parse_time, read_time):
        with suppress(InvalidRecord):
            assert format_time(read(text))


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T00:00:00Z",
        "2026-05-01T00:00:00.000Z",
        "2026-05-01T00:00:00.0000000Z",
        "2026-05-01T00:00:00.000000z",
        "2026-05-01t00:00:00.000000Z",
        "2026-05-01 00:00:00.000000Z",
        "2026-05-01T00:00:00.000000+00:00",
        "2026-05-01T02:00:00.000000+02:00",
        "2026-05-01T00:00:00.000000",
        "2026-05-01T00:00:60.000000Z",
        "2016-12-31T23:59:60.000000Z",
        "2026-05-01T24:00:00.000000Z",
        "2026-02-29T00:00:00.000000Z",
        "2100-02-29T00:00:00.000000Z",
        "2026-13-01T00:00:00.000000Z",
        "0999-12-31T00:00:00.000000Z",
        "3000-01-01T00:00:00.000000Z",
        "9999-12-31T23:59:59.999999Z",
        "12026-05-01T00:00:00.000000Z",
        "2026-05-01T00:00:00.000000Z\n",
        " 2026-05-01T00:00:00.000000Z",
        "\u0662\u0660\u0662\u0666-05-01T00:00:00.000000Z",
        "2\u066026-05-01T00:00:00.000000Z",
        "2026-05-01",
        "",
        None,
        1_777_593_600,
        True,
        ["2026-05-01T00:00:00.000000Z"],
    ],
)
def test_a_record_takes_one_spelling_only(text):
    with pytest.raises(InvalidRecord, match=r"issued_at must be a UTC time"):
        parse_time(text, "issued_at")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-05-01", "2026-05-01T00:00:00.000000Z"),
        ("2024-02-29", "2024-02-29T00:00:00.000000Z"),
        ("2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000000Z"),
        ("2026-05-01t00:00:00z", "2026-05-01T00:00:00.000000Z"),
        ("2026-05-01 02:00:00+02:00", "2026-05-01T00:00:00.000000Z"),
        ("2026-05-01T00:00:00-05:30", "2026-05-01T05:30:00.000000Z"),
        ("2026-05-01T00:00:00-00:00", "2026-05-01T00:00:00.000000Z"),
        ("2026-05-01T00:00:00.1Z", "2026-05-01T00:00:00.100000Z"),
        ("2026-05-01T00:00:00.123456789Z", "2026-05-01T00:00:00.123456Z"),
        ("2026-05-01T00:00:00.999999999Z", "2026-05-01T00:00:00.999999Z"),
        ("1000-01-01T00:00:00Z", "1000-01-01T00:00:00.000000Z"),
        ("2999-12-31T23:59:59.999999Z", "2999-12-31T23:59:59.999999Z"),
        ("1000-01-01T05:00:00+05:00", "1000-01-01T00:00:00.000000Z"),
    ],
)
def test_people_may_write_a_time_as_rfc_3339_allows(text, canonical):
    assert format_time(read_time(text)) == canonical
    assert parse_time(canonical) == read_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29",
        "2026-5-1",
        "20260501",
        "2026-W18-5",
        "2026-05",
        "01.05.2026",
        "2026-05-01T00:00",
        "2026-05-01T00:00:00",
        "2026-05-01T00:00:00+2",
        "2026-05-01T00:00:00+24:00",
        "2026-05-01T00:00:61Z",
        "2026-05-01T00:00:00.1234567890Z",
        "1000-01-01T00:00:00+01:00",
        "2999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+14:00",
        "3000-01-01",
        "\u0662\u0660\u0662\u0666-\u0660\u0665-\u0660\u0661",
        "now",
        "",
        None,
        20260501,
    ],
)
def test_what_no_record_can_say_is_refused(text):
    with pytest.raises(InvalidRecord, match=r"The time must be an RFC 3339 time"):
        read_time(text)


def test_the_bounds_are_what_the_form_can_say():
    assert format_time(EARLIEST) == "1000-01-01T00:00:00.000000Z"
    assert format_time(LATEST) == "2999-12-31T23:59:59.999999Z"
    assert format_time(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"
