"""Output of commands: results on stdout, everything else on stderr, one message per failure."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
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
    JobFailed,
    NotFound,
    PermissionDenied,
    RateLimited,
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
NO_SERVICE = 3  # nothing answers, the service cannot answer now, or it cannot be started
NOT_ALLOWED = 4  # no credential, a wrong one, or one that may not do this
TOO_MANY = 5  # over the rate limit: later the same command may succeed
FAULT = 6  # the service or the command broke; trying again is of no use until it is mended
INTERRUPTED = 130
PIPE_CLOSED = 141
TERMINATED = 143

UNCUT = 10_000  # columns where nothing is wrapped or cut
NONE = "[dim]–[/]"  # in a table, of a value that is absent


class Output(Console):
    """A console that raises BrokenPipeError, as other writes do, when nobody reads on."""

    def on_broken_pipe(self) -> None:
        """Raise it."""
        raise BrokenPipeError


out = Output(highlight=False, soft_wrap=True, emoji=False)
err = Output(stderr=True, highlight=False, soft_wrap=True, emoji=False)

_EXIT_CODES: tuple[tuple[int, tuple[type[Exception], ...]], ...] = (
    (BAD_INPUT, (BadInput, InvalidRequest, NotFound, Conflict, TooLarge)),
    (BAD_INPUT, (FailedPrecondition, EvaluationFailed, JobFailed)),
    (NO_SERVICE, (ServiceUnavailable,)),
    (NOT_ALLOWED, (Unauthenticated, PermissionDenied)),
    (TOO_MANY, (RateLimited,)),
)


def exit_code_of(error: Exception) -> int:
    """Return the exit code that tells a pipeline whose fault a failure is, and what may help."""
    return next((code for code, kinds in _EXIT_CODES if isinstance(error, kinds)), FAULT)


def show_failure(error: Exception, url: str | None = None, *, as_json: bool = False) -> None:
    """Print what went wrong and the way out, without a traceback.

    Args:
        error: what went wrong.
        url: the service that was called.
        as_json: True prints one line of JSON, for machines that read it from standard error.
    """
    if as_json:
        print(json.dumps({"error": _failure(error, url)}, ensure_ascii=False), file=sys.stderr)
        return
    if not isinstance(error, ServiceError):
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        _show_notes(error)
        return
    err.print(f"[bold red]{escape(error.reason)}:[/] {escape(error.message)}")
    for violation in error.violations:
        line = f"{violation.field}: {violation.description}"
        if line.removesuffix("…") not in error.message:
            err.print(f"  {escape(line)}")
    if error.retry_after is not None:
        err.print(f"  retry after {error.retry_after:g} s")
    hint = _hint(error, url)
    if hint:
        err.print(f"  {escape(hint)}")
    _show_notes(error)
    if error.request_id:
        err.print(f"  request id: {escape(error.request_id)}", style="dim")


def let_go_of_output() -> None:
    """Have what is still to be written to a closed standard output go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def show_interrupt(error: KeyboardInterrupt, code: int, *, as_json: bool = False) -> None:
    """Print what becomes of what an interrupted command began, where anything is noted of it."""
    told = " ".join(_notes(error))
    if told and as_json:
        said = {"reason": "INTERRUPTED", "message": told, "exit_code": code}
        print(json.dumps({"error": said}, ensure_ascii=False), file=sys.stderr)
    elif told:
        err.print(f"Interrupted. {told}", markup=False)


def _failure(error: Exception, url: str | None) -> dict[str, object]:
    """Return what went wrong as machines read it: of the shape of the service's refusals."""
    if isinstance(error, ServiceError):
        hint = " ".join(filter(None, (_hint(error, url), *_notes(error))))
        found = {**jsonable(error.refusal), "hint": hint, "exit_code": exit_code_of(error)}
    else:
        code = getattr(error, "exit_code", None) or exit_code_of(error)
        reason = "INVALID_ARGUMENT" if code == BAD_INPUT else "INTERNAL"
        hint = " ".join(_notes(error))
        found = {"reason": reason, "message": str(error), "hint": hint, "exit_code": code}
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _notes(error: BaseException) -> list[str]:
    """Return what is noted on an error, such as what became of what was begun."""
    return list(getattr(error, "__notes__", ()))


def _show_notes(error: BaseException) -> None:
    for note in _notes(error):
        err.print(f"  {note}", markup=False)


def _hint(error: ServiceError, url: str | None) -> str:
    """Return the way out of a refusal, where the command knows it better than the service."""
    if isinstance(error, Unauthenticated):
        return "Set ASSAY_API_KEY to prefix.secret, or ASSAY_TOKEN to what `assay token` prints."
    if isinstance(error, Conflict) and "if_absent" in error.message:
        return "Give --if-absent to take it as it is."
    # A request id is a service's, which answered: its own message tells the way out.
    if isinstance(error, ServiceUnavailable) and not error.request_id and url:
        return "" if "Nothing answers" in error.message else _way_to_a_service(error, url)
    return ""


def _way_to_a_service(error: ServiceUnavailable, url: str) -> str:
    if isinstance(error, TlsFailed) and "does not speak TLS" in error.message:
        return f"Write grpc://{url.partition('://')[2]} in ASSAY_URL, or turn TLS on there."
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
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=True)
    for item in items:
        table.add_row(*cells(item))
    # Ids are there to be copied: on a narrow terminal, whose lines wrap, they are whole too.
    natural = out.measure(table, options=out.options.update(max_width=UNCUT)).maximum
    out.width = max(out.width, natural)
    out.print(table)


def show(page: RenderableType) -> None:
    """Print a page; in a pipe or a log, which have no width, nothing is cut."""
    if not out.is_terminal:
        out.width = UNCUT
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


def counted(count: float, noun: str) -> str:
    """Return how many there are of something, whose plural has an s."""
    return f"{count:,.10g} {noun}{'' if count == 1 else 's'}"


def optional_number(value: float | None) -> str:
    """Return a metric as people read it, or a dash where it is absent."""
    return NONE if value is None else number(value)


def number(value: float) -> str:
    """Return a metric as people read it: four places, or six digits where it is large or tiny."""
    if value == 0 or (1e-3 <= abs(value) < 1e4 and math.isfinite(value)):
        return f"{value:.4f}"
    return f"{value:.6g}"
