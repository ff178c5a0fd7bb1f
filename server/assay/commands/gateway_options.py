"""The gateway's own settings, as they follow from the settings of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.gateway.config import GatewaySettings
from assay.gateway.tls import GatewayTls
from assay.settings import Settings


def gateway_settings(settings: Settings, **changes: Any) -> GatewaySettings:
    """Return the settings of a gateway; `changes` win over those of the service."""
    given = {
        "host": settings.http_host,
        "http_port": settings.http_port,
        "grpc_port": settings.gateway_grpc_port,
        "admin_port": settings.gateway_admin_port,
        "upstreams": settings.upstreams,
        "tls": _gateway_tls(settings),
        "cors_origins": settings.cors_origins,
        "max_body_bytes": settings.max_body_bytes,
        "access_log": settings.gateway_access_log,
        "concurrency": settings.gateway_concurrency,
        "drain_seconds": settings.drain_seconds,
    }
    return GatewaySettings(**{**given, **changes})


def _gateway_tls(settings: Settings) -> GatewayTls:
    def absolute(path: Path | None) -> Path | None:
        return None if path is None else path.absolute()

    return GatewayTls(
        certificate=absolute(settings.gateway_tls_certificate),
        key=absolute(settings.gateway_tls_key),
        upstream_ca=absolute(settings.gateway_upstream_ca),
        upstream_name=settings.gateway_upstream_name,
        upstream_certificate=absolute(settings.gateway_upstream_certificate),
        upstream_key=absolute(settings.gateway_upstream_key),
    )
