"""TLS of the gateway in Envoy's terms: towards its callers and towards the servers."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_SOCKETS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
_PARAMETERS = {"tls_minimum_protocol_version": "TLSv1_2"}


@dataclass(frozen=True, kw_only=True)
class GatewayTls:
    """PEM files, each absent by default: then both sides are in the clear."""

    certificate: Path | None = None  # of both listeners, with its chain
    key: Path | None = None
    upstream_ca: Path | None = None  # signs the servers' certificates
    upstream_pin: str | None = None  # SHA-256 of the one server certificate, in place of a CA
    upstream_name: str | None = None  # in the servers' certificates; None: the upstreams' hosts
    upstream_certificate: Path | None = None  # shown to servers that ask
    upstream_key: Path | None = None


def pin_of(certificate: Path) -> str:
    """Return the SHA-256, in hex, of the first certificate of a PEM file."""
    end = "-----END CERTIFICATE-----"
    first = certificate.read_text().partition(end)[0].partition("-----BEGIN")[2]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f"-----BEGIN{first}{end}")).hexdigest()


def listener(tls: GatewayTls, *protocols: str) -> Json:
    """Return the `transport_socket` of a listener that speaks `protocols`; {} in the clear."""
    if tls.certificate is None or tls.key is None:
        return {}
    common = {
        "tls_params": _PARAMETERS,
        "alpn_protocols": list(protocols),
        "tls_certificates": [_certificate(tls.certificate, tls.key)],
    }
    return _socket("DownstreamTlsContext", {"common_tls_context": common})


def upstream(tls: GatewayTls, upstreams: tuple[str, ...]) -> Json:
    """Return the `transport_socket` towards servers at `host:port`; {} in the clear."""
    if tls.upstream_ca is None and tls.upstream_pin is None:
        return {}
    common: Json = {
        "tls_params": _PARAMETERS,
        "alpn_protocols": ["h2"],
        "validation_context": _validation(tls, upstreams),
    }
    if tls.upstream_certificate is not None and tls.upstream_key is not None:
        pair = _certificate(tls.upstream_certificate, tls.upstream_key)
        common["tls_certificates"] = [pair]
    context: Json = {"common_tls_context": common}
    if tls.upstream_name is not None:
        context["sni"] = tls.upstream_name
    return _socket("UpstreamTlsContext", context)


def _validation(tls: GatewayTls, upstreams: tuple[str, ...]) -> Json:
    if tls.upstream_pin is not None:
        return {"verify_certificate_hash": [tls.upstream_pin]}
    names = (
        [tls.upstream_name]
        if tls.upstream_name is not None
        else [upstream.rpartition(":")[0].strip("[]") for upstream in upstreams]
    )
    return {
        "trusted_ca": {"filename": str(tls.upstream_ca)},
        # Without these Envoy would take any certificate of the CA for any host.
        "match_typed_subject_alt_names": [_name(name) for name in dict.fromkeys(names)],
    }


def _name(host: str) -> Json:
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        return {"san_type": "DNS", "matcher": {"exact": host}}
    return {"san_type": "IP_ADDRESS", "matcher": {"exact": address}}


def _certificate(certificate: Path, key: Path) -> Json:
    return {
        "certificate_chain": {"filename": str(certificate)},
        "private_key": {"filename": str(key)},
    }


def _socket(kind: str, context: Json) -> Json:
    typed = {"@type": f"{_SOCKETS}.{kind}", **context}
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": typed}}
