"""The command line in a process of its own that need not import anything.

Each command is a fork of the process that has imported what compute processes and commands need, so
that hundreds of them cost milliseconds and not half a second each. What an interpreter itself adds
(the entry point, signals while it imports) is held by tests/client/test_processes.py and
test_interrupts.py, which start `python -m assay`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path

from assay.features.registry import FEATURES
from assay.kernel.feature import preload_of
from assay.kernel.jobs.executors import fork_server
from assay.settings import prepare_compute_environment

# Not assay.cli: its consoles read the environment when they are imported.
COMMAND_MODULES = ("assay.client.aio", "rich.live", "rich.progress", "rich.table", "typer")
PATIENCE = 60.0  # seconds


def start_fork_server() -> None:
    """Start the process of which compute processes and commands are forks."""
    prepare_compute_environment()
    fork_server.preload([*preload_of(FEATURES), *COMMAND_MODULES, __name__])
    kept = {name: os.environ.get(name) for name in ("GRPC_VERBOSITY", "GRPC_EXPERIMENTS")}
    # As `assay` sets them before gRPC is imported.
    os.environ.update(GRPC_VERBOSITY="ERROR", GRPC_EXPERIMENTS="-event_engine_listener")
    forkserver.ensure_running()
    for name, value in kept.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def run(
    arguments: tuple[object, ...], environment: Mapping[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run `assay` to its end, and return how it ended and what it said."""
    command = ["assay", *map(str, arguments)]
    if any(name in environment for name in ("PYTHONIOENCODING", "PYTHONPATH")):
        # What the interpreter itself reads needs one that starts.
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "stdout"), Path(folder, "stderr")
        process = fork_server.CONTEXT.Process(
            target=_be_command, args=(command, dict(environment), cwd, out, err), daemon=True
        )
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(command, PATIENCE)
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())


def _be_command(
    command: list[str], environment: dict[str, str], cwd: Path, out: Path, err: Path
) -> None:
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    from assay.__main__ import main

    main()
