"""The data of a training: the splits of a dataset's revision, checked before anything is queued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assay.features.artifacts.model import Artifact
from assay.features.datasets.model import Dataset
from assay.features.datasets.store import Datasets
from assay.features.datasets.stored_split import SplitManifest, read_manifest
from assay.features.models.model import Model
from assay.features.training.job_outcomes import shown_split
from assay.features.training.job_spec import TEST, TRAIN, VALIDATION
from assay.features.training.model import TASKS, Counted, Split
from assay.kernel.errors import (
    FailedPrecondition,
    InvalidArgument,
    WrongTaskType,
    clip,
)
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.kernel.suggestion import advice
from assay.learning.families import FAMILIES
from assay.learning.hyperparameter import HyperparameterError
from assay.learning.hyperparameters import Hyperparameters, resolve
from assay.learning.rows import TaskType
from assay.learning.search import plan_search
from assay.records.predictions import MAX_LABELS

MAX_NAMED = 5  # classes that a refusal names


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The splits that a training reads, as they are at one revision."""

    dataset: Dataset
    revision: int
    splits: Mapping[str, SplitManifest]
    manifests: Mapping[str, str]  # addresses, by split
    labels: tuple[str, ...]  # classes in their order; fields; empty of a regression
    warnings: tuple[str, ...]

    @property
    def task_type(self) -> TaskType:
        """What is learned."""
        return self.dataset.task_type

    @property
    def blobs(self) -> tuple[str, ...]:
        """The blobs that a job of the data reads."""
        within = (address for one in self.splits.values() for address in one.addresses)
        return (*self.manifests.values(), *within)

    @property
    def measured_split(self) -> str:
        """The split that an evaluation measures: the test split, where there is one."""
        return shown_split(self.splits)

    def split(self, name: str, model: Model) -> Split:
        """Return what is told of a split; nothing of one that there is not."""
        manifest = self.splits.get(name)
        if manifest is None:
            return Split()
        counts = [(label, manifest.labels.get(label, 0)) for label in self.labels]
        if not self.task_type.has_label:
            counts = [(model.name, manifest.rows)]  # one class for all
        return Split(
            counts=tuple(Counted(label=label, records=records) for label, records in counts),
            total=manifest.rows,
            datasets=(self.dataset.name,),
        )


def read_data(
    uow: UnitOfWork,
    blobs: BlobStore,
    model: Model,
    dataset: Dataset,
    learned: Artifact | None = None,
) -> TrainingData:
    """Return the splits of a dataset's newest revision, for a training of a model.

    With what a version has `learned` they are for its evaluation.

    Raises:
        WrongTaskType: the dataset is of another task type than the model, or the version.
        FailedPrecondition: nothing can be learned from it, or it has labels that the version
            does not know.
    """
    organization_id = model.organization_id
    if TASKS[dataset.task_type] is not model.task_type or (
        learned is not None and learned.task_type is not dataset.task_type
    ):
        trained = model.task_type if learned is None else learned.task_type
        raise WrongTaskType(
            f"The dataset '{dataset.dataset_id}' is of the task type {dataset.task_type}, and the "
            f"model '{model.model_id}' of {trained}. Name a dataset of its task.",
            metadata={
                "dataset_id": dataset.dataset_id,
                "dataset_task_type": dataset.task_type,
                "model_id": model.model_id,
                "task_type": trained,
            },
        )
    if not dataset.revision:
        raise unlearnable(dataset, "has no rows yet. Upload a split first")
    revision = uow[Datasets].revision(organization_id, dataset.dataset_id)
    stored_splits = JobBlobs(blobs, organization_id, whose=("dataset", dataset.dataset_id))
    splits = {
        name: read_manifest(stored.manifest, stored_splits)
        for name, stored in revision.splits.items()
        if stored.rows
    }
    if learned is None:
        labels = _labels(model, dataset, splits)
    else:
        labels = learned.labels
        measured = shown_split(splits)
        _refuse_unknown(
            dataset, {measured: splits[measured]}, labels, "that the version does not know"
        )
    return TrainingData(
        dataset=dataset,
        revision=revision.revision,
        splits=splits,
        manifests={name: revision.splits[name].manifest for name in splits},
        labels=labels,
        warnings=_warnings(splits),
    )


def _warnings(splits: Mapping[str, SplitManifest]) -> tuple[str, ...]:
    if TEST in splits:
        return ()
    shown = VALIDATION if TRAIN in splits else shown_split(splits)
    return (f"The dataset has no test split: the tables are of the {shown} split.",)


def check_hyperparams(task_type: TaskType, given: Mapping[str, Any]) -> Hyperparameters:
    """Return all hyperparameters, resolved, and a search that can be run.

    Raises InvalidArgument, which names the one that is wrong, and the nearest name.
    """
    try:
        resolved = resolve(task_type, given)
        if (task_type, resolved.algorithm) not in FAMILIES:
            here = [name for task, name in FAMILIES if task is task_type]
            raise HyperparameterError(
                "algorithm",
                f'algorithm is "{resolved.algorithm}"; {task_type} has {" or ".join(here) or "none"}',
            )
        if resolved.flag("do_hyperparam_optimization"):
            plan_search(resolved)
    except HyperparameterError as error:
        hint = advice(error.name, error.allowed) if error.allowed else ""
        raise InvalidArgument.of(f"hyperparams.{clip(error.name)}", error.message + hint) from error
    return resolved


def unlearnable(dataset: Dataset, why: str) -> FailedPrecondition:
    """Return the refusal of a dataset that nothing can be learned from."""
    return FailedPrecondition(
        f"The dataset '{dataset.dataset_id}' {why}.", metadata={"dataset_id": dataset.dataset_id}
    )


def _labels(model: Model, dataset: Dataset, splits: Mapping[str, SplitManifest]) -> tuple[str, ...]:
    """Return the classes, or fields, in their order; refuse those that cannot be learned."""
    train = splits.get(TRAIN)
    if train is None:
        there = ", ".join(splits) or "none"
        raise unlearnable(dataset, f"has no train split, only {there}. Upload its train split")
    if dataset.task_type is TaskType.TABULAR_REGRESSION:
        return ()
    labels = model.labels or tuple(sorted(train.labels))
    least = 1 if dataset.task_type is TaskType.EXTRACTION else 2
    noun = "field" if dataset.task_type is TaskType.EXTRACTION else "class"
    if len(labels) < least:
        only = f", '{clip(labels[0])}'" if labels else ""
        raise unlearnable(
            dataset, f"has {len(labels)} {noun} in its train split{only}; at least {least} needed"
        )
    if len(labels) > MAX_LABELS:
        raise unlearnable(
            dataset,
            f"has {len(labels)} classes in its train split; at most {MAX_LABELS} are allowed",
        )
    missing = [label for label in labels if not train.labels.get(label)]
    if missing:
        raise unlearnable(
            dataset,
            f"has no training row of {_named(missing)}, which the model declares. Add some, or "
            "change the model's labels",
        )
    where = "that the model does not declare" if model.labels else "without training rows"
    _refuse_unknown(dataset, splits, labels, where)
    return labels


def _refuse_unknown(
    dataset: Dataset, splits: Mapping[str, SplitManifest], labels: tuple[str, ...], where: str
) -> None:
    """Refuse labels of splits that are none of `labels`."""
    known = set(labels)
    for name, split in splits.items():
        unknown = [label for label in sorted(split.labels) if label not in known]
        if unknown:
            raise unlearnable(
                dataset,
                f"has in its {name} split {_named(unknown)}, a label {where}. Take those rows out, "
                "or train with rows of it",
            )


def _named(labels: Iterable[str]) -> str:
    every = list(labels)
    named = ", ".join(f"'{clip(label)}'" for label in every[:MAX_NAMED])
    return named if len(every) <= MAX_NAMED else f"{named} and {len(every) - MAX_NAMED} more"
