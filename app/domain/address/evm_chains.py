"""The rows of the table for chains with Ethereum's accounts.

The rule here: the number is the chain id of EIP-155 as its network answers it; all rows share one identity space,
and one form unless the chain's wallets write addresses in a way of their own.
"""

from typing import Final

from app.domain.address.chain import Chain
from app.domain.address.families.evm import Evm

_FORM: Final = Evm()
_OWN_FORMS: Final = {
    30: Evm(eip1191=30),
    31: Evm(eip1191=31),
    50: Evm(prefix="xdc"),
}


def _row(
    number: int, slug: str, name: str, symbol: str, slip44: int | None, *aliases: str, testnet: bool = False
) -> Chain:
    caip2 = f"eip155:{number}"
    native = "" if slip44 is None else f"{caip2}/slip44:{slip44}"
    form = _OWN_FORMS.get(number, _FORM)
    return Chain(caip2, slug, name, form.family, native, symbol, form, aliases, testnet)


def evm_chain(caip2: str) -> Chain:
    """Return a chain that has no row, by its well-formed id eip155:<positive integer>."""
    name = f"EVM chain {caip2.removeprefix('eip155:')}"
    return Chain(caip2, caip2, name, _FORM.family, "", "", _FORM)


ANY_EVM: Final = Chain("eip155:0", "evm", "Any EVM chain", _FORM.family, "", "", _FORM)
"""The key on whatever EVM chain: chain id 0 of the CAIP-10 profile of eip155."""

EVM: Final = (
    _row(1, "ethereum", "Ethereum", "ETH", 60, "erc20"),
    _row(56, "bnb-smart-chain", "BNB Smart Chain", "BNB", 714, "bsc", "binance-smart-chain", "bep20"),
    _row(137, "polygon", "Polygon PoS", "POL", 966, "matic"),
    _row(42161, "arbitrum", "Arbitrum One", "ETH", 60, "arbitrum-one", "arb"),
    _row(10, "optimism", "OP Mainnet", "ETH", 60, "op-mainnet", "op"),
    _row(8453, "base", "Base", "ETH", 60),
    _row(43114, "avalanche-c", "Avalanche C-Chain", "AVAX", 9005, "avalanche"),
    _row(250, "fantom", "Fantom Opera", "FTM", 1007),
    _row(61, "ethereum-classic", "Ethereum Classic", "ETC", 61, "classic"),
    _row(100, "gnosis", "Gnosis", "XDAI", 700),
    _row(324, "zksync-era", "ZKsync Era", "ETH", 60, "zksync"),
    _row(59144, "linea", "Linea", "ETH", 60),
    _row(534352, "scroll", "Scroll", "ETH", 60),
    _row(81457, "blast", "Blast", "ETH", 60),
    _row(5000, "mantle", "Mantle", "MNT", None),
    _row(42220, "celo", "Celo", "CELO", 52752),
    _row(25, "cronos", "Cronos", "CRO", 394),
    _row(14, "flare", "Flare", "FLR", 554),
    _row(19, "songbird", "Songbird", "SGB", None),
    _row(20, "elastos", "Elastos Smart Chain", "ELA", 2305),
    _row(24, "kardiachain", "KardiaChain", "KAI", None),
    _row(30, "rootstock", "Rootstock", "RBTC", 137, "rsk"),
    _row(40, "telos-evm", "Telos EVM", "TLOS", None),
    _row(42, "lukso", "LUKSO", "LYX", None),
    _row(50, "xdc", "XDC Network", "XDC", 550, "xinfin"),
    _row(52, "coinex-smart-chain", "CoinEx Smart Chain", "CET", None),
    _row(57, "syscoin-nevm", "Syscoin NEVM", "SYS", 57),
    _row(66, "okc", "OKT Chain", "OKT", 996, "okexchain"),
    _row(88, "viction", "Viction", "VIC", 889, "tomochain"),
    _row(106, "velas", "Velas", "VLX", None),
    _row(108, "thundercore", "ThunderCore", "TT", 1001),
    _row(122, "fuse", "Fuse", "FUSE", None),
    _row(128, "heco", "Huobi ECO Chain", "HT", 1010),
    _row(130, "unichain", "Unichain", "ETH", 60),
    _row(143, "monad", "Monad", "MON", None),
    _row(146, "sonic", "Sonic", "S", None),
    _row(148, "shimmer-evm", "ShimmerEVM", "SMR", None),
    _row(169, "manta-pacific", "Manta Pacific", "ETH", 60),
    _row(199, "bittorrent-chain", "BitTorrent Chain", "BTT", None),
    _row(204, "opbnb", "opBNB", "BNB", 714),
    _row(246, "energy-web", "Energy Web Chain", "EWT", 246),
    _row(248, "oasys", "Oasys", "OAS", None),
    _row(252, "fraxtal", "Fraxtal", "FRAX", None),
    _row(288, "boba", "Boba Network", "ETH", 60),
    _row(314, "filecoin-evm", "Filecoin EVM", "FIL", 461),
    _row(321, "kcc", "KuCoin Community Chain", "KCS", 641),
    _row(336, "shiden", "Shiden", "SDN", None),
    _row(361, "theta", "Theta", "TFUEL", None),
    _row(369, "pulsechain", "PulseChain", "PLS", None),
    _row(480, "world-chain", "World Chain", "ETH", 60),
    _row(592, "astar", "Astar", "ASTR", 810),
    _row(820, "callisto", "Callisto", "CLO", 820),
    _row(888, "wanchain", "Wanchain", "WAN", 5718350),
    _row(999, "hyperevm", "HyperEVM", "HYPE", None),
    _row(1030, "conflux-espace", "Conflux eSpace", "CFX", 503),
    _row(1088, "metis", "Metis Andromeda", "METIS", None),
    _row(1101, "polygon-zkevm", "Polygon zkEVM", "ETH", 60),
    _row(1111, "wemix", "WEMIX3.0", "WEMIX", None),
    _row(1116, "core-chain", "Core", "CORE", None),
    _row(1135, "lisk", "Lisk", "ETH", 60),
    _row(1284, "moonbeam", "Moonbeam", "GLMR", None),
    _row(1285, "moonriver", "Moonriver", "MOVR", None),
    _row(1329, "sei-evm", "Sei EVM", "SEI", None, "seievm"),
    _row(1514, "story", "Story", "IP", None),
    _row(1868, "soneium", "Soneium", "ETH", 60),
    _row(2000, "dogechain", "Dogechain", "WDOGE", None),
    _row(2020, "ronin", "Ronin", "RON", None),
    _row(2222, "kava-evm", "Kava EVM", "KAVA", 459),
    _row(2741, "abstract", "Abstract", "ETH", 60),
    _row(4326, "megaeth", "MegaETH", "ETH", 60),
    _row(4689, "iotex", "IoTeX", "IOTX", 304),
    _row(6001, "bouncebit", "BounceBit", "BB", None),
    _row(7000, "zetachain-evm", "ZetaChain EVM", "ZETA", None, "zetaevm"),
    _row(7332, "horizen-eon", "Horizen EON", "ZEN", 121, "zeneon"),
    _row(7700, "canto", "Canto", "CANTO", None),
    _row(8217, "kaia", "Kaia", "KAIA", 8217, "klaytn"),
    _row(9001, "evmos", "Evmos", "EVMOS", None),
    _row(9745, "plasma", "Plasma", "XPL", None),
    _row(10000, "smartbch", "Smart Bitcoin Cash", "BCH", 145),
    _row(32659, "fusion", "Fusion", "FSN", 288),
    _row(33139, "apechain", "ApeChain", "APE", None),
    _row(34443, "mode", "Mode", "ETH", 60),
    _row(42170, "arbitrum-nova", "Arbitrum Nova", "ETH", 60),
    _row(42262, "oasis-emerald", "Oasis Emerald", "ROSE", 474),
    _row(42793, "etherlink", "Etherlink", "XTZ", 1729),
    _row(53935, "dfk-chain", "DFK Chain", "JEWEL", None),
    _row(57073, "ink", "Ink", "ETH", 60),
    _row(60808, "bob", "BOB", "ETH", 60),
    _row(80094, "berachain", "Berachain", "BERA", None),
    _row(88888, "chiliz", "Chiliz Chain", "CHZ", None),
    _row(100009, "vechain", "VeChain", "VET", 818),
    _row(167000, "taiko", "Taiko Alethia", "ETH", 60),
    _row(200901, "bitlayer", "Bitlayer", "BTC", None),
    _row(7777777, "zora", "Zora", "ETH", 60),
    _row(245022934, "neon", "Neon EVM", "NEON", None),
    _row(1313161554, "aurora", "Aurora", "ETH", 60),
    _row(1666600000, "harmony", "Harmony", "ONE", 1023),
    _row(11155111, "sepolia", "Ethereum Sepolia", "SEP", 1, testnet=True),
    _row(17000, "holesky", "Ethereum Holesky", "HOL", 1, testnet=True),
    _row(31, "rootstock-testnet", "Rootstock testnet", "tRBTC", 1, testnet=True),
    _row(97, "bnb-smart-chain-testnet", "BNB Smart Chain testnet", "tBNB", 1, testnet=True),
    _row(80002, "polygon-amoy", "Polygon Amoy", "POL", 1, testnet=True),
    _row(421614, "arbitrum-sepolia", "Arbitrum Sepolia", "ETH", 1, testnet=True),
    _row(84532, "base-sepolia", "Base Sepolia", "ETH", 1, testnet=True),
)
"""Main networks by use, then by number; test networks last."""
