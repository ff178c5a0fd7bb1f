"""Interrupts of an evaluation: their message, and the id by which the same command takes it up."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from assay.cli.console import err
from assay.client import Client, NotFound, Progress
from assay.client.evaluating import OnProgress
from assay.client.methods import TERMINAL_STATES

_NAMESPACE = uuid.UUID("6f0c7a52-4a3e-4d0b-8d55-2a7e1c9b6f10")
_NEWEST = 50  # evaluations among which one that has ended is looked for


def request_id(client: Client, file: Path, *asked: object) -> str:
    """Return the id of a request to measure a file, which a rerun of the command has too.

    It changes once an evaluation of the version has ended, and with the file: then the rerun is a
    new request. "" where nothing can be told of the file.

    Args:
        client: asked for the version's evaluations.
        file: what is sent.
        asked: model, version and split, and all other options that decide the numbers.
    """
    model, version, split, *_ = map(str, asked)
    try:
        facts = file.stat()
    except OSError:
        return ""  # sending it says what is wrong
    ended = ""
    with suppress(NotFound):
        newest = islice(client.evaluations.list(model, version, split), _NEWEST)
        ended = next((one.evaluation_id for one in newest if one.status in TERMINAL_STATES), "")
    parts = [file.absolute(), facts.st_size, facts.st_mtime_ns, ended, *asked]
    return str(uuid.uuid5(_NAMESPACE, "\0".join(map(str, parts))))


@contextmanager
def deferred() -> Iterator[list[int]]:
    """Have an interrupt wait for the end of the block, whose result is needed to undo it.

    Gives a list that is not empty once an interrupt came.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield caught
        return
    before = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def told() -> Iterator[Callable[[OnProgress], OnProgress]]:
    """Say, at an interrupt inside the block, what goes on without the command.

    Gives what makes of a callback one that is listened to.
    """
    last: list[Progress] = []

    def listened(on_progress: OnProgress) -> OnProgress:
        def kept(standing: Progress) -> None:
            last[:] = [standing]
            on_progress(standing)

        return kept

    try:
        yield listened
    except KeyboardInterrupt:
        job = last[0].job_id if last else ""
        if job:
            err.print(
                f"Interrupted. The file is sent, and job {job} goes on: the same command takes it up"
                f" again, `assay watch {job}` follows it, `assay jobs cancel {job}` ends it.",
                markup=False,
            )
        else:
            err.print(
                "Interrupted before the file was sent: nothing of it is kept. The same command sends"
                " it anew.",
                markup=False,
            )
        raise
