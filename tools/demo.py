"""Show two nodes exchanging: an NGO's and a forensics firm's, on this machine, by the commands that a user would type.

The rule here: nothing is done but by a command that is printed first; both nodes are real, and stay running at the end.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

FOLDER = Path("demo")
NODES = {"ngo": ("Hope Line", "ngo", 8101), "firm": ("Chain Insight", "forensics", 8102)}
ADDRESS = "0x52908400098527886e0f7030069857d2e4169ee7"  # of EIP-55's own examples: nobody's
PATIENCE = 20.0  # seconds for what takes well under one
BOLD, DIM, END = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def say(text: str) -> None:
    """Print a step's heading."""
    print(f"\n{BOLD}{text}{END}", flush=True)


def run(who: str, *command: str, quiet: bool = False) -> Any:
    """Print a command, run it, print what it says, and give its document."""
    if not quiet:
        print(f"{DIM}{who:>4} ${END} watchfire {shlex.join(command)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "app", *command, "--json"],
        env=environment(who),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}The demonstration stops here: the command ended with {done.returncode}.")
    return json.loads(done.stdout)


def tell(text: str) -> None:
    """Print what came of a command."""
    print(f"       {text}", flush=True)


def environment(who: str) -> dict[str, str]:
    """Give what a user of this node has set."""
    data, port = FOLDER / who, NODES[who][2]
    key = data / "first-api-key"
    chosen = {
        "WATCHFIRE_DATA": str(data),
        "WATCHFIRE_PORT": str(port),
        "WATCHFIRE_URL": url(who),
        "WATCHFIRE_ALLOW_PRIVATE_PEERS": "true",
        "WATCHFIRE_API_KEY": key.read_text().strip() if key.exists() else "",
        "WATCHFIRE_LOG_LEVEL": "ERROR",
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("WATCHFIRE_")} | chosen


def url(who: str) -> str:
    """Give a node's address."""
    return f"http://127.0.0.1:{NODES[who][2]}"


def serve(who: str) -> int:
    """Start a node, which goes on after this program; give its process id once it answers."""
    print(f"{DIM}{who:>4} ${END} watchfire serve &", flush=True)
    with (FOLDER / f"{who}.log").open("w") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"], env=environment(who), stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and started.poll() is None:
        if "Serving" in (FOLDER / f"{who}.log").read_text() and is_up(who):
            tell(f"serves at {url(who)}, process {started.pid}")
            return started.pid
        time.sleep(0.05)
    sys.exit(f"The node of {who} does not start; see {FOLDER / who}.log. Is port {NODES[who][2]} free?")


def is_up(who: str) -> bool:
    """Ask a node whether it is ready."""
    try:
        with urllib.request.urlopen(f"{url(who)}/readyz", timeout=1) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def wait_for(who: str, status: str) -> dict[str, Any]:
    """Ask about the address until the answer has this status; tell how long that took."""
    print(f"{DIM}{who:>4} ${END} watchfire check {ADDRESS} --chain ethereum", flush=True)
    begun = time.monotonic()
    while time.monotonic() < begun + PATIENCE:
        answer: dict[str, Any] = run(who, "check", ADDRESS, "--chain", "ethereum", quiet=True)
        if answer["status"] == status:
            tell(f"{status}, {time.monotonic() - begun:.1f} s after the question was first asked")
            for line in answer["because"]:
                tell(f"  {line}")
            return answer
        time.sleep(0.02)
    sys.exit(f"The node of {who} does not answer '{status}' within {PATIENCE:.0f} s.")


def stop_former() -> None:
    """Stop the nodes of an earlier demonstration, by the process ids that it wrote down."""
    noted = FOLDER / "processes"
    for line in noted.read_text().split() if noted.exists() else ():
        place = Path("/proc") / line / "cmdline"
        if place.exists() and b"app\0serve" in place.read_bytes():
            os.kill(int(line), signal.SIGTERM)
            while place.exists() and b"app\0serve" in place.read_bytes():
                time.sleep(0.05)


def main() -> None:
    """Tell the story."""
    if FOLDER.exists():
        stop_former()
        shutil.rmtree(FOLDER)
    FOLDER.mkdir()

    say("1. Two organizations, each with a node of its own.")
    for who, (name, kind, _) in NODES.items():
        run(who, "init", "--name", name, "--kind", kind)
    ids = {who: run(who, "node", quiet=True) for who in NODES}
    pids = [serve(who) for who in NODES]
    (FOLDER / "processes").write_text("\n".join(map(str, pids)) + "\n")

    say("2. Their operators compare fingerprints, and each accepts the other.")
    for who, other in (("ngo", "firm"), ("firm", "ngo")):
        found = run(who, "peer", "add", url(other), "--fingerprint", ids[other]["fingerprint"])
        tell(f"{found['state']}")

    say("3. The NGO makes a sharing group with the firm.")
    firm = ids["firm"]["organization"]
    group = run("ngo", "group", "add", "Circle of Trust", "--member", ids["ngo"]["organization"], "--member", firm)
    tell(f"group {group['id']}")

    say("4. The NGO reports an address to the group; the firm's node has it within a second.")
    report = run(
        "ngo", "submit", "--address", ADDRESS, "--chain", "ethereum", "--category", "sex_trafficking",
        "--method", "advert", "--confidence", "70", "--tlp", "AMBER", "--audience", f"group:{group['id']}",
    )  # fmt: skip
    tell(f"report {report['id']}")
    wait_for("firm", "listed")

    say("5. The firm knows better, and says so; the NGO sees it.")
    run("firm", "dispute", report["id"], "--reason", "service_address")
    wait_for("ngo", "disputed")

    say("6. The NGO takes the report back; it is undone everywhere it went.")
    run("ngo", "revoke", report["id"], "--reason", "mistaken")
    wait_for("firm", "revoked")
    wait_for("ngo", "revoked")

    say("7. Both operators can prove what they hold.")
    for who in NODES:
        verdict = run(who, "log", "verify")
        tell(f"ok: {verdict['ok']}, {verdict['entries']} entries in {verdict['logs']} logs")
    explained = run("ngo", "peer", "explain", report["id"], ids["firm"]["id"])
    for sentence in explained["sentences"]:
        tell(sentence)

    say("Both nodes go on running. To use them:")
    for who in NODES:
        print(f"  watchfire login --url {url(who)} --key-file {FOLDER}/{who}/first-api-key --profile {who}")
    print(f"  watchfire peer list --data {FOLDER}/ngo")
    print(f"  kill {' '.join(map(str, pids))}    # when you have seen enough")


if __name__ == "__main__":
    main()
