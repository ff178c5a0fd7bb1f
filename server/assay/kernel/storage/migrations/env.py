"""Runs revisions over the connection that assay.kernel.storage.schema hands in."""

from alembic import context

from assay.features.benchmarks import tables as tables_benchmarks
from assay.features.ground_truth import tables as tables_quality

# One MetaData holds all tables, once the modules that describe them are imported.
METADATA = tables_quality.entries.metadata
assert METADATA is tables_benchmarks.benchmarks.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
