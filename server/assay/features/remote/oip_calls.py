"""Calls of an endpoint of the Open Inference Protocol: checked address, deadline, retries, secrets.

Only what is worth it is tried again: an endpoint that is away or asks for patience. What it says
of the request itself, which servers tell in the codes INTERNAL and UNKNOWN too, it would say again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any, Final

import grpc

from assay.features.remote.circuit_breaker import CircuitBreaker
from assay.features.remote.model import RemoteCredentials, RemoteSpec
from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.foreign.inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub
from assay.kernel.addresses import Address, check_address, is_allowed
from assay.kernel.clock import Clock
from assay.kernel.errors import RemoteFailed, clip
from assay.kernel.jobs.failure_policy import Backoff, Jitter, system_jitter

MAX_REPLY_BYTES: Final = 64 * 1024**2
MOST_TRIES: Final = 4
BACKOFF: Final = Backoff(first=0.5, most=8.0)
MAX_DETAILS = 300  # characters of what an endpoint says
SHORTEST_SECRET = 6  # characters; a shorter one is found in any text

_AGAIN: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED})
_SILENT: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
# Of the request, or of what it made of it: some of its rows may be to blame.
_OF_ROWS: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
_OURS = "larger than max"  # of a reply that gRPC itself refused here, under RESOURCE_EXHAUSTED


class RowsRefused(Exception):
    """The endpoint refused a request in a way that its rows may be to blame for."""


class OipCalls:
    """Calls of one endpoint by one version, on one connection."""

    def __init__(
        self,
        spec: RemoteSpec,
        credentials: RemoteCredentials,
        *,
        allowed: tuple[str, ...],
        clock: Clock | None = None,
        jitter: Jitter | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spec, self._credentials, self._allowed = spec, credentials, allowed
        self._jitter, self._sleep = jitter or system_jitter(), sleep
        self._breaker = CircuitBreaker(clock or Clock())
        self._channel: grpc.Channel | None = None
        self._infer: Callable[..., oip.ModelInferResponse]  # on that connection

    def infer(self, request: oip.ModelInferRequest) -> oip.ModelInferResponse:
        """Return the answer of the endpoint.

        Raises:
            RowsRefused: it refused the request, for its rows or for the whole.
            RemoteFailed: it could not be reached, did not answer in time, or refused us.
            AddressNotAllowed: its host is at an address that may not be reached.
        """
        self._breaker.check()
        for number in range(1, MOST_TRIES + 1):
            try:
                if self._channel is None:
                    self._channel = self._connected()
                    self._infer = GRPCInferenceServiceStub(self._channel).ModelInfer
                response = self._infer(
                    request, timeout=self._spec.deadline_seconds, metadata=self._metadata()
                )
            except grpc.RpcError as error:
                if number == MOST_TRIES or not self._is_worth_another(error):
                    raise self._failure(error) from None
                self._sleep(BACKOFF.seconds(number, self._jitter))
            else:
                self._breaker.answered()
                return response
        raise AssertionError("the last try raises or returns")

    def close(self) -> None:
        """Let go of the connection."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _is_worth_another(self, error: Any) -> bool:
        """Say whether the same call may succeed a little later; a lost connection is made anew."""
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            self.close()  # the host may have another address by now
        return error.code() in _AGAIN and _OURS not in (error.details() or "")

    def _failure(self, error: Any) -> Exception:
        code = error.code()
        if code in _SILENT:
            self._breaker.failed()
        else:
            self._breaker.answered()
        said = f"{code.name}: {self._told(error.details() or 'without a word')}"
        if code in _OF_ROWS:
            return RowsRefused(said)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            said = f"it did not answer within {self._spec.deadline_seconds:g} s"
        elif code is grpc.StatusCode.RESOURCE_EXHAUSTED and _OURS in said:
            said = f"its answer is larger than {MAX_REPLY_BYTES} bytes; make max_rows smaller"
        return self._refusal(said, code=code.name)

    def _refusal(self, said: str, **metadata: object) -> RemoteFailed:
        endpoint = self._spec.endpoint
        return RemoteFailed(
            f"The endpoint '{clip(endpoint)}' failed: {said}",
            metadata={"endpoint": endpoint, **metadata},
        )

    def _told(self, details: str) -> str:
        """Return what an endpoint says in one line, without the secret that it may have put into it."""
        token = self._credentials.token
        is_secret = len(token) >= SHORTEST_SECRET
        line = " ".join((details.replace(token, "…") if is_secret else details).split())
        return clip(line, MAX_DETAILS)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        token = self._credentials.token
        return (("authorization", f"Bearer {token}"),) if token else ()

    def _connected(self) -> grpc.Channel:
        """Open a connection to the address that was checked: the name is not resolved again."""
        host, port = self._spec.address
        address = check_address(host, port, self._allowed)
        tls = self._spec.tls
        if tls is None and self._credentials.token and is_allowed(address):
            raise self._refusal(
                "its token would travel in the clear over a public network; use TLS"
            )
        target = _target(address, port)
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
            ("grpc.max_send_message_length", -1),  # requests are cut by the version's own limit
            ("grpc.enable_http_proxy", 0),  # a proxy would connect to whatever it likes
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if tls is None:
            options.append(("grpc.default_authority", self._spec.endpoint))
            return grpc.insecure_channel(target, options)
        # TLS checks the certificate against both.
        name = tls.server_name or host
        options += [("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)]
        return grpc.secure_channel(target, self._tls_credentials(), options)

    def _tls_credentials(self) -> grpc.ChannelCredentials:
        tls, key = self._spec.tls, self._credentials.client_key
        assert tls is not None
        has_client = bool(tls.client_certificate and key)
        return grpc.ssl_channel_credentials(
            root_certificates=tls.ca_certificate.encode() or None,
            private_key=key.encode() if has_client else None,
            certificate_chain=tls.client_certificate.encode() if has_client else None,
        )


def _target(address: Address, port: int) -> str:
    if isinstance(address, IPv6Address):
        return f"ipv6:[{address}]:{port}"
    return f"ipv4:{address}:{port}"
