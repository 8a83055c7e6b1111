"""Disagreements about bech32, cashaddr and base32: which texts, who accepts them, who is right and why.

The rule here: a row explains a shape of text and nothing wider, and shows a text of that shape for each format.
"""

import base64

from tests.domain.address.disagreement_shapes import (
    OURS,
    THEIRS,
    Disagreement,
    base32_key,
    bech32_key,
    has_spare_bits,
    is_later_witness,
    matches,
    nano_key,
    off_edwards,
)
from tests.domain.address.mutations import BECH32M

BASE32 = (
    Disagreement(
        "bech32",
        ("bitcoin segwit",),
        is_later_witness(1),
        THEIRS,
        OURS,
        "The package is BIP-173's reference code: it takes witness versions from 1 on with bech32's constant. "
        "BIP-350 replaced this, because such a text hides inserted and lost letters q before a final p.",
        ("BC1SW50QA3JX3S",),
    ),
    Disagreement(
        "bech32",
        ("bitcoin segwit",),
        is_later_witness(BECH32M),
        OURS,
        OURS,
        "The package is BIP-173's reference code and knows no bech32m; BIP-350 asks for it from witness version 1 on.",
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",),
    ),
    Disagreement(
        "bip_utils",
        ("bitcoin-cash p2pkh", "bitcoin-cash p2sh", "ecash p2pkh", "ecash p2sh"),
        matches("[^:]*"),
        OURS,
        OURS,
        'bip_utils wants the prefix written. cashaddr.md, "Prefix": it may be left out, and the checksum is over '
        "the chain's own.",
        (
            "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
            "pq6dkwlap86scna73h34hm6gz0n5lwfh6yq5f7gtc6",
            "qznnmlm8d2w2c4j4g23lnmppng5t4vzvh5nw89huax",
            "prvcvd09asw22cmpl952jlsvklmlqp5zvvzcsx0c4x",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("bitcoin-cash p2pkh", "bitcoin-cash p2sh"),
        matches("bitcoincash:[zr].*"),
        OURS,
        OURS,
        "bip_utils reads one type at a time; types 2 and 3 are p2pkh and p2sh of wallets that take tokens "
        '(CHIP-2022-02 CashTokens, "CashTokens-aware addresses").',
        (
            "bitcoincash:zr6m7j9njldwwzlg9v7v53unlr4jkmx6eycnjehshe",
            "bitcoincash:rzesfztzg58uesn24qn46x2r47hwk7cmk5tsql0js6",
        ),
    ),
    Disagreement(
        "stellar_sdk",
        ("stellar B",),
        lambda text: base64.b32decode(text + "======")[1] != 0,
        THEIRS,
        OURS,
        "stellar_sdk does not look at the first byte. SEP-23 and CAP-67: it is the version of the balance id, and "
        "only version 0 exists.",
        ("BCAFQHFATUF7FDDKNCGLU5MWOJDVKO23TPMZ4X3A7663UAQDJ5MABR5SAU",),
    ),
    Disagreement(
        "stellar_sdk",
        ("stellar M", "stellar B"),
        matches("[A-Z2-7]+=+"),
        THEIRS,
        OURS,
        "stellar_sdk pads the text for the decoder and so takes it padded. SEP-23: a strkey has no padding.",
        (
            "MDISGD7WXXLQGWUGY4MHJJD5VDPHF46ZC7RYULGNQ3MLWZK7VCJDBSJJMYZZ5RKBEKGPG=",
            "BAAHHINUDTAVBXYUQMEG4M3N7CSY2LAMPHI3BNKPPGV6BWLVDOCDMIKI5E=",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("stellar G",),
        off_edwards(base32_key(1)),
        OURS,
        OURS,
        "bip_utils wants a point of the curve. SEP-23 asks for 32 bytes, and the network takes accounts that nobody"
        " can sign for.",
        ("GAABKU73VF3PLO3KRKX7DL7LMBJOIJYAR3F26W7C7JCTXC6R6BZ36RBZ",),
    ),
    Disagreement(
        "bip_utils",
        ("algorand",),
        lambda text: len(text) == 58 and off_edwards(base32_key(0))(text),
        OURS,
        OURS,
        "bip_utils wants a point of the curve. Accounts of applications and programs are hashes and mostly off it "
        '(Algorand, "Application account").',
        ("6RMDAUT5YGNRMZKBHKZYLA6UJNBY3MEPT2567FLDWLA42J2JG3OJU6353A",),
    ),
    Disagreement(
        "bip_utils",
        ("algorand", "filecoin f1"),
        matches("[A-Za-z2-7]+[0-9]?[A-Za-z2-7]+=+"),
        THEIRS,
        OURS,
        'bip_utils pads the text for the decoder and so takes it padded. Algorand, "Transformation", and Filecoin, '
        '"Address": base32 without padding.',
        (
            "ORMDAUT5YGNRMZKBHKZYLA6UJNBY3MEPT2567FLDWLA42J2JG3OKRIXPOM=",
            "f1ehcprh2kvt2sezg6qo22owc7bo3jqmt5whkgmfi=",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("filecoin f1",),
        matches("f1(?=.*[A-Z])[A-Za-z2-7]{39}=*"),
        THEIRS,
        OURS,
        'bip_utils translates the small letters and lets capitals of the standard alphabet by. Filecoin, "Address":'
        " base32 in small letters; mixed case is a sign of a wrong copy.",
        ("f1qs3ihluzw4gsl5r46ap52qc6lubzjfrkjgbZyhq",),
    ),
    Disagreement(
        "bip_utils",
        ("filecoin f1",),
        matches("F1[A-Z2-7]{39}"),
        OURS,
        OURS,
        "A text all in capitals, as codes in pictures are, is read here as its small letters; base32 has one value "
        "for both (RFC 4648, 6).",
        ("F1QS3IHLUZW4GSL5R46AP52QC6LUBZJFRKJGBZYHQ",),
    ),
    Disagreement(
        "bip_utils",
        ("nano",),
        matches("nano_(?=.*[^13456789a-km-uw-z]).{60}"),
        THEIRS,
        OURS,
        "bip_utils translates Nano's letters and lets those of the standard alphabet by, so that one account has "
        'many texts. Nano, "Account": the alphabet has 32 small letters and digits.',
        ("nano_Bektqcripa74tyq9daw4gdigjzkcr9zkpkkfxgu1wsr7ecwsbmmdaa3sr5pg",),
    ),
    Disagreement(
        "bip_utils",
        ("nano",),
        matches("nano_[^13].{59}"),
        THEIRS,
        OURS,
        'bip_utils drops the bits above the key, so that one account has many texts. Nano, "Account": the key is '
        "filled up with four zero bits.",
        ("nano_n4nojx7aesds14jw54oxqzpkzu9ok1qgqxkjd798681nfacubsmt9nsuakm9",),
    ),
    Disagreement(
        "bip_utils",
        ("nano",),
        off_edwards(nano_key),
        OURS,
        OURS,
        "bip_utils wants a point of the curve. Nano's node asks for 32 bytes and the checksum (numbers.cpp, "
        "decode_account).",
        ("nano_113o35tu38fpoqkcywox91df8wjuyy4megt4oqa3whbuby14ck51tck4j75u",),
    ),
    Disagreement(
        "bip_utils",
        ("nimiq",),
        matches("[Nn][Qq](?=.*[a-z])[0-9a-zA-Z]{34}"),
        OURS,
        OURS,
        "bip_utils knows capitals alone. Nimiq's own client reads either case (core-js, "
        "Address.fromUserFriendlyAddress).",
        ("nq277yjhe59gvh6vu10yggebsf5u98fh2kj4",),
    ),
    Disagreement(
        "bip_utils",
        ("nimiq",),
        matches("(?=.* )[ NQ0-9A-Z]+"),
        THEIRS,
        OURS,
        "bip_utils takes the blanks of the shown form wherever they are; here cleaning takes them out before.",
        ("NQ 277YJHE59GVH6VU10YGGEBSF5U98FH2KJ4",),
    ),
    Disagreement(
        "bip_utils",
        ("multiversx",),
        off_edwards(bech32_key),
        OURS,
        OURS,
        "bip_utils wants a point of the curve. Contracts have addresses that begin with eight zero bytes and are no"
        ' keys (MultiversX, "Smart contract addresses").',
        ("erd1qqqqqqqqqqqqqpgqfzydqmdw7m2vazsp6u5p95yxz76t2p9rd8ss0zp9ts",),
    ),
    Disagreement(
        "bip_utils",
        ("cardano base",),
        lambda text: bech32_key(text)[0] in (0x11, 0x21, 0x31),
        OURS,
        OURS,
        "bip_utils reads addresses of two keys alone; in types 1 to 3 a script stands for one or both (CIP-19).",
        ("addr1zyugnk5cmesluc9ljywd0vfcpp78s5knd5e5yqj3hlpny7wfagmpmyj52td0v34erjzx8xdghc6y9xg330dw7ad735hqx08af6",),
    ),
    Disagreement(
        "bip_utils",
        ("cardano stake",),
        lambda text: bech32_key(text)[0] == 0xF1,
        OURS,
        OURS,
        "bip_utils reads stake addresses of keys alone; type 15 is of a script (CIP-19).",
        ("stake179cwdx0cfjzz565aq52pmr7r5y2c8lap7ylavn7xhnuxsngf7wxtf",),
    ),
    Disagreement(
        "bip_utils",
        ("bitcoin-cash p2sh",),
        matches("bitcoincash:p.{60}"),
        OURS,
        OURS,
        "bip_utils knows hashes of 20 bytes alone; scripts have 32 since the upgrade of May 2023 (CHIP-2022-05, Pay"
        " to Script Hash 32).",
        ("bitcoincash:p0qpv2h5jjvtt95wk5x7cgh05yc4kw9ue8qpv2h5jjvtt95wk5x7cq2k9xvzs",),
    ),
    Disagreement(
        "bip_utils",
        ("filecoin f1",),
        has_spare_bits(3),
        THEIRS,
        OURS,
        "bip_utils's decoder drops the three bits after the last byte, so that one address has eight texts. RFC "
        "4648, 3.5: they are zero.",
        ("f1u33envjs35zznkjmv7z3pjrxheltaegvqw7qcm5",),
    ),
    Disagreement(
        "bip_utils",
        ("algorand",),
        has_spare_bits(2),
        THEIRS,
        OURS,
        "bip_utils's decoder drops the two bits after the last byte, so that one address has four texts. Algorand's "
        "own code encodes again and compares (go-algorand, UnmarshalChecksumAddress); RFC 4648, 3.5: they are zero.",
        ("Z3RF2UTAUQSVPTCNSOXJVTQCDDP4RCXQANQIHYIJQTWUJDSKWRRPGOT6N3",),
    ),
)
