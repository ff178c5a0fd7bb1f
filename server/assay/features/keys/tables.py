"""The table of API keys."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from assay.kernel.storage.tables import Key, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("organization_id", Key, nullable=False),
    Column("prefix", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("permissions", Text, nullable=False),  # JSON list, sorted
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "prefix"),
    # A key is found by its prefix before its organization is known.
    UniqueConstraint("prefix"),
    CheckConstraint("length(secret_hash) = 32", name="secret_hash"),
)
