"""The gate of commands that measure a version: what its numbers must be, and be held against."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from assay.cli.console import counted, err
from assay.cli.max_drop import PROMOTED, MaxDrop, metric_drops
from assay.cli.metric_direction import Catalogue, catalogue_of, require_direction, require_known
from assay.cli.requirement import Outcome, Requirement
from assay.client import BadInput, Client, FailedPrecondition, NotFound
from assay.client.types import Evaluation, PerformanceSummary

UNPROMOTED = frozenset({"NO_PROMOTED_VERSION", "NO_TRAINED_VERSION"})


@dataclass(kw_only=True)
class VersionGate:
    """Requirements, and limits of how much worse than a baseline a version may be."""

    requirements: Sequence[Requirement]
    drops: Sequence[MaxDrop]
    baseline: str  # a version's id, or `promoted`; "": none
    _catalogue: Catalogue = field(default_factory=dict)

    @classmethod
    def parse(cls, require: Sequence[str], max_drop: Sequence[str], baseline: str) -> VersionGate:
        """Return the gate that options write; raises BadInput."""
        requirements = [Requirement.parse(text) for text in require]
        drops = [MaxDrop.parse(text, needs_name=True) for text in max_drop]
        if bool(drops) is not bool(baseline):
            example = "--baseline promoted --max-drop roc_auc=0.01"
            raise BadInput(f"--baseline and --max-drop go together, as in {example}.")
        return cls(requirements=requirements, drops=drops, baseline=baseline)

    @property
    def is_set(self) -> bool:
        """True where anything is required."""
        return bool(self.requirements or self.drops)

    def check(self, client: Client, model: str, task: str) -> None:
        """Read the server's metrics; raises BadInput where something else is required of.

        Args:
            client: asked for the metrics.
            model: whose task type counts; it may be absent, as where it is made later.
            task: the task type of an absent one.
        """
        if not self.is_set:
            return
        with suppress(NotFound):
            task = client.models.get(model).task_type or task
        self._catalogue = catalogue_of(client)
        names = [one.metric for one in self.requirements] + [one.name for one in self.drops]
        require_known(names, self._catalogue, task)
        require_direction([one.name for one in self.drops], self._catalogue)

    def baseline_of(self, client: Client, model: str, split: str) -> PerformanceSummary | None:
        """Return the numbers of the baseline; None, saying so, where none is promoted yet."""
        if not self.baseline:
            return None
        version = "" if self.baseline == PROMOTED else self.baseline
        try:
            return client.performance.summary(model, version, split)
        except (NotFound, FailedPrecondition) as error:
            # The first version of a model has nothing to be held against.
            first = isinstance(error, NotFound) or error.reason in UNPROMOTED
            if version or not first:
                raise
            err.print(
                "No version is promoted yet: --max-drop is held against nothing.", style="dim"
            )
            return None

    def judge(
        self, found: Evaluation | PerformanceSummary, base: PerformanceSummary | None
    ) -> list[Outcome]:
        """Return what comes of each requirement, and of each limit where there is a baseline."""
        outcomes = [one.judge(found.metrics, found.undefined) for one in self.requirements]
        if base is not None:
            note = f"{base.version_id} had {counted(base.rows, 'row')}, this {found.rows:,}"
            note = note if base.rows != found.rows else ""
            outcomes += metric_drops(self.drops, base.metrics, found.metrics, self._catalogue, note)
        return outcomes
