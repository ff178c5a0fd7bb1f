"""Machinery that knows no noun: errors, identity, storage, jobs, RPC."""
