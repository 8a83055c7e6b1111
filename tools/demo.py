"""Show two nodes exchanging: an NGO's and a forensics firm's, on this machine, by the commands that a user would type.

The rule here: nothing is done but by a command that is printed first; both nodes are real, and stay running at the end.
How fast a deed travels is measured by asking the other node over HTTP all the while, from before the deed is done.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

ADDRESS = "0x52908400098527886e0f7030069857d2e4169ee7"  # of EIP-55's own examples: nobody's
CHAIN = "ethereum"
PROCESSES = "processes"  # the file of the nodes' process ids, one on a line
PATIENCE = 60.0  # seconds for what takes well under one, on a machine that may be busy
ASK_EVERY = 0.01  # seconds between two questions of whether a deed has arrived
BOLD, DIM, END = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


@dataclass(frozen=True)
class Home:
    """An organization's node: `who` it is in this story, where its files are and where it listens."""

    who: str
    name: str
    kind: str
    folder: Path
    port: int

    @property
    def data(self) -> Path:
        """Give the node's own folder."""
        return self.folder / self.who

    @property
    def log(self) -> Path:
        """Give the file of what the serving node says."""
        return self.folder / f"{self.who}.log"

    @property
    def url(self) -> str:
        """Give the node's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_key(self) -> str:
        """Give the key of the node's first organization; empty until the node is made."""
        place = self.data / "first-api-key"
        return place.read_text().strip() if place.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        """Give what a user of this node has set."""
        chosen = {
            "WATCHFIRE_DATA": str(self.data),
            "WATCHFIRE_PORT": str(self.port),
            "WATCHFIRE_URL": self.url,
            "WATCHFIRE_ALLOW_PRIVATE_PEERS": "true",
            "WATCHFIRE_API_KEY": self.api_key,
            "WATCHFIRE_LOG_LEVEL": "ERROR",
        }
        return {name: value for name, value in os.environ.items() if not name.startswith("WATCHFIRE_")} | chosen


def say(text: str) -> None:
    """Print a step's heading."""
    print(f"\n{BOLD}{text}{END}", flush=True)


def tell(text: str) -> None:
    """Print what came of a command."""
    print(f"       {text}", flush=True)


def type_in(home: Home, *command: str) -> None:
    """Print a command as a user types it."""
    print(f"{DIM}{home.who:>4} ${END} watchfire {shlex.join(command)}", flush=True)


def run(home: Home, *command: str) -> Any:
    """Print a command, run it, and give its document."""
    type_in(home, *command)
    done = subprocess.run(
        [sys.executable, "-m", "app", *command, "--json"],
        env=home.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}The demonstration stops here: the command ended with {done.returncode}.")
    return json.loads(done.stdout)


def serve(home: Home) -> int:
    """Start a node, which goes on after this program; give its process id once it answers."""
    type_in(home, "serve")
    with home.log.open("w") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"], env=home.environment, stdout=log, stderr=log, start_new_session=True
        )
    with (home.folder / PROCESSES).open("a") as noted:
        noted.write(f"{started.pid}\n")
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and started.poll() is None:
        if "Serving" in home.log.read_text() and is_ready(home):
            tell(f"serves at {home.url}, process {started.pid}")
            return started.pid
        time.sleep(0.05)
    sys.exit(f"{home.log.read_text()}The node of {home.name} does not start.")


def is_ready(home: Home) -> bool:
    """Ask a node whether it is ready."""
    try:
        with urllib.request.urlopen(f"{home.url}/readyz", timeout=1) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def ask_until(home: Home, status: str) -> datetime | None:
    """Ask a node about the address until the answer has this status; give when it had, None if it never does."""
    request = urllib.request.Request(
        f"{home.url}/v1/addresses/{ADDRESS}?chain={CHAIN}", headers={"Authorization": f"Bearer {home.api_key}"}
    )
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            if json.load(answer)["status"] == status:
                return datetime.now(UTC)
        time.sleep(ASK_EVERY)
    return None


def follow(home: Home, command: tuple[str, ...], other: Home, status: str) -> Any:
    """Do a deed, tell when the other node knew of it, and let its user see that; give the deed's document."""
    with ThreadPoolExecutor() as beside:
        coming = beside.submit(ask_until, other, status)
        done = run(home, *command)
        known_at = coming.result()
    if known_at is None:
        sys.exit(f"The node of {other.name} does not answer '{status}' within {PATIENCE:.0f} s; see {other.log}.")
    took = known_at - datetime.fromisoformat(done["issued_at"])
    tell(f"{done['kind']} {done['id']}")
    tell(f"{other.name} knows it {took.total_seconds() * 1000:.0f} ms after {home.name}'s node had received it.")
    show(other)
    return done


def show(home: Home) -> None:
    """Let a user ask about the address."""
    answer = run(home, "check", ADDRESS, "--chain", CHAIN)
    tell(str(answer["status"]).upper())
    for line in answer["because"]:
        tell(f"- {line}")


def stop_former(folder: Path) -> None:
    """Stop the nodes of an earlier demonstration, by the process ids that it wrote down."""
    for line in (folder / PROCESSES).read_text().split():
        place = Path("/proc") / line / "cmdline"
        if place.exists() and b"app\0serve" in place.read_bytes():
            os.kill(int(line), signal.SIGTERM)
            while place.exists() and b"app\0serve" in place.read_bytes():
                time.sleep(0.05)


def begin(ngo: Home, firm: Home) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make both nodes, and let them be peers; give who they are."""
    print("Each prompt names whose it is; WATCHFIRE_DATA, _PORT and _URL are set for that one's node.")
    say("1. Two organizations, each with a node of its own.")
    made = []
    for home in (ngo, firm):
        made.append(run(home, "init", "--name", home.name, "--kind", home.kind))
        tell(f"fingerprint {made[-1]['fingerprint']}")
    for home in (ngo, firm):
        serve(home)

    say("2. Their operators compare fingerprints, and each accepts the other.")
    for home, other, known in ((ngo, firm, made[1]), (firm, ngo, made[0])):
        found = run(home, "peer", "add", other.url, "--fingerprint", known["fingerprint"])
        tell(found["state"])
    return made[0], made[1]


def exchange(ngo: Home, firm: Home, group: str) -> str:
    """Let a report go out, be disputed and be taken back; give its id."""
    say("4. The NGO reports an address to the group; within a second the firm's node has it.")
    report: str = follow(
        ngo,
        (
            *("submit", "--address", ADDRESS, "--chain", CHAIN, "--category", "sex_trafficking"),
            *("--method", "advert", "--confidence", "70", "--tlp", "AMBER", "--audience", f"group:{group}"),
        ),
        firm,
        "listed",
    )["id"]

    say("5. The firm knows better, and says so; the NGO sees it.")
    follow(firm, ("dispute", report, "--reason", "service_address"), ngo, "disputed")

    say("6. The NGO takes the report back; it is undone everywhere it went.")
    follow(ngo, ("revoke", report, "--reason", "mistaken"), firm, "revoked")
    show(ngo)
    return report


def prove(ngo: Home, firm: Home, report: str, firm_id: str) -> None:
    """Let both operators verify what they hold, and ask who has the report."""
    say("7. Both operators can prove what they hold, and where it went.")
    for home in (ngo, firm):
        verdict = run(home, "log", "verify")
        wrong = "everything verifies" if verdict["ok"] else "the store is not what was signed"
        tell(f"{verdict['entries']} entries in {verdict['logs']} logs: {wrong}")
    for sentence in run(ngo, "peer", "explain", report, firm_id)["sentences"]:
        tell(sentence)


def part(ngo: Home, firm: Home) -> None:
    """Say how to go on from here."""
    say("Both nodes go on running. To use them:")
    for home in (ngo, firm):
        print(f"  watchfire login --url {home.url} --key-file {home.data}/first-api-key --profile {home.who}")
    print(f"  watchfire peer list --data {ngo.data}")
    pids = (ngo.folder / PROCESSES).read_text().split()
    print(f"  kill {' '.join(pids)}    # when you have seen enough")


def main() -> None:
    """Tell the story; where it breaks off, both nodes are ended."""
    options = argparse.ArgumentParser(description="Show two nodes exchanging, on this machine.")
    options.add_argument("--folder", type=Path, default=Path("demo"), help="Folder of both nodes; it is made anew.")
    options.add_argument("--ports", type=int, nargs=2, default=(8101, 8102), metavar="PORT", help="Where they listen.")
    chosen = options.parse_args()
    if chosen.folder.exists():
        if not (chosen.folder / PROCESSES).exists():
            sys.exit(f"The folder {chosen.folder} is not of an earlier demonstration; choose another with --folder.")
        stop_former(chosen.folder)
        shutil.rmtree(chosen.folder)
    chosen.folder.mkdir(parents=True)
    (chosen.folder / PROCESSES).touch()
    ngo = Home("ngo", "Hope Line", "ngo", chosen.folder, chosen.ports[0])
    firm = Home("firm", "Chain Insight", "forensics", chosen.folder, chosen.ports[1])
    try:
        ngo_made, firm_made = begin(ngo, firm)
        say("3. The NGO makes a sharing group with the firm.")
        members = ("--member", ngo_made["organization"], "--member", firm_made["organization"])
        group = run(ngo, "group", "add", "Circle of Trust", *members)
        tell(f"group {group['id']}")
        prove(ngo, firm, exchange(ngo, firm, group["id"]), firm_made["node"])
        part(ngo, firm)
    except BaseException:
        stop_former(chosen.folder)
        raise


if __name__ == "__main__":
    main()
