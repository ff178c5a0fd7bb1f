"""Tensors of canonical rows, and outputs as they are read: the values of a call, without a wire."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.features.remote.model import Content, Datatype, RemoteInput, RemoteSpec
from assay.learning.errors import DataError, shortened
from assay.learning.images import decode_images
from assay.learning.rows import (
    BOXES,
    CATEGORY,
    IMAGE,
    PAGE_BREAK,
    PAGES,
    ROW_ID,
    WORDS,
    row_ids,
)

HEAD_BYTES: Final = 64  # of a request, beside names and contents, for each tensor
STRIPE: Final = 512  # rows
NUMBERS: Final[Mapping[Datatype, np.dtype[Any]]] = {
    Datatype.BOOL: np.dtype("?"),
    Datatype.UINT8: np.dtype("u1"),
    Datatype.UINT16: np.dtype("<u2"),
    Datatype.UINT32: np.dtype("<u4"),
    Datatype.UINT64: np.dtype("<u8"),
    Datatype.INT8: np.dtype("i1"),
    Datatype.INT16: np.dtype("<i2"),
    Datatype.INT32: np.dtype("<i4"),
    Datatype.INT64: np.dtype("<i8"),
    Datatype.FP16: np.dtype("<f2"),
    Datatype.FP32: np.dtype("<f4"),
    Datatype.FP64: np.dtype("<f8"),
}
Numbers = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor of all rows of a batch, of which each request sends some."""

    name: str
    datatype: Datatype
    rest: tuple[int, ...]  # its shape without the rows
    numbers: Numbers | None = None  # (rows, *rest)
    texts: Sequence[Sequence[bytes]] = ()  # of BYTES: each row's strings

    def sizes(self, rows: int) -> NDArray[np.int64]:
        """Return the bytes of each row."""
        if self.numbers is not None:
            size = self.numbers.dtype.itemsize * math.prod(self.rest)
            return np.full(rows, size, np.int64)
        sizes = (sum(map(len, row)) + 4 * len(row) for row in self.texts)
        return np.fromiter(sizes, np.int64, rows)

    def raw(self, start: int, stop: int) -> bytes:
        """Return the contents of some rows as they are sent."""
        if self.numbers is not None:
            return self.numbers[start:stop].tobytes()
        return raw_texts(text for row in self.texts[start:stop] for text in row)


@dataclass(frozen=True, kw_only=True)
class Output:
    """The output that was asked for, with as many elements as its shape says."""

    datatype: Datatype
    shape: tuple[int, ...]
    numbers: Numbers | None = None  # flat; None: of BYTES
    texts: Sequence[bytes] = ()  # of BYTES


def read_raw_numbers(raw: bytes, datatype: Datatype) -> Numbers:
    """Return the numbers of raw contents of whole elements; any byte of BOOL but 0 is true."""
    if datatype is Datatype.BOOL:
        return np.asarray(np.frombuffer(raw, np.uint8) != 0)
    return np.frombuffer(raw, NUMBERS[datatype])


def raw_texts(texts: Iterator[bytes]) -> bytes:
    """Return strings as raw contents: each with its length in four bytes before it."""
    return b"".join(part for text in texts for part in (struct.pack("<I", len(text)), text))


def read_raw_texts(raw: bytes) -> list[bytes]:
    """Return the strings of raw contents; ValueError when a length goes beyond the end."""
    found: list[bytes] = []
    place = 0
    while place < len(raw):
        if place + 4 > len(raw):
            raise ValueError("a length is cut off")
        (length,) = struct.unpack_from("<I", raw, place)
        place += 4
        if place + length > len(raw):
            raise ValueError("a string is cut off")
        found.append(raw[place : place + length])
        place += length
    return found


def encode_rows(spec: RemoteSpec, batch: pa.RecordBatch) -> tuple[Tensor, ...]:
    """Return the tensors of canonical rows; of an extraction the batch is one document.

    Raises DataError for a row that a tensor cannot hold, such as a missing whole number.
    """
    return tuple(_ENCODERS[one.content](one, batch) for one in spec.inputs)


def cut(
    tensors: Sequence[Tensor], ids: Sequence[str], *, max_rows: int, max_bytes: int
) -> Iterator[tuple[int, int]]:
    """Yield the (start, stop) of each request: as many rows as both limits allow.

    Raises DataError for a row that is larger than a request may be.
    """
    count = len(ids)
    sizes = np.zeros(count, np.int64)
    for tensor in tensors:
        sizes += tensor.sizes(count)
    allowed = max_bytes - sum(HEAD_BYTES + len(one.name.encode()) for one in tensors) - 1024
    if count and int(sizes.max()) > allowed:
        row = int(sizes.argmax())
        raise DataError(
            f"its tensors have {int(sizes[row])} bytes, and a request of this version has at most "
            f"{max(allowed, 0)}: send less, or make the version with a larger max_bytes",
            ids[row],
        )
    ends = np.cumsum(sizes)
    start = 0
    while start < count:
        sent = int(ends[start - 1]) if start else 0
        fitting = int(np.searchsorted(ends, sent + allowed, side="right"))
        stop = min(fitting, start + max_rows)
        yield start, stop
        start = stop


def _columns(one: RemoteInput, batch: pa.RecordBatch) -> Tensor:
    missing = [name for name in one.columns if batch.schema.get_field_index(name) < 0]
    if missing:
        raise DataError(f"the rows have no column {shortened(missing[0])}, which the version takes")
    rest = one.shape[1:] or ((len(one.columns),) if not one.shape else ())
    if one.datatype is Datatype.BYTES:
        columns = [_texts(batch, name) for name in one.columns]
        rows = list(zip(*columns, strict=True))
        return Tensor(name=one.name, datatype=one.datatype, rest=rest, texts=rows)
    dtype = NUMBERS[one.datatype]
    columns_of_numbers = [_numbers(batch, name, dtype) for name in one.columns]
    numbers = np.empty((batch.num_rows, len(one.columns)), dtype)
    for start in range(0, batch.num_rows, STRIPE):  # a stripe stays in the processor's cache
        stripe = numbers[start : start + STRIPE]
        for place, column in enumerate(columns_of_numbers):
            stripe[:, place] = column[start : start + STRIPE]
    return Tensor(
        name=one.name,
        datatype=one.datatype,
        rest=rest,
        numbers=numbers.reshape(batch.num_rows, *rest),
    )


def _texts(batch: pa.RecordBatch, name: str) -> list[bytes]:
    column = batch.column(name)
    if column.type != CATEGORY:
        raise DataError(f"column {shortened(name)} holds numbers; the version takes it as BYTES")
    found: list[str | None] = column.to_pylist()
    if None in found:
        message = f"{shortened(name)} is missing, which BYTES cannot say"
        raise DataError(message, _row_id(batch, found.index(None)))
    return [str(text).encode() for text in found]


def _numbers(batch: pa.RecordBatch, name: str, dtype: np.dtype[Any]) -> Numbers:
    """Return a column of float64 as `dtype`; floats take NaN for what is missing."""
    column = batch.column(name)
    if column.type != pa.float64():
        raise DataError(f"column {shortened(name)} holds text; the version takes it as a number")
    found = column.to_numpy(zero_copy_only=False)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return found.astype(dtype, copy=False)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    # The limits as floats: that of 64 bits is beyond the largest one below it.
    wrong = ~((found >= float(low)) & (found <= float(high)) & (found == np.floor(found)))
    if dtype.itemsize == 8:
        wrong |= found >= float(high)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{shortened(name)} is {found[row]:g}; the version takes whole numbers from {low} to {high}",
            _row_id(batch, row),
        )
    return found.astype(dtype)


def _row_id(batch: pa.RecordBatch, row: int) -> str:
    return str(batch.column(ROW_ID)[row].as_py())


def _text(one: RemoteInput, batch: pa.RecordBatch) -> Tensor:
    pages: Any = batch.column(PAGES).to_pylist()
    rows = [(PAGE_BREAK.join(page or "" for page in row).encode(),) for row in pages]
    return Tensor(name=one.name, datatype=one.datatype, rest=_rest_of_one(one), texts=rows)


def _image(one: RemoteInput, batch: pa.RecordBatch) -> Tensor:
    files: Any = batch.column(IMAGE).to_pylist()
    if one.datatype is Datatype.BYTES:
        rows = [(data,) for data in files]
        return Tensor(name=one.name, datatype=one.datatype, rest=_rest_of_one(one), texts=rows)
    numbers: Numbers = decode_images(files, one.side, row_ids(batch))
    if one.shape[1] == 3:
        numbers = np.ascontiguousarray(np.moveaxis(numbers, 3, 1))
    if one.datatype is Datatype.FP32:
        numbers = numbers.astype(np.float32) / np.float32(255)
    return Tensor(name=one.name, datatype=one.datatype, rest=one.shape[1:], numbers=numbers)


def _words(one: RemoteInput, batch: pa.RecordBatch) -> Tensor:
    words: Any = batch.column(WORDS).to_pylist()[0]
    texts = [(word or "").encode() for word in words]
    return Tensor(name=one.name, datatype=one.datatype, rest=(len(texts),), texts=[texts])


def _boxes(one: RemoteInput, batch: pa.RecordBatch) -> Tensor:
    (row_id,) = row_ids(batch)
    found = batch.column(BOXES).to_pylist()[0] if BOXES in batch.schema.names else None
    if found is None:
        raise DataError("the version takes the words' boxes, and the document has none", row_id)
    numbers = np.array(found, NUMBERS[one.datatype]).reshape(1, -1, 4)
    return Tensor(name=one.name, datatype=one.datatype, rest=numbers.shape[1:], numbers=numbers)


def _rest_of_one(one: RemoteInput) -> tuple[int, ...]:
    """Return the shape of one element a row, without the rows."""
    return one.shape[1:] if one.shape else (1,)


_ENCODERS: Final[Mapping[Content, Callable[[RemoteInput, pa.RecordBatch], Tensor]]] = {
    Content.COLUMNS: _columns,
    Content.TEXT: _text,
    Content.IMAGE: _image,
    Content.WORDS: _words,
    Content.BOXES: _boxes,
}
