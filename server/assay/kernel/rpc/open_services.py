"""The services that no credential guards: health and reflection, as gRPC defines them.

Their calls hold places of strangers, so that they cannot crowd out anything else: a watch of
health, which lasts, has places of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from assay.kernel.errors import AssayError, InvalidArgument
from assay.kernel.rpc.patience import STRANGER_SECONDS, Context, Deadlines, Strangers
from assay.kernel.rpc.refusal import code_of

HEALTH_WATCHES = 128  # at a server
HEALTH_WATCHES_OF_CONNECTION = 4
REFLECTION_SECONDS = 60.0  # a stream of questions about the contract
NAMES = (health.SERVICE_NAME, reflection.SERVICE_NAME)


def handlers(
    status: HealthServicer,
    deadlines: Deadlines,
    strangers: Strangers,
    services: Sequence[str],
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

    return {
        f"/{health.SERVICE_NAME}/Check": grpc.stream_unary_rpc_method_handler(_refusing(check)),
        f"/{health.SERVICE_NAME}/Watch": grpc.stream_stream_rpc_method_handler(_refusing(watch)),
        f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
            _refusing(reflect)
        ),
    }


class _Encoding:
    """A context for a servicer that writes messages; ours carry bytes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def write(self, message: health_pb2.HealthCheckResponse) -> None:
        """Send one message."""
        await self._context.write(message.SerializeToString())


def _refusing(handler: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Any]:
    async def serve(incoming: object, context: Context) -> Any:
        try:
            return await handler(incoming, context)
        except AssayError as error:
            return await context.abort(code_of(error.status), error.message)

    return serve


async def _questions(sent: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in sent:
        yield _decoded(reflection_pb2.ServerReflectionRequest(), data)


def _decoded(message: Any, data: bytes) -> Any:
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise InvalidArgument("The request is not a message of this method.") from None
    return message
