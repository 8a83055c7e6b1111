"""The OpenAPI document: what FastAPI knows, and the bodies that are read from raw bytes.

The rule here: the document in openapi/ is this one; a check fails when they differ.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api import addresses, groups, organizations, peers, reports, tokens
from app.api.shapes import ProblemOut

SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or an access token."},
    "basic": {"type": "http", "scheme": "basic", "description": "Key id and API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
BODIES: tuple[type[BaseModel], ...] = (
    ProblemOut,
    *reports.BODIES,
    *addresses.BODIES,
    *organizations.BODIES,
    *groups.BODIES,
    *peers.BODIES,
    *tokens.BODIES,
)


def document(app: FastAPI) -> dict[str, Any]:
    """Make the OpenAPI 3.1 document of the application."""
    made = get_openapi(
        title="Watchfire",
        version=app.version,
        summary="Exchange of cryptocurrency addresses linked to human trafficking.",
        description=app.description,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        routes=app.routes,
        tags=app.openapi_tags,
    )
    _, definitions = models_json_schema(
        [(model, "validation") for model in BODIES], ref_template="#/components/schemas/{model}"
    )
    components = made.setdefault("components", {})
    components["schemas"] = components.get("schemas", {}) | definitions.get("$defs", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["securitySchemes"] = SECURITY
    for path, operations in made["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/") and "security" not in operation:
                operation["security"] = [{name: []} for name in SECURITY]
    made["servers"] = [{"url": "/"}]
    return made
