"""Pipeline of a call: through the interceptors to its handler and back, for every shape of call.

One implementation serves unary and streams: a handler is always an async iterator of replies
over an async iterator of requests; the four shapes of gRPC are four thin adapters of it. Whatever
a handler raises becomes one refusal here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message

from assay.kernel import trace
from assay.kernel.clock import Clock
from assay.kernel.errors import (
    AssayError,
    Canceled,
    DataDamaged,
    Internal,
    RateLimited,
)
from assay.kernel.rpc.call import Call, believe
from assay.kernel.rpc.interceptors.base import Interceptor
from assay.kernel.rpc.large_bodies import PROCESS_BYTES, THREAD_BYTES, LargeBodies
from assay.kernel.rpc.methods import Method
from assay.kernel.rpc.patience import (
    BODY_SECONDS,
    MIN_BODY_RATE,
    REQUEST_SECONDS,
    STREAM_SECONDS,
    Context,
    Deadlines,
    Strangers,
)
from assay.kernel.rpc.refusal import Refusal, forget_frames, refuse
from assay.kernel.rpc.reply_cache import Key, ReplyCache
from assay.kernel.rpc.request_reading import message_of, request_of, rest_request_of
from assay.kernel.storage.failures import of_disk
from assay.kernel.threads import RunInThread

log = logging.getLogger("assay.rpc")

Before = Callable[[Call], Awaitable[None] | None]


class Pipeline:
    """The interceptors in their order, and how a handler is wrapped by them."""

    def __init__(
        self,
        interceptors: Sequence[Interceptor],
        *,
        clock: Clock,
        threads: RunInThread,
        inline_reads: bool,
        replies: ReplyCache,
        bodies: LargeBodies,
        deadlines: Deadlines,
        strangers: Strangers,
        gateway_secret: str | None = None,
    ) -> None:
        """Take the interceptors.

        Args:
            interceptors: in the order in which a call meets them.
            clock: for times in answers and logs.
            threads: where long work is done.
            inline_reads: True where point reads beat a thread hop.
            replies: to point reads.
            bodies: reads what is large.
            deadlines: by which requests must come.
            strangers: the places of calls without a credential.
            gateway_secret: what only the gateway knows; None: every caller is believed to be it.
        """
        self._replies = replies
        self._bodies = bodies
        self._deadlines = deadlines
        self._strangers = strangers
        self._gateway_secret = gateway_secret
        # Most interceptors care for one side only; the others are not even called.
        self._before = tuple(
            interceptor.before for interceptor in interceptors if _overrides(interceptor, "before")
        )
        self._after = tuple(
            interceptor.after
            for interceptor in reversed(interceptors)
            if _overrides(interceptor, "after")
        )
        self._clock = clock
        self._threads = threads
        self._inline_reads = inline_reads

    def wrap(
        self, method: Method, handler: Callable[..., Any]
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the gRPC handler that passes the interceptors and then calls `handler`.

        A handler is `(request, call) -> reply`; with a streaming side, the request is an async
        iterator of messages, or the reply an async iterator. No (de)serialiser is registered:
        bytes that are no message must be refused as everything else is. To gRPC the request is
        always a stream, for which it calls as soon as the headers are there: with one message it
        waits for that, however long, and reads it from whoever sends it.
        """
        if method.server_streaming:
            return grpc.stream_stream_rpc_method_handler(self._streamed(method, handler))
        return grpc.stream_unary_rpc_method_handler(self._answered(method, handler))

    def _answered(
        self, method: Method, handler: Callable[..., Awaitable[Message | bytes]]
    ) -> Callable[[Any, Context], Awaitable[bytes]]:
        async def serve(_: object, context: Context) -> bytes:
            call = self._call(method, context)
            # A hot read takes this path in one step: each coroutine that is not made saves time.
            try:
                waiting = self._enter(call)
                if waiting is not None:
                    await waiting
                incoming = b"" if method.client_streaming else await self._only(call, context)
                data = self._replies.get(_key(call, incoming)) if method.point_read else None
                if data is None:
                    data = await self._answer(call, incoming, context, handler)
                if call.headers:
                    await _send_headers(call, context)
            except Exception as error:  # noqa: BLE001 - the one place where errors become refusals
                incoming = b""  # this frame outlives the call, see forget_frames
                await self._abort(call, context, error)
            except asyncio.CancelledError:
                self._leave(call, _canceled())
                raise
            self._leave(call, None)
            return data

        return serve

    async def _answer(
        self,
        call: Call,
        incoming: bytes,
        context: Context,
        handler: Callable[..., Awaitable[Message | bytes]],
    ) -> bytes:
        """Return the encoded reply; that of a point read holds until something is committed."""
        token = self._replies.token
        request = await self._request(call, incoming, context)
        reply = _encode(await handler(request, call))
        if call.method.point_read:
            self._replies.put(_key(call, incoming), reply, token)
        return reply

    def _streamed(
        self, method: Method, handler: Callable[..., AsyncGenerator[Message | bytes, None]]
    ) -> Callable[[Any, Context], AsyncIterator[bytes]]:
        async def serve(_: object, context: Context) -> AsyncIterator[bytes]:
            call = self._call(method, context)
            try:
                waiting = self._enter(call)
                if waiting is not None:
                    await waiting
                # A caller who goes away ends the handler here and now, not when it is collected.
                incoming = b"" if method.client_streaming else await self._only(call, context)
                request = await self._request(call, incoming, context)
                async with aclosing(handler(request, call)) as replies:
                    async for reply in replies:
                        if call.headers:
                            await _send_headers(call, context)
                        yield _encode(reply)
                        if call.is_head:
                            break
            except Exception as error:  # noqa: BLE001 - the one place where errors become refusals
                incoming, request, reply = b"", None, b""  # as above
                await self._abort(call, context, error)
            except (asyncio.CancelledError, GeneratorExit):
                self._leave(call, _canceled())
                raise
            self._leave(call, None)

        return serve

    def _call(self, method: Method, context: Context) -> Call:
        metadata = dict(context.invocation_metadata() or ())
        if self._gateway_secret is not None:
            believe(metadata, self._gateway_secret)
        traceparent = metadata.get("traceparent")
        return Call(
            method=method,
            metadata=metadata,
            started=self._clock.monotonic(),
            trace_id="" if traceparent is None else trace.receive(traceparent).trace_id,
            threads=self._threads,
            transport_peer=context.peer,
            run_inline=method.point_read and self._inline_reads,
        )

    def _enter(self, call: Call) -> Awaitable[None] | None:
        """Pass the interceptors; from the first that must wait on, the rest is to be awaited."""
        left = iter(self._before)
        for before in left:
            waiting = before(call)
            if waiting is not None:
                return self._wait(waiting, left, call)
        if call.is_rest:
            _enter_rest(call)
        return None

    async def _wait(self, waiting: Awaitable[None], left: Iterator[Before], call: Call) -> None:
        await waiting
        for before in left:
            following = before(call)
            if following is not None:
                await following
        if call.is_rest:
            _enter_rest(call)

    def _only(self, call: Call, context: Context) -> Awaitable[bytes]:
        """Return the one message of a call."""
        if call.principal is None:
            return self._only_of_stranger(call, context)
        return self._deadlines.only(context, REQUEST_SECONDS)

    async def _only_of_stranger(self, call: Call, context: Context) -> bytes:
        async with self._strangers.place(call.connection):
            return await self._deadlines.only(context, REQUEST_SECONDS)

    async def _request(self, call: Call, incoming: bytes, context: Context) -> Any:
        """Return the request of a call, or an iterator of those of a stream."""
        if not call.method.client_streaming:
            return await self._parsed(call, incoming)
        if call.is_rest:
            body = self._deadlines.all(context, BODY_SECONDS, MIN_BODY_RATE)
            return _parse_all(call.method, body)
        return _parse_all(call.method, self._deadlines.all(context, STREAM_SECONDS))

    async def _parsed(self, call: Call, incoming: bytes) -> Message:
        """Return the request that a message holds, with the body of a REST call."""
        http = call.method.http
        if not call.is_rest or http is None or http.read is None:
            if len(incoming) >= PROCESS_BYTES:
                self._bodies.hold(call, incoming)
            return request_of(call.method, incoming)
        if len(incoming) < THREAD_BYTES:
            encoding = call.metadata.get("content-encoding", "")
            return rest_request_of(call.method, incoming, encoding)
        return await self._bodies.read(call, incoming)

    def _leave(self, call: Call, error: AssayError | None) -> None:
        if call.held_bytes:
            self._bodies.leave(call)
        for after in self._after:
            after(call, error)

    async def _abort(self, call: Call, context: Context, error: Exception) -> NoReturn:
        published = self._published(call, error)
        self._leave(call, published)
        refusal = self._refusal(call, published)
        forget_frames(error)
        await context.abort(refusal.code, refusal.message, refusal.trailers)
        raise AssertionError("abort raises")  # for the type checker: abort is typed to return

    def _published(self, call: Call, error: Exception) -> AssayError:
        if isinstance(error, OSError):
            error = of_disk(error) or error
        if isinstance(error, DataDamaged):
            log.error("%s", error.message, extra={"request_id": call.request_id})
            return error.published
        if isinstance(error, Internal) or not isinstance(error, AssayError):
            log.error("call failed", exc_info=error, extra={"request_id": call.request_id})
            return error if isinstance(error, Internal) else Internal("unexpected")
        return error

    def _refusal(self, call: Call, error: AssayError) -> Refusal:
        headers = {"x_request_id": call.request_id} if call.request_id else {}
        if isinstance(error, RateLimited):
            for name in ("limit", "remaining", "reset"):
                headers[f"x_ratelimit_{name}"] = error.metadata.get(name, "")
        return refuse(
            error,
            request_id=call.request_id,
            path=call.path,
            now=self._clock.now(),
            rest=call.is_rest,
            **headers,
        )


def _enter_rest(call: Call) -> None:
    if call.method.http is not None:
        call.method.http.check_query(call.query)
    if call.method.http_status != 200:
        call.respond(call.method.http_status)


def _key(call: Call, incoming: bytes) -> Key:
    principal = call.principal
    return ("" if principal is None else principal.organization_id, call.method.path, incoming)


def _encode(reply: Message | bytes) -> bytes:
    # Deterministic: the keys of a caller's own objects stand in one order, call after call.
    return reply if isinstance(reply, bytes) else reply.SerializeToString(deterministic=True)


def _overrides(interceptor: Interceptor, side: str) -> bool:
    return getattr(type(interceptor), side) is not getattr(Interceptor, side)


async def _parse_all(method: Method, incoming: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    first = True
    async for data in incoming:
        # Only the first message of a transcoded upload carries the path's fields.
        yield request_of(method, data) if first else message_of(method, data)
        first = False


async def _send_headers(call: Call, context: Context) -> None:
    # Sent once and only now: headers sent before an abort would drop its trailers.
    headers, call.headers = call.headers, {}
    await context.send_initial_metadata(tuple(headers.items()))


def _canceled() -> AssayError:
    return Canceled("The caller went away before the answer.")
