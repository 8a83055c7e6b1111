"""The command line: one table from a command's name to where it lives.

The rule here: nothing heavy is imported before a command is chosen, so that `watchfire --help` starts at once; results
go to stdout, everything else to stderr.

Exit codes: 0 done, 1 failure, 2 wrong usage, 3 not allowed, 4 not found, 5 refused or in conflict, 6 some rows were
refused, 7 no connection or the node is busy, 10 a hit with --fail-on-hit, 130 interrupted.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from types import MappingProxyType
from typing import Final

import click

INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # For partners.
        "login": ("app.cli.login:login", "Keep a node's address and an API key in a profile."),
        "check": ("app.cli.check:check", "Ask what is known about one address."),
        "screen": ("app.cli.screen:screen", "Ask about every address of a file, of any size."),
        "submit": ("app.cli.submit:submit", "Submit one report."),
        "import": ("app.cli.importing:import_file", "Submit a file of addresses: CSV, NDJSON, TagPack, MISP."),
        "export": ("app.cli.export:export", "Write all that you may read, in a form of your choice."),
        "misp": ("app.cli.misp:misp", "Take in what a MISP feed or server says."),
        "taxii": ("app.cli.taxii:taxii", "Exchange objects with a TAXII server."),
        "report": ("app.cli.reports:report", "Show one report with its provenance and history."),
        "reports": ("app.cli.reports:reports", "List the reports that you may read."),
        "chains": ("app.cli.vocabulary:chains", "Search the chains whose addresses are checked."),
        "assets": ("app.cli.vocabulary:assets", "Search the assets that have a name."),
        "revoke": ("app.cli.reports:revoke", "Take back a report, or some of its addresses."),
        "dispute": ("app.cli.reports:dispute", "Say what you think of another's report."),
        # For operators.
        "init": ("app.cli.node:init", "Prepare a node: keys, database, first organization."),
        "serve": ("app.cli.node:serve", "Run the node."),
        "node": ("app.cli.node:node", "Show the node's id, fingerprint and address."),
        "peer": ("app.cli.peers:peer", "Add and end peers, and see what passes between you."),
        "sync": ("app.cli.sync:sync", "Pull from the peers, once or for ever."),
        "rotate-key": ("app.cli.node:rotate_key", "Give the node a new key."),
        "migrate": ("app.cli.node:migrate", "Bring the database to this version."),
        "doctor": ("app.cli.doctor:doctor", "Check that the node is well."),
        "openapi": ("app.cli.node:openapi", "Write the API's document."),
        "log": ("app.cli.log:log", "Verify the node's logs."),
        "organization": ("app.cli.organizations:organization", "Add and list organizations."),
        "credential": ("app.cli.organizations:credential", "Add and revoke API keys."),
        "key": ("app.cli.keys:key", "Enrol and revoke signing keys."),
        "group": ("app.cli.groups:group", "Add sharing groups and their members."),
    }
)
_PARTNER: Final = (
    *("login", "check", "screen", "submit", "import", "export", "misp", "taxii", "report"),
    *("reports", "chains", "assets", "revoke", "dispute"),
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click asks so
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import a command; None where there is none of this name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place[0].partition(":")
        command = getattr(import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the list of commands from the table."""
        for title, names in (
            ("For partners", _PARTNER),
            ("For operators", tuple(name for name in COMMANDS if name not in _PARTNER)),
        ):
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name][1]) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which ones there are."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"There is no command '{args[0]}'; see `watchfire --help`.", ctx)
        return super().resolve_command(ctx, args)


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        try:
            click.echo(f"watchfire {metadata.version('watchfire')}")
        except metadata.PackageNotFoundError:
            click.echo("watchfire, from its source folder")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
@click.pass_context
def root(ctx: click.Context) -> None:
    """Exchange cryptocurrency addresses linked to human trafficking: signed, and only with whom you choose."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def run(args: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. An expected problem is one line on stderr, never a traceback."""
    try:
        answer = root.main(None if args is None else list(args), prog_name="watchfire", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read stdout has seen enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:
        from app.cli.failures import explain  # noqa: PLC0415 - only when something failed

        failure = explain(error)
        if failure is None:
            raise
        click.echo(f"watchfire: {failure.sentence}", err=True)
        return failure.exit_code
    return answer if isinstance(answer, int) else 0
