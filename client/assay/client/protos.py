"""The contract as .proto files, for clients in other languages.

`python -m assay.client.protos DIR`, or `assay protos export DIR`, writes them with everything
that they import, so that protoc and buf compile the folder as it is.
"""

from __future__ import annotations

import re
import sys
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import google.api

# Imports that protoc and buf bring themselves are left to them.
IMPORT = re.compile(r'^import (?:public )?"((?!google/protobuf/)[^"]+)";', re.MULTILINE)


def export(folder: Path) -> list[Path]:
    """Write the contract and its imports below `folder`; return the paths of the files.

    Raises:
        OSError: a file cannot be written.
    """
    waiting = [f"assay/v1/{one.name}" for one in _ours().iterdir() if one.name.endswith(".proto")]
    written: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        if name in written:
            continue
        text = _source(name).read_text(encoding="utf-8")
        target = written[name] = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        waiting += IMPORT.findall(text)
    return sorted(written.values())


def _ours() -> Traversable:
    return resources.files("assay.v1")


def _source(name: str) -> Traversable:
    """Return an imported file; googleapis-common-protos ships those of Google as package data."""
    if name.startswith("assay/v1/"):
        return _ours() / name.rpartition("/")[2]
    return Path(next(iter(google.api.__path__))).parents[1] / name


def main() -> None:
    """Export to the folder that the only argument names."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m assay.client.protos DIR")
    export(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
