"""Nervos CKB: the vectors of RFC 21 and of its software kits, and each way in which a lock can be wrong."""

import pytest

from app.domain.address.codecs import bech32
from app.domain.address.families.bech32 import write
from app.domain.address.families.nervos import Nervos
from app.domain.errors import InvalidAddress

NERVOS = Nervos("nervos")


def reason_of(form, text):
    with pytest.raises(InvalidAddress) as refused:
        form.read(text)
    return refused.value.reason


LOCK = "ckb1qzda0cr08m85hc8jlnfp3zer7xulejywt49kt2rr0vthywaa50xwsqdnnw7qkdnnclfkg59uzn8umtfd2kwxceqxwquc4"


@pytest.mark.parametrize(
    "text",  # RFC 21, the examples of one lock
    [
        LOCK,
        "ckb1qyqt8xaupvm8837nv3gtc9x0ekkj64vud3jqfwyw5v",
        "ckb1qjda0cr08m85hc8jlnfp3zer7xulejywt49kt2rr0vthywaa50xw3vumhs9nvu786dj9p0q5elx66t24n3kxgj53qks",
    ],
)
def test_nervos_spellings_are_one_lock(text):
    assert NERVOS.read(text) == ("nervos", LOCK, "verified", "account", None, "")
    assert NERVOS.read(text.upper()).canonical == LOCK


@pytest.mark.parametrize(
    ("text", "code", "hash_type", "arguments", "kind"),  # ckb-sdk-go and ckb-sdk-java, their address tests
    [
        (
            "ckb1qyq5lv479ewscx3ms620sv34pgeuz6zagaaqklhtgg",
            "5c5069eb0857efc65e1bca0c07df34c31663b3622fd3876c876320fc9634e2a8",
            1,
            "4fb2be2e5d0c1a3b8694f832350a33c1685d477a",
            "multisig",
        ),
        (
            "ckb1qypt6p7e7v4uudxjw9f2dgper5ey77d2hp2qxz4u4u",
            "d369597ff47f29fbc0d47d2e3775370d1250b85140c670e4718af712983a2354",
            1,
            "bd07d9f32bce34d27152a6a0391d324f79aab854",
            "anyone_can_pay",
        ),
        (
            "ckb1qypylv479ewscx3ms620sv34pgeuz6zagaaqcehzz9g",
            "d369597ff47f29fbc0d47d2e3775370d1250b85140c670e4718af712983a2354",
            1,
            "4fb2be2e5d0c1a3b8694f832350a33c1685d477a0c",
            "anyone_can_pay",
        ),
        (
            "ckb1qfcf7076zt6krnavly3883t6nrlduxy28ud9nv0c3rg387wvuzryndeev8jxm843rrfau8g73uct8tmmhuckqy57acj",
            "709f3fda12f561cfacf92273c57a98fede188a3f1a59b1f888d113f9cce08649",
            0,
            "b73961e46d9eb118d3de1d1e8f30b3af7bbf3160",
            "script",
        ),
        (
            "ckb1qpcf7076zt6krnavly3883t6nrlduxy28ud9nv0c3rg387wvuzryjq9h89s7gmv7kyvd8hsar68npva00wlnzcqgh76tz",
            "709f3fda12f561cfacf92273c57a98fede188a3f1a59b1f888d113f9cce08649",
            0,
            "b73961e46d9eb118d3de1d1e8f30b3af7bbf3160",
            "script",
        ),
    ],
)
def test_nervos_locks_are_spelled_in_full(text, code, hash_type, arguments, kind):
    script = bytes.fromhex(code) + bytes([hash_type]) + bytes.fromhex(arguments)
    assert NERVOS.read(text)[1:4] == (write("ckb", b"\0" + script, bech32.BECH32M), "verified", kind)


def test_nervos_test_network_pays_any_by_a_code_of_its_own():
    testnet = Nervos("nervos-testnet", "ckt")
    assert testnet.read("ckt1qyq5lv479ewscx3ms620sv34pgeuz6zagaaqt6f5y5").kind == "multisig"  # ckb-sdk-go
    short = b"\1\2" + bytes(20)
    here, there = (form.read(write(hrp, short, bech32.BECH32)) for form, hrp in ((NERVOS, "ckb"), (testnet, "ckt")))
    assert here.kind == there.kind == "anyone_can_pay"
    assert bech32.pack(bech32.decode(there.canonical, 256)[1])[1:33].hex().startswith("3419a1c0")


def test_nervos_reads_every_hash_type():
    kinds = [NERVOS.read(write("ckb", b"\0" + bytes(32) + bytes([kind]), bech32.BECH32M)).kind for kind in (0, 1, 2, 4)]
    assert kinds == ["script"] * 4


@pytest.mark.parametrize(
    ("payload", "constant", "reason"),
    [
        (b"", bech32.BECH32M, "bad_length"),
        (b"\0" + bytes(32) + b"\1", bech32.BECH32, "bad_checksum"),
        (b"\1\0" + bytes(20), bech32.BECH32M, "bad_checksum"),
        (b"\1", bech32.BECH32, "bad_length"),
        (b"\1\0" + bytes(21), bech32.BECH32, "bad_length"),
        (b"\1\2" + bytes(23), bech32.BECH32, "bad_length"),
        (b"\1\3" + bytes(20), bech32.BECH32, "bad_version"),
        (b"\3" + bytes(33), bech32.BECH32, "bad_version"),
        (b"\0" + bytes(32), bech32.BECH32M, "bad_length"),
        (b"\0" + bytes(32) + b"\3", bech32.BECH32M, "bad_version"),
        (b"\0" + bytes(32) + b"\1" + bytes(85), bech32.BECH32M, "unsupported"),
    ],
)
def test_nervos_is_refused_for_its_reason(payload, constant, reason):
    assert reason_of(NERVOS, write("ckb", payload, constant)) == reason


def test_nervos_is_refused_for_typos_and_other_prefixes():
    assert reason_of(NERVOS, LOCK[:-1] + "q") == "bad_checksum"
    assert reason_of(NERVOS, "ckt" + LOCK[3:]) == "bad_prefix"
