"""Private keys that were pasted by mistake: they are told apart from addresses, so that their owner is warned.

The rule here: a text is called a private key only when its checksum verifies; nothing of it is repeated or kept.
"""

from typing import Final

from app.domain.address.codecs import base58
from app.domain.address.families import stellar
from app.domain.errors import InvalidAddress

_WIF: Final = {51: 37, 52: 38}  # characters to bytes: version, key, (compressed,) checksum
_FIRST_VERSION: Final = 0x80  # Bitcoin's; its descendants add 0x80 to the version of their addresses


def is_private_key(text: str) -> bool:
    """Tell whether `text` is a private key in Bitcoin's wallet import format or a secret seed of Stellar."""
    if stellar.is_seed(text):
        return True
    size = _WIF.get(len(text))
    if size is None:
        return False
    try:
        return base58.decode_check(text, size)[0] >= _FIRST_VERSION
    except InvalidAddress:
        return False
