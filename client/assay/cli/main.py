"""The commands, and how a failure of one leaves the process."""

from __future__ import annotations

import sys

import typer

from assay.cli import resources
from assay.cli.bench import bench
from assay.cli.compare import compare
from assay.cli.console import NO_SERVICE, show_failure
from assay.cli.evaluate import evaluate
from assay.cli.jobs import jobs
from assay.cli.plot import plot
from assay.cli.truth import truth
from assay.cli.version_report import report
from assay.commands import processes
from assay.commands.tokens import token

app = typer.Typer(
    name="assay",
    help="A model-quality service: exact numbers, streamed live, over gRPC and REST.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
RUN, USE = "Run the service", "Use a running service"

app.command(rich_help_panel=RUN)(processes.up)
app.command(rich_help_panel=RUN)(processes.serve)
app.command(rich_help_panel=RUN)(processes.work)
app.command(rich_help_panel=RUN)(processes.gateway)
app.command(rich_help_panel=RUN)(processes.migrate)
app.command(rich_help_panel=RUN)(processes.settings)
app.command(rich_help_panel=RUN)(token)
app.command(rich_help_panel=USE)(evaluate)
app.command(rich_help_panel=USE)(report)
app.command(rich_help_panel=USE)(plot)
app.command(rich_help_panel=USE)(compare)
app.command(rich_help_panel=USE)(resources.promote)
app.command(rich_help_panel=USE)(resources.watch)
app.add_typer(truth, name="truth", rich_help_panel=USE)
app.add_typer(bench, name="bench", rich_help_panel=USE)
app.add_typer(resources.models, name="models", rich_help_panel=USE)
app.add_typer(resources.versions, name="versions", rich_help_panel=USE)
app.add_typer(jobs, name="jobs", rich_help_panel=USE)
app.add_typer(resources.keys, name="keys", rich_help_panel=USE)


def run() -> None:
    """Run the command that the arguments name and exit with its code.

    A fault that nobody foresaw shows one line, unless ASSAY_LOG_LEVEL is debug.
    """
    try:
        app()
    except Exception as error:  # the last resort of a command line
        if processes.wants_tracebacks():
            raise
        show_failure(error)
        sys.exit(NO_SERVICE)
