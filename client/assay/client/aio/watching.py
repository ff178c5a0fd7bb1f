"""Watching a job or a benchmark to its end over as many connections as that takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc

from assay.client import types
from assay.client.aio.transport import Transport
from assay.client.connection import is_cut
from assay.client.errors import Refusal, ServiceUnavailable
from assay.client.messages import from_message

Item = types.JobEvent | types.JobStatus


class WatchState:
    """How far a watch has come: the newest event, and whether it was the last."""

    def __init__(self, name: str, after_sequence: int) -> None:
        self._name = name
        self.after_sequence = after_sequence
        self.ended = False
        self.is_quiet = True  # nothing has come on this connection

    def take(self, answer: Any) -> Iterator[Item]:
        """Yield what one message of the stream holds, and remember how far it leads."""
        for message in answer.events:
            event = from_message(types.JobEvent, message)
            self.after_sequence, self.is_quiet = event.sequence, False
            self.ended = self.ended or event.is_terminal
            yield event
        for message in answer.status:
            yield from_message(types.JobStatus, message)
        self.after_sequence = max(self.after_sequence, answer.bookmark)

    def cut_short(self) -> ServiceUnavailable:
        """Return the refusal of a stream that ended too early, again and again."""
        return ServiceUnavailable(
            Refusal(message=f"The stream of {self._name} ends before it does.")
        )


async def followed(
    transport: Transport,
    state: WatchState,
    opened: Callable[[int], Any],
    is_over: Callable[[int], Awaitable[bool]],
) -> AsyncIterator[Item]:
    """Yield events, each once and in order, and the newest status between them.

    Args:
        transport: the connection.
        state: where to begin.
        opened: opens a stream of what comes after a sequence.
        is_over: whether nothing comes after a sequence any more.

    Raises:
        ServiceError: refused, or not answered though it was tried again.
    """
    waits = transport.retry.waits()
    while True:
        call = opened(state.after_sequence)
        state.is_quiet = True
        try:
            async for answer in call:
                waits = transport.retry.waits()
                for item in state.take(answer):
                    yield item
                if state.ended:
                    return
        except grpc.RpcError as error:
            if not is_cut(error) or not await transport.pause(waits):
                raise transport.failure(error) from error
        else:
            # A watch that starts behind the terminal event ends at once, without an error.
            if state.is_quiet and await is_over(state.after_sequence):
                return
            if not await transport.pause(waits):
                raise state.cut_short()
        finally:
            call.cancel()
