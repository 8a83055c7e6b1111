"""`watchfire peer`: which nodes this one exchanges logs with, what passes between them, and why.

The rule here: a peer is added only after a person has compared its fingerprint; nothing that a peer says is printed
without `plain`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from app.cli.failures import Exit
from app.cli.operating import data_option, json_option, now, read_settings, run_deed, show, time_text
from app.cli.output import choose_form, form_options, plain, print_document, print_rows, say

if TYPE_CHECKING:
    from app.domain.actor import Actor
    from app.federation.client import Client
    from app.services.node import Node
    from app.services.peering import KnownNode, Peer

_NODE = click.argument("node_name", metavar="NODE")
_COLUMNS = ("name", "state", "heard", "logs", "behind", "refused", "error", "id")
Asking = Callable[["Node", "Actor", "Client", datetime], Awaitable[Any]]


@click.group()
def peer() -> None:
    """Add, list, suspend and end peers; see what passes between you, and why."""


def _ask(data: Path, deed: Asking) -> Any:
    """Do a deed that may ask other nodes."""
    settings = read_settings(data)

    async def run(node: "Node", actor: "Actor", moment: datetime) -> Any:
        from app.federation.client import Client  # noqa: PLC0415 - HTTP only when it is asked
        from app.web.outbound import Outbound  # noqa: PLC0415

        client = Client(node, Outbound(allow_private=settings.allow_private_peers), now)
        try:
            return await deed(node, actor, client, moment)
        finally:
            await client.close()

    return run_deed(data, run)


async def find_peer(node: "Node", actor: "Actor", name: str) -> "tuple[Peer, KnownNode]":
    """Find a peer by its id, or by its name where only one has it. Raises NotFound, click.UsageError."""
    from app.domain.errors import NotFound  # noqa: PLC0415
    from app.services import peering  # noqa: PLC0415 - SQLAlchemy only when a database is opened

    found = [item for item in await peering.list_peers(node, actor) if name in {item[0].node_id, item[1].name}]
    if not found:
        raise NotFound("There is no such peer; see `watchfire peer list`.")
    if len(found) > 1:
        raise click.UsageError("More than one peer has this name: give its id; see `watchfire peer list`.")
    return found[0]


def _document(found: "Peer", known: "KnownNode | None") -> dict[str, Any]:
    return {
        "node": found.node_id,
        "name": None if known is None else known.name,
        "url": found.url,
        "state": str(found.state),
        "accepted_here": found.accepted_here,
        "accepted_there": found.accepted_there,
        "heard_at": time_text(found.heard_at),
        "error": found.error,
    }


@peer.command()
@click.argument("url")
@click.option("--fingerprint", help="What the other operator has told you; without it you are asked.")
@data_option
@json_option
def add(data: Path, url: str, fingerprint: str | None, as_json: bool) -> None:
    """Add the node at URL as a peer, or accept the one there that has proposed itself."""

    async def propose(node: "Node", actor: "Actor", client: "Client", moment: datetime) -> dict[str, Any]:
        from app.domain import node_record  # noqa: PLC0415
        from app.services import peering  # noqa: PLC0415

        told = fingerprint
        if told is None:
            said = node_record.parse(await client.node_record(url))
            told = said.fingerprint
            _compare(f"The node at {url}", said.name, told)
        added = await peering.propose(node, actor, client, url, moment, fingerprint=told)
        _, known = await peering.get_peer(node, actor, added.node_id)
        return _document(added, known) | {"own_fingerprint": _own_fingerprint(node)}

    _tell_state(_ask(data, propose), as_json)


def _own_fingerprint(node: "Node") -> str:
    from app.domain import signing  # noqa: PLC0415

    return signing.fingerprint(node.identity.keys[0])


@peer.command()
@_NODE
@click.option("--fingerprint", help="What the other operator has told you; without it you are asked.")
@data_option
@json_option
def accept(data: Path, node_name: str, fingerprint: str | None, as_json: bool) -> None:
    """Accept a node that has proposed itself; one that only pulls has no URL to `add`."""

    async def change(node: "Node", actor: "Actor", client: "Client", moment: datetime) -> dict[str, Any]:
        from app.services import peering  # noqa: PLC0415

        found, known = await find_peer(node, actor, node_name)
        told, has = fingerprint, peering.fingerprint_of(known)
        if told is None:
            _compare(f"The node {found.node_id}", known.name, has)
        elif told.strip().lower() != has:
            raise click.UsageError(f"This node has another fingerprint: {has}.")
        return _document(await peering.decide(node, actor, client, found.node_id, "accept", moment), known)

    _tell_state(_ask(data, change), as_json)


def _compare(subject: str, name: str, fingerprint: str) -> None:
    """Let a person compare a fingerprint. Raises click.Abort."""
    say(f"{subject} calls itself {name}.")
    say(f"Its fingerprint is {fingerprint}: compare it with what its operator tells you.")
    if not click.confirm("Is it the same?", err=True):
        raise click.Abort


def _tell_state(document: dict[str, Any], as_json: bool) -> None:
    """Say how far a peering is after this side's word, and who has to do what."""
    if as_json:
        print_document(document)
        return
    who = f"{plain(document['name'])} ({document['node']})"
    if document["state"] == "active":
        click.echo(f"{who} is a peer now: both sides accept.")
    elif document["state"] == "proposed":
        click.echo(f"{who} has not accepted this node yet; both sides must. Its operator runs")
        click.echo(
            "  watchfire peer add <this node's URL>   or, where this node has none,   watchfire peer accept <its id>"
        )
        if "own_fingerprint" in document:
            click.echo(f"and compares this node's fingerprint: {document['own_fingerprint']}")
    else:
        click.echo(f"{who} is {document['state']}: nothing is exchanged, but what undoes what it already has.")
    if document["error"]:
        click.echo(f"It could not be told yet, and will be later: {plain(document['error'])}")


@peer.command(name="list")
@data_option
@form_options
def list_peers(data: Path, form: str | None, as_json: bool) -> None:
    """List the peers: how far each is, and what is missing."""

    async def read(node: "Node", actor: "Actor", moment: datetime) -> list[dict[str, Any]]:
        from app.services import lag, peering  # noqa: PLC0415

        rows = []
        for found, known in await peering.list_peers(node, actor):
            totals = lag.totals(await lag.of_peer(node, actor, found.node_id, moment))
            rows.append(_document(found, known) | totals)
        return rows

    rows, form = run_deed(data, read), choose_form(form, as_json=as_json)
    if form == "table":
        if not rows:
            say("There is no peer yet; add one with `watchfire peer add URL`.")
        rows = [row | {"id": row["node"], "heard": _ago(row["heard_at"])} for row in rows]
    print_rows(rows, form, _COLUMNS, "peers")


def _ago(moment: str | None) -> str:
    """Tell how long ago a time was."""
    if moment is None:
        return "never"
    seconds = max(0, int((now() - datetime.fromisoformat(moment)).total_seconds()))
    for length, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


@peer.command(name="show")
@_NODE
@data_option
@json_option
def show_peer(data: Path, node_name: str, as_json: bool) -> None:
    """Show one peer: its policy here, and each log that passes between you."""

    async def read(node: "Node", actor: "Actor", moment: datetime) -> dict[str, Any]:
        from app.services import lag  # noqa: PLC0415

        found, known = await find_peer(node, actor, node_name)
        logs = [row.to_document() for row in await lag.of_peer(node, actor, found.node_id, moment)]
        return _document(found, known) | {"policy": dict(found.policy), "logs": logs}

    document = run_deed(data, read)
    if as_json:
        print_document(document)
        return
    logs, chosen = document.pop("logs"), document.pop("policy")
    show(document | {"heard_at": _ago(document["heard_at"])}, as_json=False)
    click.echo("policy")
    _show_policy(chosen, "  ")
    click.echo("logs" if logs else "logs          none yet")
    for row in logs:
        _show_log(row, document["node"])


def _show_policy(chosen: Mapping[str, Any], indent: str = "") -> None:
    words = {"categories": "any", "chains": "any"}
    for name, value in chosen.items():
        shown = words.get(name, "") if value is None else plain(f"{value:,}" if type(value) is int else value)
        click.echo(f"{indent}{name.replace('_', ' '):<38}{shown}")


def _show_log(row: Mapping[str, Any], peer_id: str) -> None:
    """Print one log: whose it is, how much of it is on each side, and what went wrong."""
    origins = {peer_id: "the peer's", None: "unknown here"}
    whose = origins.get(row["origin"], f"of {row['origin']}")
    click.echo(plain(f"  {row['log']}  {row['audience'] or ''} ({whose})"))
    lines = []
    if row["head"]:
        lines.append(f"from the peer  {row['pulled']:,} of {row['head']:,} entries are here")
    if row["behind"]:
        lines.append(f"behind         {row['behind']:,} entries, for {row['lag_seconds']:,} s")
    if row["refused"]:
        lines.append(f"refused here   {row['refused']:,}")
    if row["bare"]:
        lines.append(f"without body   {row['bare']:,}")
    if row["held"] or row["served"]:
        lines.append(f"to the peer    {row['held']:,} entries acknowledged, {row['served']:,} sent")
    if row["refused_there"]:
        lines.append(f"refused there  {row['refused_there']:,}")
    if row["ended"]:
        lines.append("ended          the peer lets this node read it no longer")
    if row["error"]:
        lines.append(f"error          {row['error']}")
    for line in lines:
        click.echo(plain(f"    {line}"))


def _decide(data: Path, node_name: str, deed: str, as_json: bool) -> None:
    async def change(node: "Node", actor: "Actor", client: "Client", moment: datetime) -> dict[str, Any]:
        from app.services import peering  # noqa: PLC0415

        found, known = await find_peer(node, actor, node_name)
        return _document(await peering.decide(node, actor, client, found.node_id, deed, moment), known)

    _tell_state(_ask(data, change), as_json)


@peer.command()
@_NODE
@data_option
@json_option
def suspend(data: Path, node_name: str, as_json: bool) -> None:
    """Stop exchanging with a peer for a while; it still gets what undoes what it has."""
    _decide(data, node_name, "suspend", as_json)


@peer.command()
@_NODE
@data_option
@json_option
def resume(data: Path, node_name: str, as_json: bool) -> None:
    """Go on exchanging with a suspended peer."""
    _decide(data, node_name, "resume", as_json)


@peer.command()
@_NODE
@data_option
@json_option
def end(data: Path, node_name: str, as_json: bool) -> None:
    """End a peering; the peer still gets what undoes what it has."""
    _decide(data, node_name, "end", as_json)


@peer.command()
@_NODE
@click.option("--category", "categories", multiple=True, help="Take only these categories; repeat it, or `any`.")
@click.option("--chain", "chains", multiple=True, help="Take only these chains; repeat it, or `any`.")
@click.option("--per-day", "indicators_per_day", type=int, help="Indicators of this peer in a day.")
@click.option(
    "--per-organization-and-day",
    "indicators_per_organization_per_day",
    type=int,
    help="Indicators of each organization there in a day.",
)
@click.option("--review/--no-review", default=None, help="Let its reports wait for `organization trust`.")
@click.option("--relay", type=click.Choice(["known", "any", "none"]), help="Whose public logs may come by way of it.")
@data_option
@json_option
def policy(
    data: Path, node_name: str, categories: Sequence[str], chains: Sequence[str], as_json: bool, **limits: Any
) -> None:
    """Choose what this node takes from a peer; what is not named stays as it is."""
    changes = {name: value for name, value in limits.items() if value is not None}
    changes |= _choice("categories", categories) | _choice("chains", _chain_ids(chains))

    async def change(node: "Node", actor: "Actor", moment: datetime) -> dict[str, Any]:
        from app.services import peering  # noqa: PLC0415

        found, _ = await find_peer(node, actor, node_name)
        return dict((await peering.set_policy(node, actor, found.node_id, changes, moment)).policy)

    changed = run_deed(data, change)
    if as_json:
        print_document(changed)
    else:
        _show_policy(changed)


def _choice(name: str, given: Sequence[str]) -> dict[str, Any]:
    if not given:
        return {}
    return {name: None if "any" in given else list(given)}


def _chain_ids(names: Sequence[str]) -> list[str]:
    from app.domain import address  # noqa: PLC0415

    found = []
    for name in names:
        chain = None if name == "any" else address.find_chain(name)
        if chain is None and name != "any":
            raise click.UsageError(f"The chain {address.explain_unknown(name)}")
        found.append(name if chain is None else chain.caip2)
    return found


@peer.command()
@click.argument("record_id", metavar="RECORD", type=click.UUID)
@_NODE
@data_option
@json_option
def explain(data: Path, record_id: UUID, node_name: str, as_json: bool) -> int:
    """Say why a peer did or did not get a record."""

    async def read(node: "Node", actor: "Actor", moment: datetime) -> Any:
        from app.services import explain as explaining  # noqa: PLC0415

        found, _ = await find_peer(node, actor, node_name)
        return await explaining.explain(node, actor, record_id, found.node_id, moment)

    told = run_deed(data, read)
    if as_json:
        print_document({"verdict": told.verdict, "sentences": list(told.sentences)})
    else:
        click.echo("\n".join(plain(sentence) for sentence in told.sentences))
    return Exit.DONE
