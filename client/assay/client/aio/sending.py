"""Sending a file: read while it is sent, and sent again when the connection breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import IO, TypeVar

import grpc
from google.api import httpbody_pb2

from assay.client.aio.concurrency import off_loop
from assay.client.aio.groups import Group
from assay.client.connection import is_cut
from assay.client.errors import from_rpc
from assay.client.messages import from_message

BLOCK_BYTES = 256 * 1024

Value = TypeVar("Value")


class FileSender(Group):
    """A group with methods that take a file."""

    async def _send_file(
        self,
        answer: type[Value],
        method: str,
        values: Mapping[str, object],
        content_type: str,
        source: IO[bytes],
    ) -> Value:
        """Send a file, which is closed then, and return what the service answers."""
        rpc = self._rpc(method)
        request_id = self._transport.new_request_id()
        waits = self._transport.retry.waits()
        with source as file:
            while True:
                file.seek(0)
                requests = (
                    rpc.request({**values, "file": body}, lambda: request_id)
                    async for body in _bodies(file, content_type)
                )
                try:
                    return from_message(answer, await self._transport.stream(rpc, requests))
                except grpc.RpcError as error:
                    if not (is_cut(error) and await self._transport.pause(waits)):
                        raise from_rpc(error) from error


async def _bodies(file: IO[bytes], kind: str) -> AsyncIterator[httpbody_pb2.HttpBody]:
    block = await off_loop(lambda: file.read(BLOCK_BYTES))
    while True:  # of an empty file too: the service says what is wrong with it
        yield httpbody_pb2.HttpBody(content_type=kind, data=block)
        block = await off_loop(lambda: file.read(BLOCK_BYTES))
        if not block:
            return
