"""What can be said: chains, assets, and the words of a report."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Query, Request, Response
from pydantic import Field

from app.api.operations import refusals
from app.api.shapes import Out
from app.domain import address as addresses
from app.domain import marking, vocabulary
from app.domain.actor import Scope
from app.domain.address import Asset, Chain
from app.domain.indicator import MAX_CHAIN
from app.services import look_up
from app.web.bodies import json_answer
from app.web.deps import signed_in_router
from app.web.paging import DEFAULT_LIMIT, MAX_LIMIT, page, read_cursor

router = signed_in_router("vocabulary")


class ChainOut(Out):
    """A chain; `sample` is an address of it that nobody made."""

    chain: str
    chain_slug: str
    name: str
    family: str
    symbol: str
    native: str | None
    aliases: list[str]
    sample: str
    checksum: Literal["verified", "absent"] = Field(description="Whether a typing error in `sample` would be found.")
    testnet: bool


class ChainsOut(Out):
    """A page of chains; `total` is how many fit the search."""

    chains: list[ChainOut]
    total: int
    next: str | None


class AssetOut(Out):
    """An asset, by its CAIP-19 id, and the chain whose addresses hold it."""

    asset: str
    symbol: str
    name: str
    chain: str
    chain_slug: str


class AssetsOut(Out):
    """A page of assets; `total` is how many fit the search."""

    assets: list[AssetOut]
    total: int
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


Search = Annotated[str, Query(max_length=MAX_CHAIN, description="Part of an id, slug, name, alias or symbol.")]
OnChain = Annotated[str | None, Query(max_length=MAX_CHAIN, description="Only the assets of this chain.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query()]


@router.get("/chains", response_model=ChainsOut, responses=refusals(400))
async def list_chains(
    request: Request, q: Search = "", limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """List the chains whose addresses are checked; any other is accepted by its CAIP-2 id, unchecked."""
    return _page(request, "chains", addresses.search_chains(q), _chain_document, (q,), limit, cursor)


@router.get("/assets", response_model=AssetsOut, responses=refusals(400))
async def list_assets(
    request: Request, q: Search = "", chain: OnChain = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """List the assets that have a name here; a report may name any other by its CAIP-19 id."""
    asked = look_up.find_chain(chain)
    found = [asset for asset in addresses.search_assets(q) if asked is None or asset.chain == asked.caip2]
    return _page(request, "assets", found, _asset_document, (q, chain), limit, cursor)


def _chain_document(chain: Chain) -> dict[str, Any]:
    return {
        "chain": chain.caip2,
        "chain_slug": chain.slug,
        "name": chain.name,
        "family": chain.family,
        "symbol": chain.symbol,
        "native": chain.native or None,
        "aliases": chain.aliases,
        "sample": chain.sample,
        "checksum": addresses.parse(chain, chain.sample).checksum,
        "testnet": chain.testnet,
    }


def _asset_document(asset: Asset) -> dict[str, Any]:
    chain = addresses.find_chain(asset.chain)
    slug = None if chain is None else chain.slug
    return {
        "asset": asset.caip19,
        "symbol": asset.symbol,
        "name": asset.name,
        "chain": asset.chain,
        "chain_slug": slug,
    }


_Row = TypeVar("_Row", Chain, Asset)


def _page(
    request: Request,
    name: str,
    rows: Sequence[_Row],
    document: Callable[[_Row], dict[str, Any]],
    filters: tuple[str | None, ...],
    limit: int,
    cursor: str | None,
) -> Response:
    purpose = (name, *filters)
    start = read_cursor(request, purpose, cursor) or 0
    last = start + limit if start + limit < len(rows) else None
    return page(request, [document(row) for row in rows[start : start + limit]], purpose, last, total=len(rows))


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
