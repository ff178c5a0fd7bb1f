"""Linear learners against scikit-learn and against the plain formulas."""

import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from scipy.special import log_softmax
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split

from assay.learning.artifact import Artifact
from assay.learning.errors import DataError, Diverged
from assay.learning.feature_block import FeatureBlock, pack_matrix, unpack_matrix
from assay.learning.hyperparameters import resolve
from assay.learning.linear import LinearLearner, class_weights, outputs, priors
from assay.learning.rows import TaskType
from assay.learning.schedule import Schedule

CLASSES = TaskType.TEXT_CLASSIFICATION  # whose default step suits sparse rows
TABLE = TaskType.TABULAR_CLASSIFICATION
NUMBERS = TaskType.TABULAR_REGRESSION


def block_of(features, targets):
    """A block of one chunk a record."""
    return FeatureBlock(
        row_ids=tuple(map(str, range(len(targets)))),
        features=features,
        record_of=np.arange(len(targets), dtype=np.int32),
        targets=targets,
    )


def cut(block, *ends):
    """The same rows in several blocks."""
    bounds = [0, *ends, block.records]
    return [block_of(block.features[a:b], block.targets[a:b]) for a, b in pairwise(bounds)]


def learner_of(task_type, columns, labels=(), *, weights=None, **given):
    """A learner, with classes of equal weight unless they are given."""
    return LinearLearner(
        hyperparameters=resolve(task_type, {"algorithm": "linear", **given}),
        columns=columns,
        labels=labels,
        class_weights=np.ones(len(labels)) if weights is None else weights,
        priors=np.zeros(len(labels) or 1),
    )


def trained(learner, blocks, seed=0):
    """The state after all epochs, and the losses."""
    state, losses = learner.start(seed), []
    for number in range(1, learner.hyperparameters.integer("num_train_epochs") + 1):
        state, loss = learner.epoch(state, blocks, number)
        losses.append(loss)
    return state, losses


@pytest.fixture(scope="module")
def digits():
    """Digits, standardized: dense features."""
    data, target = load_digits(return_X_y=True)
    scaled = (data - data.mean(axis=0)) / np.maximum(data.std(axis=0), 1e-9)
    return scaled.astype(np.float32), target.astype(np.int32)


@pytest.fixture(scope="module")
def sparse_block():
    """Sparse rows of length 1, of three classes."""
    draw = np.random.default_rng(5)
    features = sparse.random_array((700, 300), density=0.05, rng=draw, dtype=np.float32).tocsr()
    features = sparse.csr_array(
        features / np.maximum(sparse.linalg.norm(features, axis=1), 1e-9)[:, None]
    )
    scores = features @ draw.normal(size=(300, 3))
    return block_of(features.astype(np.float32), scores.argmax(axis=1).astype(np.int32))


LABELS = ("a", "b", "c")


def test_dense_rows_are_learned_as_by_scikit_learn(digits):
    """Digits are classified as well as by scikit-learn's logistic regression, less a point and a half."""
    train, test, of_train, of_test = train_test_split(*digits, random_state=0, test_size=0.33)
    learner = learner_of(TABLE, 64, tuple("0123456789"))
    state, losses = trained(learner, [block_of(train, of_train)])
    theirs = LogisticRegression(max_iter=1000).fit(train, of_train)
    ours = np.mean(outputs(state, test).argmax(axis=1) == of_test)
    assert ours >= theirs.score(test, of_test) - 0.015
    assert losses[-1] < losses[0] / 5


def test_numbers_are_learned_as_by_least_squares():
    """A regression explains as much as scikit-learn's, less half a point."""
    data, target = load_diabetes(return_X_y=True)
    data = (data / data.std(axis=0)).astype(np.float32)
    learner = LinearLearner(
        hyperparameters=resolve(NUMBERS, {"algorithm": "linear", "num_train_epochs": 60}),
        columns=10,
        target_mean=float(target.mean()),
        target_scale=float(target.std()),
    )
    block = block_of(data, target)
    state, losses = trained(learner, [block])
    values = learner.predict(learner.finish(state), block).values
    explained = 1 - ((values - target) ** 2).sum() / ((target - target.mean()) ** 2).sum()
    assert explained >= LinearRegression().fit(data, target).score(data, target) - 0.005
    assert learner.loss(state, [block]) == pytest.approx(1 - explained)
    assert losses[-1] < losses[0]


def plain_descent(block, learner, order, classes):
    """Gradient descent as it stands in a textbook, in float64."""
    dense = block.features.toarray().astype(np.float64)
    given = learner.hyperparameters
    size = given.integer("batch_size") * given.integer("gradient_accumulation_steps")
    schedule = Schedule.of(given, -(-len(dense) // size))
    weights, intercepts = np.zeros((dense.shape[1], classes)), np.zeros(classes)
    for step, rows in enumerate(order):
        rate = given.number("learning_rate") * schedule.factor(step)
        probabilities = np.exp(log_softmax(dense[rows] @ weights + intercepts, axis=1))
        probabilities[np.arange(len(rows)), block.targets[rows]] -= 1
        weighted = probabilities * learner.class_weights[block.targets[rows]][:, None] / len(rows)
        gradient, of_intercepts = dense[rows].T @ weighted, weighted.sum(axis=0)
        norm = math.sqrt((gradient**2).sum() + (of_intercepts**2).sum())
        most = given.number("max_grad_norm")
        factor = min(1.0, most / norm) if most else 1.0
        weights *= 1 - rate * 200 * given.number("weight_decay")
        weights -= rate * 2e5 * factor * gradient
        intercepts -= rate * 2e5 * factor * of_intercepts
    return weights, intercepts


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"weight_decay": 1.0, "num_train_epochs": 30},
        {
            "weight_decay": 1.0,
            "learning_rate": 5e-3,
            "lr_scheduler_type": "constant",
            "max_grad_norm": 1e-6,
        },
        {"max_grad_norm": 0.01, "lr_scheduler_type": "cosine", "warmup_ratio": 0.3},
        {"batch_size": 7, "gradient_accumulation_steps": 3},
    ],
)
def test_sparse_steps_are_those_of_the_formula(sparse_block, given):
    """Steps that touch some columns alone give the weights of plain gradient descent."""
    from assay.learning.row_order import batches

    weights = np.array([0.5, 1.0, 2.0])
    learner = learner_of(CLASSES, 300, LABELS, weights=weights, **{"num_train_epochs": 10, **given})
    state, _ = trained(learner, cut(sparse_block, 100, 333), seed=3)
    given = learner.hyperparameters
    size = given.integer("batch_size") * given.integer("gradient_accumulation_steps")
    numbered = block_of(sparse_block.features, np.arange(700, dtype=np.int32))
    order = [
        sample.targets
        for epoch in range(1, given.integer("num_train_epochs") + 1)
        for sample in batches([numbered], size=size, seed=3, epoch=epoch)
    ]
    expected, intercepts = plain_descent(sparse_block, learner, order, 3)
    found = unpack_matrix("weights", state)
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() < 2e-3 * scale
    assert np.abs(state.arrays["intercepts"] - intercepts).max() < 2e-3 * max(1, scale)


@pytest.mark.parametrize("dense", [False, True])
def test_blocks_do_not_change_a_bit(sparse_block, dense):
    """However the rows are cut, weights and losses are the same bits, and so is each row's output."""
    features = sparse_block.features.toarray() if dense else sparse_block.features
    block = block_of(features, sparse_block.targets)
    learner = learner_of(CLASSES, 300, LABELS, num_train_epochs=3)
    whole, losses = trained(learner, [block])
    for ends in ((1,), (256, 512), (100, 101, 650)):
        blocks = cut(block, *ends)
        parts, theirs = trained(learner, blocks)
        assert np.array_equal(whole.arrays["weights"], parts.arrays["weights"])
        assert losses == theirs
        assert learner.loss(whole, [block]) == learner.loss(whole, blocks)
        found = np.concatenate([outputs(whole, part.features) for part in blocks])
        assert np.array_equal(found, outputs(whole, features))


@pytest.mark.parametrize("dense", [False, True])
def test_accumulated_batches_are_one_large_batch(sparse_block, dense):
    """Four batches of 8 with their gradients added up are a step of one batch of 32."""
    features = sparse_block.features.toarray() if dense else sparse_block.features
    block = block_of(features, sparse_block.targets)
    small = learner_of(CLASSES, 300, LABELS, batch_size=8, gradient_accumulation_steps=4)
    large = learner_of(CLASSES, 300, LABELS, batch_size=32)
    one, other = trained(small, [block])[0], trained(large, [block])[0]
    assert np.array_equal(one.arrays["weights"], other.arrays["weights"])


def test_training_goes_on_from_any_epoch(digits):
    """A state that was written and read between two epochs goes on to the same bits."""
    from assay.learning.artifact import decode, encode

    block = block_of(digits[0][:300], digits[1][:300])
    learner = learner_of(CLASSES, 64, tuple("0123456789"), weight_decay=0.1)
    whole, _ = trained(learner, [block])
    state = learner.start(0)
    for number in range(1, learner.hyperparameters.integer("num_train_epochs") + 1):
        state, _ = learner.epoch(decode(encode(state), "state"), [block], number)
    assert encode(state) == encode(whole)
    assert set(learner.finish(state).arrays) == {"weights", "intercepts"}


def test_a_pruned_model_is_trained_in_the_weights_that_it_kept(sparse_block):
    """Weights that were taken out stay out, and the others move as if they had never been there."""
    learner = learner_of(CLASSES, 300, LABELS, num_train_epochs=2)
    kept = np.zeros((300, 3), np.float32)
    kept[::5, 1] = 0.5
    start = Artifact(
        kind="state",
        facts={"seed": 0, "steps": 0},
        arrays={
            **pack_matrix("weights", sparse.csr_array(kept)),
            "intercepts": np.zeros(3, np.float32),
        },
    )
    state, _ = learner.epoch(start, [sparse_block], 1)
    weights = unpack_matrix("weights", state)
    assert sparse.issparse(weights)
    moved = weights.toarray()
    assert not moved[kept == 0].any()
    assert (moved != kept)[kept != 0].mean() > 0.9
    found = outputs(state, sparse_block.features)
    expected = sparse_block.features.toarray() @ moved + state.arrays["intercepts"]
    assert np.allclose(found, expected, atol=1e-5)


def test_rows_without_a_known_class_teach_nothing(sparse_block):
    """Chunks whose label is not one of the model's change neither weights nor losses."""
    learner = learner_of(CLASSES, 300, LABELS)
    unknown = block_of(sparse_block.features, np.full(700, -1, np.int32))
    assert math.isnan(learner.loss(learner.start(0), [unknown]))
    assert learner.loss(learner.start(0), [unknown, sparse_block]) == learner.loss(
        learner.start(0), [sparse_block]
    )
    with pytest.raises(DataError, match="no row of the training split has a known label"):
        learner.epoch(learner.start(0), [unknown], 1)


def test_training_that_diverges_is_an_error():
    """Weights that overflow end the training, and the error says what to change."""
    block = block_of(np.full((50, 1), 1e30, np.float32), np.linspace(0, 1e30, 50))
    learner = learner_of(NUMBERS, 1, learning_rate=10)
    with (
        np.errstate(all="ignore"),
        pytest.raises(Diverged, match=r"training diverged in epoch \d+: use a smaller"),
    ):
        trained(learner, [block])
    crossed = pickle.loads(pickle.dumps(Diverged(7)))  # as from a compute process
    assert (crossed.epoch, crossed.message) == (7, Diverged(7).message)


def test_class_weights_are_those_of_the_document():
    """Under ce_ins classes weigh 1 / n ** power, in a mean of 1 over all chunks; else 1 each."""
    counts = np.array([10, 1000, 1])
    weights = class_weights(resolve(CLASSES, {"loss_type": "ce_ins"}), counts)
    assert np.allclose(weights / weights[2], 1 / counts**0.3)
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)
    assert class_weights(resolve(CLASSES, {}), counts).tolist() == [1, 1, 1]
    steep = {"loss_type": "ce_ins", "class_weights_ins_power": 10.0}
    assert np.isfinite(class_weights(resolve(CLASSES, steep), np.array([1, 10**9]))).all()
    assert np.allclose(np.exp(priors(counts)), counts / counts.sum())


@pytest.mark.parametrize(
    ("kind", "factors"),
    [
        ("constant", [1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("constant_with_warmup", [0.5, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0]),
        ("cosine", [0.5, 1, *(0.5 + 0.5 * math.cos(math.pi * k / 6) for k in range(7))]),
    ],
)
def test_schedules(kind, factors):
    """The learning rate rises over the warmup and then follows its course."""
    given = resolve(
        CLASSES,
        {
            "algorithm": "linear",
            "lr_scheduler_type": kind,
            "warmup_ratio": 0.25,
            "num_train_epochs": 2,
        },
    )
    schedule = Schedule.of(given, 4)
    assert [schedule.factor(step) for step in range(9)] == pytest.approx(factors)
