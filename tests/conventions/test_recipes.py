"""The recipes of CONTRIBUTING.md, counted against the tree."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.kernel.errors import AssayError, error_classes

ROOT = Path(__file__).parents[2]
RECIPES = (ROOT / "CONTRIBUTING.md").read_text()
LIMITS = {"a metric": 4, "an RPC with a REST route": 7, "a table": 4, "a refusal": 3}
# Reasons that other code names because it acts on them.
ACTED_ON = {
    "INTERNAL", "UNAVAILABLE", "TOO_LARGE", "RATE_LIMITED", "UPLOAD_FINISHED", "NOT_FOUND",
    "SPLIT_NOT_EVALUATED", "ATTEMPTS_SPENT", "DEADLINE_PASSED", "CANCELED",
    "NO_SCORES", "OUT_OF_RANGE",  # which metrics use as reasons of their own
}  # fmt: skip  # a list
# A new refusal in a process of its own, with a status that no other has.
REFUSAL = """
from assay.gateway.config import response_filter
from assay.kernel.errors import AssayError, StatusMapping
class Teapot(AssayError):
    reason = "TEAPOT"
    status = StatusMapping(
        grpc_code="UNIMPLEMENTED", http_status=418, phrase="I'm a teapot", code="teapot"
    )
print('["418"]' in response_filter())
"""


def by_hand() -> Iterator[Path]:
    """Yield the sources that people write, without tests and benchmarks."""
    for folder in ("client", "server", "protos", "tools"):
        for path in (ROOT / folder).rglob("*"):
            generated = re.search(r"client/assay/v1|/versions/0001_", path.as_posix())
            if path.suffix in {".py", ".proto", ".lua", ".yaml"} and not generated:
                yield path


def naming(pattern: str) -> list[str]:
    """Return the files in which a regular expression is found."""
    return [
        path.relative_to(ROOT).as_posix()
        for path in by_hand()
        if re.search(pattern, path.read_text())
    ]


@pytest.mark.parametrize("what", LIMITS)
def test_recipes_stay_short(what: str):
    """CONTRIBUTING.md tells how many files a recipe takes, and no more than the design allows."""
    row = re.search(rf"^\| {what} \| (\d+) \|", RECIPES, re.MULTILINE)
    assert row is not None
    assert int(row[1]) <= LIMITS[what]


def test_a_refusal_is_named_in_two_files_and_its_test():
    """A reason stands beside its class and in errors.proto, and elsewhere only where acted on."""
    for kind in error_classes():
        if kind is AssayError or "reason" not in vars(kind) or kind.reason in ACTED_ON:
            continue
        if kind.__module__.startswith("assay."):
            pattern = rf'"{kind.reason}"|ERROR_REASON_{kind.reason}\b'
            assert len(naming(pattern)) <= 2, naming(pattern)


def test_a_refusal_with_a_new_status_reaches_the_gateway():
    """The response filter knows the status of a class that only was declared."""
    shown = subprocess.run(
        [sys.executable, "-c", REFUSAL], check=True, cwd=ROOT, capture_output=True, text=True
    )
    assert shown.stdout == "True\n"
