"""Zcash: the official vectors of ZIP 316 and ZIP 320, and each way in which a unified address can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address.codecs import base58, bech32, f4jumble
from app.domain.address.families.bech32 import write
from app.domain.address.families.zcash import Zcash
from app.domain.errors import InvalidAddress
from tests.domain.address.test_address_real_data import rows
from tests.domain.address.vectors import SHARED, needs_shared

ZCASH = Zcash("zcash", {"1cb8": "p2pkh", "1cbd": "p2sh"})
TESTNET = Zcash(
    "zcash-testnet",
    {"1d25": "p2pkh", "1cba": "p2sh"},
    sapling="ztestsapling",
    unified="utest",
    tex="textest",
    sprout="16b6",
    revised=[],
)
SPROUT = "zcWGguu2UPfNhh1ygWW9Joo3osvncsuehtz5ewvXd78vFDdnDCRNG6QeKSZpwZmYmkfEutPVf8HzCfBytqXWsEcF2iBAM1e"  # zcashd

# zcash-test-vectors, unified_address.json: one of each set of receivers
UNIFIED = (
    "u1l8xunezsvhq8fgzfl7404m450nwnd76zshscn6nfys7vyz2ywyh4cc5daaq0c7q2su5lqfh23sp7fkf3kt27ve5948mzpfdvckzaect2jtte308mkwlycj2u0eac077wu70vqcetkxf",
    "u1pg2aaph7jp8rpf6yhsza25722sg5fcn3vaca6ze27hqjw7jvvhhuxkpcg0ge9xh6drsgdkda8qjq5chpehkcpxf87rnjryjqwymdheptpvnljqqrjqzjwkc2ma6hcq666kgwfytxwac8eyex6ndgr6ezte66706e3vaqrd25dzvzkc69kw0jgywtd0cmq52q5lkw6uh7hyvzjse8ksx",
    "u1ay3aawlldjrmxqnjf5medr5ma6p3acnet464ht8lmwplq5cd3ugytcmlf96rrmtgwldc75x94qn4n8pgen36y8tywlq6yjk7lkf3fa8wzjrav8z2xpxqnrnmjxh8tmz6jhfh425t7f3vy6p4pd3zmqayq49efl2c4xydc0gszg660q9p",
    "u1snf9yr883aj2hm8pksp9aymnqdwzy42rpzuffevj35hhxeckays5pcpeq7vy2mtgzlcuc4mnh9443qnuyje0yx6h59angywka4v2ap6kchh2j96ezf9w0c0auyz3wwts2lx5gmk2sk9",
    "u1ddnjsdcpm36r6aq79n3s68shjweksnmwtdltrh046s8m6xcws9ygyawalxx8n6hg6vegk0wh8zjnafxgh6msppjsljvyt0ynece3lvm0",
    "u187vrwl4ampyxd5m6aj38n4ndkmj8v6gs97hkt23aps3sn5k89a0gk2smluexgdprcrtm56ezc5c7tjwlrnnl79tjtrxmqd42c5mpyz7g",
)
# the same, with an experimental receiver: longer than any text that is checked
UNIFIED_LONG = (
    "u1en8ysypun4gdkdnu8zqqg6k73ankr9ffwfzg08wtzg9z939w0wupewemfrc8a630e8gc4uqucym0l4v44fszy3et4veyypt3js"
    "yp0whfpfsn2lw30kj8nepe6wvvasf00wklh85u9v8glqndupmamk9z2ja9sanf70pp4yxvkt3dmyzxa0kkhv2c9pxmkghrxqk059"
    "0azvya3nzrtevj449nu3laskrhf7c7nj9cyw7ty38mccg4znrr876guu6pzndx7ngwzhmlsn8d89saf5araaacrhr9958xr6z23m"
    "j4qtzzn98whdpu8u7n8fhf5d2vypljda62q73du44sf0e0kxmq3gvgkta0qqgq9w6r403gc5jz2any02etmwlttkv84hgh95czhd"
    "f2jugk3u36ke0kchcthg240"
)
# zcash-test-vectors, unified_address_r2.json: shielded, and with transparent receivers; without and with expiry
REVISED = (
    "zu1wpmyzjrdtsw2n0kgku0pr6raf7jhwe70e45ucfcruk9qrxv59fxegvrlwmqs8uydq57re5rm79eth5hu5hzcqetl39nphtyp74qu5prrpwy8kzqlxagwz24f2c3z0939mwt3cngyfrx5nyk270q4eaj5jqdqepadhq4n6kmf0cdca58t",
    "zu1jn75qa00cea69xtz3ncl6d4lvxqzzyxq500km3jd4g3gupc5s5hf00gxf9truqgf7n32vhwy0qg3qevvcdgk2e0my9fn269hcjvzsf2umpwq8ew2d2",
    "zu1ej4yal0clu8xrjulw3skqadsejmu0dpp9lsudga75j28g9cycg8e3k9mnlvgnqxqylvn34pzfvzdgxx4h9kx6j2mrqw5x8lh0uay052pxh73y2xgwslxvl5d",
    "zu134mt78g5tgkmxgmfjhn6kpxqppqnwjqclk74atpr7ak7mstqgsvzlg20vp8qykr25hnrdvu8d2eu8qmzkced5s0we9z3kk26xmh42270ytjaqc2d9pv6x97azlughk34wcedaf09flzv9ceesxxf27hjm8tqcx8vyhmhm7ltlcjk44wkghpv0ceygr4235zu5a4qu73ge4",
    "tu1fm5xassnx4us9jm60l0ntfcyy6awx7xy02nf2yfkq24uungm3pt0uuvtkjemrav8xvvzm6c4j3clpqwlx5qscvt4lyagng0jqxgu9jjd2cf42pwqnj7uwzua7swgjzfm4swmauuz0lu42nrv7vkx9kjkgjluvddsya20tsat5ejujgg66ulw8r0pdhh5vzhjy2yelhrh2wcsx06kf4z",
    "tu1qrmlrpsfhdkxuwxzcxl23uav23frnzw6ec3n6ytvv6tnfqpm2mut2j66w244vqr9at7lpuh0pad4dsmzt65qhnzp5d2rpzxxfjhsv63fy44k6pk59gsaf34hje3uv0fd0vpmtdqwr98hlu8kq6zuvuty47j0uk4ad9x8tpnhxtrkp24g38trc2mppzxehr8cpz7x7pgw3wze5vc4et06xvawyfdteu9556vzuxguq3g2f",
    "tu1kgjemd4hqrq4elfavj8zy054e6c2pm79vc29l9qrjpf3yvlp76v46mtgjpvc0valvl3heh6qg7zyc5v587hnc9m89wllxdgmt5dqk4p4d7sem5knwuk4dgee",
)
# zcash-test-vectors, zip_0320.json
TEX = (
    ("t1V9mnyk5Z5cTNMCkLbaDwSskgJZucTLdgW", "tex10wur2u9clts5dcpu2vc6qg93uzyj7cca2xm732"),
    ("t1LZdE42PAt1wREUv1YMYRFwJDPHPW8toLL", "tex1rkq7seu3cukjjtusde7q8xnjne93laluyvdxu7"),
    ("t1M5AgJw56FNFRBNGtzAGX4AHfQh7ZCxd4w", "tex1yvvrncc9czsza45pgph67g39shmxywgyvsypwn"),
)
# zcash-test-vectors, f4jumble.json
JUMBLED = (
    (
        "5d7a8f739a2d9e945b0ce152a8049e294c4d6e66b164939daffa2ef6ee6921481cdd86b3cc4318d9614fc820905d042b",
        "0304d029141b995da5387c125970673504d6c764d91ea6c082123770c7139ccd88ee27368cd0c0921a0444c8e5858d22",
    ),
    (
        "b1ef9ca3f24988c7b3534201cfb1cd8dbf69b8250c18ef41294ca97993db546c1fe01f7e9c8e36d6a5e29d4e30a73594bf5098421c69378af1e40f64e125946f",
        "5271fa3321f3adbcfb075196883d542b438ec6339176537daf859841fe6a56222bff76d1662b5509a9e1079e446eeedd2e683c31aae3ee1851d7954328526be1",
    ),
    (
        "25c9a138f49b1a537edcf04be34a9851a7af9db6990ed83dd64af3597c04323ea51b0052ad8084a8b9da948d320dadd64f5431e61ddf658d24ae67c22c8d1309131fc00fe7f235734276d38d47f1e191e00c7a1d48af046827591e9733a97fa6b679f3dc601d008285edcbdae69ce8fc1be4aac00ff2711ebd931de518856878f7",
        "7508a3a146714f229db91b543e240633ed57853f6451c9db6d64c6e86af1b88b28704f608582c53c51ce7d5b8548827a971d2b98d41b7f6258655902440cd66ee11e84dbfac7d2a43696fd0468810a3d9637c3fa58e7d2d341ef250fa09b9fb71a78a41d389370138a55ea58fcde779d714a04e0d30e61dc2d8be0da61cd684509",
    ),
)


def reason_of(form, text):
    with pytest.raises(InvalidAddress) as refused:
        form.read(text)
    return refused.value.reason


def item(code, size, fill=7):
    return bytes([code, size]) + bytes([fill]) * size


P2PKH, P2SH, SAPLING, ORCHARD = item(0, 20), item(1, 20), item(2, 43), item(3, 43)


def unified(*items, hrp="u", padding=None):
    end = (hrp if padding is None else padding).encode().ljust(16, b"\0")
    return write(hrp, f4jumble.jumble(b"".join(items) + end), bech32.BECH32M)


@pytest.mark.parametrize("text", UNIFIED + REVISED, ids=lambda text: text[:9])
def test_published_unified_addresses(text):
    assert ZCASH.read(text) == ("zcash", text, "verified", "unified", None, "")
    assert ZCASH.read(text.upper()).canonical == text


def test_a_unified_address_beyond_the_tables_is_unsupported():
    assert reason_of(ZCASH, UNIFIED_LONG) == "unsupported"


@pytest.mark.parametrize(("transparent", "text"), TEX)
def test_a_tex_address_is_the_transparent_one_that_it_names(transparent, text):
    assert ZCASH.read(text) == ("zcash", transparent, "verified", "tex", None, "")
    assert ZCASH.read(text).key == ZCASH.read(transparent).key


def test_sprouts_address():
    assert ZCASH.read(SPROUT) == ("zcash", SPROUT, "verified", "sprout", None, "")
    assert SPROUT.startswith(ZCASH.starts)
    assert reason_of(TESTNET, SPROUT) == "bad_version"


@pytest.mark.parametrize(
    ("items", "hrp"),
    [
        ([P2PKH, SAPLING, ORCHARD], "u"),
        ([P2SH, ORCHARD], "u"),
        ([SAPLING, item(4, 0)], "u"),
        ([SAPLING, item(0xC0, 3)], "u"),  # metadata that may be ignored
        ([ORCHARD, b"\xfd\xfd\x00\x01x"], "u"),
        ([ORCHARD, b"\xfd\xfa\xff\x20" + bytes(32)], "u"),  # an experimental receiver
        ([ORCHARD, b"\xfe\x00\x00\x01\x00\x01x"], "u"),
        ([P2SH, item(0xE0, 4), item(0xE1, 8)], "tu"),
        ([SAPLING, item(0xE1, 8)], "zu"),
        ([item(5, 40)], "zu"),
    ],
)
def test_every_lawful_set_of_items_is_read(items, hrp):
    assert ZCASH.read(unified(*items, hrp=hrp)).kind == "unified"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (unified(P2PKH, P2SH, SAPLING), "bad_version"),
        (unified(SAPLING, P2PKH), "bad_version"),
        (unified(SAPLING, SAPLING), "bad_version"),
        (unified(P2PKH, item(4, 20)), "bad_version"),
        (unified(item(5, 40)), "bad_version"),
        (unified(SAPLING, item(0xE0, 4)), "bad_version"),
        (unified(SAPLING, item(0xFC, 4)), "bad_version"),
        (unified(SAPLING, item(0xE2, 4), hrp="zu"), "unsupported"),
        (unified(item(0xE1, 8), item(0xF0, 20), hrp="tu"), "bad_version"),
        (unified(P2PKH, SAPLING, hrp="zu"), "bad_version"),
        (unified(P2SH, ORCHARD, hrp="zu"), "bad_version"),
        (unified(item(2, 42)), "bad_length"),
        (unified(item(0, 19), SAPLING), "bad_length"),
        (unified(item(1, 21), SAPLING), "bad_length"),
        (unified(SAPLING, item(3, 44)), "bad_length"),
        (unified(SAPLING, item(0xE0, 5), hrp="zu"), "bad_length"),
        (unified(SAPLING[:-1]), "bad_length"),
        (unified(SAPLING, b"\x04"), "bad_length"),
        (unified(SAPLING, b"\xfd\x04"), "bad_length"),
        (unified(SAPLING, b"\xff" + bytes(8)), "bad_length"),
        (unified(SAPLING, b"\xfd\x04\x00\x00"), "bad_padding"),
        (unified(b"\x02\xfd\x2b\x00" + SAPLING[2:]), "bad_padding"),
        (unified(SAPLING, b"\xfe\xff\xff\x00\x00\x00"), "bad_padding"),
        (unified(SAPLING, b"\xfe\x01\x00\x00\x02\x00"), "bad_length"),
        (unified(SAPLING, padding="utest"), "bad_padding"),
        (unified(SAPLING, padding="zu"), "bad_padding"),
        (write("u", bytes(47), bech32.BECH32M), "bad_length"),
        (write("u", bytes(61), bech32.BECH32M), "bad_padding"),
        (write("u", f4jumble.jumble(SAPLING + b"u".ljust(16, b"\0")), bech32.BECH32), "bad_checksum"),
        (UNIFIED[0][:-1] + "q", "bad_checksum"),
        (UNIFIED[0][:-1] + "F", "mixed_case"),
        ("ur" + UNIFIED[0][1:], "bad_character"),
    ],
)
def test_unified_is_refused_for_its_reason(text, reason):
    assert reason_of(ZCASH, text) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (write("zs", bytes(42), bech32.BECH32), "bad_length"),
        (write("zs", bytes(43), bech32.BECH32M), "bad_checksum"),
        (bech32.encode("zs", bytes(68) + b"\1", bech32.BECH32), "bad_padding"),
        (write("tex", bytes(20), bech32.BECH32), "bad_checksum"),
        (write("tex", bytes(21), bech32.BECH32M), "bad_length"),
        (write("ztestsapling", bytes(43), bech32.BECH32), "bad_character"),
        (SPROUT[:-1] + "f", "bad_checksum"),
        (base58.encode_check(b"\x16\x9b" + bytes(64)), "bad_version"),
        ("t1KAedN3mupcum5ffF7DF5KNz27vRB9pYnS", "bad_checksum"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bad_length"),
    ],
)
def test_the_other_forms_are_refused_for_their_reason(text, reason):
    assert reason_of(ZCASH, text) == reason


def test_the_test_network_has_prefixes_of_its_own():
    assert TESTNET.read(unified(SAPLING, hrp="utest")).kind == "unified"
    assert TESTNET.read(write("ztestsapling", bytes(43), bech32.BECH32)).kind == "sapling"
    assert TESTNET.read(write("textest", bytes(20), bech32.BECH32M)).canonical[:2] == "tm"
    assert TESTNET.sample(bytes(32)).startswith(TESTNET.starts)


@pytest.mark.parametrize(("plain", "jumbled"), JUMBLED)
def test_published_jumbles(plain, jumbled):
    assert f4jumble.jumble(bytes.fromhex(plain)).hex() == jumbled
    assert f4jumble.unjumble(bytes.fromhex(jumbled)).hex() == plain


@given(st.binary(min_size=48, max_size=300))
def test_unjumbling_undoes_jumbling(message):
    assert f4jumble.unjumble(f4jumble.jumble(message)) == message


@needs_shared
def test_every_published_line_and_vector_is_read():
    lines = (SHARED / "zcash.txt").read_text(encoding="utf-8").split()
    assert [ZCASH.read(line).canonical for line in lines] == lines
    kinds = [ZCASH.read(row["address"]).kind for row in rows("valid_by_format.tsv") if row["chain"] == "zcash"]
    assert sorted(set(kinds)) == ["p2pkh", "sapling", "tex", "unified"]
    assert (len(lines), len(kinds)) == (6, 12)
