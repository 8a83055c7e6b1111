"""F4Jumble: Zcash's mixing of a whole message, so that no part of a unified address can be exchanged unseen.

The rule here: names and steps are those of ZIP 316 "Jumbling": four rounds of BLAKE2b over a left part of at most 64
bytes and the rest.
"""

import hashlib
from operator import xor
from typing import Final

SHORTEST: Final = 48  # bytes
_HASH: Final = 64  # bytes, the longest output of BLAKE2b


def unjumble(jumbled: bytes) -> bytes:
    """Return the message of 48 bytes or more that was jumbled."""
    cut = min(_HASH, len(jumbled) // 2)
    c, d = jumbled[:cut], jumbled[cut:]
    y = _mixed(c, _h(1, d, cut))
    x = _mixed(d, _g(1, y, len(d)))
    a = _mixed(y, _h(0, x, cut))
    return a + _mixed(x, _g(0, a, len(d)))


def jumble(message: bytes) -> bytes:
    """Return the jumbled bytes of a message of 48 bytes or more, as many as it has."""
    cut = min(_HASH, len(message) // 2)
    a, b = message[:cut], message[cut:]
    x = _mixed(b, _g(0, a, len(b)))
    y = _mixed(a, _h(0, x, cut))
    d = _mixed(x, _g(1, y, len(b)))
    return _mixed(y, _h(1, d, cut)) + d


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(map(xor, one, other))


def _h(number: int, data: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, digest_size=size, person=b"UA_F4Jumble_H" + bytes([number, 0, 0])).digest()


def _g(number: int, data: bytes, size: int) -> bytes:
    person = b"UA_F4Jumble_G" + bytes([number])
    blocks = range(-(-size // _HASH))
    return b"".join(hashlib.blake2b(data, person=person + block.to_bytes(2, "little")).digest() for block in blocks)[
        :size
    ]
