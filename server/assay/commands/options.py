"""Options that the operator's commands share, and the settings that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape

from assay.cli.console import BAD_INPUT, NO_SERVICE, err
from assay.client.settings import ENV_PREFIX
from assay.commands import logs
from assay.gateway.config import GatewaySettings
from assay.gateway.tls import GatewayTls
from assay.kernel.errors import SchemaMismatch
from assay.settings import Settings

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of everything that is kept.")
]
GrpcPort = Annotated[int | None, typer.Option("--grpc-port", help="Port of the gRPC server.")]
HttpPort = Annotated[int | None, typer.Option("--http-port", help="Port of the gateway for REST.")]


@contextmanager
def schema_required() -> Iterator[None]:
    """End the command as one that cannot start where the database is of another schema.

    That is no fault of the service: the text names the way out.
    """
    try:
        yield
    except SchemaMismatch as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(NO_SERVICE) from error


def settings_of(**overrides: Any) -> Settings:
    """Return the settings, with options that were given in place of the environment's.

    Ends the command when a value is not allowed, naming its variable.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        for fault in error.errors():
            name = ENV_PREFIX + "_".join(str(part) for part in fault["loc"][:1]).upper()
            err.print(f"[bold red]{name}:[/] {escape(fault['msg'])}")
        raise typer.Exit(BAD_INPUT) from error


def server_settings(**overrides: Any) -> Settings:
    """Return the settings of a command that runs a part of the service, and begin to log."""
    settings = settings_of(**overrides)
    logs.configure(settings)
    return settings


def gateway_settings(settings: Settings, **changes: Any) -> GatewaySettings:
    """Return the settings of a gateway; `changes` win over those of the service."""
    secret = settings.gateway_secret
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
        "secret": secret.get_secret_value() if secret is not None else None,
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
