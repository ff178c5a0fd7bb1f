"""The services that no credential guards: health and reflection, and what is no method at all.

Their calls hold places of strangers, so that they cannot crowd out anything else: a watch of
health, which lasts, has places of its own. A method that does not exist is refused at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from assay.kernel.clock import Clock
from assay.kernel.errors import AssayError, InvalidArgument, Unimplemented, clip
from assay.kernel.rpc.interceptors.request_id import RequestId
from assay.kernel.rpc.patience import STRANGER_SECONDS, Context, Deadlines, Strangers
from assay.kernel.rpc.refusal import forget_frames, refuse

HEALTH_WATCHES = 128  # at a server
HEALTH_WATCHES_OF_CONNECTION = 4
REFLECTION_SECONDS = 60.0  # a stream of questions about the contract
NAMES = (health.SERVICE_NAME, reflection.SERVICE_NAME)
# The messages of v1 are those of v1alpha on the wire, and newer clients ask for it first. It is
# not listed: the library has no descriptor by which v1 could be described itself.
REFLECTIONS = (reflection.SERVICE_NAME, "grpc.reflection.v1.ServerReflection")

Handler = Callable[[Any, Context], Awaitable[Any]]


class Refusals:
    """Refuses the calls that pass no interceptor, with what every refusal bears."""

    def __init__(self, request_ids: RequestId, clock: Clock) -> None:
        self._request_ids = request_ids
        self._clock = clock

    def around(self, handler: Handler, path: str) -> Callable[..., Any]:
        """Return `handler` with its errors refused."""

        async def serve(incoming: object, context: Context) -> Any:
            try:
                return await handler(incoming, context)
            except AssayError as error:
                await self._abort(context, path, error)

        return serve

    async def _abort(self, context: Context, path: str, error: AssayError) -> NoReturn:
        request_id = self._request_ids.of(dict(context.invocation_metadata() or ()))
        refusal = refuse(
            error,
            request_id=request_id,
            path=path,
            now=self._clock.now(),
            rest=False,
            x_request_id=request_id,
        )
        forget_frames(error)
        await context.abort(refusal.code, refusal.message, refusal.trailers)
        raise AssertionError("abort raises")  # for the type checker: abort is typed to return


class NoMethod(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in its stub alone
    """Refuses every method that nothing before it handles."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return what refuses a call of any shape before its request is read."""
        path = handler_call_details.method

        async def refuse_it(_: object, _context: Context) -> NoReturn:
            raise Unimplemented(
                f"There is no method '{clip(path)}'. Reflection lists those that there are.",
                metadata={"method": path},
            )

        return grpc.stream_unary_rpc_method_handler(self._refusals.around(refuse_it, path))


def handlers(
    status: HealthServicer,
    deadlines: Deadlines,
    strangers: Strangers,
    services: Sequence[str],
    refusals: Refusals,
) -> Mapping[str, grpc.RpcMethodHandler[bytes, bytes]]:
    """Return the handlers by method; reflection tells of `services`."""
    watches = Strangers(HEALTH_WATCHES, HEALTH_WATCHES_OF_CONNECTION)
    answers = ReflectionServicer([*services, *NAMES])

    async def health_request(context: Context) -> health_pb2.HealthCheckRequest:
        sent = await deadlines.only(context, 2 * STRANGER_SECONDS)  # its place has its time
        return _decoded(health_pb2.HealthCheckRequest(), sent)

    async def check(_: object, context: Context) -> bytes:
        async with strangers.place(context.peer()):
            request = await health_request(context)
        reply = await status.Check(request, context)
        return bytes(reply.SerializeToString())

    async def watch(_: object, context: Context) -> None:
        async with strangers.place(context.peer()):
            request = await health_request(context)
        async with watches.place(context.peer(), None):
            await status.Watch(request, _Encoding(context))

    async def reflect(_: object, context: Context) -> None:
        async with strangers.place(context.peer(), REFLECTION_SECONDS):
            questions = _questions(deadlines.all(context, REFLECTION_SECONDS))
            async with aclosing(answers.ServerReflectionInfo(questions, context)) as told:
                async for answer in told:
                    await context.write(answer.SerializeToString())

    unary, stream = grpc.stream_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
    found = {
        f"/{health.SERVICE_NAME}/Check": (unary, check),
        f"/{health.SERVICE_NAME}/Watch": (stream, watch),
        **{f"/{name}/ServerReflectionInfo": (stream, reflect) for name in REFLECTIONS},
    }
    return {path: make(refusals.around(one, path)) for path, (make, one) in found.items()}


class _Encoding:
    """A context for a servicer that writes messages; ours carry bytes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def write(self, message: health_pb2.HealthCheckResponse) -> None:
        """Send one message."""
        await self._context.write(message.SerializeToString())


async def _questions(sent: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in sent:
        yield _decoded(reflection_pb2.ServerReflectionRequest(), data)


def _decoded(message: Any, data: bytes) -> Any:
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise InvalidArgument("The request is not a message of this method.") from None
    return message
