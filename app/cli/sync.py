"""`watchfire sync`: pull from the peers without a server, or beside one that does not.

The rule here: one process pulls from a peer at a time; where another one does, that peer is left to it, which is said.
"""

import asyncio
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.failures import Exit
from app.cli.operating import data_option, json_option, now, read_settings
from app.cli.output import print_document, say

if TYPE_CHECKING:
    from app.federation.client import Client
    from app.services.node import Node
    from app.services.peering import Peer
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
    from app import asgi  # noqa: PLC0415 - as above
    from app.worker import pulling  # noqa: PLC0415

    asgi.configure_logs(settings.log_level)
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
    from app.worker import pulling  # noqa: PLC0415

    node, client = await _opened(settings)
    try:
        actor = operator(node.operator)
        wanted = (
            await peering.list_peers(node, actor) if peer_name is None else [await find_peer(node, actor, peer_name)]
        )
        if not wanted:
            say("There is no peer yet; add one with `watchfire peer add URL`.")
        puller = node.random(8).hex()
        async with pulling.keeping_turns(node, puller, now):
            return [await _sync(node, client, puller, found, known.name, quiet) for found, known in wanted]
    finally:
        await client.close()
        await node.close()


async def _sync(node: "Node", client: "Client", puller: str, peer: "Peer", name: str, quiet: bool) -> dict[str, Any]:
    """Pull from one peer, if it is active and no other process does; what goes wrong ends this peer only."""
    from app.domain.errors import Meaning  # noqa: PLC0415
    from app.services import peering, turns  # noqa: PLC0415

    counts = dict.fromkeys(("entries", "accepted", "refused"), 0)
    row: dict[str, Any] = {"peer": peer.node_id, "name": name, "left": None, **counts, "error": None}
    if peer.accepted_here and not peer.accepted_there:
        peer = await peering.tell(node, client, peer.node_id, now())
    if not await _claim(node, puller, peer.node_id, name):
        row["left"] = "Another process of this node pulls from it."
    else:
        try:
            await _pull(node, client, row, quiet)
            await turns.succeed(node, peer)
        except Meaning as error:
            row["error"] = error.detail
        finally:
            await turns.give(node, peer.node_id, puller)
        if peer.state != "active" and not row["entries"]:
            row["left"] = f"The peering is {peer.state}, not active: see `watchfire peer show {peer.node_id}`."
    say(f"{name}: {row['error'] or row['left'] or _counted(row)}")
    return row


async def _claim(node: "Node", puller: str, peer_id: str, name: str) -> bool:
    """Become the process that pulls from a peer; one that has died meanwhile is waited for, one at work is not."""
    from app.services import turns  # noqa: PLC0415

    for tried in range(int(turns.LEASE.total_seconds() / turns.BUSY) + 1):
        if await turns.claim(node, peer_id, puller, now()):
            return True
        if not tried:
            say(f"{name}: another process pulls from it, or has died; waiting to know which.")
        await asyncio.sleep(turns.BUSY)
    return False


async def _pull(node: "Node", client: "Client", row: dict[str, Any], quiet: bool) -> None:
    from app.worker import pulling  # noqa: PLC0415

    async for pulled in pulling.pull_all(node, client, row["peer"], now):
        for count in ("entries", "accepted", "refused"):
            row[count] += getattr(pulled, count)
        if pulled.more and not quiet:
            say(f"{row['name']}: {_counted(row)} so far")


def _counted(row: dict[str, Any]) -> str:
    if not row["entries"]:
        return "nothing new"
    taken = f"{row['entries']:,} new entries, {row['accepted']:,} taken"
    return f"{taken}, {row['refused']:,} refused" if row["refused"] else taken
