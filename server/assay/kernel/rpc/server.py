"""The gRPC server: its interceptors in order, its services, health and reflection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer

from assay.kernel.clock import Clock
from assay.kernel.identity import Principal
from assay.kernel.ids import Ids
from assay.kernel.rpc import grpc_log, methods, open_services
from assay.kernel.rpc.auth import Authenticator
from assay.kernel.rpc.interceptors.access_log import AccessLog
from assay.kernel.rpc.interceptors.authenticate import Authenticate
from assay.kernel.rpc.interceptors.authorize import Authorize
from assay.kernel.rpc.interceptors.base import Interceptor
from assay.kernel.rpc.interceptors.concurrency import Concurrency, Places
from assay.kernel.rpc.interceptors.rate_limit import RateLimit, Rates
from assay.kernel.rpc.interceptors.request_id import RequestId
from assay.kernel.rpc.large_bodies import LargeBodies, Processes
from assay.kernel.rpc.patience import Deadlines, Strangers
from assay.kernel.rpc.pipeline import Pipeline
from assay.kernel.rpc.reply_cache import ReplyCache
from assay.kernel.threads import RunInThread

# gRPC turns away what is more, whoever calls, so it is above what strangers and organizations
# may hold: a bound of the memory. A watch is a call too.
MAX_CALLS = 16_384
# Calls that came at once and wait to be taken. Of those beyond it gRPC cancels some at random, and
# nobody can tell such an end from that of a caller who went away.
MAX_WAITING_CALLS = 100_000
MAX_CALLS_OF_CONNECTION = 1_024
MAX_MESSAGE_BYTES = 8 * 1024 * 1024  # of one gRPC message; larger things are streamed
MAX_METADATA_BYTES = 128 * 1024  # of one call's metadata, with 32 bytes an entry as HTTP/2 counts

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    # Above what the gateway lets through, so that our own words refuse a long path or cursor.
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.server.max_pending_requests", MAX_WAITING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MAX_WAITING_CALLS),
    ("grpc.max_concurrent_streams", MAX_CALLS_OF_CONNECTION),
    ("grpc.so_reuseport", 0),  # two servers on one port must fail, not share it
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class MissingHandler(RuntimeError):
    """A method of the contract is handled by no feature."""


class PortTaken(RuntimeError):
    """The address that the server should listen on cannot be bound."""


@dataclass(frozen=True, kw_only=True)
class ServerDependencies:
    """What a server is built from."""

    handlers: Sequence[object]  # one instance a service, as methods.service_of finds it
    authenticator: Authenticator
    rates: Rates
    limits_storage_url: str
    places: Places
    clock: Clock
    ids: Ids
    access_log: TextIO
    run_in_thread: RunInThread
    body_processes: Processes  # that read large bodies
    change_token: Callable[[], Hashable]  # differs whenever a commit came between two reads of it
    inline_reads: bool  # True where a point read beats a thread hop
    gateway_secret: str | None = None  # None: whoever claims to be the gateway is believed
    keyless: Principal | None = None  # of callers without a key; None: all need one


def interceptors(dependencies: ServerDependencies) -> tuple[Interceptor, ...]:
    """Return the interceptors in their order, with the reason for each position."""
    return (
        # First, so that every line and every refusal bears the id.
        RequestId(dependencies.ids),
        # Before whatever may refuse, so that refusals are logged too.
        AccessLog(dependencies.access_log, dependencies.clock),
        # 401 comes before all that depends on who is calling.
        Authenticate(dependencies.authenticator, dependencies.rates.failed, dependencies.keyless),
        # 429 before 403: a caller who hammers forbidden methods is slowed as well.
        RateLimit(dependencies.rates, dependencies.limits_storage_url),
        # Calls that the rates let pass and that last; before any of a request is awaited.
        Concurrency(dependencies.places),
        # 403 before the request is looked at, so that it reveals nothing about resources.
        Authorize(),
    )


class _AllMethods(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in its stub alone
    """Finds a method of any service at once, instead of asking one service after the other."""

    def __init__(self, handlers: Mapping[str, grpc.RpcMethodHandler[bytes, bytes]]) -> None:
        self._handlers = handlers

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return the handler of a method, None when there is none."""
        return self._handlers.get(handler_call_details.method)


class Server:
    """A grpc.aio server of the whole contract, with health and reflection."""

    def __init__(self, dependencies: ServerDependencies) -> None:
        grpc_log.quiet()
        deadlines, strangers = Deadlines(), Strangers()
        self._interceptors = interceptors(dependencies)
        self._pipeline = Pipeline(
            self._interceptors,
            clock=dependencies.clock,
            threads=dependencies.run_in_thread,
            inline_reads=dependencies.inline_reads,
            replies=ReplyCache(dependencies.change_token),
            bodies=LargeBodies(dependencies.body_processes),
            deadlines=deadlines,
            strangers=strangers,
            gateway_secret=dependencies.gateway_secret,
        )
        self._server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MAX_CALLS)
        self._health = HealthServicer()
        self.port = 0
        self._names = self._register(
            {methods.service_of(handler): handler for handler in dependencies.handlers}
        )
        refusals = open_services.Refusals(RequestId(dependencies.ids), dependencies.clock)
        opened = open_services.handlers(self._health, deadlines, strangers, self._names, refusals)
        self._server.add_generic_rpc_handlers(
            (_AllMethods(opened), open_services.NoMethod(refusals))
        )

    def _register(self, handlers: dict[str, Any]) -> list[str]:
        names = []
        wrapped = {}
        for service in methods.services(handlers):
            handler = handlers.get(service.full_name)
            for method in methods.methods_of(service):
                function = getattr(handler, method.name, None)
                if function is None:
                    raise MissingHandler(f"{method.path} has no handler in any feature")
                wrapped[method.path] = self._pipeline.wrap(method, function)
            names.append(service.full_name)
        self._server.add_generic_rpc_handlers((_AllMethods(wrapped),))
        return names

    async def start(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Listen on `host:port` (port 0 takes a free one), report SERVING, return the port.

        Without `credentials` calls travel in the clear.
        """
        try:
            self.port = (
                self._server.add_insecure_port(address)
                if credentials is None
                else self._server.add_secure_port(address, credentials)
            )
        except RuntimeError as error:
            raise PortTaken(f"Cannot listen on {address}: is another server there?") from error
        await self._server.start()
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return self.port

    async def stop(self, *, notice: float, grace: float) -> None:
        """Report NOT_SERVING, give balancers `notice` seconds, then calls `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(notice)
        await self._server.stop(grace)
        for interceptor in self._interceptors:
            await interceptor.close()

    async def report(self, service: str, is_serving: bool) -> None:
        """Say of a service in the health protocol whether it serves."""
        status = health_pb2.HealthCheckResponse
        await self._health.set(service, status.SERVING if is_serving else status.NOT_SERVING)

    async def wait(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()
