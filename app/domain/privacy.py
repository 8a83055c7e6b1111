"""What free text may not hold: phone numbers, e-mail addresses, card numbers.

The rule here: a survivor's data must not leak through a summary. The detector is a rule, not a guess: it may refuse a
harmless text, and says which words to take out. It looks at what a reader would see: other scripts' digits, wide
letters, dashes of every kind and invisible characters are made plain first.

What it wrongly refuses: plain numbers of 8 to 15 digits (a block height, a Unix time, 12500000 USD: write 12.5 million
USD or 12,500,000 USD), IPv4 addresses, lists of numbers parted by blanks. What it does not see: numbers shorter than
8 digits, digits joined to a word (tel0171...), numbers in words, and one dot or comma that makes a number a decimal.
"""

import re
import unicodedata

from app.domain.errors import InvalidRecord

_EMAIL = re.compile(r"[^\s@]@[^\s@]+\.[^\W\d_]{2,}")
_RUN = re.compile(r"(?<![A-Za-z0-9])\(?\d[\d\s().\-/]{5,}\d(?![A-Za-z0-9])")
_PHONE_DIGITS = range(8, 16)  # digits: E.164 allows 15; shorter than 8 is not a number that can be called abroad
_CARD_DIGITS = range(13, 20)  # digits: ISO/IEC 7812

_DAY = r"(?:19|20)\d\d([-./])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
_TO = _DAY.replace(r"([-./])", "-").replace(r"\1", "-")
_HOUR = r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?"
_HARMLESS = re.compile(
    "|".join(
        (
            r"(?<![\w-])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-])",  # a record's id
            rf"(?<![\w+])(?<!\d[-./(]){_DAY}{_HOUR}(?:/{_TO}{_HOUR})?(?![\w-])",  # 2026-05-01, 2026-05-01/2026-06-30
            r"(?<![\w+])(?<!\d[-./(])[0-3]?\d([-./])[0-3]?\d\2(?:19|20)\d\d(?![\w-])",  # 01.05.2026, 5/1/2026
            r"(?<![\w.,+(])(?<!\d[-/ ])(?:0|[1-9]\d{0,11})[.,]\d{1,18}(?![\w,(]|\.\d|[-/ ]\d)",  # an amount: 0.12345678
            r"(?<![A-Za-z0-9])[A-Z][A-Za-z]{0,9}[-/](?:19|20)\d\d[-/]\d{1,7}(?![\w-])",  # a case: OP-2026-0017
        )
    )
)


def check_text(text: str, pointer: str) -> None:
    """Check that a free text holds no phone number, e-mail address or card number. Raises InvalidRecord."""
    plain = _plain(text)
    if _EMAIL.search(plain):
        raise InvalidRecord(f"{pointer} holds an e-mail address; take it out and keep only a reference.")
    found = {what for match in _RUN.finditer(_HARMLESS.sub(" , ", plain)) for what in _numbers(match.group())}
    if found:
        what = min(found)
        raise InvalidRecord(f"{pointer} holds what looks like a {what}; take it out and keep only a reference.")


def _plain(text: str) -> str:
    """Give the text as it looks: compatibility forms and dashes plain, symbols as blanks, the invisible left out."""
    if text.isascii():
        return text
    shown = "".join(" " if unicodedata.category(character) == "So" else character for character in text)
    return "".join(_look(character) for character in unicodedata.normalize("NFKC", shown))


def _look(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in {"Cf", "Me", "Mn"}:
        return ""
    return "-" if kind == "Pd" or character in "\u00b7\u2022\u2044\u2212" else character


def _numbers(run: str) -> set[str]:
    """Name what the neighbouring groups of digits in a run amount to: several numbers may stand side by side."""
    groups = re.findall(r"\d+", run)
    found = set()
    for start in range(len(groups)):
        digits = ""
        for part in groups[start : start + _CARD_DIGITS.stop]:
            digits += part
            if len(digits) >= _CARD_DIGITS.stop:
                break
            if len(digits) in _CARD_DIGITS and _is_luhn(digits):
                found.add("card number")
            if len(digits) in _PHONE_DIGITS:
                found.add("phone number")
    return found


def _is_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0  # noqa: PLR2004 - the Luhn formula
