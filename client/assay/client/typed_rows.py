"""A few rows, measured by one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from google.protobuf import json_format

from assay.client import convert, types
from assay.client.errors import BadInput
from assay.client.evaluating import succeeded
from assay.client.transport import Transport
from assay.client.watching import watch
from assay.v1 import evaluation_service_pb2 as pb
from assay.v1.evaluation_service_pb2_grpc import EvaluationServiceStub


class TypedRows:
    """Rows as plain values; part of `Client`."""

    _transport: Transport
    _new_request_id: Callable[[], str]

    def evaluate_rows(
        self,
        model_id: str,
        version_id: str,
        rows: Iterable[Mapping[str, object]],
        split: str = "test",
        *,
        positive_label: str = "",
        renormalize: bool = False,
    ) -> types.Evaluation:
        """Send up to 10,000 rows in one request, and return the evaluation once it is measured.

        Args:
            model_id: the model.
            version_id: the version.
            rows: of each `y_true`, and `y_pred`, `score`, `scores` (label → probability), `row_id`,
                `slices` (name → value), `weight`, `features` (name → value). What one row has the
                others have too, but for features.
            split: train, validation or test.
            positive_label: the positive label, where the model declares none.
            renormalize: divide each row of scores by its sum instead of refusing it.

        Raises:
            BadInput: a row has a field or a value that no row can have.
            EvaluationFailed: what was sent was found wrong while it was measured.
            ServiceError: refused.

        Example:
            >>> client.evaluate_rows("mdl-1", "ver-1", [{"y_true": "cat", "y_pred": "dog"}])
        """
        request = pb.EvaluateRowsRequest(
            model_id=model_id,
            version_id=version_id,
            dataset_split=split,
            positive_label=positive_label,
            renormalize=renormalize,
            request_id=self._new_request_id(),
            rows=[_row(number, row) for number, row in enumerate(rows)],
        )
        stub = EvaluationServiceStub(self._transport.channel)
        made = convert.evaluation(self._transport.call(stub.EvaluateRows, request))
        if made.status not in types.TERMINAL_STATES:  # it takes longer than one request may
            for _ in watch(self._transport, made.job_id, 0):
                pass
        return succeeded(self._transport, made.evaluation_id)


def _row(number: int, row: Mapping[str, object]) -> pb.PredictionRow:
    try:
        plain = {name: _plain(value) for name, value in row.items()}
        return json_format.ParseDict(plain, pb.PredictionRow())
    except (json_format.ParseError, TypeError, ValueError) as error:
        text = str(error).splitlines()[0]
        raise BadInput(f"Row {number} cannot be sent: {text}") from error


def _plain(value: object) -> object:
    """Return `value` with NumPy's scalars, which no JSON knows, as Python's own."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value.item() if hasattr(value, "item") else value
