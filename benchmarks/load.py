"""A caller: keeps connections busy with one prepared request each, and counts the answers.

Run as a process of its own, so that it does not take the measured one's turn: `python -m benchmarks.load JSON`.
"""

import asyncio
import json
import sys
import time
from typing import Any


async def _worker(host: str, port: int, requests: list[bytes], until: float) -> tuple[int, int]:
    reader, writer = await asyncio.open_connection(host, port)
    good = bad = 0
    place = 0
    while time.monotonic() < until:
        writer.write(requests[place % len(requests)])
        place += 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        if head[9:10] == b"2":
            good += 1
        else:
            bad += 1
    writer.close()
    return good, bad


async def _run(job: dict[str, Any]) -> tuple[int, int]:
    until = time.monotonic() + job["seconds"]
    shares = [job["requests"][place :: job["connections"]] for place in range(job["connections"])]
    done = await asyncio.gather(
        *(_worker(job["host"], job["port"], [item.encode("latin-1") for item in share], until) for share in shares)
    )
    return sum(good for good, _ in done), sum(bad for _, bad in done)


def main() -> None:
    job = json.loads(sys.stdin.read())
    good, bad = asyncio.run(_run(job))
    print(json.dumps({"rate": good / job["seconds"], "bad": bad}))


if __name__ == "__main__":
    main()
