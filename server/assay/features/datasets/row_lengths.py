"""Lengths of rows by unit: what a profile tells of texts, documents and images."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.features.datasets.images import image_size
from assay.features.datasets.row_sizes import (
    Column,
    Sizes,
    list_sizes,
    sums_of_lists,
    text_sizes,
)
from assay.learning.rows import IMAGE, PAGES, WORDS, TaskType
from assay.tabular.arrays import numbers


def row_lengths(task_type: TaskType, batch: pa.RecordBatch) -> dict[str, Sizes]:
    """Return (rows,) lengths by unit; of tabular rows there are none."""
    match task_type:
        case TaskType.TEXT_CLASSIFICATION:
            pages: Column = batch.column(PAGES)
            characters: Column = pc.utf8_length(pages.flatten())
            of_pages = numbers(characters).astype(np.int64)
            return {"characters": sums_of_lists(pages, of_pages), "pages": list_sizes(pages)}
        case TaskType.IMAGE_CLASSIFICATION:
            images: Column = batch.column(IMAGE)
            sizes = [image_size(one.as_buffer()) or (0, 0) for one in images]
            pixels = np.array([width * height for width, height in sizes], np.int64)
            return {"pixels": pixels, "bytes": text_sizes(images)}
        case TaskType.EXTRACTION:
            return {"words": list_sizes(batch.column(WORDS))}
        case _:
            return {}
