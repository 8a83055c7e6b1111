"""Every form whose texts carry a checksum: how to make addresses of it, its alphabet, and what its checksum lets by.

The rule here: an allowance is stated with its reason; without one, no typing error of one character is accepted.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from app.domain.address import display, find_chain
from app.domain.address.codecs import base32, keccak
from app.domain.address.families import casper, starknet, zilliqa
from tests.domain.address.mutations import NANO
from tests.domain.address.oracle_formats import BY_NAME

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SMALL32 = "abcdefghijklmnopqrstuvwxyz234567"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/"
HEX = "0123456789abcdefABCDEF"
DIGITS = "0123456789"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CAPITALS = "0123456789ABCDEFGHJKLMNPQRSTUVXY"
NAMES = "0123456789abcdefghijklmnopqrstuvwxyz.-"

Make = Callable[[bytes], str]


class Checked(NamedTuple):
    """One form: the chain that reads it, texts from 64 bytes, and the odds, one in so many, that its checksum leaves.

    No odds are odds too long for thousands of tries, or a code that finds every such error; `why` says which.
    """

    chain: str
    make: Make
    alphabet: str
    why: str
    odds: int = 0


def sample_of(chain: str) -> Make:
    return lambda seed: find_chain(chain).form.sample(seed[:32])


def oracle(name: str) -> Make:
    return BY_NAME[name].make


def one_of(*texts: str) -> Make:
    """Return the maker that chooses among published texts."""
    return lambda seed: texts[seed[0] % len(texts)]


def eip55(chain: str) -> Make:
    return lambda seed: display(find_chain(chain).form.read("0x" + seed[:20].hex()))


def eip1191(seed: bytes) -> str:
    return "0x" + keccak.eip55(seed[:20].hex(), "300x")


def casper_key(seed: bytes) -> str:
    return "01" + casper._marked(seed[:32].hex())


def casper_hash(seed: bytes) -> str:
    return "account-hash-" + casper._marked(seed[:32].hex())


def starknet_text(seed: bytes) -> str:
    raw = b"\3" + seed[1:32]
    return "0x" + starknet._marked(raw.hex(), raw)


def filecoin(protocol: int, size: int) -> Make:
    def make(seed: bytes) -> str:
        payload = seed[:size]
        checksum = hashlib.blake2b(bytes([protocol]) + payload, digest_size=4).digest()
        return f"f{protocol}{base32.encode(payload + checksum, SMALL32)}"

    return make


def filecoin_ethereum(seed: bytes) -> str:
    checksum = hashlib.blake2b(b"\4\x0a" + seed[:20], digest_size=4).digest()
    return f"f410f{base32.encode(seed[:20] + checksum, SMALL32)}"


def bare_cash(seed: bytes) -> str:
    return BY_NAME["bitcoin-cash p2pkh by bip_utils"].make(seed).partition(":")[2]


def zilliqa_hex(seed: bytes) -> str:
    return "0x" + zilliqa.capitals(seed[:20])


SINGLE = (
    *("multiversx", "bnb-beacon", "iota", "shimmer", "oasis", "chia", "aleo", "namada", "penumbra", "radix"),
    "bnb-beacon-testnet",
)

# made by each chain's reference wallet
MWEB = (
    "ltcmweb1qq20e2arnhvxw97katjkmsd35agw3capxjkrkh7dk8d30rczm8ypxuq329nwh2twmchhqn3jqh7ua4ps539f6aazh79jy76urqht4qa59ts"
    "3at6gf"
)
SAPLING = "zs1w823gnka8h6cwsn6dmpxplanxjva7wj2l7ypsun5eczcpym7z2kvpky295n0gsz9pl24skpg6lj"
SPROUT = "zcWGguu2UPfNhh1ygWW9Joo3osvncsuehtz5ewvXd78vFDdnDCRNG6QeKSZpwZmYmkfEutPVf8HzCfBytqXWsEcF2iBAM1e"
UNIFIED = "u1ddnjsdcpm36r6aq79n3s68shjweksnmwtdltrh046s8m6xcws9ygyawalxx8n6hg6vegk0wh8zjnafxgh6msppjsljvyt0ynece3lvm0"
CONFIDENTIAL = "VJLDwMVWXg8RKq4mRe3YFNTAEykVN6V8x5MRUKKoC3nfRnbpnZeiG3jygMC6A4Gw967GY5EotJ4Rau2F"
BLECH32 = "lq1qqf8er278e6nyvuwtgf39e6ewvdcnjupn9a86rzpx655y5lhkt0walu3djf9cklkxd3ryld97hu8h3xepw7sh2rlu7q45dcew5"
PRINCIPAL = "k2t6j-2nvnp-4zjm3-25dtz-6xhaa-c7boj-5gayf-oj3xs-i43lp-teztq-6ae"  # ICRC-1, TextualEncoding
SUBACCOUNT = f"{PRINCIPAL}-dfxgiyy.102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

FOUR = "Four bytes of a hash: one wrong text in 4,294,967,296."
MORE = "Five bytes of a hash or more."
BCH = "A BCH code: it finds every four wrong symbols."
CRC = "A cyclic redundancy check: it finds every run of wrong bits that is as short as one or two characters."
EIP55 = "Capitals by a hash: each letter is a bit, and of 40 digits three in eight are letters: 0.8125 to the 40th."
SS58 = "Two bytes of a hash."
BYRON = "A CRC-32 of 32 bits, which base58 spreads: one wrong text in 4,294,967,296."
IBAN = "The remainder of 97: it finds every wrong letter or digit, unless one of them takes the other's place."
HIP15 = "HIP-15: built so that every wrong character, and every two neighbours in the other order, are found."
FIFTEEN = 4049

CHECKED = {
    "bitcoin p2pkh": Checked("bitcoin", oracle("bitcoin p2pkh by bip_utils"), BASE58, FOUR),
    "bitcoin p2sh": Checked("bitcoin", oracle("bitcoin p2sh by bip_utils"), BASE58, FOUR),
    "bitcoin p2wpkh": Checked("bitcoin", oracle("bitcoin p2wpkh by bip_utils"), BECH32, BCH),
    "bitcoin p2tr": Checked("bitcoin", oracle("bitcoin p2tr by bip_utils"), BECH32, BCH),
    "bitcoin witness": Checked("bitcoin", oracle("bitcoin segwit by bip_utils"), BECH32, BCH),
    "bitcoin-testnet": Checked("bitcoin-testnet", sample_of("bitcoin-testnet"), BASE58, FOUR),
    "digibyte": Checked("digibyte", sample_of("digibyte"), BASE58, FOUR),
    "monacoin": Checked("monacoin", sample_of("monacoin"), BASE58, FOUR),
    "litecoin": Checked("litecoin", sample_of("litecoin"), BASE58, FOUR),
    "litecoin old p2sh": Checked("litecoin", oracle("litecoin old p2sh by bip_utils"), BASE58, FOUR),
    "litecoin p2wpkh": Checked("litecoin", oracle("litecoin p2wpkh by bip_utils"), BECH32, BCH),
    "litecoin mweb": Checked("litecoin", one_of(MWEB), BECH32, BCH),
    "bitcoin-cash p2pkh": Checked("bitcoin-cash", oracle("bitcoin-cash p2pkh by bip_utils"), BECH32, BCH),
    "bitcoin-cash p2sh": Checked("bitcoin-cash", oracle("bitcoin-cash p2sh by bip_utils"), BECH32, BCH),
    "bitcoin-cash bare": Checked("bitcoin-cash", bare_cash, BECH32, BCH),
    "bitcoin-cash old": Checked("bitcoin-cash", oracle("bitcoin p2pkh by bip_utils"), BASE58, FOUR),
    "ecash": Checked("ecash", sample_of("ecash"), BECH32, BCH),
    "tron": Checked("tron", sample_of("tron"), BASE58, FOUR),
    "dogecoin": Checked("dogecoin", sample_of("dogecoin"), BASE58, FOUR),
    "tezos tz1": Checked("tezos", oracle("tezos TZ1 by bip_utils"), BASE58, FOUR),
    "neo": Checked("neo", sample_of("neo"), BASE58, FOUR),
    "crown": Checked("crown", sample_of("crown"), BASE58, FOUR),
    "mina": Checked("mina", sample_of("mina"), BASE58, FOUR),
    "xrp classic": Checked("xrp", sample_of("xrp"), BASE58, FOUR),
    "xrp X-address": Checked("xrp", oracle("xrp X-address by xrpl-py"), BASE58, FOUR),
    "monero standard": Checked("monero", sample_of("monero"), BASE58, FOUR),
    "monero subaddress": Checked("monero", oracle("monero subaddress by monero"), BASE58, FOUR),
    "monero integrated": Checked("monero", oracle("monero integrated by monero"), BASE58, FOUR),
    "polkadot": Checked("polkadot", sample_of("polkadot"), BASE58, SS58, 65_536),
    "parallel": Checked("parallel", sample_of("parallel"), BASE58, SS58, 65_536),
    "cosmos account": Checked("cosmos", sample_of("cosmos"), BECH32, BCH),
    "cosmos contract": Checked("cosmos", oracle("cosmos contract by bech32"), BECH32, BCH),
    "cosmos operator": Checked("cosmos", one_of("cosmosvaloper1sjllsnramtg3ewxqwwrwjxfgc4n4ef9u2lcnj0"), BECH32, BCH),
    "injective": Checked("injective", sample_of("injective"), BECH32, BCH),
    "harmony": Checked("harmony-one", sample_of("harmony-one"), BECH32, BCH),
    **{chain: Checked(chain, sample_of(chain), BECH32, BCH) for chain in SINGLE},
    "avalanche": Checked("avalanche-x", sample_of("avalanche-x"), BECH32, BCH),
    "zilliqa": Checked("zilliqa", sample_of("zilliqa"), BECH32, BCH),
    "zilliqa hex": Checked("zilliqa", zilliqa_hex, HEX, EIP55, FIFTEEN),
    "handshake": Checked("handshake", sample_of("handshake"), BECH32, BCH),
    "nervos": Checked("nervos", sample_of("nervos"), BECH32, BCH),
    "nervos short": Checked("nervos", one_of("ckb1qyqt8xaupvm8837nv3gtc9x0ekkj64vud3jqfwyw5v"), BECH32, BCH),
    "cardano enterprise": Checked("cardano", sample_of("cardano"), BECH32, BCH),
    "cardano base": Checked("cardano", oracle("cardano base by bip_utils"), BECH32, BCH),
    "cardano stake": Checked("cardano", oracle("cardano stake by bip_utils"), BECH32, BCH),
    "cardano byron": Checked("cardano", oracle("cardano byron by bip_utils"), BASE58, BYRON),
    "zcash p2pkh": Checked("zcash", sample_of("zcash"), BASE58, FOUR),
    "zcash sapling": Checked("zcash", one_of(SAPLING), BECH32, BCH),
    "zcash tex": Checked("zcash", one_of("tex10wur2u9clts5dcpu2vc6qg93uzyj7cca2xm732"), BECH32, BCH),
    "zcash unified": Checked("zcash", one_of(UNIFIED), BECH32, BCH),
    "zcash sprout": Checked("zcash", one_of(SPROUT), BASE58, FOUR),
    "liquid": Checked("liquid", sample_of("liquid"), BASE58, FOUR),
    "liquid confidential": Checked("liquid", one_of(CONFIDENTIAL), BASE58, FOUR),
    "liquid blech32": Checked("liquid", one_of(BLECH32), BECH32, BCH),
    "kaspa": Checked("kaspa", sample_of("kaspa"), BECH32, BCH),
    "conflux": Checked("conflux", sample_of("conflux"), "abcdefghjkmnprstuvwxyz0123456789", BCH),
    "decred": Checked("decred", sample_of("decred"), BASE58, FOUR),
    "waves": Checked("waves", sample_of("waves"), BASE58, FOUR),
    "ergo p2pk": Checked("ergo", oracle("ergo p2pk by bip_utils"), BASE58, FOUR),
    "concordium": Checked("concordium", sample_of("concordium"), BASE58, FOUR),
    "aeternity": Checked("aeternity", sample_of("aeternity"), BASE58, FOUR),
    "nuls": Checked("nuls", sample_of("nuls"), BASE58, "One byte, the exclusive or of the others.", 256),
    "stellar account": Checked("stellar", sample_of("stellar"), BASE32, CRC),
    "stellar muxed": Checked("stellar", oracle("stellar M by stellar_sdk"), BASE32, CRC),
    "stellar contract": Checked("stellar", oracle("stellar C by stellar_sdk"), BASE32, CRC),
    "stellar pool": Checked("stellar", oracle("stellar L by stellar_sdk"), BASE32, CRC),
    "stellar balance": Checked("stellar", oracle("stellar B by stellar_sdk"), BASE32, CRC),
    "algorand": Checked("algorand", sample_of("algorand"), BASE32, FOUR),
    "filecoin f1": Checked("filecoin", filecoin(1, 20), SMALL32, FOUR),
    "filecoin f2": Checked("filecoin", filecoin(2, 20), SMALL32, FOUR),
    "filecoin f3": Checked("filecoin", filecoin(3, 48), SMALL32, FOUR),
    "filecoin f4": Checked("filecoin", filecoin_ethereum, SMALL32 + DIGITS, FOUR),
    "nano": Checked("nano", sample_of("nano"), NANO, MORE),
    "banano": Checked("banano", sample_of("banano"), NANO, MORE),
    "internet-computer account": Checked("internet-computer", sample_of("internet-computer"), HEX, CRC),
    "internet-computer principal": Checked("internet-computer", one_of(PRINCIPAL), SMALL32 + "-", CRC),
    "internet-computer subaccount": Checked("internet-computer", one_of(SUBACCOUNT), NAMES, CRC),
    "nimiq": Checked("nimiq", sample_of("nimiq"), CAPITALS, IBAN, 2 * 97),
    "stacks": Checked("stacks", sample_of("stacks"), CROCKFORD, FOUR),
    "sia": Checked("sia", sample_of("sia"), HEX, MORE),
    "flow": Checked(
        "flow", sample_of("flow"), HEX, "A linear code: words differ in seven bits, a digit in four at most."
    ),
    "ton": Checked("ton", oracle("ton friendly by pytoniq_core"), BASE64, CRC),
    "evm EIP-55": Checked("ethereum", eip55("ethereum"), HEX, EIP55, FIFTEEN),
    "evm EIP-1191": Checked("rootstock", eip1191, HEX, EIP55, FIFTEEN // 2),
    "casper": Checked(
        "casper", casper_key, HEX, "As EIP-55, of 64 digits: 0.8125 to the 64th, one in 590,000.", 590_000
    ),
    "casper hash": Checked("casper", casper_hash, HEX, "As EIP-55, of 64 digits.", 590_000),
    "starknet": Checked("starknet", starknet_text, HEX, "As EIP-55, of 63 digits, and two hashes will do.", 240_000),
    "hedera": Checked("hedera", one_of("0.0.123-vfmkw", "0.0.1234567890-zbhlt", "0.0.12-uuuup"), NAMES, HIP15),
    "yoyow": Checked("yoyow", sample_of("yoyow"), DIGITS, "One byte of a hash.", 256),
}
