"""Assay: exact model quality, stored, streamed live and served over gRPC and REST."""
