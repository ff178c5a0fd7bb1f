"""The state table of jobs and what is derived from it."""

from __future__ import annotations

import itertools

import pytest

from assay.kernel.errors import Internal
from assay.kernel.jobs.states import (
    CAUSES,
    TERMINAL,
    TRANSITIONS,
    VERSION_TRANSITIONS,
    JobState,
    ModelStatus,
    VersionStatus,
    check_transition,
    is_terminal,
    model_status,
    state_diagram,
)


def test_a_job_moves_along_the_edges_of_the_table_alone():
    """Of all pairs of states a job may move along those in the table, and no other one."""
    for start, to in itertools.product(JobState, JobState):
        if (start, to) in CAUSES:
            check_transition(start, to)
        else:
            with pytest.raises(Internal, match=f"{start} to {to}"):
                check_transition(start, to)


def test_nothing_leaves_a_terminal_state_and_everything_reaches_one():
    """Terminal states have no way out, and every other state has a way to each of them."""
    for state in JobState:
        reached, frontier = set(), {state}
        while frontier:
            reached |= frontier
            frontier = {to for one in frontier for to in TRANSITIONS[one]} - reached
        if is_terminal(state):
            assert reached == {state}
        else:
            assert reached >= TERMINAL


def test_the_diagram_has_a_line_for_every_edge():
    """The Mermaid diagram holds each edge of the table with its cause, and each end."""
    diagram = state_diagram().splitlines()
    assert diagram[0] == "stateDiagram-v2"
    for (start, to), cause in CAUSES.items():
        assert f"    {start} --> {to}: {cause}" in diagram
    assert sum(line.endswith("--> [*]") for line in diagram) == len(TERMINAL)
    assert len(diagram) == 1 + 2 + len(CAUSES) + len(TERMINAL)


def test_a_models_status_follows_from_its_versions():
    """A model is training while a version is, else ready if one is ready, else draft."""
    draft, ready = VersionStatus.DRAFT, VersionStatus.READY
    training, failed = VersionStatus.TRAINING, VersionStatus.FAILED
    assert model_status({}) is ModelStatus.DRAFT
    assert model_status({draft: 1, failed: 2}) is ModelStatus.DRAFT
    assert model_status({ready: 1, draft: 3, training: 0}) is ModelStatus.READY
    assert model_status({ready: 1, training: 1}) is ModelStatus.TRAINING


def test_a_ready_version_stays_ready():
    """Every status of a version can become ready, and ready becomes nothing else."""
    assert VERSION_TRANSITIONS[VersionStatus.READY] == frozenset()
    for status in set(VersionStatus) - {VersionStatus.READY}:
        assert VersionStatus.READY in VERSION_TRANSITIONS[status]
