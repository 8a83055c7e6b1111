"""Ways to spoil an address: edits of its text, and texts with another content whose checksum is right.

The rule here: a checksum is made by other people's code or by hashlib, never by ours.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator
from random import Random

import base58
import bech32
import cbor2
from bip_utils import Base58XmrDecoder, Base58XmrEncoder
from bip_utils.bech32.bch_bech32 import BchBech32Utils
from Crypto.Hash import keccak

ANY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:/+=@ \n\x00\u0130\u212a\uff11\u0663"
BECH32M = 0x2BC830A3
SYMBOLS = bech32.CHARSET
GENERIC = 42  # the SS58 number of no chain
NANO = "13456789abcdefghijkmnopqrstuwxyz"
XRP = base58.XRP_ALPHABET
EDITS = 12
VERSIONS = 48  # first bytes tried of 256

Forge = Callable[[str, Random], list[str]]


def edits(text: str, rng: Random) -> Iterator[str]:
    """Give texts one edit away: replaced, inserted, deleted, swapped and doubled characters, and other cases."""
    own = "".join(sorted(set(text)))
    for _ in range(EDITS):
        at, letter = rng.randrange(len(text)), rng.choice(own if rng.random() < 0.7 else ANY)
        yield text[:at] + letter + text[at + 1 :]
        yield text[:at] + letter + text[at:]
        yield text[:at] + text[at + 1 :]
        yield text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]
        yield text[:at] + text[at].swapcase() + text[at + 1 :]


def spellings(text: str, rng: Random) -> Iterator[str]:
    """Give the text in another dress: case, blanks, zero digits, signs and parts of it."""
    cut = rng.randrange(1, len(text))
    yield from (text.upper(), text.lower(), text.swapcase(), text[0].swapcase() + text[1:])
    yield from (" " + text, text + " ", text + "\n", text + "=", text + "\0", text + text, text[:cut], text[cut:])
    yield from ("1" + text, "r" + text, "0" + text, "0x" + text, "0X" + text, "0X" + text[2:])
    yield from (text[2:], text[:-1], text.partition(":")[2] or text[1:], text.rpartition("1")[2] or text[1:])
    yield from (text.replace("0x", "0x0", 1), text[:3] + text[3:].upper(), "A" + text[1:], text[:2] + " " + text[2:])


def changed(body: bytes, rng: Random) -> Iterator[bytes]:
    """Give other contents: versions, lengths, bytes, and zeros in front or behind."""
    at = rng.randrange(len(body))
    for first in (0, 5, 255, body[0] ^ 0x80, body[0] ^ 1, *rng.sample(range(256), VERSIONS)):
        yield bytes([first]) + body[1:]
    yield body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]
    yield from (body[:1] + bytes([rng.randrange(256)]) + body[2:], body[:-1] + bytes([rng.randrange(256)]))
    yield from (body[1:], body[:-1], b"\0" + body, body + b"\0", body[:1] + body, body + rng.randbytes(8), body[:-8])
    yield from (body[:1] + bytes(len(body) - 1), body[:1] + b"\xff" * (len(body) - 1), body[:1] + b"\0" + body[2:])


def resealed(unseal: Callable[[str], bytes], seal: Callable[[bytes], str]) -> Forge:
    """Return the forger of a form whose content is bytes."""
    return lambda text, rng: [seal(body) for body in changed(unseal(text), rng) if body]


def hashed58(digest: Callable[[bytes], bytes], size: int, alphabet: bytes = base58.BITCOIN_ALPHABET) -> Forge:
    """Return the forger of base58 with the first `size` bytes of a digest behind the content."""
    return resealed(
        lambda text: base58.b58decode(text, alphabet)[:-size],
        lambda body: base58.b58encode(body + digest(body)[:size], alphabet).decode(),
    )


def double_sha256(data: bytes) -> bytes:
    """Return what base58check has."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def _ss58(data: bytes) -> bytes:
    return hashlib.blake2b(b"SS58PRE" + data).digest()


def ss58(text: str, rng: Random) -> list[str]:
    """Return other contents, number 42, the number in two bytes, needlessly or reserved, indexes, and bare keys."""
    made, raw = hashed58(_ss58, 2)(text, rng), base58.b58decode(text)[:-2]
    two = raw[0] >= 64
    number = (raw[0] & 63) << 2 | raw[1] >> 6 | (raw[1] & 63) << 8 if two else raw[0]
    heads = [bytes([number >> 2 & 63 | high, number >> 8 | (number & 3) << 6]) for high in (0x40, 0xC0)]
    bodies = [head + raw[1 + two :] for head in (bytes([GENERIC]), *heads)]
    indexes = [raw[: 1 + two + size] for size in (1, 2, 4, 8)]
    made += [base58.b58encode(index + _ss58(index)[:1]).decode() for index in indexes]
    made += [f"0x{raw[1 + two :][:size].hex()}" for size in (1, 2, 4, 8, 31, 32)] + [f"0x{raw[1 + two :].hex()}00"]
    return made + [base58.b58encode(body + _ss58(body)[:2]).decode() for body in bodies]


def nano(text: str, rng: Random) -> list[str]:
    """Return other keys, whether they are points of the curve or not."""
    number = 0
    for character in text.rpartition("_")[2][:52]:
        number = number << 5 | NANO.index(character)
    return [_nano(key) for key in changed(number.to_bytes(33, "big")[1:], rng) if len(key) == 32]


def _nano(key: bytes) -> str:
    number = int.from_bytes(key + hashlib.blake2b(key, digest_size=5).digest()[::-1], "big")
    return "nano_" + "".join(NANO[number >> 5 * place & 31] for place in reversed(range(60)))


def _blake2b(size: int) -> Callable[[bytes], bytes]:
    return lambda data: hashlib.blake2b(data, digest_size=size).digest()


def _base32(unsealed: int, digest: Callable[[bytes], bytes], prefix: str = "", letters: str = "") -> Forge:
    """Return the forger of base32 after a `prefix`, the digest behind, in RFC 4648's alphabet unless in `letters`."""
    standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    there, back = str.maketrans(letters or standard, standard), str.maketrans(standard, letters or standard)

    def unseal(text: str) -> bytes:
        data = text[len(prefix) :].translate(there)
        return base64.b32decode(data + "=" * (-len(data) % 8))[:-unsealed]

    def seal(body: bytes) -> str:
        return prefix + base64.b32encode(body + digest(body)).decode().rstrip("=").translate(back)

    return resealed(unseal, seal)


def _crc16(data: bytes) -> bytes:
    return binascii.crc_hqx(data, 0).to_bytes(2, "little")


def _algorand(data: bytes) -> bytes:
    return hashlib.new("sha512_256", data).digest()[-4:]


def keccak4(data: bytes) -> bytes:
    """Return the checksum of a Monero address."""
    return keccak.new(digest_bits=256, data=data).digest()[:4]


def _ton(body: bytes) -> str:
    return base64.urlsafe_b64encode(body + binascii.crc_hqx(body, 0).to_bytes(2, "big")).decode()


def write_bech32(hrp: str, symbols: list[int], constant: int = 1) -> str:
    """Return the text of symbols under a prefix, with a right checksum of `constant`."""
    rest = bech32.bech32_polymod([*bech32.bech32_hrp_expand(hrp), *symbols, 0, 0, 0, 0, 0, 0]) ^ constant
    tail = [rest >> 5 * place & 31 for place in reversed(range(6))]
    return f"{hrp}1{''.join(SYMBOLS[symbol] for symbol in (*symbols, *tail))}"


def _changed_symbols(symbols: list[int], rng: Random) -> Iterator[list[int]]:
    at, other = rng.randrange(len(symbols)), rng.randrange(32)
    yield from ([other, *symbols[1:]], [*symbols[:-1], other], [*symbols[:-1], symbols[-1] | 1])
    yield from ([2, *symbols[1:]], [4, *symbols[1:]], [6, *symbols[1:]], [30, *symbols[1:]])
    yield from ([*symbols, 0], [*symbols, other], symbols[:-1], symbols[1:], [0, *symbols], [1, *symbols[1:]])
    yield from ([*symbols[:at], other, *symbols[at + 1 :]], [*symbols, 0, 0], [*symbols, 0, 0, 0], [], symbols * 2)


def bech32_forgeries(text: str, rng: Random) -> list[str]:
    """Return other contents, constants and prefixes with a right checksum; the head before a dash stays."""
    head, dash, body = text.rpartition("-")
    hrp, _, data = body.lower().rpartition("1")
    symbols = [SYMBOLS.index(character) for character in data[:-6]]
    whole = [*bech32.bech32_hrp_expand(hrp), *(SYMBOLS.index(character) for character in data)]
    constant = bech32.bech32_polymod(whole)
    made = [write_bech32(hrp, other, constant) for other in _changed_symbols(symbols, rng)]
    made += [write_bech32(hrp, symbols, 1), write_bech32(hrp, symbols, BECH32M), write_bech32(hrp, symbols, 2)]
    made += [write_bech32(hrp, [rng.randrange(1, 17), *symbols[1:]], BECH32M)]
    made += [write_bech32(other, symbols, constant) for other in ("tb", "cosmos", hrp + "1", hrp[:-1] + "x", hrp * 2)]
    return [head + dash + forged for forged in (*made, *(forged.upper() for forged in made))]


def cashaddr_forgeries(text: str, rng: Random) -> list[str]:
    """Return other types, sizes and symbols under the same prefix."""
    prefix, _, data = text.rpartition(":")
    symbols = [SYMBOLS.index(character) for character in data[:-8]]
    payload = bytes(bech32.convertbits(symbols, 5, 8, False))[1:]
    bodies = [bytes([kind << 3]) + payload for kind in (0, 1, 2, 3, 4, 15, 16)]
    bodies += [bytes([kind << 3 | 3]) + payload + payload[:12] for kind in range(4)]
    others = [*_changed_symbols(symbols, rng), *(bech32.convertbits(body, 8, 5) for body in bodies)]
    return [_cashaddr(prefix or "bitcoincash", other) for other in others]


def _cashaddr(prefix: str, symbols: list[int]) -> str:
    data = [*symbols, *BchBech32Utils.ComputeChecksum(prefix, symbols)]
    return f"{prefix}:{''.join(SYMBOLS[symbol] for symbol in data)}"


def byron(payload: bytes) -> str:
    """Return the text of Byron's outer document: CBOR in a tag, and its CRC-32."""
    return base58.b58encode(cbor2.dumps([cbor2.CBORTag(24, payload), binascii.crc32(payload)])).decode()


def nothing(_text: str, _rng: Random) -> list[str]:
    """Return no forgeries: the form has no checksum."""
    return []


base58check = hashed58(double_sha256, 4)
ripple = hashed58(double_sha256, 4, XRP)
ergo = hashed58(_blake2b(32), 4)
stellar = _base32(2, _crc16)
algorand = _base32(4, _algorand)
filecoin = _base32(4, lambda body: _blake2b(4)(b"\1" + body), "f1", "abcdefghijklmnopqrstuvwxyz234567")
ton = resealed(lambda text: base64.urlsafe_b64decode(text)[:-2], _ton)
monero = resealed(
    lambda text: Base58XmrDecoder.Decode(text)[:-4], lambda body: Base58XmrEncoder.Encode(body + keccak4(body))
)


def base58_lengths(text: str, rng: Random) -> list[str]:
    """Return base58 of other bytes, as many and more and fewer, for a form without a checksum."""
    return [base58.b58encode(body).decode() for body in changed(base58.b58decode(text), rng)]
