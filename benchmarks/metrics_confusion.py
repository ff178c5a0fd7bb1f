"""Confusion matrix with every per-class and averaged score, from coded labels and from strings.

Assay's side is what the service runs: a statistic per 64 Ki rows, encoded, decoded, merged, and
the report and every count metric read off the merged one. Peers: scikit-learn's
`classification_report` on integers, and a bare `np.bincount` over the same codes.

From strings, NumPy's or a list's, both ends are ours: the client codes them and writes Arrow
chunks, and what a compute child does with an upload's chunk reads, checks and counts them. The
peer is `classification_report` on the same strings.
"""

from __future__ import annotations

import sys

import harness
import numpy as np
from sklearn.metrics import classification_report

from assay import records
from assay.client.batches import encode_batches
from assay.client.columns import from_columns
from assay.features.evaluations.ingest import ingest_chunk
from assay.features.evaluations.job_results import evaluation_result, measure
from assay.features.evaluations.job_spec import CHUNKS, EvaluationJob
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.partial_aggregate import PartialAggregate, merge_in_groups
from assay.features.models.model import TaskType
from assay.metrics.classification_report import class_report
from assay.metrics.order_statistics import ResidualCounts
from assay.metrics.ranking import RankCounts
from assay.metrics.registry import live
from assay.metrics.spec import classification_spec
from assay.metrics.statistics import ClassificationStatistic
from assay.records.arrays import decode, encode
from assay.records.predictions import ClassificationChunk

CHUNK = 65_536
CLASSES = 10
LABELS = tuple(str(label) for label in range(CLASSES))
SPEC = EvaluationSpec(task_type=TaskType.CLASSIFICATION)
UPLOAD = records.encode(
    EvaluationJob(
        evaluation_id="evl-bench",
        model_id="mdl-bench",
        version_id="ver-bench",
        dataset_split="test",
        spec=SPEC,
        source=CHUNKS,
    )
)


def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted uint8 codes of ten balanced classes, 85 % of them right."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, CLASSES, n).astype(np.uint8)
    noise = rng.integers(0, CLASSES, n).astype(np.uint8)
    return true, np.where(rng.random(n) < 0.85, true, noise)


def assay(true: np.ndarray, predicted: np.ndarray) -> object:
    """Measure as the service does."""
    partials = [
        encode(
            ClassificationStatistic.from_chunk(
                ClassificationChunk(
                    labels=LABELS,
                    fixed=True,
                    true=true[i : i + CHUNK],
                    predicted=predicted[i : i + CHUNK],
                )
            )
        )
        for i in range(0, len(true), CHUNK)
    ]
    whole = ClassificationStatistic.merge_all(
        decode(ClassificationStatistic, one) for one in partials
    )
    spec = classification_spec(declared=LABELS)
    return class_report(whole.confusion, spec), live(whole, spec)


def bincount(true: np.ndarray, predicted: np.ndarray) -> object:
    """Count the pairs of codes, and nothing else."""
    return np.bincount(true * np.uint8(CLASSES) + predicted, minlength=CLASSES * CLASSES)


def strings(true: object, predicted: object) -> object:
    """Measure columns of strings as client and service do, the wire between them left out."""
    source = from_columns(
        y_true=true, y_pred=predicted, scores=None, labels=None, row_id=None, slices=None
    )
    taken = [
        ingest_chunk(UPLOAD, chunk.arrow, chunk.first_row)
        for chunk in encode_batches(source.tables, text_labels=True)
    ]
    whole = merge_in_groups(decode(PartialAggregate, one.partial) for one in taken)
    measured = measure(whole, SPEC, RankCounts(), ResidualCounts(values={}))
    return evaluation_result(measured, "")


def of_strings() -> list[harness.Ratio]:
    """Compare a million rows of names."""
    names = np.array([f"class number {label}" for label in LABELS])
    arrays = [names[codes] for codes in rows(1_000_000)]
    ratios = []
    for kind, columns in (("NumPy", arrays), ("list", [array.tolist() for array in arrays])):
        ours, peer = harness.alternate(
            lambda c=columns: strings(*c),
            lambda c=columns: classification_report(*c, output_dict=True),
            runs=3,
        )
        ratios.append(
            harness.Ratio(
                name=f"from strings ({kind}) to the result, 1 M",
                ours=ours,
                peer=peer,
                peer_name="sklearn classification_report, the same strings",
                at_least=30,
            )
        )
    return ratios


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    ratios = of_strings()
    for n, name, runs in ((1_000_000, "1 M", 5), (10_000_000, "10 M", 1)):
        true, predicted = rows(n)
        wide = true.astype(np.int64), predicted.astype(np.int64)
        ours, peer = harness.alternate(
            lambda t=true, p=predicted: assay(t, p),
            lambda w=wide: classification_report(*w, output_dict=True),
            runs=runs,
            warm=n < 10_000_000,
        )
        ratios.append(
            harness.Ratio(
                name=f"report + confusion, {name}",
                ours=ours,
                peer=peer,
                peer_name="sklearn classification_report, int64",
                at_least=40,
            )
        )
        ours, floor = harness.alternate(
            lambda t=true, p=predicted: assay(t, p),
            lambda t=true, p=predicted: bincount(t, p),
            runs=15,
        )
        ratios.append(
            harness.Ratio(
                name=f"report + confusion, {name}",
                ours=ours,
                peer=floor,
                peer_name="bare np.bincount, same codes",
                at_most=1.5,
            )
        )
    return harness.report("Confusion matrix, report and count metrics from uint8 codes", ratios)


if __name__ == "__main__":
    sys.exit(main())
