"""The formats that somebody else's package reads too: one row for each package and format.

The rule here: a row names the package's own reader, its own encoder, and the kinds of ours that are the format.
"""

import bip_utils as bip
import monero.address
import solders.pubkey
import xrpl.core.addresscodec as xrpl
from scalecodec.utils.ss58 import ss58_encode
from stellar_sdk import StrKey

from tests.domain.address import mutations as spoil
from tests.domain.address import oracles as by
from tests.domain.address.oracles import Oracle, Verdict, bip_oracle

SEGWIT = ("p2wpkh", "p2wsh", "p2tr", *(f"witness_v{version}" for version in range(1, 17)))
COSMOS = ("account", "contract", "module")
BASE = ("base", "script_base")

LEGACY = (
    ("bitcoin p2pkh", "bitcoin", "00", "p2pkh"),
    ("bitcoin p2sh", "bitcoin", "05", "p2sh"),
    ("litecoin p2pkh", "litecoin", "30", "p2pkh"),
    ("litecoin p2sh", "litecoin", "32", "p2sh"),
    ("litecoin old p2sh", "litecoin", "05", "p2sh", "32"),
    ("dogecoin p2pkh", "dogecoin", "1e", "p2pkh"),
    ("dogecoin p2sh", "dogecoin", "16", "p2sh"),
    ("dash p2pkh", "dash", "4c", "p2pkh"),
    ("dash p2sh", "dash", "10", "p2sh"),
    ("digibyte p2pkh", "digibyte", "1e", "p2pkh"),
    ("zcash p2pkh", "zcash", "1cb8", "p2pkh"),
    ("zcash p2sh", "zcash", "1cbd", "p2sh"),
)
LEGACY_ORACLES = tuple(by.legacy(*row) for row in LEGACY)

SEGWIT_ORACLES = (
    *(
        bip_oracle(
            f"{chain} {kind}",
            chain,
            (kind,),
            decoder,
            by.segwit_of(hrp, version),
            spoil.bech32_forgeries,
            size=size,
            samples=False,
            hrp=hrp,
        )
        for chain, hrp in (("bitcoin", "bc"), ("litecoin", "ltc"), ("bitcoin-testnet", "tb"))
        for kind, decoder, version, size in (
            ("p2wpkh", bip.P2WPKHAddrDecoder, 0, 20),
            ("p2tr", bip.P2TRAddrDecoder, 1, 32),
        )
    ),
    Oracle(
        "bip_utils",
        "bitcoin segwit",
        "bitcoin",
        SEGWIT,
        by.ask_segwit("bc"),
        by.make_segwit("bc"),
        spoil.bech32_forgeries,
        mixed=True,
    ),
    Oracle(
        "bech32",
        "bitcoin segwit",
        "bitcoin",
        SEGWIT,
        by.ask_bech32_package("bc"),
        by.make_old_segwit("bc"),
        spoil.bech32_forgeries,
        mixed=True,
    ),
    Oracle(
        "base58",
        "bitcoin p2pkh",
        "bitcoin",
        ("p2pkh",),
        by.ask_base58_package,
        by.make_base58_package,
        spoil.base58check,
        True,
    ),
)

CASH = tuple(
    bip_oracle(
        f"{chain} {kind}",
        chain,
        (kind,),
        bip.BchP2PKHAddrDecoder,
        by.cash_of(prefix, version),
        spoil.cashaddr_forgeries,
        samples=kind == "p2pkh",
        hrp=prefix,
        net_ver=version,
    )
    for chain, prefix in (("bitcoin-cash", "bitcoincash"), ("ecash", "ecash"))
    for kind, version in (("p2pkh", b"\0"), ("p2sh", b"\x08"))
)

BASE58 = (
    bip_oracle("tron", "tron", ("account",), bip.TrxAddrDecoder, by.checked(b"\x41"), spoil.base58check),
    bip_oracle(
        "xrp classic",
        "xrp",
        ("account",),
        bip.XrpAddrDecoder,
        by.checked(b"\0", bip.Base58Alphabets.RIPPLE),
        spoil.ripple,
    ),
    *(
        Oracle(
            "bip_utils",
            f"tezos {prefix.name}",
            "tezos",
            ("implicit",),
            by.ask_tezos,
            by.hash_under(prefix.value),
            spoil.base58check,
            prefix.name == "TZ1",
        )
        for prefix in bip.XtzAddrPrefixes
    ),
    *(
        bip_oracle(
            f"neo {kind}",
            "neo",
            (kind,),
            bip.NeoAddrDecoder,
            by.checked(version),
            spoil.base58check,
            samples=kind == "account",
            ver=version,
        )
        for kind, version in (("account", b"\x35"), ("account_legacy", b"\x17"))
    ),
    bip_oracle(
        "ergo p2pk",
        "ergo",
        ("p2pk",),
        bip.ErgoP2PKHAddrDecoder,
        by.ergo_text,
        spoil.ergo,
        payload=by.secp256k1,
        samples=False,
    ),
    bip_oracle(
        "solana",
        "solana",
        ("account",),
        bip.SolAddrDecoder,
        bip.Base58Encoder.Encode,
        spoil.nothing,
        payload=by.edwards,
        samples=False,
    ),
    Oracle(
        "solders",
        "solana",
        "solana",
        ("account",),
        lambda text: Verdict(str(solders.pubkey.Pubkey.from_string(text))),
        lambda seed: str(solders.pubkey.Pubkey(seed[:32])),
        spoil.base58_lengths,
        True,
    ),
    Oracle(
        "xrpl-py",
        "xrp classic",
        "xrp",
        ("account",),
        lambda text: Verdict(xrpl.encode_classic_address(xrpl.decode_classic_address(text))),
        lambda seed: xrpl.encode_classic_address(seed[:20]),
        spoil.ripple,
        True,
    ),
    Oracle("xrpl-py", "xrp X-address", "xrp", ("account",), by.ask_x_address, by.make_x_address, spoil.ripple),
    bip_oracle(
        "polkadot",
        "polkadot",
        ("account", "derived"),
        bip.SubstrateSr25519AddrDecoder,
        by.ss58_of(0),
        spoil.ss58,
        size=32,
        ss58_format=0,
    ),
    *(
        Oracle(
            "scalecodec",
            chain,
            chain,
            ("account", "derived"),
            by.scale_reader(number),
            lambda seed, number=number: ss58_encode(seed[:32], number),
            spoil.ss58,
            True,
        )
        for chain, number in (("polkadot", 0), ("kusama", 2), ("parallel", 172))
    ),
)

MONERO = (
    *(
        Oracle(
            "monero",
            f"monero {kind}",
            "monero",
            (kind,),
            by.ask_monero(known),
            by.monero_text(byte, extra),
            spoil.monero,
            kind == "standard",
        )
        for kind, known, byte, extra in (
            ("standard", monero.address.Address, 18, 0),
            ("subaddress", monero.address.SubAddress, 42, 0),
            ("integrated", monero.address.IntegratedAddress, 19, 8),
        )
    ),
    *(
        Oracle(
            "bip_utils", f"monero {kind}", "monero", (kind,), by.bip_monero(byte), by.monero_text(byte), spoil.monero
        )
        for kind, byte in (("standard", 18), ("subaddress", 42))
    ),
)

BASE32 = (
    by.strkey("stellar G", "account", StrKey.decode_ed25519_public_key, StrKey.encode_ed25519_public_key, samples=True),
    by.strkey("stellar C", "contract", StrKey.decode_contract, StrKey.encode_contract),
    by.strkey("stellar L", "liquidity_pool", StrKey.decode_liquidity_pool, StrKey.encode_liquidity_pool),
    by.strkey(
        "stellar B", "claimable_balance", StrKey.decode_claimable_balance, StrKey.encode_claimable_balance, b"\0"
    ),
    Oracle(
        "stellar_sdk",
        "stellar M",
        "stellar",
        ("account",),
        by.ask_muxed,
        lambda seed: StrKey.encode_med25519_public_key(seed[:40]),
        spoil.stellar,
    ),
    bip_oracle(
        "stellar G",
        "stellar",
        ("account",),
        bip.XlmAddrDecoder,
        StrKey.encode_ed25519_public_key,
        spoil.stellar,
        payload=by.edwards,
        samples=False,
        addr_type=bip.XlmAddrTypes.PUB_KEY,
    ),
    bip_oracle(
        "algorand",
        "algorand",
        ("account",),
        bip.AlgoAddrDecoder,
        by.algorand_text,
        spoil.algorand,
        payload=by.edwards,
        samples=False,
    ),
    bip_oracle(
        "filecoin f1", "filecoin", ("secp256k1",), bip.FilSecp256k1AddrDecoder, by.filecoin_text, spoil.filecoin
    ),
    bip_oracle(
        "nano",
        "nano",
        ("account",),
        bip.NanoAddrDecoder,
        by.nano_text,
        spoil.nano,
        payload=by.edwards,
        samples=False,
    ),
    Oracle("bip_utils", "nimiq", "nimiq", ("account",), by.ask_nimiq, by.make_nimiq, by.nimiq_forgeries, True),
)

BECH32 = (
    *(
        bip_oracle(name, name, COSMOS, bip.AtomAddrDecoder, by.bech32_of(hrp), spoil.bech32_forgeries, hrp=hrp)
        for name, hrp in (("cosmos", "cosmos"), ("osmosis", "osmo"), ("terra", "terra"), ("injective", "inj"))
    ),
    *(
        Oracle(
            "bech32",
            name,
            name,
            kinds,
            by.ask_bech32_bytes(hrp, size),
            by.make_bech32_bytes(hrp, size),
            spoil.bech32_forgeries,
            True,
        )
        for name, hrp, size, kinds in (
            ("cosmos", "cosmos", 20, ("account", "module")),
            ("multiversx", "erd", 32, ("account",)),
            ("bnb-beacon", "bnb", 20, ("account",)),
            ("zilliqa", "zil", 20, ("account",)),
        )
    ),
    Oracle(
        "bech32",
        "cosmos contract",
        "cosmos",
        ("contract",),
        by.ask_bech32_bytes("cosmos", 32),
        by.make_bech32_bytes("cosmos", 32),
        spoil.bech32_forgeries,
    ),
    bip_oracle(
        "injective account", "injective", COSMOS, bip.InjAddrDecoder, by.bech32_of("inj"), spoil.bech32_forgeries
    ),
    bip_oracle("harmony", "harmony-one", COSMOS, bip.OneAddrDecoder, by.bech32_of("one"), spoil.bech32_forgeries),
    bip_oracle("zilliqa", "zilliqa", ("account",), bip.ZilAddrDecoder, by.bech32_of("zil"), spoil.bech32_forgeries),
    bip_oracle(
        "multiversx",
        "multiversx",
        ("account",),
        bip.EgldAddrDecoder,
        by.bech32_of("erd"),
        spoil.bech32_forgeries,
        payload=by.edwards,
        samples=False,
    ),
    bip_oracle(
        "avalanche X",
        "avalanche-x",
        ("x-chain",),
        bip.AvaxXChainAddrDecoder,
        by.bech32_of("avax", "X-"),
        spoil.bech32_forgeries,
    ),
    bip_oracle(
        "avalanche P",
        "avalanche-p",
        ("p-chain",),
        bip.AvaxPChainAddrDecoder,
        by.bech32_of("avax", "P-"),
        spoil.bech32_forgeries,
    ),
    bip_oracle(
        "cardano base",
        "cardano",
        BASE,
        bip.AdaShelleyAddrDecoder,
        by.shelley_text("addr", 0x01),
        spoil.bech32_forgeries,
        size=56,
        samples=False,
    ),
    bip_oracle(
        "cardano stake",
        "cardano",
        ("stake", "script_stake"),
        bip.AdaShelleyStakingAddrDecoder,
        by.shelley_text("stake", 0xE1),
        spoil.bech32_forgeries,
        size=28,
        samples=False,
    ),
    Oracle(
        "bip_utils",
        "cardano byron",
        "cardano",
        ("byron", "byron_redeem"),
        by.ask_byron,
        by.make_byron,
        by.byron_forgeries,
    ),
)

HEX = (
    Oracle("bip_utils", "ethereum EIP-55", "ethereum", ("account",), by.eth_reader(False), by.eip55),
    Oracle("bip_utils", "ethereum", "ethereum", ("account",), by.eth_reader(True), by.bare_hex("0x", 20), samples=True),
    bip_oracle(
        "near implicit",
        "near",
        ("implicit",),
        bip.NearAddrDecoder,
        by.bare_hex("", 32),
        spoil.nothing,
        payload=by.edwards,
        samples=False,
    ),
    bip_oracle("icon", "icon", ("account",), bip.IcxAddrDecoder, by.bare_hex("hx", 20), spoil.nothing),
    bip_oracle("aptos", "aptos", ("account",), bip.AptosAddrDecoder, by.bare_hex("0x", 32), spoil.nothing, size=32),
    bip_oracle("sui", "sui", ("account",), bip.SuiAddrDecoder, by.bare_hex("0x", 32), spoil.nothing, size=32),
    Oracle("pytoniq_core", "ton friendly", "ton", ("account",), by.ask_ton, by.make_ton(True), spoil.ton),
    Oracle("pytoniq_core", "ton raw", "ton", ("account",), by.ask_ton, by.make_ton(False), spoil.nothing, True),
)

ORACLES = (*LEGACY_ORACLES, *SEGWIT_ORACLES, *CASH, *BASE58, *MONERO, *BASE32, *BECH32, *HEX)
BY_NAME = {oracle.name: oracle for oracle in ORACLES}
