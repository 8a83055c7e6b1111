"""The size, the names and the sentences that this house asks of every file in app/."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "app").rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50  # its signature and docstring included
NOT_A_NAME = {"utils", "common", "helpers", "core", "base", "manager", "info", "misc"}

# Longer for a reason: "path" or "path:function" -> the reason. An entry that is no longer needed fails.
EXCEPTIONS: dict[str, str] = {}

every_file = pytest.mark.parametrize("path", FILES, ids=NAMES)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def name_of(path):
    return str(path.relative_to(ROOT))


def lines_of(node):
    return node.end_lineno - node.lineno + 1


def functions_of(path):
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def long_things(path):
    if len(path.read_text().splitlines()) > MAX_FILE_LINES:
        yield name_of(path)
    for function in functions_of(path):
        if lines_of(function) > MAX_FUNCTION_LINES:
            yield f"{name_of(path)}:{function.name}"


def speechless(body, prefix=""):
    """Name each public definition without a docstring; what a public class holds is public too."""
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_") or is_overload(node):
            continue
        if ast.get_docstring(node) is None:
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from speechless(node.body, f"{prefix}{node.name}.")


def is_overload(node):
    """An overload is a signature, and an override says what its parent says."""
    return any(ast.unparse(decorator).endswith(("overload", "override")) for decorator in node.decorator_list)


@every_file
def test_files_and_functions_are_short(path):
    assert [name for name in long_things(path) if name not in EXCEPTIONS] == []


def test_every_exception_is_still_needed():
    assert set(EXCEPTIONS) <= {name for path in FILES for name in long_things(path)}


@every_file
def test_a_module_is_named_for_what_it_holds(path):
    words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in (part, *part.split("_"))}
    assert words & NOT_A_NAME == set()


@every_file
def test_modules_and_public_definitions_say_what_they_are(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module has no docstring"
    assert list(speechless(tree.body)) == []
