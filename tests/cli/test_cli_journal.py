"""The journal: what it keeps survives a kill, and another import's journal is not taken for one's own."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.journal import Acknowledged, Journal
from app.domain.errors import Conflict

ROW = [3, "ref", "1abc", "bitcoin", "bad_checksum", "Copy it again."]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "list.csv.import.ndjson"


def write(path, name="n", count=3):
    with Journal(path, name) as journal:
        for number in range(1, count + 1):
            journal.acknowledge(Acknowledged(number, f"r{number}", 10, [ROW]))


def test_what_was_acknowledged_is_known_again(path):
    write(path)
    assert Journal(path, "n").done == {n: Acknowledged(n, f"r{n}", 10, [ROW]) for n in (1, 2, 3)}
    assert path.stat().st_mode & 0o077 == 0


@given(cut=st.integers(1, 400))
def test_a_torn_end_counts_as_never_written(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "j"
    write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(len(whole) - cut, 0)])
    kept = Journal(path, "n").done
    assert set(kept) == set(range(1, len(kept) + 1))
    with Journal(path, "n") as journal:
        journal.acknowledge(Acknowledged(9, None, 0, []))
    assert set(Journal(path, "n").done) == {*kept, 9}
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_the_journal_of_another_import_is_left_alone(path):
    write(path, "other")
    before = path.read_bytes()
    with pytest.raises(Conflict, match="--restart"):
        Journal(path, "n")
    assert path.read_bytes() == before
    with Journal(path, "n", restart=True) as journal:
        assert journal.done == {}
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("content", [b"precious\n", b"[]\n", b'{"a": 1}\n'])
def test_a_file_that_is_no_journal_is_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(Conflict, match="not the journal"):
        Journal(path, "n")
    assert path.read_bytes() == content


def test_another_import_that_had_not_begun_is_replaced(path):
    write(path, "other", 0)
    with Journal(path, "n"):
        pass
    assert json.loads(path.read_text())["import"] == "n"


def test_a_finished_journal_is_removed(path):
    with Journal(path, "n") as journal:
        journal.acknowledge(Acknowledged(1, "r", 1, []))
        journal.finish()
    assert not path.exists()


def test_the_marks_of_signed_records_outlive_the_import(path):
    with Journal(path, "n") as journal:
        journal.mark(1, {"id": "x"})
        journal.acknowledge(Acknowledged(1, "r", 1, []))
        journal.finish()
    again = Journal(path, "n")
    assert (again.marks, again.done) == ({1: {"id": "x"}}, {})
    assert Journal(path, "another").marks == {}


def test_without_a_path_nothing_is_kept():
    with Journal(None, "n") as journal:
        journal.acknowledge(Acknowledged(1, "r", 1, []))
        journal.finish()
