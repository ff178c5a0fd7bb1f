"""Every metric of the registry reaches the wire."""

from __future__ import annotations

from assay.metrics.registry import METRICS
from tests.support.rpc_service import Caller, binary, csv


def test_every_metric_is_a_number_or_has_a_reason(me: Caller):
    """Summary and evaluation hold each metric of their task, or say why they do not."""
    models = {
        "binary": me.ready(binary(60).csv, labels=["no", "yes"], positive_label="yes"),
        "regression": me.ready(csv(y_true=[1.0, 2.0], y_pred=[1.0, 2.5]), task_type="regression"),
    }
    for task, (model_id, version_id) in models.items():
        expected = {m.name for m in METRICS if task in {one.value for one in m.tasks}}
        summary = me("GetPerformanceSummary", model_id=model_id)
        listed = me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations[0]
        evaluation = me("GetEvaluation", evaluation_id=listed.evaluation_id)
        assert dict(summary.metrics) == dict(evaluation.metrics)
        given = set(summary.metrics)
        without = {one.metric for one in summary.undefined}
        assert given | without >= expected, task
        assert len(given) > 4
