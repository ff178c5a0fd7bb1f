"""Canonical rows for the tests of learning."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from assay.learning.families import family_of
from assay.learning.hyperparameters import resolve
from assay.learning.learner import EpochLearner
from assay.learning.model import Model
from assay.learning.rows import TaskType, canonical_schema
from tools.demo.languages import language_records

TEXT_SCHEMA = canonical_schema(TaskType.TEXT_CLASSIFICATION)


def text_rows(texts: Sequence[str], labels: Sequence[str], start: int = 0) -> pa.RecordBatch:
    """Rows of one page each, whose ids are r0, r1 and so on."""
    columns = {
        "row_id": [f"r{start + row}" for row in range(len(texts))],
        "pages": [[text] for text in texts],
        "label": list(labels),
    }
    return pa.RecordBatch.from_pydict(columns, schema=TEXT_SCHEMA)


def language_rows(split: str, languages: tuple[str, ...], per_language: int = 40) -> pa.RecordBatch:
    """A few records of a few languages."""
    found = list(language_records(split, per_language=per_language, languages=languages))
    return text_rows([one.text for one in found], [one.label for one in found])


def cut(batch: pa.RecordBatch, *sizes: int) -> list[pa.RecordBatch]:
    """The batch in blocks of these sizes, the last of what is left."""
    blocks, start = [], 0
    for size in (*sizes, batch.num_rows):
        blocks.append(batch.slice(start, size))
        start += size
    return [block for block in blocks if block.num_rows]


def trained(
    task_type: TaskType,
    blocks: Sequence[pa.RecordBatch],
    *,
    validation: Sequence[pa.RecordBatch] = (),
    seed: int = 0,
    labels: Sequence[str] = (),
    **given: object,
) -> Model:
    """Train a model as a job does."""
    hyperparameters = resolve(task_type, given)
    family = family_of(hyperparameters)
    summary = family.merge([family.summarize(block) for block in blocks])
    featurizer = family.featurizer(summary, labels)
    features = [featurizer.transform(block) for block in blocks]
    learner = family.learner(featurizer)
    if isinstance(learner, EpochLearner):
        state = learner.start(seed)
        for number in range(1, hyperparameters.integer("num_train_epochs") + 1):
            state, _ = learner.epoch(state, features, number)
    else:
        held_out = [featurizer.transform(block) for block in validation]
        state = learner.fit(features, held_out, seed).state
    return Model(
        hyperparameters=hyperparameters, featurizer=featurizer, state=learner.finish(state)
    )
