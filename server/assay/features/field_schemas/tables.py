"""The table of field schemas."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text

from assay.kernel.storage.tables import Key, metadata

user_schemas = Table(
    "user_schemas",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("user_schema_id", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("definition", Text, nullable=False),  # JSON of extraction.schema.FieldSchema
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "user_schema_id"),
    Index("ix_user_schemas_listing", "organization_id", "created_at", "user_schema_id"),
)
