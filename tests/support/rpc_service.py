"""A whole service in this process: server and runner on a folder, spoken to over real gRPC."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import grpc
import numpy as np
import pyarrow as pa
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from assay.app import Backend, ServerProcess
from assay.features.keys.service import KeyUseCases
from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.kernel.clock import Clock
from assay.kernel.identity import Principal
from assay.kernel.rpc import methods
from assay.kernel.rpc.interceptors.access_log import AccessLog
from assay.settings import Settings

R = TypeVar("R")

BOOTSTRAP = "boot.0123456789abcdefghijklmnop"
PATIENCE = 30.0  # seconds until an answer that never comes fails its test

FOREIGN = [one.full_name for one in oip.DESCRIPTOR.services_by_name.values()]
# By name; a REST view has the name of the typed method beside it: PerformanceRest.GetX.
CALLS = {
    (
        f"{service.name.removesuffix('Service')}.{method.name}"
        if service.name.endswith("RestService")
        else method.name
    ): (method, GetMessageClass(descriptor.output_type))
    for service in methods.services(FOREIGN)
    for method, descriptor in zip(methods.methods_of(service), service.methods, strict=True)
}


class SetClock(Clock):
    """The system's clock, moved by as much as a test says."""

    def __init__(self) -> None:
        self._system: Clock = Clock()
        self.ahead = 0.0  # seconds

    def now(self) -> datetime:
        return self._system.now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return self._system.monotonic() + self.ahead


def settings(folder: Path, **values: Any) -> Settings:
    """Return settings for a service in `folder` that no test slows by its rates."""
    given: dict[str, Any] = {
        "data_dir": folder,
        "grpc_port": 0,
        "bootstrap_key": BOOTSTRAP,
        "drain_seconds": 0.1,
        "workers": 2,
        "rate_read_per_minute": 1_000_000,
        "rate_write_per_minute": 1_000_000,
        "rate_stream_per_minute": 1_000_000,
        "rate_chunk_per_minute": 1_000_000,
        "max_watches": 1_000,
        "remote_allow": ("127.0.0.0/8",),
    }
    return Settings(**(given | values))


@dataclass
class Refused:
    """A refusal, taken apart."""

    code: str
    message: str
    trailers: dict[str, Any]
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: list[tuple[str, str]] = field(default_factory=list)
    retry_seconds: float | None = None
    quota: str | None = None

    @classmethod
    def of(cls, error: grpc.RpcError) -> Refused:
        refused = cls(
            code=error.code().name,
            message=error.details(),
            trailers={item.key: item.value for item in error.trailing_metadata() or ()},
        )
        details = refused.trailers.get("grpc-status-details-bin")
        if details:
            refused._read(details)
        return refused

    def _read(self, details: bytes) -> None:
        status = status_pb2.Status.FromString(details)
        assert status.code == grpc.StatusCode[self.code].value[0]
        for packed in status.details:
            kind = packed.TypeName().rpartition(".")[2]
            told = getattr(error_details_pb2, kind)()
            packed.Unpack(told)
            if kind == "ErrorInfo":
                assert told.domain == "assay"
                self.reason, self.metadata = told.reason, dict(told.metadata)
            elif kind == "BadRequest":
                self.violations = [(v.field, v.description) for v in told.field_violations]
            elif kind == "RetryInfo":
                self.retry_seconds = told.retry_delay.ToTimedelta().total_seconds()
            elif kind == "QuotaFailure":
                self.quota = told.violations[0].subject

    @property
    def body(self) -> dict[str, Any]:
        """The REST body."""
        return json.loads(self.trailers["x-error-body"])

    @property
    def told(self) -> tuple[str, str]:
        """The gRPC code and the reason."""
        return self.code, self.reason


class Caller:
    """Calls the service with one credential."""

    def __init__(
        self, channel: grpc.Channel, credential: str | None, organization: str, **metadata: str
    ) -> None:
        self.channel = channel
        self.credential = credential
        self.organization = organization
        self.sent = metadata
        self.headers: dict[str, str] = {}  # of the latest unary reply

    def having(self, **metadata: str) -> Caller:
        """Return the same caller with more metadata; `_` stands for `-`."""
        return Caller(self.channel, self.credential, self.organization, **self.sent, **metadata)

    def rest(self, path: str = "/api/v1/x") -> Caller:
        """Return the same caller as if it came through the gateway."""
        return self.having(x_envoy_original_path=path)

    def with_credential(self, credential: str | None) -> Caller:
        """Return a caller with another credential."""
        return Caller(self.channel, credential, self.organization, **self.sent)

    @property
    def metadata(self) -> list[tuple[str, str]]:
        sent = [(name.replace("_", "-"), value) for name, value in self.sent.items()]
        if self.credential is not None:
            words = self.credential if " " in self.credential else f"Bearer {self.credential}"
            sent.append(("authorization", words))
        return sent

    def begin(self, name: str, request: Any, *, timeout: float = PATIENCE) -> Any:
        """Start a call of any shape with a message, bytes, or an iterable of those."""
        method, reply = CALLS[name]
        shape = ("stream" if method.client_streaming else "unary") + (
            "_stream" if method.server_streaming else "_unary"
        )
        call = getattr(self.channel, shape)(
            method.path,
            request_serializer=lambda sent: (
                sent if isinstance(sent, bytes) else sent.SerializeToString()
            ),
            response_deserializer=reply.FromString,
        )
        if shape.endswith("unary"):
            return call.future(request, metadata=self.metadata, timeout=timeout)
        return call(request, metadata=self.metadata, timeout=timeout)

    def raw(self, name: str, request: Any) -> Any:
        """Call with whatever is given; return the reply, or the list of replies."""
        started = self.begin(name, request)
        if CALLS[name][0].server_streaming:
            return list(started)
        reply = started.result()
        self.headers = {item.key: item.value for item in started.initial_metadata()}
        return reply

    def __call__(self, name: str, /, **fields: Any) -> Any:
        """Call a method that takes one message, by its field values."""
        return self.raw(name, message(name, **fields))

    def view(self, name: str, /, **fields: Any) -> Any:
        """Call a REST view by its field values; return its JSON."""
        reply = self(name, **fields)
        assert reply.content_type == "application/json"
        return json.loads(reply.data)

    def refused(self, name: str, request: Any = None, /, **fields: Any) -> Refused:
        """Return how a call is refused; fails when it is not."""
        try:
            answer = self.raw(name, message(name, **fields) if request is None else request)
        except grpc.RpcError as error:
            return Refused.of(error)
        raise AssertionError(f"{name} was answered: {answer}")

    def model(self, **fields: Any) -> Any:
        """Create a model."""
        return self("CreateModel", **({"name": "m", "task_type": "classification"} | fields))

    def version(self, model_id: str, **fields: Any) -> Any:
        """Create a version."""
        return self("CreateVersion", model_id=model_id, **fields)

    def pair(self, **fields: Any) -> tuple[str, str]:
        """Create a model with one version; return both ids."""
        model_id = self.model(**fields).model_id
        return model_id, self.version(model_id).version_id

    def measure(
        self, model_id: str, version_id: str, data: bytes, *, split: str = "test", **fields: Any
    ) -> Any:
        """Send a CSV file and return its finished evaluation."""
        return self.raw("UploadEvaluationFile", pieces(model_id, version_id, data, split, **fields))

    def ready(self, data: bytes | None = None, **fields: Any) -> tuple[str, str]:
        """Create a model with a measured, promoted version; return both ids."""
        model_id, version_id = self.pair(**fields)
        self.measure(model_id, version_id, BINARY_CSV if data is None else data)
        self("PromoteVersion", model_id=model_id, version_id=version_id)
        return model_id, version_id

    def upload(self, evaluation_id: str, chunks: Iterable[bytes], start: int = 0) -> list[Any]:
        """Send chunks of known rows and return their acknowledgements."""
        return self.raw("UploadPredictions", iter(sent(evaluation_id, chunks, start)))


def message(name: str, /, **fields: Any) -> Message:
    """Return the request of a method."""
    return CALLS[name][0].request(**fields)


def pieces(
    model_id: str, version_id: str, data: bytes, split: str = "test", *,
    content_type: str = "text/csv", size: int = 1 << 16, **fields: Any,
) -> Iterator[Message]:  # fmt: skip  # one call
    """Yield a file in pieces as the gateway sends it: only the first says where it goes."""
    for start in range(0, max(1, len(data)), size):
        head = (
            {"model_id": model_id, "version_id": version_id, "dataset_split": split, **fields}
            if start == 0
            else {}
        )
        file = {"content_type": content_type, "data": data[start : start + size]}
        yield message("UploadEvaluationFile", **head, file=file)


def chunk(evaluation_id: str, first_row: int, data: bytes, **fields: Any) -> Message:
    """Return one chunk with its hash."""
    given = {
        "evaluation_id": evaluation_id,
        "first_row": first_row,
        "arrow": data,
        "sha256": hashlib.sha256(data).digest(),
    }
    return message("UploadPredictions", **(given | fields))


def sent(evaluation_id: str, chunks: Iterable[bytes], start: int = 0) -> Iterator[Message]:
    """Yield chunks one after another from the row `start` on."""
    for data in chunks:
        yield chunk(evaluation_id, start, data)
        start += pa.ipc.open_stream(data).read_all().num_rows


def arrow(**columns: Any) -> bytes:
    """Return columns as one self-contained Arrow IPC stream; labels become dictionaries."""
    arrays = {}
    for name, values in columns.items():
        array = pa.array(values)
        arrays[name.replace("__", ":")] = (
            array.dictionary_encode() if pa.types.is_string(array.type) else array
        )
    batch = pa.record_batch(arrays)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def csv(**columns: Sequence[Any]) -> bytes:
    """Return columns as a CSV file."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


@dataclass(frozen=True)
class Binary:
    """Predictions of a binary classifier with labels no and yes."""

    true: list[str]
    pred: list[str]
    score: list[float]

    def chunk(self, low: int, high: int) -> bytes:
        """Return the rows from `low` to `high` as a chunk."""
        return arrow(
            y_true=self.true[low:high], y_pred=self.pred[low:high], score=self.score[low:high]
        )

    @property
    def csv(self) -> bytes:
        """All rows as a file."""
        return csv(y_true=self.true, y_pred=self.pred, score=self.score)


def binary(rows: int, seed: int = 7) -> Binary:
    """Return predictions that are right more often than not."""
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.4
    score = np.clip(truth * 0.35 + random.random(rows) * 0.65, 0, 1).round(3)
    words = np.array(["no", "yes"])
    return Binary(
        true=words[truth.astype(int)].tolist(),
        pred=words[(score >= 0.5).astype(int)].tolist(),
        score=score.tolist(),
    )


BINARY_CSV = binary(40).csv


class Log(io.StringIO):
    """An access log that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._news = threading.Condition()

    def write(self, text: str) -> int:
        with self._news:
            count = super().write(text)
            self._news.notify_all()
        return count

    @contextmanager
    def awaiting(self, method: str, *codes: str) -> Iterator[None]:
        """Wait at the end of the block until a call of the method ended with one of the codes."""
        start = self.tell()

        def seen() -> bool:
            lines = self.getvalue()[start:].splitlines()
            return any(
                f"/{method}" in line and any(f'"{code}"' in line for code in codes)
                for line in lines
            )

        yield
        with self._news:
            assert self._news.wait_for(seen, PATIENCE), self.getvalue()[start:]


@dataclass
class Running:
    """A server that serves."""

    backend: Backend
    server: ServerProcess
    thread: LoopThread
    channel: grpc.Channel
    port: int
    log: Log

    def organization(self, name: str, permissions: tuple[str, ...] = ("admin",)) -> Caller:
        """Return a caller with a new key of an organization."""
        keys = KeyUseCases(self.backend.store, self.backend.ids, self.backend.clock)
        maker = Principal(
            organization_id=name, subject="test", permissions=frozenset({"admin", *permissions})
        )
        made = keys.create(maker, name="test", permissions=permissions, expires_at=None)
        return Caller(self.channel, made.credential, name)

    def lines(self) -> list[dict[str, Any]]:
        """Return the access log so far."""

        async def flush() -> None:
            for interceptor in self.server._server._interceptors:
                if isinstance(interceptor, AccessLog):
                    interceptor.flush()

        self.thread.run(flush())
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def tasks(self, *names: str) -> list[str]:
        """Return the coroutines on the loop whose qualified names have one of these words."""

        async def look() -> list[str]:
            found = [
                getattr(task.get_coro(), "__qualname__", str(task)) for task in asyncio.all_tasks()
            ]
            return [name for name in found if any(word in name for word in names)]

        return self.thread.run(look())

    def stop(self) -> None:
        """Stop the server."""
        self.channel.close()
        self.thread.run(self.server.stop())


class LoopThread:
    """An event loop on a thread of its own, which keeps what it complains of."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.faults.append(str(context)))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Return what a coroutine returns that runs on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(2 * PATIENCE)

    def close(self) -> None:
        """Stop; there must have been nothing to complain of."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()
        assert self.faults == []


def serve(thread: LoopThread, backend: Backend) -> Running:
    """Start a server of a backend on a loop."""
    log = Log()

    async def start() -> tuple[ServerProcess, int]:
        server = ServerProcess(backend, access_log=log)  # binds to the running loop
        return server, await server.start()

    server, port = thread.run(start())
    channel = grpc.insecure_channel(
        f"127.0.0.1:{port}",
        options=[
            ("grpc.max_receive_message_length", 64 << 20),
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )
    return Running(
        backend=backend, server=server, thread=thread, channel=channel, port=port, log=log
    )


def payload(message: Any) -> Any:
    """Return the message that an event or a status value carries."""
    descriptor = descriptor_pool.Default().FindMessageTypeByName(message.payload.TypeName())
    found = GetMessageClass(descriptor)()
    assert message.payload.Unpack(found)
    return found
