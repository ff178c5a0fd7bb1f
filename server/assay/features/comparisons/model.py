"""Two versions measured on the same rows: what is asked of the job kind `comparison`, and its end."""

from __future__ import annotations

from collections.abc import Mapping

from assay.features.evaluations.model import EvaluationSpec
from assay.metrics.intervals import Interval
from assay.records import Record, sha256_hex

COMPARISON_KIND = "comparison"
MAX_ROWS = 2_000_000  # of both sides that are held in memory together
DIFFERENT_ROWS = "DIFFERENT_ROWS"  # of ids, number, truth, weight or cluster
DIFFERENT_SPECS = "DIFFERENT_SPECS"
TOO_MANY_ROWS = "TOO_MANY_ROWS"


def comparison_job_id(evaluation_a: str, evaluation_b: str, attempt: int = 0) -> str:
    """Return the id of the job that compares b with a: a pair has one, until it fails."""
    again = f"/{attempt}" if attempt else ""
    digest = sha256_hex(f"{COMPARISON_KIND}/{evaluation_a}/{evaluation_b}{again}".encode())
    # A UUID by its form, version 8: made of a hash of our own choice (RFC 9562).
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


class Side(Record):
    """One of the two evaluations."""

    evaluation_id: str
    blobs: tuple[str, ...]  # addresses of its rows' chunks, in the order of rows
    rows: tuple[int, ...]  # of each chunk

    @property
    def total(self) -> int:
        """The number of rows."""
        return sum(self.rows)


class ComparisonJob(Record):
    """The spec of one comparison job."""

    a: Side  # the base
    b: Side  # what is compared with it
    spec: EvaluationSpec  # what the columns of both obey
    labels: tuple[str, ...]  # classes in order; empty for regression
    positive_label: str | None


class McNemarTest(Record):
    """Whether two classifiers err equally often on the same rows."""

    only_a: int  # rows that a alone has right
    only_b: int  # rows that b alone has right
    p_value: float  # two-sided and exact


class AreasTest(Record):
    """Two ROC AUCs of the same rows (DeLong)."""

    area_a: float
    area_b: float
    difference: float  # b - a
    low: float | None  # of the difference; None: fewer than two rows of either class
    high: float | None
    p_value: float | None  # two-sided


class PairedTests(Record):
    """What two evaluations of the same rows say of each other, or why they say nothing."""

    rows: int
    reason: str | None = None  # why there are no tests
    mcnemar: McNemarTest | None = None
    roc_auc: AreasTest | None = None
    differences: Mapping[str, Interval] = {}  # b - a, by metric
    # Why one of "mcnemar", "roc_auc" and "differences" is not there.
    undefined: Mapping[str, str] = {}
