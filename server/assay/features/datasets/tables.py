"""The tables of datasets and their revisions."""

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
    UniqueConstraint,
)

from assay.kernel.storage.tables import JOB, Key, metadata, one_of
from assay.learning.rows import TaskType

datasets = Table(
    "datasets",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("dataset_id", Key, nullable=False),
    Column("name", Key, nullable=False),
    Column("task_type", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("revision", Integer, nullable=False),  # the newest, kept by every write of one
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "dataset_id"),
    UniqueConstraint("organization_id", "name"),
    CheckConstraint(one_of("task_type", tuple(TaskType)), name="task_type"),
    CheckConstraint("revision >= 0", name="revision"),
    Index("ix_datasets_listing", "organization_id", "created_at", "dataset_id"),
)

revisions = Table(
    "dataset_revisions",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("dataset_id", Key, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("splits", Text, nullable=False),  # JSON object: a StoredSplit of each name
    Column("job_id", Key, nullable=False),
    Column("profile", Text),  # JSON of RevisionProfile, once somebody has asked for it
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "dataset_id", "revision"),
    UniqueConstraint("organization_id", "job_id"),
    ForeignKeyConstraint(
        ["organization_id", "dataset_id"],
        ["datasets.organization_id", "datasets.dataset_id"],
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(*JOB),
    CheckConstraint("revision >= 1", name="revision"),
)
