"""The byte codec of statistics: versioned, checked by CRC, and never pickle.

An envelope is `b"ASM"`, one byte of kind, one byte of version, the payload and
the CRC-32 of all of it, little-endian. Equal statistics encode to equal bytes.
"""

from __future__ import annotations

import math
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MAGIC = b"ASM"
VERSION = 2
_HEADER = len(MAGIC) + 2
_CRC = 4
_WIDTHS = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}
_SMALL = [bytes([value]) for value in range(0x80)]


class CodecError(ValueError):
    """The bytes are not a statistic of a version that this code reads."""


class Writer:
    """Appends values to one payload."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def count(self, value: int) -> None:
        """Append a non-negative integer of any size, as a LEB128 varint."""
        if value < 0:
            raise ValueError(f"a count is never negative: {value}")
        if value <= 0x7F:
            self._parts.append(_SMALL[value])
            return
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
        self._parts.append(bytes(out))

    def blob(self, value: bytes) -> None:
        """Append bytes, preceded by their number."""
        self.count(len(value))
        self._parts.append(value)

    def text(self, value: str) -> None:
        """Append a string, as UTF-8."""
        self.blob(value.encode("utf-8", "surrogatepass"))

    def labels(self, values: tuple[str, ...]) -> None:
        """Append a table of labels."""
        self.blob(_encode_labels(values))

    def integer(self, value: int) -> None:
        """Append an integer of any size and sign; trailing zero bits cost nothing."""
        magnitude = abs(value)
        shift = (magnitude & -magnitude).bit_length() - 1 if magnitude else 0
        magnitude >>= shift
        self.count(shift << 1 | (value < 0))
        self.blob(magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "little"))

    def number(self, value: float) -> None:
        """Append a float64."""
        self._parts.append(np.array(value, dtype="<f8").tobytes())

    def counts(self, values: NDArray[np.int64]) -> None:
        """Append an array of integers, none negative, in the narrowest width that holds them."""
        top = int(values.max()) if values.size else 0
        width = next(width for width in _WIDTHS if top < 1 << 8 * width)
        self.count(width)
        self.blob(values.astype(_WIDTHS[width]).tobytes())

    def payload(self) -> bytes:
        """Return what was appended so far."""
        return b"".join(self._parts)

    def seal(self, kind: bytes) -> bytes:
        """Return the whole envelope. `kind` is one byte."""
        body = MAGIC + kind + bytes([VERSION]) + self.payload()
        return body + zlib.crc32(body).to_bytes(_CRC, "little")


class Reader:
    """Reads a payload back; every fault is a CodecError."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    @classmethod
    def unseal(cls, data: bytes, kind: bytes) -> Reader:
        """Check the envelope and return a reader of its payload."""
        if len(data) < _HEADER + _CRC or data[: len(MAGIC)] != MAGIC:
            raise CodecError("these bytes are not a statistic of Assay")
        body, crc = data[:-_CRC], data[-_CRC:]
        if zlib.crc32(body).to_bytes(_CRC, "little") != crc:
            raise CodecError("the statistic is corrupt: its checksum does not match")
        if data[3:4] != kind:
            raise CodecError(f"the statistic is of kind {data[3:4]!r}, expected {kind!r}")
        if data[4] != VERSION:
            raise CodecError(f"the statistic has version {data[4]}; this code reads {VERSION}")
        return cls(body[_HEADER:])

    def count(self) -> int:
        """Read a varint."""
        value = shift = 0
        while True:
            if self._at >= len(self._payload):
                raise CodecError("the statistic ends in the middle of a number")
            byte = self._payload[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def blob(self) -> bytes:
        """Read bytes."""
        size = self.count()
        end = self._at + size
        if end > len(self._payload):
            raise CodecError("the statistic ends in the middle of a field")
        value = self._payload[self._at : end]
        self._at = end
        return value

    def text(self) -> str:
        """Read a string."""
        try:
            return self.blob().decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise CodecError("a label of the statistic is not UTF-8") from error

    def labels(self) -> tuple[str, ...]:
        """Read a table of distinct labels."""
        return _decode_labels(self.blob())

    def integer(self) -> int:
        """Read an integer of any size and sign."""
        head = self.count()
        if head > 1 << 24:
            raise CodecError("a number of the statistic has an absurd exponent")
        value = int.from_bytes(self.blob(), "little") << (head >> 1)
        return -value if head & 1 else value

    def number(self) -> float:
        """Read a float64 that is not NaN."""
        end = self._at + 8
        if end > len(self._payload):
            raise CodecError("the statistic ends in the middle of a number")
        value = float(np.frombuffer(self._payload[self._at : end], dtype="<f8")[0])
        self._at = end
        if math.isnan(value):
            raise CodecError("a number of the statistic is NaN")
        return value

    def counts(self) -> NDArray[np.int64]:
        """Read an array of non-negative integers as int64, writable and owned."""
        width, raw = self.count(), self.blob()
        if width not in _WIDTHS or len(raw) % width:
            raise CodecError("an array of the statistic has a width that does not exist")
        values = np.frombuffer(raw, dtype=_WIDTHS[width]).astype(np.int64)
        if width == 8 and values.size and int(values.min()) < 0:
            raise CodecError("a count of the statistic is beyond 2**63")
        return values

    def end(self) -> None:
        """Refuse bytes that nobody read."""
        if self._at != len(self._payload):
            raise CodecError("the statistic is longer than its contents")


@lru_cache(maxsize=64)  # the chunks of an upload share one table
def _encode_labels(labels: tuple[str, ...]) -> bytes:
    writer = Writer()
    writer.count(len(labels))
    for label in labels:
        writer.text(label)
    return writer.payload()


@lru_cache(maxsize=64)
def _decode_labels(data: bytes) -> tuple[str, ...]:
    reader = Reader(data)
    labels = tuple(reader.text() for _ in range(reader.count()))
    reader.end()
    if len(set(labels)) != len(labels):
        raise CodecError("a label table of the statistic holds a label twice")
    return labels
