"""Addresses of the Cosmos chains: one account key under the prefix of each chain.

The rule here: 20 bytes are an account, and the same account under every prefix. 32 bytes are a contract, and 20 bytes
that are the hash of a module's name are that module: every chain has its own behind the same bytes, so these find
nothing but themselves. Standards: Cosmos SDK ADR-028 and `types/address.go`.
"""

import hashlib
from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.families.bech32 import beginnings, has_prefix, read_symbols, write
from app.domain.address.families.evm import Evm
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

FAMILY: Final = "cosmos"
_ACCOUNT, _CONTRACT = 20, 32  # bytes
_OPERATOR: Final = "valoper"
_KEYS: Final = ("valcons", "pub", "valoperpub", "valconspub")  # of consensus nodes, and public keys
_MODULE_NAMES: Final = (
    "bonded_tokens_pool",
    "burner",
    "community_pool",
    "distribution",
    "erc20",
    "evm",
    "fee_collector",
    "feemarket",
    "gov",
    "incentives",
    "interchainaccounts",
    "mint",
    "not_bonded_tokens_pool",
    "protocolpool",
    "tokenfactory",
    "transfer",
    "wasm",
)
_MODULES: Final = frozenset(hashlib.sha256(name.encode()).digest()[:_ACCOUNT] for name in _MODULE_NAMES)


class Cosmos:
    """Accounts, contracts and validator operators under `hrp`.

    With `evm` the chain's keys are Ethereum's: its accounts belong to the family "evm", and "0x..." is read too. A
    chain without the SDK's staking has no `operators`. With `short_contracts` the chain has contracts of 20 bytes,
    which follow from counters and look like accounts, so nothing on it is the same as on another chain.
    """

    def __init__(
        self,
        family: str = FAMILY,
        hrp: str = "cosmos",
        *,
        evm: bool = False,
        operators: bool = True,
        short_contracts: bool = False,
    ) -> None:
        self.family = "evm" if evm else family
        self.hrp = hrp
        self.starts = beginnings(hrp) + (beginnings(f"{hrp}valoper") if operators else ())  # "0x" alone finds EVM
        self._hex = Evm() if evm else None
        self._operators = operators
        self._joins = not short_contracts

    def read(self, text: str) -> Address:
        """Return the address in `text`, whose canonical form is the chain's own, in lower case.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding, and
        unsupported for keys and consensus addresses.
        """
        if self._hex and text[:2].lower() == "0x":
            return self._read_hex(self._hex, text)
        if self._operators and has_prefix(text, self.hrp + _OPERATOR):
            return self._read(text, self.hrp + _OPERATOR, "operator")
        if self._operators and any(has_prefix(text, self.hrp + role) for role in _KEYS):
            raise refusal("unsupported", "This is a key or a node's address: give the account that holds the coins.")
        return self._read(text, self.hrp, "account")

    def _read(self, text: str, hrp: str, kind: str) -> Address:
        payload = bech32.pack(read_symbols(text, hrp, bech32.BECH32))
        canonical = text.lower()
        if len(payload) == _CONTRACT and kind == "account":
            return Address(self.family, canonical, VERIFIED, "contract")
        if len(payload) != _ACCOUNT:
            raise refusal("bad_length")
        return self._known(payload, canonical, VERIFIED, kind)

    def _read_hex(self, form: Evm, text: str) -> Address:
        found = form.read(text)
        payload = bytes.fromhex(found.canonical[2:])
        return self._known(payload, write(self.hrp, payload, bech32.BECH32), found.checksum, "account")

    def _known(self, payload: bytes, canonical: str, checksum: str, kind: str) -> Address:
        if payload in _MODULES:
            return Address(self.family, canonical, checksum, "module")
        account = f"{'0x' if self._hex else ''}{payload.hex()}" if self._joins else ""
        return Address(self.family, canonical, checksum, kind, None, account)

    def sample(self, seed: bytes) -> str:
        """Return the account of the first 20 bytes of `seed`."""
        return write(self.hrp, seed[:_ACCOUNT], bech32.BECH32)
