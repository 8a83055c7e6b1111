"""What every form of these families keeps: its samples read back, typos are refused, junk raises nothing else."""

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.address.families.avalanche import Avalanche
from app.domain.address.families.base58_hashed import Base58Hashed
from app.domain.address.families.bech32 import Bech32
from app.domain.address.families.cardano import Cardano
from app.domain.address.families.concordium import Concordium
from app.domain.address.families.conflux import Conflux
from app.domain.address.families.cosmos import Cosmos
from app.domain.address.families.handshake import Handshake
from app.domain.address.families.kaspa import Kaspa
from app.domain.address.families.liquid import Liquid
from app.domain.address.families.nervos import Nervos
from app.domain.address.families.nimiq import Nimiq
from app.domain.address.families.nuls import Nuls
from app.domain.address.families.prefixed58 import Prefixed58
from app.domain.address.families.sia import Sia
from app.domain.address.families.ss58 import Ss58
from app.domain.address.families.stacks import Stacks
from app.domain.address.families.zcash import Zcash
from app.domain.address.families.zilliqa import Zilliqa
from app.domain.address.identity import Address
from app.domain.errors import InvalidAddress

DECRED = {"073f": ["p2pkh", 20], "071a": ["p2sh", 20], "1386": ["p2pk", 33]}
FORMS = {
    "cosmos": Cosmos(),
    "injective": Cosmos(hrp="inj", evm=True),
    "harmony": Cosmos(hrp="one", evm=True, operators=False),
    "bnb-beacon": Bech32("bnb-beacon", "bnb"),
    "oasis": Bech32("oasis", "oasis", [21], leads={"00": "account"}),
    "penumbra": Bech32("penumbra", "penumbra", [80], constant="bech32m"),
    "chia": Bech32("chia", "xch", [32], constant="bech32m"),
    "avalanche": Avalanche("avalanche"),
    "zilliqa": Zilliqa("zilliqa"),
    "handshake": Handshake("handshake"),
    "nervos": Nervos("nervos"),
    "nervos-testnet": Nervos("nervos-testnet", "ckt"),
    "cardano": Cardano("cardano"),
    "cardano-testnet": Cardano("cardano-testnet", testnet=True),
    "polkadot": Ss58(),
    "parallel": Ss58(prefix=172),
    "waves": Base58Hashed("waves", "keccak", {"0157": ["account", 20]}, aliases="alias:"),
    "decred": Base58Hashed("decred", "blake256", DECRED),
    "ergo": Base58Hashed("ergo", "blake2b", {"01": ["p2pk", 33], "02": ["p2sh", 24], "03": ["p2s", 0]}),
    "zcash": Zcash("zcash", {"1cb8": "p2pkh", "1cbd": "p2sh"}),
    "liquid": Liquid("liquid"),
    "kaspa": Kaspa("kaspa"),
    "conflux": Conflux("conflux"),
    "aeternity": Prefixed58("aeternity", {"ak_": "account", "ct_": "contract"}),
    "concordium": Concordium("concordium"),
    "nuls": Nuls("nuls"),
    "nimiq": Nimiq("nimiq"),
    "stacks": Stacks("stacks"),
    "sia": Sia("sia"),
}
WEAK = {"nuls": 256, "nimiq": 97, "polkadot": 65_536, "parallel": 65_536}  # one typo in how many the checksum lets by
OUTSIDE = {"avalanche": 2}  # characters before those that the checksum covers, another of which is another address
TYPOS = 400
EVERY_FORM = pytest.mark.parametrize("name", FORMS)
CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

seeds = st.binary(min_size=32, max_size=32)


@EVERY_FORM
@given(one=seeds, other=seeds)
@settings(max_examples=40, deadline=None)
def test_a_sample_reads_back_as_itself_and_no_other(name, one, other):
    form = FORMS[name]
    text = form.sample(one)
    address = form.read(text)
    assert isinstance(address, Address)
    assert (address.family, address.canonical, address.checksum) == (form.family, text, "verified")
    assert text.startswith(tuple(form.starts))
    assert (form.sample(other) == text) == (other == one) or one[:19] == other[:19]


@EVERY_FORM
@pytest.mark.parametrize("seed", [bytes(32), b"\xff" * 32, b"\0" * 31 + b"\1"])
def test_the_outermost_samples_read_back(name, seed):
    form = FORMS[name]
    text = form.sample(seed)
    assert form.read(text).canonical == text
    assert text.startswith(tuple(form.starts))


@EVERY_FORM
def test_no_typo_is_accepted_beyond_the_odds_of_the_checksum(name):
    form, rng, accepted, tried = FORMS[name], random.Random(7), 0, 0
    while tried < TYPOS:
        text = form.sample(hashlib.sha256(bytes([tried % 251])).digest())
        at = rng.randrange(OUTSIDE.get(name, 0), len(text))
        typo = text[:at] + rng.choice(CHARACTERS) + text[at + 1 :]
        if typo.lower() == text.lower():
            continue
        tried += 1
        try:
            form.read(typo)
            accepted += 1
        except InvalidAddress:
            continue
    assert accepted <= (8 * TYPOS // WEAK[name] if name in WEAK else 0)


@EVERY_FORM
def test_no_part_of_an_address_and_nothing_around_it_is_accepted(name):
    form = FORMS[name]
    text = form.sample(hashlib.sha256(b"parts").digest())
    broken = [text[:end] for end in range(1, len(text))] + [text[begin:] for begin in range(1, len(text))]
    broken += [text + text, " " + text, text + " ", text + "\n", text + "\0", "\ufeff" + text]
    for part in broken:
        with pytest.raises(InvalidAddress):
            form.read(part)


@EVERY_FORM
@given(junk=st.text(min_size=1, max_size=300))
@settings(max_examples=60, deadline=None)
def test_junk_raises_nothing_but_its_refusal(name, junk):
    for text in (junk, FORMS[name].sample(bytes(32))[:9] + junk):
        with pytest.raises(InvalidAddress):
            FORMS[name].read(text[:300])


@EVERY_FORM
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_junk_of_the_forms_own_characters_raises_nothing_but_its_refusal(name, data):
    sample = FORMS[name].sample(hashlib.sha256(b"characters").digest())
    junk = data.draw(st.text(sorted(set(sample)), min_size=1, max_size=300))
    prefix = data.draw(st.sampled_from(["", sample[:2], sample[:4], sample[:6]]))
    try:
        found = FORMS[name].read((prefix + junk)[:300])
    except InvalidAddress:
        return
    assert found.checksum == "absent" or name in WEAK


# texts that no sample has: the other forms of a chain, as their own tests know them
OTHER_TEXTS = (
    ("cosmos", "cosmosvaloper1sjllsnramtg3ewxqwwrwjxfgc4n4ef9u2lcnj0"),
    ("cosmos", "cosmos1kglgy706u9n5wj3ykkqfaj0s5lxx6uentxhcs07vtgmgrmufklrq05fyu2"),
    ("zilliqa", "4BAF5faDA8e5Db92C3d3242618c5B47133AE003C"),
    ("nervos", "ckb1qyqt8xaupvm8837nv3gtc9x0ekkj64vud3jqfwyw5v"),
    ("nervos", "ckb1qjda0cr08m85hc8jlnfp3zer7xulejywt49kt2rr0vthywaa50xw3vumhs9nvu786dj9p0q5elx66t24n3kxgj53qks"),
    ("cardano", "stake1uyehkck0lajq8gr28t9uxnuvgcqrc6070x3k9r8048z8y5gh6ffgw"),
    ("cardano", "Ae2tdPwUPEZ18ZjTLnLVr9CEvUEUX4eW1LBHbxxxJgxdAYHrDeSCSbCxrvx"),
    (
        "cardano",
        "DdzFFzCqrhssmYoG5Eca1bKZFdGS8d6iag1mU4wbLeYcSPVvBNF2wRG8yhjzQqErbg63N6KJA4DHqha113tjKDpGEwS5x1dT2KfLSbSJ",
    ),
    ("decred", "DkM3ZigNyiwHrsXRjkDQ8t8tW6uKGW9g61qEkG3bMqQPQWYEf5X3J"),
    ("ergo", "8UApt8czfFVuTgQmMwtsRBZ4nfWquNiSwCWUjMg"),
    ("zcash", "tex10wur2u9clts5dcpu2vc6qg93uzyj7cca2xm732"),
    ("zcash", "zs1w823gnka8h6cwsn6dmpxplanxjva7wj2l7ypsun5eczcpym7z2kvpky295n0gsz9pl24skpg6lj"),
    ("zcash", "zcWGguu2UPfNhh1ygWW9Joo3osvncsuehtz5ewvXd78vFDdnDCRNG6QeKSZpwZmYmkfEutPVf8HzCfBytqXWsEcF2iBAM1e"),
    (
        "zcash",
        "u1ddnjsdcpm36r6aq79n3s68shjweksnmwtdltrh046s8m6xcws9ygyawalxx8n6hg6vegk0wh8zjnafxgh6msppjsljvyt0ynece3lvm0",
    ),
    ("liquid", "VJLDwMVWXg8RKq4mRe3YFNTAEykVN6V8x5MRUKKoC3nfRnbpnZeiG3jygMC6A4Gw967GY5EotJ4Rau2F"),
    ("liquid", "lq1qqf8er278e6nyvuwtgf39e6ewvdcnjupn9a86rzpx655y5lhkt0walu3djf9cklkxd3ryld97hu8h3xepw7sh2rlu7q45dcew5"),
    ("liquid", "ex1p8qs0qcn25l2y6yvtc5t95rr8w9pndcj64c8rkutnvkcvdp6gh02qa4lw5j"),
    ("aeternity", "ak_QDHJSfvHG9sDHBobaWt2TAGhuhipYjEqZEH34bWugpJfJc3GN"),
)


@pytest.mark.parametrize(("name", "text"), OTHER_TEXTS, ids=lambda value: value[:12])
def test_every_typo_of_one_character_in_another_form_is_refused(name, text):
    form, rng = FORMS[name], random.Random(9)
    for at in range(len(text)):
        for character in rng.sample(CHARACTERS, 6):
            typo = text[:at] + character + text[at + 1 :]
            if typo.lower() != text.lower():
                with pytest.raises(InvalidAddress):
                    form.read(typo)


@pytest.mark.parametrize(("name", "text"), OTHER_TEXTS, ids=lambda value: value[:12])
def test_the_canonical_text_of_another_form_is_the_same_address(name, text):
    address = FORMS[name].read(text)
    again = FORMS[name].read(address.canonical)
    assert (again.key, again.canonical) == (address.key, address.canonical)
