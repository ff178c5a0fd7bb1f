"""Output of commands: results on stdout, everything else on stderr, one message per failure."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from assay.client import (
    BadInput,
    Conflict,
    EvaluationFailed,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    ServiceError,
    ServiceUnavailable,
    TlsFailed,
    TooLarge,
    Unauthenticated,
)

Item = TypeVar("Item")

OK = 0
NOT_MET = 1  # a requirement failed, or a watched job ended without success
BAD_INPUT = 2  # wrong usage, or input that the service refuses
NO_SERVICE = 3  # the service cannot be reached, or anything else
INTERRUPTED = 130

WIDTH = 120  # columns of the widest table
NONE = "[dim]–[/]"  # in a table, of a value that is absent

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_INPUT_FAULTS = (
    InvalidRequest, NotFound, Conflict, TooLarge, FailedPrecondition, EvaluationFailed,
)  # fmt: skip


def exit_code_of(error: Exception) -> int:
    """Return the exit code that tells a pipeline whose fault a failure is."""
    return BAD_INPUT if isinstance(error, (BadInput, *_INPUT_FAULTS)) else NO_SERVICE


def show_failure(error: Exception, url: str | None = None) -> None:
    """Print what went wrong and the way out, without a traceback."""
    if not isinstance(error, ServiceError):
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        return
    err.print(f"[bold red]{escape(error.reason)}:[/] {escape(error.message)}")
    for violation in error.violations:
        line = f"{violation.field}: {violation.description}"
        if line != error.message:
            err.print(f"  {escape(line)}")
    if error.retry_after is not None:
        err.print(f"  retry after {error.retry_after:g} s")
    if isinstance(error, ServiceUnavailable) and url:
        err.print(f"  {escape(_way_to_a_service(error, url))}")
    if isinstance(error, Unauthenticated):
        err.print(
            "  Set ASSAY_API_KEY to prefix.secret, or ASSAY_TOKEN to what `assay token` prints."
        )
    if error.request_id:
        err.print(f"  request id: {escape(error.request_id)}", style="dim")


def _way_to_a_service(error: ServiceUnavailable, url: str) -> str:
    if isinstance(error, TlsFailed):
        return f"Set ASSAY_CA_FILE to the CA of {url}, and ASSAY_URL to a name in its certificate."
    if "Socket closed" in error.message and url.startswith("grpcs://"):
        return (
            f"{url} closes the connection. If it asks callers for a certificate, set"
            " ASSAY_CLIENT_CERTIFICATE and ASSAY_CLIENT_KEY."
        )
    if "Socket closed" in error.message:
        return f"{url} closes the connection. If it speaks TLS, write grpcs:// in ASSAY_URL."
    return f"Nothing answers at {url}. Start it with `assay up`, or set ASSAY_URL."


def print_json(value: object) -> None:
    """Print a value as one line of JSON, for machines, which may wait for it on a pipe."""
    print(json.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":")), flush=True)


def print_items(
    items: Iterable[Item],
    columns: Sequence[str],
    cells: Callable[[Item], Sequence[str]],
    *,
    as_json: bool,
) -> None:
    """Print a listing: a line of JSON an item as it arrives, or a table once all have."""
    if as_json:
        for item in items:
            print_json(item)
        return
    table = Table(*columns, box=None, pad_edge=False)
    for item in items:
        table.add_row(*cells(item))
    show(table)


def show(page: RenderableType) -> None:
    """Print a page; in a pipe or a log, which have no width, numbers are not cut."""
    if not out.is_terminal:
        out.width = max(out.width, WIDTH)
    out.print(page)


def print_made(value: object, text: str, *, as_json: bool) -> None:
    """Print what a command made: as JSON, or the text that a script goes on with."""
    print_json(value) if as_json else print(text)


def refuse(error: Exception) -> typer.Exit:
    """Show why the usage is wrong, and return what ends the command with 2."""
    show_failure(error)
    return typer.Exit(BAD_INPUT)


def quiet_table(first: str, *others: str) -> Table:
    """Return a table without lines: names in the first column, numbers in the others."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, style="cyan", no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def jsonable(value: Any) -> Any:
    """Return `value` with dataclasses as objects and times as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: jsonable(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def optional_number(value: float | None) -> str:
    """Return a metric as people read it, or a dash where it is absent."""
    return NONE if value is None else number(value)


def number(value: float) -> str:
    """Return a metric as people read it: four places, or six digits where it is large or tiny."""
    if value == 0 or (1e-3 <= abs(value) < 1e4 and math.isfinite(value)):
        return f"{value:.4f}"
    return f"{value:.6g}"
