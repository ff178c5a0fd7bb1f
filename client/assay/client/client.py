"""The Python client: typed, synchronous, and resumable over broken connections."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from google.protobuf import struct_pb2

from assay.client import convert, types
from assay.client.administration import PAGE, Administration
from assay.client.benchmarking import Benchmarking
from assay.client.comparing import Comparing
from assay.client.diagnostics import Diagnostics
from assay.client.evaluating import (
    CHUNK_BYTES,
    Evaluator,
    OnProgress,
    Values,
    ignore_progress,
    rows_of,
)
from assay.client.quality import Quality
from assay.client.steering import Steering
from assay.client.tls import Tls
from assay.client.transport import Address, Patience, Transport
from assay.client.typed_rows import TypedRows
from assay.v1 import (
    evaluation_service_pb2,
    model_service_pb2,
    performance_service_pb2,
    version_service_pb2,
)
from assay.v1.evaluation_service_pb2_grpc import EvaluationServiceStub
from assay.v1.model_service_pb2_grpc import ModelServiceStub
from assay.v1.performance_service_pb2_grpc import PerformanceServiceStub
from assay.v1.version_service_pb2_grpc import VersionServiceStub


def new_request_id() -> str:
    """Return a fresh id, by which a create that is sent twice is answered once."""
    return str(uuid.uuid4())


class Client(Diagnostics, Comparing, TypedRows, Quality, Benchmarking, Steering, Administration):
    """A connection to one service, for use in a `with` block.

    Every method raises a `ServiceError` of `assay.client.errors` when the service refuses. A
    service that does not answer is tried again for `patience.seconds`.

    Example:
        >>> with Client("127.0.0.1:50051", api_key="prefix.secret") as client:
        ...     model = client.create_model("churn", "classification")
        ...     version = client.create_version(model.model_id)
        ...     done = client.evaluate(
        ...         model.model_id, version.version_id, y_true=["a", "b"], y_pred=["a", "a"]
        ...     )
        ...     done.metrics["accuracy"]
        0.5
    """

    def __init__(
        self,
        target: str,
        *,
        api_key: str | None = None,
        token: str | None = None,
        tls: Tls | None = None,
        timeout: float = 30.0,
        patience: Patience | None = None,
        request_ids: Callable[[], str] = new_request_id,
    ) -> None:
        """Connect lazily.

        Args:
            target: `host:port`, `grpc://host:port`, or `grpcs://host:port` for TLS.
            api_key: `prefix.secret`; wins over `token`.
            token: a JWT.
            tls: whom to trust and what to show; makes `host:port` TLS too.
            timeout: seconds that one short call may take.
            patience: how a service that does not answer is tried again.
            request_ids: makes the ids by which a repeated create is recognised.
        """
        credential = f"ApiKey {api_key}" if api_key else f"Bearer {token}" if token else None
        self._transport = Transport(
            Address.parse(target, tls),
            authorization=credential,
            timeout=timeout,
            patience=patience or Patience(),
        )
        channel = self._transport.channel
        self._new_request_id = request_ids
        self._models = ModelServiceStub(channel)
        self._versions = VersionServiceStub(channel)
        self._evaluations = EvaluationServiceStub(channel)
        self._performance = PerformanceServiceStub(channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; streams that are open end."""
        self._transport.close()

    # --- models

    def create_model(
        self,
        name: str,
        task_type: str,
        *,
        model_id: str = "",
        labels: Sequence[str] = (),
        positive_label: str = "",
        description: str = "",
        project_path: str = "",
    ) -> types.Model:
        """Create a model; its id is generated unless `model_id` is given.

        Args:
            name: a human name.
            task_type: classification or regression.
            model_id: an id of the caller's choice.
            labels: the label set, in the order of reports; () infers it from the predictions.
            positive_label: the positive label of a binary classifier.
            description: free text.
            project_path: the model's own path, unique in the organization.
        """
        request = model_service_pb2.CreateModelRequest(
            name=name,
            task_type=task_type,
            model_id=model_id,
            labels=labels,
            positive_label=positive_label,
            description=description,
            project_path=project_path,
            request_id=self._new_request_id(),
        )
        return convert.model(self._transport.call(self._models.CreateModel, request))

    def get_model(self, model_id: str) -> types.Model:
        """Return a model."""
        request = model_service_pb2.GetModelRequest(model_id=model_id)
        return convert.model(self._transport.call(self._models.GetModel, request))

    def list_models(self) -> Iterator[types.Model]:
        """Yield all models, newest first, reading page after page."""
        request = model_service_pb2.ListModelsRequest(page_size=PAGE)
        while True:
            page = self._transport.call(self._models.ListModels, request)
            yield from map(convert.model, page.models)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def delete_model(self, model_id: str) -> None:
        """Delete a model with its versions and evaluations."""
        request = model_service_pb2.DeleteModelRequest(model_id=model_id)
        self._transport.call(self._models.DeleteModel, request, again=False)

    # --- versions

    def create_version(
        self,
        model_id: str,
        *,
        version_id: str = "",
        label: str = "",
        algorithm: str = "",
        hyperparameters: Mapping[str, Any] | None = None,
    ) -> types.Version:
        """Create a version of a model; its id is generated unless `version_id` is given."""
        request = version_service_pb2.CreateVersionRequest(
            model_id=model_id,
            version_id=version_id,
            label=label,
            algorithm=algorithm,
            request_id=self._new_request_id(),
        )
        if hyperparameters:
            settings = struct_pb2.Struct()
            settings.update(dict(hyperparameters))
            request.hyperparameters.CopyFrom(settings)
        return convert.version(self._transport.call(self._versions.CreateVersion, request))

    def get_version(self, model_id: str, version_id: str) -> types.Version:
        """Return a version."""
        request = version_service_pb2.GetVersionRequest(model_id=model_id, version_id=version_id)
        return convert.version(self._transport.call(self._versions.GetVersion, request))

    def list_versions(self, model_id: str) -> Iterator[types.Version]:
        """Yield all versions of a model, newest first, reading page after page."""
        request = version_service_pb2.ListVersionsRequest(model_id=model_id, page_size=PAGE)
        while True:
            page = self._transport.call(self._versions.ListVersions, request)
            yield from map(convert.version, page.versions)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def promote(self, model_id: str, version_id: str) -> types.Promotion:
        """Make a ready version the one that is served, and demote the former."""
        request = version_service_pb2.PromoteVersionRequest(
            model_id=model_id, version_id=version_id
        )
        return convert.promotion(self._transport.call(self._versions.PromoteVersion, request))

    # --- evaluations

    def evaluate(
        self,
        model_id: str,
        version_id: str,
        split: str = "test",
        data: object = None,
        *,
        y_true: Values | None = None,
        y_pred: Values | None = None,
        scores: Values | None = None,
        labels: Sequence[object] | None = None,
        row_id: Values | None = None,
        slices: Mapping[str, Values] | None = None,
        weight: Values | None = None,
        features: Mapping[str, Values] | None = None,
        cluster_id: Values | None = None,
        positive_label: str = "",
        renormalize: bool = False,
        chunk_bytes: int = CHUNK_BYTES,
        on_progress: OnProgress = ignore_progress,
    ) -> types.Evaluation:
        """Send predictions, wait until they are measured, and return the evaluation.

        Pass either `data` – a path, an Arrow table, a data frame or a mapping of columns, with the
        columns y_true, y_pred, score or score:<label>, row_id, slice:<name>, weight, cluster_id,
        feature:<name> – or the columns by keyword, as arrays, lists, Series or tensors.

        Args:
            model_id: the model.
            version_id: the version.
            split: train, validation or test.
            data: all columns in one.
            y_true: ground truth.
            y_pred: predictions; when absent they follow from the scores.
            scores: the positive class's probability, or rows × classes, or label → column.
            labels: the labels of the columns of `scores`, where that is rows × classes.
            row_id: ids, of which each may occur once.
            slices: further columns by which results may be cut, by name; None is no value.
            weight: how much each row counts: decimals of at most six places.
            features: columns that are shown with mistakes, by name.
            cluster_id: what rows belong together, so that intervals resample them as one.
            positive_label: the positive label, where the model declares none.
            renormalize: divide each row of scores by its sum instead of refusing it.
            chunk_bytes: size of a chunk, at most 1 MiB; smaller ones tell of progress more often.
            on_progress: called after each acknowledged chunk and each step of the measuring.

        Raises:
            BadInput: the columns cannot be sent.
            EvaluationFailed: what was sent was found wrong while it was measured.
            ServiceError: refused.

        Example:
            >>> client.evaluate(
            ...     "mdl-1", "ver-1", y_true=y, scores=model.predict_proba(x), labels=model.classes_
            ... )
        """
        request = evaluation_service_pb2.CreateEvaluationRequest(
            model_id=model_id,
            version_id=version_id,
            dataset_split=split,
            positive_label=positive_label,
            renormalize=renormalize,
            request_id=self._new_request_id(),
        )
        rows = rows_of(
            data=data,
            y_true=y_true,
            y_pred=y_pred,
            scores=scores,
            labels=labels,
            row_id=row_id,
            slices=slices,
            weight=weight,
            features=features,
            cluster_id=cluster_id,
        )
        evaluator = Evaluator(self._transport, on_progress, chunk_bytes)
        return evaluator.run(request, rows, task_type=self.get_model(model_id).task_type)

    def get_evaluation(self, evaluation_id: str) -> types.Evaluation:
        """Return one evaluation."""
        request = evaluation_service_pb2.GetEvaluationRequest(evaluation_id=evaluation_id)
        return convert.evaluation(self._transport.call(self._evaluations.GetEvaluation, request))

    def list_evaluations(
        self, model_id: str, version_id: str, split: str = ""
    ) -> Iterator[types.Evaluation]:
        """Yield a version's evaluations, newest first; of one split where it is given."""
        request = evaluation_service_pb2.ListEvaluationsRequest(
            model_id=model_id, version_id=version_id, dataset_split=split, page_size=PAGE
        )
        while True:
            page = self._transport.call(self._evaluations.ListEvaluations, request)
            yield from map(convert.evaluation, page.evaluations)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    # --- stored quality numbers

    def performance_summary(
        self, model_id: str, version_id: str = "", split: str = "test"
    ) -> types.PerformanceSummary:
        """Return the headline metrics of a version, or of the promoted one."""
        request = performance_service_pb2.GetPerformanceSummaryRequest(
            model_id=model_id, version_id=version_id, dataset_split=split
        )
        return convert.summary(
            self._transport.call(self._performance.GetPerformanceSummary, request)
        )

    def classification_report(
        self, model_id: str, version_id: str = "", split: str = "test", average: str = "weighted"
    ) -> types.ClassificationReport:
        """Return the scores of every class, and their average: micro, macro or weighted."""
        request = performance_service_pb2.GetClassificationReportRequest(
            model_id=model_id, version_id=version_id, dataset_split=split, average=average
        )
        return convert.report(
            self._transport.call(self._performance.GetClassificationReport, request)
        )

    def confusion_matrix(
        self,
        model_id: str,
        version_id: str = "",
        split: str = "test",
        *,
        normalize: bool = False,
    ) -> types.ConfusionMatrix:
        """Return the counts of (true, predicted) label pairs; normalized, each row's shares."""
        request = performance_service_pb2.GetConfusionMatrixRequest(
            model_id=model_id, version_id=version_id, dataset_split=split, normalize=normalize
        )
        return convert.confusion(
            self._transport.call(self._performance.GetConfusionMatrix, request)
        )
