"""Engines, transactions, migrations, blobs and change notification."""
