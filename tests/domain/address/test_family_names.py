"""Forms whose texts are names and numbers: NEAR, Antelope, Graphene, IOST, Hedera, YOYOW."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address.codecs import decimal
from app.domain.address.families.antelope import Antelope
from app.domain.address.families.hedera import Hedera
from app.domain.address.families.names import Graphene, Iost
from app.domain.address.families.near import Near
from app.domain.address.families.yoyow import Yoyow
from app.domain.errors import InvalidAddress
from tests.domain.address import family_cases as cases
from tests.domain.address.vectors import needs_shared

NEAR = Near("near", ["near", "tg", "aurora"], ["testnet"])
EOS = Antelope("eos")
FIO = Antelope("fio", ["FIO"])
HIVE = Graphene("hive")
BITSHARES = Graphene("bitshares", 1, 63)
IOST = Iost("iost")
HEDERA = Hedera("hedera")
OTHER_LEDGER = Hedera("hedera-other", "a1ff01")
YOYOW = Yoyow("yoyow")
every_form = pytest.mark.parametrize(
    "form",
    [NEAR, EOS, FIO, HIVE, BITSHARES, IOST, HEDERA, OTHER_LEDGER, YOYOW],
    ids=lambda form: form.family,
)
NAMES = "abcdefghijklmnopqrstuvwxyz0123456789.-_"


@every_form
@given(seed=cases.seeds)
def test_a_sample_reads_as_itself(form, seed):
    cases.check_sample(form, seed)


@every_form
@given(text=cases.junk | st.text(NAMES, min_size=1, max_size=70) | st.from_regex(r"[0-9]+(\.[0-9]+){1,3}(-[a-z]+)?"))
def test_junk_is_refused_and_nothing_else_happens(form, text):
    cases.check_junk(form, text)


@pytest.mark.parametrize(
    ("form", "text", "kind"),
    [
        *[(form, "hello", "name") for form in (NEAR, EOS, FIO, HIVE, BITSHARES, IOST)],
        (YOYOW, "378854166", "number"),
        (HEDERA, "0.0.19790", "account"),
    ],
)
def test_the_kind_tells_what_may_be_an_ordinary_word_or_number(form, text, kind):
    assert form.read(text).kind == kind


@needs_shared
@pytest.mark.parametrize(
    ("form", "chain", "more"),
    [(NEAR, "near", 1), (EOS, "eos", 8), (EOS, "telos", 1), (YOYOW, "yoyow", 1), (HEDERA, "hedera", 0)],
)
def test_every_published_account_is_read(form, chain, more):
    texts = cases.vectors_of(chain) + (cases.lines_of(chain) if more else [])
    assert len(texts) >= max(more, 1)
    for text in texts:
        assert form.read(text).canonical == text


@needs_shared
@pytest.mark.parametrize(("form", "chain"), [(NEAR, "near"), (FIO, "fio"), (IOST, "iost")])
def test_sample_accounts_of_wallets_are_read(form, chain):
    text = cases.account_of(chain)
    assert form.read(text).canonical == text


# Decimal numbers


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("1", 1), ("10", 10), ("99", 99)])
def test_decimal_numbers(text, number):
    assert decimal.decode(text, 100) == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bad_length"),
        ("100", "bad_length"),
        ("9" * 5000, "bad_length"),
        ("00", "bad_padding"),
        ("01", "bad_padding"),
        ("-1", "bad_character"),
        ("+1", "bad_character"),
        ("1_0", "bad_character"),
        ("1\n", "bad_character"),
        ("\u0661", "bad_character"),
        ("\u00b2", "bad_character"),
        ("1.0", "bad_character"),
    ],
)
def test_decimal_refusals(text, reason):
    with pytest.raises(InvalidAddress) as refused:
        decimal.decode(text, 100)
    assert refused.value.reason == reason


# NEAR: OK_ACCOUNT_IDS and BAD_ACCOUNT_IDS of near-account-id-rs; NEP-616 for 0s.


@pytest.mark.parametrize(
    "text",
    [
        *("aa", "a-a", "a-aa", "100", "0o", "com", "near", "bowen", "b-o_w_e-n", "b.owen", "bro.wen", "a.ha"),
        *("a.b-a.ra", "system", "over.9000", "google.com", "illia.cheapaccounts.near", "0o0ooo00oo00o"),
        *("alex-skidanov", "10-4.8-2", "no_lols", "near.a"),
        "0123456789012345678901234567890123456789012345678901234567890123",
    ],
)
def test_near_lawful_names(text):
    assert NEAR.read(text).canonical == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a", "bad_length"),
        ("A", "bad_character"),
        ("Abc", "bad_character"),
        *[(text, "bad_character") for text in ("-near", "near-", "-near-", "near.", ".near", "near@", "@near")],
        *[(text, "bad_character") for text in ("неар", "@@@@@", "0__0", "0_-_0", "..", "a..near", "nEar", "_bowen")],
        ("hello world", "bad_character"),
        ("abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz", "bad_length"),
        ("01234567890123456789012345678901234567890123456789012345678901234", "bad_length"),
        ("some-complex-address@gmail.com", "bad_character"),
        ("sub.buy_d1gitz@atata@b0-rg.c_0_m", "bad_character"),
        ("alice.testnet", "not_on_chain"),
        ("NEAR2758Nk7CMUcxTwXdjVdSxNEidiZQWMZN3USJzj76q5ia3v2v2v", "bad_character"),
        ("0x85F17cf997934a597031b2e18a9ab6ebd4b9f6a4", "bad_character"),
        ("ab\n", "bad_character"),
        ("a" + "-b" * 149 + "-", "bad_length"),
    ],
)
def test_near_refusals(text, reason):
    assert cases.reason_of(NEAR, text) == reason


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hello", "name"),
        ("near", "name"),
        ("alice.near", "named"),
        ("a.b.tg", "named"),
        ("alicenear", "name"),
        ("917b3d268d4b58f7fec1b150bd68d69be3ee5d4cc39855e341538465bb77860d", "implicit"),
        ("917b3d268d4b58f7fec1b150bd68d69be3ee5d4cc39855e341538465bb7786", "name"),
        ("0x85f17cf997934a597031b2e18a9ab6ebd4b9f6a4", "eth_implicit"),
        ("0s85f17cf997934a597031b2e18a9ab6ebd4b9f6a4", "deterministic"),
        ("0u85f17cf997934a597031b2e18a9ab6ebd4b9f6a4", "name"),
    ],
)
def test_near_kinds(text, kind):
    assert NEAR.read(text).kind == kind


def test_a_network_without_foreign_suffixes_reads_its_own():
    assert Near("near-testnet", ["testnet"]).read("alice.testnet").kind == "named"


# Antelope: the name type of Leap (libraries/chain/name.hpp); wallet-core's tests/chains/EOS and FIO.


@pytest.mark.parametrize(
    "text",
    [
        *("a", "1", "eosio", "eosio.token", "satoshis12345", "aaaaaaaaaaaaj", "a.b.c", "..a", "zzzzzzzzzzzz"),
        *("lhp1ytjibtea", "wrcjejslfplp", "rpxtnpsr3gxd"),
    ],
)
def test_antelope_names(text):
    address = EOS.read(text)
    assert (address.canonical, address.kind, address.checksum) == (text, "name", "absent")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Alice", "bad_character"),
        ("alice16", "bad_character"),
        ("12345satoshis", "bad_character"),
        ("aaaaaaaaaaaaz", "bad_character"),
        ("aaaaaaaaaaaak", "bad_character"),
        ("a" * 14, "bad_length"),
        ("alice.", "bad_padding"),
        (".", "bad_padding"),
        ("aaaaaaaaaaaa.", "bad_padding"),
        ("rewards@wallet", "bad_character"),
        ("EOS6Vm7RWMS1KKAM9kDXgggpu4sJkFMEpARhmsWA84tk4P22m29AV", "unsupported"),
        ("PUB_K1_6enPVMggisfqVVRZ1tj47d9UeHK46CBssoCmAz6sLDMBdtZk78", "unsupported"),
        ("PUB_R1_5hieQEFWh68h6bjaYAY25Ptd2bmqLCaFsunaneh9gZsmSgUBUe", "unsupported"),
        ("65QzSGJ579GPNKtZoZkChTzsxR4B48RCfiS82m2ymJR6VZCjTF", "bad_character"),
    ],
)
def test_antelope_refusals(text, reason):
    assert cases.reason_of(EOS, text) == reason


def test_a_public_key_of_another_chain_is_only_wrong():
    key = "FIO5kJKNHwctcfUM5XZyiWSqSTM5HTzznJP9F3ZdbhaQAHEVq575o"
    assert cases.reason_of(FIO, key) == "unsupported"
    assert cases.reason_of(EOS, key) == "bad_character"


@given(st.text(".12345abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=13))
def test_an_antelope_name_is_read_when_it_is_the_text_of_its_number(text):
    assert cases.is_read(EOS, text) == (name_of(number_of(text)) == text)


def number_of(text):
    """Return the 64 bits of a name: five for each of twelve characters and four for the thirteenth."""
    places = [".12345abcdefghijklmnopqrstuvwxyz".index(character) for character in text.ljust(13, ".")]
    return sum(place << 59 - 5 * at for at, place in enumerate(places[:12])) | places[12] & 15


def name_of(number):
    places = [number >> 59 - 5 * at & 31 for at in range(12)] + [number & 15]
    return "".join(".12345abcdefghijklmnopqrstuvwxyz"[place] for place in places).rstrip(".")


# Graphene: is_valid_account_name of Hive and Steem, is_valid_name of BitShares, and the CAIP-10 profile of hive.


@pytest.mark.parametrize("text", ["ecency", "good-karma", "hive.fund", "abc", "a1b", "a--b", "abc.def", "hive-146999"])
def test_hive_names(text):
    assert HIVE.read(text).canonical == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ab", "bad_length"),
        ("a" * 17, "bad_length"),
        ("abc.de", "bad_length"),
        ("abc..def", "bad_length"),
        (".abc", "bad_length"),
        ("abc.", "bad_length"),
        ("1abc", "bad_character"),
        ("abc-", "bad_character"),
        ("-abc", "bad_character"),
        ("abc.1ef", "bad_character"),
        ("Abc", "bad_character"),
        ("a_bc", "bad_character"),
        ("abc\n", "bad_character"),
    ],
)
def test_hive_refusals(text, reason):
    assert cases.reason_of(HIVE, text) == reason


def test_bitshares_names_may_be_shorter_and_longer():
    assert [BITSHARES.read(text).canonical for text in ("a", "a" * 63, "a.b")] == ["a", "a" * 63, "a.b"]
    assert [cases.reason_of(BITSHARES, text) for text in ("a" * 64, "a.", "1.2.17")] == [
        "bad_length",
        "bad_length",
        "bad_character",
    ]


# IOST: wallet-core's tests/chains/IOST and Account.cpp


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Gcv8c2tH8qZrUYnKdEEdTtASsxivic2834MQW6mgxqto", "key"),
        ("4av8w81EyzUgHonsVWqfs15WM4Vrpgox4BYYQWhNQDVu", "key"),
        ("account1", "name"),
        ("a_b_c", "name"),
    ],
)
def test_iost_vectors(text, kind):
    assert IOST.read(text).kind == kind


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abcd", "bad_length"),
        ("account_of_12", "bad_character"),
        ("Account1", "bad_length"),
        ("acc.ount", "bad_character"),
    ],
)
def test_iost_refusals(text, reason):
    assert cases.reason_of(IOST, text) == reason


# Hedera: HIP-15, "Specification"; HIP-583; wallet-core's tests/chains/Hedera.

MAIN_SUMS = (
    *("0.0.1-dfkxr", "0.0.4-cjcuq", "0.0.5-ktach", "0.0.6-tcxjy", "0.0.12-uuuup", "0.0.123-vfmkw"),
    *("0.0.1234567890-zbhlt", "12.345.6789-aoyyt", "1.23.456-adpbr"),
)
OTHER_SUMS = (
    *("0.0.1-xzlgq", "0.0.4-xdddp", "0.0.5-fnalg", "0.0.6-nwxsx", "0.0.12-povdo", "0.0.123-pzmtv"),
    *("0.0.1234567890-tvhus", "12.345.6789-vizhs", "1.23.456-uxpkq"),
)


@pytest.mark.parametrize(
    ("form", "other", "text"),
    [(HEDERA, OTHER_LEDGER, text) for text in MAIN_SUMS] + [(OTHER_LEDGER, HEDERA, text) for text in OTHER_SUMS],
)
def test_hedera_checksums(form, other, text):
    address = form.read(text)
    assert (address.canonical, address.checksum) == (text.partition("-")[0], "verified")
    assert address.key == form.read(address.canonical).key
    assert form.read(address.canonical).checksum == "absent"
    assert cases.reason_of(other, text) == "bad_checksum"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0.0.123-abcde", "bad_checksum"),
        ("0.00.123", "bad_padding"),
        ("0.0.0123-vfmkw", "bad_padding"),
        ("0.0.123-VFMKW", "bad_character"),
        ("0.0.123-vFmKw", "bad_character"),
        ("0.0.123#vfmkw", "bad_character"),
        ("0.0.123vfmkw", "bad_character"),
        ("0.0.123 - vfmkw", "bad_character"),
        ("0.123", "bad_length"),
        ("0.0.123.", "bad_length"),
        ("0.0.123-vf", "bad_character"),
        ("0.0.123-vfm-kw", "bad_character"),
        ("0.0.123-vfmkwxxxx", "bad_character"),
        ("0.0.123-", "bad_character"),
        ("0.0.", "bad_length"),
        ("0.0.9223372036854775808", "bad_length"),
        ("invalid", "bad_character"),
        ("0.0.abc", "bad_character"),
        ("0.0.\u0661", "bad_character"),
        ("0.0.302a300506032b65700321007df3e1ab790b28de4706d36a7aa99a0e043cb3e2c3d6ec6686e4af7f638b0860", "unsupported"),
        ("0.0.b794f5ea0ba39494ce839613fffba74279579268", "unsupported"),
        ("302a300506032b65700321007df3e1ab790b28de4706d36a7aa99a0e043cb3e2c3d6ec6686e4af7f638b0860", "unsupported"),
        ("0xb794f5ea0ba39494ce839613fffba74279579268", "unsupported"),
        ("0x" + "0" * 40, "unsupported"),
        ("0x" + "0" * 23 + "1" + "0" * 16, "unsupported"),
        ("0x" + "0" * 24 + "8" + "0" * 15, "unsupported"),
        ("0x1f41", "bad_length"),
        ("0xg", "bad_character"),
    ],
)
def test_hedera_refusals(text, reason):
    assert cases.reason_of(HEDERA, text) == reason


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0x0000000000000000000000000000000000001f41", "0.0.8001"),
        ("0X0000000000000000000000000000000000001F41", "0.0.8001"),
        ("0x" + "0" * 24 + "7" + "f" * 15, "0.0.9223372036854775807"),
        ("9223372036854775807.9223372036854775807.9223372036854775807", None),
        ("0.0.1377988", None),
    ],
)
def test_hedera_numbers(text, canonical):
    assert HEDERA.read(text).canonical == (canonical or text)


@pytest.mark.parametrize("text", ["0.0.123-vfmkw", "0.0.1234567890-zbhlt"])
def test_hedera_checksums_find_every_wrong_character(text):
    assert cases.accepted(HEDERA, cases.typos(text, "0123456789.abcdefghijklmnopqrstuvwxyz"), text) == []


# YOYOW: calc_account_uid of yoyow-core.


@pytest.mark.parametrize("text", ["378854166", "25638"])
def test_yoyow_vectors(text):
    address = YOYOW.read(text)
    assert (address.canonical, address.checksum) == (text, "verified")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("378854167", "bad_checksum"),
        ("0378854166", "bad_padding"),
        ("18446744073709551616", "bad_length"),
        ("yoyo378854166", "bad_character"),
        ("0", "bad_checksum"),
    ],
)
def test_yoyow_refusals(text, reason):
    assert cases.reason_of(YOYOW, text) == reason


def test_yoyow_lets_one_wrong_number_of_256_by():
    found = sum(cases.is_read(YOYOW, str(number)) for number in range(1_000_000, 1_000_000 + 256 * 40))
    assert found == 40
