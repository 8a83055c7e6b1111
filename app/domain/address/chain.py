"""A chain: its names, the identity space of its addresses, and the form that reads them.

The rule here: validity depends on the form, never on the asset; a form takes text and gives an address or raises
InvalidAddress, and knows nothing of the other chains.
"""

from dataclasses import dataclass, field
from typing import Protocol

from app.domain.address.identity import Address


class Form(Protocol):
    """How the addresses of one chain are written."""

    @property
    def family(self) -> str:
        """Return the identity space of the addresses that this form reads."""
        ...

    @property
    def starts(self) -> str:
        """Return every character with which a valid text may begin; "" keeps the form out of `readings`."""
        ...

    def read(self, text: str) -> Address:
        """Return the address written in `text`, or raise InvalidAddress. The caller has bounded the length."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain.

    `caip2` is its CAIP-2 id, `native` the CAIP-19 id of its native asset ("" when it has no SLIP-44 number),
    `aliases` further names that find it. Chains are equal when their names are; the form follows from them.
    """

    caip2: str
    slug: str
    name: str
    family: str
    native: str
    symbol: str
    form: Form = field(compare=False, repr=False)
    aliases: tuple[str, ...] = field(default=(), compare=False, repr=False)
    testnet: bool = False
