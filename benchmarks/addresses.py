"""Time what an address costs in bulk, family by family, beside what other packages take for the same texts.

The rule here: a ratio to two SHA-256 of 21 bytes, measured in the same run, is what may be compared between machines
and days; microseconds are for the reader.
"""

import random
import timeit
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import base58 as base58_package
import bech32 as bech32_package
import bip_utils

from app.domain.address import find_chain, parse, parse_many, readings
from app.domain.address.chain import Chain
from app.domain.address.codecs import base58, bech32
from app.domain.errors import InvalidAddress

REAL = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "addresses" / "bitcoin.txt"
MIX = {"1": 22, "3": 64, "wpkh": 8, "wsh": 6}  # per cent of each form among 299,806 published addresses
COUNT = 20_000
FEW = 500  # addresses of each other family
ROUNDS = 9
FLOOR = "two SHA-256 of 21 bytes"

# A chain of each family, with its decoder in bip_utils where that has one.
FAMILIES: Mapping[str, Callable[[str], object] | None] = {
    "bitcoin-cash": None,
    "tron": bip_utils.TrxAddrDecoder.DecodeAddr,
    "xrp": bip_utils.XrpAddrDecoder.DecodeAddr,
    "solana": bip_utils.SolAddrDecoder.DecodeAddr,
    "monero": lambda text: bip_utils.XmrAddrDecoder.DecodeAddr(text, net_ver=b"\x12"),
    "cosmos": lambda text: bip_utils.AtomAddrDecoder.DecodeAddr(text, hrp="cosmos"),
    "polkadot": lambda text: bip_utils.SubstrateSr25519AddrDecoder.DecodeAddr(text, ss58_format=0),
    "stellar": lambda text: bip_utils.XlmAddrDecoder.DecodeAddr(text, addr_type=bip_utils.XlmAddrTypes.PUB_KEY),
    "algorand": bip_utils.AlgoAddrDecoder.DecodeAddr,
    "cardano": bip_utils.AdaShelleyAddrDecoder.DecodeAddr,
    "tezos": lambda text: bip_utils.XtzAddrDecoder.DecodeAddr(text, prefix=bip_utils.XtzAddrPrefixes.TZ1),
    "ton": None,
    "filecoin": bip_utils.FilSecp256k1AddrDecoder.DecodeAddr,
    "nano": bip_utils.NanoAddrDecoder.DecodeAddr,
    "zcash": None,
    "liquid": None,
    "near": bip_utils.NearAddrDecoder.DecodeAddr,
    "aptos": bip_utils.AptosAddrDecoder.DecodeAddr,
    "hedera": None,
    "internet-computer": None,
    "waves": None,
    "decred": None,
    "eos": None,
}


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


def parse_each(chain: Chain, texts: Sequence[str]) -> None:
    for text in texts:
        try:
            parse(chain, text)
        except InvalidAddress:
            continue


def hash_all(payloads: Sequence[bytes]) -> None:
    for payload in payloads:
        sha256(sha256(payload).digest()).digest()


def ask_all(decode: Callable[[str], object], texts: Sequence[str]) -> None:
    for text in texts:
        try:
            decode(text)
        except (ValueError, TypeError):
            continue


def by_packages(text: str) -> object:
    """Read a Bitcoin address by the packages base58 and bech32."""
    if text.startswith("bc1"):
        return bech32_package.decode("bc", text)
    return base58_package.b58decode_check(text)


def by_bip_utils(text: str) -> object:
    if text.startswith("bc1"):
        return bip_utils.SegwitBech32Decoder.Decode("bc", text)
    return bip_utils.Base58Decoder.CheckDecode(text)


def microseconds(works: Mapping[str, tuple[Callable[[], object], int]]) -> dict[str, float]:
    """Return the best of ROUNDS for each work; the rounds take turns, so that a busy moment hits all alike."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, (work, count) in works.items():
            best[name] = min(best[name], timeit.timeit(work, number=1) / count * 1e6)
    return best


def the_bulk(rng: random.Random) -> Iterator[tuple[str, tuple[Callable[[], object], int]]]:
    source, mix = bitcoin_mix(rng)
    payloads = [rng.randbytes(21) for _ in range(COUNT)]
    accounts = [f"0x{rng.randbytes(20).hex()}" for _ in range(COUNT)]
    bitcoin, ethereum = find_chain("bitcoin"), find_chain("ethereum")
    assert bitcoin
    assert ethereum
    yield FLOOR, (lambda: hash_all(payloads), COUNT)
    yield f"Bitcoin, {source} mix", (partial(parse_many, bitcoin, mix), COUNT)
    yield "Bitcoin, one by one", (partial(parse_each, bitcoin, mix), COUNT)
    yield "  by base58 and bech32", (lambda: ask_all(by_packages, mix), COUNT)
    yield "  by bip_utils", (lambda: ask_all(by_bip_utils, mix[:FEW]), FEW)
    yield "EVM, lower case", (partial(parse_many, ethereum, accounts), COUNT)
    yield "EVM, one by one", (partial(parse_each, ethereum, accounts), COUNT)
    yield "readings of Bitcoin", (lambda: ask_all(readings, mix[:FEW]), FEW)


def the_families(rng: random.Random) -> Iterator[tuple[str, tuple[Callable[[], object], int]]]:
    for slug, other in FAMILIES.items():
        chain = find_chain(slug)
        assert chain, slug
        texts = [chain.form.sample(rng.randbytes(32)) for _ in range(FEW)]
        yield slug, (partial(parse_each, chain, texts), FEW)
        if other is not None:
            yield f"  {slug} by bip_utils", (partial(ask_all, other, texts), FEW)


def main() -> None:
    rng = random.Random(1)
    costs = microseconds({**dict(the_bulk(rng)), **dict(the_families(rng))})
    own = ""
    for name, cost in costs.items():
        line = f"{name:32}{cost:9.2f} us {cost / costs[FLOOR]:8.1f} x"
        if name.startswith("  "):
            line += f"   we take {costs[own] / cost:.2f} of it"
        else:
            own = name
        print(line)


if __name__ == "__main__":
    main()
