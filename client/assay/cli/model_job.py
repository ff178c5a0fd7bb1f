"""Requests for jobs of models: the id by which a rerun takes one up, and what an interrupt leaves."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from assay.client import Client, ServiceUnavailable, TrainingProgress
from assay.client.training_progress import OnTraining

_NAMESPACE = uuid.UUID("b1a4de3c-64d2-4b43-9d0f-0c3a2f6e7a95")
_NEWEST = 50  # jobs among which one that has ended is looked for


def request_id(client: Client, path: str, *asked: object) -> str:
    """Return the id of a request for a job of a model, which a rerun of the command has too.

    It changes once a job of the model has ended: then the rerun is a new request.

    Args:
        client: asked for the model's jobs.
        path: the model's project path.
        asked: all that decides the job.
    """
    newest = islice(client.training.list(model_project_path=path), _NEWEST)
    ended = next((one.job_id for one in newest if one.state == "DONE"), "")
    return str(uuid.uuid5(_NAMESPACE, "\0".join(map(str, [path, ended, *asked]))))


@contextmanager
def told() -> Iterator[Callable[[OnTraining], OnTraining]]:
    """Note on an interrupt, or on a connection that is lost, inside the block what goes on.

    Gives what makes of a callback one that is listened to.
    """
    known = [""]

    def heard(on_progress: OnTraining) -> OnTraining:
        def kept(standing: TrainingProgress) -> None:
            known[0] = standing.job_id
            on_progress(standing)

        return kept

    try:
        yield heard
    except (KeyboardInterrupt, ServiceUnavailable) as error:
        error.add_note(_left(known[0]))
        raise


def _left(job: str) -> str:
    if not job:
        return (
            "The service had not answered yet: the same command takes the job up if it was"
            " submitted, and submits it if not."
        )
    return (
        f"Job {job} goes on: the same command takes it up again, `assay watch {job}` follows it,"
        f" `assay jobs cancel {job}` ends it."
    )
