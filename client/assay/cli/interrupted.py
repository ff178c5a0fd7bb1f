"""Interrupts of commands: what becomes of what was begun, and how the same command takes it up."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console

from assay.cli.connection import Terminated
from assay.client import Client, NotFound, Progress, ServiceError, ServiceUnavailable
from assay.client.evaluating import OnProgress
from assay.client.methods import TERMINAL_STATES
from assay.client.types import Evaluation

_NAMESPACE = uuid.UUID("6f0c7a52-4a3e-4d0b-8d55-2a7e1c9b6f10")
_NEWEST = 50  # evaluations among which one that has ended is looked for


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to measure a file, as a rerun of the command makes it too."""

    request_id: str = ""  # "" where nothing can be told of the file
    unended: frozenset[str] = frozenset()  # jobs, of which one may be that of the same request


def request(client: Client, file: Path, *asked: object) -> Request:
    """Return the request to measure a file, by whose id a rerun of the command is known.

    It changes once an evaluation of the version has ended, and with the file: then the rerun is a
    new request.

    Args:
        client: asked for the version's evaluations.
        file: what is sent.
        asked: model, version and split, and all other options that decide the numbers.
    """
    model, version, split, *_ = map(str, asked)
    try:
        facts = file.stat()
    except OSError:
        return Request()  # sending it says what is wrong
    newest: list[Evaluation] = []
    with suppress(NotFound):
        newest += islice(client.evaluations.list(model, version, split), _NEWEST)
    ended = next((one.evaluation_id for one in newest if one.status in TERMINAL_STATES), "")
    parts = [file.absolute(), facts.st_size, facts.st_mtime_ns, ended, *asked]
    return Request(
        request_id=str(uuid.uuid5(_NAMESPACE, "\0".join(map(str, parts)))),
        unended=frozenset(one.job_id for one in newest if one.status not in TERMINAL_STATES),
    )


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Have an interrupt wait for the end of the block, whose result is needed to undo or name it.

    Gives what raises the interrupt that came, if one did. A second one is not kept waiting.
    """
    caught: list[KeyboardInterrupt] = []

    def later(number: int, _: object) -> None:
        caught.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        if len(caught) > 1:
            raise caught[0]

    def passed_on() -> None:
        if caught:
            raise caught[0]

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield passed_on
        return
    before = {number: signal.signal(number, later) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield passed_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def take_back(error: BaseException, name: str, delete: Callable[[], None]) -> None:
    """Delete what a command made and could not fill, and note on the error what became of it."""
    try:
        delete()
    except ServiceError:
        error.add_note(f"{name} is there without documents, and could not be deleted again.")
    else:
        error.add_note(f"{name} is deleted again, and nothing of the file is kept.")


class Evaluating:
    """What is known of an evaluation that is under way, for whoever interrupts it."""

    def __init__(self, again: str = "the same command") -> None:
        self.again = again  # how it is asked for again
        self.is_sent = False  # or is being sent
        self.job_id = ""  # "" until the service has the file

    def heard(self, on_progress: OnProgress, told: Console, unended: frozenset[str]) -> OnProgress:
        """Return a callback that is listened to, while the file is sent and measured.

        A job that is one of `unended` was begun by an earlier command, which is told.
        """
        self.is_sent = True

        def kept(standing: Progress) -> None:
            if standing.job_id in unended and not self.job_id:
                told.print(f"job {standing.job_id} has this file already: it is taken up again")
            self.job_id = standing.job_id or self.job_id
            on_progress(standing)

        return kept

    def __str__(self) -> str:
        if self.job_id:
            return (
                f"The file is sent, and job {self.job_id} goes on: {self.again} takes it up again"
                f" while it runs, `assay watch {self.job_id}` follows it, and `assay jobs cancel"
                f" {self.job_id}` ends it."
            )
        if not self.is_sent:
            return f"Nothing was sent yet; {self.again} begins again."
        return (
            f"The service had not answered yet: {self.again} takes the file up if all of it"
            " arrived; if not, nothing of it is kept, and it is sent again from its beginning."
        )


@contextmanager
def told() -> Iterator[Evaluating]:
    """Note on an interrupt, or on a connection that is lost, inside the block what goes on."""
    standing = Evaluating()
    try:
        yield standing
    except (KeyboardInterrupt, ServiceUnavailable) as error:
        if standing.is_sent or isinstance(error, KeyboardInterrupt):
            error.add_note(str(standing))
        raise
