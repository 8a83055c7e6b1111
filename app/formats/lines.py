"""The lines of a text file: decoded, bounded, numbered by whoever reads them.

The rule here: no line is longer than MAX_LINE characters in memory and no byte stops the reading: what is not UTF-8
becomes U+FFFD, so that one bad line is one refused row and the rest is read.
"""

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

MAX_LINE = 65_536  # characters: a row with 100 transaction ids has about 7,000
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_lines(stream: BinaryIO) -> Iterator[str]:
    """Read the lines of UTF-8 (with or without a byte order mark) or marked UTF-16, each with its line end.

    A line beyond MAX_LINE is given once, cut; the rest of it is skipped.
    """
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(_raw(stream))
    encoding = "utf-16" if buffered.peek(2)[:2] in _UTF16_MARKS else "utf-8-sig"
    text = io.TextIOWrapper(buffered, encoding=encoding, errors="replace", newline="")
    try:
        while line := text.readline(MAX_LINE):
            if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
                _skip_line(text)
            yield line
    finally:
        with suppress(ValueError):  # whoever opened the stream may have closed it by now
            text.detach()


def _skip_line(text: io.TextIOWrapper) -> None:
    while (rest := text.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
        pass


def _raw(stream: BinaryIO) -> io.RawIOBase:
    return _Raw(stream)


class _Raw(io.RawIOBase):
    """A stream that only reads, as what BufferedReader wants."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        read = self._stream.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)
