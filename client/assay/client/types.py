"""What the client returns: frozen values with Python's own types.

Metrics are plain mappings from a metric's name to its value. A metric that has no
value is absent from them and listed in `undefined` with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

TERMINAL_STATES = frozenset({"succeeded", "failed", "canceled", "timed_out"})

Split = Literal["train", "validation", "test"]
Average = Literal["micro", "macro", "weighted"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model: what is evaluated, over all of its versions."""

    model_id: str
    name: str
    task_type: str  # classification, regression or extraction
    description: str
    project_path: str | None
    labels: tuple[str, ...]  # () when they are inferred from the predictions
    positive_label: str | None
    status: str  # draft, training or ready
    promoted_version_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Version:
    """One trained state of a model."""

    version_id: str
    model_id: str
    version_number: int
    status: str  # draft, training, ready or failed
    is_promoted: bool
    algorithm: str
    hyperparameters: Mapping[str, object]
    metrics: Mapping[str, float]  # of the newest evaluation of the test split
    label: str | None
    created_at: datetime
    trained_at: datetime | None
    promoted_at: datetime | None
    promoted_by: str | None


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """The version that is served from now on."""

    model_id: str
    version_id: str
    version_number: int
    promoted_at: datetime
    promoted_by: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a job ended without a result."""

    reason: str
    message: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One version measured on one split."""

    evaluation_id: str
    model_id: str
    version_id: str
    dataset_split: str
    revision: int
    job_id: str
    status: str  # open, queued, running, succeeded, failed, canceled or timed_out
    next_row: int  # where an upload goes on
    rows: int
    metrics: Mapping[str, float]
    undefined: Mapping[str, str]  # metric → reason
    labels: tuple[str, ...]
    label_set_inferred: bool
    positive_label: str | None
    clipped_rows: int  # probabilities that the log loss had to clip
    failure: Failure | None
    metric_spec_hash: str
    metric_spec: str  # canonical JSON
    result_hash: str
    created_at: datetime
    evaluated_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PerformanceSummary:
    """The headline numbers of a version on a split."""

    model_id: str
    version_id: str
    task_type: str
    dataset_split: str
    metrics: Mapping[str, float]
    undefined: Mapping[str, str]
    rows: int
    averaging: str | None  # positive_class or weighted
    positive_label: str | None
    label_set_inferred: bool
    evaluation_id: str
    metric_spec_hash: str
    weight: float | None  # of all rows; None where rows have no weights
    zero_targets: int | None  # rows that mape leaves out; None for classification
    evaluated_at: datetime


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """The scores of one class."""

    precision: float
    recall: float
    f1_score: float
    support: int
    roc_auc: float | None
    average_precision: float | None
    ece: float | None
    weight: float | None  # None where rows have no weights


@dataclass(frozen=True, kw_only=True)
class OverallScores:
    """Scores over all classes, averaged as `average` says."""

    accuracy: float
    precision: float
    recall: float
    f1_score: float
    average: str


@dataclass(frozen=True, kw_only=True)
class ClassificationReport:
    """Precision, recall, F1 and support of every class, in the order of the labels."""

    model_id: str
    version_id: str
    dataset_split: str
    per_class: Mapping[str, ClassScores]
    overall: OverallScores
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """Counts of (true, predicted) pairs: `counts[i][j]` are truly `labels[i]`, predicted `labels[j]`."""

    model_id: str
    version_id: str
    dataset_split: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    positive_label: str | None
    # Shares of each true label's rows, where asked for; a label without rows has none.
    shares: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How far a job is: shards finished of those known, and rows that are durable."""

    done: int
    total: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """Anything durable that runs."""

    job_id: str
    kind: str
    status: str
    resource_id: str
    progress: JobProgress
    attempts: int
    failure: Failure | None
    last_sequence: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    deadline: datetime | None = None  # timed_out from then on
    next_attempt_at: datetime | None = None  # of a job that is tried again later
    max_attempts: int = 0  # how often a runner may take it


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """A change of a job's state; numbered without gaps, never dropped."""

    sequence: int
    at: datetime
    from_state: str | None  # None for a new job
    to_state: str
    cause: str
    failure: Failure | None

    @property
    def is_terminal(self) -> bool:
        """True for a job's last event."""
        return self.to_state in TERMINAL_STATES


@dataclass(frozen=True, kw_only=True)
class ComparedDocument:
    """What came of one document of a benchmark."""

    document_id: str
    right: int
    comparisons: int


@dataclass(frozen=True, kw_only=True)
class FieldStanding:
    """How right one field of a benchmark is so far, or in some documents."""

    field: str  # its path in the schema
    right: int
    comparisons: int
    exact_right: int  # to the character
    correct: int  # a value was expected and the same was extracted
    wrong_value: int
    invented: int
    missed: int

    def __add__(self, other: FieldStanding) -> FieldStanding:
        """Return the standing in the documents of both."""
        return FieldStanding(
            field=self.field,
            right=self.right + other.right,
            comparisons=self.comparisons + other.comparisons,
            exact_right=self.exact_right + other.exact_right,
            correct=self.correct + other.correct,
            wrong_value=self.wrong_value + other.wrong_value,
            invented=self.invented + other.invented,
            missed=self.missed + other.missed,
        )

    @property
    def accuracy(self) -> float:
        """Right comparisons over all."""
        return self.right / self.comparisons

    @property
    def accuracy_exact(self) -> float:
        """Comparisons that are right to the character over all."""
        return self.exact_right / self.comparisons

    @property
    def precision(self) -> float | None:
        """Correct ones over those in which a value was extracted; None where there are none."""
        extracted = self.correct + self.wrong_value + self.invented
        return self.correct / extracted if extracted else None

    @property
    def recall(self) -> float | None:
        """Correct ones over those in which a value was expected; None where there are none."""
        expected = self.correct + self.wrong_value + self.missed
        return self.correct / expected if expected else None


@dataclass(frozen=True, kw_only=True)
class DocumentsCompared:
    """Documents of a benchmark whose results are durable; numbered as the changes of state are."""

    sequence: int
    at: datetime
    documents: tuple[ComparedDocument, ...]
    fields: tuple[FieldStanding, ...]  # in these documents

    @property
    def is_terminal(self) -> bool:
        """False: a job's last event is a change of its state."""
        return False


@dataclass(frozen=True, kw_only=True)
class JobLevel:
    """The newest value of something that changes all the time; a slow reader misses older ones."""

    as_of_sequence: int
    progress: JobProgress | None = None
    rows: int | None = None
    metrics: Mapping[str, float] | None = None  # exact, of the rows so far
    documents: int | None = None  # of a benchmark, compared so far
    fields: tuple[FieldStanding, ...] | None = None  # of these


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where an evaluation stands, as `on_progress` is told."""

    phase: Literal["upload", "measure"]
    rows: int  # rows that are durable
    total_rows: int | None  # None when a file's length is not known beforehand
    done: int = 0  # shards, while it is measured
    total: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)  # exact, of `rows`


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """An API key, without its secret."""

    prefix: str
    name: str
    permissions: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class NewApiKey:
    """A key that was just made; `secret` (`prefix.secret`) is shown only here."""

    key: ApiKey
    secret: str


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """What the server is and what it takes."""

    version: str
    metrics_version: str
    limits: Mapping[str, int]
