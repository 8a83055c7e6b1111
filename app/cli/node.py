"""`watchfire init`, `serve`, `node`, `migrate` and `openapi`: the life of a node.

The rule here: a secret is shown once, where it is made, or lies in a file of its owner; nothing starts on a database
that it could damage.
"""

import asyncio
import gc
import json
import shlex
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.operating import data_option, json_option, now, read_settings, sequence_all
from app.cli.output import plain, print_document, say

if TYPE_CHECKING:
    from app.settings import Settings

DOCUMENT = Path(__file__).resolve().parents[2] / "openapi" / "watchfire.v1.json"
IDLE = 60  # seconds that a connection is kept for another request: longer than peers keep theirs (web/outbound.py)
GRACE = 20  # seconds that requests under way have to end
EXAMPLE = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"  # of BIP 173: nobody's


@click.command()
@data_option
@click.option("--name", default="Operator", show_default=True, help="Name of the organization that runs the node.")
@click.option("--kind", default="other", show_default=True, help="Its kind: ngo, forensics, exchange, bank, ...")
@click.option("--if-absent", is_flag=True, help="Succeed when the node is prepared already.")
@json_option
def init(data: Path, name: str, kind: str, if_absent: bool, as_json: bool) -> None:
    """Prepare a node: its keys, its database, its operator's organization and the first API key."""
    from app.domain.errors import Conflict  # noqa: PLC0415

    settings = read_settings(data)
    try:
        made = asyncio.run(_init(settings, name, kind))
    except Conflict:
        if not if_absent:
            raise
        made = {"api_key": None} | _known(settings)
    if as_json:
        print_document(made)
    else:
        _explain(made, settings)


async def _init(settings: "Settings", name: str, kind: str) -> dict[str, Any]:
    from app import bootstrap  # noqa: PLC0415 - SQLAlchemy only when a database is opened

    made = await bootstrap.initialize(settings, name, kind, now())
    node = bootstrap.open_node(settings)
    try:
        await sequence_all(node)
    finally:
        await node.close()
    return {"api_key": made.api_key} | _known(settings)


def _known(settings: "Settings") -> dict[str, Any]:
    from app import bootstrap  # noqa: PLC0415
    from app.domain import signing  # noqa: PLC0415

    held = bootstrap.read_key_file(settings)
    earlier = held.get("earlier")
    root = bytes.fromhex(earlier[0]) if earlier else signing.public_key(bytes.fromhex(held["seed"]))
    return {
        "node": signing.node_id(root),
        "data": str(settings.data),
        "organization": held["operator"],
        "fingerprint": signing.fingerprint(root),
        "name": held["name"],
        "key_file": str(settings.data / bootstrap.KEY_FILE),
        "api_key_file": str(settings.data / bootstrap.FIRST_KEY_FILE),
    }


def _explain(made: dict[str, Any], settings: "Settings") -> None:
    """Say what was made, what to keep, and what to try first; never the secret."""
    url = _url(settings)
    report = {
        "category": "sex_trafficking",
        "method": "advert",
        "confidence": 60,
        "tlp": "TLP:AMBER",
        "pap": "PAP:AMBER",
        "audience": {"kind": "organizations", "organizations": [made["organization"]]},
        "indicators": [{"chain": "bitcoin", "address": EXAMPLE}],
    }
    sign_in = '-H "Authorization: Bearer $WATCHFIRE_API_KEY"'
    lines = (
        f"The node {'is ready' if made['api_key'] else 'was prepared before'}.",
        f"  node         {made['node']}",
        f"  fingerprint  {made['fingerprint']}",
        f"  key file     {made['key_file']}",
        "               (back it up: without it nobody can continue this node's logs, or use the keys it holds)",
        "",
        "Sign in as its operator's organization:",
        f"  export WATCHFIRE_API_KEY=$(cat {shlex.quote(made['api_key_file'])})",
        "",
        f"Once it serves (watchfire serve --data {shlex.quote(made['data'])}), a first question and a first report:",
        f"  curl {sign_in} {url}/v1/addresses/{EXAMPLE}",
        f"  curl {sign_in} -H 'Content-Type: application/json' {url}/v1/reports -d '{json.dumps(report)}'",
    )
    click.echo("\n".join(lines))


def _url(settings: "Settings") -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return (settings.url or f"http://{host}:{settings.port}").rstrip("/")


@click.command()
@data_option
@click.option("--host", help="Address to listen on (WATCHFIRE_HOST) [127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port to listen on (WATCHFIRE_PORT) [8000].")
@click.option("--url", help="The node's public URL, as partners reach it (WATCHFIRE_URL).")
def serve(data: Path, host: str | None, port: int | None, url: str | None) -> None:
    """Run the node until it is told to stop; then end what is under way."""
    if url is not None and not url.startswith(("http://", "https://")):
        raise click.UsageError("--url must begin with https:// or http://.")
    settings = read_settings(data, host=host, port=port, url=url)
    asyncio.run(_prepare(settings))
    listening = _listen(settings)
    _serve(settings, listening)


async def _prepare(settings: "Settings") -> None:
    """Bring SQLite to this version; on PostgreSQL only its owner may, by `watchfire migrate`. Then check."""
    from app import bootstrap  # noqa: PLC0415 - SQLAlchemy only when a database is opened

    node = bootstrap.open_node(settings)
    try:
        if node.store.dialect == "sqlite":
            await bootstrap.migrate_database(settings)
        await bootstrap.check_database(node, production=settings.production)
    finally:
        await node.close()


def _listen(settings: "Settings") -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise click.ClickException(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. Choose another with --port."
        ) from error
    return listening


def _serve(settings: "Settings", listening: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415 - only when serving

    from app import asgi  # noqa: PLC0415
    from app.cli.server import Server  # noqa: PLC0415

    asgi.configure_logs(settings.log_level)
    hall = asgi.make_hall(settings)
    configuration = uvicorn.Config(
        asgi.build(hall),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=GRACE,
    )
    # A signal ends the server in order, and that is a success: uvicorn raises it again once it has ended.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    port = listening.getsockname()[1]
    say(f"Serving {settings.data} at {_url(settings.model_copy(update={'port': port}))}; stop with Ctrl-C.")
    server = Server(configuration, hall.node.moved)
    # What was imported lives as long as the program: without this each of the collector's full rounds walks all of it.
    gc.collect()
    gc.freeze()
    server.run(sockets=[listening])
    if not server.started:
        raise click.ClickException("The node did not start; the reason stands above.")


@click.command()
@data_option
@json_option
def node(data: Path, as_json: bool) -> None:
    """Show the node's id, its fingerprint for partners to compare, and its address."""
    settings = read_settings(data)
    known = _known(settings)
    shown = {"id": known["node"], "fingerprint": known["fingerprint"], "url": _url(settings)}
    shown |= {"name": known["name"], "organization": known["organization"]}
    if as_json:
        print_document(shown)
    else:
        click.echo("\n".join(f"{label:<13}{plain(value)}" for label, value in shown.items()))


@click.command(name="rotate-key")
@data_option
@json_option
def rotate_key(data: Path, as_json: bool) -> None:
    """Give the node a new key, named by the one in use. Stop the node first, and start it again afterwards."""
    settings = read_settings(data)
    keyid = asyncio.run(_rotate(settings))
    if as_json:
        print_document({"keyid": keyid})
    else:
        click.echo(f"The node's key is {keyid} now; its id and fingerprint stay. Start every process of it anew.")


async def _rotate(settings: "Settings") -> str:
    from app import bootstrap  # noqa: PLC0415 - SQLAlchemy only when a database is opened

    return await bootstrap.rotate_key(settings, now())


@click.command()
@data_option
@json_option
def migrate(data: Path, as_json: bool) -> None:
    """Bring the database to the schema of this version, as its owner (WATCHFIRE_OWNER_DATABASE_URL)."""
    settings = read_settings(data)
    if settings.owner_url.startswith("sqlite") and not settings.data.is_dir():
        raise click.ClickException(f"There is no node in {data}: run `watchfire init --data {data}` first.")
    revision = asyncio.run(_migrate(settings))
    if as_json:
        print_document({"revision": revision})
    else:
        click.echo(revision)


async def _migrate(settings: "Settings") -> str:
    from app import bootstrap  # noqa: PLC0415 - SQLAlchemy only when a database is opened

    return await bootstrap.migrate_database(settings)


@click.command()
@click.option("--check", is_flag=True, help="Only compare: fail when the file is not what the code says.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, allow_dash=True), help="File to write; - is stdout.")
def openapi(check: bool, output: str | None) -> None:
    """Write the API's document from the code, or check that the file is up to date."""
    from app import asgi  # noqa: PLC0415 - FastAPI only when it is asked

    text = json.dumps(asgi.build(None).openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if output == "-":
        click.echo(text, nl=False)
        return
    place = DOCUMENT if output is None else Path(output)
    if check:
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            raise click.ClickException(f"{place.name} is not what the code says: run `watchfire openapi`.")
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    say(f"Wrote {place.name}.")
