"""The states of a job, of a version and of a model, and every way from one to another.

`TRANSITIONS` is the only place that says how a job may move: the ledger asks
`check_transition` before it writes, the tests are named after its edges and the
diagram in docs/states.md is rendered from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from assay.kernel.errors import Internal


class JobState(StrEnum):
    """Where a job stands; the state of an evaluation is that of its job."""

    OPEN = "OPEN"  # an upload takes chunks; nothing may run yet
    QUEUED = "QUEUED"  # complete, and waiting for a runner
    RUNNING = "RUNNING"  # a runner holds its lease
    SUCCEEDED = "SUCCEEDED"  # ended, with a result
    FAILED = "FAILED"  # ended, with an error
    CANCELED = "CANCELED"  # ended because someone asked
    TIMED_OUT = "TIMED_OUT"  # ended because its deadline passed


class VersionStatus(StrEnum):
    """Where a version of a model stands."""

    DRAFT = "draft"  # registered, nothing is known of its quality
    TRAINING = "training"  # a training job runs for it
    READY = "ready"  # trained or evaluated: it can be promoted and served
    FAILED = "failed"  # its training ended in an error


class ModelStatus(StrEnum):
    """Where a model stands; derived from its versions, never stored."""

    DRAFT = "draft"  # no version is ready or in training
    TRAINING = "training"  # a version is in training, whatever the others are
    READY = "ready"  # a version is ready and none is in training


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.TIMED_OUT})

# (from, to) → the causes that may move a job so, in the words of the diagram.
CAUSES: Mapping[tuple[JobState, JobState], str] = MappingProxyType(
    {
        (JobState.OPEN, JobState.QUEUED): "upload finished",
        (JobState.OPEN, JobState.CANCELED): "cancel asked",
        (JobState.OPEN, JobState.TIMED_OUT): "deadline passed",
        (JobState.QUEUED, JobState.RUNNING): "claimed",
        (JobState.QUEUED, JobState.SUCCEEDED): "done already, by another job",
        (JobState.QUEUED, JobState.FAILED): "attempts spent",
        (JobState.QUEUED, JobState.CANCELED): "cancel asked",
        (JobState.QUEUED, JobState.TIMED_OUT): "deadline passed",
        (JobState.RUNNING, JobState.QUEUED): "lease lost or given back, or a retry",
        (JobState.RUNNING, JobState.SUCCEEDED): "result committed",
        (JobState.RUNNING, JobState.FAILED): "error committed",
        (JobState.RUNNING, JobState.CANCELED): "cancel obeyed",
        (JobState.RUNNING, JobState.TIMED_OUT): "deadline passed",
    }
)

TRANSITIONS: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {state: frozenset(to for (start, to) in CAUSES if start is state) for state in JobState}
)

# A ready version stays ready: what was measured of it does not go away.
VERSION_TRANSITIONS: Mapping[VersionStatus, frozenset[VersionStatus]] = MappingProxyType(
    {
        VersionStatus.DRAFT: frozenset(
            {VersionStatus.TRAINING, VersionStatus.READY, VersionStatus.FAILED}
        ),
        VersionStatus.TRAINING: frozenset({VersionStatus.READY, VersionStatus.FAILED}),
        VersionStatus.FAILED: frozenset({VersionStatus.TRAINING, VersionStatus.READY}),
        VersionStatus.READY: frozenset(),
    }
)


def is_terminal(state: JobState) -> bool:
    """Return whether a job in `state` has ended for good."""
    return state in TERMINAL


def check_transition(start: JobState, to: JobState) -> None:
    """Raise Internal unless the table has an edge from `start` to `to`.

    Users never see it: use cases refuse what cannot be done in words of their own,
    so a missing edge here is a mistake in the code.
    """
    if to not in TRANSITIONS[start]:
        raise Internal(f"A job cannot go from {start} to {to}.")


def model_status(counts: Mapping[VersionStatus, int]) -> ModelStatus:
    """Return a model's status from the number of its versions in each status."""
    if counts.get(VersionStatus.TRAINING, 0):
        return ModelStatus.TRAINING
    if counts.get(VersionStatus.READY, 0):
        return ModelStatus.READY
    return ModelStatus.DRAFT


def state_diagram() -> str:
    """Return the job states as a Mermaid state diagram, one line for each edge."""
    lines = ["stateDiagram-v2", "    [*] --> OPEN: upload", "    [*] --> QUEUED: submit"]
    lines += [f"    {start} --> {to}: {cause}" for (start, to), cause in CAUSES.items()]
    lines += [f"    {state} --> [*]" for state in JobState if is_terminal(state)]
    return "\n".join(lines) + "\n"
