"""Bounds on calls whose requests have not come: by time, and by number for strangers.

A call is handed over when its headers are there, so that who calls is known before a byte of a
body is read. What follows has its time: a unary request as a whole, each message of a stream,
and the body of a REST upload by the pace at which it comes. Callers without a credential share a
few places, and the call that has held one longest gives way to the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from assay.kernel.errors import InvalidArgument, SlowRequest, Unavailable

REQUEST_SECONDS = 75.0  # for one message of 8 MiB over a line of 1 Mbit/s
STREAM_SECONDS = 300.0  # between two messages of a stream, which its sender may have to compute
BODY_SECONDS = 30.0  # that the body of a REST upload may be behind MIN_BODY_RATE
MIN_BODY_RATE = 1024.0  # bytes a second
STRANGER_SECONDS = 5.0  # for a request without a credential, of a few bytes
STRANGERS = 256  # places for them at a server
STRANGERS_OF_CONNECTION = 32
LOOK_SECONDS = 1.0  # between two looks for what is late

Context = grpc.aio.ServicerContext[bytes, bytes]


class Deadlines:
    """Reads requests as bytes, each awaited for its time; one look a second finds what is late.

    A timer for each read would cost a hot call more than all else that is done for it here.
    """

    def __init__(self) -> None:
        self._awaited: dict[asyncio.Task[Any], float] = {}  # until when, in seconds of the loop
        self._late: set[asyncio.Task[Any]] = set()
        self._is_watching = False

    async def only(self, context: Context, seconds: float) -> bytes:
        """Return the message of a call that has one.

        Raises:
            SlowRequest: it did not come within `seconds`.
            InvalidArgument: the call was ended without one.
        """
        # As `_read` does, without another coroutine, on the path of every hot read.
        task = self._await(seconds)
        try:
            found: object = await context.read()
        except asyncio.CancelledError:
            self._check_late(task)
            raise
        finally:
            del self._awaited[task]
        if type(found) is not bytes:
            raise InvalidArgument("The call was ended without a request. Send one message.")
        return found

    async def all(
        self, context: Context, seconds: float, byte_rate: float | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the messages of a stream.

        Args:
            context: of the call.
            seconds: until each message must be there.
            byte_rate: bytes that buy back one second of waiting; None: any message buys all back.

        Raises:
            SlowRequest: one did not come in time.
        """
        now = asyncio.get_running_loop().time
        left, began = seconds, now()
        while type(found := await self._read(context, left)) is bytes:
            if byte_rate is not None:
                left = min(seconds, left + len(found) / byte_rate + began - now())
            yield found
            began = now()  # what is done with a message does not count against its sender

    async def _read(self, context: Context, seconds: float) -> object:
        """Return the next message, or gRPC's mark of the end."""
        task = self._await(seconds)
        try:
            return await context.read()
        except asyncio.CancelledError:
            self._check_late(task)
            raise
        finally:
            del self._awaited[task]

    def _await(self, seconds: float) -> asyncio.Task[Any]:
        """Note until when the task that is running waits."""
        task = asyncio.current_task()
        assert task is not None, "a call is a task"
        loop = asyncio.get_running_loop()
        self._awaited[task] = loop.time() + seconds
        if not self._is_watching:
            self._is_watching = True
            loop.call_later(LOOK_SECONDS, self._look)
        return task

    def _check_late(self, task: asyncio.Task[Any]) -> None:
        """Raise SlowRequest where a task was canceled because it was late, and for nothing else."""
        if task in self._late:
            self._late.discard(task)
            if task.uncancel() == 0:
                raise SlowRequest(
                    "The request, or the rest of it, did not come in time. Send it again, without "
                    "pauses in it."
                ) from None

    def _look(self) -> None:
        """Cancel what is late; look again as long as anything is awaited."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for task in [one for one, until in self._awaited.items() if until <= now]:
            if task not in self._late:
                self._late.add(task)
                task.cancel()
        self._is_watching = bool(self._awaited)
        if self._is_watching:
            loop.call_later(LOOK_SECONDS, self._look)


@dataclass(eq=False)
class _Place:
    connection: str
    timeout: asyncio.Timeout
    is_taken: bool = False  # by a call that came later


class Strangers:
    """Places for calls without a credential, at most so many and so many of a connection."""

    def __init__(
        self, places: int = STRANGERS, of_connection: int = STRANGERS_OF_CONNECTION
    ) -> None:
        self._places = places
        self._of_connection = of_connection
        self._held: dict[_Place, None] = {}  # the oldest first
        self._connections: dict[str, dict[_Place, None]] = {}

    @asynccontextmanager
    async def place(
        self, connection: str, seconds: float | None = STRANGER_SECONDS
    ) -> AsyncIterator[None]:
        """Hold a place inside the block, for at most `seconds`; None: for as long as it lasts.

        Raises:
            SlowRequest: the time is over.
            Unavailable: the place was needed for a later call.
        """
        place = _Place(connection, asyncio.timeout(seconds))
        self._make_room(connection)
        own = self._connections.setdefault(connection, {})
        self._held[place] = own[place] = None
        try:
            async with place.timeout:
                yield
        except TimeoutError:
            if place.is_taken:
                raise Unavailable(
                    "Too many calls without a credential are open. Try again.", retry_after=1.0
                ) from None
            raise SlowRequest("The request did not come in time. Send it again.") from None
        finally:
            self._forget(place)

    def _make_room(self, connection: str) -> None:
        """End the oldest call where a limit is reached: an honest one has had its turn by now."""
        own = self._connections.get(connection, {})
        if len(own) >= self._of_connection:
            oldest = next(iter(own))
        elif len(self._held) >= self._places:
            oldest = next(iter(self._held))
        else:
            return
        oldest.is_taken = True
        oldest.timeout.reschedule(asyncio.get_running_loop().time())
        self._forget(oldest)

    def _forget(self, place: _Place) -> None:
        self._held.pop(place, None)
        own = self._connections.get(place.connection, {})
        own.pop(place, None)
        if not own:
            self._connections.pop(place.connection, None)
