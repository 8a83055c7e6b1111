"""Reading a text as an address: of the chain that is named, or of every chain that can have written it.

The rule here: a text is taken as it is, and bounded before any work; to say which other chain a refused text belongs
to costs only the refused. What people paste around an address is `cleaning`'s.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Final, NamedTuple

from app.domain.address.chain import Chain
from app.domain.address.families import evm
from app.domain.address.identity import ABSENT, VERIFIED, Address, address_key
from app.domain.address.private_keys import is_private_key
from app.domain.address.public_keys import accounts_of, read_public_key
from app.domain.address.refusals import refusal
from app.domain.address.registry import chains, find_chain
from app.domain.errors import InvalidAddress

_LOOSE: Final = frozenset({"name", "number"})
_TELLING: Final = frozenset({"bad_checksum", "mixed_case"})
ReadMany = Callable[[Sequence[str]], list[Address | None]]
LONGEST: Final = 256  # characters: a Zcash unified address with every receiver has 213


class Reading(NamedTuple):
    """One way to read a text: the chain and the address on it; `curve` when the text was a raw public key."""

    chain: Chain
    address: Address
    curve: str = ""

    @property
    def is_loose(self) -> bool:
        """Tell whether the text may as well be an ordinary word or number."""
        return self.address.kind in _LOOSE

    @property
    def why(self) -> str:
        """Return in a sentence why the text can be this address."""
        what = f"{self.address.kind or 'address'} of {self.chain.name}"
        if self.curve:
            return f"The {self.curve} public key has this {what}."
        if self.address.checksum == VERIFIED:
            return f"The checksum verifies for this {what}."
        if self.is_loose:
            return f"A name or number that may be this {what}; such texts have no checksum."
        return f"The length and characters are those of this {what}, which carries no checksum."


def parse(chain: Chain, text: str) -> Address:
    """Read `text`, whole and unchanged, as an address of `chain`.

    Raises InvalidAddress with a reason of `refusals.SENTENCES`; not_on_chain goes before the others when the text is
    an address of another chain with a checksum that verifies.
    """
    if not text:
        raise refusal("empty")
    if len(text) > LONGEST:
        raise refusal("too_long")
    try:
        return chain.form.read(text)
    except InvalidAddress as refused:
        raise _explained(chain, text, refused) from None


def parse_many(chain: Chain, texts: Sequence[str]) -> list[Address | InvalidAddress]:
    """Read each text as `parse` does, and return the exception where it would raise one."""
    read_many: ReadMany | None = getattr(chain.form, "read_many", None)
    found: list[Address | None] = [None] * len(texts) if read_many is None else read_many(texts)
    return [address or _parsed(chain, text) for text, address in zip(texts, found, strict=True)]


def _parsed(chain: Chain, text: str) -> Address | InvalidAddress:
    try:
        return parse(chain, text)
    except InvalidAddress as refused:
        return refused


def kept_key(caip2: str, text: str) -> bytes:
    """Return the key of an address of a record that was accepted before: as it is read today, or of itself alone.

    What the registry knew when a record was signed cannot be asked any more, and a record cannot be changed.
    """
    chain = find_chain(caip2)
    if chain is not None:
        with suppress(InvalidAddress):
            return parse(chain, text).key
    return address_key(f"opaque:{caip2}", text)


def _explained(chain: Chain, text: str, refused: InvalidAddress) -> InvalidAddress:
    if any(character.isspace() for character in text):
        return refusal("whitespace")
    if is_private_key(text):
        return refusal("private_key")
    for reading in readings(text):
        other, address, _ = reading
        if address.checksum == VERIFIED and other.form is not chain.form and not reading.is_loose:
            return refusal(
                "not_on_chain",
                f"This is not an address of {chain.name} but one of {other.name}: state {other.slug} as its chain.",
            )
    return refused


def readings(text: str) -> tuple[Reading, ...]:
    """Return each chain whose form reads `text`, with the address, the likeliest first.

    Verified checksums go before absent ones, main networks before test networks, then the order of the registry. What
    may be an ordinary word or number is a reading only when there is no other. All EVM chains are one reading. Unknown
    chains are none.
    """
    if len(text) > LONGEST:
        return ()
    found: dict[tuple[str, str], Reading] = {}
    for chain in _candidates(text):
        try:
            address = chain.form.read(text)
        except InvalidAddress:
            continue
        found.setdefault((address.family, address.canonical), Reading(chain, address))
    telling = [reading for reading in found.values() if not reading.is_loose]
    return tuple(sorted(telling or found.values(), key=lambda it: (it.address.checksum == ABSENT, it.chain.testnet)))


def unread(text: str) -> InvalidAddress:
    """Return why a text without `readings` has none: a failed checksum says more than that no chain reads it."""
    if not text or len(text) > LONGEST:
        return refusal("too_long" if text else "empty")
    if is_private_key(text):
        return refusal("private_key")
    for chain in _candidates(text):
        try:
            chain.form.read(text)
        except InvalidAddress as error:
            if error.reason in _TELLING and not Reading(chain, chain.form.read(chain.sample)).is_loose:
                return refusal(error.reason)
    return refusal("unreadable")


def readings_of_key(text: str, chain: Chain | None = None) -> tuple[Reading, ...]:
    """Return the accounts that the raw public key `text` has on `chain` (on every main network, when None)."""
    key = read_public_key(text) if len(text) <= LONGEST else None
    if key is None:
        return ()
    read: dict[tuple[str, str], Reading] = {}
    for known in (chain,) if chain else _one_of_each_form():
        for account in accounts_of(known, key):
            address = known.form.read(account)
            read.setdefault((address.family, address.canonical), Reading(known, address, key.curve))
    return tuple(read.values())


@cache
def _one_of_each_form() -> tuple[Chain, ...]:
    """Return the first main network of each form, in the order of the registry."""
    found: dict[int, Chain] = {}
    for chain in chains():
        if not chain.testnet:
            found.setdefault(id(chain.form), chain)
    return tuple(found.values())


def _candidates(text: str) -> Iterator[Chain]:
    """Give, in the order of the registry, one chain of each form whose texts may begin as `text` does."""
    by_start, lengths = _starts()
    places = {place for length in lengths for place in by_start.get(text[:length], ())}
    return map(chains().__getitem__, sorted(places))


@cache
def _starts() -> tuple[Mapping[str, tuple[int, ...]], tuple[int, ...]]:
    """Return for each beginning the places in the registry of one chain of each form; and how long beginnings are."""
    by_start: dict[str, dict[int, int]] = {}
    for place, chain in enumerate(chains()):
        for start in chain.form.starts:
            by_start.setdefault(start, {}).setdefault(id(chain.form), place)
    found = {start: tuple(places.values()) for start, places in by_start.items()}
    return found, tuple({len(start) for start in found})


def display(address: Address) -> str:
    """Return the text to show to people: with the capitals of EIP-55 on EVM chains, else the canonical one."""
    return evm.display(address.canonical) if evm.is_account(address.canonical) else address.canonical
