"""`assay up`, `serve`, `work`, `gateway`, `migrate` and `settings`: what runs the service.

The base install is the client; what needs the extra `server` is imported where it is used.
"""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from assay.cli.console import (
    BAD_INPUT,
    NO_SERVICE,
    err,
    out,
    print_json,
    show_failure,
    wrong_settings_shown,
)
from assay.commands import certificates, logs
from assay.gateway.tls import GatewayTls
from assay.settings import ENV_PREFIX, Settings, documented_settings

if TYPE_CHECKING:
    from assay.gateway.config import GatewaySettings

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of everything that is kept.")
]
GrpcPort = Annotated[int | None, typer.Option("--grpc-port", help="Port of the gRPC server.")]
HttpPort = Annotated[int | None, typer.Option("--http-port", help="Port of the gateway for REST.")]


def settings_of(**overrides: Any) -> Settings:
    """Return the settings, with options that were given in place of the environment's.

    Ends the command when a value is not allowed, naming its variable.
    """
    with wrong_settings_shown():
        return Settings(**{name: value for name, value in overrides.items() if value is not None})


def wants_tracebacks() -> bool:
    """Say whether an unforeseen fault shows its traceback."""
    try:
        return Settings().log_level == "debug"
    except ValidationError:
        return False


def up(
    data_dir: DataDir = None,
    grpc_port: GrpcPort = None,
    http_port: HttpPort = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say where it listens in one line of JSON.")
    ] = False,
) -> None:
    """Run server, runner and gateway in one process, on embedded defaults."""
    settings = server_settings(data_dir=data_dir, grpc_port=grpc_port, http_port=http_port)
    certificates.require_usable(settings, server=True, gateway=True)
    from assay.commands.running import run_up  # noqa: PLC0415 — needs the extra `server`

    raise typer.Exit(asyncio.run(run_up(settings, as_json=as_json)))


def serve(data_dir: DataDir = None, grpc_port: GrpcPort = None) -> None:
    """Run a gRPC server alone; any number may share a database."""
    settings = server_settings(data_dir=data_dir, grpc_port=grpc_port)
    certificates.require_usable(settings, server=True, gateway=False)
    from assay.commands.running import run_serve  # noqa: PLC0415 — needs the extra `server`

    raise typer.Exit(asyncio.run(run_serve(settings)))


def work(data_dir: DataDir = None) -> None:
    """Run a runner of jobs alone; any number may share a database."""
    settings = server_settings(data_dir=data_dir)
    from assay.commands.running import run_work  # noqa: PLC0415 — needs the extra `server`

    raise typer.Exit(asyncio.run(run_work(settings)))


def gateway(
    http_port: HttpPort = None,
    *,
    show: Annotated[
        bool, typer.Option("--print", help="Print Envoy's configuration and leave.")
    ] = False,
) -> None:
    """Run the REST gateway alone, before one or more servers."""
    settings = server_settings(http_port=http_port)
    from assay.gateway import config as envoy_config  # noqa: PLC0415 — needs the extra `server`
    from assay.gateway import process as gateway  # noqa: PLC0415 — needs the extra `server`

    chosen = gateway_settings(settings)
    if show:
        print(envoy_config.render(chosen), end="")
        return
    certificates.require_usable(settings, server=False, gateway=True)

    def announce(running: gateway.RunningGateway) -> None:
        scheme = "https" if chosen.tls.certificate else "http"
        err.print(f"REST on {scheme}://{settings.http_host}:{running.http_port}")

    raise typer.Exit(NO_SERVICE if gateway.run(chosen, announce) else 0)


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to the schema of this release."""
    settings = server_settings(data_dir=data_dir)
    from assay.kernel.storage.schema import migrate as upgrade  # noqa: PLC0415 — needs the extra `server`

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    out.print(f"the database is at schema {upgrade(settings.database)}")


def settings(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False
) -> None:
    """Show every setting of the service with its value here and now; secrets stay hidden."""
    current = settings_of()
    values = {
        name: (variable, getattr(current, name))
        for _, variable, _, _ in documented_settings()
        if hasattr(current, name := variable.removeprefix(ENV_PREFIX).lower())
    }
    if as_json:
        print_json({name: None if it is None else str(it) for name, it in values.values()})
        return
    table = Table("setting", "value", "", box=None, pad_edge=False)
    for name, (variable, value) in values.items():
        shown = ", ".join(value) if isinstance(value, tuple) else "" if value is None else value
        origin = "set here" if name in current.model_fields_set else ""
        table.add_row(variable, escape(str(shown)), origin)
    out.print(table)


def gateway_settings(settings: Settings, **changes: Any) -> GatewaySettings:
    """Return what the gateway is told; `changes` win over the settings."""
    from assay.gateway.config import GatewaySettings, gateway_folder  # noqa: PLC0415 — needs the extra `server`

    told = {
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
        "folder": gateway_folder(),
    }
    return GatewaySettings(**{**told, **changes})


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


def server_settings(**overrides: Any) -> Settings:
    """Return the settings of a command that needs the extra `server`, and begin to log.

    Ends the command with the way out where only the base install is there.
    """
    if importlib.util.find_spec("sqlalchemy") is None:
        show_failure(RuntimeError("this needs the server's packages: pip install 'assay[server]'"))
        raise typer.Exit(BAD_INPUT)
    settings = settings_of(**overrides)
    logs.configure(settings)
    return settings
