"""Lint the contract with buf, and compare it with the released one: `python -m tools.contract`.

buf reads an image made by protoc, so that nothing has to be vendored or fetched for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import protos

RELEASED = protos.PROTOS / "released.binpb"  # exists once there is a release to stay true to
IMPORTED = ["google", "buf"]
LINT = {
    "use": ["STANDARD", "COMMENTS"],
    "ignore": IMPORTED,
    "except": [
        # One resource message is the answer of create, get and update alike (AIP-131, 133, 134).
        "RPC_RESPONSE_STANDARD_NAME",
        "RPC_REQUEST_RESPONSE_UNIQUE",
        "RPC_REQUEST_STANDARD_NAME",  # the three faces of a watch take one request
    ],
}
BREAKING = {"use": ["WIRE_JSON"], "ignore": IMPORTED}


def main() -> int:
    """Run buf and return its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "assay.binpb"
        image.write_bytes(protos.descriptor_set(source_info=True))
        status = _buf("lint", str(image), "--config", _config(lint=LINT))
        if status == 0 and RELEASED.exists():
            against = ("--against", str(RELEASED))
            status = _buf("breaking", str(image), *against, "--config", _config(breaking=BREAKING))
    return status


def _config(**sections: object) -> str:
    return json.dumps({"version": "v2", **sections})


def _buf(*arguments: str) -> int:
    buf = Path(sys.executable).parent / "buf"
    return subprocess.run([buf, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
