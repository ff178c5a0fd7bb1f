"""The table of what is said of versions in the catalogue."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from assay.kernel.storage.tables import Key, metadata

VERSION = (
    ["organization_id", "model_id", "version_id"],
    ["versions.organization_id", "versions.model_id", "versions.version_id"],
)

version_cards = Table(
    "version_cards",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("model_id", Key, nullable=False),
    Column("version_id", Key, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("card", Text, nullable=False),  # JSON of VersionCard
    PrimaryKeyConstraint("organization_id", "model_id", "version_id"),
    ForeignKeyConstraint(*VERSION, ondelete="CASCADE"),
)
