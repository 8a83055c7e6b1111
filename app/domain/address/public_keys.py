"""Public keys: the accounts that a raw key has on each chain, so that asking about a key finds them.

The rule here: a raw key is a question, never a report, and a chain is here only when its account follows from the key
alone by the chain's published rule. Keys of secp256k1 are SEC 1 texts of 33 or 65 bytes, keys of ed25519 and sr25519
32 bytes, all in hexadecimal.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b, sha3_256, sha256
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from app.domain.address.chain import Chain, Form
from app.domain.address.codecs import keccak, secp256k1
from app.domain.address.families import evm
from app.domain.address.families.algorand import Algorand
from app.domain.address.families.base58check import Base58Check
from app.domain.address.families.bitcoin_cash import CashAddr
from app.domain.address.families.cosmos import Cosmos
from app.domain.address.families.litecoin import Litecoin
from app.domain.address.families.move import Move
from app.domain.address.families.near import Near
from app.domain.address.families.solana import Solana
from app.domain.address.families.ss58 import Ss58
from app.domain.address.families.stellar import Stellar
from app.domain.address.families.utxo import Utxo
from app.domain.address.families.xrp import Xrp
from app.domain.address.families.zilliqa import Zilliqa

SECP256K1: Final = "secp256k1"
ED25519: Final = "ed25519"
_EVEN, _ODD, _WHOLE = 2, 3, 4  # the first byte of a SEC 1 point
_COORDINATE: Final = 32
_HASH: Final = 20  # bytes


class PublicKey(NamedTuple):
    """A raw key: `compressed` is 33 bytes on secp256k1, 32 on ed25519; `point` the two coordinates, secp256k1 only."""

    curve: str
    compressed: bytes
    point: bytes = b""


def read_public_key(text: str) -> PublicKey | None:
    """Return the key whose hexadecimal digits, with or without 0x, are all of `text`; None when it is no key."""
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return None
    if len(text.removeprefix("0x")) != 2 * len(raw):  # blanks, which `fromhex` passes over
        return None
    if len(raw) == _COORDINATE:
        return PublicKey(ED25519, raw)
    if len(raw) == 1 + _COORDINATE and raw[0] in (_EVEN, _ODD):
        y = secp256k1.second(int.from_bytes(raw[1:], "big"), odd=raw[0] == _ODD)
        return None if y is None else PublicKey(SECP256K1, raw, raw[1:] + y.to_bytes(_COORDINATE, "big"))
    if len(raw) == 1 + 2 * _COORDINATE and raw[0] == _WHOLE:
        x, y = (int.from_bytes(half, "big") for half in (raw[1 : 1 + _COORDINATE], raw[1 + _COORDINATE :]))
        if secp256k1.second(x, odd=bool(y & 1)) == y:
            return PublicKey(SECP256K1, bytes([_ODD if y & 1 else _EVEN]) + raw[1 : 1 + _COORDINATE], raw[1:])
    return None


def accounts_of(chain: Chain, key: PublicKey) -> Iterable[str]:
    """Return the texts of the accounts that the key has on a chain; none where no rule is known."""
    rule = _RULES[key.curve].get(type(chain.form))
    return () if rule is None else rule(chain.form, key)


def _hash160(raw: bytes) -> bytes:
    from Crypto.Hash import RIPEMD160  # noqa: PLC0415 - only when a key is asked about

    return RIPEMD160.new(sha256(raw).digest()).digest()


def _scripts(form: Base58Check, key: PublicKey) -> Iterable[str]:
    if form.family == "tron":
        return (form.spell("account", _keccak(key)),)
    return (form.spell("p2pkh", _hash160(key.compressed)),) if "p2pkh" in form.versions.values() else ()


def _utxo(form: Utxo, key: PublicKey) -> Iterable[str]:
    witness = _hash160(key.compressed)
    nested = form.legacy.spell("p2sh", _hash160(b"\0\x14" + witness))
    return (*_scripts(form.legacy, key), form.segwit.spell(0, witness), nested)


def _cosmos(form: Cosmos, key: PublicKey) -> Iterable[str]:
    return (form.sample(_keccak(key) if form.family == evm.FAMILY else _hash160(key.compressed)),)


def _keccak(key: PublicKey) -> bytes:
    return keccak.keccak256(key.point)[-_HASH:]


def _tezos(form: Base58Check, key: PublicKey) -> Iterable[str]:
    return (form.sample(blake2b(key.compressed, digest_size=_HASH).digest()),) if form.family == "tezos" else ()


def _move(form: Move, key: PublicKey) -> Iterable[str]:
    if form.family == "sui":
        return (form.sample(blake2b(b"\0" + key.compressed, digest_size=32).digest()),)
    return (form.sample(sha3_256(key.compressed + b"\0").digest()),) if form.family in {"aptos", "movement"} else ()


def _itself(form: Form, key: PublicKey) -> Iterable[str]:
    return (form.sample(key.compressed),)


# A form's `sample` writes the account of a hash or key, which is what these rules give it.
_RULES: Final[Mapping[str, Mapping[type, Callable[[Any, PublicKey], Iterable[str]]]]] = MappingProxyType(
    {
        SECP256K1: {
            Base58Check: _scripts,
            CashAddr: lambda form, key: (form.sample(_hash160(key.compressed)),),
            Cosmos: _cosmos,
            evm.Evm: lambda form, key: (form.sample(_keccak(key)),),
            Litecoin: lambda form, key: _utxo(form.scripts, key),
            Utxo: _utxo,
            Xrp: lambda form, key: (form.sample(_hash160(key.compressed)),),
            Zilliqa: lambda form, key: (form.sample(sha256(key.compressed).digest()[-_HASH:]),),
        },
        ED25519: {
            Algorand: _itself,
            Base58Check: _tezos,
            Move: _move,
            Near: _itself,
            Solana: _itself,
            Ss58: _itself,
            Stellar: _itself,
        },
    }
)
