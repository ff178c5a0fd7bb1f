"""Arrow arrays as numpy arrays, by DLPack.

pyarrow's own `to_numpy` and `pa.array` import pandas where it is installed, which takes a
compute child half a second before its first chunk and 60 MB for good.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def numbers(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> NDArray[Any]:
    """Return integers or floats without nulls as (rows,) of their own type, read-only."""
    found: NDArray[Any] = np.from_dlpack(one_array(column))
    return found


def flags(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> NDArray[np.bool_]:
    """Return booleans without nulls as (rows,)."""
    return numbers(pc.cast(one_array(column), pa.uint8())).astype(np.bool_)


def one_array(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """Return a column's chunks as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunks[0]
    combined = column.combine_chunks()
    assert isinstance(combined, pa.Array), "columns this long are cut into chunks before"
    return combined


def from_numbers(values: NDArray[np.int64]) -> pa.Array[Any]:
    """Return (rows,) int64 as an Arrow array (a copy)."""
    return pa.Array.from_buffers(
        pa.int64(), len(values), [None, pa.py_buffer(values.astype(np.int64).tobytes())]
    )
