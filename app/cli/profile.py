"""Profiles: a node's address and where its API key is kept, by name.

The rule here: a key is in a file of its own that only its owner may read (0600), and is in no message. What is stated
goes before: flag, then environment, then profile, then default.
"""

import json
import os
import re
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_PROFILE = "default"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Profile:
    """One node as one partner knows it."""

    url: str = ""
    key: str = field(default="", repr=False)


def folder() -> Path:
    """Give the folder of the configuration, as the platform has it (XDG_CONFIG_HOME on Linux)."""
    return Path(click.get_app_dir("watchfire"))


def check_name(name: str) -> str:
    """Check a profile's name. Raises click.UsageError."""
    if not _NAME.fullmatch(name):
        raise click.UsageError("A profile's name has letters, digits, - and _, at most 64.")
    return name


def load(name: str | None) -> Profile:
    """Read a profile. Without a name the default one, which may be absent. Raises click.UsageError."""
    chosen = check_name(name or DEFAULT_PROFILE)
    entry = _profiles().get(chosen)
    if entry is None and name:
        raise click.UsageError(f"There is no profile '{name}'; make it with `watchfire login --profile {name}`.")
    if not isinstance(entry, dict):
        return Profile()
    return Profile(str(entry.get("url") or ""), _key(entry))


def save(name: str, url: str, key: str) -> Path:
    """Keep a profile; gives the file of its key."""
    where = folder()
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file = where / f"{check_name(name)}.key"
    _write(key_file, f"{key}\n")
    profiles = {**_profiles(), name: {"url": url, "key_file": key_file.name}}
    _write(where / "config.toml", "".join(_section(title, entry) for title, entry in sorted(profiles.items())))
    return key_file


def _profiles() -> dict[str, Any]:
    path = folder() / "config.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise click.UsageError(f"{path} is not TOML: {error}") from error
    profiles = document.get("profiles")
    return profiles if isinstance(profiles, dict) else {}


def _key(entry: dict[str, Any]) -> str:
    """Give the key that an entry refers to: a file beside the configuration, or a variable of the environment."""
    if variable := entry.get("key_env"):
        return os.environ.get(str(variable), "")
    if name := entry.get("key_file"):
        return (folder() / str(name)).read_text(encoding="utf-8").strip()
    return ""


def _section(title: str, entry: dict[str, Any]) -> str:
    """Write a table of TOML; the escapes of JSON texts are those of TOML's basic strings."""
    lines = [f"{name} = {json.dumps(str(value))}\n" for name, value in entry.items()]
    return "".join([f"[profiles.{title}]\n", *lines, "\n"])


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(temporary).replace(path)
