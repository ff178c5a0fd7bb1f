"""Runs revisions over the connection that assay.storage.schema hands in."""

from alembic import context

from assay.storage import tables_quality

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables_quality.entries.metadata,  # the one MetaData, with all tables
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
