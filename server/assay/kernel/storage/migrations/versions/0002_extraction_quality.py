"""Extraction quality: field schemas, ground truth, extraction runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# PostgreSQL's own collations sort ids by language; ours sort by byte, as SQLite does.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "extraction_runs",
        sa.Column("organization_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("document_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("document_count >= 0", name=op.f("ck_extraction_runs_document_count")),
        sa.PrimaryKeyConstraint("organization_id", "run_id", name=op.f("pk_extraction_runs")),
    )
    op.create_index(
        "ix_extraction_runs_listing",
        "extraction_runs",
        ["organization_id", "created_at", "run_id"],
        unique=False,
    )
    op.create_table(
        "user_schemas",
        sa.Column("organization_id", KEY, nullable=False),
        sa.Column("user_schema_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "user_schema_id", name=op.f("pk_user_schemas")),
    )
    op.create_index(
        "ix_user_schemas_listing",
        "user_schemas",
        ["organization_id", "created_at", "user_schema_id"],
        unique=False,
    )
    op.create_table(
        "ground_truth",
        sa.Column("organization_id", KEY, nullable=False),
        sa.Column("dataset_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("user_schema_id", KEY, nullable=True),
        sa.Column("document_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("document_count >= 0", name=op.f("ck_ground_truth_document_count")),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_schema_id"],
            ["user_schemas.organization_id", "user_schemas.user_schema_id"],
            name=op.f("fk_ground_truth_user_schemas"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "dataset_id", name=op.f("pk_ground_truth")),
    )
    op.create_index(
        "ix_ground_truth_listing",
        "ground_truth",
        ["organization_id", "created_at", "dataset_id"],
        unique=False,
    )
    op.create_index(
        "ix_ground_truth_user_schema",
        "ground_truth",
        ["organization_id", "user_schema_id"],
        unique=False,
    )
    op.create_table(
        "extractions",
        sa.Column("organization_id", KEY, nullable=False),
        sa.Column("extraction_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("size >= 2", name=op.f("ck_extractions_size")),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["extraction_runs.organization_id", "extraction_runs.run_id"],
            name=op.f("fk_extractions_extraction_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "extraction_id", name=op.f("pk_extractions")),
        sa.UniqueConstraint(
            "organization_id",
            "run_id",
            "document_id",
            name=op.f("uq_extractions_organization_id_run_id_document_id"),
        ),
    )
    op.create_index(
        "ix_extractions_listing",
        "extractions",
        ["organization_id", "run_id", "created_at", "extraction_id"],
        unique=False,
    )
    op.create_index(
        "ix_extractions_newest",
        "extractions",
        ["organization_id", "document_id", "created_at", "extraction_id"],
        unique=False,
    )
    op.create_table(
        "entries",
        sa.Column("organization_id", KEY, nullable=False),
        sa.Column("entry_id", KEY, nullable=False),
        sa.Column("dataset_id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("size >= 2", name=op.f("ck_entries_size")),
        sa.ForeignKeyConstraint(
            ["organization_id", "dataset_id"],
            ["ground_truth.organization_id", "ground_truth.dataset_id"],
            name=op.f("fk_entries_ground_truth"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "entry_id", name=op.f("pk_entries")),
        sa.UniqueConstraint(
            "organization_id",
            "dataset_id",
            "document_id",
            name=op.f("uq_entries_organization_id_dataset_id_document_id"),
        ),
    )
    op.create_index(
        "ix_entries_listing",
        "entries",
        ["organization_id", "dataset_id", "created_at", "entry_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_entries_listing", table_name="entries")
    op.drop_table("entries")
    op.drop_index("ix_extractions_newest", table_name="extractions")
    op.drop_index("ix_extractions_listing", table_name="extractions")
    op.drop_table("extractions")
    op.drop_index("ix_ground_truth_user_schema", table_name="ground_truth")
    op.drop_index("ix_ground_truth_listing", table_name="ground_truth")
    op.drop_table("ground_truth")
    op.drop_index("ix_user_schemas_listing", table_name="user_schemas")
    op.drop_table("user_schemas")
    op.drop_index("ix_extraction_runs_listing", table_name="extraction_runs")
    op.drop_table("extraction_runs")
