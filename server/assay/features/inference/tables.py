"""The tables of inference jobs and of their inputs."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from assay.features.inference.model import InputState, InputType
from assay.kernel.storage.tables import JOB, Key, metadata, one_of
from assay.learning.rows import TaskType

_IS_FINISHED = "state IN ('FAILED', 'SUCCESSFUL')"

# A job stays when its model or version is deleted: it is history then.
inference_jobs = Table(
    "inference_jobs",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("model_id", Key, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("version_id", Key, nullable=False),
    Column("version_label", Text, nullable=False),
    Column("task_type", Text, nullable=False),
    Column("input_type", Text, nullable=False),
    Column("explain", Boolean, nullable=False),
    Column("timeout_ms", BigInteger),
    Column("submitted_by", Text, nullable=False),
    Column("key_prefix", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("submitted_at", BigInteger),
    # JSON list; the last one, as SQLite reads all that stands before a column to come to it.
    Column("names", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "job_id"),
    ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
    CheckConstraint(one_of("task_type", tuple(TaskType)), name="task_type"),
    CheckConstraint(one_of("input_type", tuple(InputType)), name="input_type"),
    Index("ix_inference_jobs_listing", "organization_id", "created_at", "job_id"),
    Index("ix_inference_jobs_model", "organization_id", "model_id", "created_at", "job_id"),
)

# Of each job, apart from what never changes: it is written with every task, and is small.
inference_counts = Table(
    "inference_counts",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("total", Integer, nullable=False),
    Column("input_bytes", BigInteger, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("counted_at", BigInteger, nullable=False),
    Column("ran", Integer, nullable=False),  # inputs that a process ran
    Column("ran_ms", BigInteger, nullable=False),  # of all of these together
    Column("waited_us", BigInteger, nullable=False),  # from the submission, likewise
    PrimaryKeyConstraint("organization_id", "job_id"),
    ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
    CheckConstraint(
        "total >= 0 AND input_bytes >= 0 AND completed >= 0 AND failed >= 0 AND ran >= 0",
        name="counters",
    ),
)

inference_inputs = Table(
    "inference_inputs",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Key, nullable=False),
    Column("state", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("contents", Text),  # JSON list of Item; of a job that was opened, until it is closed
    Column("engine", Text),
    Column("started_at", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("elapsed_ms", BigInteger),
    Column("error", Text),
    Column("outputs", Text, nullable=False),  # JSON list of InputOutput
    PrimaryKeyConstraint("organization_id", "job_id", "position"),
    UniqueConstraint("organization_id", "job_id", "name"),
    ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
    CheckConstraint(one_of("state", tuple(InputState)), name="state"),
    CheckConstraint("position >= 0 AND size >= 0", name="counters"),
    CheckConstraint(f"({_IS_FINISHED}) = (ended_at IS NOT NULL)", name="ended_at"),
    CheckConstraint("(state = 'FAILED') = (error IS NOT NULL)", name="error"),
)

# One of each caller on each input.
inference_votes = Table(
    "inference_votes",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("position", Integer, nullable=False),
    Column("subject", Key, nullable=False),
    Column("is_up", Boolean, nullable=False),
    PrimaryKeyConstraint("organization_id", "job_id", "position", "subject"),
    ForeignKeyConstraint(
        ["organization_id", "job_id", "position"],
        [
            "inference_inputs.organization_id",
            "inference_inputs.job_id",
            "inference_inputs.position",
        ],
        ondelete="CASCADE",
    ),
)
