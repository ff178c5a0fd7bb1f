"""Certificates and keys as they come in: read before they are stored, not when an endpoint is called."""

from __future__ import annotations

from typing import Any, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates

from assay.features.remote.model import RemoteCredentials, RemoteTls
from assay.kernel.errors import InvalidArgument


def check_certificates(tls: RemoteTls, credentials: RemoteCredentials) -> None:
    """Raise InvalidArgument for what is no certificate or key, or where they do not go together."""
    if bool(tls.client_certificate) != bool(credentials.client_key):
        _refuse("client_key", "a client's certificate and its key go together")
    if tls.ca_certificate:
        _certificates("ca_certificate", tls.ca_certificate)
    if tls.client_certificate:
        own, *_ = _certificates("client_certificate", tls.client_certificate)
        if own.public_key() != _key(credentials.client_key).public_key():
            _refuse(
                "client_key",
                "it is not the key of the client's certificate, the first of its chain",
            )


def _certificates(field: str, pem: str) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(pem.encode())
    except ValueError:
        _refuse(field, "no certificate can be read of it. Send it as PEM, whole")


def _key(pem: str) -> Any:
    try:
        return load_pem_private_key(pem.encode(), None)
    except (ValueError, UnsupportedAlgorithm):
        _refuse("client_key", "no private key can be read of it. Send it as PEM, whole")
    except TypeError:
        _refuse("client_key", "it is encrypted. Send it without a password; it rests sealed")


def _refuse(field: str, description: str) -> NoReturn:
    raise InvalidArgument.of(f"remote.tls.{field}", description)
