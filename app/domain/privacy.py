"""What free text may not hold: phone numbers, e-mail addresses, card numbers.

The rule here: a survivor's data must not leak through a summary. The detector is a rule, not a guess: it may refuse a
harmless text, and says which words to take out.
"""

import re

from app.domain.errors import InvalidRecord

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[A-Za-z]{2,}")
_DATE = re.compile(r"\b[12]\d{3}-\d\d-\d\d(?:T[\d:.]+Z?)?\b")
_DIGITS = re.compile(r"(?<![A-Za-z0-9])(?:\+|00)?\(?\d[\d\s().\-/]{5,}\d(?![A-Za-z0-9])")
_PHONE_DIGITS = range(8, 16)  # digits: E.164 allows 15; shorter than 8 is not a number that can be called abroad
_CARD_DIGITS = range(13, 20)  # digits: ISO/IEC 7812


def check_text(text: str, pointer: str) -> None:
    """Check that a free text holds no phone number, e-mail address or card number. Raises InvalidRecord."""
    if _EMAIL.search(text):
        raise InvalidRecord(f"{pointer} holds an e-mail address; take it out and keep only a reference.")
    for match in _DIGITS.finditer(_DATE.sub(" ", text)):
        digits = re.sub(r"\D", "", match.group())
        if len(digits) in _CARD_DIGITS and _is_luhn(digits):
            raise InvalidRecord(
                f"{pointer} holds what looks like a card number; take it out and keep only a reference."
            )
        if len(digits) in _PHONE_DIGITS:
            raise InvalidRecord(
                f"{pointer} holds what looks like a phone number; take it out and keep only a reference."
            )


def _is_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0  # noqa: PLR2004 - the Luhn formula
