"""The use case of remote models: their secrets are sealed, and their endpoints looked at."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from assay.features.remote.certificates import check_certificates
from assay.features.remote.model import RemoteCredentials, RemoteSpec, RemoteTls
from assay.kernel.addresses import check_literal, is_allowed
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.sealing import Sealer
from assay.records import encode

MAX_BYTES = 256 * 1024  # of what a version declares, as JSON: a page of versions is one message


@dataclass(frozen=True, kw_only=True)
class RemoteEndpoints:
    """Endpoints as they come in."""

    sealer: Sealer
    allowed: tuple[str, ...]  # CIDR ranges that may be reached though not public

    def sealed(self, spec: RemoteSpec, credentials: RemoteCredentials) -> str:
        """Return the credentials of an endpoint as they are stored; empty where there are none.

        Nothing is connected to: whether the endpoint answers is known when it is first used.

        Raises:
            AddressNotAllowed: the endpoint has an address that may not be reached.
            InvalidArgument: a certificate or key cannot be read, or one of a client's came without
                the other; a token would travel in the clear; or all names together are too long.
        """
        check_certificates(spec.tls or RemoteTls(), credentials)
        size = len(encode(spec))
        if size > MAX_BYTES:
            description = f"it has {size} bytes; at most {MAX_BYTES} are allowed"
            raise InvalidArgument.of("remote", description)
        check_literal(spec.address[0], self.allowed)
        if credentials == RemoteCredentials():
            return ""
        if credentials.token and spec.tls is None:
            self._check_private(spec.address[0])
        return self.sealer.seal(encode(credentials))

    def _check_private(self, host: str) -> None:
        """Refuse a token that is sent without TLS, but to a network that the operator allows.

        A name is not resolved here: what has a public address is refused when it is connected to.
        """
        if self.allowed and not _is_public(host):
            return
        raise InvalidArgument.of(
            "remote.token",
            f"would travel in the clear to '{clip(host)}'. Write grpcs:// before the endpoint; "
            "without TLS tokens are sent to addresses of ASSAY_REMOTE_ALLOW that are not public",
        )


def _is_public(host: str) -> bool:
    """Return whether a host is written as a public address."""
    try:
        return is_allowed(ip_address(host))
    except ValueError:
        return False
