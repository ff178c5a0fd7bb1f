"""Two versions beside each other."""

from __future__ import annotations

from google.protobuf import json_format

from assay.client import comparison_types as types
from assay.client.convert import metrics, number, undefined
from assay.client.diagnostic_convert import interval
from assay.client.transport import Transport
from assay.client.watching import watch
from assay.v1 import version_service_pb2 as pb
from assay.v1.version_service_pb2_grpc import VersionServiceStub


class Comparing:
    """Comparisons of two versions of one model; part of `Client`."""

    _transport: Transport

    def compare(
        self, model_id: str, version_a: str, version_b: str, *, paired: bool = False
    ) -> types.Comparison:
        """Return what version b has over version a, the base, on the test split.

        Args:
            model_id: the model of both.
            version_a: the base.
            version_b: what is compared with it.
            paired: True has the two tested on the same rows and waits for it, where that is
                possible, also after it failed before; needs the permission job:submit.
        """
        request = pb.CompareVersionsRequest(
            model_id=model_id, version_a=version_a, version_b=version_b
        )
        stub = VersionServiceStub(self._transport.channel)
        found = _comparison(self._transport.call(stub.CompareVersions, request))
        if not paired or found.paired.status not in {"not_started", "running", "failed"}:
            return found
        start = pb.StartComparisonRequest(
            model_id=model_id, version_a=version_a, version_b=version_b
        )
        job = self._transport.call(stub.StartComparison, start)
        for _ in watch(self._transport, job.job_id, 0):
            pass
        return _comparison(self._transport.call(stub.CompareVersions, request))


def _comparison(message: pb.CompareVersionsResponse) -> types.Comparison:
    return types.Comparison(
        model_id=message.model_id,
        version_a=_side(message.version_a),
        version_b=_side(message.version_b),
        metric_deltas=metrics(message.metric_deltas),
        config_diff={
            name: types.ConfigDifference(
                version_a=json_format.MessageToDict(found.version_a),
                version_b=json_format.MessageToDict(found.version_b),
            )
            for name, found in sorted(message.config_diff.items())
        },
        comparable=message.comparable,
        paired=_paired(message.paired_tests),
    )


def _paired(message: pb.PairedTests) -> types.PairedTests:
    mcnemar, areas = message.mcnemar, message.roc_auc
    return types.PairedTests(
        status=message.status,
        reason=message.reason if message.HasField("reason") else None,
        job_id=message.job_id if message.HasField("job_id") else None,
        rows=int(message.rows) if message.HasField("rows") else None,
        mcnemar=types.McNemarTest(
            only_a=mcnemar.only_a, only_b=mcnemar.only_b, p_value=mcnemar.p_value
        )
        if message.HasField("mcnemar")
        else None,
        roc_auc=types.AreasTest(
            area_a=areas.area_a,
            area_b=areas.area_b,
            difference=areas.difference,
            low=number(areas, "low"),
            high=number(areas, "high"),
            p_value=number(areas, "p_value"),
        )
        if message.HasField("roc_auc")
        else None,
        differences={one.metric: interval(one) for one in message.differences},
        undefined=undefined(message.undefined),
    )


def _side(message: pb.ComparedVersion) -> types.ComparedVersion:
    return types.ComparedVersion(
        version_id=message.version_id,
        version_number=message.version_number,
        metrics=metrics(message.metrics),
        hyperparameters=json_format.MessageToDict(message.hyperparameters),
    )
