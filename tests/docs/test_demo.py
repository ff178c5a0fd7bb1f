"""`make demo`, run as anybody would run it."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tools.demo.compare import Comparison

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(
    420
)  # three models, two extractors, two trainings, every route and a hundred processes of curl
def test_the_demo_ends_well_and_leaves_nothing():
    """The demo exits with 0, says `demo: ok` last, and leaves neither process nor folder."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "server:."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    lines = done.stdout.splitlines()
    assert lines[-1] == "demo: ok"
    statuses = {line.removeprefix("HTTP ") for line in lines if line.startswith("HTTP ")}
    assert statuses >= {"200", "201", "204", "400", "401", "403", "404", "409", "413", "422", "429"}
    for fact in (
        "kill -9: server, runner and gateway",
        "its numbers are to the bit those of an undisturbed run",
        "layout-model 0.9 is better by",
        "worse in invoice_date",
        "kill -9 in the middle of an epoch",
        "its model is to the bit that of an undisturbed training",
        "Record-wise Classifier Metrics",
        "Chunk-wise Classifier Metrics",
        "Hyperparameter search results",
        "Individual fields level metrics",
        "the pruned model has",
    ):
        assert any(fact in line for line in lines), fact
    folders = {word for line in lines for word in line.split() if "assay-demo-" in word}
    assert folders
    name = "assay-demo-" + next(iter(folders)).partition("assay-demo-")[2].partition("/")[0]
    assert [command for command in commands() if name in command] == []
    assert not (Path(tempfile.gettempdir()) / name).exists()


def commands() -> Iterator[str]:
    """Yield the command lines of all processes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            yield path.read_bytes().decode(errors="replace")


@pytest.fixture
def comparison():
    return Comparison(console=Console(file=io.StringIO()))


@pytest.mark.parametrize("ours", [{"accuracy": 0.9000000000000001}, {}, {"accuracy": 0.8}])
def test_a_number_that_differs_fails_the_demo(comparison, ours):
    """A metric made of counts that differs in its last bit, or is absent, fails the demo."""
    comparison.metrics("x", ours, {"accuracy": 0.9}, binary=True)
    assert len(comparison.wrong) == 1


def test_a_sum_of_floats_may_differ_in_its_last_digits(comparison):
    """A metric made of a sum of floats agrees within 1e-12, and no further off."""
    comparison.metrics("x", {"log_loss": 0.3 * (1 + 1e-13)}, {"log_loss": 0.3}, binary=True)
    assert comparison.wrong == []
    comparison.metrics("x", {"log_loss": 0.3 * (1 + 1e-11)}, {"log_loss": 0.3}, binary=True)
    assert len(comparison.wrong) == 1
