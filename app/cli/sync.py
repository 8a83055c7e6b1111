"""`watchfire sync`: pull from the peers without a server, or beside one that does not.

The rule here: one process pulls from a peer at a time; where another one does, that peer is left to it and said so.
"""

import asyncio
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.failures import Exit
from app.cli.operating import data_option, json_option, now, read_settings
from app.cli.output import plain, print_document, say

if TYPE_CHECKING:
    from app.federation.client import Client
    from app.services.node import Node
    from app.settings import Settings


@click.command()
@click.option("--once", "mode", flag_value="once", default="once", help="Pull until nothing is missing, then end.")
@click.option("--watch", "mode", flag_value="watch", help="Go on, as the server does.")
@click.option("--peer", "peer_name", metavar="NODE", help="Only from this peer: its id or name.")
@data_option
@json_option
def sync(mode: str, peer_name: str | None, data: Path, as_json: bool) -> int:
    """Pull from the peers what this node may read and does not have yet."""
    settings = read_settings(data)
    if mode == "watch":
        if peer_name is not None:
            raise click.UsageError("--watch pulls from all peers; leave --peer out.")
        asyncio.run(_watch(settings))
        return Exit.DONE
    rows = asyncio.run(_once(settings, peer_name, as_json))
    if as_json:
        print_document({"peers": rows})
    return Exit.NO_CONNECTION if any(row["error"] for row in rows) else Exit.DONE


async def _opened(settings: "Settings") -> "tuple[Node, Client]":
    from app import bootstrap  # noqa: PLC0415 - SQLAlchemy only when a database is opened
    from app.federation.client import Client  # noqa: PLC0415
    from app.web.outbound import Outbound  # noqa: PLC0415

    node = bootstrap.open_node(settings)
    await bootstrap.check_database(node, production=settings.production)
    return node, Client(node, Outbound(allow_private=settings.allow_private_peers), now)


async def _watch(settings: "Settings") -> None:
    from app.worker import pulling  # noqa: PLC0415 - as above

    node, client = await _opened(settings)
    say("Pulling from all peers; stop with Ctrl-C.")
    try:
        await pulling.pull_loop(node, client, now, random.random)
    finally:
        await client.close()
        await node.close()


async def _once(settings: "Settings", peer_name: str | None, quiet: bool) -> list[dict[str, Any]]:
    from app.cli.peers import find_peer  # noqa: PLC0415
    from app.domain.actor import operator  # noqa: PLC0415
    from app.services import peering  # noqa: PLC0415

    node, client = await _opened(settings)
    try:
        actor = operator(node.operator)
        wanted = (
            await peering.list_peers(node, actor) if peer_name is None else [await find_peer(node, actor, peer_name)]
        )
        return [await _pull(node, client, found.node_id, known.name, quiet) for found, known in wanted]
    finally:
        await client.close()
        await node.close()


async def _pull(node: "Node", client: "Client", peer_id: str, name: str, quiet: bool) -> dict[str, Any]:
    """Pull from one peer until nothing is missing; what goes wrong ends this peer only."""
    from app.domain.errors import Meaning  # noqa: PLC0415
    from app.worker import pulling  # noqa: PLC0415

    row: dict[str, Any] = {"peer": peer_id, "name": name, "entries": 0, "accepted": 0, "refused": 0, "error": None}
    try:
        async for pulled in pulling.pull_all(node, client, peer_id, now):
            for count in ("entries", "accepted", "refused"):
                row[count] += getattr(pulled, count)
            if not quiet:
                say(f"{plain(name)}: {row['entries']:,} entries, {row['accepted']:,} taken, {row['refused']:,} refused")
    except Meaning as error:
        row["error"] = error.detail
        say(f"{plain(name)}: {plain(error.detail)}")
    return row
