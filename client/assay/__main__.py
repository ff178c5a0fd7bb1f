"""The command line: `assay` and `python -m assay`."""

import importlib.util
import os
import sys

USAGE_ERROR = 2


def main() -> None:
    """Run the command that the arguments name and leave with its exit code."""
    # gRPC's core reads this once, when it is imported: it would write a line for each handshake
    # that fails. A caller is told in our own words; whoever sets it gets all lines.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if not all(map(importlib.util.find_spec, ("typer", "rich"))):
        sys.stderr.write(
            "error: The command `assay` needs more than the client: pip install typer rich\n"
        )
        sys.exit(USAGE_ERROR)
    # Imported only now: without the extra `cli` it cannot be.
    from assay.cli.main import run  # noqa: PLC0415 — as the comment above says

    run()


if __name__ == "__main__":
    main()
