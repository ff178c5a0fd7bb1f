"""The words of the edge API for the states of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assay.kernel.jobs.states import JobState

INPUT_NAME: Final = "input"  # of the one input that an inference is as a job
# What a caller's gRPC library takes unless told otherwise, and EdgeClient cannot be told.
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
MAX_NAMES_BYTES: Final = 3 * 1024 * 1024  # of the inputs that a job is told with, else of none
MAX_TAGS_BYTES: Final = 64 * 1024  # of an inference

WORDS: Final[Mapping[JobState, str]] = {
    JobState.OPEN: "OPEN",
    JobState.QUEUED: "SUBMITTED",
    JobState.RUNNING: "IN_PROGRESS",
    JobState.SUCCEEDED: "COMPLETE",
    JobState.FAILED: "FAILED",
    JobState.CANCELED: "CANCELLED",
    JobState.TIMED_OUT: "FAILED",
}
