"""What the stores promise. Each sentence below has a test in tests/storage, on both engines.

Everywhere: the first argument is the organization, and what belongs to another one is
absent. No method commits. Methods that write need a write block. A listing is newest
first, never repeats or skips a row that was there all along, and returns in `next` the
cursor for its next page, None on the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from assay.features.benchmarks.ports import Benchmarks
from assay.features.evaluations.model import Evaluation, EvaluationResult, NewEvaluation
from assay.features.evaluations.serving import Serving
from assay.features.ground_truth.ports import (
    Entries,
    ExtractionRuns,
    Extractions,
    GroundTruth,
    UserSchemas,
)
from assay.features.models.model import Model, NewModel, NewVersion, TaskType, Version
from assay.kernel.cursor import Cursor, Page
from assay.kernel.identity import ApiKey
from assay.kernel.jobs.ports import Events, Jobs, StatusUpdates
from assay.kernel.jobs.states import VersionStatus


class Models(Protocol):
    """Models of an organization."""

    def create(self, organization_id: str, new: NewModel) -> Model:
        """Store a new model and return it.

        A taken id or project path raises AlreadyExists. An id that is not given is
        generated, and generated anew, longer, when it is taken.
        """
        ...

    def get(self, organization_id: str, model_id: str) -> Model:
        """Return a model, with the id of its promoted version; NotFound if it is absent."""
        ...

    def by_path(self, organization_id: str, project_path: str) -> Model:
        """Return the model at exactly this project path; NotFound if there is none."""
        ...

    def get_many(self, organization_id: str, model_ids: Iterable[str]) -> dict[str, Model]:
        """Return the models of these ids that exist, by id."""
        ...

    def list(
        self,
        organization_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        task_type: TaskType | None = None,
    ) -> Page[Model]:
        """Return a page of models, of one task type if it is given."""
        ...

    def update(self, organization_id: str, model: Model) -> Model:
        """Store name, project path, labels, positive label and description of `model`.

        All other fields of it are ignored; `updated_at` becomes now. A taken project path
        raises AlreadyExists, an absent model NotFound, a wrong value InvalidArgument.
        """
        ...

    def delete(self, organization_id: str, model_id: str) -> None:
        """Delete a model with its versions and evaluations; jobs and their logs stay.

        An evaluation of it that has not ended raises ResourceInUse and deletes nothing.
        An absent model raises NotFound.
        """
        ...

    def count(self, organization_id: str) -> int:
        """Return how many models there are."""
        ...


class Versions(Protocol):
    """Versions of models; their ids are unique in the organization."""

    def create(self, organization_id: str, model_id: str, new: NewVersion) -> Version:
        """Store a new version and return it.

        Its number is one more than the model's highest, and the first is 1; writers at the
        same time get different numbers without a gap. An absent model raises NotFound, a
        taken id AlreadyExists. An id that is not given is generated, longer when taken.
        """
        ...

    def get(self, organization_id: str, version_id: str) -> Version:
        """Return a version with the metrics of its current test evaluation, or NotFound."""
        ...

    def get_of(self, organization_id: str, model_id: str, version_id: str) -> Version:
        """Return a version; VersionOfAnotherModel if it is not `model_id`'s, or NotFound."""
        ...

    def list(
        self,
        organization_id: str,
        model_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        status: VersionStatus | None = None,
    ) -> Page[Version]:
        """Return a page of a model's versions by falling number, of one status if given.

        An absent model raises NotFound.
        """
        ...

    def counts(
        self, organization_id: str, model_ids: Iterable[str]
    ) -> dict[str, Mapping[VersionStatus, int]]:
        """Return for each of these models how many versions have which status, in one query.

        `domain.states.model_status` makes the model's status of it. A model without
        versions, or of another organization, has no counts.
        """
        ...

    def mark_training(self, organization_id: str, version_id: str) -> Version:
        """Make a draft or failed version `training`; FailedPrecondition from `ready`."""
        ...

    def mark_ready(self, organization_id: str, version_id: str) -> Version:
        """Make a version `ready`, from any status, and set `trained_at`.

        A ready version stays as it is.
        """
        ...

    def mark_failed(self, organization_id: str, version_id: str) -> Version:
        """Make a draft or training version `failed`; FailedPrecondition from `ready`."""
        ...

    def promote(
        self, organization_id: str, model_id: str, version_id: str, *, promoted_by: str
    ) -> Version:
        """Make a version the promoted one of its model, and demote the former.

        Only a ready version can be: others raise VersionNotReady. Of promotions at the same
        time exactly one version is left promoted. The promoted one stays as it is. An absent
        model or version raises NotFound, another model's VersionOfAnotherModel.
        """
        ...


class Evaluations(Protocol):
    """Evaluations; their state and error are always those of their job."""

    def create(self, organization_id: str, new: NewEvaluation) -> Evaluation:
        """Store a new evaluation of a job that was submitted before, and return it.

        Its revision is one more than the highest of its version and split, and the first
        is 1. An absent version raises NotFound, another model's VersionOfAnotherModel, a
        taken id AlreadyExists.
        """
        ...

    def get(self, organization_id: str, evaluation_id: str) -> Evaluation:
        """Return an evaluation with its result, or NotFound."""
        ...

    def list(
        self,
        organization_id: str,
        model_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        version_id: str | None = None,
        dataset_split: str | None = None,
    ) -> Page[Evaluation]:
        """Return a page of a model's evaluations, with metrics but without results.

        They are of one version and of one split if these are given. An absent model raises
        NotFound.
        """
        ...

    def current(
        self, organization_id: str, version_id: str, dataset_split: str
    ) -> Evaluation | None:
        """Return the newest succeeded revision of a version and split; None if there is none.

        While a newer revision is not finished, or when it fails, the older one is returned.
        An absent version raises NotFound.
        """
        ...

    def serving(
        self,
        organization_id: str,
        model_id: str,
        version_id: str | None,
        dataset_split: str,
        *,
        with_result: bool = True,
    ) -> Serving:
        """Return model, version and current evaluation from one SELECT.

        Without a version id the version is the promoted one. The version is None when none
        is promoted, or the one named is not this model's; the evaluation is None when the
        split has none. An absent model raises NotFound. `with_result=False` leaves the
        result out and keeps the metrics.
        """
        ...

    def splits_evaluated(self, organization_id: str, version_id: str) -> tuple[str, ...]:
        """Return the splits with a current evaluation: train, validation, test, in this order.

        An absent version raises NotFound.
        """
        ...

    def finish(
        self, organization_id: str, evaluation_id: str, result: EvaluationResult
    ) -> Evaluation:
        """Store the result of an evaluation whose job succeeds in the same commit.

        It is served from then on, unless a newer revision already is. The same result once
        more changes nothing. An absent evaluation raises NotFound.
        """
        ...


class Keys(Protocol):
    """API keys."""

    def create(self, organization_id: str, key: ApiKey) -> ApiKey:
        """Store a key; a prefix taken in any organization raises AlreadyExists."""
        ...

    def by_prefix(self, prefix: str) -> ApiKey | None:
        """Return the key with this prefix, of whatever organization; None if there is none.

        The one method without an organization: a caller's is not known before its key is.
        """
        ...

    def get(self, organization_id: str, prefix: str) -> ApiKey:
        """Return a key, or NotFound."""
        ...

    def list(
        self, organization_id: str, *, limit: int, after: Cursor | None = None
    ) -> Page[ApiKey]:
        """Return a page of keys, revoked and expired ones included."""
        ...

    def revoke(self, organization_id: str, prefix: str) -> ApiKey:
        """Set `revoked_at` to now; a revoked key keeps its time; NotFound if absent."""
        ...

    def revision(self) -> int:
        """Return a number that rises with every key made or revoked, in any organization."""
        ...


class Requests(Protocol):
    """Create requests that were answered, by (method, request id)."""

    def find(
        self, organization_id: str, method: str, request_id: str, body_hash: str
    ) -> str | None:
        """Return the id that the first such request made; None if this is the first.

        Another body raises RequestIdReused. In a write block a twin of this request waits
        here until this block ends, so that of two at once one is the first.
        """
        ...

    def record(
        self,
        organization_id: str,
        method: str,
        request_id: str,
        *,
        body_hash: str,
        resource_id: str,
    ) -> None:
        """Remember what a first request made, in the commit that makes it."""
        ...

    def trim(self, before: datetime) -> int:
        """Forget the requests of all organizations from before a time; return their number."""
        ...


class Installation(Protocol):
    """What this installation alone knows, the same for all of its processes."""

    def find(self, name: str) -> str | None:
        """Return a secret, None if nobody made it yet."""
        ...

    def add(self, name: str, value: str) -> None:
        """Keep a secret; does nothing where one of that name is kept already."""
        ...


class Transaction(Protocol):
    """The stores, as one transaction sees them."""

    @property
    def models(self) -> Models:
        """Models."""
        ...

    @property
    def versions(self) -> Versions:
        """Versions of models."""
        ...

    @property
    def evaluations(self) -> Evaluations:
        """Evaluations of versions."""
        ...

    @property
    def keys(self) -> Keys:
        """API keys."""
        ...

    @property
    def requests(self) -> Requests:
        """Create requests already answered."""
        ...

    @property
    def installation(self) -> Installation:
        """What this installation alone knows."""
        ...

    @property
    def jobs(self) -> Jobs:
        """The job ledger."""
        ...

    @property
    def events(self) -> Events:
        """The logs of jobs."""
        ...

    @property
    def status_updates(self) -> StatusUpdates:
        """The status updates of jobs."""
        ...

    @property
    def user_schemas(self) -> UserSchemas:
        """Field schemas that people made."""
        ...

    @property
    def ground_truth(self) -> GroundTruth:
        """Ground-truth datasets."""
        ...

    @property
    def entries(self) -> Entries:
        """Entries of datasets."""
        ...

    @property
    def extraction_runs(self) -> ExtractionRuns:
        """Extraction runs."""
        ...

    @property
    def extractions(self) -> Extractions:
        """Extractions of runs."""
        ...

    @property
    def benchmarks(self) -> Benchmarks:
        """Benchmarks of extractions against ground truth."""
        ...
