"""STIX files on the command line: found by their content, and read like any other file of addresses."""

import json

from app.formats import stix
from tests import make
from tests.formats.test_stix import flag, identified, published


def bundle(path, *objects):
    path.write_text(json.dumps(stix.bundle(list(objects), "test")))
    return path


def test_a_bundle_of_our_own_is_read_with_all_that_it_says(command, tmp_path):
    made = published(make.record("report", make.report(3)))
    file = bundle(tmp_path / "ours.json", *stix.whole(made))
    done = command("import", file, "--dry-run", "--audience", "public", "--json")
    assert (done.exit_code, done.err) == (0, done.err)
    result = json.loads(done.out)
    assert (result["read"], result["accepted"], result["refused"]) == (3, 3, 0)
    assert result["skipped"] == {
        "identity": 1,
        "marking-definition": 1,
        "relationship": 3,
        "report": 1,
        "wallet of an indicator": 3,
    }


def test_a_bundle_of_others_needs_a_category_from_it_or_from_the_caller(command, tmp_path):
    said, unsaid = flag(), flag(labels=[]) | {"id": identified("indicator", 2)["id"]}
    file = bundle(tmp_path / "theirs.json", said, unsaid)
    options = ("--dry-run", "--audience", "public", "--tlp", "CLEAR", "--json")
    done = command("import", file, *options)
    assert json.loads(done.out)["refused"] == 1
    assert "add a label" in (tmp_path / "theirs.json.errors.csv").read_text()
    done = command("import", file, *options, "--category", "sex_trafficking")
    assert json.loads(done.out)["refused"] == 0
