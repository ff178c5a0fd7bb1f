"""The asynchronous client of Assay: `from assay.client.aio import Client`."""

from assay.client.aio.client import Client

__all__ = ["Client"]
