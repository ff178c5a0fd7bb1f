"""The synchronous client: typed, and resumable over broken connections."""

# Made by `make generate` from aio/client.py; never edited.

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

import grpc

from assay.client import calls, types
from assay.client.benchmarks import Benchmarks
from assay.client.comparisons import Comparisons
from assay.client.connection import BATCH_BYTES, Address, RetryPolicy
from assay.client.datasets import Datasets
from assay.client.documents import ExtractionRuns, GroundTruth
from assay.client.errors import BadInput
from assay.client.evaluating import (
    EvaluationPlan,
    OnProgress,
    Values,
    check_split,
    ignore_progress,
    succeeded,
)
from assay.client.evaluations import Evaluations
from assay.client.inference import Inference
from assay.client.inferring import Inputs, OnSubmitted, ignore_submitted
from assay.client.jobs import Jobs
from assay.client.methods import TERMINAL_STATES
from assay.client.predictions import Predictions
from assay.client.settings import ClientSettings
from assay.client.tls import Tls
from assay.client.training import Training
from assay.client.transport import Transport
from assay.client.versions import Versions


def new_request_id() -> str:
    """Return a fresh id, by which a create that is sent twice is answered once."""
    return str(uuid.uuid4())


class Client:
    """A connection to one service, for use with `with`.

    Its calls are grouped by resource: `client.models.get(model_id)`; listings and watches
    are iterators: `client.jobs.watch(job_id)`. Every call raises a `ServiceError` of
    `assay.client.errors` when the service refuses. A service that does not answer is tried again
    for `retry.seconds`.

    Example:
        >>> with Client("127.0.0.1:50051", api_key="prefix.secret") as client:
        ...     model = client.models.create("churn", "classification")
        ...     version = client.versions.create(model.model_id)
        ...     done = client.evaluate(
        ...         model.model_id, version.version_id, y_true=["a", "b"], y_pred=["a", "a"]
        ...     )
        ...     done.metrics["accuracy"]
        0.5
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        api_key: str | None = None,
        token: str | None = None,
        tls: Tls | None = None,
        timeout: float | None = None,
        retry: RetryPolicy | None = None,
        request_ids: Callable[[], str] = new_request_id,
    ) -> None:
        """Connect lazily; without a target, all that is not given comes from the environment.

        Args:
            target: `host:port`, `grpc://host:port`, or `grpcs://host:port` for TLS; ASSAY_URL.
                A service that is named here is not sent the credentials of the environment.
            api_key: `prefix.secret`; wins over `token`; ASSAY_API_KEY.
            token: a JWT; ASSAY_TOKEN.
            tls: whom to trust and what to show; makes `host:port` TLS too; ASSAY_CA_FILE,
                ASSAY_CLIENT_CERTIFICATE and ASSAY_CLIENT_KEY.
            timeout: seconds that one short call may take; ASSAY_TIMEOUT_SECONDS, else 30.
            retry: how a service that does not answer is tried again.
            request_ids: makes the ids by which a repeated create is recognised.

        Raises:
            BadInput: the target is no address, or a variable has a value that is not allowed; the
                message names it.
        """
        settings = ClientSettings()
        if target is None:
            settings = ClientSettings.from_environment()
            tls = tls or settings.tls()
            if not (api_key or token):
                api_key, token = settings.api_key, settings.token
        address = Address.parse(target or settings.url, tls)
        transport = self._transport = Transport(
            address.channel(grpc),
            url=address.url,
            authorization=(
                f"ApiKey {api_key}" if api_key else f"Bearer {token}" if token else None
            ),
            timeout=settings.timeout_seconds if timeout is None else timeout,
            retry=retry or RetryPolicy(),
            new_request_id=request_ids,
        )
        self.benchmarks = Benchmarks(transport)
        self.comparisons = Comparisons(transport)
        self.datasets = Datasets(transport)
        self.diagnostics = calls.Diagnostics(transport)
        self.evaluations = Evaluations(transport)
        self.extraction_runs = ExtractionRuns(transport)
        self.field_schemas = calls.FieldSchemas(transport)
        self.ground_truth = GroundTruth(transport)
        self.inference = Inference(transport)
        self.jobs = Jobs(transport)
        self.keys = calls.Keys(transport)
        self.models = calls.Models(transport)
        self.performance = calls.Performance(transport)
        self.predictions = Predictions(transport)
        self.server = calls.Server(transport)
        self.training = Training(transport)
        self.versions = Versions(transport)

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
        require: Sequence[str] = (),
        replace: bool = False,
        truth: str = "",
        truth_split: str = "",
        truth_revision: int = 0,
        batch_bytes: int = BATCH_BYTES,
        on_progress: OnProgress = ignore_progress,
        request_id: str = "",
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
            require: of the numbers, such as `accuracy>=0.93`: a promoted version keeps what is
                served of it unless all are met; `requirements` of the answer says which are.
            replace: serve the evaluation of a promoted version though a requirement is not met,
                or it is of other rows or labels than the one that is served.
            truth: a dataset, by id or name, whose rows are the ground truth: `data` – a path, an
                Arrow table, a data frame or mappings – has row_id instead of y_true then, and
                `truth` of the answer says how ids met.
            truth_split: the dataset's split; by default the one of the same name.
            truth_revision: the dataset's revision; 0 is the newest.
            batch_bytes: size of a batch, at most 1 MiB; smaller ones tell of progress more often.
            on_progress: called after each acknowledged batch and each step of the measuring.
            request_id: of a file: the same id and file again take up what the first call began.

        Raises:
            BadInput: the columns cannot be sent.
            EvaluationFailed: what was sent was found wrong while it was measured.
            ServiceError: refused.

        Example:
            >>> client.evaluate(
            ...     "mdl-1", "ver-1", y_true=y, scores=model.predict_proba(x), labels=model.classes_
            ... )
        """
        plan = EvaluationPlan(
            created={
                "model_id": model_id,
                "version_id": version_id,
                "split": split,
                "positive_label": positive_label,
                "renormalize": renormalize,
                "require": require,
                "replace": replace,
            },
            data=data,
            columns={
                "y_true": y_true,
                "y_pred": y_pred,
                "scores": scores,
                "labels": labels,
                "row_id": row_id,
                "slices": slices,
                "weight": weight,
                "features": features,
                "cluster_id": cluster_id,
            },
            batch_bytes=batch_bytes,
            on_progress=on_progress,
            request_id=request_id,
            truth={
                "truth_dataset": truth,
                "truth_split": truth_split,
                "truth_revision": truth_revision,
            }
            if truth
            else {},
        )
        return self.evaluations.run(plan)

    def evaluate_rows(
        self,
        model_id: str,
        version_id: str,
        split: str = "test",
        rows: Iterable[Mapping[str, object]] = (),
        *,
        positive_label: str = "",
        renormalize: bool = False,
        require: Sequence[str] = (),
        replace: bool = False,
    ) -> types.Evaluation:
        """Send up to 10,000 rows in one request, and return the evaluation once it is measured.

        Args:
            model_id: the model.
            version_id: the version.
            split: train, validation or test.
            rows: of each `y_true`, and `y_pred`, `score`, `scores` (label → probability), `row_id`,
                `slices` (name → value), `weight`, `features` (name → value). What one row has the
                others have too, but for features.
            positive_label: the positive label, where the model declares none.
            renormalize: divide each row of scores by its sum instead of refusing it.
            require: of the numbers, such as `accuracy>=0.93`: a promoted version keeps what is
                served of it unless all are met; `requirements` of the answer says which are.
            replace: serve the evaluation of a promoted version though a requirement is not met,
                or it is of other rows or labels than the one that is served.

        Raises:
            BadInput: a row has a field or a value that no row can have.
            EvaluationFailed: what was sent was found wrong while it was measured.
            ServiceError: refused.

        Example:
            >>> client.evaluate_rows("mdl-1", "ver-1", rows=[{"y_true": "a", "y_pred": "b"}])
        """
        check_split(split, "split and rows")
        if isinstance(rows, (str, Mapping)):
            raise BadInput(f"rows is a {type(rows).__name__}; pass a list of mappings, one a row.")
        made = self.evaluations.create_from_rows(
            model_id=model_id,
            version_id=version_id,
            rows=list(rows),
            split=split,
            positive_label=positive_label,
            renormalize=renormalize,
            require=require,
            replace=replace,
        )
        if made.status not in TERMINAL_STATES:  # it takes longer than one request may
            self.jobs.wait(made.job_id)
        return succeeded(self.evaluations.get(made.evaluation_id))

    def infer(
        self,
        model_id: str,
        inputs: Inputs,
        *,
        version: str = "",
        explain: bool = False,
        timeout_ms: int = 0,
        item: str = "",
        on_submitted: OnSubmitted = ignore_submitted,
        request_id: str = "",
    ) -> Iterator[types.InferenceResult]:
        """Submit inputs to a model and yield the result of each as soon as it is there.

        A wrong input fails alone, and its result says why. The job goes on though nobody reads on:
        `client.inference.watch(job_id)` takes its results up.

        Args:
            model_id: the model.
            inputs: of each input, by its name, a text, bytes, a Path, or a mapping of features.
            version: a version's id or label, or N.0.0; "" is the promoted one, or else the newest.
            explain: whether each output is to be explained.
            timeout_ms: milliseconds after which the job ends, finished or not; 0: no limit.
            item: what the model calls the content of an input; "" where it takes but one.
            on_submitted: called with the job once it is queued.
            request_id: the same id and inputs again return the job of the first call; "" is new.

        Raises:
            BadInput: an input cannot be sent.
            ServiceError: refused.

        Example:
            >>> for result in client.infer("tickets", {"a": "where is my parcel?"}):
            ...     print(result.input_name, result.label, result.failure)
        """
        return self.inference.run(
            model_id,
            inputs,
            version=version,
            explain=explain,
            timeout_ms=timeout_ms,
            item=item,
            on_submitted=on_submitted,
            request_id=request_id,
        )
