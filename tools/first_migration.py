"""The first migration, written from the tables that the kernel and the features declare.

It is generated until the first release; then it is frozen, and a change of a table is a revision
of its own.
"""

from __future__ import annotations

import re

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from assay.features.registry import FEATURES
from assay.kernel.storage.tables import metadata
from tools.client_twins import formatted

HEAD = '''"""The first schema: made by `make generate` from the tables of the features; never edited."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
'''


def first_migration() -> str:
    """Return the module that makes every table, and that drops them."""
    declared = {table.name for feature in FEATURES for table in feature.tables}
    assert declared < set(metadata.tables)  # the others are the kernel's
    with create_engine("sqlite://").connect() as empty:
        script = produce_migrations(MigrationContext.configure(empty), metadata)
    assert script.upgrade_ops is not None
    assert script.downgrade_ops is not None
    up = re.sub(r"# ### .*", "", render_python_code(script.upgrade_ops)).strip()
    # A table goes with its indexes.
    dropped = re.findall(r"op\.drop_table\(.*\)", render_python_code(script.downgrade_ops))
    down = "\n    ".join(dropped)
    return formatted(f"{HEAD}    {up}\n\n\ndef downgrade() -> None:\n    {down}\n")
