"""Inference jobs, their inputs, and what a version made of each input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from assay.kernel.errors import InvalidArgument, TooLarge, clip
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.states import JobState, is_terminal
from assay.kernel.object_storage import ObjectLocation
from assay.learning.rows import TaskType
from assay.records import Record

KIND = "inference"  # of job, in the ledger
STORAGE_KIND = "inference_from_storage"  # of one whose inputs are fetched first

MAX_INPUTS = 10_000  # of one job
MAX_NAME = 255  # characters of the name of an input, or of one of its items
MAX_ITEMS = 16  # of one input
MAX_INPUT_BYTES = 256 * 1024**2  # of one input, all of its items together
MAX_CHUNKS = 1024  # of one item
CHUNK_SIZE = "1Mi"  # of a chunk as clients are told, in their grammar
MAX_INLINE_BYTES = 16 * 1024  # of an output that rests in its row; a larger one is a blob
MAX_TIMEOUT_MS = 30 * 24 * 3600 * 1000

# What the family calls the states of a job.
WORDS: Mapping[JobState, str] = {
    JobState.OPEN: "OPEN",
    JobState.QUEUED: "SUBMITTED",
    JobState.RUNNING: "IN_PROGRESS",
    JobState.SUCCEEDED: "COMPLETED",
    JobState.FAILED: "ERROR",
    JobState.CANCELED: "CANCELED",
    JobState.TIMED_OUT: "TIMEDOUT",
}


class InputState(StrEnum):
    """Where one input stands."""

    FETCHING_DATA = "FETCHING_DATA"  # it waits, or its content is fetched
    PROCESSING = "PROCESSING"  # it was handed to a compute process
    SUCCESSFUL = "SUCCESSFUL"  # it has its outputs
    FAILED = "FAILED"  # it has an error


class Vote(StrEnum):
    """A caller's opinion of a result."""

    NO_VOTES = "NO_VOTES"
    UP = "UP"
    DOWN = "DOWN"


class InputType(StrEnum):
    """How the contents of a job's inputs came."""

    TEXT = "text"  # text
    EMBEDDED = "embedded"  # data URIs
    FILE = "file"  # chunks of files, or bytes
    AWS_S3 = "aws-s3"  # objects of a storage that the caller names, and brings the keys of
    AWS_S3_FOLDER = "aws-s3-folder"  # all objects below folders there
    STORAGE_GRID = "storage-grid"  # as aws-s3, at an endpoint of its own


STORAGES = (InputType.AWS_S3, InputType.AWS_S3_FOLDER, InputType.STORAGE_GRID)


class ItemForm(StrEnum):
    """What the bytes of an item are."""

    TEXT = "text"  # text in UTF-8
    DATA_URI = "data_uri"  # a data URI in UTF-8, whose content has its own type
    FILE = "file"  # the content itself


class Piece(Record):
    """Bytes that are a part of a blob."""

    blob: str  # address
    offset: int
    size: int


class Item(Record):
    """One named content of an input: in the specification itself, or pieces in order."""

    name: str  # as the model names its input
    form: ItemForm
    size: int  # bytes, as they were sent
    media_type: str = ""  # as sent with a file; empty: nothing was said
    inline: bytes | None = None
    pieces: tuple[Piece, ...] = ()
    location: ObjectLocation | None = None  # of an object that is still to be fetched


class NewInput(Record):
    """An input as it is submitted."""

    name: str  # unique in its job
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes of all items."""
        return sum(item.size for item in self.items)


class InputOutput(Record):
    """One output of an input: JSON in the row, or a blob of any media type."""

    name: str  # as the version names it, such as results.json
    media_type: str
    size: int  # bytes
    inline: str | None = None  # JSON
    blob: str | None = None  # address


class FinishedInput(Record):
    """What became of an input."""

    position: int  # in its job, from 0
    name: str
    state: InputState  # SUCCESSFUL or FAILED
    engine: str  # the process that ran it
    started_at: datetime
    ended_at: datetime
    elapsed_ms: int
    error: str | None = None  # of FAILED: what was wrong
    outputs: tuple[InputOutput, ...] = ()  # of SUCCESSFUL


class InferenceInput(Record):
    """An input as it is stored."""

    position: int  # in its job, from 0
    name: str
    state: InputState
    size: int  # bytes that were sent
    engine: str | None  # None: nothing ran it
    started_at: datetime | None
    updated_at: datetime  # when its state changed last
    ended_at: datetime | None
    elapsed_ms: int | None
    error: str | None  # why it failed
    outputs: tuple[InputOutput, ...]  # empty until it succeeded


class NewInferenceJob(Record):
    """What is needed to store an inference job, beside its inputs."""

    model_id: str
    model_name: str  # when it was submitted
    version_id: str
    version_label: str  # as the family shows it: its label, or N.0.0
    task_type: TaskType
    input_type: InputType
    explain: bool
    timeout_ms: int | None  # None: none was asked for
    submitted_by: str  # subject of the caller
    key_prefix: str | None  # public half of the caller's key; None: a token


class InferenceJob(NewInferenceJob):
    """An inference job as it is stored; its state and error are those of its job in the ledger."""

    organization_id: str
    job_id: str
    total: int  # inputs; of an OPEN job those that came so far
    completed: int  # inputs that succeeded
    failed: int  # inputs that failed
    input_bytes: int
    names: tuple[str, ...]  # of the inputs, in order; empty while the job is OPEN
    created_at: datetime
    submitted_at: datetime | None  # None: it is still OPEN, or ended so
    counted_at: datetime  # when one of its inputs finished last, else when it was made
    state: JobState
    cancel_requested: bool
    error: JobError | None
    started_at: datetime | None
    updated_at: datetime
    ended_at: datetime | None

    @property
    def pending(self) -> int:
        """Inputs that have not finished."""
        return self.total - self.completed - self.failed

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will become of it."""
        return is_terminal(self.state)

    @property
    def status(self) -> str:
        """The state in the words of the family."""
        return WORDS[self.state]

    def elapsed_ms(self, now: datetime) -> int:
        """Return the milliseconds from the submission to the end, or until now."""
        return _millis(self.submitted_at, self.ended_at or now)

    def queue_ms(self, now: datetime) -> int:
        """Return the milliseconds from the submission until it began to run, or ended, or until now."""
        return _millis(self.submitted_at, self.started_at or self.ended_at or now)

    @property
    def changed_at(self) -> datetime:
        """When the job or one of its inputs changed last."""
        return max(self.updated_at, self.counted_at)


def _millis(start: datetime | None, end: datetime) -> int:
    return 0 if start is None else max(0, (end - start) // timedelta(milliseconds=1))


class NamedItem(Protocol):
    """A content with a name."""

    @property
    def name(self) -> str:
        """As the model names its input."""

    @property
    def size(self) -> int:
        """Bytes."""


class NamedInput(Protocol):
    """An input with its contents."""

    @property
    def name(self) -> str:
        """Unique in its job."""

    @property
    def items(self) -> Sequence[NamedItem]:
        """Its contents."""


def check_name(field: str, name: str) -> None:
    """Raise InvalidArgument unless a name has 1 to 255 characters, and can be part of a path.

    Control characters cannot, and . and .. are resolved by clients and proxies, even if encoded.
    """
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidArgument.of(
            field, f"a name has {len(name)} characters; 1 to {MAX_NAME} are allowed"
        )
    if any(ord(one) < 32 or ord(one) == 127 for one in name):
        raise InvalidArgument.of(field, f"'{clip(name)}' holds a control character")
    if name in (".", ".."):
        raise InvalidArgument.of(field, f"'{name}' is no name, as it means a folder in paths")


def check_inputs(field: str, inputs: Sequence[NamedInput]) -> None:
    """Check the inputs of a job.

    Raises:
        InvalidArgument: there are none, or a name is wrong or given twice.
        TooLarge: there are too many, or one is too large.
    """
    check_count(field, len(inputs))
    seen: set[str] = set()
    for one in inputs:
        check_name(field, one.name)
        if one.name in seen:
            raise InvalidArgument.of(field, f"two inputs are called '{clip(one.name)}'")
        seen.add(one.name)
        if len(one.items) > MAX_ITEMS:
            raise TooLarge(
                f"The input '{clip(one.name)}' has {len(one.items)} items; at most {MAX_ITEMS} are "
                "allowed.",
                metadata={"limit": MAX_ITEMS, "input": one.name},
            )
        for item in one.items:
            if item.name:
                check_name(field, item.name)
        check_size(one.name, sum(item.size for item in one.items))


def check_count(field: str, count: int) -> None:
    """Raise InvalidArgument for no input at all, TooLarge for more than MAX_INPUTS."""
    if count < 1:
        raise InvalidArgument.of(field, "at least one input is needed")
    if count > MAX_INPUTS:
        raise TooLarge(
            f"The job has {count} inputs; at most {MAX_INPUTS} are allowed. Submit several jobs.",
            metadata={"limit": MAX_INPUTS, "sent": count},
        )


def check_size(name: str, size: int) -> None:
    """Raise TooLarge for an input of more than MAX_INPUT_BYTES."""
    if size > MAX_INPUT_BYTES:
        raise TooLarge(
            f"The input '{clip(name)}' has {size} bytes; at most {MAX_INPUT_BYTES} are allowed.",
            metadata={"limit": MAX_INPUT_BYTES, "sent": size, "input": name},
        )
