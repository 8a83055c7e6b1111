"""BLAKE-256, the SHA-3 finalist of 2010 (14 rounds, no salt), with which Decred checks its addresses.

The rule here: it is not BLAKE2, which hashlib has. The letters are those of the submission: v is the state of one
block, m its words, c the digits of pi, t how many bits of the message the block completes.
"""

import struct
from typing import Final

_WORD: Final = 0xFFFFFFFF
_BLOCK: Final = 64  # bytes
_ROUNDS: Final = 14
_START: Final = struct.unpack(">8L", bytes.fromhex("6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19"))
_PI: Final = struct.unpack(
    ">16L",
    bytes.fromhex(
        "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89"
        "452821e638d01377be5466cf34e90c6cc0ac29b7c97c50dd3f84d5b5b5470917"
    ),
)
_ORDERS: Final = tuple(
    tuple(int(digit, 16) for digit in row)
    for row in (
        "0123456789abcdef",
        "ea489fd61c02b753",
        "b8c052fdae367194",
        "7931dcbe265a40f8",
        "905724afe1bc683d",
        "2c6a0b834d75fe19",
        "c51fed4a0763928b",
        "db7ec13950f4862a",
        "6fe9b308c2d714a5",
        "a2847615fb9e3cd0",
    )
)
_COLUMNS_AND_DIAGONALS: Final = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)


def blake256(data: bytes) -> bytes:
    """Return the 32 bytes of BLAKE-256."""
    state, bits = _START, 8 * len(data)
    zeros = -(len(data) + 10) % _BLOCK
    end = b"\x81" if zeros == _BLOCK - 1 else b"\x80" + bytes(zeros) + b"\x01"
    padded = data + end + struct.pack(">Q", bits)
    for at in range(0, len(padded), _BLOCK):
        counted = min(bits, 8 * (at + _BLOCK)) if 8 * at < bits else 0
        state = _compress(state, struct.unpack(">16L", padded[at : at + _BLOCK]), counted)
    return struct.pack(">8L", *state)


def _compress(state: tuple[int, ...], m: tuple[int, ...], t: int) -> tuple[int, ...]:
    v = [*state, *_PI[:8]]
    for place, word in ((12, t), (13, t), (14, t >> 32), (15, t >> 32)):
        v[place] ^= word & _WORD
    for number in range(_ROUNDS):
        order = _ORDERS[number % len(_ORDERS)]
        for step, lanes in enumerate(_COLUMNS_AND_DIAGONALS):
            i, j = order[2 * step], order[2 * step + 1]
            _mix(v, lanes, m[i] ^ _PI[j], m[j] ^ _PI[i])
    return tuple(old ^ v[place] ^ v[place + 8] for place, old in enumerate(state))


def _mix(v: list[int], lanes: tuple[int, int, int, int], first: int, second: int) -> None:
    a, b, c, d = (v[lane] for lane in lanes)
    for word, left, right in ((first, 16, 12), (second, 8, 7)):
        a = a + b + word & _WORD
        d ^= a
        d = (d >> left | d << 32 - left) & _WORD
        c = c + d & _WORD
        b ^= c
        b = (b >> right | b << 32 - right) & _WORD
    for lane, value in zip(lanes, (a, b, c, d), strict=True):
        v[lane] = value
