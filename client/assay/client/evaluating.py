"""Steps of both clients that bring an evaluation from rows to its result."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assay.client import types
from assay.client.errors import BadInput, EvaluationFailed, Refusal
from assay.v1.evaluation_service_pb2 import UploadPredictionsRequest

if TYPE_CHECKING:  # NumPy and PyArrow come with the extra `arrow`
    from assay.client.batches import EncodedBatch

IN_FLIGHT = 8  # batches that are sent and not acknowledged
Values = Any  # one column: a NumPy array, list, Series, tensor, Arrow array, …


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an evaluation is, as `on_progress` is told."""

    phase: Literal["upload", "measure"]
    rows: int  # rows that are durable
    total_rows: int | None  # None when a file's length is not known beforehand
    done: int = 0  # tasks, while it is measured
    total: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)  # exact, of `rows`
    job_id: str = ""  # of the measurement, which goes on whether or not anybody waits for it


OnProgress = Callable[[Progress], None]


def ignore_progress(_: Progress) -> None:
    """Do nothing; the default of `on_progress`."""


def _encoder() -> Callable[..., tuple[Iterator[EncodedBatch], int | None]]:
    """Return what makes batches of rows; raises BadInput where NumPy or PyArrow is absent."""
    try:
        from assay.client.rows import encoded  # noqa: PLC0415 — they come with the extra `arrow`
    except ImportError as error:
        raise BadInput("Sending rows needs NumPy and PyArrow: pip install numpy pyarrow") from error
    return encoded


def check_split(split: object, order: str, way_out: str = "") -> None:
    """Raise BadInput where something else than a split stands in its place."""
    if not isinstance(split, str):
        kind = type(split).__name__
        text = f"split is a {kind}; the order is model, version, {order}. {way_out}"
        raise BadInput(text.rstrip())


@dataclass(frozen=True, kw_only=True)
class EvaluationPlan:
    """One evaluation to be made: what it is of, its rows, and who is told of its progress."""

    created: Mapping[str, Any]  # the arguments by which it is created
    data: object
    columns: Mapping[str, Values | None]
    batch_bytes: int
    on_progress: OnProgress
    request_id: str = ""  # of a file; "" has one made
    truth: Mapping[str, Any] = field(default_factory=dict)  # which dataset has the ground truth

    def __post_init__(self) -> None:
        check_split(
            self.created["split"], "split and data", "Pass columns by keyword, such as y_true=…."
        )
        if self.truth and any(column is not None for column in self.columns.values()):
            raise BadInput("With `truth`, pass a path, an Arrow table, a data frame or rows.")
        if self.path is None and not self.truth:
            _encoder()

    @property
    def path(self) -> Path | None:
        """The file that is sent as it is, if that is what was passed; raises BadInput."""
        if not isinstance(self.data, (str, os.PathLike)):
            return None
        if any(column is not None for column in self.columns.values()):
            raise BadInput("Pass either `data` or columns by keyword, not both.")
        return Path(self.data)

    @property
    def asked(self) -> dict[str, Any]:
        """The fields of a request that sends a file."""
        fields = {"no_wait": True, "request_id": self.request_id, **self.created, **self.truth}
        fields["dataset_split"] = fields.pop("split")
        return fields

    def batches(self, *, task_type: str) -> tuple[Iterator[EncodedBatch], int | None]:
        """Return the rows as they travel, and their number where it is known; raises BadInput."""
        return _encoder()(
            self.data,
            self.columns,
            numeric_targets=task_type == "regression",
            limit=self.batch_bytes,
        )

    def report_upload(self, rows: int, total: int | None, metrics: Mapping[str, float]) -> None:
        """Tell of rows that are durable, and of their metrics."""
        self.on_progress(Progress(phase="upload", rows=rows, total_rows=total, metrics=metrics))


class UploadWindow:
    """Batches on their way: taken, sent, acknowledged; what a new connection sends again."""

    def __init__(self, evaluation_id: str, batches: Iterator[EncodedBatch]) -> None:
        self.evaluation_id = evaluation_id
        self._batches = batches
        # Sent and not acknowledged, oldest first.
        self._unacknowledged: deque[EncodedBatch] = deque()
        self._size = IN_FLIGHT
        self._sent = 0  # of these, on this connection
        self.next_row = 0
        self.metrics: Mapping[str, float] = {}  # of the rows that are durable

    def requests(self) -> list[UploadPredictionsRequest]:
        """Take batches until the window is full; return the requests to be sent now."""
        while len(self._unacknowledged) < self._size:
            batch = next(self._batches, None)
            if batch is None:
                break
            self._unacknowledged.append(batch)
        new = list(self._unacknowledged)[self._sent : self._size]
        self._sent += len(new)
        return [
            UploadPredictionsRequest(
                evaluation_id=self.evaluation_id,
                first_row=batch.first_row,
                sha256=batch.sha256,
                arrow=batch.arrow,
            )
            for batch in new
        ]

    @property
    def is_waiting(self) -> bool:
        """True while something is not acknowledged."""
        return bool(self._unacknowledged)

    def acknowledge(self, next_row: int, metrics: Mapping[str, float]) -> None:
        """Forget what is durable, remember its metrics, and let more be in flight."""
        self.metrics = dict(sorted(metrics.items()))
        self._size = min(IN_FLIGHT, self._size + 1)
        waiting = len(self._unacknowledged)
        self._forget(next_row)
        self._sent -= waiting - len(self._unacknowledged)

    def reconnect(self, next_row: int) -> None:
        """Begin again behind what is durable; a connection that breaks is given less load."""
        self._size = max(1, self._size // 2)
        self._forget(next_row)
        self._sent = 0

    def _forget(self, next_row: int) -> None:
        self.next_row = next_row
        while self._unacknowledged and self._unacknowledged[0].first_row < next_row:
            self._unacknowledged.popleft()


class Measuring:
    """The progress of an evaluation whose rows are sent, as its job's status tells it."""

    def __init__(
        self, job_id: str, rows: int, metrics: Mapping[str, float], on_progress: OnProgress
    ) -> None:
        """Take the number of rows, which is 0 while only the service knows it, and their metrics."""
        self._job_id = job_id
        self._rows = rows
        self._on_progress = on_progress
        self._tasks = (0, 0)
        self._metrics = metrics

    def take(self, item: object) -> None:
        """Take one event or status of the job, and tell of it."""
        if isinstance(item, types.JobStatus):
            if item.progress is not None:
                self._tasks = item.progress.done, item.progress.total
                self._rows = max(self._rows, item.progress.rows)
            if item.metrics is not None:
                self._metrics = item.metrics.metrics
        self.tell()

    def tell(self) -> None:
        """Tell where the job stands."""
        done, total = self._tasks
        self._on_progress(
            Progress(
                phase="measure",
                rows=self._rows,
                total_rows=self._rows or None,
                done=done,
                total=total,
                metrics=self._metrics,
                job_id=self._job_id,
            )
        )


def succeeded(found: types.Evaluation) -> types.Evaluation:
    """Return an evaluation whose job has ended; raises EvaluationFailed if without a result."""
    if found.status == "succeeded":
        return found
    raise EvaluationFailed(
        ended(
            found.failure,
            otherwise=f"Evaluation {found.evaluation_id} ended {found.status}.",
            status=found.status,
            evaluation_id=found.evaluation_id,
        )
    )


def ended(failure: types.Failure | None, *, otherwise: str, status: str, **ids: str) -> Refusal:
    """Return why a job ended without a result: by its failure, or by its status."""
    if failure is None:
        return Refusal(message=otherwise, reason=status.upper(), metadata=ids)
    metadata = {**failure.metadata, **ids}
    return Refusal(message=failure.message, reason=failure.reason, metadata=metadata)
