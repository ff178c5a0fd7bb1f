"""The specs and the result of the jobs that make splits.

Use cases write specs when they submit a job; the kinds read them in compute children.
"""

from __future__ import annotations

from collections.abc import Mapping

from assay.features.datasets.model import StoredSplit
from assay.learning.rows import TaskType
from assay.records import Record

UPLOAD_KIND = "dataset_upload"
PARTITION_KIND = "dataset_partition"


class SplitUpload(Record):
    """The spec of a job that stores a file as a split."""

    dataset_id: str  # the dataset that gets a new revision
    split: str  # one of SPLITS
    task_type: TaskType  # of the dataset
    source: str  # a format of assay.tabular.opening
    blob: str  # address of the file
    like: str | None  # address of the manifest of another split; None: there is none
    created_by: str  # subject of the caller


class SplitPartition(Record):
    """The spec of a job that makes splits from one."""

    dataset_id: str  # the dataset that gets a new revision
    source: str  # the split that is shared out, one of SPLITS
    manifest: str  # address of its manifest
    fractions: Mapping[str, float]  # of the rows, by split; they sum to 1
    seed: int  # at least 0
    stratified: bool  # each class is shared out by the fractions
    grouped: bool  # the rows of a group go to one split
    created_by: str  # subject of the caller


class SplitsResult(Record):
    """The splits that a job made."""

    splits: Mapping[str, StoredSplit]  # by name
    blobs: tuple[str, ...]  # addresses of what they hold
