"""The ports of `assay up` and its parts: looked at before anything starts or is made."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import typer
from rich.markup import escape

from assay.cli.console import NO_SERVICE, err
from assay.client.settings import ENV_PREFIX
from assay.settings import Settings

FLAGS = {"grpc_port": "--grpc-port", "http_port": "--http-port"}
GATEWAY = ("http_port", "gateway_grpc_port", "gateway_admin_port")
# Nobody has to know them beforehand: `assay up` says where they are.
_FREE_BESIDE_CHOSEN = ("gateway_grpc_port", "gateway_admin_port")
_WHY = {
    errno.EADDRINUSE: "another process has the port; choose one, or 0 for a free one",
    errno.EACCES: "the system keeps ports below 1024 for privileged processes",
    errno.EADDRNOTAVAIL: "this machine does not have the address",
}


def beside_chosen(settings: Settings) -> Settings:
    """Return settings in which two services that were given ports of their own run side by side.

    Where a port is chosen, those of the gateway that are not become free ones.
    """
    given = settings.model_fields_set
    if not given & FLAGS.keys():
        return settings
    free = {name: 0 for name in _FREE_BESIDE_CHOSEN if name not in given}
    return settings.model_copy(update=free)


def require_free(settings: Settings, *names: str) -> None:
    """End the command when a port cannot be had, naming its setting and flag.

    Args:
        settings: with hosts and ports; a port of 0 is always to be had.
        names: the settings that are ports.
    """
    faults = list(_faults(settings, names))
    for fault in faults:
        err.print(f"[bold red]error:[/] {escape(fault)}")
    if faults:
        raise typer.Exit(NO_SERVICE)


def _faults(settings: Settings, names: tuple[str, ...]) -> Iterator[str]:
    with ExitStack() as held:  # all of them at once: two settings may name one port
        for name in names:
            host, port = _host(settings, name), getattr(settings, name)
            try:
                held.enter_context(_listener(host, port))
            except OSError as error:
                why = _WHY.get(error.errno or 0, error.strerror or str(error))
                variable = ENV_PREFIX + name.upper()
                says = f"{FLAGS[name]}, {variable}" if name in FLAGS else variable
                yield f"Cannot listen on {host}:{port} ({says}): {why}."


def _host(settings: Settings, name: str) -> str:
    if name == "gateway_admin_port":
        return "127.0.0.1"
    return settings.grpc_host if name == "grpc_port" else settings.http_host


def _listener(host: str, port: int) -> socket.socket:
    family, kind, number, _, address = socket.getaddrinfo(
        host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, number)
    try:
        # As the server and Envoy do: a port whose last connections are closing may be had.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen()
    except OSError:
        made.close()
        raise
    return made
