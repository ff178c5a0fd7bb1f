"""Streams of bytes that are made in a thread, part by part, as they are sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator

from assay.kernel.rpc.call import Call


async def in_parts(call: Call, parts: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield what an iterator yields, each part made in a thread when the one before was sent."""
    try:
        while (part := await call.run_in_thread(lambda: next(parts, None))) is not None:
            if part:
                yield part
    finally:
        if isinstance(parts, Generator):
            parts.close()  # what it has open is closed here and now
