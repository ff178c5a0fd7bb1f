"""The address of a service, and the faults after which a call to it is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import grpc

from assay.client.errors import BadInput, is_tls_fault
from assay.client.tls import Tls

Headers = tuple[tuple[str, str], ...]  # metadata of a call

MAX_MESSAGE_BYTES = 64 << 20
# How a stream ends that was cut, depending on which side noticed first.
CUT = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL})

# What gRPC says where there was no connection at all.
_UNREACHABLE = (
    "failed to connect",
    "Failed to connect",
    "DNS resolution failed",
    "No route to host",
)

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
            BadInput: another scheme, or TLS is asked for and the scheme says otherwise.
        """
        if "://" not in url:
            return cls(target=url, tls=tls)
        parts = urlsplit(url)
        if parts.scheme not in {"grpc", "grpcs"} or not parts.netloc:
            raise BadInput(f"'{url}' is no address; write grpc://host:port or grpcs://host:port.")
        if parts.scheme == "grpc" and tls is not None:
            # Whoever names a CA must not find credentials sent in the clear.
            raise BadInput(f"A CA or certificate is given, but '{url}' is without TLS: grpcs://.")
        return cls(target=parts.netloc, tls=(tls or Tls()) if parts.scheme == "grpcs" else None)

    @property
    def url(self) -> str:
        """The address with its scheme."""
        return f"{'grpc' if self.tls is None else 'grpcs'}://{self.target}"

    def channel(self, library: Any) -> Any:
        """Return a channel of `library`, which is grpc or grpc.aio; it connects when used."""
        if self.tls is None:
            return library.insecure_channel(self.target, OPTIONS)
        return library.secure_channel(self.target, self.tls.credentials(), OPTIONS)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long a service that does not answer is tried again, and how the waiting is done."""

    seconds: float = 30.0  # for one that has answered before
    first_seconds: float = 3.0  # for one that never has: its address may be wrong
    first_wait: float = 0.1
    longest_wait: float = 2.0
    sleep: Callable[[float], None] = time.sleep  # of the synchronous client
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = field(default=random.random)  # from 0 to 1

    def waits(self, *, has_answered: bool = True) -> Iterator[float]:
        """Yield the seconds to wait before each further attempt, twice as long each time."""
        patience = self.seconds if has_answered else min(self.seconds, self.first_seconds)
        deadline, wait = self.clock() + patience, self.first_wait
        while self.clock() < deadline:
            yield wait * (0.5 + self.jitter() / 2)
            wait = min(self.longest_wait, wait * 2)


def is_away(error: grpc.RpcError) -> bool:
    """Say whether nothing answers, which may pass."""
    call = cast(grpc.Call, error)
    return call.code() is grpc.StatusCode.UNAVAILABLE and not is_tls_fault(call.details())


def is_unreachable(error: grpc.RpcError) -> bool:
    """Say whether no connection came about, such as at an address at which nothing listens."""
    details = str(cast(grpc.Call, error).details() or "")
    # Something listens that closes the connection: it may speak TLS, or ask for a certificate.
    refused = "Socket closed" in details
    return is_away(error) and not refused and any(mark in details for mark in _UNREACHABLE)


def is_cut(error: grpc.RpcError) -> bool:
    """Say whether a stream broke on its way, rather than being refused by the service."""
    call = cast(grpc.Call, error)
    if call.code() is grpc.StatusCode.UNAVAILABLE:
        return is_away(error)
    answered = any(key == "grpc-status-details-bin" for key, _ in call.trailing_metadata() or ())
    return call.code() in CUT and not answered
