"""The synchronous client: typed, and resumable over broken connections."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import grpc

from assay.client import calls, types
from assay.client.base import BaseClient
from assay.client.benchmarks import Benchmarks
from assay.client.comparisons import Comparisons
from assay.client.documents import ExtractionRuns, GroundTruth
from assay.client.evaluating import EvaluationPlan, succeeded
from assay.client.evaluations import Evaluations
from assay.client.jobs import Jobs
from assay.client.methods import TERMINAL_STATES
from assay.client.transport import Transport


class Client(BaseClient[types.Evaluation]):
    """A connection to one service, for use in a `with` block.

    Its calls are grouped by resource: `client.models.list()`, `client.jobs.watch(job_id)`.
    Every call raises a `ServiceError` of `assay.client.errors` when the service refuses. A
    service that does not answer is tried again for `retry.seconds`.

    Example:
        >>> with Client("127.0.0.1:50051", api_key="prefix.secret") as client:
        ...     model = client.models.create("churn", "classification")
        ...     version = client.versions.create(model.model_id)
        ...     done = client.evaluate(
        ...         model.model_id, version.version_id, y_true=["a", "b"], y_pred=["a", "a"]
        ...     )
        ...     done.metrics["accuracy"]
        0.5
    """

    def _connect(self) -> None:
        transport = self._transport = Transport(self._address.channel(grpc), **self._options)
        self.benchmarks = Benchmarks(transport)
        self.comparisons = Comparisons(transport)
        self.diagnostics = calls.Diagnostics(transport)
        self.evaluations = Evaluations(transport)
        self.extraction_runs = ExtractionRuns(transport)
        self.field_schemas = calls.FieldSchemas(transport)
        self.ground_truth = GroundTruth(transport)
        self.jobs = Jobs(transport)
        self.keys = calls.Keys(transport)
        self.models = calls.Models(transport)
        self.performance = calls.Performance(transport)
        self.server = calls.Server(transport)
        self.versions = calls.Versions(transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; streams that are open end."""
        self._transport.close()

    def _evaluate(self, plan: EvaluationPlan) -> types.Evaluation:
        return self.evaluations.run(plan)

    def _evaluate_rows(self, values: Mapping[str, Any]) -> types.Evaluation:
        made = self.evaluations.create_from_rows(**values)
        if made.status not in TERMINAL_STATES:  # it takes longer than one request may
            self.jobs.wait(made.job_id)
        return succeeded(self.evaluations.get(made.evaluation_id))
