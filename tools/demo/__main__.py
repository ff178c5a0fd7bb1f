"""`python -m tools.demo`: start everything, tell the story, stop everything, say `demo: ok`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from assay.settings import prepare_compute_environment

prepare_compute_environment()  # before NumPy is imported, so that both sides compute alike

from rich.console import Console  # noqa: E402 — as above

from tools import service  # noqa: E402 — as above
from tools.demo.story import MAX_BODY, WRITES_PER_MINUTE, Story  # noqa: E402 — as above


def main() -> int:
    """Run the demo; return 0 only if everything was as it should be and nothing is left."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="assay-demo-") as folder:
        running = service.start(
            Path(folder),
            ASSAY_RATE_WRITE_PER_MINUTE=str(WRITES_PER_MINUTE),
            ASSAY_MAX_BODY_BYTES=str(MAX_BODY),
        )
        console.print(f"REST on {running.rest}, gRPC on {running.grpc}")
        wrong: list[str] = []
        try:
            wrong += Story(running, console).tell()
        except Exception as error:  # noqa: BLE001 — whatever it was, it is told and the service stops
            console.print_exception()
            wrong.append(f"the demo broke off: {error}")
        finally:
            wrong += running.stop()
        if wrong:
            console.print(running.log.read_text()[-4000:], style="dim", markup=False)
    for entry in wrong:
        console.print(f"WRONG: {entry}", style="bold red", markup=False)
    console.print(f"{time.monotonic() - began:.1f} s; nothing is left running")
    console.print("demo: failed" if wrong else "demo: ok")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
