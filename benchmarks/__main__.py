"""Run every benchmark of this folder, each in its own process; fail if one misses a bar."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SHARED = {"__main__.py", "__init__.py", "harness.py", "processes.py", "projects.py", "peers.py"}


def main() -> int:
    """Run the scripts in the order of their names; 1 if any failed."""
    scripts = sorted(path for path in FOLDER.glob("*.py") if path.name not in SHARED)
    failed = [
        path.stem
        for path in scripts
        if subprocess.run([sys.executable, str(path)], check=False).returncode
    ]
    if failed:
        print(f"\nbars missed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
