"""The rows of a file as inputs: one each, called by its row_id.

It decodes what a user sent, so it runs in compute children alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

import pyarrow as pa

from assay.features.artifacts.model import Artifact
from assay.features.artifacts.predictors import open_predictor
from assay.features.datasets.dataset_columns import kinds_of_types
from assay.features.datasets.ingest import SplitFile, read_rows
from assay.features.inference.model import Item, ItemForm, NewInput, check_count, check_name
from assay.features.inference.packing import packed
from assay.kernel.errors import BadRows
from assay.kernel.input_errors import input_refused
from assay.kernel.jobs.blobs import JobDraft
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.rows import GROUP, IMAGE, PAGE_BREAK, PAGES, ROW_ID, TaskType
from assay.records import encode

JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class TableWork:
    """A file of rows, and what they are for."""

    file: str  # address
    source: str  # a format of assay.tabular.opening
    artifact: Artifact  # that is to predict them
    item_name: str  # of the content of each input


@dataclass(frozen=True, kw_only=True)
class TableInputs:
    """Inputs whose contents rest, until something keeps them."""

    inputs: tuple[NewInput, ...]
    draft: JobDraft  # takes the contents back


def inputs_of_table(context: ComputeContext, work: TableWork) -> TableInputs:
    """Return the rows of a file as inputs.

    Raises:
        BadFile, BadRows: the file or a row cannot be read; the message names it.
        InvalidArgument: a row_id is no name of an input.
        TooLarge: there are too many rows.
    """
    predictor = open_predictor(work.artifact, context)
    names: list[str] = []
    contents: list[bytes] = []
    with context.blobs.draft() as draft:
        with input_refused(rows=BadRows):
            file = SplitFile(
                open=partial(draft.open, work.file),
                source=work.source,
                task_type=predictor.task_type,
                answers=False,
                kinds=kinds_of_types(
                    [one.name for one in predictor.features], pa.schema(predictor.features)
                ),
            )
            for batch in read_rows(file):
                check_count("rows", len(names) + batch.num_rows)
                names += map(str, batch.column(ROW_ID).to_pylist())
                contents += _contents(batch, predictor.task_type)
        for name in names:
            check_name(ROW_ID, name)
        pieces = packed(contents, draft)
        is_text = predictor.task_type is TaskType.TEXT_CLASSIFICATION
        is_image = predictor.task_type is TaskType.IMAGE_CLASSIFICATION
        inputs = tuple(
            NewInput(
                name=name,
                items=(
                    Item(
                        name=work.item_name,
                        form=ItemForm.TEXT if is_text else ItemForm.FILE,
                        size=piece.size,
                        media_type="" if is_text or is_image else JSON,
                        pieces=(piece,),
                    ),
                ),
            )
            for name, piece in zip(names, pieces, strict=True)
        )
        return TableInputs(inputs=inputs, draft=draft)


def _contents(batch: pa.RecordBatch, task_type: TaskType) -> Iterator[bytes]:
    """Yield each row as what an input of the task type holds."""
    if task_type is TaskType.IMAGE_CLASSIFICATION:
        yield from cast(list[bytes], batch.column(IMAGE).to_pylist())
    elif task_type is TaskType.TEXT_CLASSIFICATION:
        for pages in cast(list[list[str]], batch.column(PAGES).to_pylist()):
            # A break inside a page would divide it.
            yield PAGE_BREAK.join(page.replace(PAGE_BREAK, "\n") for page in pages).encode()
    else:
        names = [name for name in batch.schema.names if name not in (ROW_ID, GROUP)]
        yield from map(encode, batch.select(names).to_pylist())
