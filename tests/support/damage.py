"""Files changed behind the service's back."""

from __future__ import annotations

from pathlib import Path


def overwrite(path: Path, data: bytes) -> None:
    """Give a file other bytes at another time of the file system's clock than it bears now."""
    was = path.stat().st_ctime_ns
    path.write_bytes(data)
    while path.stat().st_ctime_ns == was:  # the same tick still
        path.write_bytes(data)
