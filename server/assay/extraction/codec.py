"""The byte codec of this room's statistics: versioned, checked by CRC, and never pickle.

An envelope is `b"ASX"`, one byte of kind, one byte of version, the payload and the CRC-32 of all
of it, little-endian. Equal statistics encode to equal bytes.
"""

from __future__ import annotations

import zlib
from typing import Final

MAGIC: Final = b"ASX"
VERSION: Final = 1
_HEADER = len(MAGIC) + 2
_CRC = 4
_MAX_SHIFT = 4096  # bits of a count; no honest one comes near


class CodecError(ValueError):
    """The bytes are not a statistic of a version that this code reads."""


class Writer:
    """Appends values to one payload."""

    def __init__(self) -> None:
        self._payload = bytearray()

    def count(self, value: int) -> None:
        """Append a non-negative integer of any size, as a LEB128 varint."""
        if value < 0:
            raise ValueError(f"a count is never negative: {value}")
        while value > 0x7F:
            self._payload.append(value & 0x7F | 0x80)
            value >>= 7
        self._payload.append(value)

    def text(self, value: str) -> None:
        """Append a string, as UTF-8 preceded by its number of bytes."""
        data = value.encode("utf-8", "surrogatepass")
        self.count(len(data))
        self._payload += data

    def seal(self, kind: bytes) -> bytes:
        """Return the whole envelope. `kind` is one byte."""
        body = MAGIC + kind + bytes([VERSION]) + bytes(self._payload)
        return body + zlib.crc32(body).to_bytes(_CRC, "little")


class Reader:
    """Reads a payload back; every fault is a CodecError."""

    def __init__(self, data: bytes, kind: bytes) -> None:
        if len(data) < _HEADER + _CRC or data[: len(MAGIC)] != MAGIC:
            raise CodecError("these bytes are not a statistic of extractions")
        body, crc = data[:-_CRC], data[-_CRC:]
        if zlib.crc32(body).to_bytes(_CRC, "little") != crc:
            raise CodecError("the statistic is corrupt: its checksum does not match")
        if body[3:4] != kind:
            raise CodecError(f"the statistic is of kind {body[3:4]!r}, expected {kind!r}")
        if body[4] != VERSION:
            raise CodecError(f"the statistic has version {body[4]}; this code reads {VERSION}")
        self._payload = body
        self._at = _HEADER

    def count(self) -> int:
        """Read a varint."""
        value = shift = 0
        while True:
            if self._at >= len(self._payload) or shift > _MAX_SHIFT:
                raise CodecError("the statistic ends in the middle of a number")
            byte = self._payload[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> str:
        """Read a string."""
        size = self.count()
        end = self._at + size
        if end > len(self._payload):
            raise CodecError("the statistic ends in the middle of a text")
        data, self._at = self._payload[self._at : end], end
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise CodecError("a text of the statistic is not UTF-8") from error

    def end(self) -> None:
        """Refuse bytes that nobody read."""
        if self._at != len(self._payload):
            raise CodecError("the statistic is longer than its contents")
