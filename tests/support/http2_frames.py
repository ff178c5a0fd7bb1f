"""A raw HTTP/2 connection that opens calls and leaves them open, but answers every PING.

No HTTP library opens thousands of half-sent calls; this writes the frames themselves. Headers are
sent as literals and answers are counted, not decoded.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK = END_STREAM = 1
END_HEADERS = 4
CANCEL = 8
MAX_STREAMS_SETTING = 3
WIDE = 2**30  # a window that nobody fills


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(headers: Mapping[str, str]) -> bytes:
    """Return headers as literals without indexing or Huffman coding."""
    return b"".join(
        b"\0" + _text(name.encode()) + _text(value.encode("latin-1"))
        for name, value in headers.items()
    )


def _text(data: bytes) -> bytes:
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, size = len(data) - 127, b"\x7f"
    while rest >= 128:
        size += bytes([rest % 128 | 128])
        rest //= 128
    return size + bytes([rest]) + data


def grpc_headers(path: str, **more: str) -> dict[str, str]:
    """Return the headers of a gRPC call; `_` stands for `-` in the names of `more`."""
    return {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "test",
        "content-type": "application/grpc",
        "te": "trailers",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def message(data: bytes = b"") -> bytes:
    """Return one message of a gRPC body."""
    return struct.pack(">BI", 0, len(data)) + data


class Connection:
    """One connection; its calls are numbered 1, 3, 5 and so on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._next = 1
        self.max_streams = 2**31
        self.open: set[int] = set()
        self.ended = 0
        self.data: dict[int, bytes] = {}
        self.headers: dict[int, list[bytes]] = {}  # blocks, as they came
        self.pings = 0
        self.closed = False
        self.news = asyncio.Condition()

    async def begin(self, headers: Mapping[str, str], body: bytes | None = None) -> int:
        """Send the headers of a call, and a body after which it is ended; return its number."""
        number, self._next = self._next, self._next + 2
        self.open.add(number)
        self._writer.write(frame(HEADERS, END_HEADERS, number, header_block(headers)))
        if body is not None:
            self.send(number, body, last=True)
        await self._writer.drain()
        return number

    def send(self, number: int, body: bytes, *, last: bool = False) -> None:
        """Send part of a body, of at most 16 KiB."""
        self._writer.write(frame(DATA, END_STREAM if last else 0, number, body))

    def reset(self, number: int) -> None:
        """Give a call up."""
        self._writer.write(frame(RST_STREAM, 0, number, struct.pack(">I", CANCEL)))
        self.open.discard(number)

    async def until_ended(self, count: int, seconds: float) -> bool:
        """Wait until so many calls have been ended by the other side, or the connection is."""
        async with self.news:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.news.wait_for(lambda: self.ended >= count or self.closed)
        return self.ended >= count or self.closed

    async def listen(self) -> None:
        """Answer what an honest client answers, until the connection ends."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await self._reader.readexactly(9)
                size = int.from_bytes(head[:3], "big")
                kind, flags, number = struct.unpack(">BBI", head[3:])
                await self._take(kind, flags, number, await self._reader.readexactly(size))
        self.closed = True
        async with self.news:
            self.news.notify_all()

    async def _take(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == PING and not flags & ACK:
            self.pings += 1
            self._writer.write(frame(PING, ACK, 0, payload))
        elif kind == SETTINGS and not flags & ACK:
            for place in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, place)
                if name == MAX_STREAMS_SETTING:
                    self.max_streams = value
            self._writer.write(frame(SETTINGS, ACK, 0))
        elif kind == DATA:
            self.data[number] = self.data.get(number, b"") + payload
            if payload:
                self._writer.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(payload))))
        elif kind == HEADERS:
            self.headers.setdefault(number, []).append(payload)
        if kind == RST_STREAM or (kind in {DATA, HEADERS} and flags & END_STREAM):
            async with self.news:
                self.ended += number in self.open
                self.open.discard(number)
                self.news.notify_all()


@asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1") -> AsyncIterator[Connection]:
    """Connect, and listen until the end of the block."""
    reader, writer = await asyncio.open_connection(host, port)
    connection = Connection(reader, writer)
    writer.write(PREFACE + frame(SETTINGS, 0, 0))
    writer.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WIDE)))
    listening = asyncio.create_task(connection.listen())
    try:
        yield connection
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
