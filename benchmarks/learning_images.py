"""Digits as PNG files, learned: the time against the same steps by hand, the quality against others.

By hand is what people write: files decoded with Pillow, the same features as one array, and epochs
of scikit-learn's SGDClassifier. Assay's side checks every file, and stores features and state
between its steps as a job does. The quality is the macro F1 on held-out rows, averaged over splits,
against three usual pipelines on the raw pixels.
"""

from __future__ import annotations

import io
import statistics
import sys

import harness  # before numpy
import numpy as np
import pyarrow as pa
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from assay.learning import artifact
from assay.learning.families import family_of
from assay.learning.feature_block import FeatureBlock
from assay.learning.hyperparameters import resolve
from assay.learning.images import image_features
from assay.learning.model import Model
from assay.learning.rows import TaskType, canonical_schema

SPLITS = 5
MARGIN = 0.005  # of macro F1, below the best of the others
TASK = TaskType.IMAGE_CLASSIFICATION
SCHEMA = canonical_schema(TASK)
HYPERPARAMETERS = resolve(TASK, {})
DIGITS = load_digits()
LABELS = [str(digit) for digit in DIGITS.target]
EPOCHS = HYPERPARAMETERS.integer("num_train_epochs")


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


FILES = [png(image) for image in DIGITS.images]


def rows(chosen: np.ndarray) -> pa.RecordBatch:
    columns = {
        "row_id": [f"digit-{number}" for number in chosen],
        "image": [FILES[number] for number in chosen],
        "label": [LABELS[number] for number in chosen],
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def ours(batch: pa.RecordBatch) -> Model:
    family = family_of(HYPERPARAMETERS)
    featurizer = family.featurizer(family.summarize(batch))
    blocks = [FeatureBlock.decode(featurizer.transform(batch).encode())]
    learner = family.learner(featurizer)
    state = learner.start(0)
    for number in range(1, EPOCHS + 1):
        state, _ = learner.epoch(state, blocks, number)
        state = artifact.decode(artifact.encode(state), "state")
    model = Model(
        hyperparameters=HYPERPARAMETERS, featurizer=featurizer, state=learner.finish(state)
    )
    return Model.decode(model.encode())


def by_hand(chosen: np.ndarray) -> SGDClassifier:
    pixels = np.stack(
        [
            np.asarray(Image.open(io.BytesIO(FILES[number])).convert("RGB").resize((32, 32)))
            for number in chosen
        ]
    )
    features = image_features(pixels)
    classes = np.unique(LABELS)
    truth = np.array(LABELS)[chosen]
    model = SGDClassifier(loss="log_loss", random_state=0)
    for _ in range(EPOCHS):
        model.partial_fit(features, truth, classes=classes)
    return model


OTHERS = {
    "logistic regression": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000)
    ),
    "support vector machine": SVC,
    "random forest": lambda: RandomForestClassifier(random_state=0),
}


def qualities() -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for seed in range(SPLITS):
        train, test = train_test_split(
            np.arange(len(LABELS)), test_size=0.25, random_state=seed, stratify=LABELS
        )
        truth = [LABELS[number] for number in test]
        model = ours(rows(train))
        guesses = [model.labels[code] for code in model.predict(rows(test)).codes]
        found.setdefault("assay", []).append(f1_score(truth, guesses, average="macro"))
        for name, make in OTHERS.items():
            other = make().fit(DIGITS.data[train], [LABELS[number] for number in train])
            guesses = other.predict(DIGITS.data[test])
            found.setdefault(name, []).append(f1_score(truth, guesses, average="macro"))
    return {name: statistics.mean(values) for name, values in found.items()}


def main() -> int:
    train = np.arange(0, len(LABELS), 4)
    train = np.setdiff1d(np.arange(len(LABELS)), train)
    batch = rows(train)
    mine, hand = harness.alternate(lambda: ours(batch), lambda: by_hand(train))
    missed = harness.report(
        f"Training on {len(train)} digits as PNG files, {EPOCHS} epochs",
        [
            harness.Ratio(
                name="decode, read features, learn",
                ours=mine,
                peer=hand,
                peer_name="Pillow, the same features, SGDClassifier",
                at_most=1.5,
            )
        ],
    )
    found = qualities()
    best = max(value for name, value in found.items() if name != "assay")
    print(f"\nMacro F1 on held-out digits, the mean of {SPLITS} splits")
    for name, value in found.items():
        print(f"  {name:24}{value:.4f}")
    good = found["assay"] >= best - MARGIN
    print(f"  at least the best of the others - {MARGIN}: {'ok' if good else 'MISSED'}")
    return missed or int(not good)


if __name__ == "__main__":
    sys.exit(main())
