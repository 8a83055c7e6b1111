"""Disagreements about base58: which texts, who accepts them, who is right and why.

The rule here: a row explains a shape of text and nothing wider, and shows a text of that shape for each format.
"""

import base58

from tests.domain.address.disagreement_shapes import (
    OURS,
    THEIRS,
    Disagreement,
    ends_blank,
    is_generic,
    is_long_number,
    matches,
    no_monero_keys,
    off_edwards,
    ss58_body,
    ss58_size,
    xrp_payload,
)

BASE58 = (
    Disagreement(
        "base58",
        ("bitcoin p2pkh",),
        ends_blank,
        THEIRS,
        OURS,
        "The package strips blanks at the end before it decodes. A blank is not in base58's alphabet (Bitcoin Core,"
        " base58.cpp); here cleaning is a layer of its own.",
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n",),
    ),
    Disagreement(
        "xrpl-py",
        ("xrp classic", "xrp X-address"),
        ends_blank,
        THEIRS,
        OURS,
        "xrpl-py decodes with the package base58, which strips blanks at the end; a blank is not in XRPL's alphabet"
        " (XRPL, base58 encodings).",
        (
            "rE3hWEGquaixF2XwirNbA1ds4m55LxNZPk ",
            "X7XhNSSgFNhBQSSjdScaXQYtw3gKS49CpqFqrjj5rYAPvuT ",
        ),
    ),
    Disagreement(
        "scalecodec",
        ("polkadot", "kusama", "parallel"),
        ends_blank,
        THEIRS,
        OURS,
        "scalecodec decodes with the package base58, which strips blanks at the end; a blank is not in the alphabet"
        ' (SS58, "basic format").',
        (
            "1FRMM8PEiWXYax7rpS6X4XZX1aAAxSWx1CrKTyrVYhV24fg\n",
            "CkKrSosnXjj3WbBYHWK5BpnqGmghUmj4F82PcGD2Fnzm8YJ ",
            "p8CohSgWMWSQg9nAWMUesh89SbBHvk8uG6jL6hjM1qamheAaT ",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("litecoin p2sh",),
        matches("3.*"),
        OURS,
        OURS,
        "bip_utils reads one version at a time; Litecoin Core still takes version 5 for scripts and shows 50 "
        "(chainparams.cpp, SCRIPT_ADDRESS and SCRIPT_ADDRESS2).",
        ("3CDJNfdWX8m2NwuGUV3nhXHXEeLygMXoAj",),
    ),
    Disagreement(
        "bip_utils",
        ("litecoin old p2sh",),
        matches("M.*"),
        OURS,
        OURS,
        "The same, from the other side: version 50 is the one that Litecoin Core writes.",
        ("M8wRkiNmi5K5339LE8ncpWLYgbWmR121JL",),
    ),
    Disagreement(
        "bip_utils",
        ("solana",),
        off_edwards(base58.b58decode),
        OURS,
        OURS,
        'bip_utils wants a point of the curve. Accounts of programs are off it by design (Solana, "Program derived '
        'addresses").',
        ("4wBqpZM9xaSheZzJSMawUKKwhdpChKbZ5eu5ky4Vigw",),
    ),
    Disagreement(
        "xrpl-py",
        ("xrp X-address",),
        lambda text: len(xrp_payload(text)) != 31,
        THEIRS,
        OURS,
        "xrpl-py does not measure what follows the tag. XLS-5d: an X-address has 31 bytes before the checksum.",
        ("sKZnaCLFFTbQTdMrv5UAQQzPNcp4NH7eg1r5S8ieWhTeWEhFe",),
    ),
    Disagreement(
        "xrpl-py",
        ("xrp X-address",),
        lambda text: any(xrp_payload(text)[27:31]),
        THEIRS,
        OURS,
        "xrpl-py ignores the upper half of the tag. XLS-5d: flag 1 is a tag of 32 bits and the rest is zero; else "
        "one address would have many texts.",
        ("XVYwYrk8C8tKrgocGNM7QfUjMjba4eDwTKAGe9aiM3Wi5RQ",),
    ),
    Disagreement(
        "scalecodec",
        ("polkadot", "kusama", "parallel"),
        lambda text: len(ss58_body(text)) - ss58_size(text) == 35,
        THEIRS,
        OURS,
        '33 bytes are a public key of secp256k1 and no account: its BLAKE2b hash is (SS58, "address formats"; '
        "Substrate, MultiSigner::into_account).",
        (
            "114nvaZy9DcyuhfQcgH2VGBhztVoiVwsf5M1HGBC7GU8KSYWk",
            "vbJVjma7Eu1f4b9qorNZ2711LAjgWRJQUitm7h6mUGcgpjpW",
            "4azhG4iDX6vyRkvACKq1ouxwHmxJs6Ta15cxYWy8RWsPfmRrS9u",
        ),
    ),
    Disagreement(
        "scalecodec",
        ("parallel", "polkadot", "kusama"),
        lambda text: ss58_body(text)[0] >= 128,
        THEIRS,
        OURS,
        'scalecodec looks at one bit of the first byte. SS58, "address type": first bytes from 128 on are reserved;'
        " else one account would have two texts.",
        (
            "2nVnJkikYUCQjkE1UmyucswengWe8cSa2SXFErQyvc6xcVTvDW",
            "2TZT5vBzsuUSFu6NuNvriCBLfQoCr7xW3FnFLim7svtgEAAJUv",
            "2TnAKoevEWH2wkaFS3UEasdCAHDzKewmumvTwvkgGLU56GfycX",
        ),
    ),
    Disagreement(
        "monero",
        ("monero standard", "monero subaddress", "monero integrated"),
        no_monero_keys,
        THEIRS,
        OURS,
        "The package monero does not look at the curve. Monero's own wallet refuses keys that are no points "
        "(cryptonote_basic_impl.cpp, check_key).",
        (
            "41eLHYRyVmJ6BYAZzCLic4SYYynQ7mwHdZpSBVsEzDE6apUYLYkxwwUUh6GHXaCtLmSzNCfA9wfrnhmHyY6hhzXELgWexQR",
            "88y2Jwr1eRxALqp1L4Q3Q1LjWDvGPuwxnPcjgri3LnrhSLbTXw2Fv6RjDodcA5QtvoC2FxkwyKamS3jbdTdjV8tNST7FrsW",
            "4M2TH9NsAMLjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQVqsdUBt",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("monero standard", "monero subaddress"),
        no_monero_keys,
        THEIRS,
        OURS,
        "bip_utils takes numbers beyond the field's prime. RFC 8032, 5.1.3, refuses them, as Monero's own wallet does "
        "(crypto-ops.c, ge_frombytes_vartime); else one key would have two texts.",
        (
            "4BKnGLZNZ5pjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQVmzCh57",
            "8C9vbiDD9WEjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQjpXCZedGfVQVpLWbiM",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("cardano byron",),
        lambda text: base58.b58decode(text).find(b"\xa0\x02\x1a") > 0,
        OURS,
        OURS,
        "bip_utils reads the type of a public key unless told otherwise; type 2 is a redeem address (CIP-19, "
        "annexed CDDL of Byron).",
        ("Ae2tdPwUPEZ71UZYyvjqbtuTzMXYwRcG66UgS7jdTbFEwEP53xgJYv5emHP",),
    ),
    Disagreement(
        "bip_utils",
        ("cardano byron",),
        lambda text: b"\xa1\x02" in base58.b58decode(text),
        THEIRS,
        OURS,
        "bip_utils does not look at the network number; an address with one is of a test network (CIP-19, annexed "
        "CDDL of Byron).",
        ("FHnt4NL7yPXqPYqXypWyQUwXL2hZjTiDccwYpVuysEPkTmYJ1ehxeJXTZuiazWw",),
    ),
    Disagreement(
        "scalecodec",
        ("polkadot", "kusama", "parallel"),
        is_generic,
        OURS,
        OURS,
        "scalecodec was asked for the chain's number and takes no other. Number 42 names no chain: any Substrate "
        'chain shows its accounts so (SS58, "address type"; ss58-registry, "substrate").',
        (
            "5HDq3Jnyb6of9Xpo7xuSwCwcJk1n5ufBCBmV2x76DT86EzKM",
            "5GwrPJx2tSq2CJoFMM6T7amNwfa38dmU9xo6oMQnDuEWGqj3",
            "5DtSsY6DWizrn7okcNFNMdkpkhkdCQm5oy5UFDF8Bp4r56Aa",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("polkadot",),
        is_generic,
        OURS,
        OURS,
        "bip_utils was asked for the chain's number and takes no other; 42 is every Substrate chain's.",
        ("5FhUa3AHvFSPrm5X6rNE9NGAJXFrGqQHAwatRpHDvXeMHDMA",),
    ),
    Disagreement(
        "scalecodec",
        ("polkadot", "kusama"),
        is_long_number,
        THEIRS,
        OURS,
        'scalecodec reads numbers below 64 in two bytes too. SS58, "address type": they take one; else one account '
        "would have two texts.",
        (
            "VBtRPhmamLkpoUDnpFB6QQ2tT5rzMkdWtEmunUw4vzgBgq9cG",
            "VQfPq1Wg1DxdgHY3PDLvpgaCLusmd7aPNk7qyTg1FVALuokR7",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("polkadot",),
        lambda text: is_long_number(text) or ss58_body(text)[0] >= 128,
        THEIRS,
        OURS,
        'bip_utils reads numbers below 64 in two bytes too, and first bytes from 128 on. SS58, "address type": the '
        "first take one byte, and the second are reserved; else one account would have many texts.",
        ("VBs8azgqbXMG2dWViAKrfHXdtcB3CEkSao4N9DmxGbEdZK1Uu",),
    ),
    Disagreement(
        "bip_utils",
        ("tezos TZ1", "tezos TZ2", "tezos TZ3"),
        matches("tz4.*"),
        OURS,
        OURS,
        'bip_utils knows three kinds of keys; tz4 is of BLS keys (Tezos, "Addresses"; octez, base58.ml).',
        (
            "tz4DK5853QRLJC8wQsS6KsERZGhhXn4QuMzu",
            "tz4Dke9qC43phgdJNVUzcxEWvDwbt4bpbf28",
            "tz4JiqZkDJrGAQ3FwYV7W6Jerm9LkJD68MXE",
        ),
    ),
    Disagreement(
        "scalecodec",
        ("polkadot", "kusama", "parallel"),
        lambda text: len(ss58_body(text)) < 18,
        THEIRS,
        OURS,
        "scalecodec reads account indexes, which are no accounts: the chain may give them to another owner (SS58, "
        '"address formats"; Substrate, pallet-indices).',
        (
            "1FNE",
            "tNh",
            "3jdht3",
        ),
    ),
    Disagreement(
        "scalecodec",
        ("polkadot", "kusama", "parallel"),
        matches("0x([0-9a-f]{2}|[0-9a-f]{4}|[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{66})"),
        THEIRS,
        OURS,
        "scalecodec takes any text after 0x for decoded already; an account has 32 bytes (Substrate, AccountId32).",
        (
            "0xbc",
            "0xa3",
            "0x3d",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("polkadot",),
        matches("0x[0-9a-f]{64}"),
        OURS,
        OURS,
        "bip_utils reads SS58 alone; explorers and tools show an account as its 32 bytes too (Substrate, AccountId32).",
        ("0x46beeb8f205baece1cb10779ac2a0a5593161f192234195d91ac9d25814b9f7f",),
    ),
)
