"""Forms in base32: Stellar, Algorand, Filecoin, Nano, the Internet Computer, and the codec below them."""

from base64 import b32encode
from binascii import crc32
from hashlib import blake2b, sha224

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address.codecs import base32
from app.domain.address.families.algorand import Algorand
from app.domain.address.families.filecoin import Filecoin
from app.domain.address.families.internet_computer import InternetComputer
from app.domain.address.families.nano import Nano
from app.domain.address.families.stellar import Stellar
from app.domain.errors import InvalidAddress
from tests.domain.address import family_cases as cases
from tests.domain.address.vectors import needs_shared

STELLAR = Stellar("stellar")
ALGORAND = Algorand("algorand")
FILECOIN = Filecoin("filecoin")
NANO = Nano("nano", ["nano_", "xrb_"])
BANANO = Nano("banano", ["ban_"])
ICP = InternetComputer("internet-computer")
FORMS = {"stellar": STELLAR, "algorand": ALGORAND, "filecoin": FILECOIN, "nano": NANO, "internet-computer": ICP}
every_form = pytest.mark.parametrize(
    "form", [*FORMS.values(), BANANO, Filecoin("t", "t")], ids=lambda form: form.family
)

KEY = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"
CONTRACT = "CA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUWDA"
POOL = "LA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUPJN"
BALANCE = "BAAD6DBUX6J22DMZOHIEZTEQ64CVCHEDRKWZONFEUL5Q26QD7R76RGR4TU"
MUXED = "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ"
HIGHEST_BIT = "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK"
PAYLOAD = "PA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAA"
SIGNED_32 = f"{PAYLOAD}QACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IBZGM"
SIGNED_29 = f"{PAYLOAD}OQCAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUAAAAFGBU"
PRINCIPAL = "k2t6j-2nvnp-4zjm3-25dtz-6xhaa-c7boj-5gayf-oj3xs-i43lp-teztq-6ae"
IDENTIFIER = "bb3357cba483f268d044d4bbd4639f82c16028a76eebdf62c51bc11fc918d278"


def strkey(version, payload):
    return base32.encode(bytes([version]) + payload + crc16(bytes([version]) + payload).to_bytes(2, "little"))


def crc16(data):
    """CRC-16/XMODEM bit by bit: 0x31C3 over "123456789" in the catalogue of CRCs."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x1021 if value & 0x8000 else 0)) & 0xFFFF
    return value


@every_form
@given(seed=cases.seeds)
def test_a_sample_reads_as_itself(form, seed):
    cases.check_sample(form, seed)


@every_form
@given(text=cases.junk)
def test_junk_is_refused_and_nothing_else_happens(form, text):
    cases.check_junk(form, text)


@every_form
@given(seed=cases.seeds, at=st.integers(0, 400), other=st.characters())
def test_a_changed_sample_is_refused_or_reads_as_itself(form, seed, at, other):
    text = form.sample(seed)
    at %= len(text)
    cases.check_junk(form, text[:at] + other + text[at + 1 :])


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (STELLAR, KEY),
        (STELLAR, CONTRACT),
        (STELLAR, MUXED),
        (STELLAR, BALANCE),
        (ALGORAND, "PITDOF57RHOVLT37KM7DCXDCETLDL3OA5CBAN7LQ44Z36LGFC27IJ2IQ64"),
        (FILECOIN, "f15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrq"),
        (FILECOIN, "f410frw6wy7w6sbsguyn3yzeygg34fgf72n5ao5sxyky"),
        (NANO, "nano_1nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg"),
        (ICP, PRINCIPAL),
        (ICP, f"{PRINCIPAL}-6cc627i.1"),
        (ICP, IDENTIFIER),
        (ICP, "rrkah-fqaaa-aaaaa-aaaaq-cai"),
    ],
)
def test_no_wrong_character_and_no_edit_is_accepted(form, text):
    found = cases.accepted(form, [*cases.typos(text, cases.ANY), *cases.edits(text)], text)
    if text == IDENTIFIER:  # its capitals mean nothing
        found = [other for other in found if other.lower() != text]
    assert found == []


@needs_shared
@pytest.mark.parametrize("chain", FORMS)
def test_every_published_address_is_read(chain):
    texts = cases.vectors_of(chain) + [
        line for name in ("algorand", "filecoin") if name == chain for line in cases.lines_of(name)
    ]
    assert texts
    for text in texts:
        assert FORMS[chain].read(text).checksum == "verified"


@needs_shared
def test_sample_accounts_of_wallets_are_read():
    for identity in ("stellar", "nano"):
        text = cases.account_of(identity)
        assert FORMS[identity].read(text).canonical == text


# The codec: RFC 4648, section 10, without its padding.


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        (b"", ""),
        (b"f", "MY"),
        (b"fo", "MZXQ"),
        (b"foo", "MZXW6"),
        (b"foob", "MZXW6YQ"),
        (b"fooba", "MZXW6YTB"),
        (b"foobar", "MZXW6YTBOI"),
    ],
)
def test_base32_vectors(plain, text):
    assert base32.encode(plain) == text
    assert base32.decode(text) == plain
    assert base32.encode(plain, base32.LOWER) == text.lower()


@given(st.binary(max_size=80))
def test_base32_is_that_of_the_standard_library_without_padding(raw):
    text = base32.encode(raw)
    assert text == b32encode(raw).decode().rstrip("=")
    assert base32.decode(text) == raw


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=80))
def test_base32_has_one_text_for_each_value(text):
    try:
        raw = base32.decode(text)
    except InvalidAddress as refused:
        assert refused.reason in ("bad_length", "bad_padding")  # noqa: PT017 - either is right
    else:
        assert base32.encode(raw) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("M", "bad_length"),
        ("MZX", "bad_length"),
        ("MZXW6Y", "bad_length"),
        ("MZ", "bad_padding"),
        ("MY======", "bad_character"),
        ("my", "bad_character"),
        ("M1", "bad_character"),
        ("MÝ", "bad_character"),
        ("M\ud800", "bad_character"),
    ],
)
def test_base32_refusals(text, reason):
    with pytest.raises(InvalidAddress) as refused:
        base32.decode(text)
    assert refused.value.reason == reason


# Stellar: SEP-23, "Tests"; accounts of wallet-core's tests/chains/Stellar.


@pytest.mark.parametrize(
    ("text", "canonical", "kind", "tag"),
    [
        (KEY, KEY, "account", None),
        (MUXED, KEY, "account", "0"),
        (HIGHEST_BIT, KEY, "account", "9223372036854775808"),
        (CONTRACT, CONTRACT, "contract", None),
        (POOL, POOL, "liquidity_pool", None),
        (BALANCE, BALANCE, "claimable_balance", None),
    ],
)
def test_stellar_vectors(text, canonical, kind, tag):
    address = STELLAR.read(text)
    assert (address.canonical, address.kind, address.tag, address.checksum) == (canonical, kind, tag, "verified")
    assert address.key == STELLAR.read(canonical).key


@pytest.mark.parametrize(
    "text",
    [
        "GAB6EDWGWSRZUYUYCWXAFQFBHE5ZEJPDXCIMVZC3LH2C7IU35FTI2NOQ",
        "GABQHYQOY22KHGTCTAK24AWAUE4TXERF4O4JBSXELNM7IL5CTPUWM3SC",
    ],
)
def test_stellar_accounts(text):
    assert STELLAR.read(text).canonical == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("GAAAAAAAACGC6", "bad_length"),
        ("MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUR", "bad_padding"),
        ("GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZA", "bad_length"),
        ("GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUACUSI", "bad_length"),
        ("G47QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVP2I", "bad_version"),
        ("MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLKA", "bad_length"),
        ("MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAAV75I", "bad_length"),
        ("M47QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ", "bad_version"),
        ("MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUK===", "bad_character"),
        ("MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUO", "bad_checksum"),
        (f"{PAYLOAD}QACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IAAAAAAAAPM", "bad_length"),
        (f"{PAYLOAD}OQCAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4Z2PQ", "bad_length"),
        (f"{PAYLOAD}OQCAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DXFH6", "bad_length"),
        ("BAAD6DBUX6J22DMZOHIEZTEQ64CVCHEDRKWZONFEUL5Q26QD7R76RGR4TV", "bad_padding"),
        ("BAAT6DBUX6J22DMZOHIEZTEQ64CVCHEDRKWZONFEUL5Q26QD7R76RGXACA", "bad_version"),
    ],
)
def test_stellar_refuses_every_invalid_vector(text, reason):
    assert cases.reason_of(STELLAR, text) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SIGNED_32, "unsupported"),
        (SIGNED_29, "unsupported"),
        (strkey(19 << 3, bytes(32)), "unsupported"),
        (strkey(23 << 3, bytes(32)), "unsupported"),
        (strkey(15 << 3, bytes(32) + (29).to_bytes(4, "big") + bytes(31) + b"\1"), "bad_padding"),
        (strkey(15 << 3, bytes(32) + bytes(4)), "bad_length"),
        (strkey(15 << 3, bytes(32) + (68).to_bytes(4, "big") + bytes(68)), "bad_length"),
        (KEY.lower(), "bad_character"),
        (KEY[:-1] + "A", "bad_checksum"),
        (KEY[:-1], "bad_length"),
        ("AA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", "bad_prefix"),
        ("alice*stellar.org", "bad_character"),
    ],
)
def test_stellar_refusals(text, reason):
    assert cases.reason_of(STELLAR, text) == reason


@pytest.mark.parametrize("change", [str, str.lower, lambda text: text[:-1], lambda text: text[:-1] + "A"])
def test_a_secret_seed_is_called_one_and_never_repeated(change):
    secret = change(strkey(18 << 3, bytes(range(32))))
    with pytest.raises(InvalidAddress) as refused:
        STELLAR.read(secret)
    assert refused.value.reason == "private_key"
    assert "private key" in str(refused.value)
    assert secret not in repr(refused.value)


@pytest.mark.parametrize("text", ["SE" + "A" * 54, "SA" + "A" * 52, "SA" + "A" * 56])
def test_what_cannot_be_a_secret_seed_is_called_none(text):
    assert cases.reason_of(STELLAR, text) == "bad_prefix"


def test_an_algorand_address_is_no_secret_of_stellar():
    assert ALGORAND.sample(bytes([0x90]) + bytes(31))[:2] == "SA"
    assert cases.reason_of(STELLAR, ALGORAND.sample(bytes([0x90]) + bytes(31))) == "bad_prefix"


# Algorand: wallet-core's tests/chains/Algorand, and the CAIP-10 profile.


@pytest.mark.parametrize(
    "text",
    [
        "HXIWBVQGOO6ZWE5NYJO22XMYRUGZ6TGNX2K2EERPT3ZIWPHE5CLJGB2GEA",
        "JBCQYJ2FREG667NAN7BFKH4RFIKPT7CYDQJNW3SNN5Z7F7ILFLKQ346TSU",
        "YK2CHL5IWAEV4WXBAVTIXENSCMW3JWW36OFM7RSJBDJUO2QADEP5QYVO5I",
        "PITDOF57RHOVLT37KM7DCXDCETLDL3OA5CBAN7LQ44Z36LGFC27IJ2IQ64",
        "4EWWI7JNVXSFN4YRYA5DMN53U7NUHYC5YSMF67FAXDNRLDWDIWGM5DQGBA",
        "XSKED5VKZZCSYNDWXZJI65JM2HP7HZFJWCOBIMOONKHTK5UVKENBNVDEYM",
        "KI4DJG2OOFJGUERJGSWCYGFZWDNEU2KWTU56VRJHITP62PLJ5VYMBFDBFE",
    ],
)
def test_algorand_vectors(text):
    address = ALGORAND.read(text)
    assert (address.canonical, address.checksum) == (text, "verified")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("JBCQYJ2FREG667NAN7BFKH4RFIKPT7CYDQJNW3SNN5Z7F7ILFLKQ346TS3", "bad_padding"),
        ("JBCQYJ2FREG667NAN7BFKH4RFIKPT7CYDQJNW3SNN5Z7F7ILFLKQ346TSU ", "bad_character"),
        ("GABQHYQOY22KHGTCTAK24AWAUE4TXERF4O4JBSXELNM7IL5CTPUWM3SC", "bad_length"),
        ("0000000000000000000000000000000000000000000000000000000000", "bad_character"),
        ("JBCQYJ2FREG667NAN7BFKH4RFIKPT7CYDQJNW3SNN5Z7F7ILFLKQ346TSQ", "bad_checksum"),
        ("jbcqyj2freg667nan7bfkh4rfikpt7cydqjnw3snn5z7f7ilflkq346tsu", "bad_character"),
        ("JBCQYJ2FREG667NAN7BFKH4RFIKPT7CYDQJNW3SNN5Z7F7ILFLKQ346TSV", "bad_padding"),
        ("JBCQYJ2FREG667NAN7BFKH4RFIKPT7CYDQJNW3SNN5Z7F7ILFLKQ346T", "bad_length"),
    ],
)
def test_algorand_refusals(text, reason):
    assert cases.reason_of(ALGORAND, text) == reason


# Filecoin: wallet-core's tests/chains/Filecoin; ids end at 2^63 - 1 (go-address, NewIDAddress).


@pytest.mark.parametrize(
    ("text", "kind", "checksum"),
    [
        ("f00", "id", "absent"),
        ("f01", "id", "absent"),
        ("f01729", "id", "absent"),
        ("f0999999", "id", "absent"),
        ("f09223372036854775807", "id", "absent"),
        ("f15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrq", "secp256k1", "verified"),
        ("f12fiakbhe2gwd5cnmrenekasyn6v5tnaxaqizq6a", "secp256k1", "verified"),
        ("f1wbxhu3ypkuo6eyp6hjx6davuelxaxrvwb2kuwva", "secp256k1", "verified"),
        ("f1xtwapqc6nh4si2hcwpr3656iotzmlwumogqbuaa", "secp256k1", "verified"),
        ("f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy", "secp256k1", "verified"),
        ("f24vg6ut43yw2h2jqydgbg2xq7x6f4kub3bg6as6i", "actor", "verified"),
        ("f25nml2cfbljvn4goqtclhifepvfnicv6g7mfmmvq", "actor", "verified"),
        ("f2nuqrg7vuysaue2pistjjnt3fadsdzvyuatqtfei", "actor", "verified"),
        ("f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2gqkn2jvlss4a", "bls", "verified"),
        ("f3wmuu6crofhqmm3v4enos73okk2l366ck6yc4owxwbdtkmpk42ohkqxfitcpa57pjdcftql4tojda2poeruwa", "bls", "verified"),
        ("f3s2q2hzhkpiknjgmf4zq3ejab2rh62qbndueslmsdzervrhapxr7dftie4kpnpdiv2n6tvkr743ndhrsw6d3a", "bls", "verified"),
        ("f432f77777777x32lpna", "delegated", "verified"),
        ("f410frw6wy7w6sbsguyn3yzeygg34fgf72n5ao5sxyky", "delegated", "verified"),
        ("f410f2oekwcmo2pueydmaq53eic2i62crtbeyuzx2gmy", "delegated", "verified"),
        ("f410f74aaaaaaaaaaaaaaaaaaaaaaaaaaajuu3nnltyi", "delegated", "verified"),
    ],
)
def test_filecoin_vectors(text, kind, checksum):
    address = FILECOIN.read(text)
    assert (address.canonical, address.kind, address.checksum) == (text, kind, checksum)
    assert FILECOIN.read(text.upper()) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f0-1", "bad_character"),
        ("f0", "bad_length"),
        ("f", "bad_prefix"),
        ("F", "bad_prefix"),
        ("Fluffy", "bad_prefix"),
        ("fil", "bad_prefix"),
        ("f007", "bad_padding"),
        ("f018446744073709551616", "bad_length"),
        ("f09223372036854775808", "bad_length"),
        ("f0" + "9" * 290, "bad_length"),
        ("f0\u0661", "bad_character"),
        ("f418446744073709551615", "bad_length"),
        ("f418446744073709551615ftnkyfaq", "bad_length"),
        ("f410", "bad_length"),
        ("f4010frw6wy7w6sbsguyn3yzeygg34fgf72n5ao5sxyky", "bad_padding"),
        ("f4f77777777vnmsana", "bad_length"),
        ("f15ihq5ibzwki2b4ep2f46avlkr\0zhpqgtga7pdrq", "bad_character"),
        ("t15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrq", "not_on_chain"),
        ("a15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrq", "bad_prefix"),
        ("tx", "bad_prefix"),
        ("f95ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrq", "bad_prefix"),
        ("f15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7rdrr", "bad_padding"),
        ("f15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7rdrq", "bad_checksum"),
        ("f24vg6ut43yw2h2jqydgbg2xq7x6f4kub3bg6as66", "bad_padding"),
        ("f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2gqkn2jvlss44", "bad_padding"),
        ("f0vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2gqkn2jvlss44", "bad_character"),
        ("f410f2oekwcmo2pueydmaq53eic2i62crtbeyuzx2gma", "bad_checksum"),
        ("f15IHQ5IBZWKI2B4EP2F46AVLKRQZHPQGTGA7PDRQ", "mixed_case"),
        ("f15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrQ", "mixed_case"),
        ("f432f77777777x32lpn", "bad_length"),
        ("f1aaaa", "bad_length"),
        ("f1\u0131", "bad_character"),
        ("f\u0661", "bad_prefix"),
    ],
)
def test_filecoin_refusals(text, reason):
    assert cases.reason_of(FILECOIN, text) == reason


def test_filecoin_lengths_that_no_address_has():
    short = Filecoin("filecoin")
    assert cases.reason_of(short, filecoin("1", b"\1", bytes(21))) == "bad_length"
    assert cases.reason_of(short, filecoin("3", b"\3", bytes(20))) == "bad_length"
    assert cases.reason_of(short, filecoin("410f", b"\4\x0a", bytes(19))) == "bad_length"
    assert cases.reason_of(short, filecoin("411f", b"\4\x0b", bytes(55))) == "bad_length"
    assert short.read(filecoin("411f", b"\4\x0b", bytes(54))).kind == "delegated"
    assert short.read(filecoin("41234f", b"\4\xd2\x09", bytes(8))).kind == "delegated"


def filecoin(head, hashed, payload):
    return f"f{head}" + base32.encode(payload + blake2b(hashed + payload, digest_size=4).digest(), base32.LOWER)


def test_filecoin_test_network():
    form = Filecoin("filecoin-calibration", "t")
    text = "t15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrq"
    assert form.read(text).canonical == text
    assert cases.reason_of(form, "f" + text[1:]) == "not_on_chain"


# Nano: wallet-core's tests/chains/Nano; nano-address-validator's README.


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("nano_1nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg", None),
        (
            "xrb_1111111111111111111111111111111111111111111111111111hifc8npp",
            "nano_1111111111111111111111111111111111111111111111111111hifc8npp",
        ),
        ("nano_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3", None),
    ],
)
def test_nano_vectors(text, canonical):
    assert NANO.read(text).canonical == (canonical or text)
    assert NANO.read(text).key == NANO.read(canonical or text).key


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("xrb_1111111111111111111111111111111111111111111111111111hi111111", "bad_checksum"),
        ("1Ma2DrB78K7jmAwaomqZNRMCvgQrNjE2QC", "bad_prefix"),
        ("nano_2nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg", "bad_character"),
        ("nano_4nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg", "bad_padding"),
        ("nano_znanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg", "bad_padding"),
        ("nano_1nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffe", "bad_length"),
        ("nano_1nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffegg", "bad_length"),
        ("nano_1Nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg", "bad_character"),
        ("NANO_1nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg", "bad_prefix"),
        ("ban_1nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg", "bad_prefix"),
        ("nano_", "bad_length"),
    ],
)
def test_nano_refusals(text, reason):
    assert cases.reason_of(NANO, text) == reason


def test_a_fork_has_its_own_prefix_and_identity():
    text = "ban_1nanode8ngaakzbck8smq6ru9bethqwyehomf79sae1k7xd47dkidjqzffeg"
    assert BANANO.read(text).canonical == text
    assert BANANO.read(text).key != NANO.read("nano_" + text[4:]).key


# Internet Computer: ICRC-1 TextualEncoding "Examples"; wallet-core's tw_internet_computer; the interface specification.


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PRINCIPAL, "principal"),
        ("t4u4z-y3dur-j63pk-nw4rv-yxdbt-agtt6-nygn7-ywh6y-zm2f4-sdzle-3qe", "principal"),
        ("2vxsx-fae", "principal"),
        ("aaaaa-aa", "principal"),
        ("ryjl3-tyaaa-aaaaa-aaaba-cai", "canister"),
        ("2chl6-4hpzw-vqaaa-aaaaa-c", "canister"),
        (f"{PRINCIPAL}-6cc627i.1", "subaccount"),
        (f"{PRINCIPAL}-dfxgiyy.102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", "subaccount"),
        ("fb257577279ecac604d4780214af95aa6adc3a814f6f3d6d7ac844d1deca500a", "account"),
        ("e90c48d54847f4758f1d6b589a1db2500757a49a6722d4f775e050107b4b752d", "account"),
        ("a7c5baf393aed527ef6fb3869fbf84dd4e562edf9b04bd8f9bfbd6b8e6a22776", "account"),
        ("4cb2ca5cfcfa1d952f8cd7f0ec46c96e1023ab057b83a2c7ce236b9e71ccca0b", "account"),
        (IDENTIFIER, "account"),
    ],
)
def test_internet_computer_vectors(text, kind):
    address = ICP.read(text)
    assert (address.canonical, address.kind, address.checksum) == (text, kind, "verified")


def test_capitals_of_an_account_identifier_mean_nothing():
    assert ICP.read(IDENTIFIER.upper()) == ICP.read(IDENTIFIER)


@pytest.mark.parametrize(
    ("principal", "identifier"),
    [
        (  # nns-js, AccountIdentifier.fromPrincipal
            "bwz3t-ercuj-owo6s-4adfr-sbu4o-l72hg-kfhc5-5sapm-tj6bn-3scho-uqe",
            "df4ad42194201b15ecbbe66ff68559a126854d8141fd935c5bd53433c2fb28d4",
        ),
    ],
)
def test_a_principal_is_its_default_account(principal, identifier):
    assert ICP.read(principal).account == identifier
    assert ICP.read(principal).key == ICP.read(identifier).key


def test_a_public_key_gives_the_account_that_its_principal_gives():
    """The key and the identifier of wallet-core's `from_public_key`."""
    key = (
        "048542e6fb4b17d6dfcac3948fe412c00d626728815ee7cc70509603f1bc92128a"
        "6e7548f3432d6248bc49ff44a1e50f6389238468d17f7d7024de5be9b181dbc8"
    )
    der = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200" + key)
    principal = principal_text(sha224(der).digest() + b"\2")
    assert ICP.read(principal).account == "2f25874478d06cf68b9833524a6390d0ba69c566b02f46626979a3d6a4153211"


def test_a_subaccount_is_not_the_default_account():
    keys = {ICP.read(text).key for text in (PRINCIPAL, f"{PRINCIPAL}-6cc627i.1")}
    assert len(keys) == 2


def principal_text(raw):
    plain = base32.encode(crc32(raw).to_bytes(4, "big") + raw, base32.LOWER)
    return "-".join(plain[at : at + 5] for at in range(0, len(plain), 5))


@given(raw=st.binary(max_size=29))
def test_every_principal_is_read(raw):
    assert ICP.read(principal_text(raw)).canonical == principal_text(raw)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{PRINCIPAL}-q6bn32y.", "bad_length"),
        ("k2t6j2nvnp4zjm3-25dtz6xhaac7boj5gayfoj3xs-i43lp-teztq-6ae", "bad_character"),
        (PRINCIPAL.replace("-", "", 1), "bad_character"),
        (PRINCIPAL + "-", "bad_character"),
        (f"{PRINCIPAL}-6cc627i.01", "bad_padding"),
        (f"{PRINCIPAL}-6cc627i.0", "bad_padding"),
        (f"{PRINCIPAL}-6cc627i.A", "bad_character"),
        (f"{PRINCIPAL}-6cc627i.g", "bad_character"),
        (f"{PRINCIPAL}-6cc627i.2", "bad_checksum"),
        (f"{PRINCIPAL}-6cc627i.{'1' * 65}", "bad_length"),
        (f"{PRINCIPAL}-6cc627j.1", "bad_padding"),
        (f"{PRINCIPAL}-6cc627.1", "bad_length"),
        (f"{PRINCIPAL}.1", "bad_checksum"),
        (PRINCIPAL.upper(), "bad_character"),
        (PRINCIPAL.replace("k", "a", 1), "bad_checksum"),
        (principal_text(bytes(30)), "bad_length"),
        ("a-b", "bad_padding"),
        ("aa-", "bad_length"),
        ("-", "bad_length"),
        ("-.", "bad_length"),
        ("3357cba483f268d044d4bbd4639f82c16028a76eebdf62c51bc11fc918d278b", "bad_length"),
        ("3357cba483f268d044d4bbd4639f82c16028a76eebdf62c51bc11fc918d278bce", "bad_length"),
        ("553357cba483f268d044d4bbd4639f82c16028a76eebdf62c51bc11fc918d278", "bad_checksum"),
        ("g" * 64, "bad_character"),
    ],
)
def test_internet_computer_refusals(text, reason):
    assert cases.reason_of(ICP, text) == reason
