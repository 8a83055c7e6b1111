"""`watchfire misp pull`: what a MISP feed or server says, as reports of one's own organization.

The rule here: MISP is read, never written; what is submitted keeps its event as evidence, and what MISP takes back is
revoked. Interrupted, the same command goes on; given again, it reads only the events that are newer.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import click

from app.cli.claims import claim_options, stated
from app.cli.connection import LONG, connect, connection_options, load_signer
from app.cli.failures import Exit
from app.cli.importing import write_errors
from app.cli.output import say
from app.cli.progress import progress
from app.cli.pull_state import PullState, state_path
from app.cli.pulled import pulled_result, show_pulled
from app.cli.sources import Sharing, destination, wish_of

if TYPE_CHECKING:
    from app.cli.pulling import Intake
    from app.client.misp import MispSource
    from app.formats.misp_sharing import Destination
    from app.formats.rows import RefusedRow, Row
    from app.formats.tagpack import Wish

_STOPS = frozenset({0, 401, 403, 429})  # of one event: no answer, no right, too much asked: not about that event
_SERVER_FAULT = 500
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def misp() -> None:
    """Take in what MISP knows."""


@misp.command()
@click.argument("source", metavar="URL")
@click.option("--misp-key", envvar="WATCHFIRE_MISP_KEY", default="", help="MISP's key (better in WATCHFIRE_MISP_KEY).")
@click.option(
    "--as", "kind", type=click.Choice(("auto", "feed", "server")), default="auto", show_default=True, help="What it is."
)
@click.option("--chain", default="", help="Chain of addresses whose event states none, as slug or CAIP-2 id.")
@click.option("--sharing-group", "groups", multiple=True, metavar="UUID", help="All who will read are in it.")
@click.option(
    "--gone",
    type=click.Choice(("auto", "revoke", "keep")),
    default="auto",
    show_default=True,
    help="What becomes of events that are there no longer [a feed's are kept, a server's revoked].",
)
@click.option("--state", type=_FILE, help="What was read before [one for each source, beside the profiles].")
@click.option("--errors", type=_FILE, help="Where refused rows go [misp-pull.errors.csv].")
@click.option("--sign-with", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Sign with this key.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@claim_options
@connection_options
@click.pass_context
def pull(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    /,
    *,
    source: str,
    misp_key: str,
    kind: str,
    chain: str,
    groups: tuple[str, ...],
    gone: str,
    state: Path | None,
    errors: Path | None,
    sign_with: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Submit the addresses of a MISP feed or server at URL: a folder, its manifest.json, or a server's address.

    Options fill in what events do not state, and go before what their tags say; --audience is needed. An event that
    may not go as far as the audience is refused with the reason. Ends as `import` does.
    """
    fields = stated(options)
    if "audience" not in fields:
        raise click.UsageError("Give --audience: who of your partners may read what comes from MISP.")
    node = connect(options["url"], options["key"], options["profile_name"])
    with ExitStack() as stack:
        client = stack.enter_context(node.client(LONG))
        signer = load_signer(client, sign_with) if sign_with else None
        found = stack.enter_context(_opened(source, misp_key, kind))
        own = str(client.organization()["id"])
        sharing = Sharing(own, frozenset(groups))
        path = state or state_path("misp", source, f"{node.url} {own}")
        kept = stack.enter_context(PullState(path, f"misp {source} -> {node.url} {own}"))
        from app.cli.pulling import Intake  # noqa: PLC0415 - the client only when a command runs

        intake = Intake(client, kept.name, fields, stack.enter_context(progress("Pulling")), signer)
        reading = _Reading(found, kept, intake, wish_of(fields, chain), destination(fields, sharing))
        reading.run(revoke_gone=gone == "revoke" or (gone == "auto" and not found.is_feed))
    outcome = intake.outcome
    outcome.skipped = dict(reading.skipped)
    result = pulled_result(outcome, "events", path, write_errors(outcome, errors or Path("misp-pull.errors.csv")))
    show_pulled(result, "events", as_json=as_json)
    if outcome.refusals:
        ctx.exit(Exit.PARTIAL if outcome.accepted or outcome.unchanged else Exit.REFUSED)


@contextmanager
def _opened(source: str, key: str, kind: str) -> Iterator["MispSource"]:
    from app.client import Pacing  # noqa: PLC0415 - httpx only when somebody is asked
    from app.client.elsewhere import Elsewhere  # noqa: PLC0415
    from app.client.misp import is_local, open_misp  # noqa: PLC0415

    if is_local(source):
        yield open_misp(source, key, kind, None)
        return
    base = source.removesuffix("/").removesuffix("/manifest.json")
    if key and urlsplit(base).scheme == "http" and urlsplit(base).hostname not in {"localhost", "127.0.0.1", "::1"}:
        say(f"Warning: MISP's key travels unencrypted to {base}; use https.")
    try:
        http = Elsewhere(base, {"Authorization": key} if key else None, pacing=Pacing(attempts=LONG))
    except ValueError as error:
        raise click.UsageError(
            "URL must be a folder, or look like https://misp.example, without a key in it."
        ) from error
    with http:
        yield open_misp(source, key, kind, http)


@dataclass(slots=True)
class _Reading:
    """One walk over a source; `skipped` counts, by type, what holds no address."""

    source: "MispSource"
    state: PullState
    intake: "Intake"
    wish: "Wish"
    destination: "Destination"
    skipped: Counter[str] = field(default_factory=Counter)

    def run(self, *, revoke_gone: bool) -> None:
        """Take in each event that is newer than what was read of it, the oldest first."""
        index = self.source.index()
        for uuid, timestamp in sorted(index.items(), key=lambda item: (item[1], item[0])):
            if (self.state.get(uuid) or {}).get("timestamp", -1) < timestamp:
                self._take(uuid, timestamp)
        missed = [uuid for uuid in self.state if uuid not in index and (self.state.get(uuid) or {}).get("held")]
        for uuid in missed if revoke_gone else ():
            self._take(uuid, (self.state.get(uuid) or {})["timestamp"], is_missed=True)
        if missed and not revoke_gone:
            say(f"{len(missed)} events are there no longer; what came from them stays (--gone revoke takes it back).")

    def _take(self, uuid: str, timestamp: int, *, is_missed: bool = False) -> None:
        """Take one event in; of one that the index misses, all is gone unless it can still be read."""
        from app.cli.pulling import Held  # noqa: PLC0415

        before = self.state.get(uuid) or {"timestamp": -1, "held": {}}
        rows = self._rows(uuid)
        if rows is None and not is_missed:
            return

        def save(held: Mapping[str, Held], *, done: bool) -> None:
            self.state.put(uuid, {"timestamp": timestamp if done else before["timestamp"], "held": held})

        held = {ref: Held(*item) for ref, item in before["held"].items()}
        self.intake.take(uuid, rows or (), held, save)

    def _rows(self, uuid: str) -> "list[Row | RefusedRow] | None":
        """Read an event's rows; None where it is gone. One that cannot be read is refused, and tried anew."""
        from app.client.elsewhere import ElsewhereError  # noqa: PLC0415
        from app.domain.errors import Invalid  # noqa: PLC0415
        from app.formats.misp import MispEvents, events_of  # noqa: PLC0415
        from app.formats.stix_ids import of_organization  # noqa: PLC0415

        try:
            content = self.source.event(uuid)
            events = None if content is None else events_of(content)
        except (Invalid, ElsewhereError) as error:
            if getattr(error, "status", 200) in _STOPS or getattr(error, "status", 200) >= _SERVER_FAULT:
                raise
            self.intake.refuse(uuid, str(error))
            return None
        if events is None:
            return None
        us = str(of_organization(UUID(self.destination.own)))
        others = [event for event in events if us not in str(event.get("Orgc"))]
        if len(others) < len(events):  # what was fed from here must not come back as news
            self.skipped["event of our own"] += len(events) - len(others)
        document = MispEvents(others, self.wish, self.destination, self.source.name)
        rows = list(document)
        self.skipped.update(document.skipped)
        return rows
