"""Time what an address costs, as a ratio to two SHA-256 of 21 bytes measured in the same run.

The rule here: the ratio is what may be compared between machines and days; microseconds are for the reader.
"""

import random
import timeit
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from app.domain.address import find_chain, parse, readings
from app.domain.address.chain import Chain
from app.domain.address.codecs import base58, bech32
from app.domain.errors import InvalidAddress

REAL = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "addresses" / "bitcoin.txt"
MIX = {"1": 22, "3": 64, "wpkh": 8, "wsh": 6}  # per cent of each form among 299,806 published addresses
COUNT = 20_000
FEW = 1000
ROUNDS = 9


def made_mix(rng: random.Random) -> list[str]:
    makers: dict[str, Callable[[], str]] = {
        "1": lambda: base58.encode_check(b"\0" + rng.randbytes(20)),
        "3": lambda: base58.encode_check(b"\5" + rng.randbytes(20)),
        "wpkh": lambda: bech32.encode("bc", b"\0" + bech32.unpack(rng.randbytes(20)), bech32.BECH32),
        "wsh": lambda: bech32.encode("bc", b"\0" + bech32.unpack(rng.randbytes(32)), bech32.BECH32),
    }
    return [makers[form]() for form in rng.choices(list(MIX), list(MIX.values()), k=COUNT)]


def bitcoin_mix(rng: random.Random) -> tuple[str, list[str]]:
    if REAL.is_file():
        return "published", rng.sample(REAL.read_text(encoding="utf-8").split("\n")[:-1], COUNT)
    return "made", made_mix(rng)


def parse_all(chain: Chain, texts: Sequence[str]) -> None:
    for text in texts:
        try:
            parse(chain, text)
        except InvalidAddress:
            continue


def hash_all(payloads: Sequence[bytes]) -> None:
    for payload in payloads:
        sha256(sha256(payload).digest()).digest()


def read_all(texts: Sequence[str]) -> None:
    for text in texts:
        readings(text)


def microseconds(works: Mapping[str, tuple[Callable[[], None], int]]) -> dict[str, float]:
    """Return the best of ROUNDS for each work; the rounds take turns, so that a busy moment hits all alike."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, (work, count) in works.items():
            best[name] = min(best[name], timeit.timeit(work, number=1) / count * 1e6)
    return best


def main() -> None:
    rng = random.Random(1)
    source, mix = bitcoin_mix(rng)
    payloads = [rng.randbytes(21) for _ in range(COUNT)]
    accounts = [f"0x{rng.randbytes(20).hex()}" for _ in range(COUNT)]
    bitcoin, ethereum = find_chain("bitcoin"), find_chain("ethereum")
    assert bitcoin
    assert ethereum
    floor = "two SHA-256 of 21 bytes"
    costs = microseconds(
        {
            floor: (lambda: hash_all(payloads), COUNT),
            f"Bitcoin, {source} mix": (lambda: parse_all(bitcoin, mix), COUNT),
            "EVM, lower case": (lambda: parse_all(ethereum, accounts), COUNT),
            "readings of Bitcoin": (lambda: read_all(mix[:FEW]), FEW),
        }
    )
    for name, cost in costs.items():
        print(f"{name:28}{cost:8.2f} us {cost / costs[floor]:6.1f} x")


if __name__ == "__main__":
    main()
