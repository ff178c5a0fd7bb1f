"""A small grpc-web client over HTTP/1.1, as a browser's would be."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
from google.rpc import error_details_pb2, status_pb2

BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text"
TRAILERS = 0x80


@dataclass
class Answer:
    """What came of a call; trailers are there once `messages` is exhausted."""

    response: httpx.Response
    messages: Iterator[bytes]
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> int:
        return int(self.trailers["grpc-status"])

    def reason(self) -> str:
        """Return the reason in the status details."""
        packed = self.trailers["grpc-status-details-bin"]
        status = status_pb2.Status.FromString(base64.b64decode(packed + "=" * (-len(packed) % 4)))
        info = error_details_pb2.ErrorInfo()
        status.details[0].Unpack(info)
        return info.reason


class GrpcWeb:
    """Calls methods through the REST listener in one of the two encodings."""

    def __init__(self, web: httpx.Client, kind: str = BINARY, **headers: str) -> None:
        self._web, self._kind, self._headers = web, kind, headers

    def call(self, path: str, request, reply, **headers: str):
        """Return the reply of a unary call (None when refused) and the answer."""
        with self.open(path, request, **headers) as response:
            answer = self._answer(response)
            messages = list(answer.messages)
        return (reply.FromString(messages[0]) if messages else None), answer

    def open(self, path: str, request, **headers: str):
        """Return httpx's context manager of a streamed response."""
        data = request.SerializeToString()
        framed = struct.pack(">BI", 0, len(data)) + data
        sent = {
            "content-type": self._kind,
            "accept": self._kind,
            "x-grpc-web": "1",
            **{name.replace("_", "-"): value for name, value in (self._headers | headers).items()},
        }
        content = base64.b64encode(framed) if self._kind == TEXT else framed
        return self._web.stream("POST", path, content=content, headers=sent)

    def stream(self, response: httpx.Response, reply) -> tuple[Iterator, Answer]:
        """Return the messages of a server stream as they come, and the answer."""
        answer = self._answer(response)
        return (reply.FromString(data) for data in answer.messages), answer

    def _answer(self, response: httpx.Response) -> Answer:
        # A refusal has no body: its trailers are headers.
        answer = Answer(response, iter(()), _of_grpc(response.headers))
        answer.messages = self._messages(response, answer)
        return answer

    def _messages(self, response: httpx.Response, answer: Answer) -> Iterator[bytes]:
        buffer = b""
        for piece in self._decoded(response):
            buffer += piece
            while len(buffer) >= 5:
                kind, size = struct.unpack(">BI", buffer[:5])
                if len(buffer) < 5 + size:
                    break
                data, buffer = buffer[5 : 5 + size], buffer[5 + size :]
                if kind & TRAILERS:
                    lines = data.decode().split("\r\n")
                    pairs = (line.partition(":") for line in lines if line)
                    answer.trailers = {name.lower(): value.strip() for name, _, value in pairs}
                else:
                    yield data
        assert not buffer

    def _decoded(self, response: httpx.Response) -> Iterator[bytes]:
        if self._kind != TEXT:
            yield from response.iter_raw()
            return
        text = b""
        for piece in response.iter_raw():
            text += piece
            whole = len(text) // 4 * 4
            # Padding may stand between two frames, so each quantum is decoded by itself.
            yield b"".join(base64.b64decode(text[at : at + 4]) for at in range(0, whole, 4))
            text = text[whole:]


def _of_grpc(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("grpc-")}
