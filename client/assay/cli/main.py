"""The application `assay`: its commands, and how a failure of one leaves the process."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from assay.cli import resources
from assay.cli.bench import bench
from assay.cli.compare import compare
from assay.cli.connection import with_client
from assay.cli.console import FAULT, show_failure
from assay.cli.datasets import datasets
from assay.cli.documents import runs, schemas
from assay.cli.evaluate import evaluate
from assay.cli.evaluations import evaluations
from assay.cli.infer import infer, results
from assay.cli.jobs import jobs
from assay.cli.onnx_version import upload_onnx
from assay.cli.plot import plot
from assay.cli.predict import predict
from assay.cli.protos import protos
from assay.cli.train import prune, train
from assay.cli.truth import truth
from assay.cli.version_report import report
from assay.client.settings import wants_tracebacks

COMMANDS = "assay.commands"  # the entry points of distributions that add commands
USE = "Use a running service"
EXIT_CODES = (
    "Exit codes: 0 done, 1 a requirement does not hold, 2 the usage, a file or what is asked for is"
    " wrong, 3 nothing answers, 4 the credential, 5 over the rate limit, 6 a fault, 130 and 143"
    " interrupted, 141 nobody reads the output."
)
NO_PLUGIN = "The service itself, with the command `assay up`, is the package assay-quality."


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"assay {version('assay-quality-client')}")
        raise typer.Exit


def application() -> typer.Typer:
    """Return the application, with the commands of every installed distribution."""
    plugins = sorted(entry_points(group=COMMANDS), key=lambda found: found.name)
    app = typer.Typer(
        name="assay",
        help="A model-quality service: exact numbers, streamed live, over gRPC and REST.",
        epilog=EXIT_CODES if plugins else f"{EXIT_CODES}\n\n{NO_PLUGIN}",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for plugin in plugins:
        plugin.load()(app)
    for command in (
        evaluate,
        train,
        prune,
        predict,
        infer,
        results,
        report,
        plot,
        compare,
        resources.promote,
        resources.watch,
    ):
        app.command(rich_help_panel=USE)(with_client(command))
    app.add_typer(datasets, name="datasets", rich_help_panel=USE)
    app.add_typer(truth, name="truth", rich_help_panel=USE)
    app.add_typer(bench, name="bench", rich_help_panel=USE)
    app.add_typer(resources.models, name="models", rich_help_panel=USE)
    resources.versions.command("upload-onnx")(with_client(upload_onnx))
    app.add_typer(resources.versions, name="versions", rich_help_panel=USE)
    app.add_typer(evaluations, name="evaluations", rich_help_panel=USE)
    app.add_typer(runs, name="runs", rich_help_panel=USE)
    app.add_typer(schemas, name="schemas", rich_help_panel=USE)
    app.add_typer(jobs, name="jobs", rich_help_panel=USE)
    app.add_typer(resources.keys, name="keys", rich_help_panel=USE)
    app.add_typer(protos, name="protos", rich_help_panel=USE)
    return app


def options(
    version: Annotated[  # noqa: ARG001 — an eager option, whose callback does it
        bool,
        typer.Option(
            "--version", help="Show the version and leave.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Take the options of `assay` itself; one that is eager ends it."""
    # A command begins: from here on an interrupt is an exception, which lets it undo what it began.
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run() -> None:
    """Run the command that the arguments name and exit with its code.

    A fault that nobody foresaw shows one line, unless ASSAY_LOG_LEVEL is debug.
    """
    as_json = "--json" in sys.argv[1:]
    try:
        # Typer itself shows wrong usage, for people alone.
        code = application()(standalone_mode=not as_json)
    except Exception as error:  # the last resort of a command line
        if wants_tracebacks():
            raise
        show_failure(error, as_json=as_json)
        # Wrong usage, which typer has no public name for, brings its code.
        code = getattr(error, "exit_code", FAULT)
    sys.exit(code)
