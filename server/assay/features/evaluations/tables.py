"""The table of evaluations."""

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
    text,
)

from assay.features.datasets.model import SPLITS
from assay.features.evaluations.model import HeldBack
from assay.kernel.storage.tables import JOB, Key, metadata, one_of

evaluations = Table(
    "evaluations",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("evaluation_id", Key, nullable=False),
    Column("model_id", Key, nullable=False),
    Column("version_id", Key, nullable=False),
    Column("dataset_split", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("spec", Text, nullable=False),  # JSON of EvaluationSpec
    Column("requirements", Text, nullable=False),  # JSON list of texts
    Column("replaces", Boolean, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("held_back", Text),  # a HeldBack
    Column("metrics", Text),  # JSON object: the result's headline
    Column("result", Text),  # JSON of EvaluationResult
    Column("created_at", BigInteger, nullable=False),
    Column("evaluated_at", BigInteger),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "evaluation_id"),
    UniqueConstraint("organization_id", "model_id", "version_id", "dataset_split", "revision"),
    UniqueConstraint("organization_id", "job_id"),
    ForeignKeyConstraint(
        ["organization_id", "model_id", "version_id"],
        ["versions.organization_id", "versions.model_id", "versions.version_id"],
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(*JOB),
    CheckConstraint(one_of("dataset_split", SPLITS), name="dataset_split"),
    CheckConstraint("revision >= 1", name="revision"),
    CheckConstraint(
        f"held_back IS NULL OR {one_of('held_back', tuple(HeldBack))}", name="held_back"
    ),
    CheckConstraint("held_back IS NULL OR NOT is_current", name="held_back_is_not_current"),
    CheckConstraint(
        "(result IS NULL) = (evaluated_at IS NULL) AND (result IS NULL) = (metrics IS NULL)",
        name="result",
    ),
    CheckConstraint("NOT is_current OR result IS NOT NULL", name="current_has_result"),
    Index("ix_evaluations_listing", "organization_id", "model_id", "created_at", "evaluation_id"),
    Index(
        "uq_evaluations_current",
        "organization_id",
        "model_id",
        "version_id",
        "dataset_split",
        unique=True,
        sqlite_where=text("is_current = 1"),
        postgresql_where=text("is_current"),
    ),
)
