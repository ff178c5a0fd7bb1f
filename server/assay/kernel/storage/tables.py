"""The schema: one MetaData for SQLite and PostgreSQL, and the kernel's own tables in it.

Each feature declares its tables in its `tables.py`, under the same rules. What must always hold
is said there, in CHECKs, foreign keys and partial unique indexes, and not only in the code that
writes. Primary keys begin with the organization, so that an id of a caller's choosing reveals
nothing of others.

Times are microseconds since 1970 in UTC; JSON is canonical text; what is compared or sorted byte
by byte is `Key`. The first migration makes these tables; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from assay.kernel.jobs.states import TERMINAL, JobState

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Tables = tuple[Table, ...]

# PostgreSQL's own collations sort ids by language; ours sort by byte, as SQLite does.
Key = Text().with_variant(Text(collation="C"), "postgresql")


def one_of(column: str, values: tuple[str, ...]) -> str:
    """Return the SQL that a column holds one of some words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index, inside its table, of the rows for which a condition of both engines holds."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


_ENDED = one_of("state", tuple(sorted(TERMINAL)))

jobs = Table(
    "jobs",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("spec_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("request_id", Key),
    Column("lease_owner", Text),
    Column("lease_boot", Text),  # which clock `lease_expires` was read from
    Column("lease_expires", Double),  # seconds of that clock
    Column("epoch", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("next_row", BigInteger, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("deadline", BigInteger),
    Column("not_before", BigInteger),
    Column("error", Text),  # JSON of JobError
    Column("result", LargeBinary),
    Column("resource", Key),
    Column("created_by", Text, nullable=False),
    Column("trace", Text),  # traceparent of the call that submitted it
    Column("last_sequence", Integer, nullable=False),
    Column("oldest_sequence", Integer, nullable=False),
    Column("status_revision", Integer, nullable=False),
    PrimaryKeyConstraint("organization_id", "job_id"),
    CheckConstraint(one_of("state", tuple(JobState)), name="state"),
    CheckConstraint("(state = 'RUNNING') = (lease_owner IS NOT NULL)", name="lease_owner"),
    CheckConstraint("(state = 'RUNNING') = (lease_boot IS NOT NULL)", name="lease_boot"),
    CheckConstraint("(state = 'RUNNING') = (lease_expires IS NOT NULL)", name="lease_expires"),
    CheckConstraint(f"({_ENDED}) = (ended_at IS NOT NULL)", name="ended_at"),
    CheckConstraint("(state = 'SUCCEEDED') = (result IS NOT NULL)", name="result"),
    CheckConstraint(
        "(state IN ('CANCELED', 'FAILED', 'TIMED_OUT')) = (error IS NOT NULL)", name="error"
    ),
    CheckConstraint("epoch >= 0 AND next_row >= 0", name="counters"),
    CheckConstraint("attempts >= 0 AND attempts <= max_attempts", name="attempts"),
    CheckConstraint("oldest_sequence >= 1", name="oldest_sequence"),
    Index("ix_jobs_listing", "organization_id", "created_at", "job_id"),
    Index("ix_jobs_listing_state", "organization_id", "state", "created_at", "job_id"),
    Index("ix_jobs_listing_kind", "organization_id", "kind", "state", "created_at", "job_id"),
    Index("ix_jobs_resource", "organization_id", "resource", "created_at", "job_id"),
    # Only jobs that have not ended, so that claiming stays as fast when there is history. The
    # organization comes first, so that the oldest job of each is found without reading the others.
    partial_index(
        "ix_jobs_pending",
        "state",
        "organization_id",
        "created_at",
        "job_id",
        where="ended_at IS NULL",
    ),
    partial_index(
        "ix_jobs_deadline", "deadline", where="ended_at IS NULL AND deadline IS NOT NULL"
    ),
    # When an organization was served last.
    partial_index(
        "ix_jobs_started", "organization_id", "started_at", where="started_at IS NOT NULL"
    ),
    # Logs that are still whole. `last_sequence` is no part of it: it changes with every event.
    partial_index(
        "ix_jobs_whole_logs", "ended_at", where="ended_at IS NOT NULL AND oldest_sequence = 1"
    ),
    partial_index(
        "uq_jobs_request",
        "organization_id",
        "request_id",
        where="request_id IS NOT NULL",
        unique=True,
    ),
)

JOB = (["organization_id", "job_id"], ["jobs.organization_id", "jobs.job_id"])

# What went wrong under a job; most jobs have no such row.
retry_states = Table(
    "retry_states",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("retries", Integer, nullable=False),  # in a row without a task finished between
    Column("tasks", Integer, nullable=False),  # finished at the latest retry
    Column("in_flight", Text, nullable=False),  # JSON list: what was run when last noted
    PrimaryKeyConstraint("organization_id", "job_id"),
    ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
    CheckConstraint("retries >= 0 AND tasks >= 0", name="counters"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("key", Key, nullable=False),
    Column("role", Text, nullable=False),
    Column("first_row", BigInteger),
    Column("rows", BigInteger),
    Column("sha256", Text),
    Column("blob", Text),
    Column("partial", LargeBinary),
    Column("partial_blob", Text),
    Column("ends_stage", Boolean, nullable=False),
    PrimaryKeyConstraint("organization_id", "job_id", "role", "key"),
    UniqueConstraint("organization_id", "job_id", "first_row"),
    ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
    CheckConstraint(one_of("role", ("batch", "task")), name="role"),
    CheckConstraint("(role = 'batch') = (first_row IS NOT NULL)", name="batch"),
    CheckConstraint("role = 'task' OR rows IS NOT NULL", name="rows"),
    CheckConstraint("rows IS NULL OR rows >= 1", name="rows_positive"),
    CheckConstraint("first_row IS NULL OR first_row >= 0", name="first_row"),
)

# A blob that no row here names is an orphan; the owner is a row of any table.
blob_references = Table(
    "blob_references",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("owner", Key, nullable=False),
    Column("blob", Key, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "owner", "blob"),
)

# What an organization keeps: bytes of documents and blobs, each of these once for each owner.
usage = Table(
    "usage",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("blobs", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id"),
    CheckConstraint("bytes >= 0 AND blobs >= 0", name="counters"),
)

events = Table(
    "events",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("batch", Integer, nullable=False),  # first sequence of the same commit
    Column("kind", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("data", Text, nullable=False),  # JSON object
    PrimaryKeyConstraint("organization_id", "job_id", "sequence"),
    ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
    CheckConstraint("batch >= 1 AND batch <= sequence", name="batch"),
)

status_updates = Table(
    "status_updates",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("key", Key, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("as_of_sequence", Integer, nullable=False),
    Column("data", Text, nullable=False),  # JSON object
    PrimaryKeyConstraint("organization_id", "job_id", "key"),
    ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
)

requests = Table(
    "requests",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("method", Key, nullable=False),
    Column("request_id", Key, nullable=False),
    Column("body_hash", Text, nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "method", "request_id"),
    Index("ix_requests_created_at", "created_at"),
)

# Counters of the whole installation, such as the revision of all API keys.
counters = Table(
    "counters",
    metadata,
    Column("name", Key, nullable=False),
    Column("value", BigInteger, nullable=False),
    PrimaryKeyConstraint("name"),
)

# What this installation alone knows, such as what it signs cursors with.
installation = Table(
    "installation",
    metadata,
    Column("name", Key, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("name"),
)
