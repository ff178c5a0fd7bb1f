"""The tables of ground truth: datasets and their entries.

Documents' values are canonical JSON text in which a number keeps the digits that were sent.
"""

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

from assay.kernel.storage.tables import Key, metadata

ground_truth = Table(
    "ground_truth",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("dataset_id", Key, nullable=False),
    Column("name", Key, nullable=False),
    Column("description", Text, nullable=False),
    Column("user_schema_id", Key),
    Column("document_count", Integer, nullable=False),  # its entries, kept by every write of them
    Column("document_bytes", BigInteger, nullable=False),  # what they count as in the usage
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "dataset_id"),
    UniqueConstraint("organization_id", "name"),
    # Without a cascade: a schema that a dataset names cannot be deleted.
    ForeignKeyConstraint(
        ["organization_id", "user_schema_id"],
        ["user_schemas.organization_id", "user_schemas.user_schema_id"],
    ),
    CheckConstraint("document_count >= 0", name="document_count"),
    Index("ix_ground_truth_listing", "organization_id", "created_at", "dataset_id"),
    Index("ix_ground_truth_user_schema", "organization_id", "user_schema_id"),
)

entries = Table(
    "entries",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("entry_id", Key, nullable=False),
    Column("dataset_id", Key, nullable=False),
    Column("document_id", Key, nullable=False),
    Column("expected", Text, nullable=False),  # JSON object
    Column("size", Integer, nullable=False),  # bytes of `expected` and `notes`
    Column("notes", Text),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "entry_id"),
    UniqueConstraint("organization_id", "dataset_id", "document_id"),
    ForeignKeyConstraint(
        ["organization_id", "dataset_id"],
        ["ground_truth.organization_id", "ground_truth.dataset_id"],
        ondelete="CASCADE",
    ),
    CheckConstraint("size >= 2", name="size"),
    Index("ix_entries_listing", "organization_id", "dataset_id", "created_at", "entry_id"),
)
