"""One signed-in look-up through the whole stack, against a bare FastAPI endpoint on the same server.

The floor is an endpoint with a path parameter and one dependency; the goal is 0.4 of it.
"""

import json
import statistics
import subprocess
import sys
from urllib.parse import urlsplit

from benchmarks.servers import ROOT, free_port, imported, made_addresses, postgres, running, served

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 16
LISTED = 300_000

BARE = """
import sys
from typing import Annotated
import uvicorn
from fastapi import Depends, FastAPI, Request
app = FastAPI()
def who(request: Request) -> str:
    return request.headers.get("authorization", "")
@app.get("/addresses/{address}")
async def look_up(address: str, who: Annotated[str, Depends(who)]) -> dict[str, str]:
    return {"address": address}
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
"""


def rate(url: str, paths: list[str], key: str, method: str = "GET", bodies: list[str] | None = None) -> float:
    """Give the answers per second of a server that is asked these paths in turn."""
    host = urlsplit(url)
    requests = []
    for place, path in enumerate(paths):
        body = "" if bodies is None else bodies[place]
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        requests.append(
            f"{method} {path} HTTP/1.1\r\nHost: {host.netloc}\r\nAuthorization: Bearer {key}\r\n{length}\r\n{body}"
        )
    job = {
        "host": host.hostname,
        "port": host.port,
        "connections": CONNECTIONS,
        "seconds": SECONDS,
        "requests": requests,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        cwd=ROOT,
        input=json.dumps(job).encode(),
        check=True,
        capture_output=True,
    )
    answer = json.loads(done.stdout)
    if answer["bad"]:
        raise RuntimeError(f"{answer['bad']} answers were refusals")
    return float(answer["rate"])


def compare(name: str, database_url: str | None) -> None:
    listed = made_addresses(LISTED)
    port = free_port()
    bare_url = f"http://127.0.0.1:{port}"
    bare = [sys.executable, "-c", BARE, str(port)]
    with served(database_url) as node, imported(node, listed), running(bare, f"{bare_url}/openapi.json"):
        hits = [f"/v1/addresses/{address}?chain=bitcoin" for address in listed[::100]]
        misses = [f"/v1/addresses/{address}?chain=bitcoin" for address in made_addresses(3_000, seed=2)]
        floors = [f"/addresses/{address}" for address in listed[::100]]
        rows = [
            (rate(bare_url, floors, node.key), rate(node.url, hits, node.key), rate(node.url, misses, node.key))
            for _ in range(ROUNDS)
        ]
    floor, hit, miss = (statistics.median(column) for column in zip(*rows, strict=True))
    hit_ratio = statistics.median(row[1] / row[0] for row in rows)
    miss_ratio = statistics.median(row[2] / row[0] for row in rows)
    print(
        f"look-up among {LISTED:,} on {name}: listed {hit:,.0f}/s = {hit_ratio:.2f} of a bare endpoint, "
        f"not listed {miss:,.0f}/s = {miss_ratio:.2f} (bare {floor:,.0f}/s; goal 0.40)"
    )


def main() -> None:
    compare("SQLite", None)
    with postgres() as url:
        compare("PostgreSQL", url)


if __name__ == "__main__":
    main()
