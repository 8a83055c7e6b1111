"""The reasons for which a text is not an address, each with its sentence.

The rule here: a reason code is stable, because partners' programs branch on it; a sentence says what is wrong and
what to do, and never repeats the refused text, which may be anything that somebody pasted.
"""

from types import MappingProxyType
from typing import Final

from app.domain.errors import InvalidAddress

SENTENCES: Final = MappingProxyType(
    {
        "empty": "There is no text: give the address.",
        "too_long": "The text has more than 256 characters, more than any address: give the address alone.",
        "whitespace": "The text holds a blank, a tab or a line break: give the address alone, with nothing around it.",
        "bad_character": "A character is not in the alphabet of this chain's addresses: copy the address again.",
        "bad_length": "The text is too short or too long for an address of this chain: copy all of it again.",
        "bad_prefix": "The text does not begin as an address of this chain does: check the address and the chain.",
        "bad_checksum": "The checksum does not match, so a character is wrong: copy the address again from its source.",
        "mixed_case": "Capital and small letters are mixed where one case is the rule: copy the address again.",
        "bad_version": "The version in the address is not one that this chain uses: check the address and the chain.",
        "bad_padding": "Bits that must be zero are not, so no wallet made this text: copy the address again.",
        "private_key": "This is a private key, which moves the money: never send one to anybody, and use another now.",
        "not_on_chain": "The text is an address of another chain: state that chain.",
        "unreadable": "This is not an address of any chain known here: check it for typing errors, or name its chain.",
        "ambiguous": "The text holds more than one address, or none that is clear: give the address alone.",
        "unsupported": "The address is of a kind that this node does not take: give the account's own address.",
    }
)


def refusal(reason: str, detail: str = "") -> InvalidAddress:
    """Make the exception of one reason, with its own sentence when `detail` is empty."""
    return InvalidAddress(reason, detail or SENTENCES[reason])
