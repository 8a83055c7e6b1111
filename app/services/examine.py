"""Examine a database: what is wrong with it, in words that say what to do.

The rule here: every finding is one sentence about one thing; looking changes nothing, and no finding hides another.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.storage import condition, migrate
from app.storage.store import Store, open_store

MAX_DEBT = timedelta(seconds=10)  # a running node sequences within a second: older means that none does
MAX_CLOCK = timedelta(seconds=5)  # between this machine and the database's
MAX_BACK = timedelta(minutes=1)  # by which what was written down may be ahead of the clock


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: its name, whether it is well, and a sentence that says what was found."""

    name: str
    ok: bool
    sentence: str


async def examine(url: str, now: datetime) -> list[Finding]:
    """Look at the database of a URL: reachable, schema, protections, rights, damage, clock, and what is owed."""
    store = open_store(url)
    try:
        try:
            version = await condition.version(store)
            current = await migrate.current(store)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises means the same here
            kind = type(getattr(error, "orig", None) or error).__name__
            said = f"The database cannot be opened ({kind}): is it running, is WATCHFIRE_DATABASE_URL right?"
            return [Finding("database", ok=False, sentence=said)]
        findings = [Finding("database", ok=True, sentence=f"{version} answers."), _schema(current)]
        if findings[-1].ok:
            findings += [finding async for finding in _look(store, now)]
        return findings
    finally:
        await store.close()


def _schema(current: str | None) -> Finding:
    newest = migrate.newest()
    if current == newest:
        return Finding("schema", ok=True, sentence=f"The schema is at {newest}.")
    if current is None:
        return Finding("schema", ok=False, sentence="The database is empty: run `watchfire init`.")
    said = f"The schema is at {current}, this version needs {newest}: run `watchfire migrate`."
    return Finding("schema", ok=False, sentence=said)


async def _look(store: Store, now: datetime) -> AsyncIterator[Finding]:
    differences = await migrate.drift(store)
    advice = "somebody changed it by hand; compare with a fresh database, or restore a backup"
    yield _list("drift", differences, "The tables are those of this version.", f"the schema differs: {advice}")
    missing = await condition.missing_triggers(store)
    advice = "the log could be rewritten; restore them from the migrations, then run `watchfire log verify`"
    yield _list("insert-only", missing, "The log tables refuse changes.", f"missing triggers: {advice}")
    rights = await condition.missing_rights(store)
    advice = "the database role lacks rights; run `watchfire migrate` as the owner, with the role watchfire_app there"
    yield _list("rights", rights, "The database role may do what the node needs.", advice)
    yield await _power(store)
    damage = await condition.damage(store)
    advice = "the database file is damaged; stop the node and restore the backup"
    yield _list("damage", damage, "The database finds no damage in itself.", advice)
    yield await _clock(store, now)
    yield await _restored(store)
    yield await _debt(store, now)


def _list(name: str, wrong: list[str], well: str, advice: str) -> Finding:
    if not wrong:
        return Finding(name, ok=True, sentence=well)
    more = "" if len(wrong) == 1 else f" and {len(wrong) - 1} more"
    return Finding(name, ok=False, sentence=f"{advice[0].upper()}{advice[1:]} ({wrong[0]}{more}).")


async def _power(store: Store) -> Finding:
    if store.dialect == "postgresql" and await migrate.has_too_much_power(store):
        said = "The node uses the database as a superuser or owner: give it the role watchfire_app."
        return Finding("power", ok=False, sentence=said)
    excess = await condition.excess_rights(store)
    advice = "the database role may rewrite the log; revoke that right"
    return _list("power", excess, "The database role may not rewrite the log.", advice)


async def _clock(store: Store, now: datetime) -> Finding:
    theirs, written = await condition.server_time(store), await condition.newest_time(store)
    if theirs is not None and abs(theirs - now) > MAX_CLOCK:
        seconds = (theirs - now).total_seconds()
        said = f"The database's clock is {seconds:+.0f} s from this machine's: set both by NTP."
        return Finding("clock", ok=False, sentence=said)
    if written is not None and written - now > MAX_BACK:
        said = (
            f"The clock says {now:%Y-%m-%d %H:%M}, and the node has written at {written:%Y-%m-%d %H:%M}: set it by NTP."
        )
        return Finding("clock", ok=False, sentence=said)
    return Finding("clock", ok=True, sentence=f"The clock says {now:%Y-%m-%d %H:%M} UTC, and nothing contradicts it.")


async def _debt(store: Store, now: datetime) -> Finding:
    since = await condition.oldest_debt(store)
    if since is not None and now - since > MAX_DEBT:
        seconds = (now - since).total_seconds()
        said = f"What was accepted {seconds:.0f} s ago is in no log yet: is the node running? Start `watchfire serve`."
        return Finding("owed", ok=False, sentence=said)
    return Finding("owed", ok=True, sentence="Nothing waits for its place in a log.")


async def _restored(store: Store) -> Finding:
    ahead = await condition.logs_published_ahead(store)
    if not ahead:
        return Finding("restored", ok=True, sentence="No log of this node was published further than is stored here.")
    more = "" if len(ahead) == 1 else f" and {len(ahead) - 1} more"
    said = (
        f"The log {ahead[0]}{more} was published further than is stored here: let the node run until its peers have "
        "given the entries back; if nobody has them, `watchfire log new-epoch`."
    )
    return Finding("restored", ok=False, sentence=said)
