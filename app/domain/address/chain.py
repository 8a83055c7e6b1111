"""A chain: its names, the identity space of its addresses, and the form that reads them; and what is held on it.

The rule here: validity depends on the form, never on the asset; a form takes text and gives an address or raises
InvalidAddress, and knows nothing of the other chains.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.address.identity import Address


class Form(Protocol):
    """How the addresses of one chain are written.

    A form that reads many texts for less than one after the other also has `read_many(texts)`, which gives the address
    in each, None for each that `read` must judge alone.
    """

    @property
    def family(self) -> str:
        """Return the identity space of the addresses that this form reads."""
        ...

    @property
    def starts(self) -> Iterable[str]:
        """Return beginnings such that every valid text has one of them; none keeps the form out of `readings`."""
        ...

    def read(self, text: str) -> Address:
        """Return the address written in `text`, or raise InvalidAddress. The caller has bounded the length."""
        ...

    def sample(self, seed: bytes) -> str:
        """Return the canonical text of an address that nobody made: its hash or key is taken from `seed`, 32 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain.

    `caip2` is its CAIP-2 id, `native` the CAIP-19 id of its native asset ("" for none), `sample` an address that
    nobody made, `aliases` further names that find it, `hosts` the block explorers that show it. Chains are equal when
    their names are; the form follows from them.
    """

    caip2: str
    slug: str
    name: str
    family: str
    native: str
    symbol: str
    form: Form = field(compare=False, repr=False)
    sample: str = field(default="", compare=False, repr=False)
    aliases: tuple[str, ...] = field(default=(), compare=False, repr=False)
    hosts: tuple[str, ...] = field(default=(), compare=False, repr=False)
    testnet: bool = False


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset, by its CAIP-19 id."""

    caip19: str
    symbol: str
    name: str

    @property
    def chain(self) -> str:
        """Return the CAIP-2 id of its chain."""
        return self.caip19.partition("/")[0]
