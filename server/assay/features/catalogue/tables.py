"""The tables of what is said of versions in the catalogue, and of their engines."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from assay.kernel.storage.tables import Key, metadata, partial_index

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
    Column("minimum_engines", Integer, nullable=False),
    Column("maximum_engines", Integer),  # NULL: nothing was said
    Column("updated_at", BigInteger, nullable=False),
    Column("card", Text, nullable=False),  # JSON of VersionCard
    PrimaryKeyConstraint("organization_id", "model_id", "version_id"),
    ForeignKeyConstraint(*VERSION, ondelete="CASCADE"),
    CheckConstraint("minimum_engines >= 0", name="minimum_engines"),
    CheckConstraint(
        "maximum_engines IS NULL OR maximum_engines >= minimum_engines", name="maximum_engines"
    ),
    # Those for which engines are kept, which are few.
    partial_index(
        "ix_version_cards_engines",
        "organization_id",
        "model_id",
        "version_id",
        where="minimum_engines > 0",
    ),
)

# What each runner keeps now; no key leads to the version, which may be deleted meanwhile.
engine_hosts = Table(
    "engine_hosts",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("model_id", Key, nullable=False),
    Column("version_id", Key, nullable=False),
    Column("host", Key, nullable=False),  # the runner
    Column("since", BigInteger, nullable=False),
    Column("target", Integer, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("counts", Text, nullable=False),  # JSON of EngineCounts
    PrimaryKeyConstraint("organization_id", "model_id", "version_id", "host"),
    CheckConstraint("target >= 0", name="target"),
)
