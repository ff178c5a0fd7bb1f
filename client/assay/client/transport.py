"""The channel: who calls, where to, and what is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar, cast
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import Message

from assay.client.errors import from_rpc, is_tls_fault
from assay.client.tls import Tls

MAX_MESSAGE_BYTES = 64 << 20
# How a stream ends that was cut, depending on which side noticed first.
CUT = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL})

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


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


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a service that does not answer is tried again, and how the waiting is done."""

    seconds: float = 30.0
    first_wait: float = 0.1
    longest_wait: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = field(default=random.random)  # from 0 to 1

    def attempts(self) -> Iterator[bool]:
        """Yield True for each attempt that may be followed by another, False for the last.

        Waits between attempts, twice as long each time, up to `longest_wait`.
        """
        deadline, wait = self.clock() + self.seconds, self.first_wait
        while self.clock() < deadline:
            yield True
            self.sleep(wait * (0.5 + self.jitter() / 2))
            wait = min(self.longest_wait, wait * 2)
        yield False


class Transport:
    """A channel with a credential, deadlines and retries."""

    def __init__(
        self, address: Address, *, authorization: str | None, timeout: float, patience: Patience
    ) -> None:
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
        ]
        self.channel = (
            grpc.secure_channel(address.target, address.tls.credentials(), options)
            if address.tls is not None
            else grpc.insecure_channel(address.target, options)
        )
        self.metadata = (("authorization", authorization),) if authorization else ()
        self.patience = patience
        self._timeout = timeout

    def close(self) -> None:
        """Close the channel; calls in flight end."""
        self.channel.close()

    def call(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        *,
        again: bool = True,
    ) -> Response:
        """Return the answer of one call.

        Args:
            method: the stub's method.
            request: its request.
            again: True when a repeated call does no harm: a read, a call with a request_id, or
                one whose second time changes nothing.

        Raises:
            ServiceError: refused, or not answered though it was tried again.
        """
        for may_retry in self.patience.attempts():
            try:
                return method(request, metadata=self.metadata, timeout=self._timeout)
            except grpc.RpcError as error:
                if not (again and may_retry and _is_away(error)):
                    raise from_rpc(error) from error
        raise AssertionError("the last attempt returns or raises")


def _is_away(error: grpc.RpcError) -> bool:
    call = cast(grpc.Call, error)
    return call.code() is grpc.StatusCode.UNAVAILABLE and not is_tls_fault(call.details())


def is_cut(error: grpc.RpcError) -> bool:
    """Say whether a stream broke on its way, rather than being refused by the service."""
    call = cast(grpc.Call, error)
    if call.code() is grpc.StatusCode.UNAVAILABLE:
        return _is_away(error)
    answered = any(key == "grpc-status-details-bin" for key, _ in call.trailing_metadata() or ())
    return call.code() in CUT and not answered
