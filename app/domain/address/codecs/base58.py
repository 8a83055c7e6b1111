"""Base58, base58check and Monero's block base58.

The rule here: one value has one text; a text whose leading zero digits do not match its leading zero bytes is
refused, because two spellings of one address would be two identities.

A text is one integer in base 58, which GMP reads at once. Where there is no GMP the digits, one in each byte, are
merged pair by pair, then pairs with pairs: each step replaces `high * 2^bits + low` by `high * 58^digits + low` in all
lanes at once, so 64 digits take six steps of whole-integer arithmetic instead of 64 multiplications.
"""

from hashlib import sha256
from typing import Final

from app.domain.address.refusals import refusal

try:
    from gmpy2 import mpz
except ImportError:  # a platform for which there is no GMP
    mpz = None

BITCOIN: Final = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE: Final = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_CHECKSUM: Final = 4
_STRANGER: Final = 255  # what a character outside the alphabet becomes
_LONGEST: Final = 256  # characters; the callers' cap
_BLOCK_TEXT: Final = 11
_BLOCK_BYTES: Final = 8
_TEXT_TO_BYTES: Final = {0: 0, 2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7}  # Monero's last, short block


def digits(alphabet: bytes) -> bytes:
    """Return the translation table of an alphabet of 58: character to digit, every other byte to 255."""
    table = bytearray([_STRANGER] * 256)
    for digit, character in enumerate(alphabet):
        table[character] = digit
    return bytes(table)


def _merges(radix: int) -> tuple[tuple[int, int, int], ...]:
    steps, bits = [], 8
    while bits < 8 * _LONGEST:
        mask = sum(((1 << bits) - 1) << lane for lane in range(0, 8 * _LONGEST, 2 * bits))
        steps.append((bits, mask, (1 << bits) - radix))
        bits, radix = 2 * bits, radix * radix
    return tuple(steps)


_DIGITS: Final = digits(BITCOIN)
_GMP: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv".ljust(256)  # GMP's own digits, from values
_STEPS: Final = _merges(58)
_PLANS: Final = tuple(_STEPS[: max(length - 1, 0).bit_length()] for length in range(_LONGEST + 1))


def _symbols(text: str, table: bytes) -> bytes:
    symbols = text.encode("ascii", "replace").translate(table)
    if _STRANGER in symbols:
        raise refusal("bad_character")
    if len(symbols) > _LONGEST:
        raise refusal("bad_length")
    return symbols


def merged(symbols: bytes) -> int:
    """Return the integer whose base 58 digits are the bytes, in pure Python."""
    value = int.from_bytes(symbols, "big")
    for bits, mask, excess in _PLANS[len(symbols)]:
        value -= (value >> bits & mask) * excess
    return value


def _value(symbols: bytes) -> int:
    return mpz(symbols.translate(_GMP).decode() or "0", 58) if mpz else merged(symbols)


def decode(text: str, size: int, table: bytes = _DIGITS) -> bytes:
    """Decode base58 text to exactly `size` bytes.

    Raises InvalidAddress: bad_character, bad_length.
    """
    symbols = _symbols(text, table)
    value = _value(symbols)
    zeros = len(symbols) - len(symbols.lstrip(b"\0")) if symbols[:1] == b"\0" else 0
    if zeros + (value.bit_length() + 7 >> 3) != size:
        raise refusal("bad_length")
    return value.to_bytes(size, "big")


def decode_check(text: str, size: int, table: bytes = _DIGITS) -> bytes:
    """Decode base58check text of `size` bytes, and return them without the four checksum bytes.

    The checksum is the beginning of a double SHA-256. Raises InvalidAddress: bad_character, bad_length, bad_checksum.
    """
    raw = decode(text, size, table)
    payload = raw[:-_CHECKSUM]
    if sha256(sha256(payload).digest()).digest()[:_CHECKSUM] != raw[-_CHECKSUM:]:
        raise refusal("bad_checksum")
    return payload


def encode(raw: bytes, alphabet: bytes = BITCOIN) -> str:
    """Encode bytes as base58, one zero digit for each leading zero byte."""
    value = int.from_bytes(raw, "big")
    text = bytearray()
    while value:
        value, digit = divmod(value, 58)
        text.append(alphabet[digit])
    text += alphabet[:1] * (len(raw) - len(raw.lstrip(b"\0")))
    return text[::-1].decode()


def encode_check(payload: bytes, alphabet: bytes = BITCOIN) -> str:
    """Encode bytes and the first four bytes of their double SHA-256 as base58."""
    return encode(payload + sha256(sha256(payload).digest()).digest()[:_CHECKSUM], alphabet)


def decode_blocks(text: str) -> bytes:
    """Decode Monero's base58: blocks of 11 characters for 8 bytes, the last one shorter.

    Raises InvalidAddress: bad_character, bad_length (no such last block, or a block above its bytes).
    """
    symbols = _symbols(text, _DIGITS)
    rest = len(symbols) % _BLOCK_TEXT
    if rest not in _TEXT_TO_BYTES:
        raise refusal("bad_length")
    last = len(symbols) - rest
    blocks = [_block(symbols[at : at + _BLOCK_TEXT], _BLOCK_BYTES) for at in range(0, last, _BLOCK_TEXT)]
    return b"".join(blocks) + _block(symbols[last:], _TEXT_TO_BYTES[rest])


def _block(symbols: bytes, size: int) -> bytes:
    value = _value(symbols)
    if value >> 8 * size:
        raise refusal("bad_length")
    return value.to_bytes(size, "big")


def encode_blocks(raw: bytes) -> str:
    """Encode bytes in Monero's base58."""
    lengths = {size: length for length, size in _TEXT_TO_BYTES.items()} | {_BLOCK_BYTES: _BLOCK_TEXT}
    blocks = [raw[at : at + _BLOCK_BYTES] for at in range(0, len(raw), _BLOCK_BYTES)]
    return "".join(encode(block.lstrip(b"\0")).rjust(lengths[len(block)], "1") for block in blocks)
