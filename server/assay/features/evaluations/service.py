"""Evaluations: open an upload, finish it, read and list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from assay.features.datasets.model import check_split
from assay.features.datasets.store import Datasets
from assay.features.evaluations.job_spec import CHUNKS, EVALUATION_KIND, EvaluationJob
from assay.features.evaluations.model import (
    Evaluation,
    EvaluationSpec,
    NewEvaluation,
    TruthSplit,
)
from assay.features.evaluations.requirement import check_requirements
from assay.features.evaluations.revisions_store import Revisions
from assay.features.evaluations.store import Evaluations
from assay.features.models.model import Model, TaskType
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.clock import Clock
from assay.kernel.errors import FailedPrecondition, InvalidArgument, WrongTaskType, clip
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.ids import Ids
from assay.kernel.jobs.job import NewJob, check_deadline
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState, is_terminal
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.rows import TaskType as DatasetTask
from assay.records import Record, encode, replace

UPLOAD_LIFETIME = timedelta(days=7)  # from its opening to the end of its measurement


class EvaluationRequest(Record):
    """What a caller asks to have measured."""

    model_id: str
    version_id: str
    dataset_split: str  # one of SPLITS
    positive_label: str | None = None  # None: the model's, else by the rule
    renormalize: bool = False  # scale score rows that do not sum to 1
    request_id: str | None = None  # a repeat returns the first evaluation
    require: tuple[str, ...] = ()  # of the numbers, such as `accuracy>=0.93`
    truth_dataset: str = ""  # id or name of the dataset that has the truth; empty: the rows have it
    truth_split: str = ""  # its split; empty: that of the name of `dataset_split`
    truth_revision: int = 0  # its revision; 0: the newest
    replace: bool = False  # serve it in place of a promoted version's, whatever comes out
    deadline: datetime | None = None  # TIMED_OUT from then on; None: the default
    created_by: str = ""  # subject of the caller

    @property
    def body(self) -> EvaluationRequest:
        """What a repeat has the same of."""
        return replace(self, created_by="")


@dataclass(frozen=True, kw_only=True)
class KnownEvaluation:
    """An evaluation and how far its upload is."""

    evaluation: Evaluation
    next_row: int  # rows that are durable

    @property
    def is_terminal(self) -> bool:
        """Whether the evaluation has ended for good."""
        return is_terminal(self.evaluation.state)


class EvaluationUseCases:
    """The evaluations of an organization."""

    def __init__(self, store: Store, ids: Ids, clock: Clock, *, max_attempts: int = 3) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._max_attempts = max_attempts

    def open(self, organization_id: str, request: EvaluationRequest) -> KnownEvaluation:
        """Open an upload of predictions; a repeated request returns the first one.

        Raises:
            InvalidArgument: a bad split, positive label, requirement or deadline.
            NotFound: no such model or version.
            WrongTaskType: the model is of a task type that takes no predictions.
            RequestIdReused: the request_id came before with another body.
        """
        check_split("dataset_split", request.dataset_split)
        with self._store.write() as uow:
            made = create_once(
                uow,
                organization_id,
                CreateRequest(
                    method="CreateEvaluation",
                    request_id=request.request_id,
                    body=request.body,
                ),
                make=lambda: self.submit(uow, organization_id, request, source=CHUNKS),
                again=lambda key: uow[Evaluations].get(organization_id, key),
                key_of=lambda evaluation: evaluation.evaluation_id,
            )
            return _known(uow, made)

    def finish(self, organization_id: str, evaluation_id: str, rows: int) -> KnownEvaluation:
        """End an upload of `rows` rows and queue its measurement.

        Raises:
            NotFound: no such evaluation.
            InvalidArgument: no rows, or another number than is durable.
            UploadFinished: it was finished before.
        """
        with self._store.write() as uow:
            evaluation = uow[Evaluations].get(organization_id, evaluation_id)
            uow[Jobs].finish_upload(organization_id, evaluation.job_id, rows=rows)
            return _known(uow, uow[Evaluations].get(organization_id, evaluation_id))

    def get(self, organization_id: str, evaluation_id: str) -> KnownEvaluation:
        """Return one evaluation with its result; raises NotFound."""
        with self._store.read() as uow:
            return _known(uow, uow[Evaluations].get(organization_id, evaluation_id))

    def revision(
        self,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        dataset_split: str,
        number: int,
    ) -> KnownEvaluation:
        """Return one revision of a version on a split; raises InvalidArgument and NotFound."""
        split = check_split("dataset_split", dataset_split)
        with self._store.read() as uow:
            return _known(
                uow,
                uow[Revisions].get(organization_id, model_id, version_id, split, number),
            )

    def serve(self, organization_id: str, evaluation_id: str) -> KnownEvaluation:
        """Serve an evaluation from now on; raises NotFound, and FailedPrecondition without result."""
        with self._store.write() as uow:
            return _known(uow, uow[Revisions].serve(organization_id, evaluation_id))

    def delete(self, organization_id: str, evaluation_id: str, *, cascade: bool) -> None:
        """Delete an evaluation.

        Raises:
            NotFound: no such evaluation.
            ResourceInUse: it has not ended, or it is served.
        """
        with self._store.write() as uow:
            uow[Revisions].delete(organization_id, evaluation_id, cascade=cascade)

    def list(
        self,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        dataset_split: str,
        size: int,
        token: str,
    ) -> Listing[KnownEvaluation]:
        """Return a page of a version's evaluations, newest first, without their results.

        Raises:
            InvalidArgument: a bad split or page size.
            NotFound: no such model or version.
        """
        split = check_split("dataset_split", dataset_split) if dataset_split else None
        scope = self._store.scope(
            f"evaluations/{organization_id}/{model_id}/{version_id}/{dataset_split}"
        )
        limit, after = page_size(size), cursor(token, scope)
        with self._store.read() as uow:
            uow[Versions].get(organization_id, model_id, version_id)
            page = uow[Evaluations].list(
                organization_id,
                model_id,
                limit=limit,
                after=after,
                version_id=version_id,
                dataset_split=split,
            )
            jobs = uow[Jobs].get_many(organization_id, [item.job_id for item in page.items])
        return listing(
            page,
            scope,
            lambda item: KnownEvaluation(evaluation=item, next_row=jobs[item.job_id].next_row),
        )

    def submit(
        self,
        uow: UnitOfWork,
        organization_id: str,
        request: EvaluationRequest,
        *,
        source: str,
        blob: str | None = None,
    ) -> Evaluation:
        """Store an evaluation and its job in one commit: OPEN for chunks, QUEUED for a file."""
        check_deadline(request.deadline, self._clock.now())
        spec = evaluation_spec(uow, organization_id, request)
        evaluation_id = self._ids.new_evaluation_id()
        order = EvaluationJob(
            evaluation_id=evaluation_id,
            model_id=request.model_id,
            version_id=request.version_id,
            dataset_split=request.dataset_split,
            spec=spec,
            source=source,
            blob=blob,
            truth=truth_of(uow, organization_id, request, spec.task_type),
        )
        job = uow[Jobs].submit(organization_id, self._job(order, request))
        return uow[Evaluations].create(
            organization_id,
            NewEvaluation(
                evaluation_id=evaluation_id,
                model_id=request.model_id,
                version_id=request.version_id,
                dataset_split=request.dataset_split,
                job_id=job.job_id,
                spec=spec,
                requirements=request.require,
                replaces=request.replace,
                created_by=request.created_by,
            ),
        )

    def _job(self, order: EvaluationJob, request: EvaluationRequest) -> NewJob:
        is_upload = order.source == CHUNKS
        # An upload that nobody finishes must not stay open for ever.
        default = self._clock.now() + UPLOAD_LIFETIME if is_upload else None
        return NewJob(
            kind=EVALUATION_KIND,
            spec=encode(order),
            state=JobState.OPEN if is_upload else JobState.QUEUED,
            resource=order.evaluation_id,
            blobs=() if order.blob is None else (order.blob,),
            max_attempts=self._max_attempts,
            deadline=request.deadline or default,
            created_by=request.created_by,
        )


def evaluation_spec(
    uow: UnitOfWork, organization_id: str, request: EvaluationRequest
) -> EvaluationSpec:
    """Return what decides the numbers, from the request and the model.

    Raises:
        NotFound: no such model or version.
        WrongTaskType: extraction models are measured by benchmarks.
        InvalidArgument: the positive label or a requirement does not fit the model.
    """
    uow[Versions].get(organization_id, request.model_id, request.version_id)
    model = uow[Models].get(organization_id, request.model_id)
    if model.task_type is TaskType.EXTRACTION:
        raise WrongTaskType(
            f"The model '{model.model_id}' is an extraction model; predictions are taken for "
            "classification and regression models. Use a benchmark instead.",
            metadata={"model_id": model.model_id, "task_type": model.task_type},
        )
    _check_positive_label(model, request.positive_label)
    check_requirements(request.require, model.task_type)
    return EvaluationSpec(
        task_type=model.task_type,
        labels=model.labels,
        positive_label=request.positive_label or model.positive_label,
        renormalize=request.renormalize,
    )


def truth_of(
    uow: UnitOfWork, organization_id: str, request: EvaluationRequest, task_type: TaskType
) -> TruthSplit | None:
    """Return the stored split that has the truth of a request; None: the rows have it.

    Raises:
        NotFound: no such dataset or revision.
        WrongTaskType: its rows have no answers of the model's task type.
        FailedPrecondition: the revision has no such split.
        InvalidArgument: a bad split, or one without a dataset.
    """
    if not request.truth_dataset:
        if request.truth_split or request.truth_revision:
            raise InvalidArgument.of("truth_dataset", "truth_split and truth_revision need it")
        return None
    split = check_split("truth_split", request.truth_split or request.dataset_split)
    dataset = uow[Datasets].find(organization_id, request.truth_dataset)
    is_number = dataset.task_type is DatasetTask.TABULAR_REGRESSION
    fits = is_number if task_type is TaskType.REGRESSION else dataset.task_type.has_label
    if not fits:
        raise WrongTaskType(
            f"The dataset '{dataset.dataset_id}' is of the task type {dataset.task_type}; a "
            f"{task_type} model cannot be measured on it. Name a dataset of its task.",
            metadata={"dataset_id": dataset.dataset_id, "task_type": dataset.task_type},
        )
    revision = uow[Datasets].revision(
        organization_id, dataset.dataset_id, request.truth_revision or None
    )
    if split not in revision.splits:
        raise FailedPrecondition(
            f"Revision {revision.revision} of the dataset '{dataset.dataset_id}' has no split {split}; "
            f"it has {', '.join(revision.splits)}. Name one with truth_split, or upload it first.",
            metadata={"dataset_id": dataset.dataset_id, "split": split},
        )
    return TruthSplit(
        dataset_id=dataset.dataset_id,
        revision=revision.revision,
        split=split,
        manifest=revision.splits[split].manifest,
    )


def _check_positive_label(model: Model, positive_label: str | None) -> None:
    if positive_label is None:
        return
    if model.task_type is not TaskType.CLASSIFICATION:
        raise InvalidArgument.of("positive_label", "only a classification model has one")
    if model.labels is not None and positive_label not in model.labels:
        allowed = ", ".join(clip(label) for label in model.labels[:10])
        raise InvalidArgument.of(
            "positive_label", f"'{clip(positive_label)}' was sent; the model's labels are {allowed}"
        )


def _known(uow: UnitOfWork, evaluation: Evaluation) -> KnownEvaluation:
    job = uow[Jobs].get(evaluation.organization_id, evaluation.job_id)
    return KnownEvaluation(evaluation=evaluation, next_row=job.next_row)
