"""The tables of extraction runs and extractions.

Values are canonical JSON text in which a number keeps the digits that were sent.
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

extraction_runs = Table(
    "extraction_runs",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("run_id", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("model", Text),  # what made the extractions, in its owner's words
    Column("version", Text),
    Column("document_count", Integer, nullable=False),  # its extractions
    Column("document_bytes", BigInteger, nullable=False),  # what they count as in the usage
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "run_id"),
    CheckConstraint("document_count >= 0", name="document_count"),
    Index("ix_extraction_runs_listing", "organization_id", "created_at", "run_id"),
)

extractions = Table(
    "extractions",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("extraction_id", Key, nullable=False),
    Column("run_id", Key, nullable=False),
    Column("document_id", Key, nullable=False),
    Column("data", Text, nullable=False),  # JSON object
    Column("confidence", Text),  # JSON object: place in `data` -> 0 to 1
    Column("size", Integer, nullable=False),  # bytes of `data` and `confidence`
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "extraction_id"),
    UniqueConstraint("organization_id", "run_id", "document_id"),
    ForeignKeyConstraint(
        ["organization_id", "run_id"],
        ["extraction_runs.organization_id", "extraction_runs.run_id"],
        ondelete="CASCADE",
    ),
    CheckConstraint("size >= 2", name="size"),
    Index("ix_extractions_listing", "organization_id", "run_id", "created_at", "extraction_id"),
    # The newest extraction of a document, over all runs.
    Index("ix_extractions_newest", "organization_id", "document_id", "created_at", "extraction_id"),
)
