"""What a question about a model's quality resolves to."""

from __future__ import annotations

from dataclasses import dataclass

from assay.features.evaluations.model import Evaluation
from assay.features.models.model import Model, Version


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What answers a question about a model's quality."""

    model: Model  # the model asked about
    version: Version | None  # the one named, or the promoted one; None: there is none such
    evaluation: Evaluation | None  # the version's current one of the split; None: none yet
