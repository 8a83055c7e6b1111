"""Every meaning has a status, a code of its own, a title and a line in the README."""

import importlib
import pkgutil
import re
from pathlib import Path

import app
from app.domain import errors
from app.domain.address.refusals import SENTENCES
from app.domain.errors import Meaning
from app.web import problems

README = Path(__file__).parents[2] / "README.md"


def meanings():
    """List every meaning of the house, wherever it is defined."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, waiting = [], [Meaning]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("app.")]


def documented(section):
    """Read the first column of a marked table of the README."""
    text = README.read_text().partition(f"<!-- {section} -->")[2].partition(f"<!-- /{section} -->")[0]
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


MEANINGS = meanings()


def test_each_meaning_has_a_status():
    for kind in MEANINGS:
        assert 400 <= problems.status_of(kind) < 600, kind
    assert problems.STATUS.keys() <= set(MEANINGS)
    assert problems.STATUS[Meaning] == 400, "what has no line of its own still gets an answer"


def test_a_code_means_one_thing():
    """A subclass that adds no code of its own is the same meaning, told in another place."""
    owners = {}
    for kind in MEANINGS:
        owner = next(parent for parent in kind.__mro__ if "code" in vars(parent))
        owners.setdefault(owner.code, set()).add(owner)
    assert {code: found for code, found in owners.items() if len(found) > 1} == {}
    assert all(re.fullmatch(r"[a-z][a-z_]+", code) for code in owners)


def test_each_class_of_the_domain_has_its_own_code():
    own = [kind for kind in MEANINGS if kind.__module__ == errors.__name__]
    assert len({kind.code for kind in own}) == len(own)


def test_each_reason_of_an_address_is_in_the_readme():
    assert documented("reasons") == list(SENTENCES)


def test_each_title_is_a_sentence_that_a_reader_understands():
    for kind in MEANINGS:
        assert re.fullmatch(r"[A-Z][^.\n]{5,100}", kind.title()), kind
        assert "``" not in kind.title()


def test_the_framework_speaks_with_the_same_codes():
    codes = {kind.code: problems.status_of(kind) for kind in MEANINGS}
    for status, code in problems.OF_FRAMEWORK.items():
        assert codes.get(code, status) == status


def test_each_code_is_in_the_readme():
    known = {kind.code for kind in MEANINGS} | set(problems.OF_FRAMEWORK.values()) | {"internal", "refused"}
    listed = documented("codes")
    assert len(listed) == len(set(listed))
    assert set(listed) == known
