"""Organizations, their keys and credentials.

The rule here: a secret is in one answer, that of its making, and in no other.
"""

import base64
import binascii
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query, Request, Response
from pydantic import Field

from app.api import examples
from app.api.documents import moment
from app.api.operations import refusals, takes
from app.api.shapes import In, Moment, Out
from app.domain import vocabulary
from app.domain.actor import Scope
from app.domain.errors import Invalid
from app.domain.timestamps import read_time
from app.services import membership
from app.services.membership import Credential, Organization, SigningKey
from app.web.bodies import json_answer, parse_model, read_mapping
from app.web.deps import actor_of, hall_of, repeat_of, signed_in_router
from app.web.paging import DEFAULT_LIMIT, MAX_LIMIT, page, read_cursor

router = signed_in_router("organizations")
CredentialId = Annotated[str, Path(pattern=r"^[0-9a-z]{16}$")]


class OrganizationIn(In):
    """A new partner; with a public key of its own it signs itself, without one the node signs for it."""

    name: str = Field(min_length=1, max_length=200)
    kind: Literal[vocabulary.ORGANIZATION_KINDS]  # type: ignore[valid-type]
    trusted: bool = Field(default=False, description="Its reports need no review.")
    listed: bool = Field(default=False, description="Other nodes find it, for their groups and audiences.")
    public_key: str | None = Field(None, description="Base64 of an Ed25519 public key.")


class KeyIn(In):
    """A signing key: your public key, or null to have the node make and keep one."""

    public_key: str | None = Field(None, description="Base64 of an Ed25519 public key.")


class CredentialIn(In):
    """A new API key."""

    name: str = Field(min_length=1, max_length=200)
    scopes: list[Scope] = Field(min_length=1)
    networks: list[str] = Field(default=[], description="CIDR networks from which it may be used; none means any.")
    expires_at: str | None = None


class OrganizationOut(Out):
    """A partner."""

    id: UUID
    name: str
    kind: str
    home: str
    trusted: bool
    listed: bool = Field(description="Whether other nodes find it.")
    version: int
    created_at: Moment
    self: bool = Field(description="Whether it is your own organization.")


class KeyOut(Out):
    """A signing key; what it signed before it was revoked stays valid."""

    keyid: str
    public_key: str
    custody: Literal["organization", "node"]
    enrolled_at: Moment
    revoked_at: Moment | None


class OrganizationDetailOut(OrganizationOut):
    """A partner with its signing keys."""

    keys: list[KeyOut]


class CredentialOut(Out):
    """An API key, without its secret."""

    id: str
    name: str
    scopes: list[str]
    networks: list[str]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Moment | None


class NewCredentialOut(CredentialOut):
    """A new API key; this is the only answer that holds its text."""

    api_key: str


class OrganizationsOut(Out):
    """A page of partners."""

    organizations: list[OrganizationOut]
    next: str | None


class KeysOut(Out):
    """All signing keys of a partner."""

    keys: list[KeyOut]


class CredentialsOut(Out):
    """All API keys of an organization."""

    credentials: list[CredentialOut]


def _organization(request: Request, found: Organization) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "name": found.name,
        "kind": found.kind,
        "home": found.home,
        "trusted": found.trusted,
        "listed": found.listed,
        "version": found.version,
        "created_at": moment(found.created_at),
        "self": found.id == actor_of(request).organization,
    }


def _key(key: SigningKey) -> dict[str, Any]:
    return {
        "keyid": key.keyid,
        "public_key": base64.b64encode(key.public_key).decode(),
        "custody": key.custody,
        "enrolled_at": moment(key.enrolled_at),
        "revoked_at": moment(key.revoked_at),
    }


def _credential(found: Credential) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "scopes": found.scopes,
        "networks": found.networks,
        "created_at": moment(found.created_at),
        "expires_at": moment(found.expires_at),
        "revoked_at": moment(found.revoked_at),
        "last_used_at": moment(found.last_used_at),
    }


def _public_key(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("public_key must be the base64 of 32 bytes.") from error


@router.get("/organizations", response_model=OrganizationsOut, responses=refusals(400))
async def list_organizations(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """List the partners known here."""
    hall = hall_of(request)
    after = read_cursor(request, ("organizations",), cursor)
    found = await membership.list_organizations(
        hall.node, actor_of(request), None if after is None else UUID(after), limit + 1
    )
    rows = [_organization(request, item) for item in found[:limit]]
    last = str(found[limit - 1].id) if len(found) > limit else None
    return page(request, rows, ("organizations",), last)


@router.post(
    "/organizations",
    status_code=201,
    response_model=OrganizationOut,
    responses=refusals(409, 413, 415),
    openapi_extra=takes(OrganizationIn, examples.ORGANIZATION),
)
async def add_organization(request: Request) -> Response:
    """Add a partner at home here (the node's operator)."""
    hall = hall_of(request)
    raw, document = await read_mapping(request)
    said = parse_model(OrganizationIn, document)
    made = await membership.add_organization(
        hall.node,
        actor_of(request),
        said.name,
        said.kind,
        hall.clock(),
        trusted=said.trusted,
        listed=said.listed,
        public_key=_public_key(said.public_key),
        repeat=repeat_of(request, raw),
    )
    return json_answer(_organization(request, made), 201, f"/v1/organizations/{made.id}")


@router.get("/organizations/self", response_model=OrganizationDetailOut, responses=refusals(404))
async def read_own_organization(request: Request) -> Response:
    """Read your own organization."""
    return await _read(request, actor_of(request).organization)


@router.get("/organizations/{organization_id}", response_model=OrganizationDetailOut, responses=refusals(404))
async def read_organization(request: Request, organization_id: UUID) -> Response:
    """Read a partner with its signing keys."""
    return await _read(request, organization_id)


async def _read(request: Request, organization_id: UUID) -> Response:
    hall = hall_of(request)
    found, keys = await membership.get_organization(hall.node, actor_of(request), organization_id)
    return json_answer({**_organization(request, found), "keys": [_key(key) for key in keys]})


@router.post("/organizations/{organization_id}/trust", response_model=OrganizationDetailOut, responses=refusals(404))
async def trust_organization(request: Request, organization_id: UUID) -> Response:
    """End the review of a partner (the node's operator): its waiting reports go to their audiences."""
    hall = hall_of(request)
    await membership.trust_organization(hall.node, actor_of(request), organization_id, hall.clock())
    return await _read(request, organization_id)


@router.get("/organizations/{organization_id}/keys", response_model=KeysOut, responses=refusals(404))
async def list_keys(request: Request, organization_id: UUID) -> Response:
    """List the signing keys of a partner, revoked ones too."""
    _, keys = await membership.get_organization(hall_of(request).node, actor_of(request), organization_id)
    return json_answer({"keys": [_key(key) for key in keys]})


@router.post(
    "/organizations/{organization_id}/keys",
    status_code=201,
    response_model=KeyOut,
    responses=refusals(404, 409, 413, 415),
    openapi_extra=takes(KeyIn, examples.KEY),
)
async def enrol_key(request: Request, organization_id: UUID) -> Response:
    """Enrol a signing key of your organization."""
    hall = hall_of(request)
    _, document = await read_mapping(request)
    said = parse_model(KeyIn, document)
    key = await membership.enrol_key(
        hall.node, actor_of(request), organization_id, _public_key(said.public_key), hall.clock()
    )
    return json_answer(_key(key), 201)


@router.delete("/organizations/{organization_id}/keys/{keyid}", status_code=204, responses=refusals(404))
async def revoke_key(request: Request, organization_id: UUID, keyid: str) -> Response:
    """Revoke a signing key: what it signed before stays valid, nothing after."""
    hall = hall_of(request)
    await membership.revoke_key(hall.node, actor_of(request), organization_id, keyid, hall.clock())
    hall.authenticator.forget()
    return Response(status_code=204)


@router.get("/organizations/{organization_id}/credentials", response_model=CredentialsOut, responses=refusals(404))
async def list_credentials(request: Request, organization_id: UUID) -> Response:
    """List the API keys of your organization, without their secrets."""
    found = await membership.list_credentials(hall_of(request).node, actor_of(request), organization_id)
    return json_answer({"credentials": [_credential(item) for item in found]})


@router.post(
    "/organizations/{organization_id}/credentials",
    status_code=201,
    response_model=NewCredentialOut,
    responses=refusals(404, 409, 413, 415),
    openapi_extra=takes(CredentialIn, examples.CREDENTIAL),
)
async def add_credential(request: Request, organization_id: UUID) -> Response:
    """Make an API key for your organization; its text is in this answer only."""
    hall = hall_of(request)
    _, document = await read_mapping(request)
    said = parse_model(CredentialIn, document)
    made = await membership.add_credential(
        hall.node,
        actor_of(request),
        organization_id,
        said.name,
        said.scopes,
        hall.clock(),
        networks=said.networks,
        expires_at=None if said.expires_at is None else read_time(said.expires_at, "/expires_at"),
    )
    return json_answer({**_credential(made.credential), "api_key": made.text}, 201)


@router.delete("/organizations/{organization_id}/credentials/{credential_id}", status_code=204, responses=refusals(404))
async def revoke_credential(request: Request, organization_id: UUID, credential_id: CredentialId) -> Response:
    """Revoke an API key, and every token that was exchanged for it."""
    hall = hall_of(request)
    await membership.revoke_credential(hall.node, actor_of(request), organization_id, credential_id, hall.clock())
    hall.authenticator.forget()
    return Response(status_code=204)


BODIES = (OrganizationIn, KeyIn, CredentialIn)
