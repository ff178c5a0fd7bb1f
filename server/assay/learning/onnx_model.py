"""A model of an ONNX file: rows in, predictions out, as its form says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.learning.errors import DataError
from assay.learning.onnx_form import OnnxForm
from assay.learning.onnx_graph import read_graph
from assay.learning.onnx_inputs import tensors_of
from assay.learning.onnx_outputs import probabilities_of, values_of
from assay.learning.onnx_session import RUN_SECONDS, OnnxSession, Stuck
from assay.learning.predictions import ClassPredictions, ValuePredictions
from assay.learning.rows import TaskType, check_schema, row_ids

BLOCK_ROWS: Final = 32  # of tabular rows that a run takes; of other rows it takes one


@dataclass(frozen=True, kw_only=True)
class OnnxModel:
    """A model of an ONNX file.

    Each run takes the same number of rows, the last one being repeated where they are fewer: sums
    of matrices may be grouped by the number of rows, and so a row alone gets the bits that it gets
    among others.
    """

    form: OnnxForm
    session: OnnxSession

    @classmethod
    def open(
        cls, data: bytes, form: OnnxForm, *, seconds: float = RUN_SECONDS, stuck: Stuck
    ) -> OnnxModel:
        """Open a file that `examine` found this form of."""
        session = OnnxSession(read_graph(data).runnable, seconds=seconds, stuck=stuck)
        return cls(form=form, session=session)

    @property
    def task_type(self) -> TaskType:
        """What is predicted."""
        return self.form.task_type

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes in their order; empty of a regression."""
        return self.form.labels

    @property
    def features(self) -> tuple[pa.Field[Any], ...]:
        """The feature columns of tabular rows, in the order of the inputs."""
        return self.form.feature_fields

    @property
    def block_rows(self) -> int:
        """The rows that each run takes."""
        return self.form.rows or (BLOCK_ROWS if self.task_type.is_tabular else 1)

    def predict(self, batch: pa.RecordBatch) -> ClassPredictions | ValuePredictions:
        """Return the predictions of canonical rows, with or without answers.

        Raises DataError for rows that nothing can be predicted of, and for a model that fails,
        takes too long, or returns what are no predictions.
        """
        check_schema(self.task_type, batch.schema, answers=False)
        ids = row_ids(batch)
        classes = len(self.labels)
        found = np.empty((len(ids), classes) if classes else len(ids))
        with self.session.runs(self.form.output) as run:
            for at in range(0, len(ids), self.block_rows):
                block = batch.slice(at, self.block_rows)
                tensors = _filled(tensors_of(block, self.form), self.block_rows)
                output = self._rows(run(tensors), block.num_rows)
                names = list(ids[at : at + block.num_rows])
                read = probabilities_of if classes else values_of
                found[at : at + block.num_rows] = read(output, self.form, names)
        if not classes:
            return ValuePredictions(row_ids=ids, values=found)
        return ClassPredictions(
            row_ids=ids,
            labels=self.labels,
            probabilities=found,
            chunk_probabilities=found,
            record_of=np.arange(len(ids), dtype=np.int32),
        )

    def _rows(self, output: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return what was returned of the rows, without what filled up the block."""
        if not output.ndim or len(output) != self.block_rows:
            raise DataError(
                f"the model's output '{self.form.output}' has the shape {output.shape} for "
                f"{self.block_rows} rows; its first dimension is the rows"
            )
        return output[:rows]


def _filled(tensors: Mapping[str, NDArray[Any]], rows: int) -> dict[str, NDArray[Any]]:
    """Return tensors of so many rows, the last one repeated."""
    return {
        name: one
        if len(one) == rows
        else np.concatenate([one, np.repeat(one[-1:], rows - len(one), axis=0)])
        for name, one in tensors.items()
    }
