"""A long body comes to rest as a blob, block by block, without holding up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from assay.kernel.errors import BadFile
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.threads import RunInThread

R = TypeVar("R")

BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ReceivedBody:
    """A body that came to rest."""

    address: str  # of its blob
    size: int  # bytes
    take_back: Callable[[], None]  # deletes it, where nobody else put the same; blocking


class Receiver:
    """Takes bodies of at most `max_bytes`."""

    def __init__(
        self,
        blobs: BlobStore,
        *,
        run_in_thread: RunInThread,
        max_bytes: int,
        may_be_empty: bool = False,
    ) -> None:
        self._blobs = blobs
        self._run_in_thread = run_in_thread
        self._max_bytes = max_bytes
        self._may_be_empty = may_be_empty

    @asynccontextmanager
    async def received(
        self, organization_id: str, pieces: AsyncIterator[bytes], *, keep: bool = True
    ) -> AsyncIterator[ReceivedBody]:
        """Give the blob of these bytes.

        The blob is taken back, where nobody else put the same, when the block raises, and with
        `keep=False` at the end of the block in any case.

        Raises:
            TooLarge: there are more than allowed; nothing of them stays.
            BadFile: there are none, and there must be.
            StorageUnavailable: there is no space for them; nothing of them stays.
        """
        draft = self._blobs.draft()
        try:
            address, size = await self._receive(draft, organization_id, pieces)
            yield ReceivedBody(address=address, size=size, take_back=draft.take_back)
        except BaseException:
            keep = False
            raise
        finally:
            if not keep:
                await self._whole(draft.take_back)

    async def _receive(
        self, blobs: BlobStore, organization_id: str, pieces: AsyncIterator[bytes]
    ) -> tuple[str, int]:
        stack = ExitStack()
        opened = blobs.put_stream(organization_id, limit=self._max_bytes)
        try:
            writer = await self._whole(partial(stack.enter_context, opened))
            async for block in _blocks(pieces):
                await self._whole(partial(writer.write, block))
            if not (writer.size or self._may_be_empty):
                raise BadFile("The file is empty. Send it with its content.")
            return await self._whole(writer.finish), writer.size
        finally:
            await self._whole(stack.close)

    async def _whole(self, function: Callable[[], R]) -> R:
        """Run `function` in a thread to its end, even when the caller goes away meanwhile.

        Else a file would be closed under a thread that writes it, or opened and left behind.
        """
        running = asyncio.ensure_future(self._run_in_thread(function))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise


async def _blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes in blocks of about BLOCK_BYTES, so that a block is worth a thread hop."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) >= BLOCK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
