"""The command line: `assay` and `python -m assay`."""

import importlib.util
import os
import signal
import sys

USAGE_ERROR = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command that the arguments name and leave with its exit code."""
    # Until a command begins there is nothing to be undone, and imports take a second.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    # gRPC's core reads this once, when it is imported: it would write a line for each handshake
    # that fails. A caller is told in our own words; whoever sets it gets all lines.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if importlib.util.find_spec("assay.kernel") is not None:  # the service is installed
        # This too: the thread that hands over a server's events waits for its sockets itself, which
        # saves a point read a tenth of the CPU. gRPC's own default passes each event between two.
        os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
    if not all(map(importlib.util.find_spec, ("typer", "rich"))):
        sys.stderr.write(
            "error: The command `assay` needs more than the client: pip install typer rich\n"
        )
        sys.exit(USAGE_ERROR)
    # Imported only now: without the extra `cli` it cannot be.
    from assay.cli.main import run  # noqa: PLC0415 — as the comment above says

    run()


def _leave(*_: object) -> None:
    """End at once and without a word, also where modules are half imported."""
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
