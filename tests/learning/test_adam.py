"""AdamW."""

import numpy as np
import pytest

from assay.learning.adam import Adam
from assay.learning.hyperparameters import resolve
from assay.learning.rows import TaskType


def adam_of(values, moments=None, steps=0, masks=None, **given):
    hyperparameters = resolve(TaskType.EXTRACTION, {"max_grad_norm": 0, **given})
    return Adam(
        hyperparameters,
        values,
        moments=moments or {},
        steps=steps,
        decayed=frozenset({"w"}),
        masks=masks,
    )


def gradients(seed):
    return {"w": np.random.default_rng(seed).normal(size=(4, 3)), "b": np.array([0.5, -1.0])}


def start():
    return {"w": np.ones((4, 3)), "b": np.zeros(2)}


def test_steps_are_those_of_the_paper():
    """Decoupled decay, bias-corrected moments and epsilon are those of Loshchilov and Hutter."""
    adam = adam_of(start(), weight_decay=0.1, adam_epsilon=1e-6)
    value, first, second = np.ones((4, 3)), np.zeros((4, 3)), np.zeros((4, 3))
    for step in range(1, 6):
        gradient = gradients(step)["w"]
        adam.step(gradients(step), {"w": 0.01, "b": 0.02})
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        value = value * (1 - 0.01 * 0.1)
        value -= 0.01 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-6)
    assert np.allclose(adam.values["w"], value, rtol=1e-12)


def test_training_goes_on_where_it_stopped():
    """Values, moments and the number of steps are all that another Adam needs to go on, to the bit."""
    whole = adam_of(start())
    for step in range(6):
        whole.step(gradients(step), {"w": 0.01, "b": 0.01})
    adam = adam_of(start())
    for step in range(6):
        adam = adam_of(adam.values, adam.moments, adam.steps)
        adam.step(gradients(step), {"w": 0.01, "b": 0.01})
    assert all(np.array_equal(adam.values[name], whole.values[name]) for name in whole.values)


def test_rows_without_a_gradient_stay_as_they_are():
    """Of rows that are not given, values and moments stay, and the others move as in a whole array."""
    rows = np.array([0, 2])
    some, whole = adam_of(start()), adam_of(start())
    for step in range(3):
        full = gradients(step)
        rates = {"w": 0.01, "b": 0.01}
        some.step({**full, "w": full["w"][rows]}, rates, {"w": rows})
        whole.step(full, rates)
    assert np.array_equal(some.values["w"][rows], whole.values["w"][rows])
    assert np.array_equal(some.values["b"], whole.values["b"])
    assert (some.values["w"][[1, 3]] == 1).all()
    assert not some.moments["second.w"][[1, 3]].any()


def test_gradients_are_clipped_together():
    """The norm of all gradients together is brought down to max_grad_norm, and never up."""
    big = {name: array * 1000 for name, array in gradients(0).items()}
    norm = np.sqrt(sum((array**2).sum() for array in big.values()))
    one, other = adam_of(start(), max_grad_norm=1), adam_of(start())
    one.step(big, {"w": 0.1, "b": 0.1})
    other.step({name: array / norm for name, array in big.items()}, {"w": 0.1, "b": 0.1})
    assert np.allclose(one.values["w"], other.values["w"], rtol=1e-12)


def test_masked_weights_stay_zero():
    """Of a pruned array only the weights that were kept are trained."""
    mask = np.eye(4, 3)
    adam = adam_of({"w": mask.copy(), "b": np.zeros(2)}, masks={"w": mask})
    adam.step(gradients(1), {"w": 0.1, "b": 0.1})
    assert not adam.values["w"][mask == 0].any()
    assert (adam.values["w"][mask == 1] != 1).all()


def test_given_values_are_not_changed():
    """What it starts from is copied; read-only arrays will do."""
    values = start()
    values["w"].setflags(write=False)
    adam_of(values).step(gradients(1), {"w": 0.1, "b": 0.1})
    assert (values["w"] == 1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_diverge_are_noticed(bad):
    """Values that are no longer finite are said to be so."""
    adam = adam_of(start())
    assert adam.is_finite
    adam.step({"w": np.full((4, 3), bad), "b": np.zeros(2)}, {"w": 0.1, "b": 0.1})
    assert not adam.is_finite
