"""What a refused text may have meant: the one address that a common slip explains.

The rule here: a suggestion is never applied by itself, is made only where a checksum confirms it, and only when no
second address is as near. Slips: one letter in the wrong case, capitals in bech32, look-alikes (0 for o, l for 1,
letters of other alphabets), blanks inside, "0x" left out.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Final

from app.domain.address.chain import Chain
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.reading import display, readings
from app.domain.errors import InvalidAddress

MOST_SUGGESTIONS: Final = 50  # refused rows of one request for which one is sought, at some milliseconds each
_BASE58: Final = {"0": "o", "O": "o", "I": "1iL", "l": "1iL"}  # what is not in base58, and what it looks like there
_BECH32: Final = {"1": "l", "b": "68", "i": "lj", "o": "0"}
_MOST_CANDIDATES: Final = 256  # texts that are tried for one refused: about a millisecond
_LONGEST: Final = 128  # characters of a refused text; of the longer forms there is little copying by eye
_MOST_SWAPS: Final = 6  # look-alikes in one text; one with more was not copied by eye
_FOREIGN: Final = str.maketrans(  # Cyrillic and Greek letters that look like Latin ones
    "\u0410\u0412\u0421\u0415\u041d\u041a\u041c\u0420\u0422\u0425\u0430\u0441\u0435\u043e\u0440\u0443\u0445\u0456"
    "\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0396\u03bf",
    "ABCEHKMPTXaceopyxi" + "ABEHIKMNOPTYXZo",
)
_is_bare_account: Final = re.compile(r"[0-9a-fA-F]{40}").fullmatch


def suggest(text: str, chain: Chain | None = None) -> str | None:
    """Return the address that the refused `text` may have meant on `chain` (on any, when None), as people write it."""
    if not text or len(text) > _LONGEST:
        return None
    found: dict[bytes, str] = {}
    for candidate in dict.fromkeys(islice(_candidates(text), _MOST_CANDIDATES)):
        address = _read(candidate, chain)
        if address is not None and (address.checksum == VERIFIED or candidate[2:] == text):
            found.setdefault(address.key, display(address))
    return next(iter(found.values())) if len(found) == 1 else None


def _read(text: str, chain: Chain | None) -> Address | None:
    try:
        return readings(text)[0].address if chain is None else chain.form.read(text)
    except (InvalidAddress, IndexError):
        return None


def _candidates(text: str) -> Iterator[str]:
    plain = "".join(unicodedata.normalize("NFKC", text).translate(_FOREIGN).split())
    yield plain
    yield plain.lower()
    yield plain.upper()
    if _is_bare_account(plain):
        yield f"0x{plain}"
    for place, letter in enumerate(plain):
        if letter.swapcase() != letter:
            yield f"{plain[:place]}{letter.swapcase()}{plain[place + 1 :]}"
    yield from _swaps(plain, _BASE58)
    prefix, separator, data = plain.lower().partition("1")
    for swapped in _swaps(data, _BECH32):
        yield f"{prefix}{separator}{swapped}"


def _swaps(text: str, look_alikes: Mapping[str, str]) -> Iterator[str]:
    """Give the text with every character that the alphabet lacks replaced by one that looks like it."""
    if 0 < sum(letter in look_alikes for letter in text) <= _MOST_SWAPS:
        yield from map("".join, product(*(look_alikes.get(letter, letter) for letter in text)))
