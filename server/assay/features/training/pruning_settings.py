"""The settings of a pruning: how small a version becomes, and how it is trained on afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.features.training.job_spec import settings_of
from assay.features.training.model import Setting
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.suggestion import advice
from assay.learning.hyperparameter import HyperparameterError
from assay.learning.hyperparameter_table import GRADIENT_BOOSTING
from assay.learning.hyperparameters import Hyperparameters, resolve, rows_of, searchable
from assay.learning.pruning import check_sparsity
from assay.learning.rows import TaskType
from assay.records import Record

TARGET_SPARSITY, TARGET_BYTES = "target_sparsity", "target_bytes"
EPOCHS = "num_train_epochs"


class PruningSettings(Record):
    """What is asked of a pruning, checked; one of the targets is None."""

    target_sparsity: float | None
    target_bytes: int | None
    hyperparameters: Hyperparameters  # of the version; those of its training with changes
    is_tuned: bool  # whether it is trained on

    @property
    def shown(self) -> tuple[Setting, ...]:
        """The target and all hyperparameters, as answers show them."""
        targets = {TARGET_SPARSITY: self.target_sparsity, TARGET_BYTES: self.target_bytes}
        given = tuple(
            Setting(name=name, value=value) for name, value in targets.items() if value is not None
        )
        return (*given, *settings_of(self.hyperparameters))


def pruning_settings(
    task_type: TaskType,
    learned: tuple[Setting, ...],
    target_sparsity: float | None,
    given: Mapping[str, Any],
) -> PruningSettings:
    """Return the settings of a pruning.

    Args:
        task_type: Of the version that is pruned.
        learned: What it was trained with.
        target_sparsity: As sent; None: a size is the target.
        given: Hyperparameters as sent: target_bytes, and those of training on.

    Raises InvalidArgument for no target or two, for one that is none, and for hyperparameters that
    a pruning does not have.
    """
    changes = dict(given)
    most_bytes = changes.pop(TARGET_BYTES, None)
    if (target_sparsity is None) is (most_bytes is None):
        raise InvalidArgument.of(
            TARGET_SPARSITY, f"send one target: {TARGET_SPARSITY}, or hyperparams.{TARGET_BYTES}"
        )
    try:
        former = _former(task_type, learned)
        settings = PruningSettings(
            target_sparsity=None if target_sparsity is None else check_sparsity(target_sparsity),
            target_bytes=None if most_bytes is None else _size(most_bytes),
            hyperparameters=_changed(former, changes),
            is_tuned=bool(changes),
        )
    except HyperparameterError as error:
        hint = advice(error.name, error.allowed) if error.allowed else ""
        where = error.name if error.name == TARGET_SPARSITY else f"hyperparams.{clip(error.name)}"
        raise InvalidArgument.of(where, error.message + hint) from error
    return settings


def _former(task_type: TaskType, learned: tuple[Setting, ...]) -> Hyperparameters:
    """Return the hyperparameters among settings; a pruned version has its target there too."""
    values = {one.name: one.value for one in learned}
    known = {row.name for row in rows_of(task_type, str(values["algorithm"]))}
    return resolve(task_type, {name: value for name, value in values.items() if name in known})


def _size(value: object) -> int:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole or not 0 < float(str(value)) < 2**63:
        raise HyperparameterError(
            TARGET_BYTES, f"{TARGET_BYTES} is {value!r:.100}; allowed is a whole number above 0"
        )
    return int(float(str(value)))


def _changed(former: Hyperparameters, changes: Mapping[str, object]) -> Hyperparameters:
    """Return the hyperparameters of training on."""
    if not changes:
        return former
    allowed = [row.name for row in searchable(former.task_type, former.algorithm)]
    for name in changes:
        if name not in allowed:
            raise HyperparameterError(
                name,
                f"a pruning has no {clip(name)}; allowed are {TARGET_BYTES}, {', '.join(allowed)}",
                (TARGET_BYTES, *allowed),
            )
    if former.algorithm == GRADIENT_BOOSTING:
        raise HyperparameterError(
            EPOCHS, f"an ensemble of trees is not trained on; allowed is {TARGET_BYTES} alone"
        )
    if EPOCHS not in changes:
        raise HyperparameterError(
            EPOCHS, f"{', '.join(changes)} change how it is trained on; send {EPOCHS} too"
        )
    return former.changed(changes)
