"""Row ids: their texts, a stable 64-bit hash of each, and the search for duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.tabular.arrays import from_numbers, numbers, one_array

Number = TypeVar("Number", np.int64, np.uint8)

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SECOND_PRIME = np.uint64(0xD1B54A32D192ED03)  # odd too, and far from the first
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, kw_only=True)
class RowIds:
    """The row ids of one block as texts (integers by decimal text), none null."""

    texts: pa.LargeStringArray

    def __len__(self) -> int:
        return len(self.texts)

    def some(self, indices: NDArray[np.int64]) -> RowIds:
        """Return the ids at `indices` as row ids."""
        return RowIds(texts=self.texts.take(from_numbers(indices)))

    def at(self, indices: NDArray[np.int64]) -> list[str]:
        """Return the ids at `indices`."""
        return [str(text) for text in self.texts.take(from_numbers(indices)).to_pylist()]

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """(rows,) a 64-bit hash of each id: the same in every process, release and block.

        The bytes are taken as little-endian words of 8, the last one padded with zeros, and
        mixed one after the other into the length (splitmix64's finisher).
        """
        return self._hashed(_PRIME)

    @cached_property
    def second_hashes(self) -> NDArray[np.uint64]:
        """(rows,) another 64-bit hash, of the same steps with another factor."""
        return self._hashed(_SECOND_PRIME)

    def _hashed(self, prime: np.uint64) -> NDArray[np.uint64]:
        offsets, sizes = self._offsets, self.sizes
        data = _view(self.texts.buffers()[2], np.uint8)
        size = int(sizes[0]) if len(sizes) else 0
        if size and size % 8 == 0 and (sizes == size).all():
            # Ids of one length lie beside each other as whole words: hex digests, UUID bytes.
            table = data[offsets[0] : offsets[-1]].view("<u8").reshape(-1, size // 8)
            alike = _mix(np.full(len(sizes), size, np.uint64) * prime)
            for column in table.T:
                alike = _mix(alike ^ (column * prime))
            return alike
        starts = offsets[:-1]
        padded = np.concatenate([data, np.zeros(8, np.uint8)])
        # Every byte position starts a word of eight bytes; reading them unaligned saves a loop.
        words = np.ndarray((len(padded) - 7,), "<u8", padded.tobytes(), strides=(1,))
        state = _mix(sizes.astype(np.uint64) * prime)
        for at in range(0, int(sizes.max(initial=0)), 8):
            live = np.flatnonzero(sizes > at)
            left = np.minimum(sizes[live] - at, 8)
            word = words[starts[live] + at] & _MASKS[left]
            state[live] = _mix(state[live] ^ (word * prime))
        return state

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(rows,) the number of bytes of each id."""
        return np.diff(self._offsets)

    @property
    def _offsets(self) -> NDArray[np.int64]:
        first, last = self.texts.offset, self.texts.offset + len(self.texts) + 1
        return _view(self.texts.buffers()[1], np.int64)[first:last]

    def first_duplicate(self) -> tuple[int, int, str] | None:
        """Return (first index, second index, id) of the earliest repeated id, or None."""
        ascending = np.sort(self.hashes)
        if not (ascending[1:] == ascending[:-1]).any():
            return None  # equal ids have equal hashes
        encoded = self.texts.dictionary_encode()
        if len(encoded.dictionary) == len(self.texts):
            return None
        codes = numbers(encoded.indices)
        # Codes are given in order of first sight: a fresh id has the next code.
        highest = np.maximum.accumulate(codes)
        fresh = np.concatenate([[True], highest[1:] > highest[:-1]])
        second = int(np.flatnonzero(~fresh)[0])
        first = int(np.flatnonzero(codes == codes[second])[0])
        return first, second, self.texts[second].as_py()


_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], np.uint64)


def _view(buffer: pa.Buffer | None, kind: type[Number]) -> NDArray[Number]:
    if buffer is None:  # an array without bytes may have no buffer
        return np.empty(0, kind)
    # A pyarrow buffer speaks the buffer protocol; its stubs do not say so.
    return np.frombuffer(cast(bytes, buffer), kind)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    mixed: NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return mixed


def row_ids_of(column: pa.ChunkedArray[Any]) -> RowIds:
    """Return a column of strings or integers, none null, as row ids."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return RowIds(texts=cast(pa.LargeStringArray, pc.cast(one_array(column), pa.large_string())))
