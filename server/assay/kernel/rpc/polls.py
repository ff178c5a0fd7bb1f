"""The pace of polls: what a caller who asks for a job again and again gets, and when.

A loop that asks as fast as it can is the usual way to wait for a job. While the job has not ended,
each answer comes after a short pause, so that such a loop stays far below the rate of reads
however fast the machines are, and the answer is as of its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from assay.kernel.rpc.call import Call

T = TypeVar("T")

POLL_SECONDS = 0.1  # by which an answer waits whose job has not ended: 600 polls a minute


async def answer(call: Call, read: Callable[[], T], has_ended: Callable[[T], bool]) -> T:
    """Return what `read` returns: at once of a job that has ended, else as of POLL_SECONDS later.

    A method that answers so is no `point_read`: its reply must not be remembered.
    """
    found = await call.run(read)
    if has_ended(found):
        return found
    await asyncio.sleep(POLL_SECONDS)
    return await call.run(read)
