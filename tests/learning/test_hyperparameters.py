"""Hyperparameters: every name, every default, every refusal."""

import math
import re
from pathlib import Path

import pytest

from assay.learning.hyperparameter import Affects, HyperparameterError
from assay.learning.hyperparameter_table import ALGORITHMS, BY_NAME, TABLE
from assay.learning.hyperparameters import resolve, searchable
from assay.learning.rows import TaskType
from assay.records import decode, encode

TEXT = TaskType.TEXT_CLASSIFICATION
EXAMPLE = {
    "model_name": "layoutlm-base-uncased",
    "model_source": "instabase",
    "task_name": "TOKEN_CLASSIFICATION",
    "batch_size": 4,
    "gradient_accumulation_steps": 1,
    "max_length": 512,
    "chunk_overlap": 64,
    "learning_rate": 5e-05,
    "use_mixed_precision": True,
    "loss_type": "ce_ins",
    "num_train_epochs": 5,
    "task_type": "classification",
    "npages_to_filter": 20,
    "do_hyperparam_optimization": True,
    "do_calibration": True,
    "class_weights_ins_power": 0.3,
    "hp_search_num_trials": 20,
    "calibration_model": "PlattScalingCalibrationModel",
    "hp_search_param_space": [],
}
OTHERS = {
    "adam_epsilon": 1e-6,
    "max_grad_norm": 2.0,
    "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.1,
    "weight_decay": 0.01,
    "validation_set_size": 0.1,
    "early_stopping_patience": 3,
}
ALL = [(task_type, name) for task_type, names in ALGORITHMS.items() for name in names]


@pytest.mark.parametrize(("task_type", "algorithm"), ALL)
def test_the_example_is_accepted_for_every_model(task_type, algorithm):
    """Each documented name is accepted and comes back with the value that was given."""
    given = {**EXAMPLE, **OTHERS, "algorithm": algorithm}
    resolved = resolve(task_type, given)
    assert resolved.algorithm == algorithm
    assert {name: resolved.values[name] for name in given} == given


@pytest.mark.parametrize(("task_type", "algorithm"), ALL)
def test_defaults_are_allowed_and_complete(task_type, algorithm):
    """Without values there is one for each name, in the table's order, and it comes back as it is."""
    resolved = resolve(task_type, {"algorithm": algorithm})
    order = [row.name for row in TABLE]
    assert list(resolved.values) == sorted(resolved.values, key=order.index)
    assert set(EXAMPLE) | set(OTHERS) <= set(resolved.values)
    assert resolve(task_type, resolved.values) == resolved
    read = decode(type(resolved), encode(resolved))
    assert {name: type(value) for name, value in read.values.items()} == {
        name: type(value) for name, value in resolved.values.items()
    }


def test_whole_numbers_may_come_as_fractions_without_one():
    """A JSON reader that knows only doubles gives 4.0, which is 4."""
    values = resolve(TEXT, {"batch_size": 4.0, "learning_rate": 1}).values
    assert (values["batch_size"], type(values["batch_size"])) == (4, int)
    assert (values["learning_rate"], type(values["learning_rate"])) == (1.0, float)


ABSURD = [True, "4", None, [], {}, -1, 0.5, 1e300, math.nan, math.inf, 10**400, b"4"]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_absurd_values_are_refused_by_name(row):
    """A value of another type or outside of the range is refused, and the message names it."""
    task_type, algorithm = next(pair for pair in ALL if row.is_of(*pair))
    errors = []
    for value in ABSURD:
        try:
            resolve(task_type, {"algorithm": algorithm, row.name: value})
        except HyperparameterError as error:
            errors.append(error)
    assert len(errors) >= 7
    assert {error.name for error in errors} == {row.name}
    assert all(error.message.startswith(f"{row.name} is ") for error in errors)
    assert max(len(error.message) for error in errors) < 400


@pytest.mark.parametrize(
    ("task_type", "given", "says"),
    [
        (TEXT, {"learning_rte": 1}, "there is no hyperparameter learning_rte"),
        (TEXT, {"Batch_Size": 1}, "there is no hyperparameter Batch_Size"),
        (TEXT, {"max_leaf_nodes": 4}, "of gradient_boosting, not of text_classification by linear"),
        (TEXT, {"algorithm": "gradient_boosting"}, "text_classification has linear"),
        (TEXT, {"max_length": 64, "chunk_overlap": 64}, "less than max_length, which is 64"),
        (TEXT, {"learning_rate": 0}, "learning_rate is 0; allowed is a number above 0 to 10"),
        (TEXT, {"loss_type": "mse"}, 'loss_type is \'mse\'; allowed is "ce" or "ce_ins"'),
        (TEXT, {"x" * 5000: 1}, "there is no hyperparameter x"),
    ],
)
def test_misspelt_and_misplaced_names_are_refused(task_type, given, says):
    """The message says what was sent and what is allowed."""
    with pytest.raises(HyperparameterError, match=re.escape(says)) as caught:
        resolve(task_type, given)
    assert len(caught.value.message) < 300


def test_unknown_names_come_with_the_allowed_ones():
    """The error of an unknown name lists the names that there are."""
    with pytest.raises(HyperparameterError) as caught:
        resolve(TEXT, {"epochs": 1})
    assert "num_train_epochs" in caught.value.allowed
    assert "max_leaf_nodes" not in caught.value.allowed


def test_a_short_chunk_has_a_shorter_overlap():
    """Where only max_length is given, and is small, the overlap follows."""
    assert resolve(TEXT, {"max_length": 32}).values["chunk_overlap"] == 4


def test_searches_change_learning_alone():
    """What a trial may change has an effect there and needs no row read again."""
    names = {row.name for row in searchable(TEXT, "linear")}
    assert {"learning_rate", "num_train_epochs", "class_weights_ins_power"} <= names
    assert not names & {"max_length", "algorithm", "do_calibration", "model_name", "max_leaf_nodes"}
    assert BY_NAME["max_length"].affects is Affects.FEATURES


def test_every_hyperparameter_is_documented():
    """Each name stands in docs/hyperparameters.md."""
    text = (Path(__file__).parents[2] / "docs/hyperparameters.md").read_text()
    assert [row.name for row in TABLE if f"| `{row.name}`" not in text] == []
