"""ServerService."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib import resources

from google.api import httpbody_pb2

from assay.features.server_info import docs_page
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import message_of
from assay.metrics.metric import Metric
from assay.v1 import metric_pb2, server_service_pb2


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the server tells of itself."""

    version: str  # Assay's release
    metrics_version: str  # of the metric definitions
    chunk_bytes: int
    chunks_in_flight: int
    file_bytes: int
    body_bytes: int
    labels: int
    label_chars: int
    page_size: int
    typed_rows: int
    metrics: tuple[Metric, ...]  # in the order in which they are shown


class ServerService:
    """The server's own description."""

    def __init__(self, facts: Facts) -> None:
        document = (
            resources.files("assay.features.server_info").joinpath("openapi.json").read_bytes()
        )
        page = docs_page.render(json.loads(document)).encode()
        self._page = httpbody_pb2.HttpBody(content_type="text/html; charset=utf-8", data=page)
        self._document = httpbody_pb2.HttpBody(content_type="application/json", data=document)
        self._info = server_service_pb2.ServerInfo(
            version=facts.version,
            metrics_version=facts.metrics_version,
            limits=message_of(server_service_pb2.Limits, facts),
            metrics=[_definition(metric) for metric in facts.metrics],
        )

    async def GetServerInfo(
        self, request: server_service_pb2.GetServerInfoRequest, call: Call
    ) -> server_service_pb2.ServerInfo:
        """Return versions, limits and the catalogue of metrics."""
        return self._info

    async def GetOpenApi(
        self, request: server_service_pb2.GetOpenApiRequest, call: Call
    ) -> httpbody_pb2.HttpBody:
        """Return the OpenAPI document."""
        return self._document

    async def GetDocs(
        self, request: server_service_pb2.GetDocsRequest, call: Call
    ) -> httpbody_pb2.HttpBody:
        """Return the page of the REST routes."""
        call.headers["content-security-policy"] = docs_page.POLICY
        call.headers["x-content-type-options"] = "nosniff"
        return self._page


def _definition(metric: Metric) -> metric_pb2.MetricDefinition:
    return metric_pb2.MetricDefinition(
        name=metric.name,
        description=f"{metric.description}.",
        tasks=sorted(task.value for task in metric.tasks),
        lowest=metric.low if math.isfinite(metric.low) else None,
        highest=metric.high if math.isfinite(metric.high) else None,
        direction=metric.direction.value,
        unit=metric.unit.value,
    )
