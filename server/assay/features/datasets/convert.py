"""Datasets on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.features.datasets.model import Dataset, DatasetRevision, NewDataset, StoredSplit
from assay.features.datasets.profile import RevisionProfile, SplitProfile
from assay.features.datasets.splits_service import ChangedSplits, PartitionRequest
from assay.features.datasets.stored_split import Lengths
from assay.kernel.errors import InvalidArgument
from assay.kernel.rpc.messages import message_of, value_of
from assay.kernel.suggestion import advice
from assay.learning.rows import TaskType
from assay.v1 import dataset_pb2, dataset_service_pb2


def new_dataset(request: dataset_service_pb2.CreateDatasetRequest, created_by: str) -> NewDataset:
    """Return what a request asks to create; raises InvalidArgument."""
    try:
        task_type = TaskType(request.task_type)
    except ValueError:
        hint = advice(request.task_type, TaskType)
        raise InvalidArgument.of(
            "task_type", f"there is no task type '{request.task_type[:100]}'{hint}"
        ) from None
    return value_of(NewDataset, request, task_type=task_type, created_by=created_by)


def partition(
    request: dataset_service_pb2.MakeSplitsRequest, request_id: str | None, created_by: str
) -> PartitionRequest:
    """Return what a request asks to have made; raises InvalidArgument."""
    return value_of(
        PartitionRequest,
        request,
        fractions=dict(request.fractions),
        request_id=request_id,
        created_by=created_by,
    )


def dataset(stored: Dataset) -> dataset_pb2.Dataset:
    """Return a dataset as a message."""
    return message_of(dataset_pb2.Dataset, stored, splits=_splits(stored.splits))


def revision(stored: DatasetRevision) -> dataset_pb2.DatasetRevision:
    """Return a revision as a message."""
    return message_of(dataset_pb2.DatasetRevision, stored, splits=_splits(stored.splits))


def change(changed: ChangedSplits) -> dataset_pb2.SplitChange:
    """Return what came of a job as a message."""
    return dataset_pb2.SplitChange(
        dataset_id=changed.dataset_id,
        job_id=changed.job.job_id,
        status=changed.job.state.value.lower(),
        revision=None if changed.revision is None else revision(changed.revision),
        warnings=changed.warnings,
    )


def profile(of: DatasetRevision, found: RevisionProfile) -> dataset_pb2.DatasetProfile:
    """Return a profile as a message."""
    return message_of(
        dataset_pb2.DatasetProfile,
        found,
        dataset_id=of.dataset_id,
        revision=of.revision,
        splits=[_split_profile(one) for one in found.splits],
    )


def _splits(splits: Mapping[str, StoredSplit]) -> dict[str, dataset_pb2.DatasetSplit]:
    return {
        name: dataset_pb2.DatasetSplit(
            rows=one.rows, bytes=one.bytes, content_hash=one.manifest.removeprefix("sha256:")
        )
        for name, one in splits.items()
    }


def _split_profile(found: SplitProfile) -> dataset_pb2.SplitProfile:
    labels = [
        dataset_pb2.LabelCount(label=label, rows=rows)
        for label, rows in sorted(found.labels.items())
    ]
    lengths = [_lengths(unit, one, found.rows) for unit, one in sorted(found.lengths.items())]
    features: list[Any] = [
        message_of(dataset_pb2.FeatureProfile, one, kind=one.kind.value) for one in found.features
    ]
    return message_of(
        dataset_pb2.SplitProfile, found, labels=labels, lengths=lengths, features=features
    )


def _lengths(unit: str, found: Lengths, rows: int) -> dataset_pb2.LengthProfile:
    return dataset_pb2.LengthProfile(
        unit=unit, least=found.least, most=found.most, mean=found.total / rows
    )
