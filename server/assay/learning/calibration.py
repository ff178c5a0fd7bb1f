"""Platt scaling: probabilities that say how often they are right, fitted on held-out rows.

Each class k has a sigmoid of its own, over the log-odds of its probability p:

    q_k = 1 / (1 + exp(-(slope_k * log(p_k / (1 - p_k)) + intercept_k)))

and the calibrated probabilities are q_k / (q_1 + … + q_n). Records and chunks have sigmoids of
their own. The class of a row may change with its probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.learning.artifact import Artifact
from assay.learning.errors import DamagedArtifact

KIND = "calibration"
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Sigmoids:
    """One sigmoid a class."""

    slopes: Floats  # (classes,)
    intercepts: Floats  # (classes,)

    def apply(self, probabilities: Floats) -> Floats:
        """Return calibrated (rows, classes) probabilities, whose rows sum to 1."""
        z = log_odds(probabilities) * self.slopes + self.intercepts
        q = 0.5 * (1.0 + np.tanh(0.5 * z))
        total = q.sum(axis=1, keepdims=True)
        usual = np.divide(q, total, where=total > 0, out=np.zeros_like(q))
        return np.where(total > 0, usual, probabilities)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The sigmoids of records and of chunks."""

    records: Sigmoids
    chunks: Sigmoids

    def artifact(self) -> Artifact:
        """Return what `read` reads."""
        return Artifact(
            kind=KIND,
            arrays={
                "records.slopes": self.records.slopes,
                "records.intercepts": self.records.intercepts,
                "chunks.slopes": self.chunks.slopes,
                "chunks.intercepts": self.chunks.intercepts,
            },
        )

    @classmethod
    def read(cls, artifact: Artifact) -> Calibration:
        """Return the calibration of an artifact; raises DamagedArtifact."""
        try:
            records, chunks = (
                Sigmoids(
                    slopes=artifact.arrays[f"{name}.slopes"],
                    intercepts=artifact.arrays[f"{name}.intercepts"],
                )
                for name in ("records", "chunks")
            )
        except KeyError as error:
            raise DamagedArtifact(f"the calibration lacks {error}") from error
        return cls(records=records, chunks=chunks)


def log_odds(probabilities: Floats) -> Floats:
    """Return log(p / (1 - p)), of probabilities kept 1e-12 away from 0 and 1."""
    p = np.clip(probabilities, 1e-12, 1.0 - 1e-12)
    odds: Floats = np.log(p) - np.log1p(-p)
    return odds
