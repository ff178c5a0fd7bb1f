"""The tables of models and versions."""

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

from assay.features.models.model import TaskType
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.storage.tables import Key, metadata, one_of, partial_index

models = Table(
    "models",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("model_id", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("task_type", Text, nullable=False),
    Column("project_path", Key),
    Column("labels", Text),  # JSON list
    Column("positive_label", Text),
    Column("description", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("tags", Text, nullable=False),  # JSON list
    Column("inputs", Text, nullable=False),  # JSON list
    Column("outputs", Text, nullable=False),  # JSON list
    Column("created_by", Text, nullable=False),
    Column("sample_input", Text),  # JSON, and after all that is read with a model
    Column("sample_output", Text),  # JSON
    PrimaryKeyConstraint("organization_id", "model_id"),
    CheckConstraint(one_of("task_type", tuple(TaskType)), name="task_type"),
    Index("ix_models_listing", "organization_id", "created_at", "model_id"),
    partial_index(
        "uq_models_project_path",
        "organization_id",
        "project_path",
        where="project_path IS NOT NULL",
        unique=True,
    ),
)

versions = Table(
    "versions",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("model_id", Key, nullable=False),
    Column("version_id", Key, nullable=False),
    Column("version_number", Integer, nullable=False),
    Column("label", Text),
    Column("status", Text, nullable=False),
    Column("failure_message", Text),
    Column("algorithm", Text, nullable=False),
    Column("hyperparameters", Text, nullable=False),  # JSON object
    Column("is_promoted", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("trained_at", BigInteger),
    Column("promoted_at", BigInteger),
    Column("promoted_by", Text),
    Column("created_by", Text, nullable=False),
    Column("remote", Text),  # JSON of RemoteSpec, without secrets
    Column(
        "metrics", Text, nullable=False
    ),  # JSON object: headline of the current evaluation of the test split
    PrimaryKeyConstraint("organization_id", "model_id", "version_id"),
    UniqueConstraint("organization_id", "model_id", "version_number"),
    ForeignKeyConstraint(
        ["organization_id", "model_id"],
        ["models.organization_id", "models.model_id"],
        ondelete="CASCADE",
    ),
    CheckConstraint(one_of("status", tuple(VersionStatus)), name="status"),
    CheckConstraint("version_number >= 1", name="version_number"),
    CheckConstraint("NOT is_promoted OR status = 'ready'", name="promoted_is_ready"),
    partial_index(
        "ix_versions_label",
        "organization_id",
        "model_id",
        "label",
        where="label IS NOT NULL",
    ),
    Index(
        "uq_versions_promoted",
        "organization_id",
        "model_id",
        unique=True,
        sqlite_where=text("is_promoted = 1"),
        postgresql_where=text("is_promoted"),
    ),
)
