"""Models and their versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from assay.features.models.declared import DeclaredInput, DeclaredOutput, check_items, check_tags
from assay.features.remote.model import RemoteSpec
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.ids import check_resource_id
from assay.kernel.jobs.states import VersionStatus
from assay.records import Record
from assay.records.predictions import MAX_LABEL_CHARS, MAX_LABELS

MAX_NAME = 200  # characters of a model's name or of a version's label
MAX_TEXT = 4_000  # characters of a description
MAX_PATH = 1_024  # characters of a project path

# Clients of the catalogue end on a version that they cannot read as numbers with dots.
_VERSION = re.compile(
    r"v?\d{1,9}(?:\.\d{1,9})*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)


class TaskType(StrEnum):
    """What a model predicts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    EXTRACTION = "extraction"


class NewModel(Record):
    """What a caller gives to register a model; wrong values are refused by name."""

    name: str  # 1 to 200 characters, need not be unique
    task_type: TaskType  # fixed for the model's life
    model_id: str | None = None  # chosen by the caller; None: generated
    project_path: str | None = None  # unique in the organization; None: has none
    labels: tuple[str, ...] | None = None  # classes, in their order; None: from the data
    positive_label: str | None = None  # one of `labels` when those are declared
    description: str = ""  # at most 4 000 characters
    tags: tuple[str, ...] = ()  # what it is listed under
    inputs: tuple[DeclaredInput, ...] = ()  # of its versions; empty: follow from what they run
    outputs: tuple[DeclaredOutput, ...] = ()
    sample_input: str | None = None  # JSON; None: derived from the inputs
    sample_output: str | None = None  # JSON
    created_by: str = ""  # subject of the caller

    def __post_init__(self) -> None:
        if self.model_id is not None:
            check_resource_id("model_id", self.model_id)
        check_model_fields(self)


class Model(Record):
    """A model as it is stored."""

    organization_id: str  # the organization that owns it
    model_id: str  # `mdl-…`, or chosen by the caller
    name: str  # what people call it
    task_type: TaskType  # what it predicts
    project_path: str | None  # its own path, slashes and spaces kept; None: has none
    labels: tuple[str, ...] | None  # declared classes, in order; None: from the data
    positive_label: str | None  # declared positive class; None: not declared
    description: str  # free text, may be empty
    created_at: datetime  # when it was registered
    updated_at: datetime  # when it was last changed
    promoted_version_id: str | None  # the version served by default; None: none is promoted
    tags: tuple[str, ...] = ()  # what it is listed under
    inputs: tuple[DeclaredInput, ...] = ()  # of its versions; empty: follow from what they run
    outputs: tuple[DeclaredOutput, ...] = ()
    created_by: str = ""  # subject of the caller that registered it


class NewVersion(Record):
    """What a caller gives to register a version of a model."""

    version_id: str | None = None  # chosen by the caller; None: generated
    label: str | None = None  # what people call it, such as `2.1.0`
    status: VersionStatus = VersionStatus.DRAFT  # draft, or training for a training job
    algorithm: str = ""  # what trained it, may be empty
    hyperparameters: Mapping[str, Any] = {}  # JSON object
    created_by: str = ""  # subject of the caller
    remote: RemoteSpec | None = None  # what it calls; None: it is not served elsewhere

    def __post_init__(self) -> None:
        if self.version_id is not None:
            check_resource_id("version_id", self.version_id)
        if self.label is not None:
            _check_length("label", self.label, 1, MAX_NAME)
        _check_length("algorithm", self.algorithm, 0, MAX_NAME)
        if self.status not in (VersionStatus.DRAFT, VersionStatus.TRAINING):
            raise InvalidArgument.of("status", "a new version is draft or training")


class Version(Record):
    """A version of a model as it is stored."""

    organization_id: str  # the organization that owns it
    model_id: str  # the model that it is a version of
    version_id: str  # `ver-…`, or chosen by the caller; unique in its model
    version_number: int  # 1, 2, 3, … in its model, without gaps
    label: str | None  # what people call it; None: nothing was given
    status: VersionStatus  # draft, training, ready or failed
    failure_message: str | None  # why it is failed, where that is known
    algorithm: str  # what trained it, may be empty
    hyperparameters: Mapping[str, Any]  # JSON object, as given
    is_promoted: bool  # served when no version is named; at most one in a model
    created_at: datetime  # when it was registered
    trained_at: datetime | None  # when it became ready; None: not yet
    promoted_at: datetime | None  # when it was last promoted; None: never
    promoted_by: str | None  # who last promoted it; None: nobody
    metrics: Mapping[str, float]  # of its current test evaluation; empty: has none
    created_by: str  # subject of the caller that registered it
    remote: RemoteSpec | None = None  # what it calls; None: it is not served elsewhere

    @property
    def shown(self) -> str:
        """How the catalogue names it: its label where that is written as a version, else N.0.0."""
        if self.label is not None and _VERSION.fullmatch(self.label):
            return self.label
        return f"{self.version_number}.0.0"


def check_model_fields(model: NewModel | Model) -> None:
    """Raise InvalidArgument that names the first field of `model` with a wrong value."""
    check_tags(model.tags)
    check_items(model.inputs, model.outputs)
    _check_length("name", model.name, 1, MAX_NAME)
    _check_length("description", model.description, 0, MAX_TEXT)
    if model.project_path is not None:
        _check_length("project_path", model.project_path, 1, MAX_PATH)
    if model.labels is not None:
        if model.task_type is not TaskType.CLASSIFICATION:
            raise InvalidArgument.of("labels", "only a classification model has labels")
        _check_labels(model.labels)
    positive = model.positive_label
    if positive is None:
        return
    if model.task_type is not TaskType.CLASSIFICATION:
        raise InvalidArgument.of("positive_label", "only a classification model has one")
    if model.labels is not None and positive not in model.labels:
        raise InvalidArgument.of("positive_label", f"'{clip(positive)}' is not among the labels")


def _check_labels(labels: tuple[str, ...]) -> None:
    if not 2 <= len(labels) <= MAX_LABELS:
        raise InvalidArgument.of(
            "labels", f"{len(labels)} given; 2 to {MAX_LABELS} are allowed, or none at all"
        )
    seen: set[str] = set()
    for index, label in enumerate(labels):
        _check_length(f"labels[{index}]", label, 1, MAX_LABEL_CHARS)
        if label in seen:
            raise InvalidArgument.of(f"labels[{index}]", f"'{clip(label)}' is given twice")
        seen.add(label)


def _check_length(name: str, text: str, low: int, high: int) -> None:
    if not low <= len(text) <= high:
        raise InvalidArgument.of(name, f"{len(text)} characters given; {low} to {high} are allowed")
    if "\x00" in text:
        # PostgreSQL cannot hold it in text; refusing here keeps both engines alike.
        raise InvalidArgument.of(name, "the character U+0000 is not allowed")
