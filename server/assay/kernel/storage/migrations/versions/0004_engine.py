"""The engine hardened: what went wrong under a job, and indexes for claims, listings and trims."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# PostgreSQL's own collations sort ids by language; ours sort by byte, as SQLite does.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
PENDING = "ended_at IS NULL"
PARTIAL = {  # index → its columns and the rows that it holds
    "ix_jobs_pending": (["state", "organization_id", "created_at", "job_id"], PENDING),
    "ix_jobs_deadline": (["deadline"], "ended_at IS NULL AND deadline IS NOT NULL"),
    "ix_jobs_started": (["organization_id", "started_at"], "started_at IS NOT NULL"),
    "ix_jobs_whole_logs": (["ended_at"], "ended_at IS NOT NULL AND oldest_sequence = 1"),
}
LISTING = ["state", "created_at", "job_id"]


def upgrade() -> None:
    op.create_table(
        "retry_states",
        sa.Column("organization_id", KEY, nullable=False),
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("in_flight", sa.Text(), nullable=False),
        sa.CheckConstraint("retries >= 0 AND tasks >= 0", name=op.f("ck_retry_states_counters")),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_retry_states_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "job_id", name=op.f("pk_retry_states")),
    )
    _drop("ix_jobs_pending", PENDING)
    for name, (columns, where) in PARTIAL.items():
        _create(name, columns, where)
    op.drop_index("ix_jobs_resource", table_name="jobs")
    op.create_index(
        "ix_jobs_resource", "jobs", ["organization_id", "resource", "created_at", "job_id"]
    )
    op.create_index("ix_jobs_listing_state", "jobs", ["organization_id", *LISTING])
    op.create_index("ix_jobs_listing_kind", "jobs", ["organization_id", "kind", *LISTING])


def downgrade() -> None:
    op.drop_index("ix_jobs_listing_kind", table_name="jobs")
    op.drop_index("ix_jobs_listing_state", table_name="jobs")
    op.drop_index("ix_jobs_resource", table_name="jobs")
    op.create_index("ix_jobs_resource", "jobs", ["organization_id", "resource"])
    for name, (_, where) in PARTIAL.items():
        _drop(name, where)
    _create("ix_jobs_pending", ["state", "created_at"], PENDING)
    op.drop_table("retry_states")


def _create(name: str, columns: list[str], where: str) -> None:
    rows = sa.text(where)
    op.create_index(name, "jobs", columns, sqlite_where=rows, postgresql_where=rows)


def _drop(name: str, where: str) -> None:
    rows = sa.text(where)
    op.drop_index(name, table_name="jobs", sqlite_where=rows, postgresql_where=rows)
