"""TLS towards a service: whom to trust and what to show, from PEM files."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from assay.client.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Tls:
    """Files in PEM. They are read once, when the client is made."""

    ca: str | Path | None = None  # the CAs that are trusted; None: gRPC's public ones
    certificate: str | Path | None = None  # one's own with its chain, for a service that asks
    key: str | Path | None = None  # of that certificate, not encrypted

    def credentials(self) -> grpc.ChannelCredentials:
        """Return what a channel needs.

        Raises:
            BadInput: a file is missing, is not what it should be, or key and certificate are
                not given together; the message names the file.
        """
        if (self.certificate is None) is not (self.key is None):
            raise BadInput("A client certificate and its key are given together or not at all.")
        wrong = fault_of_ca(self.ca) if self.ca else None
        if wrong is None and self.certificate and self.key:
            wrong = fault_of_certificate(self.certificate) or fault_of_key(
                self.key, self.certificate
            )
        if wrong:
            raise BadInput(wrong)
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.ca),
            private_key=_read(self.key),
            certificate_chain=_read(self.certificate),
        )


def fault_of_ca(path: str | Path) -> str | None:
    """Return why a file cannot be the CAs to trust; None when it can."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return f"{path} holds no certificate in PEM."
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    return None


def fault_of_certificate(path: str | Path) -> str | None:
    """Return why a file cannot be a certificate with its chain; None when it can."""
    return fault_of_ca(path)


def fault_of_key(path: str | Path, certificate: str | Path) -> str | None:
    """Return why a file cannot be the key of a good certificate; None when it can."""
    try:
        Path(path).read_bytes()
        # An encrypted key must fail, not ask for its password on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, path, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{path} is the key of another certificate than {certificate}."
        return f"{path} holds no key in PEM, or one that is encrypted."
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    return None


def _read(path: str | Path | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
