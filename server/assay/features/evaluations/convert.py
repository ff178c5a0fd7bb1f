"""Evaluations on the wire."""

from __future__ import annotations

from assay.features.evaluations.model import EvaluationResult
from assay.features.evaluations.requirement import outcomes
from assay.features.evaluations.row_upload import Row
from assay.features.evaluations.service import KnownEvaluation
from assay.kernel.rpc import job_messages, values
from assay.kernel.rpc.messages import message_of
from assay.records import encode, sha256_hex
from assay.v1 import evaluation_pb2, evaluation_service_pb2


def evaluation(known: KnownEvaluation) -> evaluation_pb2.Evaluation:
    """Return an evaluation, with its result when there is one, as a message."""
    stored = known.evaluation
    message = evaluation_pb2.Evaluation(
        evaluation_id=stored.evaluation_id,
        model_id=stored.model_id,
        version_id=stored.version_id,
        dataset_split=stored.dataset_split,
        revision=stored.revision,
        job_id=stored.job_id,
        status=stored.state.value.lower(),
        state=job_messages.state(stored.state),
        next_row=known.next_row,
        metrics=stored.metrics,
        error=job_messages.error(stored.error),
        created_at=values.timestamp(stored.created_at),
        evaluated_at=values.timestamp(stored.evaluated_at),
        is_served=stored.is_current,
        held_back=stored.held_back,
    )
    if stored.evaluated_at is not None:
        message.requirements.extend(
            message_of(evaluation_pb2.RequirementOutcome, one)
            for one in outcomes(stored.requirements, stored.metrics)
        )
    if stored.result is not None:
        _add_result(message, stored.result)
    return message


def _add_result(message: evaluation_pb2.Evaluation, result: EvaluationResult) -> None:
    message.undefined.extend(values.undefined(result.undefined))
    message.rows = result.rows
    message.labels.extend(result.labels)
    message.label_set_inferred = result.label_set_inferred
    if result.positive_label is not None:
        message.positive_label = result.positive_label
    message.metric_spec_hash = result.spec_hash
    message.metric_spec = encode(dict(result.spec)).decode()
    message.result_hash = sha256_hex(encode(result))
    message.clipped_rows = result.clipped_rows
    if result.weight is not None:
        message.weight = result.weight
    if result.zero_targets is not None:
        message.zero_targets = result.zero_targets
    if result.truth is not None:
        message.truth.CopyFrom(message_of(evaluation_pb2.TruthCoverage, result.truth))


def rows(data: bytes) -> list[Row]:
    """Return the typed rows of an encoded EvaluateRowsRequest as plain values."""
    request = evaluation_service_pb2.EvaluateRowsRequest.FromString(data)
    return [_row(sent) for sent in request.rows]


def _row(sent: evaluation_service_pb2.PredictionRow) -> Row:
    plain: dict[str, object] = {}
    if sent.HasField("y_true"):
        plain["y_true"] = values.plain(sent.y_true)
    if sent.HasField("y_pred"):
        plain["y_pred"] = values.plain(sent.y_pred)
    if sent.HasField("score"):
        plain["score"] = sent.score
    if sent.HasField("row_id"):
        plain["row_id"] = sent.row_id
    if sent.HasField("weight"):
        plain["weight"] = sent.weight
    return Row(
        plain=plain,
        scores=dict(sent.scores),
        slices=dict(sent.slices),
        features={name: values.plain(value) for name, value in sent.features.items()},
    )
