"""Disagreements about hexadecimal and base64: which texts, who accepts them, who is right and why.

The rule here: a row explains a shape of text and nothing wider, and shows a text of that shape for each format.
"""

from tests.domain.address.disagreement_shapes import (
    OURS,
    THEIRS,
    Disagreement,
    is_on_edwards,
    is_well_ton,
    matches,
    ton_bytes,
)

HEX = (
    Disagreement(
        "bip_utils",
        ("ethereum EIP-55",),
        matches("0[xX]([0-9a-f]{40}|[0-9A-F]{40})"),
        OURS,
        OURS,
        'bip_utils wants the capitals unless told otherwise. EIP-55, "Adoption": a text of one case has no checksum'
        " and is an address.",
        ("0X129287A6E88066D81859C8689FD2C22C9530253F",),
    ),
    Disagreement(
        "bip_utils",
        ("ethereum", "ethereum EIP-55"),
        matches("0X[0-9a-fA-F]{40}"),
        OURS,
        OURS,
        "bip_utils knows the prefix in a small letter alone; texts put into capitals whole are in use, and hold the"
        " same 20 bytes.",
        (
            "0XDE709F2102306220921060314715629080E2FB77",
            "0XDE709F2102306220921060314715629080E2FB77",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("ethereum",),
        matches("0x(?=.*[a-f])(?=.*[A-F])[0-9a-fA-F]{40}"),
        THEIRS,
        OURS,
        "This reader of bip_utils was told to skip the capitals. EIP-55: mixed capitals are a checksum and must match.",
        ("0xd3773145ba72e3eb74939d0ea2c43633a3db63C1",),
    ),
    Disagreement(
        "bip_utils",
        ("near implicit",),
        lambda text: matches("[0-9a-f]{64}")(text) and not is_on_edwards(bytes.fromhex(text)),
        OURS,
        OURS,
        'bip_utils wants a point of the curve. Nomicon, "Account ID": 64 small hexadecimal digits are an implicit '
        "account.",
        ("a817e22264e09a5f5185037ebb504268105d65ca6669a6d80f26228a8d7e86ea",),
    ),
    Disagreement(
        "bip_utils",
        ("near implicit",),
        matches("(?=.*[A-F])[0-9a-fA-F]{64}"),
        THEIRS,
        OURS,
        'bip_utils reads hexadecimal in any case. Nomicon, "Account ID": capitals are in no account id.',
        ("A817E22264E09A5F5185037EBB504268105D65CA6669A6D80F26278A8D7E86EA",),
    ),
    Disagreement(
        "bip_utils",
        ("aptos", "sui"),
        matches("(0X)?[0-9a-fA-F]{60,64}"),
        OURS,
        OURS,
        'bip_utils wants 0x. AIP-40, "relaxed" parsing, and Sui\'s normalizeSuiAddress take the digits without it.',
        (
            "f79ae5bc8f4f7a7f75dc8e632a9585d4b3b20ba9b8193105f51d633e69f210fb",
            "f79ae5bc8f4f7a7f75dc8e632a9585d4b3b20ba9b8193105f51d633e69f210fb",
        ),
    ),
    Disagreement(
        "bip_utils",
        ("aptos",),
        matches("0x([0-9a-fA-F]{2,59})?"),
        THEIRS,
        OURS,
        "bip_utils fills up any text with zeros. AIP-40: short forms are for the addresses 0x0 to 0xf; a long gap "
        "is a text that lost its end or an account of another chain.",
        ("0xf79a",),
    ),
    Disagreement(
        "bip_utils",
        ("sui",),
        matches("0[xX][0-9a-fA-F]"),
        OURS,
        OURS,
        "bip_utils wants all 64 digits; Sui writes its system addresses as 0x2 (normalizeSuiAddress fills them up).",
        ("0x2",),
    ),
    Disagreement(
        "pytoniq_core",
        ("ton friendly",),
        lambda text: ton_bytes(text)[0] & 0x7F not in (0x11, 0x51),
        THEIRS,
        OURS,
        "pytoniq_core looks at one bit of the first byte. TEP-2: 0x11 and 0x51, each with 0x80 for test networks.",
        ("Bf_yaunalzMhn6_-u41YfLzyn6N5Om1AlyFydr8MYNeTRTtU",),
    ),
    Disagreement(
        "pytoniq_core",
        ("ton friendly",),
        lambda text: ton_bytes(text)[0] in (0x91, 0xD1),
        THEIRS,
        OURS,
        "pytoniq_core reads and remembers the mark of test networks. TEP-2: software for the main network refuses it.",
        ("kf92bJ2kaziW_1p4si6gv98PJ9JoiKLwI9UvrNXXvnrfmfYJ",),
    ),
    Disagreement(
        "pytoniq_core",
        ("ton friendly",),
        lambda text: ton_bytes(text)[1] not in (0, 255),
        THEIRS,
        OURS,
        'pytoniq_core takes any workchain. The network has two, 0 and -1 (TON, "Addresses").',
        ("UYX2A8tXIOUdDFu6pcvuA9RqDuhvswfaZTDeB6e81DrX2Vli",),
    ),
    Disagreement(
        "pytoniq_core",
        ("ton friendly",),
        lambda text: not is_well_ton(text),
        THEIRS,
        OURS,
        "pytoniq_core's decoder drops what is no base64, so that one address has many texts. TEP-2: 48 characters "
        "of one of the two alphabets.",
        ("EQC_5MuwPfPuwhiCXKzeF4GBqDrARxBKHZQL7vZRB7J1IVzx=",),
    ),
    Disagreement(
        "pytoniq_core",
        ("ton raw",),
        lambda text: not matches("(0|-1):[0-9a-fA-F]{64}")(text),
        THEIRS,
        OURS,
        "pytoniq_core takes any whole number, blanks, and hexadecimal of any length. TEP-2: a workchain, which is 0"
        " or -1 on this network, a colon and 64 digits.",
        ("10:634cfa76c183a07e73f6c4fabec31a99c12c4db56e5507f6e849ec5abd716a68",),
    ),
)
