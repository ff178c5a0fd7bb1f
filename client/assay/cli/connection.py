"""The connection of a command: which service it calls, and as whom."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any

import typer

from assay.cli.console import (
    INTERRUPTED,
    PIPE_CLOSED,
    TERMINATED,
    exit_code_of,
    let_go_of_output,
    show_failure,
    show_interrupt,
)
from assay.client import BadInput, Client, RetryPolicy, ServiceError
from assay.client.settings import ClientSettings

PATIENCE_SECONDS = 10.0  # for a service that leaves for a moment

Url = Annotated[
    str | None, typer.Option("--url", help="The service: grpc://host:port (ASSAY_URL).")
]
Key = Annotated[
    str | None, typer.Option("--api-key", help="prefix.secret (better as ASSAY_API_KEY).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does: what it began is brought to an end."""


@contextmanager
def connected(url: str | None, api_key: str | None, *, as_json: bool = False) -> Iterator[Client]:
    """Give a client; a refusal inside the block is shown and ends the command."""
    target = url
    signal.signal(signal.SIGTERM, _terminate)
    try:
        settings = ClientSettings.from_environment()
        target = url or settings.url
        with Client(
            target,
            api_key=api_key or settings.api_key,
            token=settings.token,
            tls=settings.tls(),
            timeout=settings.timeout_seconds,
            retry=RetryPolicy(seconds=min(PATIENCE_SECONDS, settings.timeout_seconds)),
        ) as client:
            yield client
    except (ServiceError, BadInput) as error:
        show_failure(error, target, as_json=as_json)
        raise typer.Exit(exit_code_of(error)) from error
    except BrokenPipeError as error:  # 1, which typer would choose here too, means something else
        let_go_of_output()
        raise typer.Exit(PIPE_CLOSED) from error
    except KeyboardInterrupt as error:  # 1, which typer would choose, means a failed requirement
        code = TERMINATED if isinstance(error, Terminated) else INTERRUPTED
        show_interrupt(error, code, as_json=as_json)
        raise typer.Exit(code) from error


def _terminate(*_: object) -> None:
    raise Terminated


def with_client(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with --url and --api-key; `command` takes a client of them first.

    A refusal inside the command is shown and ends it, with the exit code that tells whose fault
    it is.
    """
    # Typer reads the parameters of a command from its signature and annotations.
    signature = inspect.signature(command, eval_str=True)
    _, *own = signature.parameters.values()
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in (("url", Url), ("api_key", Key))
    ]

    @wraps(command)
    def made(*, url: str | None, api_key: str | None, **values: Any) -> None:
        with connected(url, api_key, as_json=bool(values.get("as_json"))) as client:
            command(client, **values)

    made.__doc__ = _unwrapped(command)
    parameters = [*own, *options]
    vars(made)["__signature__"] = signature.replace(parameters=parameters)
    made.__annotations__ = {one.name: one.annotation for one in parameters}
    return made


def _unwrapped(command: Callable[..., None]) -> str:
    """Return a docstring, a line a paragraph: a terminal wraps help by its own width."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(one.split()) for one in paragraphs)


def command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds a function, which takes a client first, to a group."""
    return lambda function: group.command(name)(with_client(function))
