"""TLS credentials of the gRPC server: its certificate, and the CAs of its callers'."""

from __future__ import annotations

from pathlib import Path

import grpc


def server_credentials(
    certificate: Path, key: Path, client_ca: Path | None
) -> grpc.ServerCredentials:
    """Read PEM files into credentials; TLS 1.2 or newer, which is gRPC's own minimum.

    Args:
        certificate: the server's certificate with its chain.
        key: its key, not encrypted.
        client_ca: the CAs of which every caller must have a certificate; None asks for none.

    Raises:
        OSError: a file cannot be read.
    """
    return grpc.ssl_server_credentials(
        [(key.read_bytes(), certificate.read_bytes())],
        root_certificates=None if client_ca is None else client_ca.read_bytes(),
        require_client_auth=client_ca is not None,
    )
