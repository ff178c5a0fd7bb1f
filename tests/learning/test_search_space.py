"""Search spaces: what an entry may say, what is refused, and the values of a range."""

from __future__ import annotations

from typing import Any

import pytest

from assay.learning.hyperparameter import HyperparameterError
from assay.learning.hyperparameters import Hyperparameters, resolve, searchable
from assay.learning.rows import TaskType
from assay.learning.search_space import SearchSpace, default_space, read_space

TEXT = TaskType.TEXT_CLASSIFICATION


def given(space: list[Any], **others: object) -> Hyperparameters:
    """Return hyperparameters of a text model with a search space."""
    return resolve(TEXT, {"hp_search_param_space": space, **others})


def space_of(**entry: object) -> SearchSpace:
    """Return the space of one entry."""
    return read_space(given([entry]))


def values_of(**entry: object) -> list[object]:
    """Return all values of one entry."""
    return list(space_of(**entry).parameters[0].values())


def test_a_range_ends_on_its_last_step() -> None:
    """Steps count from low; high is in the range when a step falls on it, and cut down if not."""
    batch = {"name": "batch_size", "type": "int"}
    assert values_of(**batch, low=8, high=32, step=8) == [8, 16, 24, 32]
    assert values_of(**batch, low=8, high=31, step=8) == [8, 16, 24]
    assert values_of(**batch, low=8, high=8) == [8]
    assert values_of(**batch, low=8.0, high=10) == [8, 9, 10]
    assert values_of(**batch, low=2, high=4, log=True) == [2, 3, 4]


def test_steps_of_fractions_are_exact_decimals() -> None:
    """A range of tenths has tenths, without the error of adding binary fractions up."""
    tenths = {"name": "weight_decay", "type": "float", "step": 0.1}
    assert values_of(**tenths, low=0.1, high=0.7) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert values_of(**tenths, low=0, high=0.3) == [0.0, 0.1, 0.2, 0.3]


def test_choices_that_are_equal_count_once_and_keep_their_order() -> None:
    """Choices are values of the hyperparameter's type: 4 and 4.0 of a whole number are one."""
    assert values_of(
        name="batch_size", type="categorical", choices=[64, 4, 4.0, 64, 8]
    ) == [64, 4, 8]  # fmt: skip  # one call
    words = ["cosine", "linear", "cosine"]
    assert values_of(name="lr_scheduler_type", type="categorical", choices=words) == words[:2]


def test_a_grid_is_in_the_order_of_the_space() -> None:
    """The last parameter changes first."""
    space = read_space(
        given(
            [
                {"name": "batch_size", "type": "categorical", "choices": [16, 8]},
                {"name": "num_train_epochs", "type": "int", "low": 3, "high": 5},
            ]
        )
    )
    assert space.size == 6
    assert [tuple(values.values()) for values in space.grid()] == [
        (16, 3), (16, 4), (16, 5), (8, 3), (8, 4), (8, 5)
    ]  # fmt: skip  # in the order of the grid
    assert space_of(name="learning_rate", type="float", low=0.1, high=0.2).size is None


RATE = {"name": "learning_rate", "type": "float"}
BATCH = {"name": "batch_size", "type": "int"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (7, "no object with name and type"),
        ({}, "it has no name; allowed is one of"),
        (
            {"name": "learning_rat"},
            "'learning_rat' cannot be searched; allowed is one of seed, num",
        ),
        ({"name": "max_length", "type": "int", "low": 8, "high": 9}, "cannot be searched"),
        ({"name": "max_leaf_nodes", "type": "int", "low": 8, "high": 9}, "cannot be searched"),
        ({"name": "learning_rate"}, "learning_rate has no type; allowed is float or int or cat"),
        (
            {"name": "batch_size", "type": "float"},
            "batch_size has the type 'float'; allowed is int",
        ),
        (
            {"name": "loss_type", "type": "int"},
            "loss_type has the type 'int'; allowed is categoric",
        ),
        (RATE | {"hig": 1}, "learning_rate has 'hig'; of type float it may have high, log, low"),
        (RATE | {"choices": [1]}, "learning_rate has 'choices'"),
        (RATE | {"low": 0.1}, "learning_rate has no high"),
        (RATE | {"low": 0.2, "high": 0.1}, "low 0.2 above high 0.1"),
        (RATE | {"low": -1, "high": 1}, "low: learning_rate is -1; allowed is a number above 0 to"),
        (RATE | {"low": 0.1, "high": "1"}, "high: learning_rate is '1'; allowed is a number"),
        (RATE | {"low": 0.1, "high": 1e400}, "high: learning_rate is Infinity"),
        (RATE | {"low": 0.1, "high": 1, "step": 0}, "step 0; a step is above 0"),
        (RATE | {"low": 0.1, "high": 1, "step": True}, "a step is above 0"),
        (RATE | {"low": 0.1, "high": 1, "step": float("nan")}, "a step is above 0"),
        (RATE | {"low": 0.1, "high": 1, "step": 0.1, "log": True}, "both step and log"),
        (RATE | {"low": 0.1, "high": 1, "step": 2}, "step 2.0, more than from low 0.1 to high 1.0"),
        (RATE | {"low": 0.1, "high": 1, "log": "yes"}, "log 'yes'; allowed is true or false"),
        (
            {"name": "weight_decay", "type": "float", "low": 0, "high": 1, "log": True},
            "log and low 0.0; with log low is above 0",
        ),
        (BATCH | {"low": 1, "high": 9, "step": 1.5}, "step 1.5; of type int it is a whole number"),
        ({"name": "learning_rate", "type": "int", "low": 0.5, "high": 3}, "low 0.5; of type int"),
        ({"name": "batch_size", "type": "categorical"}, "batch_size needs choices"),
        ({"name": "batch_size", "type": "categorical", "choices": []}, "needs choices"),
        ({"name": "batch_size", "type": "categorical", "choices": "48"}, "needs choices"),
        (
            {"name": "batch_size", "type": "categorical", "choices": [8, 0]},
            "choices: batch_size is",
        ),
        (
            {"name": "batch_size", "type": "categorical", "choices": list(range(1, 102))},
            "101 choices; allowed are 100",
        ),
    ],
)
def test_entries_that_cannot_be_meant_are_refused(entry: object, message: str) -> None:
    """A refusal names the entry by its place, what it says, and what is allowed."""
    with pytest.raises(HyperparameterError) as refused:
        read_space(given([{"name": "warmup_ratio", "type": "float", "low": 0, "high": 1}, entry]))
    assert message in str(refused.value)
    assert str(refused.value).startswith("hp_search_param_space[1]: ")
    assert refused.value.name == "hp_search_param_space"


def test_a_space_is_limited_and_has_each_name_once() -> None:
    """A name that is there twice and a list of absurd length are refused."""
    entry = BATCH | {"low": 1, "high": 9}
    with pytest.raises(HyperparameterError, match=r"space\[1\]: batch_size is there twice"):
        read_space(given([entry, entry]))
    with pytest.raises(HyperparameterError, match="it has 1000 entries; allowed are 32"):
        read_space(given([entry] * 1000))


def test_values_that_do_not_go_together_are_refused_before_any_trial() -> None:
    """A limit on two hyperparameters together holds for all combinations of a space."""
    steps = {"name": "gradient_accumulation_steps", "type": "categorical", "choices": [1, 512]}
    with pytest.raises(HyperparameterError, match=r"space: its largest values do not go together"):
        read_space(given([BATCH | {"low": 8, "high": 32}, steps]))
    names = [one.name for one in read_space(given([], batch_size=8192)).parameters]
    assert "gradient_accumulation_steps" not in names


@pytest.mark.parametrize("task_type", list(TaskType))
@pytest.mark.parametrize("loss", ["ce", "ce_ins"])
def test_every_task_type_has_a_space_of_its_own(task_type: TaskType, loss: str) -> None:
    """Without a space, or with an empty one, hyperparameters that have an effect are searched."""
    for algorithm in ("linear", "gradient_boosting", "maximum_entropy"):
        try:
            found = resolve(task_type, {"algorithm": algorithm, "loss_type": loss})
        except HyperparameterError:
            continue
        space = read_space(found)
        assert space == default_space(found)
        known = {row.name: row for row in searchable(task_type, algorithm)}
        for one in space.parameters:
            row = known[one.name]
            assert row.checked(one.low) == one.low
            assert row.checked(one.high) == one.high
            assert not (one.name == "class_weights_ins_power" and loss == "ce")
    text = default_space(resolve(TEXT, {"loss_type": "ce_ins"}))
    assert [one.name for one in text.parameters] == [
        "learning_rate", "num_train_epochs", "class_weights_ins_power",
        "gradient_accumulation_steps",
    ]  # fmt: skip  # as the documented table has them
