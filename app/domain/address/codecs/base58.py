"""Base58, base58check and Monero's block base58.

The rule here: one value has one text; a text whose leading zero digits do not match its leading zero bytes is
refused, because two spellings of one address would be two identities.

A text is one integer in base 58, which GMP reads at once. Where there is no GMP the digits, one in each byte, are
merged pair by pair, then pairs with pairs: each step replaces `high * 2^bits + low` by `high * 58^digits + low` in all
lanes at once, so 64 digits take six steps of whole-integer arithmetic instead of 64 multiplications.
"""

from collections.abc import Sequence
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
_LONGEST: Final = 256  # characters; the callers' cap
_BLOCK_TEXT: Final = 11
_BLOCK_BYTES: Final = 8
_TEXT_TO_BYTES: Final = {0: 0, 2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7}  # Monero's last, short block
_GMP: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"  # the digits as GMP writes them


def digits(alphabet: bytes) -> bytes:
    """Return the translation table of an alphabet of 58: character to GMP's digit, every other byte to "!"."""
    table = bytearray(b"!" * 256)
    for digit, character in zip(_GMP, alphabet, strict=True):
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
_LINES: Final = _DIGITS[:10] + b"\n" + _DIGITS[11:]  # with line breaks, between many texts
_STRANGER: Final = 255  # what is no digit
_VALUES: Final = bytes(_GMP.index(byte) if byte in _GMP else _STRANGER for byte in range(256))
_STEPS: Final = _merges(58)
_PLANS: Final = tuple(_STEPS[: max(length - 1, 0).bit_length()] for length in range(_LONGEST + 1))


def _merged(written: str) -> int:
    """Return the integer of digits as GMP writes them, in pure Python. Raises ValueError for what is no digit."""
    values = written.encode().translate(_VALUES)
    if _STRANGER in values:
        raise ValueError
    value = int.from_bytes(values, "big")
    for bits, mask, excess in _PLANS[len(values)]:
        value -= (value >> bits & mask) * excess
    return value


def _merged_of(written: str, _: int) -> int:
    return _merged(written)


def _value(written: str) -> int:
    if len(written) > _LONGEST:
        raise refusal("bad_length")
    try:
        return mpz(written or "0", 58) if mpz else _merged(written)
    except ValueError:
        raise refusal("bad_character") from None


def decode(text: str, size: int, table: bytes = _DIGITS) -> bytes:
    """Decode base58 text to exactly `size` bytes.

    Raises InvalidAddress: bad_character, bad_length.
    """
    written = text.encode("ascii", "replace").translate(table).decode()
    value = _value(written)
    zeros = len(written) - len(written.lstrip("0")) if written[:1] == "0" else 0
    if zeros + (value.bit_length() + 7 >> 3) != size:
        raise refusal("bad_length")
    return value.to_bytes(size, "big")


def decode_check(text: str, size: int, table: bytes = _DIGITS) -> bytes:
    """Decode base58check text of `size` bytes, and return them without the four checksum bytes.

    The checksum is the beginning of a double SHA-256. Raises InvalidAddress: bad_character, bad_length, bad_checksum.
    """
    raw = decode(text, size, table)
    payload = raw[:-_CHECKSUM]
    if not sha256(sha256(payload).digest()).digest().startswith(raw[-_CHECKSUM:]):
        raise refusal("bad_checksum")
    return payload


def decode_check_many(texts: Sequence[str], size: int) -> list[bytes | None]:
    """Decode many base58check texts as `decode_check` does; None for each that it would refuse.

    In one loop, because the calls between functions cost a third of what decoding one text does.
    """
    lines = "\n".join(texts).encode("ascii", "replace").translate(_LINES).decode().split("\n")
    payloads: list[bytes | None] = [None] * len(texts)
    if len(lines) != len(texts):  # one of them holds a line break
        return payloads
    longest = 2 * size  # characters, beyond any text of `size` bytes
    number = mpz or _merged_of
    for place, written in enumerate(lines):
        if "!" in written or not 0 < len(written) < longest:
            continue
        value = number(written, 58)
        zeros = len(written) - len(written.lstrip("0")) if written[0] == "0" else 0
        if zeros + (value.bit_length() + 7 >> 3) == size:
            raw = value.to_bytes(size, "big")
            payload = raw[:-_CHECKSUM]
            if sha256(sha256(payload).digest()).digest()[:_CHECKSUM] == raw[-_CHECKSUM:]:
                payloads[place] = payload
    return payloads


def encode(raw: bytes, alphabet: bytes = BITCOIN) -> str:
    """Encode bytes as base58, one zero digit for each leading zero byte."""
    value = int.from_bytes(raw, "big")
    text = bytearray()
    while value:
        value, digit = divmod(value, 58)
        text.append(alphabet[digit])
    text += alphabet[:1] * (len(raw) - len(raw.lstrip(b"\0")))
    return text[::-1].decode()


def beginnings(version: bytes, rest: int) -> tuple[str, ...]:
    """Return the first one or two characters of every text of a version and `rest` further bytes."""
    if version[0] == 0:
        return (chr(BITCOIN[0]),)
    low, high = (encode(version + filling * rest) for filling in (b"\0", b"\xff"))
    first, last = ((BITCOIN.index(ord(text[0])) * 58 + BITCOIN.index(ord(text[1]))) for text in (low, high))
    pairs = range(first, last + 1) if len(low) == len(high) else (*range(first, 58 * 58), *range(58, last + 1))
    return tuple(chr(BITCOIN[pair // 58]) + chr(BITCOIN[pair % 58]) for pair in pairs)


def encode_check(payload: bytes, alphabet: bytes = BITCOIN) -> str:
    """Encode bytes and the first four bytes of their double SHA-256 as base58."""
    return encode(payload + sha256(sha256(payload).digest()).digest()[:_CHECKSUM], alphabet)


def decode_blocks(text: str) -> bytes:
    """Decode Monero's base58: blocks of 11 characters for 8 bytes, the last one shorter.

    Raises InvalidAddress: bad_character, bad_length (no such last block, or a block above its bytes).
    """
    written = text.encode("ascii", "replace").translate(_DIGITS).decode()
    rest = len(written) % _BLOCK_TEXT
    if "!" in written:
        raise refusal("bad_character")
    if rest not in _TEXT_TO_BYTES or len(written) > _LONGEST:
        raise refusal("bad_length")
    last = len(written) - rest
    blocks = [_block(written[at : at + _BLOCK_TEXT], _BLOCK_BYTES) for at in range(0, last, _BLOCK_TEXT)]
    return b"".join(blocks) + _block(written[last:], _TEXT_TO_BYTES[rest])


def _block(written: str, size: int) -> bytes:
    value = _value(written)
    if value >> 8 * size:
        raise refusal("bad_length")
    return value.to_bytes(size, "big") if size else b""


def encode_blocks(raw: bytes) -> str:
    """Encode bytes in Monero's base58."""
    lengths = {size: length for length, size in _TEXT_TO_BYTES.items()} | {_BLOCK_BYTES: _BLOCK_TEXT}
    blocks = [raw[at : at + _BLOCK_BYTES] for at in range(0, len(raw), _BLOCK_BYTES)]
    return "".join(encode(block.lstrip(b"\0")).rjust(lengths[len(block)], "1") for block in blocks)
