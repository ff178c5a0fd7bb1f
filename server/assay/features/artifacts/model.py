"""Artifacts: what a version runs, and what is known of it without opening it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from assay.features.remote.model import RemoteSpec
from assay.learning.onnx_form import OnnxForm
from assay.learning.rows import TaskType
from assay.records import Record


class ArtifactKind(StrEnum):
    """Where what a version runs comes from."""

    TRAINED = "trained"  # made here, by a training or a pruning
    ONNX = "onnx"  # uploaded as a file
    REMOTE = "remote"  # served elsewhere


class Artifact(Record):
    """What a version runs."""

    kind: ArtifactKind
    blob: str  # address, which is the SHA-256 of its bytes; "": it is served elsewhere
    bytes: int
    task_type: TaskType  # of the rows that it predicts
    labels: tuple[str, ...]  # that it knows, in their order; empty of a regression
    learning_version: str = ""  # of the learning component that made it; "": made elsewhere
    libraries: Mapping[str, str] = {}  # versions of what it was made with, such as scikit-learn
    remote: RemoteSpec | None = None  # what it calls, of REMOTE
    onnx: OnnxForm | None = None  # how rows become its tensors, of ONNX
    credentials: str = ""  # of what it calls, sealed; "": it needs none

    @property
    def waits(self) -> bool:
        """Whether predicting waits for another machine, not for a processor."""
        return self.kind is ArtifactKind.REMOTE

    @property
    def blobs(self) -> tuple[str, ...]:
        """The blobs that a job which predicts with it reads."""
        return (self.blob,) if self.blob else ()


class VersionArtifact(Record):
    """The artifact of a version."""

    version_id: str
    job_id: str | None  # that made or checked it, and keeps its blob; None: no job did
    artifact: Artifact
