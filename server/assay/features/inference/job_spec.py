"""Specifications of inference jobs, and the tasks that their inputs are cut into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.features.artifacts.model import Artifact
from assay.features.inference.model import NewInput
from assay.features.models.declared import DeclaredInput, DeclaredOutput
from assay.kernel.object_storage import StorageAccess
from assay.kernel.sealing import Sealer
from assay.records import Record, decode, encode, replace

MOST_INPUTS = 64  # of a task
MOST_EXPLAINED = 16  # of a task whose outputs are explained, which may take far longer
MOST_FETCHED = 16  # of a task that fetches them
MOST_BYTES = 1024**2  # of the inputs of a task, unless it is a single one


class Manifest(Record):
    """The inputs of a job, in order."""

    inputs: tuple[NewInput, ...]


class SealedAccess(Record):
    """A storage of objects, and the sealed keys to it."""

    endpoint: str  # URL; empty: AWS
    region: str
    keys: str  # sealed

    @classmethod
    def of(cls, access: StorageAccess, sealer: Sealer) -> SealedAccess:
        """Return an access with its keys sealed."""
        keys = (access.access_key_id, access.secret_access_key, access.session_token)
        return cls(
            endpoint=access.endpoint, region=access.region, keys=sealer.seal(encode(list(keys)))
        )

    def opened(self, sealer: Sealer) -> StorageAccess:
        """Return the access; FailedPrecondition where it was sealed with another key."""
        access_key_id, secret, token = decode(tuple[str, ...], sealer.open(self.keys))
        return StorageAccess(
            endpoint=self.endpoint,
            region=self.region,
            access_key_id=access_key_id,
            secret_access_key=secret,
            session_token=token,
        )


class InferenceSpec(Record):
    """What runs, and on what."""

    model_id: str
    version_id: str
    artifact: Artifact
    inputs: tuple[DeclaredInput, ...]  # items that an input has
    output: DeclaredOutput  # what a prediction is written to
    explain: bool
    storage: SealedAccess | None = None  # where the inputs are that are to be fetched
    manifest: Manifest | None = None  # the inputs, where they are few and small
    manifest_blob: str | None = None  # address of the Manifest, where they are not

    @property
    def without_inputs(self) -> InferenceSpec:
        """What stays when the job has ended: nothing that was sent, and nothing sealed."""
        artifact = replace(self.artifact, credentials="")
        return replace(self, artifact=artifact, storage=None, manifest=None, manifest_blob=None)


class PredictTask(Record):
    """Consecutive inputs that are predicted together."""

    first: int  # position
    inputs: tuple[NewInput, ...]

    @property
    def last(self) -> int:
        """The position of the last input."""
        return self.first + len(self.inputs) - 1


def tasks_of(
    inputs: Sequence[NewInput], *, explain: bool = False, most: int = 1
) -> Iterator[PredictTask]:
    """Yield the tasks of a job: of `most` inputs, twice as many … up to MOST_INPUTS, and of MOST_BYTES.

    So the first result is there at once, and many inputs need few commits.
    """
    largest = MOST_EXPLAINED if explain else MOST_INPUTS
    most, at = min(most, largest), 0
    while at < len(inputs):
        end, size = at, 0
        while end < len(inputs) and end - at < most:
            size += inputs[end].size
            if end > at and size > MOST_BYTES:
                break
            end += 1
        yield PredictTask(first=at, inputs=tuple(inputs[at:end]))
        at, most = end, min(2 * most, largest)


class FetchTask(Record):
    """Consecutive inputs whose objects are fetched one after another."""

    first: int  # position
    inputs: tuple[NewInput, ...]


def fetch_tasks_of(inputs: Sequence[NewInput]) -> Iterator[FetchTask]:
    """Yield the tasks that fetch inputs: of 1, 2, 4 … up to MOST_FETCHED of them."""
    most, at = 1, 0
    while at < len(inputs):
        yield FetchTask(first=at, inputs=tuple(inputs[at : at + most]))
        at, most = at + most, min(2 * most, MOST_FETCHED)


class FetchedInput(Record):
    """An input whose contents rest here now."""

    position: int
    input: NewInput


def fetched_tasks_of(
    fetched: Sequence[FetchedInput], *, explain: bool = False
) -> Iterator[PredictTask]:
    """Yield the tasks of the inputs that one task fetched, in order; some may be missing."""
    start = 0
    for end in range(1, len(fetched) + 1):
        follows = end < len(fetched) and fetched[end].position == fetched[end - 1].position + 1
        if not follows:
            inputs = [one.input for one in fetched[start:end]]
            for task in tasks_of(inputs, explain=explain, most=MOST_FETCHED):
                yield replace(task, first=task.first + fetched[start].position)
            start = end


class InferenceResult(Record):
    """What came of a job: everything else rests with its inputs."""

    inputs: int  # that came to be predicted
