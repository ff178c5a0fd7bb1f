"""AdamW on several arrays of weights at once, with its moments as arrays that can be stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from assay.learning.hyperparameters import Hyperparameters

BETAS: Final = (0.9, 0.999)
_MOMENTS: Final = ("first", "second")

Arrays = Mapping[str, NDArray[Any]]


class Adam:
    """Weights while they are trained; `values` are changed in place.

    Steps are those of Loshchilov and Hutter (2019): decay is apart from the gradient, and of
    `decayed` arrays alone. A `mask` names which weights of an array are trained; others stay 0.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        values: Arrays,
        *,
        moments: Arrays,
        steps: int,
        decayed: frozenset[str] = frozenset(),
        masks: Arrays | None = None,
    ) -> None:
        self._epsilon = hyperparameters.number("adam_epsilon")
        self._most = hyperparameters.number("max_grad_norm")
        self._decay = hyperparameters.number("weight_decay")
        self._decayed = decayed
        self._masks = masks or {}
        self.values = {name: array.copy() for name, array in values.items()}
        self._moments = {
            f"{moment}.{name}": moments[f"{moment}.{name}"].copy()
            if f"{moment}.{name}" in moments
            else np.zeros_like(array)
            for name, array in values.items()
            for moment in _MOMENTS
        }
        self.steps = steps

    @property
    def moments(self) -> Arrays:
        """Return the moments by their names, for `moments` of an Adam that goes on."""
        return self._moments

    @property
    def is_finite(self) -> bool:
        """Return whether all values are finite."""
        return all(bool(np.isfinite(array).all()) for array in self.values.values())

    @np.errstate(invalid="ignore", over="ignore")  # what diverges is found by `is_finite`
    def step(
        self,
        gradients: Arrays,
        rates: Mapping[str, float],
        rows: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> None:
        """Move every array of values against its gradient, which is clipped, at its rate.

        Of an array in `rows` the gradient has these rows (rising), and is 0 in all others: values
        and moments of the others stay as they are, but for the decay.
        """
        self.steps += 1
        clip = self._clipping(gradients)
        for name, gradient in gradients.items():
            array, rate = self.values[name], rates[name]
            one = array.dtype.type
            if self._decay and name in self._decayed:
                array *= one(1.0 - min(1.0, rate * self._decay))
            index = (rows or {}).get(name, slice(None))
            move = self._moved(name, index, gradient * one(clip), rate)
            if name in self._masks:
                move *= self._masks[name][index]
            array[index] -= move

    def _moved(
        self, name: str, index: NDArray[np.int64] | slice, gradient: NDArray[Any], rate: float
    ) -> NDArray[Any]:
        """Return the step of some rows, and keep their moments."""
        one = gradient.dtype.type
        first, second = (self._moments[f"{moment}.{name}"][index] for moment in _MOMENTS)
        first += one(1 - BETAS[0]) * (gradient - first)
        gradient *= gradient
        second += one(1 - BETAS[1]) * (gradient - second)
        for moment, array in zip(_MOMENTS, (first, second), strict=True):
            self._moments[f"{moment}.{name}"][index] = array
        root = np.sqrt(second / one(1 - BETAS[1] ** self.steps))
        root += one(self._epsilon)
        move: NDArray[Any] = first / root
        move *= one(rate / (1 - BETAS[0] ** self.steps))
        return move

    def _clipping(self, gradients: Arrays) -> float:
        """Return the factor that brings the norm of all gradients down to max_grad_norm."""
        squares = (float(np.vdot(one, one)) for one in gradients.values())
        norm = math.sqrt(sum(squares))
        return self._most / norm if 0 < self._most < norm else 1.0
