"""The first schema: made by `make generate` from the tables of the features; never edited."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "prefix", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("length(secret_hash) = 32", name=op.f("ck_api_keys_secret_hash")),
        sa.PrimaryKeyConstraint("organization_id", "prefix", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_table(
        "blob_references",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "owner", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "blob", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "owner", "blob", name=op.f("pk_blob_references")
        ),
    )
    op.create_table(
        "counters",
        sa.Column(
            "name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "datasets",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "dataset_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "task_type IN ('tabular_classification', 'tabular_regression', 'text_classification', 'image_classification', 'extraction')",
            name=op.f("ck_datasets_task_type"),
        ),
        sa.CheckConstraint("revision >= 0", name=op.f("ck_datasets_revision")),
        sa.PrimaryKeyConstraint("organization_id", "dataset_id", name=op.f("pk_datasets")),
        sa.UniqueConstraint(
            "organization_id", "name", name=op.f("uq_datasets_organization_id_name")
        ),
    )
    op.create_index(
        "ix_datasets_listing",
        "datasets",
        ["organization_id", "created_at", "dataset_id"],
        unique=False,
    )
    op.create_table(
        "engine_hosts",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "model_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "version_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "host", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.CheckConstraint("target >= 0", name=op.f("ck_engine_hosts_target")),
        sa.PrimaryKeyConstraint(
            "organization_id", "model_id", "version_id", "host", name=op.f("pk_engine_hosts")
        ),
    )
    op.create_table(
        "extraction_runs",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "run_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("document_count", sa.Integer(), nullable=False),
        sa.Column("document_bytes", sa.BigInteger(), nullable=False),
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
        "installation",
        sa.Column(
            "name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )
    op.create_table(
        "jobs",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "kind", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("spec_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "request_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_boot", sa.Text(), nullable=True),
        sa.Column("lease_expires", sa.Double(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("next_row", sa.BigInteger(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("deadline", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column(
            "resource", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True
        ),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("trace", sa.Text(), nullable=True),
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.Column("oldest_sequence", sa.Integer(), nullable=False),
        sa.Column("status_revision", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state = 'RUNNING') = (lease_boot IS NOT NULL)", name=op.f("ck_jobs_lease_boot")
        ),
        sa.CheckConstraint(
            "(state = 'RUNNING') = (lease_expires IS NOT NULL)", name=op.f("ck_jobs_lease_expires")
        ),
        sa.CheckConstraint(
            "(state = 'RUNNING') = (lease_owner IS NOT NULL)", name=op.f("ck_jobs_lease_owner")
        ),
        sa.CheckConstraint(
            "(state = 'SUCCEEDED') = (result IS NOT NULL)", name=op.f("ck_jobs_result")
        ),
        sa.CheckConstraint(
            "(state IN ('CANCELED', 'FAILED', 'SUCCEEDED', 'TIMED_OUT')) = (ended_at IS NOT NULL)",
            name=op.f("ck_jobs_ended_at"),
        ),
        sa.CheckConstraint(
            "(state IN ('CANCELED', 'FAILED', 'TIMED_OUT')) = (error IS NOT NULL)",
            name=op.f("ck_jobs_error"),
        ),
        sa.CheckConstraint(
            "state IN ('OPEN', 'QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT')",
            name=op.f("ck_jobs_state"),
        ),
        sa.CheckConstraint(
            "attempts >= 0 AND attempts <= max_attempts", name=op.f("ck_jobs_attempts")
        ),
        sa.CheckConstraint("epoch >= 0 AND next_row >= 0", name=op.f("ck_jobs_counters")),
        sa.CheckConstraint("oldest_sequence >= 1", name=op.f("ck_jobs_oldest_sequence")),
        sa.PrimaryKeyConstraint("organization_id", "job_id", name=op.f("pk_jobs")),
    )
    op.create_index(
        "ix_jobs_deadline",
        "jobs",
        ["deadline"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL AND deadline IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND deadline IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_listing", "jobs", ["organization_id", "created_at", "job_id"], unique=False
    )
    op.create_index(
        "ix_jobs_listing_kind",
        "jobs",
        ["organization_id", "kind", "state", "created_at", "job_id"],
        unique=False,
    )
    op.create_index(
        "ix_jobs_listing_state",
        "jobs",
        ["organization_id", "state", "created_at", "job_id"],
        unique=False,
    )
    op.create_index(
        "ix_jobs_pending",
        "jobs",
        ["state", "organization_id", "created_at", "job_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_jobs_resource",
        "jobs",
        ["organization_id", "resource", "created_at", "job_id"],
        unique=False,
    )
    op.create_index(
        "ix_jobs_started",
        "jobs",
        ["organization_id", "started_at"],
        unique=False,
        sqlite_where=sa.text("started_at IS NOT NULL"),
        postgresql_where=sa.text("started_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_whole_logs",
        "jobs",
        ["ended_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL AND oldest_sequence = 1"),
        postgresql_where=sa.text("ended_at IS NOT NULL AND oldest_sequence = 1"),
    )
    op.create_index(
        "uq_jobs_request",
        "jobs",
        ["organization_id", "request_id"],
        unique=True,
        sqlite_where=sa.text("request_id IS NOT NULL"),
        postgresql_where=sa.text("request_id IS NOT NULL"),
    )
    op.create_table(
        "models",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "model_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column(
            "project_path",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("labels", sa.Text(), nullable=True),
        sa.Column("positive_label", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("sample_input", sa.Text(), nullable=True),
        sa.Column("sample_output", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "task_type IN ('classification', 'regression', 'extraction')",
            name=op.f("ck_models_task_type"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "model_id", name=op.f("pk_models")),
    )
    op.create_index(
        "ix_models_listing", "models", ["organization_id", "created_at", "model_id"], unique=False
    )
    op.create_index(
        "uq_models_project_path",
        "models",
        ["organization_id", "project_path"],
        unique=True,
        sqlite_where=sa.text("project_path IS NOT NULL"),
        postgresql_where=sa.text("project_path IS NOT NULL"),
    )
    op.create_table(
        "requests",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "method", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "request_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "method", "request_id", name=op.f("pk_requests")
        ),
    )
    op.create_index("ix_requests_created_at", "requests", ["created_at"], unique=False)
    op.create_table(
        "usage",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("blobs", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("bytes >= 0 AND blobs >= 0", name=op.f("ck_usage_counters")),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_usage")),
    )
    op.create_table(
        "user_schemas",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "user_schema_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
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
        "benchmarks",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "benchmark_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "dataset_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "run_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True
        ),
        sa.Column(
            "user_schema_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("documents_total", sa.Integer(), nullable=False),
        sa.Column(
            "compare_to",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("unmatched", sa.Text(), nullable=True),
        sa.Column("accuracy_overall", sa.Double(), nullable=True),
        sa.Column("accuracy_by_field", sa.Text(), nullable=True),
        sa.Column("extracted_documents", sa.Integer(), nullable=True),
        sa.Column("accuracy_delta", sa.Double(), nullable=True),
        sa.Column(
            "compared_to",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(accuracy_by_field IS NULL) = (extracted_documents IS NULL)",
            name=op.f("ck_benchmarks_extracted_documents"),
        ),
        sa.CheckConstraint(
            "(accuracy_delta IS NULL) = (compared_to IS NULL)",
            name=op.f("ck_benchmarks_compared_to"),
        ),
        sa.CheckConstraint(
            "accuracy_delta IS NULL OR accuracy_overall IS NOT NULL",
            name=op.f("ck_benchmarks_accuracy_delta"),
        ),
        sa.CheckConstraint(
            "accuracy_overall IS NULL OR (accuracy_overall >= 0 AND accuracy_overall <= 1)",
            name=op.f("ck_benchmarks_accuracy_overall"),
        ),
        sa.CheckConstraint(
            "accuracy_overall IS NULL OR accuracy_by_field IS NOT NULL",
            name=op.f("ck_benchmarks_accuracy_by_field"),
        ),
        sa.CheckConstraint("documents_total >= 1", name=op.f("ck_benchmarks_documents_total")),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_benchmarks_jobs"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "benchmark_id", name=op.f("pk_benchmarks")),
        sa.UniqueConstraint(
            "organization_id", "job_id", name=op.f("uq_benchmarks_organization_id_job_id")
        ),
    )
    op.create_index(
        "ix_benchmarks_compared_to", "benchmarks", ["organization_id", "compared_to"], unique=False
    )
    op.create_index(
        "ix_benchmarks_dataset",
        "benchmarks",
        ["organization_id", "dataset_id", "created_at", "benchmark_id"],
        unique=False,
    )
    op.create_index(
        "ix_benchmarks_listing",
        "benchmarks",
        ["organization_id", "created_at", "benchmark_id"],
        unique=False,
    )
    op.create_table(
        "dataset_revisions",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "dataset_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("splits", sa.Text(), nullable=False),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("profile", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_dataset_revisions_revision")),
        sa.ForeignKeyConstraint(
            ["organization_id", "dataset_id"],
            ["datasets.organization_id", "datasets.dataset_id"],
            name=op.f("fk_dataset_revisions_datasets"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_dataset_revisions_jobs"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "dataset_id", "revision", name=op.f("pk_dataset_revisions")
        ),
        sa.UniqueConstraint(
            "organization_id", "job_id", name=op.f("uq_dataset_revisions_organization_id_job_id")
        ),
    )
    op.create_table(
        "events",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.CheckConstraint("batch >= 1 AND batch <= sequence", name=op.f("ck_events_batch")),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_events_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "job_id", "sequence", name=op.f("pk_events")),
    )
    op.create_table(
        "extractions",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "extraction_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "run_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "document_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
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
        "ground_truth",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "dataset_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "user_schema_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("document_count", sa.Integer(), nullable=False),
        sa.Column("document_bytes", sa.BigInteger(), nullable=False),
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
        sa.UniqueConstraint(
            "organization_id", "name", name=op.f("uq_ground_truth_organization_id_name")
        ),
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
        "inference_counts",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("input_bytes", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.Column("ran", sa.Integer(), nullable=False),
        sa.Column("ran_ms", sa.BigInteger(), nullable=False),
        sa.Column("waited_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "total >= 0 AND input_bytes >= 0 AND completed >= 0 AND failed >= 0 AND ran >= 0",
            name=op.f("ck_inference_counts_counters"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_inference_counts_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "job_id", name=op.f("pk_inference_counts")),
    )
    op.create_table(
        "inference_inputs",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "name", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("contents", sa.Text(), nullable=True),
        sa.Column("engine", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("elapsed_ms", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(state = 'FAILED') = (error IS NOT NULL)", name=op.f("ck_inference_inputs_error")
        ),
        sa.CheckConstraint(
            "(state IN ('FAILED', 'SUCCESSFUL')) = (ended_at IS NOT NULL)",
            name=op.f("ck_inference_inputs_ended_at"),
        ),
        sa.CheckConstraint(
            "state IN ('FETCHING_DATA', 'PROCESSING', 'SUCCESSFUL', 'FAILED')",
            name=op.f("ck_inference_inputs_state"),
        ),
        sa.CheckConstraint(
            "position >= 0 AND size >= 0", name=op.f("ck_inference_inputs_counters")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_inference_inputs_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "job_id", "position", name=op.f("pk_inference_inputs")
        ),
        sa.UniqueConstraint(
            "organization_id",
            "job_id",
            "name",
            name=op.f("uq_inference_inputs_organization_id_job_id_name"),
        ),
    )
    op.create_table(
        "inference_jobs",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "model_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column(
            "version_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("version_label", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("input_type", sa.Text(), nullable=False),
        sa.Column("explain", sa.Boolean(), nullable=False),
        sa.Column("timeout_ms", sa.BigInteger(), nullable=True),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("key_prefix", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("names", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "input_type IN ('text', 'embedded', 'file', 'aws-s3', 'aws-s3-folder', 'storage-grid')",
            name=op.f("ck_inference_jobs_input_type"),
        ),
        sa.CheckConstraint(
            "task_type IN ('tabular_classification', 'tabular_regression', 'text_classification', 'image_classification', 'extraction')",
            name=op.f("ck_inference_jobs_task_type"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_inference_jobs_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "job_id", name=op.f("pk_inference_jobs")),
    )
    op.create_index(
        "ix_inference_jobs_listing",
        "inference_jobs",
        ["organization_id", "created_at", "job_id"],
        unique=False,
    )
    op.create_index(
        "ix_inference_jobs_model",
        "inference_jobs",
        ["organization_id", "model_id", "created_at", "job_id"],
        unique=False,
    )
    op.create_table(
        "model_jobs",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column(
            "model_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "dataset_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("dataset_revision", sa.Integer(), nullable=False),
        sa.Column(
            "version_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "source_version_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(job_type = 'training') = (source_version_id IS NULL)",
            name=op.f("ck_model_jobs_source_version_id"),
        ),
        sa.CheckConstraint(
            "job_type IN ('training', 'pruning', 'evaluation')", name=op.f("ck_model_jobs_job_type")
        ),
        sa.CheckConstraint("dataset_revision >= 1", name=op.f("ck_model_jobs_dataset_revision")),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_model_jobs_jobs"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "model_id"],
            ["models.organization_id", "models.model_id"],
            name=op.f("fk_model_jobs_models"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "job_id", name=op.f("pk_model_jobs")),
    )
    op.create_index(
        "ix_model_jobs_listing",
        "model_jobs",
        ["organization_id", "created_at", "job_id"],
        unique=False,
    )
    op.create_index(
        "ix_model_jobs_model",
        "model_jobs",
        ["organization_id", "model_id", "created_at", "job_id"],
        unique=False,
    )
    op.create_table(
        "retry_states",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("in_flight", sa.Text(), nullable=False),
        sa.CheckConstraint("retries >= 0 AND tasks >= 0", name=op.f("ck_retry_states_counters")),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_retry_states_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "job_id", name=op.f("pk_retry_states")),
    )
    op.create_table(
        "status_updates",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("as_of_sequence", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_status_updates_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "job_id", "key", name=op.f("pk_status_updates")),
    )
    op.create_table(
        "tasks",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("first_row", sa.BigInteger(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("blob", sa.Text(), nullable=True),
        sa.Column("partial", sa.LargeBinary(), nullable=True),
        sa.Column("partial_blob", sa.Text(), nullable=True),
        sa.Column("ends_stage", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(role = 'batch') = (first_row IS NOT NULL)", name=op.f("ck_tasks_batch")
        ),
        sa.CheckConstraint("role = 'task' OR rows IS NOT NULL", name=op.f("ck_tasks_rows")),
        sa.CheckConstraint("role IN ('batch', 'task')", name=op.f("ck_tasks_role")),
        sa.CheckConstraint("first_row IS NULL OR first_row >= 0", name=op.f("ck_tasks_first_row")),
        sa.CheckConstraint("rows IS NULL OR rows >= 1", name=op.f("ck_tasks_rows_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_tasks_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "job_id", "role", "key", name=op.f("pk_tasks")),
        sa.UniqueConstraint(
            "organization_id",
            "job_id",
            "first_row",
            name=op.f("uq_tasks_organization_id_job_id_first_row"),
        ),
    )
    op.create_table(
        "versions",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "model_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "version_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("hyperparameters", sa.Text(), nullable=False),
        sa.Column("is_promoted", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("trained_at", sa.BigInteger(), nullable=True),
        sa.Column("promoted_at", sa.BigInteger(), nullable=True),
        sa.Column("promoted_by", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("remote", sa.Text(), nullable=True),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "NOT is_promoted OR status = 'ready'", name=op.f("ck_versions_promoted_is_ready")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'training', 'ready', 'failed')", name=op.f("ck_versions_status")
        ),
        sa.CheckConstraint("version_number >= 1", name=op.f("ck_versions_version_number")),
        sa.ForeignKeyConstraint(
            ["organization_id", "model_id"],
            ["models.organization_id", "models.model_id"],
            name=op.f("fk_versions_models"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "model_id", "version_id", name=op.f("pk_versions")
        ),
        sa.UniqueConstraint(
            "organization_id",
            "model_id",
            "version_number",
            name=op.f("uq_versions_organization_id_model_id_version_number"),
        ),
    )
    op.create_index(
        "ix_versions_label",
        "versions",
        ["organization_id", "model_id", "label"],
        unique=False,
        sqlite_where=sa.text("label IS NOT NULL"),
        postgresql_where=sa.text("label IS NOT NULL"),
    )
    op.create_index(
        "uq_versions_promoted",
        "versions",
        ["organization_id", "model_id"],
        unique=True,
        sqlite_where=sa.text("is_promoted = 1"),
        postgresql_where=sa.text("is_promoted"),
    )
    op.create_table(
        "entries",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "entry_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "dataset_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "document_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
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
    op.create_table(
        "evaluations",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "evaluation_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "model_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "version_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("dataset_split", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("requirements", sa.Text(), nullable=False),
        sa.Column("replaces", sa.Boolean(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("held_back", sa.Text(), nullable=True),
        sa.Column("metrics", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("evaluated_at", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "dataset_split IN ('train', 'validation', 'test')",
            name=op.f("ck_evaluations_dataset_split"),
        ),
        sa.CheckConstraint(
            "held_back IS NULL OR held_back IN ('REQUIREMENT_NOT_MET', 'OTHER_ROWS', 'OLDER_REVISION')",
            name=op.f("ck_evaluations_held_back"),
        ),
        sa.CheckConstraint(
            "(result IS NULL) = (evaluated_at IS NULL) AND (result IS NULL) = (metrics IS NULL)",
            name=op.f("ck_evaluations_result"),
        ),
        sa.CheckConstraint(
            "NOT is_current OR result IS NOT NULL", name=op.f("ck_evaluations_current_has_result")
        ),
        sa.CheckConstraint(
            "held_back IS NULL OR NOT is_current",
            name=op.f("ck_evaluations_held_back_is_not_current"),
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_evaluations_revision")),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_evaluations_jobs"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "model_id", "version_id"],
            ["versions.organization_id", "versions.model_id", "versions.version_id"],
            name=op.f("fk_evaluations_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "evaluation_id", name=op.f("pk_evaluations")),
        sa.UniqueConstraint(
            "organization_id", "job_id", name=op.f("uq_evaluations_organization_id_job_id")
        ),
        sa.UniqueConstraint(
            "organization_id",
            "model_id",
            "version_id",
            "dataset_split",
            "revision",
            name=op.f("uq_evaluations_organization_id_model_id_version_id_dataset_split_revision"),
        ),
    )
    op.create_index(
        "ix_evaluations_listing",
        "evaluations",
        ["organization_id", "model_id", "created_at", "evaluation_id"],
        unique=False,
    )
    op.create_index(
        "uq_evaluations_current",
        "evaluations",
        ["organization_id", "model_id", "version_id", "dataset_split"],
        unique=True,
        sqlite_where=sa.text("is_current = 1"),
        postgresql_where=sa.text("is_current"),
    )
    op.create_table(
        "inference_votes",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "subject", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("is_up", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id", "position"],
            [
                "inference_inputs.organization_id",
                "inference_inputs.job_id",
                "inference_inputs.position",
            ],
            name=op.f("fk_inference_votes_inference_inputs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "job_id", "position", "subject", name=op.f("pk_inference_votes")
        ),
    )
    op.create_table(
        "version_artifacts",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "model_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "version_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "job_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True
        ),
        sa.Column("artifact", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind = 'remote' OR job_id IS NOT NULL", name=op.f("ck_version_artifacts_job_id")
        ),
        sa.CheckConstraint(
            "kind IN ('trained', 'onnx', 'remote')", name=op.f("ck_version_artifacts_kind")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "job_id"],
            ["jobs.organization_id", "jobs.job_id"],
            name=op.f("fk_version_artifacts_jobs"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "model_id", "version_id"],
            ["versions.organization_id", "versions.model_id", "versions.version_id"],
            name=op.f("fk_version_artifacts_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "model_id", "version_id", name=op.f("pk_version_artifacts")
        ),
    )
    op.create_table(
        "version_cards",
        sa.Column(
            "organization_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "model_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "version_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("minimum_engines", sa.Integer(), nullable=False),
        sa.Column("maximum_engines", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "maximum_engines IS NULL OR maximum_engines >= minimum_engines",
            name=op.f("ck_version_cards_maximum_engines"),
        ),
        sa.CheckConstraint("minimum_engines >= 0", name=op.f("ck_version_cards_minimum_engines")),
        sa.ForeignKeyConstraint(
            ["organization_id", "model_id", "version_id"],
            ["versions.organization_id", "versions.model_id", "versions.version_id"],
            name=op.f("fk_version_cards_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "model_id", "version_id", name=op.f("pk_version_cards")
        ),
    )
    op.create_index(
        "ix_version_cards_engines",
        "version_cards",
        ["organization_id", "model_id", "version_id"],
        unique=False,
        sqlite_where=sa.text("minimum_engines > 0"),
        postgresql_where=sa.text("minimum_engines > 0"),
    )


def downgrade() -> None:
    op.drop_table("version_cards")
    op.drop_table("version_artifacts")
    op.drop_table("inference_votes")
    op.drop_table("evaluations")
    op.drop_table("entries")
    op.drop_table("versions")
    op.drop_table("tasks")
    op.drop_table("status_updates")
    op.drop_table("retry_states")
    op.drop_table("model_jobs")
    op.drop_table("inference_jobs")
    op.drop_table("inference_inputs")
    op.drop_table("inference_counts")
    op.drop_table("ground_truth")
    op.drop_table("extractions")
    op.drop_table("events")
    op.drop_table("dataset_revisions")
    op.drop_table("benchmarks")
    op.drop_table("user_schemas")
    op.drop_table("usage")
    op.drop_table("requests")
    op.drop_table("models")
    op.drop_table("jobs")
    op.drop_table("installation")
    op.drop_table("extraction_runs")
    op.drop_table("engine_hosts")
    op.drop_table("datasets")
    op.drop_table("counters")
    op.drop_table("blob_references")
    op.drop_table("api_keys")
