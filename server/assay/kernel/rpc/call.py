"""One call, as interceptors and handlers see it: who, how and with what metadata; free of grpc."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from assay.kernel.errors import Unauthenticated
from assay.kernel.identity import Principal
from assay.kernel.jobs.job import check_request_id
from assay.kernel.rpc.methods import Method
from assay.kernel.threads import RunInThread

P = ParamSpec("P")
R = TypeVar("R")

# Set by the gateway alone, on calls of REST and on all that it passes on. A native caller who sets
# them is not believed where the gateway and the server share a secret.
GATEWAY_PATH = "x-envoy-original-path"
GATEWAY_PEER = "x-assay-peer"  # host:port of the caller
UNPROVEN = "x-assay-unproven"  # in place of the marks of a gateway that has another secret
GATEWAY_SECRET = "x-assay-gateway"  # noqa: S105 - the name of a header

MAX_PATH_CHARS = 2_048  # of a path in logs and refusals
GATEWAY_METHOD = "x-envoy-original-method"


@dataclass(kw_only=True, slots=True)
class Call:
    """One call in progress. Mutable: interceptors fill it in on the way to the handler."""

    method: Method
    metadata: Mapping[str, str]  # text metadata of the caller, keys in lower case
    started: float  # monotonic seconds
    threads: RunInThread
    transport_peer: Callable[[], str] = str  # of the connection, which may be the gateway's
    run_inline: bool = False  # True: the store answers faster than a thread hop
    request_id: str = ""
    trace_id: str = ""  # of the traceparent that the caller sent; empty: none was sent
    principal: Principal | None = None
    place: tuple[str, bool] | None = None  # held among those of its organization
    held_bytes: int = 0  # of its large request, which count against its organization
    headers: dict[str, str] = field(default_factory=dict)  # sent once, with the reply

    @property
    def is_rest(self) -> bool:
        """True when the call came through the transcoding gateway."""
        return GATEWAY_PATH in self.metadata

    @property
    def is_head(self) -> bool:
        """True when the caller asked for the headers of a reply alone."""
        return self.is_rest and self.metadata.get(GATEWAY_METHOD) == "HEAD"

    @property
    def path(self) -> str:
        """The path that the caller used: a REST path without its query, or the gRPC one."""
        sent = self.metadata.get(GATEWAY_PATH)
        return self.method.path if sent is None else sent.partition("?")[0][:MAX_PATH_CHARS]

    @property
    def query(self) -> str:
        """The query of a REST caller's URL; nothing for a native caller."""
        return self.metadata.get(GATEWAY_PATH, "").partition("?")[2]

    @property
    def connection(self) -> str:
        """The caller's address and port, as the gateway or the transport knows it."""
        return self.metadata.get(GATEWAY_PEER) or self.transport_peer()

    @property
    def caller(self) -> Principal:
        """The principal; raises Unauthenticated on an anonymous call."""
        if self.principal is None:
            raise Unauthenticated("This call needs a credential.")
        return self.principal

    @property
    def organization_id(self) -> str:
        """The organization whose rows the call may touch."""
        return self.caller.organization_id

    def respond(self, status: int, **headers: str) -> None:
        """Let a REST caller get HTTP `status` and `headers`; native callers see metadata."""
        self.headers["x-http-status"] = str(status)
        self.headers.update(headers)

    def idempotency_key(self, request_id: str) -> str | None:
        """Return the request's own id, else the header Idempotency-Key, else None.

        Raises:
            InvalidArgument: it is too long or not printable.
        """
        sent = request_id or self.metadata.get("idempotency-key") or None
        check_request_id(sent)
        return sent

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a synchronous use case, with at most one thread hop."""
        if self.run_inline:
            return function(*args, **kwargs)
        return await self.threads(lambda: function(*args, **kwargs))

    async def build(self, function: Callable[[], R], *, is_large: bool) -> R:
        """Make a reply: here, or in a thread when it is large."""
        return await self.run_in_thread(function) if is_large else function()

    async def run_in_thread(self, function: Callable[[], R]) -> R:
        """Run what is too long for the event loop in a thread."""
        return await self.threads(function)


def believe(metadata: dict[str, str], secret: str) -> None:
    """Take the marks of the gateway out of metadata that does not have its secret, or the secret.

    Left in, the secret would be among what a call shows of itself.
    """
    sent = metadata.pop(GATEWAY_SECRET, None)
    if sent is None and GATEWAY_PATH not in metadata and GATEWAY_PEER not in metadata:
        return  # a native caller who claims nothing
    sent = sent or ""
    if not hmac.compare_digest(sent.encode(), secret.encode()):
        metadata.pop(GATEWAY_PATH, None)
        metadata.pop(GATEWAY_PEER, None)
        metadata[UNPROVEN] = ""
