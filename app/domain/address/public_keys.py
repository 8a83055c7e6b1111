"""Public keys: the accounts that a raw key has on each chain, so that asking about a key finds them.

The rule here: a raw key is a question, never a report, and a chain is here only when its account follows from the key
alone by the chain's published rule. Keys of secp256k1 are SEC 1 texts of 33 or 65 bytes, keys of ed25519 and sr25519
32 bytes, all in hexadecimal.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b, sha3_256, sha256
from types import MappingProxyType
from typing import Any, Final

from app.domain.address.chain import Chain, Form
from app.domain.address.codecs import secp256k1
from app.domain.address.codecs.keccak import keccak256
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


@dataclass(frozen=True)
class PublicKey:
    """A raw key: `compressed` is 33 bytes on secp256k1, 32 on ed25519; `point` the two coordinates, secp256k1 only."""

    curve: str
    compressed: bytes
    point: bytes = b""

    @cached_property
    def hash160(self) -> bytes:
        """Return what Bitcoin and its descendants make of the key, 20 bytes."""
        from Crypto.Hash import RIPEMD160  # noqa: PLC0415 - only when a key is asked about

        return RIPEMD160.new(sha256(self.compressed).digest()).digest()

    @cached_property
    def nested(self) -> bytes:
        """Return the script hash of the key's witness program, 20 bytes (BIP-49)."""
        from Crypto.Hash import RIPEMD160  # noqa: PLC0415 - only when a key is asked about

        return RIPEMD160.new(sha256(b"\0\x14" + self.hash160).digest()).digest()

    @cached_property
    def keccak(self) -> bytes:
        """Return what Ethereum makes of the key, 20 bytes."""
        return keccak256(self.point)[-_HASH:]


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


def _scripts(form: Base58Check, key: PublicKey) -> Iterable[str]:
    if form.family == "tron":
        return (form.spell("account", key.keccak),)
    return (form.spell("p2pkh", key.hash160),) if "p2pkh" in form.versions.values() else ()


def _utxo(form: Utxo, key: PublicKey) -> Iterable[str]:
    program = form.segwit.spell(0, key.hash160)
    return (*_scripts(form.legacy, key), program, form.legacy.spell("p2sh", key.nested))


def _cosmos(form: Cosmos, key: PublicKey) -> Iterable[str]:
    return (form.sample(key.keccak if form.family == evm.FAMILY else key.hash160),)


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
            CashAddr: lambda form, key: (form.sample(key.hash160),),
            Cosmos: _cosmos,
            evm.Evm: lambda form, key: (form.sample(key.keccak),),
            Litecoin: lambda form, key: _utxo(form.scripts, key),
            Utxo: _utxo,
            Xrp: lambda form, key: (form.sample(key.hash160),),
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
