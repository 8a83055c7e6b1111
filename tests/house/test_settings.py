"""Every setting has a line in the README with its default, a reason, and a default that is safe."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings

README = Path(__file__).parents[2] / "README.md"
FIELDS = Settings.model_fields


def documented():
    """Read the table of the README: name, default, meaning."""
    text = README.read_text().partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    return [tuple(row) for row in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", text, re.MULTILINE)]


def shown(value):
    """Write a default as the README does."""
    if value is None:
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_each_setting_is_in_the_readme_as_it_is():
    expected = [
        (f"WATCHFIRE_{name.upper()}", shown(field.default), field.description) for name, field in FIELDS.items()
    ]
    assert documented() == expected


@pytest.mark.parametrize("name", FIELDS)
def test_each_setting_says_what_it_is_for(name):
    assert FIELDS[name].description.endswith(".")


@pytest.mark.parametrize("name", [name for name in FIELDS if name.endswith(("token", "database_url"))])
def test_a_secret_shows_in_no_repr(name, monkeypatch):
    monkeypatch.setenv(f"WATCHFIRE_{name.upper()}", "postgresql://user:hunter2@host/db")
    settings = Settings()
    assert isinstance(getattr(settings, name), SecretStr)
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_defaults_are_safe_on_a_laptop(monkeypatch):
    for name in FIELDS:
        monkeypatch.delenv(f"WATCHFIRE_{name.upper()}", raising=False)
    settings = Settings()
    assert settings.host == "127.0.0.1"
    assert settings.store_url.startswith("sqlite")
    assert settings.owner_url == settings.store_url
    with pytest.raises(ValidationError):
        settings.host = "0.0.0.0"
    for name in FIELDS:
        if name.endswith("per_minute"):
            with pytest.raises(ValidationError):
                Settings(**{name: 0})
