"""The forms by the names that the registry gives them.

The rule here: a form is a class of `families` that takes the family's name and what the registry's row states, in the
types of JSON.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from app.domain.address.chain import Form
from app.domain.address.families.algorand import Algorand
from app.domain.address.families.antelope import Antelope
from app.domain.address.families.avalanche import Avalanche
from app.domain.address.families.base58_hashed import Base58Hashed
from app.domain.address.families.base58check import Base58Check
from app.domain.address.families.bech32 import Bech32
from app.domain.address.families.bitcoin_cash import CashAddr
from app.domain.address.families.cardano import Cardano
from app.domain.address.families.casper import Casper
from app.domain.address.families.concordium import Concordium
from app.domain.address.families.conflux import Conflux
from app.domain.address.families.cosmos import Cosmos
from app.domain.address.families.evm import Evm
from app.domain.address.families.filecoin import Filecoin
from app.domain.address.families.flow import Flow
from app.domain.address.families.handshake import Handshake
from app.domain.address.families.hedera import Hedera
from app.domain.address.families.hex_account import HexAccount
from app.domain.address.families.internet_computer import InternetComputer
from app.domain.address.families.kaspa import Kaspa
from app.domain.address.families.lightning import LightningNode
from app.domain.address.families.liquid import Liquid
from app.domain.address.families.litecoin import Litecoin
from app.domain.address.families.monero import Monero
from app.domain.address.families.move import Move
from app.domain.address.families.names import Graphene, Iost
from app.domain.address.families.nano import Nano
from app.domain.address.families.near import Near
from app.domain.address.families.nervos import Nervos
from app.domain.address.families.nimiq import Nimiq
from app.domain.address.families.nuls import Nuls
from app.domain.address.families.prefixed58 import Prefixed58
from app.domain.address.families.sia import Sia
from app.domain.address.families.solana import Solana
from app.domain.address.families.ss58 import Ss58
from app.domain.address.families.stacks import Stacks
from app.domain.address.families.starknet import Starknet
from app.domain.address.families.stellar import Stellar
from app.domain.address.families.ton import Ton
from app.domain.address.families.utxo import Utxo
from app.domain.address.families.xrp import Xrp
from app.domain.address.families.yoyow import Yoyow
from app.domain.address.families.zcash import Zcash
from app.domain.address.families.zilliqa import Zilliqa

FORMS: Final[Mapping[str, Callable[..., Form]]] = MappingProxyType(
    {
        "algorand": Algorand,
        "antelope": Antelope,
        "avalanche": Avalanche,
        "base58_hashed": Base58Hashed,
        "base58check": Base58Check,
        "bech32": Bech32,
        "cardano": Cardano,
        "cashaddr": CashAddr,
        "casper": Casper,
        "concordium": Concordium,
        "conflux": Conflux,
        "cosmos": Cosmos,
        "evm": Evm,
        "filecoin": Filecoin,
        "flow": Flow,
        "graphene": Graphene,
        "handshake": Handshake,
        "hedera": Hedera,
        "hex_account": HexAccount,
        "internet_computer": InternetComputer,
        "iost": Iost,
        "kaspa": Kaspa,
        "lightning_node": LightningNode,
        "liquid": Liquid,
        "litecoin": Litecoin,
        "monero": Monero,
        "move": Move,
        "nano": Nano,
        "near": Near,
        "nervos": Nervos,
        "nimiq": Nimiq,
        "nuls": Nuls,
        "prefixed58": Prefixed58,
        "sia": Sia,
        "solana": Solana,
        "ss58": Ss58,
        "stacks": Stacks,
        "starknet": Starknet,
        "stellar": Stellar,
        "ton": Ton,
        "utxo": Utxo,
        "xrp": Xrp,
        "yoyow": Yoyow,
        "zcash": Zcash,
        "zilliqa": Zilliqa,
    }
)


def make_form(name: str, family: str, parameters: Mapping[str, Any]) -> Form:
    """Return the form of a row; rows that state nothing share one."""
    return FORMS[name](family, **parameters) if parameters else _plain(name, family)


@cache
def _plain(name: str, family: str) -> Form:
    return FORMS[name](family)
