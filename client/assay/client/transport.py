"""The channel: who calls, where to, and what is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import Message

from assay.client.errors import from_rpc, is_tls_fault
from assay.client.rpc import Rpc
from assay.client.tls import Tls

MAX_MESSAGE_BYTES = 64 << 20
# How a stream ends that was cut, depending on which side noticed first.
CUT = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL})

OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]

BATCH_BYTES = 1 << 20  # of rows in one message of an upload: the most that the service takes


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the service is, and whether TLS leads there."""

    target: str
    tls: Tls | None  # None: in the clear

    @classmethod
    def parse(cls, url: str, tls: Tls | None = None) -> Address:
        """Return the address of `host:port`, `grpc://host:port` or `grpcs://host:port`.

        Raises:
            ValueError: another scheme, or TLS is asked for and the scheme says otherwise.
        """
        if "://" not in url:
            return cls(target=url, tls=tls)
        parts = urlsplit(url)
        if parts.scheme not in {"grpc", "grpcs"} or not parts.netloc:
            raise ValueError(f"'{url}' is no address; write grpc://host:port or grpcs://host:port.")
        if parts.scheme == "grpc" and tls is not None:
            # Whoever names a CA must not find credentials sent in the clear.
            raise ValueError(f"A CA or certificate is given, but '{url}' is without TLS: grpcs://.")
        return cls(target=parts.netloc, tls=(tls or Tls()) if parts.scheme == "grpcs" else None)

    def channel(self, library: Any) -> Any:
        """Return a channel of `library`, which is grpc or grpc.aio; it connects when used."""
        if self.tls is None:
            return library.insecure_channel(self.target, OPTIONS)
        return library.secure_channel(self.target, self.tls.credentials(), OPTIONS)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long a service that does not answer is tried again, and how the waiting is done."""

    seconds: float = 30.0
    first_wait: float = 0.1
    longest_wait: float = 2.0
    sleep: Callable[[float], None] = time.sleep  # of the synchronous client
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = field(default=random.random)  # from 0 to 1

    def waits(self) -> Iterator[float]:
        """Yield the seconds to wait before each further attempt, twice as long each time."""
        deadline, wait = self.clock() + self.seconds, self.first_wait
        while self.clock() < deadline:
            yield wait * (0.5 + self.jitter() / 2)
            wait = min(self.longest_wait, wait * 2)

    def pause(self, waits: Iterator[float]) -> bool:
        """Wait before another attempt; return False when there is none."""
        wait = next(waits, None)
        if wait is not None:
            self.sleep(wait)
        return wait is not None


class Connection:
    """What both clients know of a service: whom it calls, as whom, and how patiently."""

    def __init__(
        self,
        channel: Any,
        *,
        authorization: str | None,
        timeout: float,
        retry: RetryPolicy,
        new_request_id: Callable[[], str],
    ) -> None:
        self.channel = channel
        self.metadata = (("authorization", authorization),) if authorization else ()
        self.timeout = timeout
        self.retry = retry
        self.new_request_id = new_request_id
        self._multicallables: dict[Rpc, Any] = {}

    def multicallable(self, rpc: Rpc) -> Any:
        """Return the channel's callable for an RPC, made once."""
        found = self._multicallables.get(rpc)
        if found is None:
            found = self._multicallables[rpc] = rpc.multicallable(self.channel)
        return found

    def stream(self, rpc: Rpc, request: object) -> Any:
        """Begin a call that streams on one side or both; `request` is a message, or many."""
        return self.multicallable(rpc)(request, metadata=self.metadata)


class Transport(Connection):
    """A connection whose calls block."""

    def close(self) -> None:
        """Close the channel; calls in flight end."""
        self.channel.close()

    def call(self, rpc: Rpc, request: Message) -> Any:
        """Return the answer of one call; one that may be repeated is, while nothing answers.

        Raises:
            ServiceError: refused, or not answered though it was tried again.
        """
        call, waits = self.multicallable(rpc), self.retry.waits()
        while True:
            try:
                return call(request, metadata=self.metadata, timeout=self.timeout)
            except grpc.RpcError as error:
                if not (rpc.is_repeatable and is_away(error) and self.retry.pause(waits)):
                    raise from_rpc(error) from error


def is_away(error: grpc.RpcError) -> bool:
    """Say whether nothing answers, which may pass."""
    call = cast(grpc.Call, error)
    return call.code() is grpc.StatusCode.UNAVAILABLE and not is_tls_fault(call.details())


def is_cut(error: grpc.RpcError) -> bool:
    """Say whether a stream broke on its way, rather than being refused by the service."""
    call = cast(grpc.Call, error)
    if call.code() is grpc.StatusCode.UNAVAILABLE:
        return is_away(error)
    answered = any(key == "grpc-status-details-bin" for key, _ in call.trailing_metadata() or ())
    return call.code() in CUT and not answered
