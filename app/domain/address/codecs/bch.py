"""BCH checksums over symbols of five bits: what bech32, blech32 and cashaddr have in common.

The rule here: symbols in, symbols out; which characters stand for them, and which constant is right, is the format's.

A checksum is linear over GF(2): the residue of a text is the exclusive or of what each symbol contributes at its
distance from the end, so a table for each distance replaces the shift register.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, reduce
from operator import getitem, xor


def split(prefix: str) -> list[int]:
    """Return the symbols of a prefix as bech32 counts it: high bits, a zero, low bits."""
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def low(prefix: str) -> list[int]:
    """Return the symbols of a prefix as cashaddr counts it: low bits, a zero."""
    return [ord(c) & 31 for c in prefix] + [0]


class Code:
    """One code: its generator, its number of checksum symbols, the longest text, and how a prefix is counted."""

    def __init__(
        self, generator: Sequence[int], checksum: int, longest: int, count: Callable[[str], list[int]]
    ) -> None:
        self.checksum = checksum
        self.longest = longest
        self._bits = 5 * checksum
        self._table = [reduce(xor, (g for i, g in enumerate(generator) if out >> i & 1), 0) for out in range(32)]
        self._count = count
        self._start = lru_cache(maxsize=1024)(self._started)

    def residue(self, prefix: str, values: bytes) -> int:
        """Return the constant that a prefix and its symbols, checksum included, were made with."""
        return reduce(xor, map(getitem, self._rows, values[::-1]), self._start(prefix, len(values)))

    def extend(self, prefix: str, values: bytes, constant: int) -> bytes:
        """Return symbols with their checksum of `constant`."""
        rest = self.residue(prefix, values + bytes(self.checksum)) ^ constant
        return values + bytes(rest >> 5 * place & 31 for place in reversed(range(self.checksum)))

    def _step(self, state: int, symbol: int) -> int:
        top = self._bits - 5
        return (state & (1 << top) - 1) << 5 ^ symbol ^ self._table[state >> top]

    def _started(self, prefix: str, length: int) -> int:
        return reduce(self._step, [*self._count(prefix), *([0] * length)], 1)

    @cached_property
    def _rows(self) -> tuple[tuple[int, ...], ...]:
        """Return, for each distance from the end of a text, what each of the 32 symbols adds to the residue."""
        bits, rows = [1, 2, 4, 8, 16], []
        for _ in range(self.longest):
            row = [0]
            for bit in bits:
                row += [value ^ bit for value in row]
            rows.append(tuple(row))
            bits = [self._step(bit, 0) for bit in bits]
        return tuple(rows)
