"""Sending a file: read while it is sent, and sent again when the connection breaks."""

# Made by `make generate` from aio/sending.py; never edited.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, TypeVar

import grpc
from google.api import httpbody_pb2

from assay.client.concurrency import off_loop
from assay.client.connection import Headers, is_cut, is_unreachable
from assay.client.groups import Group
from assay.client.messages import from_message

BLOCK_BYTES = 256 * 1024
MOST_BREAKS = 5  # of the connection, while one file is sent

Value = TypeVar("Value")


class FileSender(Group):
    """A group with methods that take a file."""

    def _send_file(
        self,
        answer: type[Value],
        method: str,
        values: Mapping[str, object],
        content_type: str,
        source: IO[bytes],
        *,
        headers: Headers = (),
    ) -> Value:
        """Send a file, which is closed then, and return what the service answers.

        A connection that breaks on its way has the file sent again from its beginning, at most
        MOST_BREAKS times; one that does not come about is tried for as long as any call.
        """
        rpc = self._rpc(method)
        request_id = self._transport.new_request_id()
        waits, breaks = self._transport.retry.waits(), 0
        with source as file:
            while True:
                file.seek(0)
                requests = (
                    rpc.request({**values, "file": body}, lambda: request_id)
                    for body in bodies(file, content_type)
                )
                try:
                    return from_message(answer, self._transport.stream(rpc, requests, headers))
                except grpc.RpcError as error:
                    if not is_unreachable(error):  # it worked for a while: patience starts anew
                        waits, breaks = self._transport.retry.waits(), breaks + 1
                    again = is_cut(error) and breaks <= MOST_BREAKS
                    if not (again and self._transport.pause(waits)):
                        raise self._transport.failure(error) from error


def bodies(file: IO[bytes], kind: str) -> Iterator[httpbody_pb2.HttpBody]:
    """Yield a file in blocks, each with its content type; of an empty file an empty block."""
    block = off_loop(lambda: file.read(BLOCK_BYTES))
    while True:  # of an empty file too: the service says what is wrong with it
        yield httpbody_pb2.HttpBody(content_type=kind, data=block)
        block = off_loop(lambda: file.read(BLOCK_BYTES))
        if not block:
            return
