"""Turns on the event loop: a crowd that is woken at once goes on a few at a time."""

from __future__ import annotations

import asyncio
from collections import deque

IN_A_ROUND = 32


class Turns:
    """Lets at most `in_a_round` waiters go on in one round of the loop, in their order.

    A round lasts as long as all that goes on in it; whoever is not of the crowd, such as the caller
    who causes what the crowd hears of, has its step in every round.
    """

    def __init__(self, in_a_round: int = IN_A_ROUND) -> None:
        self._in_a_round = in_a_round
        self._gone_on = 0  # in this round
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a turn; at once while few take one."""
        loop = asyncio.get_running_loop()
        if self._gone_on < self._in_a_round and not self._waiting:
            if not self._gone_on:
                loop.call_soon(self._next_round)
            self._gone_on += 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        self._gone_on = 0
        while self._waiting and self._gone_on < self._in_a_round:
            turn = self._waiting.popleft()
            if not turn.done():  # whose watch has not ended meanwhile
                turn.set_result(None)
                self._gone_on += 1
        if self._gone_on:
            asyncio.get_running_loop().call_soon(self._next_round)
