"""Lists in JSON rows as Arrow columns: pages, words and their labels, and boxes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from assay.tabular.arrays import from_numbers
from assay.tabular.errors import ErrorLocation
from assay.tabular.values import kind_of, number_array, text_array, wrong_value

BOX = "a box is four finite numbers: left, top, right, bottom"

Lists = list[list[Any] | None]


def lists_of_texts(values: Sequence[object], name: str, location: ErrorLocation) -> pa.Array[Any]:
    """Return lists of texts as list<large_string>; raises InputError naming row and column."""
    allowed = f"{name} is a list of texts"
    lists = _lists(values, name, allowed, location)
    for row, one in enumerate(lists):
        for item in one or ():
            if not (item is None or isinstance(item, str)):
                raise wrong_value(row, name, f"{kind_of(item)} is in it", allowed, location)
    try:
        return _nested(lists, text_array([item for one in lists for item in one or ()]))
    except UnicodeEncodeError:
        for row, one in enumerate(lists):
            if any("\ud800" <= char <= "\udfff" for item in one or () for char in item or ""):
                sent = "a text holds half of a surrogate pair"
                raise wrong_value(row, name, sent, "a text is valid Unicode", location) from None
        raise


def lists_of_boxes(values: Sequence[object], location: ErrorLocation) -> pa.Array[Any]:
    """Return lists of boxes as list<list<double>>; raises InputError naming row and column."""
    lists = _lists(values, "boxes", f"boxes is a list of boxes; {BOX}", location)
    for row, one in enumerate(lists):
        for box in one or ():
            if not (isinstance(box, list) and all(map(_is_number, box))):
                sent = f"{kind_of(box)} is in it" if not isinstance(box, list) else f"{box}"
                raise wrong_value(row, "boxes", sent, BOX, location)
    boxes: Lists = [box for one in lists for box in one or ()]
    numbers = number_array([float(value) for box in boxes for value in box or ()])
    return _nested(lists, _nested(boxes, numbers))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lists(values: Sequence[object], name: str, allowed: str, location: ErrorLocation) -> Lists:
    found: Lists = []
    for row, value in enumerate(values):
        if not (value is None or isinstance(value, list)):
            raise wrong_value(row, name, f"{kind_of(value)} was sent", allowed, location)
        found.append(value)
    return found


def _nested(lists: Lists, items: pa.Array[Any]) -> pa.Array[Any]:
    sizes = [len(one or ()) for one in lists]
    ends = np.fromiter(itertools.accumulate(sizes, initial=0), np.int64)
    present = np.fromiter((one is not None for one in lists), np.bool_, len(lists))
    mask: Any = pa.Array.from_buffers(
        pa.bool_(),
        len(lists),
        [None, pa.py_buffer(np.packbits(~present, bitorder="little").tobytes())],
    )
    kind: Any = pa.LargeListArray  # its stub knows no mask
    nested: pa.Array[Any] = kind.from_arrays(from_numbers(ends), items, mask=mask)
    return nested
