"""Three real data sets that scikit-learn bundles, and models fitted to them here and now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets, metrics
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 7


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a fitted model says of rows that it has not seen."""

    algorithm: str
    hyperparameters: Mapping[str, Any]
    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    scores: NDArray[np.float64] | None  # rows × classes, or of the positive class
    labels: tuple[str, ...]  # in the order of the columns of `scores`
    slices: Mapping[str, list[str]] = field(default_factory=dict)  # name → value of each row

    @property
    def ids(self) -> list[str]:
        """Return an id for each row."""
        return [f"row-{number:05d}" for number in range(len(self.y_true))]


def digits() -> tuple[Predictions, Predictions]:
    """Return what two models say of handwritten digits: ten classes with probabilities."""
    images, target = datasets.load_digits(return_X_y=True)
    return (
        _classified(
            RandomForestClassifier(n_estimators=25, max_depth=6, random_state=SEED),
            {"n_estimators": 25, "max_depth": 6},
            images,
            target.astype(str),
            slices=_ink,
        ),
        _classified(
            LogisticRegression(C=0.01, max_iter=2_000),
            {"C": 0.01, "scaled": False},
            images,
            target.astype(str),
            slices=_ink,
        ),
    )


def _ink(images: NDArray[Any]) -> dict[str, list[str]]:
    """Return whether a digit was written with little or with much ink."""
    amount = images.mean(axis=1)
    return {"ink": np.where(amount < np.median(amount), "little", "much").tolist()}


def cancer() -> Predictions:
    """Return what a model says of tumours: benign or malignant, with one probability."""
    bunch = datasets.load_breast_cancer()
    names = np.array([str(name) for name in bunch.target_names])
    made = _classified(
        make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
        {"C": 0.1, "scaled": True},
        bunch.data,
        names[bunch.target],
    )
    assert made.scores is not None
    positive = made.labels.index("malignant")
    return Predictions(
        algorithm=made.algorithm,
        hyperparameters=made.hyperparameters,
        y_true=made.y_true,
        y_pred=made.y_pred,
        scores=made.scores[:, positive],
        labels=made.labels,
    )


def diabetes() -> Predictions:
    """Return what a model says of the progress of diabetes: a regression."""
    features, target = datasets.load_diabetes(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        features, target, test_size=0.5, random_state=SEED
    )
    model = Ridge(alpha=0.1).fit(train_x, train_y)
    return Predictions(
        algorithm="Ridge",
        hyperparameters={"alpha": 0.1},
        y_true=test_y,
        y_pred=model.predict(test_x),
        scores=None,
        labels=(),
    )


def _classified(
    model: Any,
    settings: Mapping[str, Any],
    features: NDArray[Any],
    target: NDArray[Any],
    *,
    slices: Callable[[NDArray[Any]], dict[str, list[str]]] = lambda _: {},
) -> Predictions:
    train_x, test_x, train_y, test_y = train_test_split(
        features, target, test_size=0.5, random_state=SEED, stratify=target
    )
    model.fit(train_x, train_y)
    return Predictions(
        algorithm=type(model[-1] if hasattr(model, "steps") else model).__name__,
        hyperparameters=settings,
        y_true=test_y,
        y_pred=model.predict(test_x),
        scores=model.predict_proba(test_x),
        labels=tuple(str(label) for label in model.classes_),
        slices=slices(test_x),
    )


def expected(found: Predictions, positive: str | None) -> dict[str, float]:
    """Return scikit-learn's own numbers for the metrics that Assay serves by the same names."""
    if not found.labels:
        return _regression(found)
    true, pred, scores = found.y_true, found.y_pred, found.scores
    how: dict[str, Any] = {"average": "weighted"} if positive is None else {"pos_label": positive}
    numbers: dict[str, Callable[[], float]] = {
        "accuracy": lambda: metrics.accuracy_score(true, pred),
        "precision": lambda: metrics.precision_score(true, pred, zero_division=0, **how),
        "recall": lambda: metrics.recall_score(true, pred, zero_division=0, **how),
        "f1_score": lambda: metrics.f1_score(true, pred, zero_division=0, **how),
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(true, pred),
        "mcc": lambda: metrics.matthews_corrcoef(true, pred),
    }
    if positive is None:
        numbers["roc_auc"] = lambda: metrics.roc_auc_score(true, scores, multi_class="ovr")
        numbers["log_loss"] = lambda: metrics.log_loss(true, scores, labels=list(found.labels))
        hits_of = true[:, None] == np.array(found.labels)
        numbers["average_precision"] = lambda: metrics.average_precision_score(hits_of, scores)
    else:
        hits = true == positive
        numbers["roc_auc"] = lambda: metrics.roc_auc_score(hits, scores)
        numbers["log_loss"] = lambda: metrics.log_loss(hits, scores)
        numbers["average_precision"] = lambda: metrics.average_precision_score(hits, scores)
        numbers["brier"] = lambda: metrics.brier_score_loss(hits, scores)
    return {name: float(number()) for name, number in numbers.items()}


def _regression(found: Predictions) -> dict[str, float]:
    true, pred = found.y_true, found.y_pred
    return {
        "mae": float(metrics.mean_absolute_error(true, pred)),
        "mse": float(metrics.mean_squared_error(true, pred)),
        "rmse": float(metrics.root_mean_squared_error(true, pred)),
        "r2": float(metrics.r2_score(true, pred)),
    }


def confusion(found: Predictions) -> list[list[int]]:
    """Return scikit-learn's confusion matrix, in the order of the labels."""
    counts = metrics.confusion_matrix(found.y_true, found.y_pred, labels=list(found.labels))
    return [[int(count) for count in row] for row in counts]


def report(found: Predictions) -> dict[str, tuple[float, float, float, int]]:
    """Return scikit-learn's precision, recall, F1 and support of each class."""
    labels = list(found.labels)
    columns = metrics.precision_recall_fscore_support(
        found.y_true, found.y_pred, labels=labels, zero_division=0
    )
    rows = zip(*columns, strict=True)
    return {
        label: (float(p), float(r), float(f), int(n))
        for label, (p, r, f, n) in zip(labels, rows, strict=True)
    }
