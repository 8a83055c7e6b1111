"""Which node a partner's command speaks to, and with which key.

The rule here: flag, then environment, then profile, then default; a key is in no message, and somebody who sends one
in clear text over a network is told so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from app.cli import profile
from app.cli.output import say

if TYPE_CHECKING:
    from app.client import Client, LocalSigner

F = TypeVar("F", bound=Callable[..., Any])
AT_ONCE = 3  # tries of one call while somebody waits: about a second until "no answer"
LONG = 8  # tries of one call of a long run: about a minute
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Connection:
    """A node's address and the key to present."""

    url: str
    key: str = field(repr=False)

    def client(self, attempts: int = AT_ONCE) -> "Client":
        """Make the client; nothing is sent yet. `attempts` is how often a call is tried at most."""
        from app.client import Client, Pacing  # noqa: PLC0415 - httpx only when a node is asked

        if self.key and urlsplit(self.url).scheme == "http" and urlsplit(self.url).hostname not in _LOCAL:
            say(f"Warning: the API key travels unencrypted to {self.url}; use https.")
        try:
            return Client(self.url, self.key, pacing=Pacing(attempts=attempts))
        except ValueError as error:
            raise click.UsageError(f"--url: {error}") from error


def connection_options(command: F) -> F:
    """Add --url, --key and --profile to a command, as the parameters `url`, `key` and `profile_name`."""
    options = (
        click.option("--url", envvar="WATCHFIRE_URL", help="The node's address (WATCHFIRE_URL)."),
        click.option("--key", envvar="WATCHFIRE_API_KEY", help="API key; better in WATCHFIRE_API_KEY or a profile."),
        click.option("--profile", "profile_name", envvar="WATCHFIRE_PROFILE", help="Profile made by `login`."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def connect(url: str | None, key: str | None, profile_name: str | None) -> Connection:
    """Decide where to and with what. Raises click.UsageError."""
    if url and key and not profile_name:
        return Connection(url, key)
    kept = profile.load(profile_name)
    # A profile's key is for the profile's node: it is never sent to another one that was named by hand.
    own_key = kept.key if not url or url.rstrip("/") == kept.url.rstrip("/") else ""
    return Connection(url or kept.url or profile.DEFAULT_URL, key or own_key)


def load_signer(client: "Client", path: Path) -> "LocalSigner":
    """Read the organization's key and make the signer for this node."""
    from app.client import read_seed  # noqa: PLC0415

    if path.stat().st_mode & 0o077:
        say(f"Warning: others may read {path}; run: chmod 600 {path}")
    return client.signer(None, read_seed(path.read_bytes()))
