"""A small gRPC server that answers as it is told, so that the gateway's part can be seen alone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from assay.v1 import (
    evaluation_pb2,
    evaluation_service_pb2_grpc,
    job_service_pb2_grpc,
    model_pb2,
    model_service_pb2_grpc,
)

VENDOR_BODY = json.dumps({"statusCode": 422, "message": "not ready", "details": []})


class Models(model_service_pb2_grpc.ModelServiceServicer):
    """Answers by the model's id: `slow` waits, `bare` and `shaped` refuse, `echo` tells headers."""

    def __init__(self) -> None:
        self.arrived = threading.Event()  # a `slow` call is in flight
        self.go_on = threading.Event()
        self.refuses = False  # answers UNAVAILABLE, as a server that is leaving does

    async def GetModel(self, request, context):
        await self._may_refuse(context)
        answer = getattr(self, f"_{request.model_id}", None)
        if answer is not None:
            return await answer(context)
        return model_pb2.Model(model_id=request.model_id)

    async def _may_refuse(self, context):
        if self.refuses:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "leaving")

    async def _slow(self, context):
        self.arrived.set()
        await asyncio.to_thread(self.go_on.wait)
        return model_pb2.Model(model_id="slow")

    async def _bare(self, context):
        await context.abort(grpc.StatusCode.NOT_FOUND, 'no "such" thing')

    async def _given_up(self, context):
        await context.abort(grpc.StatusCode.CANCELLED, "")

    async def _detailed(self, context):
        status = status_pb2.Status(code=9, message="not yet")
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason="NOT_YET", domain="assay"))
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not yet", trailers)

    async def _shaped(self, context):
        trailers = (("x-http-status", "422"), ("x-error-body", VENDOR_BODY), ("retry-after", "7"))
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not ready", trailers)

    async def _big(self, context):
        return model_pb2.Model(model_id="big", description="quality " * 8192)

    async def _echo(self, context):
        seen = {key: str(value) for key, value in context.invocation_metadata()}
        return model_pb2.Model(model_id="echo", description=json.dumps(seen))

    async def CreateModel(self, request, context):
        await self._may_refuse(context)
        headers = (("x-http-status", "201"), ("location", "/api/v1/models/new"))
        await context.send_initial_metadata(headers)
        return model_pb2.Model(model_id="new", name=request.name)

    async def DeleteModel(self, request, context):
        await context.send_initial_metadata((("x-http-status", "204"),))
        return empty_pb2.Empty()


class Watches(job_service_pb2_grpc.JobServiceServicer):
    """Sends one event, and the next only when told."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    async def WatchJobEvents(self, request, context) -> AsyncIterator[httpbody_pb2.HttpBody]:
        kind = "text/event-stream"
        yield httpbody_pb2.HttpBody(content_type=kind, data=b"id: 1\ndata: {}\n\n")
        await asyncio.to_thread(self.go_on.wait)
        yield httpbody_pb2.HttpBody(data=b"id: 2\ndata: {}\n\n")

    async def WatchJobLines(self, request, context) -> AsyncIterator[httpbody_pb2.HttpBody]:
        yield httpbody_pb2.HttpBody(content_type="application/x-ndjson", data=b'{"n":1}\n')


class Evaluations(evaluation_service_pb2_grpc.EvaluationServiceServicer):
    """Counts the bytes of an upload."""

    async def UploadEvaluationFile(self, requests, context):
        size, kind, first = 0, "", None
        async for request in requests:
            first = first or request
            size += len(request.file.data)
            kind = kind or request.file.content_type
        await context.send_initial_metadata((("x-http-status", "201"),))
        return evaluation_pb2.Evaluation(
            model_id=first.model_id, dataset_split=first.dataset_split, rows=size, status=kind
        )


class Upstream:
    """A running server; `port` is where it listens, in the clear unless there are credentials."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        self._credentials = credentials
        self.models, self.watches = Models(), Watches()
        self.port = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @contextmanager
    def running(self) -> Iterator[Upstream]:
        """Serve until the block ends."""
        self._thread.start()
        self._started.wait()
        try:
            yield self
        finally:
            self.models.go_on.set()
            self.watches.go_on.set()
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = grpc.aio.server()
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(self.models, server)
        job_service_pb2_grpc.add_JobServiceServicer_to_server(self.watches, server)
        evaluation_service_pb2_grpc.add_EvaluationServiceServicer_to_server(Evaluations(), server)
        servicer = health.aio.HealthServicer()
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        address = "127.0.0.1:0"
        self.port = (
            server.add_insecure_port(address)
            if self._credentials is None
            else server.add_secure_port(address, self._credentials)
        )
        await server.start()
        self._started.set()
        await self._stop.wait()
        await server.stop(0.1)
