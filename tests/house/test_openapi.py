"""The OpenAPI document: the published file is the generated one, and every operation is documented whole."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest

from app.api import openapi
from app.asgi import ROUTERS, build
from app.web.problems import MEDIA_TYPE

PUBLISHED = Path(__file__).parents[2] / "openapi" / "watchfire.v1.json"
DOCUMENT = build(None).openapi()
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
SCHEMAS = DOCUMENT["components"]["schemas"]
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def refs(value):
    """List every reference in a part of the document."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            yield from refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from refs(item)


def test_the_published_document_is_the_generated_one():
    assert PUBLISHED.is_file(), "run `watchfire openapi`"
    expected = json.dumps(DOCUMENT, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert PUBLISHED.read_text() == expected, "run `watchfire openapi`, and mind that a published version is frozen"


def test_the_document_is_generated_the_same_each_time():
    assert build(None).openapi() == DOCUMENT


def test_every_route_is_in_the_document_once():
    routes = [route.name for router in ROUTERS for route in router.routes if route.include_in_schema]
    assert sorted(routes) == sorted(OPERATIONS), "operation ids are the routes' names, each once"
    assert len(routes) == len(set(routes))


def test_every_reference_leads_somewhere_and_nothing_is_left_over():
    named = {name.removeprefix("#/components/schemas/") for name in refs(DOCUMENT)}
    assert named <= SCHEMAS.keys()
    assert SCHEMAS.keys() - named - {"ProblemOut"} == set()


@every_operation
def test_an_operation_is_documented_whole(name):
    method, path, operation = OPERATIONS[name]
    assert operation["description"].strip()
    assert operation["tags"]
    parameters = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"}
    assert parameters == set(re.findall(r"{(\w+)}", path))
    good = [status for status in operation["responses"] if status.startswith("2")]
    assert good
    for status, answer in operation["responses"].items():
        assert answer["description"]
        if status >= "400":
            assert answer["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    if path.startswith("/v1/"):
        expected = [] if name in {"exchange_token", "describe_node"} else [{scheme: []} for scheme in openapi.SECURITY]
        assert operation["security"] == expected
    if method == "post" and "requestBody" in operation:
        assert {"413", "415", "422"} <= operation["responses"].keys()
        assert operation["requestBody"]["required"] is True


@every_operation
def test_an_example_meets_its_schema(name):
    _, _, operation = OPERATIONS[name]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "example" in content:
            schema = {**content["schema"], "components": DOCUMENT["components"]}
            jsonschema_rs.validator_for(schema, validate_formats=True).validate(content["example"])


def test_each_schema_is_a_schema():
    for name, schema in SCHEMAS.items():
        jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
        if name.endswith("In"):
            assert schema["additionalProperties"] is False, f"{name}: a misspelt field must not be lost"
        if name.endswith("Out") and "properties" in schema:
            optional = schema["properties"].keys() - set(schema.get("required", ()))
            assert optional <= {"errors", "ref", "suggestion", "refused", "because", "indicators", "envelope"}, name
