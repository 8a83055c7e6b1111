"""Settings: everything that an operator may choose, read once, each with its unit and reason.

The rule here: every setting has the prefix WATCHFIRE_, a line in the README (a test holds them equal), and a default
that is safe on a laptop. Secrets come from files or the environment, and never show in a repr.
"""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one node."""

    model_config = SettingsConfigDict(env_prefix="WATCHFIRE_", frozen=True, extra="ignore")

    data: Path = Field(
        Path("data"), description="Folder of the node's key file and, without a database URL, of SQLite."
    )
    database_url: SecretStr | None = Field(
        None, description="`postgresql+asyncpg://...` as the application's role; SQLite in the data folder without it."
    )
    owner_database_url: SecretStr | None = Field(
        None, description="The same database as its owner, for `watchfire migrate` only."
    )
    url: str | None = Field(None, description="The node's public URL, as partners and peers reach it.")
    allow_private_peers: bool = Field(
        default=False, description="Let peers have loopback and private addresses: for one machine or one network."
    )
    sync: bool = Field(default=True, description="Pull from the peers while serving; off where `watchfire sync` does.")
    host: str = Field("127.0.0.1", description="Address to listen on; loopback unless chosen otherwise.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on.")
    production: bool = Field(
        default=False, description="Refuse to start as a database superuser or as the owner of the tables."
    )
    requests_per_minute: int = Field(
        6_000, gt=0, description="Requests per organization and minute, of every kind: one organization's share."
    )
    look_ups_per_minute: int = Field(
        60_000, gt=0, description="Single look-ups per organization and minute: an exchange checks each deposit."
    )
    screened_per_minute: int = Field(
        6_000_000, gt=0, description="Screened addresses per organization and minute: half of what one core answers."
    )
    submitted_per_minute: int = Field(
        3_000_000, gt=0, description="Submitted indicators per organization and minute: the largest import in one go."
    )
    failures_per_minute: int = Field(
        30, gt=0, description="Failed sign-ins per network address and minute: enough for people, too few for guessing."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token of `/metrics`; without it only direct loopback callers are answered."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @property
    def store_url(self) -> str:
        """The database URL in force."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data.resolve() / 'watchfire.db'}"

    @property
    def owner_url(self) -> str:
        """The database URL that may change the schema."""
        return self.store_url if self.owner_database_url is None else self.owner_database_url.get_secret_value()
