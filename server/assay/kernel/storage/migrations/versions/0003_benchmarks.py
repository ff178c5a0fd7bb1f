"""Benchmarks of extractions against ground truth."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# PostgreSQL's own collations sort ids by language; ours sort by byte, as SQLite does.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "benchmarks",
        sa.Column("organization_id", KEY, nullable=False),
        sa.Column("benchmark_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dataset_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=True),
        sa.Column("user_schema_id", KEY, nullable=True),
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("documents_total", sa.Integer(), nullable=False),
        sa.Column("compare_to", KEY, nullable=True),
        sa.Column("accuracy_overall", sa.Double(), nullable=True),
        sa.Column("accuracy_by_field", sa.Text(), nullable=True),
        sa.Column("accuracy_delta", sa.Double(), nullable=True),
        sa.Column("compared_to", KEY, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(accuracy_delta IS NULL) = (compared_to IS NULL)",
            name=op.f("ck_benchmarks_compared_to"),
        ),
        sa.CheckConstraint(
            "accuracy_delta IS NULL OR accuracy_overall IS NOT NULL",
            name=op.f("ck_benchmarks_accuracy_delta"),
        ),
        sa.CheckConstraint(
            "accuracy_overall IS NULL OR (accuracy_overall >= 0 AND accuracy_overall <= 1)",
            name=op.f("ck_benchmarks_accuracy_overall"),
        ),
        sa.CheckConstraint(
            "accuracy_overall IS NULL OR accuracy_by_field IS NOT NULL",
            name=op.f("ck_benchmarks_accuracy_by_field"),
        ),
        sa.CheckConstraint("documents_total >= 1", name=op.f("ck_benchmarks_documents_total")),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_benchmarks_jobs"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "benchmark_id", name=op.f("pk_benchmarks")),
        sa.UniqueConstraint(
            "organization_id", "job_id", name=op.f("uq_benchmarks_organization_id_job_id")
        ),
    )
    op.create_index(
        "ix_benchmarks_dataset",
        "benchmarks",
        ["organization_id", "dataset_id", "created_at", "benchmark_id"],
        unique=False,
    )
    op.create_index(
        "ix_benchmarks_listing",
        "benchmarks",
        ["organization_id", "created_at", "benchmark_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_benchmarks_listing", table_name="benchmarks")
    op.drop_index("ix_benchmarks_dataset", table_name="benchmarks")
    op.drop_table("benchmarks")
