"""A remote model as a predictor: canonical rows in, predictions out, by calls of its endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from assay.features.remote import outputs
from assay.features.remote.model import RemoteCredentials, RemoteSpec
from assay.features.remote.oip_calls import OipCalls, RowsRefused
from assay.features.remote.oip_convert import infer_request, output_of
from assay.features.remote.outputs import WrongOutput
from assay.features.remote.tensors import Output, Tensor, cut, encode_rows
from assay.features.remote.word_outputs import word_codes
from assay.kernel.cache import BoundedCache
from assay.kernel.errors import RemoteFailed, clip
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.errors import DataError
from assay.learning.predictions import (
    ClassPredictions,
    Predictions,
    ValuePredictions,
    WordPredictions,
)
from assay.learning.rows import WORDS, TaskType, check_schema, row_ids
from assay.learning.word_fields import predicted_fields
from assay.records import decode, encode

_MODELS: Final = BoundedCache(8)  # of this process, by all that a version declares


def open_remote(
    spec: RemoteSpec, task_type: TaskType, sealed: str, context: ComputeContext
) -> RemoteModel:
    """Return a version's remote model; its connection is kept by the process.

    Args:
        spec: What the version declares.
        task_type: Of the rows that it predicts.
        sealed: Its credentials; empty: it has none.
        context: What opens them, and which addresses may be reached.

    Raises FailedPrecondition when the credentials were sealed with another key.
    """
    key = (encode(spec), task_type, sealed, context.settings.allowed_networks)

    def make() -> tuple[RemoteModel, int]:
        credentials = RemoteCredentials()
        if sealed:
            assert context.settings.sealer is not None
            credentials = decode(RemoteCredentials, context.settings.sealer.open(sealed))
        allowed = context.settings.allowed_networks
        calls = OipCalls(spec, credentials, allowed=allowed)
        return RemoteModel(spec=spec, task_type=task_type, calls=calls), 1

    found: RemoteModel = _MODELS.get(key, make)
    return found


@dataclass(frozen=True, kw_only=True)
class RemoteModel:
    """A model behind an endpoint; a `learning.predictor.Predictor`."""

    spec: RemoteSpec
    task_type: TaskType
    calls: OipCalls

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes in the order of the output."""
        return self.spec.labels

    @property
    def features(self) -> tuple[pa.Field[Any], ...]:
        """Return the feature columns that the tensors take."""
        return self.spec.features

    def predict(self, batch: pa.RecordBatch) -> Predictions:
        """Return the predictions of canonical rows, in requests within the version's limits.

        Raises:
            DataError: a row cannot be sent, or the endpoint refused it alone or answered it wrongly.
            RemoteFailed: the endpoint is away, hangs, refuses everything, or answers wrongly.
        """
        check_schema(self.task_type, batch.schema, answers=False)
        if self.task_type is TaskType.EXTRACTION:
            return self._words(batch)
        ids = row_ids(batch)
        tensors = encode_rows(self.spec, batch)
        found = [
            self._read(self._ask(tensors, start, stop, ids), ids[start:stop])
            for start, stop in self._requests(tensors, ids)
        ]
        if self.task_type is TaskType.TABULAR_REGRESSION:
            return ValuePredictions(row_ids=ids, values=np.concatenate([np.empty(0), *found]))
        probabilities = np.concatenate([np.empty((0, len(self.labels))), *found])
        return ClassPredictions(
            row_ids=ids,
            labels=self.labels,
            probabilities=probabilities,
            chunk_probabilities=probabilities,
            record_of=np.arange(len(ids), dtype=np.int32),
        )

    def _requests(self, tensors: Sequence[Tensor], ids: Sequence[str]) -> Iterator[tuple[int, int]]:
        return cut(tensors, ids, max_rows=self.spec.max_rows, max_bytes=self.spec.max_bytes)

    def _read(self, output: Output, ids: Sequence[str]) -> outputs.Floats:
        try:
            if self.task_type is TaskType.TABULAR_REGRESSION:
                return outputs.values(output, ids)
            return outputs.probabilities(output, self.spec, ids)
        except WrongOutput as wrong:
            raise self._wrong(wrong) from None

    def _words(self, batch: pa.RecordBatch) -> WordPredictions:
        """Ask document by document: their words are of different numbers."""
        ids = row_ids(batch)
        words: Any = batch.column(WORDS).to_pylist()
        codes, confidences = [np.empty(0, np.int32)], [np.empty(0)]
        for row, row_id in enumerate(ids):
            if not words[row]:
                continue
            tensors = encode_rows(self.spec, batch.slice(row, 1))
            ((start, stop),) = self._requests(tensors, (row_id,))
            output = self._ask(tensors, start, stop, (row_id,))
            try:
                found = word_codes(output, self.spec, len(words[row]), row_id)
            except WrongOutput as wrong:
                raise self._wrong(wrong) from None
            codes.append(found[0])
            confidences.append(found[1])
        offsets = np.cumsum([0, *map(len, words)], dtype=np.int64)
        texts = [text or "" for row in words for text in row]
        code, confidence = np.concatenate(codes), np.concatenate(confidences)
        return WordPredictions(
            row_ids=ids,
            labels=self.labels,
            codes=code,
            offsets=offsets,
            confidences=confidence,
            fields=predicted_fields(code, confidence, texts, offsets, self.labels),
        )

    def _ask(self, tensors: Sequence[Tensor], start: int, stop: int, ids: Sequence[str]) -> Output:
        """Return the output of some rows; of rows that are refused together, find the one to blame."""
        try:
            return self._output(tensors, start, stop)
        except RowsRefused as refused:
            row, said = self._blamed(tensors, start, stop, refused)
            if row is None:
                raise RemoteFailed(
                    f"The endpoint '{clip(self.spec.endpoint)}' refused every row: {said}",
                    metadata={"endpoint": self.spec.endpoint},
                ) from None
            raise DataError(f"the endpoint refused it: {said}", ids[row]) from None

    def _output(self, tensors: Sequence[Tensor], start: int, stop: int) -> Output:
        response = self.calls.infer(infer_request(self.spec, tensors, start, stop))
        try:
            return output_of(response, self.spec.output)
        except WrongOutput as wrong:
            raise self._wrong(wrong) from None

    def _blamed(
        self, tensors: Sequence[Tensor], start: int, stop: int, refused: RowsRefused
    ) -> tuple[int | None, str]:
        """Return the first row that is refused alone, and why; None where every row seems to be."""
        first, last, said = start, stop, str(refused)
        while last - first > 1:
            middle = (first + last) // 2
            try:
                self._output(tensors, first, middle)
            except RowsRefused as again:
                last, said = middle, str(again)
            else:
                first = middle
        if stop - start == 1:
            return start, said
        other = stop - 1 if first != stop - 1 else start
        try:
            self._output(tensors, other, other + 1)
        except RowsRefused as again:
            return None, str(again)
        return first, said

    def _wrong(self, wrong: WrongOutput) -> RemoteFailed:
        spec = self.spec
        return RemoteFailed(
            f"The endpoint '{clip(spec.endpoint)}' answered wrongly: of its output "
            f"'{clip(spec.output)}' {wrong}.",
            metadata={"endpoint": spec.endpoint, "output": spec.output},
        )
