"""Every answer is held to the OpenAPI document: its status, its media type, and each field, none more and none less.

The rule here: what is not documented may not be sent. A test that talks to the site needs no assertion for that.
"""

import copy
import re
from functools import cache, lru_cache

import jsonschema_rs

from app.asgi import build
from app.web.metrics import MeasureRequests
from app.web.problems import MEDIA_TYPE, OF_FRAMEWORK, TYPE

PLAIN = re.compile(r"[\w/.:-]+", re.ASCII)  # a path that every parser writes alike
SECURITY = {name.decode(): value.decode() for name, value in MeasureRequests._HEADERS}


@cache
def document():
    """Give the OpenAPI document, in which no object may have a field that is not named."""
    strict = copy.deepcopy(build(None).openapi())
    for schema in strict["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return strict


@cache
def operations():
    """List the operations in the order in which they are matched: method, pattern, template, operation."""
    found = []
    for path, methods in document()["paths"].items():
        whole = re.escape(path)
        whole = whole.replace("tile/\\{path\\}", "tile/(.*)").replace("addresses/\\{address\\}", "addresses/(.+)")
        pattern = re.sub(r"\\{(\w+)\\}", "([^/]+)", whole)
        found += [(method.upper(), re.compile(f"{pattern}$"), path, operation) for method, operation in methods.items()]
    return sorted(found, key=lambda item: item[2].count("{"))


def operation_of(method, path):
    """Find the operation of a request; None where the document has none."""
    for own, pattern, _, operation in operations():
        if own == method and pattern.match(path):  # as the framework matches
            return operation
    return None


@lru_cache(maxsize=1_000)
def validator(schema_of):
    method_path_status_type = schema_of
    method, path, status, media_type = method_path_status_type
    operation = document()["paths"][path][method]
    schema = operation["responses"][status]["content"][media_type].get("schema", {})
    return jsonschema_rs.validator_for({**schema, "components": document()["components"]}, validate_formats=True)


@cache
def problem_validator():
    schema = {"$ref": "#/components/schemas/ProblemOut", "components": document()["components"]}
    return jsonschema_rs.validator_for(schema)


def check(method, path, status, headers, body, read_json):
    """Check one answer against the document."""
    for name, value in SECURITY.items():
        assert headers.get(name) == value, f"{method} {path} {status} lacks {name}"
    media_type = headers.get("content-type", "").partition(";")[0]
    if status >= 400 and method != "HEAD":
        assert media_type == MEDIA_TYPE, f"{method} {path} {status} is {media_type}: {body[:200]}"
        said = read_json()
        problem_validator().validate(said)
        assert said["status"] == status
        assert said["type"] == TYPE + said["code"]
        assert said["instance"] == path or not PLAIN.fullmatch(path)
    if status == 401:
        assert headers["www-authenticate"].startswith("Bearer ")
    if status in {429, 503}:
        assert int(headers["retry-after"]) >= 1
    for own, pattern, template, operation in operations():
        if own == method and pattern.match(path):  # as the framework matches
            _check_operation(operation, (method.lower(), template, str(status), media_type), body, read_json)
            return
    if path == "/.well-known/watchfire.json" or path.startswith("/federation/"):
        return  # for other nodes: the protocol is ARCHITECTURE.md's
    assert status in OF_FRAMEWORK or status in {401, 405}, f"{method} {path} is not documented and gave {status}"


def _check_operation(operation, what, body, read_json):
    method, template, status, media_type = what
    assert status in operation["responses"] or status == "500", f"{method} {template} gave {status}, not documented"
    if status == "500":
        return
    content = operation["responses"][status].get("content")
    if content is None:
        assert body == b"", f"{method} {template} {status} has a body, not documented"
        return
    assert media_type in content, f"{method} {template} {status} is {media_type}, not documented"
    if media_type.endswith("json") and "ndjson" not in media_type:
        errors = [f"{error.instance_path}: {error.message}" for error in validator(what).iter_errors(read_json())]
        assert errors == [], f"{method} {template} {status}"
