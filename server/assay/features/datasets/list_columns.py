"""Columns of lists, checked item by item: pages, words with their labels, and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.features.datasets.json_lists import BOX
from assay.features.datasets.row_sizes import Column, Sizes, list_sizes
from assay.learning.rows import BOXES, WORDS, pages_of
from assay.tabular.arrays import from_numbers, numbers, one_array
from assay.tabular.errors import ErrorLocation, InputError, bad_column
from assay.tabular.labels import FILL_IN, is_text, refuse_null
from assay.tabular.values import text_array


@dataclass(frozen=True, kw_only=True)
class ItemLocation(ErrorLocation):
    """Where the items of a block's lists stand: what is wrong with one is said of its row."""

    rows: NDArray[Any]  # (items,) the row of each

    @classmethod
    def of(cls, lists: Column, location: ErrorLocation) -> ItemLocation:
        """Return where the items of a column of lists stand."""
        parents: Column = pc.list_parent_indices(lists)
        return cls(first_row=location.first_row, line_of=location.line_of, rows=numbers(parents))

    def bad_value(
        self, index: int, column: str, sent: str, allowed: str, way_out: str, *, count: int = 1
    ) -> InputError:
        """Return the error of the item at `index` of the block; other rows are not counted."""
        del count
        row = int(self.rows[index])
        return super().bad_value(row, column, sent, allowed, way_out)


def texts_of_lists(sent: Column, name: str, location: ErrorLocation) -> Column:
    """Return a column as one array of list<large_string>; refuses other types, and nulls."""
    refuse_null(sent, name, location)
    column = one_array(sent)
    if not (_is_list(column.type) and _is_text_or_null(column.type.value_type)):
        raise bad_column(
            name,
            f"its type is {column.type}",
            f"{name} is a list of texts",
            "Send lists, in JSON Lines, Parquet or Arrow",
        )
    lists: Column = pc.cast(column, pa.list_(pa.large_string()))
    items = lists.flatten()
    if items.null_count:
        refuse_null(pa.chunked_array([items]), name, ItemLocation.of(lists, location))
    return lists


def one_page_each(texts: Column) -> Column:
    """Return texts as lists of one text each."""
    lists: Any = pa.ListArray
    offsets: Column = pc.cast(from_numbers(np.arange(len(texts) + 1)), pa.int32())
    return lists.from_arrays(offsets, texts)


def divided_pages(texts: Sequence[str]) -> Column:
    """Return texts as lists of their pages."""
    pages = [pages_of(text) for text in texts]
    lists: Any = pa.ListArray
    ends = np.cumsum([0, *map(len, pages)], dtype=np.int64)
    flat = text_array([page for one in pages for page in one])
    return lists.from_arrays(pc.cast(from_numbers(ends), pa.int32()), flat)


def boxes_of(sent: Column, words: Sizes, location: ErrorLocation) -> Column:
    """Return boxes as one array of list<fixed_size_list<float32, 4>>, as many as `words`."""
    refuse_null(sent, BOXES, location)
    column: Column = one_array(sent)
    inner = column.type.value_type if _is_list(column.type) else None
    if inner is None or not (pa.types.is_null(inner) or _is_list(inner)):
        raise bad_column(
            BOXES, f"its type is {column.type}", f"boxes is a list of boxes; {BOX}", "Send lists"
        )
    refuse_other_sizes(BOXES, list_sizes(column), words, location)
    if pa.types.is_null(inner):
        column = column.cast(pa.list_(pa.list_(pa.float64())))
    places = ItemLocation.of(column, location)
    boxes = column.flatten()
    refuse_null(pa.chunked_array([boxes]), BOXES, places)
    wrong = np.flatnonzero(list_sizes(boxes) != 4)
    if len(wrong):
        sent_numbers = f"a box of {list_sizes(boxes)[wrong[0]]} numbers was sent"
        raise places.bad_value(int(wrong[0]), BOXES, sent_numbers, BOX, FILL_IN)
    values = _finite(boxes.flatten(), places)
    offsets = np.concatenate([[0], np.cumsum(words)])
    fixed: Any = pa.FixedSizeListArray
    lists: Any = pa.ListArray
    flat = pa.Array.from_buffers(pa.float32(), len(values), [None, pa.py_buffer(values.tobytes())])
    return lists.from_arrays(pc.cast(from_numbers(offsets), pa.int32()), fixed.from_arrays(flat, 4))


def refuse_other_sizes(name: str, sizes: Sizes, words: Sizes, location: ErrorLocation) -> None:
    """Raise InputError naming the first row whose list has not one item for each word."""
    wrong = np.flatnonzero(sizes != words)
    if len(wrong):
        row = int(wrong[0])
        raise location.bad_value(
            row,
            name,
            f"there are {sizes[row]} for {words[row]} {WORDS}",
            f"there is one for each of the {WORDS}",
            "Send the lists of one document together",
            count=len(wrong),
        )


def _finite(sent: Column, places: ItemLocation) -> NDArray[np.float32]:
    kind = sent.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise bad_column(BOXES, f"its numbers are {kind}", BOX, "Cast them to float32")
    missing = sent.null_count
    filled: Column = pc.cast(sent.fill_null(0), pa.float64(), safe=False)
    with np.errstate(over="ignore"):
        values: NDArray[np.float32] = numbers(filled).astype(np.float32)
    wrong = ~np.isfinite(values)
    if missing:
        wrong |= numbers(pc.cast(sent.is_null(), pa.uint8())).astype(np.bool_)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        value = None if not sent[at].is_valid else sent[at].as_py()
        raise places.bad_value(at // 4, BOXES, f"the number {value} was sent", BOX, FILL_IN)
    return values


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_text_or_null(kind: pa.DataType) -> bool:
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    return is_text(values) or bool(pa.types.is_null(values))
