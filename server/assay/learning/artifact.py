"""The one format of what learning stores: facts and arrays as canonical bytes, without pickle.

An artifact is, in little-endian order:

    8 bytes   b"ASSAYLRN"
    uint32    the version of the format
    uint32    the length of the header
    uint32    the CRC-32 of the header
    uint32    the CRC-32 of all after the header
    header    canonical JSON: kind, facts, libraries, and of each array its name, type and shape
    arrays    raw and in the order of the header, each at a multiple of 64 bytes, gaps zero

Equal facts and arrays are equal bytes. Arrays are read as views of the bytes they came in, which
may be a file in memory (mmap), and cannot be written to. Nothing is ever unpickled.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from assay import records
from assay.learning.errors import DamagedArtifact
from assay.records import Record

MAGIC: Final = b"ASSAYLRN"
VERSION: Final = 1
ALIGNMENT: Final = 64  # bytes; a cache line, and the widest vector of any CPU
_HEAD = struct.Struct("<8sIIII")
_TYPES = frozenset({"<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"})
_MAX_DIMENSIONS = 4
LIBRARIES: Final = {"numpy": np.__version__, "scikit-learn": version("scikit-learn")}


class _Array(Record):
    name: str
    type: str
    shape: tuple[int, ...]


class _Header(Record):
    kind: str
    facts: dict[str, Any]
    libraries: dict[str, str]
    arrays: tuple[_Array, ...]


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """Facts, which are what JSON can hold, and named arrays of numbers."""

    kind: str  # what it is: "model", "state", "features", …
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=LIBRARIES.copy)  # it was made with

    def part(self, prefix: str, kind: str) -> Artifact:
        """Return the artifact that `merged` put under `prefix`."""
        start = prefix + "."
        arrays = {
            name.removeprefix(start): array
            for name, array in self.arrays.items()
            if name.startswith(start)
        }
        facts = self.facts.get(prefix)
        if not isinstance(facts, Mapping):
            raise DamagedArtifact(f"the {self.kind} has no {prefix}")
        return Artifact(kind=kind, facts=facts, arrays=arrays, libraries=self.libraries)


def merged(kind: str, facts: Mapping[str, Any], parts: Mapping[str, Artifact]) -> Artifact:
    """Return one artifact of several: their facts and arrays under their names."""
    return Artifact(
        kind=kind,
        facts={**facts, **{name: dict(part.facts) for name, part in parts.items()}},
        arrays={
            f"{name}.{key}": array
            for name, part in parts.items()
            for key, array in part.arrays.items()
        },
    )


def encode(artifact: Artifact) -> bytes:
    """Return the canonical bytes of an artifact.

    Raises TypeError for arrays of a type that the format does not have, ValueError for facts
    that are no JSON.
    """
    arrays = {name: _plain(name, artifact.arrays[name]) for name in sorted(artifact.arrays)}
    header = records.encode(
        _Header(
            kind=artifact.kind,
            facts=dict(artifact.facts),
            libraries=dict(artifact.libraries),
            arrays=tuple(
                _Array(name=name, type=array.dtype.str, shape=array.shape)
                for name, array in arrays.items()
            ),
        )
    )
    start = _HEAD.size + len(header)
    body: list[bytes | memoryview] = []
    at = start
    for array in arrays.values():
        gap = -at % ALIGNMENT
        body += [bytes(gap), array.reshape(-1).view(np.uint8).data]
        at += gap + array.nbytes
    crc = 0
    for piece in body:
        crc = zlib.crc32(piece, crc)
    head = _HEAD.pack(MAGIC, VERSION, len(header), zlib.crc32(header), crc)
    return b"".join([head, header, *body])


def decode(data: bytes | memoryview, kind: str, *, whole: bool = True) -> Artifact:
    """Return the artifact in `data`; its arrays are read-only views of it.

    Args:
        data: The bytes, or a view of a file in memory.
        kind: What the artifact must be.
        whole: False leaves the arrays' checksum alone, for bytes that were checked before.

    Raises DamagedArtifact when the bytes are cut, changed, of another version or kind, or foreign.
    """
    view = memoryview(data).cast("B").toreadonly()
    header, at = _header(view)
    if header.kind != kind:
        raise DamagedArtifact(f"the artifact is a {header.kind[:50]!r}, not a {kind!r}")
    if whole and zlib.crc32(view[at:]) != _HEAD.unpack_from(view)[4]:
        raise DamagedArtifact("the artifact is corrupt: its checksum does not match")
    arrays = {}
    for entry in header.arrays:
        at += -at % ALIGNMENT
        arrays[entry.name], at = _read(view, entry, at)
    if at != len(view):
        raise DamagedArtifact(f"the artifact has {len(view) - at} bytes after its last array")
    return Artifact(kind=kind, facts=header.facts, arrays=arrays, libraries=header.libraries)


def _plain(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as one in order of rows and little-endian."""
    plain = np.ascontiguousarray(array).reshape(array.shape)  # of a scalar it would make a row
    plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    if plain.dtype.str not in _TYPES or plain.ndim > _MAX_DIMENSIONS:
        raise TypeError(f"array {name} is {plain.ndim}-dimensional {plain.dtype}")
    return plain


def _header(view: memoryview) -> tuple[_Header, int]:
    """Return the header and where it ends."""
    if len(view) < _HEAD.size or bytes(view[: len(MAGIC)]) != MAGIC:
        raise DamagedArtifact("these bytes are no artifact of Assay")
    _, version, length, crc, _ = _HEAD.unpack_from(view)
    if version != VERSION:
        raise DamagedArtifact(f"the artifact has version {version}; this code reads {VERSION}")
    end = _HEAD.size + length
    text = bytes(view[_HEAD.size : end])
    if len(text) != length or zlib.crc32(text) != crc:
        raise DamagedArtifact("the artifact is corrupt: its header is cut or changed")
    try:
        return records.decode(_Header, text), end
    except records.DamagedRecord as error:
        raise DamagedArtifact(f"the artifact has a header of another form: {error}") from error


def _read(view: memoryview, entry: _Array, at: int) -> tuple[NDArray[Any], int]:
    """Return the array at a place and where it ends."""
    if (
        entry.type not in _TYPES
        or len(entry.shape) > _MAX_DIMENSIONS
        or min(entry.shape, default=0) < 0
    ):
        raise DamagedArtifact(f"array {entry.name[:50]!r} has a type or shape that is not allowed")
    dtype = np.dtype(entry.type)
    count = math.prod(entry.shape)  # of Python's integers, so it cannot overflow
    end = at + count * dtype.itemsize
    if end > len(view):
        raise DamagedArtifact(f"the artifact ends inside of array {entry.name[:50]!r}")
    if not count:
        return np.empty(entry.shape, dtype), end
    return np.frombuffer(view, dtype, count, at).reshape(entry.shape), end


def pack_texts(texts: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Return texts as two arrays: their UTF-8 `bytes`, and the `ends` of each in them."""
    encoded = [text.encode() for text in texts]
    return {
        "bytes": np.frombuffer(b"".join(encoded), np.uint8),
        "ends": np.cumsum([len(text) for text in encoded], dtype=np.int64),
    }


def unpack_texts(data: NDArray[Any], ends: NDArray[Any]) -> tuple[str, ...]:
    """Return the texts that `pack_texts` packed; raises DamagedArtifact when they are none."""
    joined, stops = data.tobytes(), ends.tolist()
    bounds = [0, *stops]
    if bounds != sorted(bounds) or bounds[-1] != len(joined):
        raise DamagedArtifact("the places of an artifact's texts are wrong")
    try:
        return tuple(joined[start:end].decode() for start, end in pairwise(bounds))
    except UnicodeDecodeError as error:
        raise DamagedArtifact("a text of an artifact is no UTF-8") from error


class PackedTexts(Sequence[str]):
    """Texts that `pack_texts` packed, unpacked when one of them is asked for.

    Asking raises DamagedArtifact when they are none.
    """

    def __init__(self, data: NDArray[Any], ends: NDArray[Any]) -> None:
        self._data, self._ends = data, ends

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        return unpack_texts(self._data, self._ends)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Return one text, or those of a slice."""
        return self._texts[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)
