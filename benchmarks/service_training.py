"""Jobs of models on the whole service, against the same work by hand in scikit-learn.

The clock of a job runs from its submission to its end on the watch: rows are read from the store,
features, the state of every epoch and all results are stored on the way. By hand the same rows are
in memory, and the same is done with them: features, epochs with the losses of the training and
validation rows, predictions of all splits and their metrics. Jobs and hand take turns, and the CPU
seconds of either are told beside, as other work on the machine may slow one of them: that is the better measure where both do the
work in one process.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import harness
import numpy as np
import processes
import projects
import pyarrow as pa
from PIL import Image
from projects import Ended, Project
from sklearn import metrics
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline, make_union

from assay.learning.hyperparameters import resolve
from assay.learning.images import image_features
from assay.learning.model import Model
from assay.learning.rows import TaskType, canonical_schema
from tools.demo.languages import language_records

RUNS = 3
TRAINING_AT_MOST = 1.5
SEARCH_AT_LEAST = 1.6
EVALUATION_AT_MOST = 1.3
EPOCH_AT_MOST = 1.2
EPOCHS = 500
COMPARED = 100  # epochs at either end, after the first few
SKIPPED = 10
TRIALS = 16
SEARCHES = 2  # of each; they are long
PER_LANGUAGE = 40  # texts
EVALUATED = 4_000  # texts

Split = dict[str, list[Any]]
Splits = dict[str, Split]  # columns of rows, by split


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Wall and CPU seconds."""

    seconds: float
    cpu: float


def timed(call: Callable[[], object]) -> Timed:
    """Time a call of this process."""
    start, before = time.perf_counter(), time.process_time()
    call()
    return Timed(seconds=time.perf_counter() - start, cpu=time.process_time() - before)


def digits() -> Splits:
    """Return the digits as PNG files: 1 000 to train with, 397 to validate, 400 to test."""
    data = load_digits()
    order = np.random.default_rng(7).permutation(len(data.target))

    def png(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8)).save(file, "PNG")
        return file.getvalue()

    def split(chosen: np.ndarray) -> Split:
        return {
            "row_id": [f"digit-{number}" for number in chosen],
            "image": [png(data.images[number]) for number in chosen],
            "label": [str(data.target[number]) for number in chosen],
        }

    cuts = np.split(order, [1_000, 1_397])
    return dict(zip(("train", "validation", "test"), map(split, cuts), strict=True))


def texts() -> Splits:
    """Return names in 43 languages, joined: 1 032 records to train with, 344 and 344 others."""

    def split(name: str) -> Split:
        found = list(language_records(name, per_language=PER_LANGUAGE))
        return {
            "row_id": [one.row_id for one in found],
            "pages": [[one.text] for one in found],
            "label": [one.label for one in found],
        }

    return {name: split(name) for name in ("train", "validation", "test")}


def tables(splits: Splits, task: TaskType) -> dict[str, list[pa.RecordBatch]]:
    """Return splits as the batches of files."""
    schema = canonical_schema(task)
    return {name: pa.table(columns, schema=schema).to_batches() for name, columns in splits.items()}


def digits_by_hand(splits: Splits) -> None:
    """Train on digits, and measure."""

    def features(files: list[bytes]) -> np.ndarray:
        images = (Image.open(io.BytesIO(one)).convert("RGB").resize((32, 32)) for one in files)
        return image_features(np.stack([np.asarray(image) for image in images]))

    found = {name: features(split["image"]) for name, split in splits.items()}
    _train_by_hand(found, splits, TaskType.IMAGE_CLASSIFICATION)


def texts_by_hand(splits: Splits) -> None:
    """Train on texts, and measure."""
    counts: dict[str, Any] = {"n_features": 2**18, "norm": None, "alternate_sign": False}
    union = make_union(
        HashingVectorizer(analyzer="word", **counts),
        HashingVectorizer(analyzer="char_wb", ngram_range=(1, 3), **counts),
    )
    pipeline = make_pipeline(union, TfidfTransformer())
    rows = {name: [pages[0] for pages in split["pages"]] for name, split in splits.items()}
    found = {"train": pipeline.fit_transform(rows["train"])}
    found |= {name: pipeline.transform(rows[name]) for name in ("validation", "test")}
    _train_by_hand(found, splits, TaskType.TEXT_CLASSIFICATION)


def _train_by_hand(features: dict[str, Any], splits: Splits, task: TaskType) -> None:
    labels = {name: np.array(split["label"]) for name, split in splits.items()}
    classes = np.unique(labels["train"])
    model = SGDClassifier(loss="log_loss", random_state=0)
    for _ in range(resolve(task, {}).integer("num_train_epochs")):
        model.partial_fit(features["train"], labels["train"], classes=classes)
        for name in ("train", "validation"):
            metrics.log_loss(labels[name], model.predict_proba(features[name]), labels=classes)
    for name, matrix in features.items():
        _measure_by_hand(labels[name], model.predict_proba(matrix), classes)


def _measure_by_hand(truth: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> None:
    """Compute what a report of a classifier shows."""
    found = classes[np.argmax(scores, axis=1)]
    metrics.classification_report(truth, found, zero_division=0)
    metrics.confusion_matrix(truth, found, labels=classes)
    metrics.log_loss(truth, scores, labels=classes)
    wanted = truth[:, np.newaxis] == classes
    metrics.roc_auc_score(wanted, scores, average=None)
    metrics.average_precision_score(wanted, scores, average=None)


def stored(service: processes.Service, name: str, task: TaskType, splits: Splits) -> Project:
    """Store splits as the dataset of a new project."""
    project = Project(
        service=service, channel=projects.channel_of(service), name=name, task_type=task
    )
    for split, batches in tables(splits, task).items():
        project.upload(split, projects.arrow_file(batches))
    return project


def median(runs: list[Ended] | list[Timed], of: str = "seconds") -> float:
    """Return the median of a time of runs."""
    return statistics.median(getattr(one, of) for one in runs)


def ratio(name: str, ours: list[Any], peer: list[Any], **bar: Any) -> harness.Ratio:
    """Return the ratio of wall times; its name tells that of CPU seconds."""
    cpu = median(ours, "cpu") / median(peer, "cpu")
    return harness.Ratio(
        name=f"{name} (CPU {cpu:.2f}×)", ours=median(ours), peer=median(peer), **bar
    )


def against_hand(project: Project, by_hand: Callable[[], None]) -> harness.Ratio:
    """Return the ratio of trainings to the same by hand."""
    project.run("training")  # modules are imported, and files in memory
    by_hand()
    ours, peer = [], []
    for _ in range(RUNS):
        ours.append(project.run("training"))
        peer.append(timed(by_hand))
    hashes = {project.artifact(one.version_id) for one in ours}
    if len(hashes) != 1:
        raise RuntimeError(f"trainings of {project.name} gave {len(hashes)} different artifacts")
    return ratio(
        f"training on {project.name}",
        ours,
        peer,
        peer_name="scikit-learn by hand",
        at_most=TRAINING_AT_MOST,
    )


def searches(one: Project, two: Project) -> harness.Ratio:
    """Return how much faster two processes search than one."""
    asked = {"do_hyperparam_optimization": True, "hp_search_num_trials": TRIALS}
    runs: tuple[list[Ended], list[Ended]] = ([], [])
    for project in (one, two):
        project.run("training", {**asked, "num_train_epochs": 1})
    for _ in range(SEARCHES):
        for project, ended in zip((one, two), runs, strict=True):
            ended.append(project.run("training", asked))
    artifacts = {
        project.artifact(ended.version_id)
        for project, found in zip((one, two), runs, strict=True)
        for ended in found
    }
    if len(artifacts) != 1:
        raise RuntimeError("searches on one and two processes gave different models")
    alone, shared = (statistics.median(one.longest for one in found) for found in runs)
    return harness.Ratio(
        name=f"search of {TRIALS} trials, two processes (longest process {alone / shared:.2f}×)",
        ours=median(runs[1]),
        peer=median(runs[0]),
        peer_name="one process",
        at_least=SEARCH_AT_LEAST,
    )


def evaluations(one: Project, two: Project, split: Split) -> Iterator[harness.Ratio]:
    """Yield the ratios of evaluations to predictions in batches and their metrics by hand."""
    versions = [project.run("training").version_id for project in (one, two)]
    (batch,) = pa.table(split, schema=canonical_schema(TaskType.TEXT_CLASSIFICATION)).to_batches()
    data = one.artifact(versions[0])
    truth = np.array(split["label"])

    def by_hand() -> None:
        model = Model.decode(data)
        size = 1_000
        parts = [model.predict(batch.slice(at, size)) for at in range(0, batch.num_rows, size)]
        scores = np.concatenate([part.probabilities for part in parts])
        _measure_by_hand(truth, scores, np.array(model.labels))

    one.run("evaluation", version_id=versions[0])
    by_hand()
    ours, with_two, peer = [], [], []
    for _ in range(RUNS):
        ours.append(one.run("evaluation", version_id=versions[0]))
        peer.append(timed(by_hand))
        with_two.append(two.run("evaluation", version_id=versions[1]))
    hashes = [
        project.result_hashes(version)
        for project, version in zip((one, two), versions, strict=True)
    ]
    if hashes[0] != hashes[1] or not hashes[0]:
        raise RuntimeError("evaluations on one and two processes gave different bits")
    name = f"evaluation on {batch.num_rows:,} texts"
    told = {"peer_name": "predict and metrics by hand"}
    yield ratio(f"{name}, one process", ours, peer, **told, at_most=EVALUATION_AT_MOST)
    yield ratio(f"{name}, two processes", with_two, peer, **told)


def epochs(project: Project) -> harness.Ratio:
    """Return the ratio of the last epochs of a long training to its first."""
    last, first = [], []
    for _ in range(RUNS):
        at = project.run("training", {"num_train_epochs": EPOCHS}).epochs
        last.append(at[-1] - at[-1 - COMPARED])
        first.append(at[SKIPPED + COMPARED] - at[SKIPPED])
    return harness.Ratio(
        name=f"the last {COMPARED} of {EPOCHS} epochs",
        ours=statistics.median(last),
        peer=statistics.median(first),
        peer_name="as many first ones",
        at_most=EPOCH_AT_MOST,
    )


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("training", "search", "evaluation", "epochs"))
    only = parser.parse_args().only
    image, text = TaskType.IMAGE_CLASSIFICATION, TaskType.TEXT_CLASSIFICATION
    digit_rows, text_rows = digits(), texts()
    ratios: list[harness.Ratio] = []
    with processes.service(workers="1") as with_one, processes.service(workers="2") as with_two:
        if only in (None, "training"):
            project = stored(with_two, "digits", image, digit_rows)
            ratios.append(against_hand(project, lambda: digits_by_hand(digit_rows)))
            project = stored(with_two, "texts", text, text_rows)
            ratios.append(against_hand(project, lambda: texts_by_hand(text_rows)))
        if only in (None, "search"):
            pair = [stored(one, "search", text, text_rows) for one in (with_one, with_two)]
            ratios.append(searches(*pair))
        if only in (None, "evaluation"):
            many = repeated(text_rows["test"], EVALUATED)
            pair = [
                stored(one, "evaluation", text, {**text_rows, "test": many})
                for one in (with_one, with_two)
            ]
            ratios += evaluations(*pair, many)
        if only in (None, "epochs"):
            ratios.append(epochs(stored(with_two, "epochs", image, digit_rows)))
    return harness.report("Jobs of models on the whole service", ratios)


def repeated(split: Split, rows: int) -> Split:
    """Return the rows of a split over and over, each with an id of its own."""
    count = len(split["row_id"])
    columns = {name: (values * -(-rows // count))[:rows] for name, values in split.items()}
    return {**columns, "row_id": [f"row-{number}" for number in range(rows)]}


if __name__ == "__main__":
    sys.exit(main())
