"""Pruning of weights: what is kept, what it takes, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from assay.learning.artifact import Artifact
from assay.learning.errors import DataError
from assay.learning.families import family_of
from assay.learning.feature_block import unpack_matrix
from assay.learning.hyperparameter import HyperparameterError
from assay.learning.model import Model
from assay.learning.predictions import ClassPredictions
from assay.learning.pruning import (
    ALLOWANCE,
    Pruned,
    check_sparsity,
    prune,
    sparsity_of_size,
    tuned,
    tuning_start,
)
from assay.learning.rows import TaskType
from assay.learning.tabular_features import TableFeaturizer
from assay.learning.text import TextFeaturizer
from tests.learning.test_image_family import stripes
from tests.learning.test_tabular import mixed_rows, numbered
from tests.learning.test_word_tagging import batch_of, letters
from tests.support.learning_rows import language_rows, trained

LANGUAGES = ("de", "nl", "ru", "uk", "pl", "sv")


def numbered_digits() -> Any:
    """Return digits as rows of 64 numbers."""
    data = load_digits()
    return numbered(data.data, label=[str(label) for label in data.target])


@pytest.fixture(scope="module")
def rows() -> Any:
    """Training rows of six languages."""
    return language_rows("train", LANGUAGES, 60)


@pytest.fixture(scope="module")
def model(rows: Any) -> Model:
    """A model of them."""
    return trained(TaskType.TEXT_CLASSIFICATION, [rows], num_train_epochs=5)


def weights_of(model: Model) -> Any:
    """Return the weights of a model as they are held."""
    return unpack_matrix("weights", model.state)


def places_of(model: Model) -> Any:
    """Return the hashes of a text model's features."""
    featurizer = model.featurizer
    assert isinstance(featurizer, TextFeaturizer)
    return featurizer.places


def accuracy(model: Model) -> float:
    """Return the part of unseen records that a model classifies rightly."""
    rows = language_rows("test", LANGUAGES)
    found = model.predict(rows)
    assert isinstance(found, ClassPredictions)
    assert np.allclose(found.probabilities.sum(axis=1), 1)
    labels = rows.column("label").to_pylist()
    return float(np.mean([model.labels[c] == t for c, t in zip(found.codes, labels, strict=True)]))


@pytest.mark.parametrize("target", [0.3, 0.5, 0.8, 0.9, 0.95, 0.99])
def test_stored_bytes_follow_the_sparsity(model: Model, target: float) -> None:
    """A pruned model is as sparse as was asked, or a little more, and as small as promised."""
    pruned = prune(model, target)
    data = pruned.model.encode()
    assert len(data) == pruned.bytes_after <= ALLOWANCE * (1 - target) * len(model.encode())
    assert pruned.bytes_before == len(model.encode())
    weights = weights_of(pruned.model)
    assert isinstance(weights, sparse.csr_array)
    assert weights.count_nonzero() == pruned.kept
    assert target <= pruned.sparsity < 1


def test_a_large_model_can_be_a_thousandth_of_it(model: Model) -> None:
    """At a sparsity of 0.999 a model of many weights is as small as promised."""
    rng = np.random.default_rng(0)
    count = 200_000
    weights = rng.normal(size=(count, len(LANGUAGES))).astype(np.float32)
    featurizer: Any = model.featurizer
    large = Model(
        hyperparameters=model.hyperparameters,
        featurizer=dataclasses.replace(
            featurizer, places=np.arange(count), idf=np.ones(count, np.float32)
        ),
        state=Artifact(kind="state", arrays={**model.state.arrays, "weights": weights}),
    )
    pruned = prune(large, 0.999)
    assert pruned.sparsity >= 0.999
    assert pruned.bytes_after <= ALLOWANCE * 0.001 * len(large.encode())


def test_the_largest_weights_are_kept(model: Model) -> None:
    """Each weight that is kept is at least as large as each that is not, but for its rounding."""
    whole = np.abs(weights_of(model))
    pruned = prune(model, 0.9)
    former, left = (places_of(one).tolist() for one in (model, pruned.model))
    columns = [former.index(place) for place in left]
    kept = np.zeros(whole.shape, bool)
    kept[columns] = weights_of(pruned.model).toarray() != 0
    assert whole[kept].min() >= whole[~kept].max()
    found = weights_of(pruned.model).toarray()[kept[columns]]
    assert np.allclose(found, weights_of(model)[kept], rtol=2.0**-16)


def test_a_pruned_model_comes_back_and_predicts_the_same(model: Model) -> None:
    """What is stored is what was measured: the same bits, used in sparse form."""
    pruned = prune(model, 0.9).model
    back = Model.decode(pruned.encode())
    assert isinstance(weights_of(back), sparse.csr_array)
    assert back.encode() == pruned.encode()
    rows = language_rows("test", LANGUAGES)
    found, again = pruned.predict(rows), back.predict(rows)
    assert isinstance(found, ClassPredictions)
    assert isinstance(again, ClassPredictions)
    assert found.probabilities.tobytes() == again.probabilities.tobytes()


def test_pruning_costs_little_accuracy(model: Model) -> None:
    """At a sparsity of nine tenths a text model still tells languages apart."""
    assert accuracy(prune(model, 0.9).model) > accuracy(model) - 0.05


def test_a_model_that_was_read_prunes_to_the_same_bits(model: Model) -> None:
    """Pruning is a pure function of the stored model."""
    read = Model.decode(model.encode())
    assert prune(read, 0.95).model.encode() == prune(model, 0.95).model.encode()


def test_a_target_of_zero_changes_nothing(model: Model) -> None:
    """Nothing is left out, and the artifact stays as it is."""
    pruned = prune(model, 0)
    assert pruned.model.encode() == model.encode()
    assert pruned.bytes_after == pruned.bytes_before


def test_a_size_names_a_sparsity(model: Model) -> None:
    """A model pruned to a size takes no more than that."""
    whole = len(model.encode())
    for part in (0.5, 0.1, 0.02):
        pruned = prune(model, sparsity_of_size(model, int(whole * part)))
        assert pruned.bytes_after <= whole * part
    assert sparsity_of_size(model, 2 * whole) == 0


def test_a_sparse_model_is_pruned_further_against_the_first_one(model: Model) -> None:
    """Sparsity and bytes are those of the dense model, however often it is pruned."""
    once = prune(model, 0.8)
    twice = prune(Model.decode(once.model.encode()), 0.95)
    assert twice.bytes_before == once.bytes_before
    assert twice.weights == once.weights
    assert twice.sparsity >= 0.95
    assert twice.bytes_after <= ALLOWANCE * 0.05001 * once.bytes_before
    with pytest.raises(HyperparameterError, match=r"is 0\.5; the version is pruned to 0\.[89]"):
        prune(once.model, 0.5)


@pytest.mark.parametrize("value", [1, 1.0, -0.1, 2, float("nan"), float("inf"), True, "0.5", None])
def test_a_target_that_is_no_sparsity_is_refused(value: object) -> None:
    """A sparsity is a number from 0 to less than 1."""
    with pytest.raises(HyperparameterError, match="allowed is a number from 0 to less than 1"):
        check_sparsity(value)


def test_a_size_that_cannot_be_reached_is_refused_with_what_is_needed(model: Model) -> None:
    """A model that cannot be so small says what it takes, and what is in reach."""
    with pytest.raises(
        DataError, match=r"out of reach: a version of one weight takes \d+ bytes, and 0"
    ):
        prune(model, 0.999999)


def test_weights_that_are_not_finite_are_refused(model: Model) -> None:
    """Nothing can be said of the smallest of weights that are no numbers."""
    weights = weights_of(model).copy()
    weights[3, 1] = np.nan
    state = Artifact(kind="state", arrays={**model.state.arrays, "weights": weights})
    broken = Model(hyperparameters=model.hyperparameters, featurizer=model.featurizer, state=state)
    with pytest.raises(DataError, match="not finite"):
        prune(broken, 0.5)


def trained_on(pruned: Pruned, rows: Any, epochs: int) -> Iterator[Model]:
    """Train a pruned model on, and yield what it is after each epoch."""
    model = pruned.model
    family = family_of(model.hyperparameters)
    learner: Any = family.learner(model.featurizer)
    blocks = [model.featurizer.transform(rows)]
    state = tuning_start(model, learner, seed=3)
    for number in range(1, epochs + 1):
        state, _ = learner.epoch(state, blocks, number)
        yield tuned(model, learner.finish(state))


def test_training_on_keeps_what_was_left_out_away(model: Model, rows: Any) -> None:
    """A pruned model that is trained on has other weights at the same places, in no more bytes."""
    pruned = prune(model, 0.95)
    before = weights_of(pruned.model)
    for after in trained_on(pruned, rows, 2):
        weights = weights_of(after)
        assert np.array_equal(weights.indices, before.indices)
        assert np.array_equal(weights.indptr, before.indptr)
        assert not np.array_equal(weights.data, before.data)
        assert len(after.encode()) <= pruned.bytes_after
        assert accuracy(after) >= accuracy(pruned.model) - 0.05
        with pytest.raises(HyperparameterError, match="pruned to"):
            prune(after, 0.5)


@pytest.fixture(scope="module")
def trees() -> Model:
    """An ensemble of trees: forty rounds of three classes."""
    rows = mixed_rows(TaskType.TABULAR_CLASSIFICATION)
    return trained(TaskType.TABULAR_CLASSIFICATION, [rows], num_train_epochs=40)


@pytest.mark.parametrize("target", [0.25, 0.5, 0.9])
def test_an_ensemble_loses_its_last_rounds(trees: Model, target: float) -> None:
    """An ensemble pruned to a sparsity has its first rounds, and is as small as promised."""
    pruned = prune(trees, target)
    assert (pruned.weights, pruned.kept_before) == (40, 40)
    assert pruned.kept <= 40 * (1 - target)
    data = pruned.model.encode()
    assert len(data) <= ALLOWANCE * (1 - target) * len(trees.encode())
    rows = mixed_rows(TaskType.TABULAR_CLASSIFICATION)
    fewer = trained(TaskType.TABULAR_CLASSIFICATION, [rows], num_train_epochs=pruned.kept)
    expected, found = fewer.predict(rows), Model.decode(data).predict(rows)
    assert isinstance(expected, ClassPredictions)
    assert isinstance(found, ClassPredictions)
    assert found.probabilities.tobytes() == expected.probabilities.tobytes()


def test_an_ensemble_is_pruned_further_and_not_to_nothing(trees: Model) -> None:
    """Rounds are counted against the first ensemble; one round is the least that there is."""
    once = prune(trees, 0.5)
    twice = prune(Model.decode(once.model.encode()), 0.8)
    assert (twice.weights, twice.kept) == (40, prune(trees, 0.8).kept)
    with pytest.raises(HyperparameterError, match=r"pruned to 0\.[56]"):
        prune(once.model, 0.4)
    with pytest.raises(DataError, match="a version of one round of trees takes"):
        prune(trees, 0.9999)


@pytest.mark.parametrize(
    ("task_type", "rows", "given"),
    [
        (TaskType.TABULAR_CLASSIFICATION, numbered_digits, {"algorithm": "linear"}),
        (TaskType.IMAGE_CLASSIFICATION, lambda: stripes(60, seed=1), {}),
        (TaskType.EXTRACTION, lambda: batch_of(letters(60, seed=1)), {"hash_bits": 14}),
    ],
)
def test_every_model_of_weights_is_pruned(task_type: TaskType, rows: Any, given: Any) -> None:
    """Tables, images and extractions lose their smallest weights, and predict from sparse ones."""
    batch = rows()
    whole = trained(task_type, [batch], num_train_epochs=3, **given)
    pruned = prune(whole, 0.5)
    data = pruned.model.encode()
    assert len(data) <= ALLOWANCE * 0.5 * len(whole.encode())
    back = Model.decode(data)
    assert isinstance(weights_of(back), sparse.csr_array)
    found, again = pruned.model.predict(batch), back.predict(batch)
    assert repr(found) == repr(again)
    learner: Any = family_of(back.hyperparameters).learner(back.featurizer)
    state, _ = learner.epoch(
        tuning_start(back, learner, seed=1), [back.featurizer.transform(batch)], 1
    )
    assert tuned(back, learner.finish(state)).predict(batch)


def test_features_that_are_left_out_are_not_read() -> None:
    """A pruned table model predicts from the features that it kept, and needs no others."""
    batch = numbered_digits()
    whole = trained(
        TaskType.TABULAR_CLASSIFICATION, [batch], num_train_epochs=3, algorithm="linear"
    )
    pruned = prune(whole, 0.6).model
    featurizer = pruned.featurizer
    assert isinstance(featurizer, TableFeaturizer)
    names = [column.name for column in featurizer.table.columns]
    assert 0 < len(names) < 60
    found, fewer = (pruned.predict(rows) for rows in (batch, batch.select(["row_id", *names])))
    assert isinstance(found, ClassPredictions)
    assert isinstance(fewer, ClassPredictions)
    assert found.probabilities.tobytes() == fewer.probabilities.tobytes()
