"""Processes that run until they are told to stop: their start, their end, and the order of both."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TextIO

from pydantic import SecretStr

from assay.app import BALANCER_NOTICE, Backend, RunnerProcess, ServerProcess
from assay.cli.console import NO_SERVICE, OK, err, print_json
from assay.commands.options import gateway_settings, schema_required
from assay.features.keys.service import KeyUseCases, MadeKey
from assay.gateway.process import RunningGateway
from assay.gateway.supervision import SupervisedGateway
from assay.gateway.tls import GatewayTls, pin_of
from assay.settings import Settings

STDOUT, STDERR = "/dev/stdout", "/dev/stderr"


async def run_up(settings: Settings, *, as_json: bool) -> int:
    """Run server, runner and gateway; return the exit code.

    Args:
        settings: ports of 0 take free ones.
        as_json: True prints one line of JSON on stdout once everything answers.
    """
    if settings.gateway_secret is None:
        settings = settings.model_copy(update={"gateway_secret": SecretStr(secrets.token_hex(16))})
    async with _backend(settings, upgrade=True) as (backend, closing, stop):
        if settings.bootstrap_key:
            bootstrap_key(backend)  # known to whoever set it, who may call at once
        _start_runner(backend, closing)
        logs = _access_logs(settings, as_json=as_json)
        port = await _start_server(backend, closing, access_log=logs.server)
        upstream = f"{_reachable(settings.grpc_host)}:{port}"
        chosen = gateway_settings(settings, upstreams=(upstream,), access_log=logs.gateway)
        chosen = replace(chosen, tls=_pinned(chosen.tls, settings))
        envoy = await asyncio.to_thread(SupervisedGateway, chosen, backend.clock.monotonic)
        closing.push_async_callback(asyncio.to_thread, envoy.stop)
        # Made last of all: a start that fails must not keep the one sight of a key from anybody.
        made = bootstrap_key(backend)
        _announce(
            settings, port, envoy.running, made.credential if made else None, logs, as_json=as_json
        )
        return await _until_stopped(stop, envoy)


async def run_serve(settings: Settings) -> int:
    """Run a server until it is told to stop; return the exit code."""
    async with _backend(settings) as (backend, closing, stop):
        if settings.bootstrap_key:
            bootstrap_key(backend)
        port = await _start_server(
            backend, closing, access_log=settings.access_log, notice=BALANCER_NOTICE
        )
        scheme = "grpcs://" if settings.grpc_tls_certificate else ""
        err.print(f"gRPC on {scheme}{settings.grpc_host}:{port}")
        await stop.wait()
    return OK


async def run_work(settings: Settings) -> int:
    """Run a runner until it is told to stop; return the exit code."""
    async with _backend(settings) as (backend, closing, stop):
        _start_runner(backend, closing)
        err.print(f"working with {settings.worker_count} compute processes")
        await stop.wait()
    return OK


def bootstrap_key(backend: Backend) -> MadeKey | None:
    """Make the admin key of an empty store; None where a key exists already."""
    secret = backend.settings.bootstrap_key
    return KeyUseCases(backend.store, backend.ids, backend.clock).bootstrap(
        backend.settings.bootstrap_organization,
        secret.get_secret_value() if secret is not None else None,
    )


@contextlib.asynccontextmanager
async def _backend(
    settings: Settings, *, upgrade: bool = False
) -> AsyncIterator[tuple[Backend, AsyncExitStack, asyncio.Event]]:
    """Give a backend, what is closed before it, and the event of being told to stop.

    What was started last is stopped first: nobody is let in to what is about to leave.
    """
    with _stop_signals() as stop:
        async with AsyncExitStack() as closing:
            with schema_required():
                backend = Backend(settings, upgrade=upgrade)
            closing.push_async_callback(asyncio.to_thread, backend.close)
            yield backend, closing, stop


def _start_runner(backend: Backend, closing: AsyncExitStack) -> None:
    runner = RunnerProcess(backend)
    runner.start()
    closing.push_async_callback(asyncio.to_thread, runner.stop)


async def _start_server(
    backend: Backend, closing: AsyncExitStack, *, access_log: str, notice: float = 0.0
) -> int:
    """Start a server; `notice` is how long its balancers have to see that it leaves."""
    server = ServerProcess(backend, access_log=closing.enter_context(_opened(access_log)))
    port = await server.start()
    closing.push_async_callback(server.stop, notice=notice)
    return port


@dataclass(frozen=True, kw_only=True)
class _AccessLogs:
    """The files of the two access logs of `assay up`."""

    server: str
    gateway: str


def _access_logs(settings: Settings, *, as_json: bool) -> _AccessLogs:
    """Return where calls are logged: on a terminal, unless told otherwise, in the data folder.

    There they begin anew with each start; lines of calls must not run over the key.
    """
    server, gateway_log = settings.access_log, settings.gateway_access_log
    if as_json and gateway_log == STDOUT:
        gateway_log = STDERR  # standard output is the JSON's
    elif not as_json and sys.stderr.isatty():
        given = settings.model_fields_set
        folder = settings.data_dir.absolute() / "logs"
        if "access_log" not in given:
            server = _begun(folder / "server-access.log")
        if "gateway_access_log" not in given:
            gateway_log = _begun(folder / "gateway-access.log")
    return _AccessLogs(server=server, gateway=gateway_log)


@contextlib.contextmanager
def _opened(log: str) -> Iterator[TextIO]:
    if log == STDERR:
        yield sys.stderr
        return
    with Path(log).open("a", encoding="utf-8") as file:
        yield file


def _begun(log: Path) -> str:
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    return str(log)


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """Give an event that SIGINT and SIGTERM set; a second signal ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop_once() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, stop_once)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _until_stopped(stop: asyncio.Event, envoy: SupervisedGateway) -> int:
    """Wait for a signal, or for a gateway that cannot be kept running, which is a failure."""
    ended = asyncio.create_task(asyncio.to_thread(envoy.wait))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        return OK
    err.print("[bold red]error:[/] the gateway ends again and again; its log lines are above")
    stopped.cancel()
    return NO_SERVICE


def _reachable(host: str) -> str:
    anywhere = {"0.0.0.0", "::", "[::]", ""}  # noqa: S104 — compared, not bound
    return "127.0.0.1" if host in anywhere else host


def _pinned(tls: GatewayTls, settings: Settings) -> GatewayTls:
    """Return TLS towards the one server of this process: its very certificate, or none."""
    own = settings.grpc_tls_certificate
    return replace(tls, upstream_ca=None, upstream_pin=None if own is None else pin_of(own))


def _announce(
    settings: Settings,
    port: int,
    envoy: RunningGateway,
    secret: str | None,
    logs: _AccessLogs,
    *,
    as_json: bool,
) -> None:
    rest_scheme, gateway_scheme = (
        ("https", "grpcs://") if settings.gateway_tls_certificate else ("http", "")
    )
    rest = f"{rest_scheme}://{settings.http_host}:{envoy.http_port}"
    grpc = f"{'grpcs://' if settings.grpc_tls_certificate else ''}{settings.grpc_host}:{port}"
    if as_json:
        print_json(
            {
                "rest": rest,
                "grpc": grpc,
                "gateway_grpc": f"{gateway_scheme}{settings.http_host}:{envoy.grpc_port}",
                "data_dir": str(settings.data_dir.absolute()),
                "key": secret,
            }
        )
        return
    # Plain lines, not a box: they are made for copying.
    err.print(f"[bold]Assay {metadata.version('assay-quality')} is up.[/] Ctrl-C stops it.")
    err.print(f"  REST  {rest}\n  gRPC  {grpc}\n  data  {settings.data_dir.absolute()}")
    if logs.server != STDERR:
        err.print(f"  calls {logs.server}\n        {logs.gateway}", markup=False)
    scheme = "grpcs" if settings.grpc_tls_certificate else "grpc"
    err.print("\nGive these to the shell that calls:\n")
    url = f"{scheme}://{_reachable(settings.grpc_host)}:{port}"
    err.print(f"  export ASSAY_URL={url}", markup=False)
    if secret:
        err.print(f"  export ASSAY_API_KEY={secret}\n", markup=False)
        err.print("The admin key was made now and is shown this once.")
    else:
        err.print(f"\nKeys were made before. {_way_to_a_key(settings)}", style="dim", markup=False)
    call = f'curl -H "Authorization: ApiKey $ASSAY_API_KEY" {rest}/api/v1/models'
    err.print(f"Try it:\n\n  {call}\n", markup=False)


def _way_to_a_key(settings: Settings) -> str:
    folder = shlex.quote(str(settings.data_dir.absolute()))
    return (
        "Who has lost them makes another one:"
        f"\n\n  ASSAY_API_KEY= ASSAY_TOKEN=$(assay token --data-dir {folder})"
        " assay keys create me -p admin\n"
    )
