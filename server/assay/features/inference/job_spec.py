"""Specifications of inference jobs, and the tasks that their inputs are cut into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.features.artifacts.model import Artifact
from assay.features.inference.model import NewInput
from assay.features.models.declared import DeclaredInput, DeclaredOutput
from assay.records import Record

MOST_INPUTS = 64  # of a task
MOST_EXPLAINED = 16  # of a task whose outputs are explained, which may take far longer
MOST_BYTES = 1024**2  # of the inputs of a task, unless it is a single one


class Manifest(Record):
    """The inputs of a job, in order."""

    inputs: tuple[NewInput, ...]


class InferenceSpec(Record):
    """What runs, and on what."""

    model_id: str
    version_id: str
    artifact: Artifact
    inputs: tuple[DeclaredInput, ...]  # items that an input has
    output: DeclaredOutput  # what a prediction is written to
    explain: bool
    manifest: Manifest | None = None  # the inputs, where they are few and small
    manifest_blob: str | None = None  # address of the Manifest, where they are not


class PredictTask(Record):
    """Consecutive inputs that are predicted together."""

    first: int  # position
    inputs: tuple[NewInput, ...]

    @property
    def last(self) -> int:
        """The position of the last input."""
        return self.first + len(self.inputs) - 1


def tasks_of(inputs: Sequence[NewInput], *, explain: bool = False) -> Iterator[PredictTask]:
    """Yield the tasks of a job: of 1, 2, 4 … up to MOST_INPUTS inputs, and of MOST_BYTES.

    So the first result is there at once, and many inputs need few commits.
    """
    largest = MOST_EXPLAINED if explain else MOST_INPUTS
    most, at = 1, 0
    while at < len(inputs):
        end, size = at, 0
        while end < len(inputs) and end - at < most:
            size += inputs[end].size
            if end > at and size > MOST_BYTES:
                break
            end += 1
        yield PredictTask(first=at, inputs=tuple(inputs[at:end]))
        at, most = end, min(2 * most, largest)


class InferenceResult(Record):
    """What came of a job: everything else rests with its inputs."""

    inputs: int  # that finished
