"""Fields of printed invoices, learned: F1 on other invoices of the same and of new locales.

The pages are the demo's, of another seed than those that are trained on; two locales are left out of
the training, of which one has a language that no other one has. Features and states are stored between
the steps, as a job does. A field is right when its whole value is. Per-word labels by scikit-learn's
SGDClassifier on the same features, put together to fields, are what the chain of labels is worth.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import harness  # before numpy
import numpy as np
import pyarrow as pa
from sklearn.linear_model import SGDClassifier

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assay.learning import artifact
from assay.learning.families import family_of
from assay.learning.feature_block import FeatureBlock
from assay.learning.hyperparameters import resolve
from assay.learning.model import Model
from assay.learning.predictions import WordPredictions
from assay.learning.rows import TaskType, canonical_schema
from assay.learning.word_fields import predicted_fields, true_fields
from assay.learning.word_rows import read_labels, read_words
from assay.metrics.tag_counts import TagCounts
from tools.demo.invoices import invoices
from tools.demo.pages import FIELDS, Page, pages

BAR = 0.90  # of micro-averaged field F1, on locales that were trained on
TRAINED, OTHERS = 800, 600  # pages
LEFT_OUT = ("de_CH", "pl_PL")
BLOCK = 200  # pages
TASK = TaskType.EXTRACTION
SCHEMA = canonical_schema(TASK, boxes=True)
HYPERPARAMETERS = resolve(TASK, {})
EPOCHS = HYPERPARAMETERS.integer("num_train_epochs")


def rows(printed: Sequence[Page], *, boxes: bool = True) -> pa.RecordBatch:
    columns = {
        "row_id": [page.row_id for page in printed],
        "words": [page.words for page in printed],
        "labels": [page.labels for page in printed],
        "boxes": [[list(box) for box in page.boxes] if boxes else None for page in printed],
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def split(count: int, seed: int) -> list[Page]:
    """Return pages of the locales that are trained on, and of the others those that come with them."""
    return list(pages(invoices(count, seed), seed))


def train(batches: Sequence[pa.RecordBatch]) -> tuple[Model, list[FeatureBlock]]:
    family = family_of(HYPERPARAMETERS)
    featurizer = family.featurizer(family.merge([family.summarize(batch) for batch in batches]))
    blocks = [FeatureBlock.decode(featurizer.transform(batch).encode()) for batch in batches]
    learner = family.learner(featurizer)
    state = learner.start(0)
    for number in range(1, EPOCHS + 1):
        state, _ = learner.epoch(state, blocks, number)
        state = artifact.decode(artifact.encode(state), "state")
    model = Model(
        hyperparameters=HYPERPARAMETERS, featurizer=featurizer, state=learner.finish(state)
    )
    return Model.decode(model.encode()), blocks


def count(found: WordPredictions, batch: pa.RecordBatch) -> TagCounts:
    given, words = read_labels(batch), read_words(batch)
    assert given is not None
    labels, codes = given
    expected = true_fields(codes, words.texts, words.offsets, labels)
    return TagCounts.of_fields(expected, found.fields, FIELDS)


def fields_of(model: Model, batch: pa.RecordBatch) -> TagCounts:
    found = model.predict(batch)
    assert isinstance(found, WordPredictions)
    return count(found, batch)


def word_by_word(model: Model, blocks: Sequence[FeatureBlock], batch: pa.RecordBatch) -> TagCounts:
    """Return the counts of a classifier that labels each word by itself."""
    classifier = SGDClassifier(loss="log_loss", alpha=1e-6, random_state=0)
    for _ in range(EPOCHS):
        for block in blocks:
            classifier.partial_fit(block.features, block.targets, range(len(model.labels)))
    block = model.featurizer.transform(batch)
    codes = classifier.predict(block.features).astype(np.int32)
    sure, offsets = np.ones(len(codes)), block.extras["offsets"]
    texts = [word for row in batch.column("words").to_pylist() for word in row]
    found = WordPredictions(
        row_ids=block.row_ids,
        labels=model.labels,
        codes=codes,
        offsets=offsets,
        confidences=sure,
        fields=predicted_fields(codes, sure, texts, offsets, model.labels),
    )
    return count(found, batch)


def show(name: str, counts: TagCounts) -> float:
    micro, macro = counts.average("micro"), counts.average("macro")
    assert micro is not None
    assert macro is not None
    print(f"  {name:44}{micro.f1_score:8.4f}{macro.f1_score:8.4f}")
    return micro.f1_score


def main() -> int:
    known = [page for page in split(TRAINED * 8 // 6, 1) if page.locale not in LEFT_OUT]
    batches = [rows(known[start : start + BLOCK]) for start in range(0, len(known), BLOCK)]
    start = time.perf_counter()
    model, blocks = train(batches)
    seconds = time.perf_counter() - start
    words = sum(len(page.words) for page in known)
    print(
        f"\nFields of {len(known)} invoices ({words} words, {model.featurizer.columns} features)"
        f" learned in {seconds:.1f} s: {EPOCHS} epochs, {words * EPOCHS / seconds:,.0f} words a second"
    )
    other = split(OTHERS, 2)
    start = time.perf_counter()
    model.predict(rows(other))
    read = sum(len(page.words) for page in other)
    print(f"Predicted: {read / (time.perf_counter() - start):,.0f} words a second")
    print(f"\n  {'F1 of fields on other invoices':44}{'micro':>8}{'macro':>8}")
    test = [page for page in other if page.locale not in LEFT_OUT]
    value = show("locales that were trained on", fields_of(model, rows(test)))
    show("  read without their boxes", fields_of(model, rows(test, boxes=False)))
    show("  each word by itself, SGDClassifier", word_by_word(model, blocks, rows(test)))
    for locale in LEFT_OUT:
        new = [page for page in other if page.locale == locale]
        show(f"{locale}, not trained on", fields_of(model, rows(new)))
    print(f"  at least {BAR} on locales that were trained on: {'ok' if value >= BAR else 'MISSED'}")
    return int(value < BAR)


if __name__ == "__main__":
    assert harness.ENVIRONMENT
    sys.exit(main())
