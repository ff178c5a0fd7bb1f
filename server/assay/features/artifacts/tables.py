"""The table of what versions run."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from assay.features.artifacts.model import ArtifactKind
from assay.kernel.storage.tables import JOB, Key, metadata, one_of

version_artifacts = Table(
    "version_artifacts",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("model_id", Key, nullable=False),
    Column("version_id", Key, nullable=False),
    Column("kind", Text, nullable=False),
    Column("job_id", Key),  # that made or checked it, and keeps its blob
    Column("artifact", Text, nullable=False),  # JSON of Artifact
    PrimaryKeyConstraint("organization_id", "model_id", "version_id"),
    ForeignKeyConstraint(*JOB),
    ForeignKeyConstraint(
        ["organization_id", "model_id", "version_id"],
        ["versions.organization_id", "versions.model_id", "versions.version_id"],
        ondelete="CASCADE",
    ),
    CheckConstraint(one_of("kind", tuple(ArtifactKind)), name="kind"),
    CheckConstraint("kind = 'remote' OR job_id IS NOT NULL", name="job_id"),
)
