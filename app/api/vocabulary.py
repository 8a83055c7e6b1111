"""What can be said: chains, and the words of a report."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from app.api.operations import refusals
from app.api.shapes import Out
from app.domain import address as addresses
from app.domain import marking, vocabulary
from app.domain.actor import Scope
from app.web.bodies import json_answer
from app.web.deps import signed_in_router
from app.web.paging import DEFAULT_LIMIT, MAX_LIMIT, page, read_cursor

router = signed_in_router("vocabulary")


class ChainOut(Out):
    """A chain."""

    chain: str
    chain_slug: str
    name: str
    family: str
    symbol: str
    native: str | None
    testnet: bool


class ChainsOut(Out):
    """A page of chains."""

    chains: list[ChainOut]
    next: str | None


class AssetOut(Out):
    """An asset, by its CAIP-19 id."""

    asset: str
    symbol: str
    name: str
    chain: str


class AssetsOut(Out):
    """A page of assets."""

    assets: list[AssetOut]
    next: str | None


class VocabularyOut(Out):
    """Every closed list of words, and what follows from them."""

    categories: dict[str, list[str]]
    protective: list[str]
    methods: dict[str, int]
    half_life_days: dict[str, int]
    roles: list[str]
    relations: list[str]
    legal_bases: list[str]
    evidence_kinds: list[str]
    reliabilities: list[str]
    credibilities: list[int]
    organization_kinds: list[str]
    opinions: list[str]
    opinion_reasons: list[str]
    revocation_reasons: list[str]
    erasure_reasons: list[str]
    tlp: list[str]
    pap: list[str]
    scopes: list[str]


Search = Annotated[str | None, Query(max_length=64, description="Part of an id, slug, name or symbol.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query()]


@router.get("/chains", response_model=ChainsOut, responses=refusals(400))
async def list_chains(
    request: Request, q: Search = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """List the chains whose addresses are checked; any other is accepted by its CAIP-2 id, unchecked."""
    found = [
        {
            "chain": chain.caip2,
            "chain_slug": chain.slug,
            "name": chain.name,
            "family": chain.family,
            "symbol": chain.symbol,
            "native": chain.native or None,
            "testnet": chain.testnet,
        }
        for chain in addresses.chains()
    ]
    return _page(request, "chains", _matching(found, q), q, limit, cursor)


@router.get("/assets", response_model=AssetsOut, responses=refusals(400))
async def list_assets(
    request: Request, q: Search = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """List the assets that have a name here; a report may name any other by its CAIP-19 id."""
    found = [
        {"asset": chain.native, "symbol": chain.symbol, "name": chain.name, "chain": chain.caip2}
        for chain in addresses.chains()
        if chain.native
    ]
    return _page(request, "assets", _matching(found, q), q, limit, cursor)


def _matching(rows: list[dict[str, Any]], q: str | None) -> list[dict[str, Any]]:
    wanted = (q or "").lower()
    return [row for row in rows if any(isinstance(item, str) and wanted in item.lower() for item in row.values())]


def _page(
    request: Request, name: str, rows: list[dict[str, Any]], q: str | None, limit: int, cursor: str | None
) -> Response:
    purpose = (name, q)
    start = read_cursor(request, purpose, cursor) or 0
    last = start + limit if start + limit < len(rows) else None
    return page(request, rows[start : start + limit], purpose, last)


@router.get("/vocabulary", response_model=VocabularyOut, responses=refusals())
async def read_vocabulary() -> Response:
    """Give every closed list of words."""
    return json_answer(
        {
            "categories": vocabulary.CATEGORIES,
            "protective": sorted(vocabulary.PROTECTIVE),
            "methods": vocabulary.METHOD_CEILINGS,
            "half_life_days": vocabulary.HALF_LIFE_DAYS,
            "roles": vocabulary.ROLES,
            "relations": vocabulary.RELATIONS,
            "legal_bases": vocabulary.LEGAL_BASES,
            "evidence_kinds": vocabulary.EVIDENCE_KINDS,
            "reliabilities": vocabulary.RELIABILITIES,
            "credibilities": vocabulary.CREDIBILITIES,
            "organization_kinds": vocabulary.ORGANIZATION_KINDS,
            "opinions": vocabulary.OPINIONS,
            "opinion_reasons": vocabulary.OPINION_REASONS,
            "revocation_reasons": vocabulary.REVOCATION_REASONS,
            "erasure_reasons": vocabulary.ERASURE_REASONS,
            "tlp": list(marking.Tlp),
            "pap": list(marking.Pap),
            "scopes": list(Scope),
        }
    )
