"""Explanations of texts by linear models: their time against that of the predictions alone.

One side predicts rows, the other explains them, which finds the features anew, with the words they
come from. Long texts are those of 43 languages, of which five classes are explained; short ones
have a dozen words, and all of their four classes are explained. Many rows are given together, as a
task of a job gives them, and one row alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import harness  # before numpy
import numpy as np
import pyarrow as pa

sys.path.insert(0, str(harness.Path(__file__).resolve().parents[1]))

from assay.learning.explanations.explaining import explain_batch
from assay.learning.model import Model
from assay.learning.rows import TaskType
from tests.support.learning_rows import language_rows, text_rows, trained
from tools.demo.languages import LANGUAGES

TASK = TaskType.TEXT_CLASSIFICATION
CLASSES = ("north", "east", "south", "west")
ROWS = 64  # of a task
SHORT = 512


def short_rows(count: int) -> pa.RecordBatch:
    """Return rows of a dozen words, one of them of the row's class."""
    draw = np.random.default_rng(7)
    words = [f"word{number}" for number in range(3_000)]
    labels = [CLASSES[row % len(CLASSES)] for row in range(count)]
    texts = [" ".join([*draw.choice(words, 11), label]) for label in labels]
    return text_rows(texts, labels)


def ratio(name: str, model: Model, rows: pa.RecordBatch, repeats: int = 1) -> harness.Ratio:
    """Return the time of explaining rows over that of predicting them."""

    def often(call: Callable[[], object]) -> Callable[[], object]:
        return lambda: [call() for _ in range(repeats)]

    ours, peer = harness.alternate(
        often(lambda: explain_batch(model, rows)), often(lambda: model.predict(rows)), runs=15
    )
    return harness.Ratio(name=name, ours=ours, peer=peer, peer_name="predictions", at_most=2)


def main() -> int:
    long = language_rows("test", tuple(LANGUAGES), 30)
    language = trained(TASK, [language_rows("train", tuple(LANGUAGES), 30)])
    short = short_rows(SHORT)
    points = trained(TASK, [short_rows(2_000)])
    return harness.report(
        f"Explaining texts in {len(language.labels)} languages, and short ones of four classes",
        [
            ratio(f"{ROWS} long texts together", language, long.slice(0, ROWS)),
            ratio(f"{long.num_rows} long texts together", language, long),
            ratio("one long text", language, long.slice(5, 1), repeats=50),
            ratio(f"{ROWS} short texts together", points, short.slice(0, ROWS), repeats=10),
            ratio(f"{SHORT} short texts together", points, short),
            ratio("one short text", points, short.slice(5, 1), repeats=50),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
