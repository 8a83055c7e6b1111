"""Generated requests with a valid credential, against the served node: no fault, nothing that is not documented."""

import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.asgi import build
from tests.conftest import EXAMPLES

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ASKS_ANOTHER_NODE = {"add_peer"}  # there is none: that is answered as 502 or 503, as documented


def checks(case):
    away = case.operation.definition.raw["operationId"] in ASKS_ANOTHER_NODE
    return [check for check in CHECKS if not (away and check is not_a_server_error)]


@schemathesis.serializer("application/x-ndjson")
def write_lines(_context, value):
    """Write a generated text as it is."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else repr(value).encode()


document = build(None).openapi()
every_corner = schemathesis.openapi.from_dict(document)
at_random = schemathesis.openapi.from_dict(
    document, config=schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}})
)


@every_corner.parametrize()
@settings(max_examples=4 * EXAMPLES, deadline=None)
def test_a_strong_token_is_answered_as_documented(case, served):
    headers = {"authorization": f"Bearer {served.strong}"}
    case.call_and_validate(base_url=served.url, headers=headers, checks=checks(case))


@at_random.parametrize()
@settings(max_examples=3 * EXAMPLES, deadline=None)
def test_an_api_key_is_answered_as_documented(case, served):
    headers = {"authorization": f"Bearer {served.key}"}
    case.call_and_validate(base_url=served.url, headers=headers, checks=checks(case))
