"""The table of jobs of models."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from assay.features.training.model import JobType
from assay.kernel.storage.tables import JOB, Key, metadata, one_of

model_jobs = Table(
    "model_jobs",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("job_type", Text, nullable=False),
    Column("model_id", Key, nullable=False),
    Column("dataset_id", Key, nullable=False),  # which may be deleted since
    Column("dataset_revision", Integer, nullable=False),
    Column("version_id", Key, nullable=False),  # made or measured; may be deleted since
    Column("source_version_id", Key),  # pruned or measured; may be deleted since
    Column("facts", Text, nullable=False),  # JSON of Facts
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "job_id"),
    ForeignKeyConstraint(*JOB),
    ForeignKeyConstraint(
        ["organization_id", "model_id"],
        ["models.organization_id", "models.model_id"],
        ondelete="CASCADE",
    ),
    CheckConstraint(one_of("job_type", tuple(JobType)), name="job_type"),
    CheckConstraint(
        "(job_type = 'training') = (source_version_id IS NULL)", name="source_version_id"
    ),
    CheckConstraint("dataset_revision >= 1", name="dataset_revision"),
    Index("ix_model_jobs_listing", "organization_id", "created_at", "job_id"),
    Index("ix_model_jobs_model", "organization_id", "model_id", "created_at", "job_id"),
)
