"""Reading a text as an address: of the chain that is named, or of every chain that can have written it.

The rule here: a text is taken as it is, and bounded before any work; to say which other chain a refused text belongs
to costs only the refused.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from app.domain.address.chain import Chain
from app.domain.address.chains import chains
from app.domain.address.families import evm
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal
from app.domain.errors import InvalidAddress

LONGEST: Final = 256  # characters: a Zcash unified address with every receiver has 213


def parse(chain: Chain, text: str) -> Address:
    """Read `text`, whole and unchanged, as an address of `chain`.

    Raises InvalidAddress with a reason of `refusals.SENTENCES`; not_on_chain goes before the others when the text is
    an address of another family with a checksum that verifies.
    """
    if not text:
        raise refusal("empty")
    if len(text) > LONGEST:
        raise refusal("too_long")
    try:
        return chain.form.read(text)
    except InvalidAddress as refused:
        raise _explained(chain, text, refused) from None


def _explained(chain: Chain, text: str, refused: InvalidAddress) -> InvalidAddress:
    if any(character.isspace() for character in text):
        return refusal("whitespace")
    for other, address in readings(text):
        if address.checksum == VERIFIED and address.family != chain.family:
            return refusal(
                "not_on_chain",
                f"This is not an address of {chain.name} but one of {other.name}: state {other.slug} as its chain.",
            )
    return refused


def readings(text: str) -> tuple[tuple[Chain, Address], ...]:
    """Return each chain whose form reads `text`, with the address, the most plausible first.

    Verified checksums go before absent ones, main networks before test networks, then the order of the table. All
    EVM chains are one reading. Unknown chains are none.
    """
    if len(text) > LONGEST:
        return ()
    found: dict[str, tuple[Chain, Address]] = {}
    for chain in _candidates().get(text[:1], ()):
        if chain.family not in found:
            try:
                found[chain.family] = (chain, chain.form.read(text))
            except InvalidAddress:
                continue
    return tuple(sorted(found.values(), key=lambda reading: (reading[1].checksum == ABSENT, reading[0].testnet)))


@cache
def _candidates() -> Mapping[str, tuple[Chain, ...]]:
    by_start: dict[str, dict[int, Chain]] = {}
    for chain in chains():
        for character in chain.form.starts:
            by_start.setdefault(character, {}).setdefault(id(chain.form), chain)
    return {character: tuple(rows.values()) for character, rows in by_start.items()}


def display(address: Address) -> str:
    """Return the text to show to people: with the capitals of EIP-55 on EVM chains, else the canonical one."""
    return evm.display(address.canonical) if address.family == evm.FAMILY else address.canonical
