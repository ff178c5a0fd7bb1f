"""The table of benchmarks, part of the one MetaData of tables.py, whose rules hold here.

A benchmark is made of a snapshot: dataset, run and schema may go, and it stays.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from assay.kernel.storage.tables import Key, metadata

benchmarks = Table(
    "benchmarks",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("benchmark_id", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("dataset_id", Key, nullable=False),
    Column("run_id", Key),
    Column("user_schema_id", Key),
    Column("job_id", Key, nullable=False),
    Column("documents_total", Integer, nullable=False),
    Column("compare_to", Key),  # as the caller asked
    Column("unmatched", Text),  # JSON of Unmatched; NULL where every document has a counterpart
    Column("accuracy_overall", Double),
    Column("accuracy_by_field", Text),  # JSON [[path, accuracy], …]; not null once completed
    Column("extracted_documents", Integer),  # not null once completed
    Column("accuracy_delta", Double),
    Column("compared_to", Key),  # what the delta is against
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "benchmark_id"),
    UniqueConstraint("organization_id", "job_id"),
    ForeignKeyConstraint(["organization_id", "job_id"], ["jobs.organization_id", "jobs.job_id"]),
    CheckConstraint("documents_total >= 1", name="documents_total"),
    CheckConstraint(
        "accuracy_overall IS NULL OR (accuracy_overall >= 0 AND accuracy_overall <= 1)",
        name="accuracy_overall",
    ),
    CheckConstraint(
        "accuracy_overall IS NULL OR accuracy_by_field IS NOT NULL", name="accuracy_by_field"
    ),
    CheckConstraint(
        "(accuracy_by_field IS NULL) = (extracted_documents IS NULL)", name="extracted_documents"
    ),
    CheckConstraint("(accuracy_delta IS NULL) = (compared_to IS NULL)", name="compared_to"),
    CheckConstraint(
        "accuracy_delta IS NULL OR accuracy_overall IS NOT NULL", name="accuracy_delta"
    ),
    Index("ix_benchmarks_listing", "organization_id", "created_at", "benchmark_id"),
    # Also finds the completed benchmark before another one of its dataset.
    Index("ix_benchmarks_compared_to", "organization_id", "compared_to"),
    Index("ix_benchmarks_dataset", "organization_id", "dataset_id", "created_at", "benchmark_id"),
)
