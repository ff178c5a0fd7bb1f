"""The operator's commands, which the service's distribution adds to `assay`."""

from __future__ import annotations

import typer

from assay.settings import prepare_compute_environment

RUN = "Run the service"


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`, after fixing the numeric environment of this process."""
    prepare_compute_environment()
    # Imported only now: the environment must stand before anything imports numpy.
    from assay.commands import processes, tokens  # noqa: PLC0415 — as the comment above says

    for command in (
        processes.up,
        processes.serve,
        processes.work,
        processes.gateway,
        processes.migrate,
        processes.settings,
        tokens.token,
    ):
        app.command(rich_help_panel=RUN)(command)
