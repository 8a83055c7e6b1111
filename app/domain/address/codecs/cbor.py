"""The head of a CBOR item (RFC 8949), in its shortest form only.

The rule here: an item that could have been written shorter is refused, because two spellings of one address would be
two identities.
"""

from typing import Final

from app.domain.address.refusals import refusal

UNSIGNED, BYTES, ARRAY, MAP, TAG = 0, 2, 4, 5, 6  # major types
_DIRECT: Final = 24  # arguments below it are in the head's first byte
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}  # bytes of the argument that follow


class Reader:
    """A place in the bytes of nested items."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def head(self, major: int) -> int:
        """Read the head of an item of one major type and return its argument: a value, a length, a count or a tag.

        Raises InvalidAddress: bad_version (another type), bad_length (no bytes left), bad_padding (not the shortest).
        """
        (first,) = self.take(1)
        if first >> 5 != major:
            raise refusal("bad_version")
        argument = first & 31
        if argument < _DIRECT:
            return argument
        width = _WIDTHS.get(argument)
        if width is None:
            raise refusal("bad_version")
        value = int.from_bytes(self.take(width), "big")
        if value < _DIRECT or (width > 1 and not value >> 4 * width):
            raise refusal("bad_padding")
        return value

    def expect(self, major: int, argument: int) -> None:
        """Read a head that must have this argument.

        Raises InvalidAddress: those of `head`, bad_version.
        """
        if self.head(major) != argument:
            raise refusal("bad_version")

    def take(self, size: int) -> bytes:
        """Read `size` bytes.

        Raises InvalidAddress: bad_length.
        """
        part = self._raw[self._at : self._at + size]
        if len(part) != size:
            raise refusal("bad_length")
        self._at += size
        return part

    def end(self) -> None:
        """Check that every byte was read.

        Raises InvalidAddress: bad_length.
        """
        if self._at != len(self._raw):
            raise refusal("bad_length")
