"""Processes that run until they are told to stop: their start, their end, and the order of both."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib import metadata

from assay.app import BALANCER_NOTICE, Backend, RunnerProcess, ServerProcess
from assay.cli.console import NO_SERVICE, OK, err, print_json
from assay.commands.options import gateway_settings
from assay.features.keys.service import KeyUseCases, MadeKey
from assay.gateway import process as gateway
from assay.gateway.tls import GatewayTls, pin_of
from assay.settings import Settings


async def run_up(settings: Settings, *, as_json: bool) -> int:
    """Run server, runner and gateway; return the exit code.

    Args:
        settings: ports of 0 take free ones.
        as_json: True prints one line of JSON on stdout once everything answers.
    """
    async with _backend(settings, upgrade=True) as (backend, closing, stop):
        made = bootstrap_key(backend)
        # A key that came from the environment is known to whoever set it.
        shown = made.credential if made and not settings.bootstrap_key else None
        _start_runner(backend, closing)
        port = await _start_server(backend, closing)
        log = "/dev/stderr" if as_json else settings.gateway_access_log
        upstream = f"{_reachable(settings.grpc_host)}:{port}"
        chosen = gateway_settings(settings, upstreams=(upstream,), access_log=log)
        chosen = replace(chosen, tls=_pinned(chosen.tls, settings))
        envoy = await asyncio.to_thread(gateway.start, chosen)
        closing.push_async_callback(asyncio.to_thread, envoy.stop)
        _announce(settings, port, envoy, shown, as_json=as_json)
        return await _until_stopped(stop, envoy)


async def run_serve(settings: Settings) -> int:
    """Run a server until it is told to stop; return the exit code."""
    async with _backend(settings) as (backend, closing, stop):
        if settings.bootstrap_key:
            bootstrap_key(backend)
        port = await _start_server(backend, closing, notice=BALANCER_NOTICE)
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
            backend = Backend(settings, upgrade=upgrade)
            closing.push_async_callback(asyncio.to_thread, backend.close)
            yield backend, closing, stop


def _start_runner(backend: Backend, closing: AsyncExitStack) -> None:
    runner = RunnerProcess(backend)
    runner.start()
    closing.push_async_callback(asyncio.to_thread, runner.stop)


async def _start_server(backend: Backend, closing: AsyncExitStack, *, notice: float = 0.0) -> int:
    """Start a server; `notice` is how long its balancers have to see that it leaves."""
    server = ServerProcess(backend)
    port = await server.start()
    closing.push_async_callback(server.stop, notice=notice)
    return port


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


async def _until_stopped(stop: asyncio.Event, envoy: gateway.RunningGateway) -> int:
    """Wait for a signal, or for the gateway to end by itself, which is a failure."""
    ended = asyncio.create_task(asyncio.to_thread(envoy.wait))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        return OK
    err.print("[bold red]error:[/] the gateway ended by itself; its log lines are above")
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
    envoy: gateway.RunningGateway,
    secret: str | None,
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
    err.print(f"  REST  {rest}\n  gRPC  {grpc}\n  data  {settings.data_dir.absolute()}\n")
    if secret:
        err.print("An admin key was made. It is shown this once:\n")
        err.print(f"  export ASSAY_API_KEY={secret}\n", markup=False)
    call = f'curl -H "Authorization: ApiKey $ASSAY_API_KEY" {rest}/api/v1/models'
    err.print(f"Try it:\n\n  {call}\n", markup=False)
