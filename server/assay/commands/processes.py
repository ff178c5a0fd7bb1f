"""The commands that run the service: `up`, `serve`, `work`, `gateway`, `migrate`, `settings`.

What only one of them needs is imported where it is used, so that each starts fast.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from assay.cli.console import NO_SERVICE, err, out, print_json
from assay.client.settings import ENV_PREFIX
from assay.commands import certificates, ports
from assay.commands.options import (
    DataDir,
    GrpcPort,
    HttpPort,
    gateway_settings,
    schema_required,
    server_settings,
    settings_of,
)
from assay.settings import documented_settings


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
    settings = ports.beside_chosen(
        server_settings(data_dir=data_dir, grpc_port=grpc_port, http_port=http_port)
    )
    certificates.require_usable(settings, server=True, gateway=True)
    ports.require_free(settings, "grpc_port", *ports.GATEWAY)
    from assay.commands.running import run_up  # noqa: PLC0415 — loads much

    raise typer.Exit(asyncio.run(run_up(settings, as_json=as_json)))


def serve(data_dir: DataDir = None, grpc_port: GrpcPort = None) -> None:
    """Run a gRPC server alone; any number may share a database."""
    settings = server_settings(data_dir=data_dir, grpc_port=grpc_port)
    certificates.require_usable(settings, server=True, gateway=False)
    ports.require_free(settings, "grpc_port")
    from assay.commands.running import run_serve  # noqa: PLC0415 — loads much

    raise typer.Exit(asyncio.run(run_serve(settings)))


def work(data_dir: DataDir = None) -> None:
    """Run a runner of jobs alone; any number may share a database."""
    settings = server_settings(data_dir=data_dir)
    from assay.commands.running import run_work  # noqa: PLC0415 — loads much

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
    from assay.gateway import config as envoy_config  # noqa: PLC0415 — loads much
    from assay.gateway import process as gateway  # noqa: PLC0415 — loads much

    chosen = gateway_settings(settings)
    if show:
        print(envoy_config.render(chosen), end="")
        return
    certificates.require_usable(settings, server=False, gateway=True)
    ports.require_free(settings, *ports.GATEWAY)

    def announce(running: gateway.RunningGateway) -> None:
        scheme = "https" if chosen.tls.certificate else "http"
        err.print(f"REST on {scheme}://{settings.http_host}:{running.http_port}")

    raise typer.Exit(NO_SERVICE if gateway.run(chosen, announce) else 0)


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to the schema of this release."""
    settings = server_settings(data_dir=data_dir)
    from assay.kernel.storage.schema import migrate as upgrade  # noqa: PLC0415 — loads much

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with schema_required():
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
