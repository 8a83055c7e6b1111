"""Other people's readers of addresses, each behind one small function.

The rule here: an adapter adds no judgement of its own. It asks the other code, and writes what that understood as the
text that is ours: the canonical text and the tag. Whatever the other code raises is its refusal.
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from random import Random
from typing import Any, NamedTuple

import base58
import bech32
import bip_utils as bip
import cbor2
import monero.address
import pytoniq_core
import xrpl.core.addresscodec as xrpl
from bip_utils.addr.fil_addr import FilAddrConst, FillAddrTypes, _FilAddrUtils
from bip_utils.addr.nim_addr import _NimAddrUtils
from nacl.signing import SigningKey
from scalecodec.utils.ss58 import ss58_decode, ss58_encode
from stellar_sdk import StrKey

from app.domain.address import find_chain
from app.domain.errors import InvalidAddress
from tests.domain.address import mutations as spoil

SEED = 64  # bytes from which an oracle makes an address


class Verdict(NamedTuple):
    """What an address was understood to be."""

    canonical: str
    tag: str | None = None


class Oracle(NamedTuple):
    """One format as one package reads it.

    `ask` reads a text or raises anything; `make` writes an address of the format, from 64 bytes, with the package's
    encoder; `kinds` are ours for the format, and the first is what `make` makes. `forge` gives spoiled texts with right
    checksums. `samples` says that the form's own sample is of this format, `mixed` that `make` makes several kinds.
    """

    package: str
    format: str
    chain: str
    kinds: tuple[str, ...]
    ask: Callable[[str], Verdict]
    make: Callable[[bytes], str]
    forge: Callable[[str, Random], list[str]] = spoil.nothing
    samples: bool = False
    mixed: bool = False

    @property
    def name(self) -> str:
        return f"{self.format} by {self.package}"


def theirs(oracle: Oracle, text: str) -> Verdict | None:
    """Return the oracle's reading, None when it refuses or breaks."""
    try:
        return oracle.ask(text)
    except Exception:  # noqa: BLE001 - packages refuse by whatever breaks
        return None


def ours(oracle: Oracle, text: str) -> Verdict | None:
    """Return our reading, None when it is refused or of another format of the chain."""
    try:
        address = find_chain(oracle.chain).form.read(text)
    except InvalidAddress:
        return None
    return Verdict(address.canonical, address.tag) if address.kind in oracle.kinds else None


def bip_reader(decoder: Any, spell: Callable[[bytes], str], **parameters: Any) -> Callable[[str], Verdict]:
    return lambda text: Verdict(spell(decoder.DecodeAddr(text, **parameters)))


def bip_oracle(format_, chain, kinds, decoder, spell, forge, *, size=20, payload=None, samples=True, **parameters):
    """Return the oracle of a bip_utils decoder whose payload `spell` writes; `payload` is made from the seed."""
    payload = payload or (lambda seed: seed[:size])
    ask = bip_reader(decoder, spell, **parameters)
    return Oracle("bip_utils", format_, chain, kinds, ask, lambda seed: spell(payload(seed)), forge, samples)


def checked(version: bytes, alphabet: bip.Base58Alphabets = bip.Base58Alphabets.BITCOIN) -> Callable[[bytes], str]:
    """Return how bip_utils writes base58check under a version."""
    return lambda payload: bip.Base58Encoder.CheckEncode(version + payload, alphabet)


def bech32_of(hrp: str, head: str = "") -> Callable[[bytes], str]:
    """Return how bip_utils writes bech32 under a prefix."""
    return lambda payload: head + bip.Bech32Encoder.Encode(hrp, payload)


def segwit_of(hrp: str, version: int) -> Callable[[bytes], str]:
    return lambda program: bip.SegwitBech32Encoder.Encode(hrp, version, program)


def edwards(seed: bytes) -> bytes:
    """Return a key that is on the curve."""
    return bytes(SigningKey(seed[:32]).verify_key)


def legacy(format_, chain, version, kind, canonical=None):
    spell = checked(bytes.fromhex(version))
    decoder = bip.P2SHAddrDecoder if kind == "p2sh" else bip.P2PKHAddrDecoder
    made = bip_oracle(
        format_,
        chain,
        (kind,),
        decoder,
        spell,
        spoil.base58check,
        samples=kind == "p2pkh",
        net_ver=bytes.fromhex(version),
    )
    if canonical is None:
        return made
    ask = bip_reader(decoder, checked(bytes.fromhex(canonical)), net_ver=bytes.fromhex(version))
    return made._replace(ask=ask)


def ask_tezos(text: str) -> Verdict:
    """Read an account of any kind of key that bip_utils knows."""
    for prefix in bip.XtzAddrPrefixes:
        with suppress(ValueError):
            return Verdict(checked(prefix.value)(bip.XtzAddrDecoder.DecodeAddr(text, prefix=prefix)))
    raise ValueError


def ask_base58_package(text: str) -> Verdict:
    payload = base58.b58decode_check(text)
    if payload[:1] != b"\0" or len(payload) != 21:
        raise ValueError
    return Verdict(base58.b58encode_check(payload).decode())


def ask_bech32_package(hrp: str) -> Callable[[str], Verdict]:
    """Return the reader of BIP-173's reference code, which knows no bech32m."""

    def ask(text: str) -> Verdict:
        version, program = bech32.decode(hrp, text)
        return Verdict(bech32.encode(hrp, version, program))

    return ask


def ask_bech32_bytes(hrp: str, size: int) -> Callable[[str], Verdict]:
    """Return the reader of `size` bytes of any chain by the reference code of BIP-173."""

    def ask(text: str) -> Verdict:
        found, symbols = bech32.bech32_decode(text)
        if found != hrp or len(bytes(bech32.convertbits(symbols, 5, 8, False))) != size:
            raise ValueError
        return Verdict(bech32.bech32_encode(found, symbols))

    return ask


def ask_segwit(hrp: str) -> Callable[[str], Verdict]:
    return lambda text: Verdict(bip.SegwitBech32Encoder.Encode(hrp, *bip.SegwitBech32Decoder.Decode(hrp, text)))


def ask_x_address(text: str) -> Verdict:
    classic, tag, test = xrpl.xaddress_to_classic_address(text)
    if test:
        raise ValueError
    return Verdict(classic, None if tag is None else str(tag))


def make_x_address(seed: bytes) -> str:
    tag = int.from_bytes(seed[20:24], "big") if seed[24] & 1 else None
    return xrpl.classic_address_to_xaddress(xrpl.encode_classic_address(seed[:20]), tag, False)


def ask_muxed(text: str) -> Verdict:
    payload = StrKey.decode_med25519_public_key(text)
    return Verdict(StrKey.encode_ed25519_public_key(payload[:32]), str(int.from_bytes(payload[32:], "big")))


def strkey(format_, kind, decode, encode, head=b"", samples=False):
    return Oracle(
        "stellar_sdk",
        format_,
        "stellar",
        (kind,),
        lambda text: Verdict(encode(decode(text))),
        lambda seed: encode(head + seed[:32]),
        spoil.stellar,
        samples,
    )


def ask_monero(kind: type) -> Callable[[str], Verdict]:
    def ask(text: str) -> Verdict:
        found = monero.address.address(text)
        if type(found) is not kind or found.net != "main":
            raise ValueError
        if kind is monero.address.IntegratedAddress:
            return Verdict(str(found.base_address()), str(found.payment_id()))
        return Verdict(str(found))

    return ask


def monero_text(byte: int, extra: int = 0) -> Callable[[bytes], str]:
    """Return how bip_utils writes a Monero address of a network byte; `extra` bytes of payment id are the seed's."""

    def make(seed: bytes) -> str:
        keys = [bip.Ed25519MoneroPublicKey.FromBytes(edwards(half)) for half in (seed[:32], seed[32:])]
        if extra:
            return bip.XmrIntegratedAddrEncoder.EncodeKey(
                keys[0], pub_vkey=keys[1], net_ver=bytes([byte]), payment_id=seed[:extra]
            )
        return bip.XmrAddrEncoder.EncodeKey(keys[0], pub_vkey=keys[1], net_ver=bytes([byte]))

    return make


def bip_monero(byte: int) -> Callable[[str], Verdict]:
    def ask(text: str) -> Verdict:
        keys = bip.XmrAddrDecoder.DecodeAddr(text, net_ver=bytes([byte]))
        return Verdict(monero_spelled(bytes([byte]) + keys))

    return ask


def monero_spelled(body: bytes) -> str:
    return bip.Base58XmrEncoder.Encode(body + spoil.keccak4(body))


def ask_ton(text: str) -> Verdict:
    found = pytoniq_core.Address(text)
    return Verdict(found.to_str(is_user_friendly=False))


def make_ton(friendly: bool) -> Callable[[bytes], str]:
    """Return the writer of either form, with the workchain and the flags taken from the seed."""

    def make(seed: bytes) -> str:
        address = pytoniq_core.Address((-(seed[32] & 1), seed[:32]))
        return address.to_str(friendly, bool(seed[33] & 1), bool(seed[34] & 1))

    return make


def make_byron(seed: bytes) -> str:
    """Return Byron's text as bip_utils's own encoder makes it: with a path or without."""
    key = bip.Ed25519KholawPublicKey.FromBytes(edwards(seed))
    if seed[40] & 1:
        return bip.AdaByronIcarusAddrEncoder.EncodeKey(key, chain_code=seed[32:])
    return bip.AdaByronLegacyAddrEncoder.EncodeKey(key, hd_path="0/1", hd_path_key=seed[32:], chain_code=seed[32:])


def ask_byron(text: str) -> Verdict:
    bip.AdaByronAddrDecoder.DecodeAddr(text)
    return Verdict(bip.Base58Encoder.Encode(bip.Base58Decoder.Decode(text)))


def byron_forgeries(text: str, rng: Random) -> list[str]:
    """Return other CBOR documents with a right CRC-32: other types, attributes and ways of writing numbers."""
    tag, _ = cbor2.loads(base58.b58decode(text))
    root, attributes, kind = cbor2.loads(tag.value)
    others = [[root, {}, 1], [root, {}, 2], [root, {2: cbor2.dumps(1)}, kind], [root[:-1], attributes, kind]]
    others += [
        [root, attributes],
        [root, {3: b"\0"}, kind],
        [root, {1: b"\0"}, kind],
        [root, {1: cbor2.dumps(b"x")}, 0],
    ]
    others += [[root, dict(attributes), kind, 0], [rng.randbytes(28), {}, 0], [root, {1: cbor2.dumps(7)}, 0]]
    return [spoil.byron(cbor2.dumps(document)) for document in others]


def scale_reader(number: int) -> Callable[[str], Verdict]:
    return lambda text: Verdict(ss58_encode(ss58_decode(text, number), number))


def eth_reader(skip: bool) -> Callable[[str], Verdict]:
    return lambda text: Verdict("0x" + bip.EthAddrDecoder.DecodeAddr(text, skip_chksum_enc=skip).hex())


def eip55(seed: bytes) -> str:
    """Return an account of a key with bip_utils's capitals."""
    return bip.EthAddrEncoder.EncodeKey(secp256k1_key(seed))


def bare_hex(head: str, size: int) -> Callable[[bytes], str]:
    return lambda payload: head + payload[:size].hex()


def ask_nimiq(text: str) -> Verdict:
    return Verdict(nimiq_spelled(bip.NimAddrDecoder.DecodeAddr(text)))


def nimiq_spelled(payload: bytes) -> str:
    body = bip.Base32Encoder.EncodeNoPadding(payload, "0123456789ABCDEFGHJKLMNPQRSTUVXY")
    return f"NQ{_NimAddrUtils.ComputeChecksum(body)}{body}"


def make_segwit(hrp: str) -> Callable[[bytes], str]:
    """Return bip_utils's writer of any witness version that BIP-350 allows, with a length from the seed."""

    def make(seed: bytes) -> str:
        version = seed[0] % 17
        size = (20, 32)[seed[1] & 1] if version == 0 else 2 + seed[1] % 39
        return bip.SegwitBech32Encoder.Encode(hrp, version, seed[2 : 2 + size])

    return make


def make_old_segwit(hrp: str) -> Callable[[bytes], str]:
    return lambda seed: bech32.encode(hrp, 0, seed[1 : 1 + (20, 32)[seed[0] & 1]])


def make_base58_package(seed: bytes) -> str:
    return base58.b58encode_check(b"\0" + seed[:20]).decode()


def make_bech32_bytes(hrp: str, size: int) -> Callable[[bytes], str]:
    return lambda seed: bech32.bech32_encode(hrp, bech32.convertbits(seed[:size], 8, 5))


def cash_of(prefix: str, version: bytes) -> Callable[[bytes], str]:
    return lambda payload: bip.BchBech32Encoder.Encode(prefix, version, payload)


def ss58_of(number: int) -> Callable[[bytes], str]:
    return lambda payload: bip.SS58Encoder.Encode(payload, number)


def secp256k1_key(seed: bytes) -> bip.IPublicKey:
    return bip.Secp256k1PrivateKey.FromBytes(sha256(seed).digest()).PublicKey()


def secp256k1(seed: bytes) -> bytes:
    """Return a compressed public key that is on the curve."""
    return secp256k1_key(seed).RawCompressed().ToBytes()


def ergo_text(key: bytes) -> str:
    return bip.ErgoP2PKHAddrEncoder.EncodeKey(key)


def algorand_text(key: bytes) -> str:
    return bip.AlgoAddrEncoder.EncodeKey(key)


def filecoin_text(payload: bytes) -> str:
    checksum = _FilAddrUtils.ComputeChecksum(payload, FillAddrTypes.SECP256K1)
    return "f1" + bip.Base32Encoder.EncodeNoPadding(payload + checksum, FilAddrConst.BASE32_ALPHABET)


def nano_text(key: bytes) -> str:
    return bip.NanoAddrEncoder.EncodeKey(bip.Ed25519Blake2bPublicKey.FromBytes(key))


def shelley_text(hrp: str, header: int) -> Callable[[bytes], str]:
    return lambda payload: bip.Bech32Encoder.Encode(hrp, bytes([header]) + payload)


def make_nimiq(seed: bytes) -> str:
    return bip.NimAddrEncoder.EncodeKey(edwards(seed)).replace(" ", "")


def nimiq_forgeries(text: str, rng: Random) -> list[str]:
    """Return other accounts, of other lengths too, with right check digits."""
    payload = bip.NimAddrDecoder.DecodeAddr(text)
    return [nimiq_spelled(body) for body in spoil.changed(payload, rng)]


def hash_under(version: bytes) -> Callable[[bytes], str]:
    return lambda seed: checked(version)(seed[:20])
