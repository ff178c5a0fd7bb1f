"""Datasets, their revisions and their splits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.text import MAX_NAME, MAX_TEXT, check_text
from assay.learning.rows import TaskType
from assay.records import Record
from assay.tabular.suggestion import nearest

SPLITS = ("train", "validation", "test")


def check_split(field_name: str, split: str) -> str:
    """Return `split` when it is one of SPLITS; else raise InvalidArgument."""
    if split not in SPLITS:
        near = nearest(split, SPLITS)
        question = f"; did you mean '{near}'?" if near else ""
        raise InvalidArgument.of(
            field_name,
            f"'{clip(split)}' is not a split; allowed: {', '.join(SPLITS)}{question}",
            value=split,
        )
    return split


class NewDataset(Record):
    """What a caller gives to make a dataset; wrong values are refused by name."""

    name: str  # 1 to 200 characters, unique in the organization
    task_type: TaskType  # what is learned from its rows; fixed for the dataset's life
    description: str = ""  # at most 4 000 characters
    created_by: str = ""  # subject of the caller

    def __post_init__(self) -> None:
        check_text("name", self.name, 1, MAX_NAME)
        check_text("description", self.description, 0, MAX_TEXT)


class StoredSplit(Record):
    """A split of one revision."""

    manifest: str  # address of its SplitManifest
    rows: int  # how many there are
    bytes: int  # of its rows as they rest
    schema_hash: str = ""  # of the names and kinds of its features


class Dataset(Record):
    """A dataset as it is stored."""

    organization_id: str  # the organization that owns it
    dataset_id: str  # `dst-…`
    name: str  # what people call it
    task_type: TaskType  # what is learned from its rows
    description: str  # free text, may be empty
    revision: int  # the newest; 0: it has no rows yet
    content_hash: str | None  # of the newest revision; None: it has no rows yet
    splits: Mapping[str, StoredSplit]  # of the newest revision, by name
    created_at: datetime  # when it was made
    updated_at: datetime  # when its newest revision, or it itself, was made
    created_by: str  # subject of the caller that made it


class DatasetRevision(Record):
    """The splits of a dataset at one time; never changed."""

    organization_id: str  # the organization that owns it
    dataset_id: str  # the dataset
    revision: int  # 1, 2, 3, … in its dataset, without gaps
    content_hash: str  # SHA-256 of task type and splits, in hex: equal rows have equal hashes
    splits: Mapping[str, StoredSplit]  # by name
    job_id: str  # the job that made it
    created_at: datetime  # when it was made
    created_by: str  # subject of the caller that made it
