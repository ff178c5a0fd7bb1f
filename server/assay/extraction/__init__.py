"""Extracted fields: normalised, compared, aligned and counted; no I/O."""
