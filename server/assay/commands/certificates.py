"""The files of TLS, looked at before anything starts, and what listens without TLS."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.markup import escape

from assay.cli.console import BAD_INPUT, err
from assay.client.settings import ENV_PREFIX
from assay.client.tls import fault_of_ca, fault_of_certificate, fault_of_key
from assay.settings import Settings

log = logging.getLogger("assay.cli")


def require_usable(settings: Settings, *, server: bool, gateway: bool) -> None:
    """End the command, naming the variable, when a file of TLS is wrong; warn of what has none.

    Args:
        settings: what is asked for.
        server: True where the gRPC server will run.
        gateway: True where the gateway will run.
    """
    faults = [
        *(_of_server(settings) if server else ()),
        *(_of_gateway(settings, with_server=server) if gateway else ()),
    ]
    for name, fault in faults:
        err.print(f"[bold red]{_variable(name)}:[/] {escape(fault)}")
    if faults:
        raise typer.Exit(BAD_INPUT)
    if server and settings.grpc_tls_certificate is None:
        _warn("The gRPC server", settings.grpc_host, "grpc_tls")
    if gateway and settings.gateway_tls_certificate is None:
        _warn("The gateway", settings.http_host, "gateway_tls")


def _of_server(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from _pair(settings, "grpc_tls")
    if settings.grpc_tls_client_ca is not None:
        yield from _ca(settings, "grpc_tls_client_ca")
        if settings.grpc_tls_certificate is None:
            yield "grpc_tls_certificate", "is needed where callers must have certificates."


def _of_gateway(settings: Settings, *, with_server: bool) -> Iterator[tuple[str, str]]:
    yield from _pair(settings, "gateway_tls")
    yield from _pair(settings, "gateway_upstream")
    yield from _ca(settings, "gateway_upstream_ca")
    has_certificate = settings.gateway_upstream_certificate is not None
    if with_server and settings.grpc_tls_client_ca is not None and not has_certificate:
        why = f"is needed where {_variable('grpc_tls_client_ca')} asks callers for one."
        yield "gateway_upstream_certificate", why
    wants_tls = has_certificate or settings.gateway_upstream_name is not None
    if wants_tls and not with_server and settings.gateway_upstream_ca is None:
        yield "gateway_upstream_ca", "is needed: without it the servers are called in the clear."


def _pair(settings: Settings, prefix: str) -> Iterator[tuple[str, str]]:
    names = f"{prefix}_certificate", f"{prefix}_key"
    certificate, key = (getattr(settings, name) for name in names)
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        missing, given = names if certificate is None else names[::-1]
        yield missing, f"is needed beside {_variable(given)}."
        return
    fault = fault_of_certificate(certificate)
    if fault is not None:
        yield names[0], fault
        return
    fault = fault_of_key(key, certificate)
    if fault is not None:
        yield names[1], fault


def _ca(settings: Settings, name: str) -> Iterator[tuple[str, str]]:
    path: Path | None = getattr(settings, name)
    fault = None if path is None else fault_of_ca(path)
    if fault is not None:
        yield name, fault


def _warn(who: str, host: str, prefix: str) -> None:
    if not _is_loopback(host):
        log.warning(
            "%s listens on %s without TLS: credentials and predictions can be read on the way."
            " Set %s and %s, or listen on 127.0.0.1.",
            who,
            host,
            _variable(f"{prefix}_certificate"),
            _variable(f"{prefix}_key"),
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _variable(name: str) -> str:
    return ENV_PREFIX + name.upper()
