"""The recipe of a metric, counted: what a new one touches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.metrics.registry import METRICS

ROOT = Path(__file__).parents[2]
FOLDERS = {"client": "*.py", "server": "*.py", "protos": "*.proto", "docs": "*.md", "tests": "*.py"}
# Names that are no words of their own elsewhere.
OWN_NAMES = ("explained_variance", "kappa", "max_error", "median_absolute_error", "mse")


def naming(name: str) -> set[str]:
    """Return the files that people write which name a metric."""
    word = re.compile(rf"(?<![\w.]){name}(?!\w)")
    return {
        path.relative_to(ROOT).as_posix()
        for folder, pattern in FOLDERS.items()
        for path in (ROOT / folder).rglob(pattern)
        if not path.as_posix().endswith(("_pb2.py", "docs/api.md", "docs/errors.md"))
        and "docs/decisions" not in path.as_posix()
        and word.search(path.read_text())
    }


@pytest.mark.parametrize("name", OWN_NAMES)
def test_a_metric_is_named_in_few_files(name):
    """A metric is its kernel with a registry row and a paragraph: no proto and no client name it."""
    assert name in {metric.name for metric in METRICS}
    files = {one for one in naming(name) if not one.startswith("tests/")}
    assert "docs/metrics.md" in files
    assert not [one for one in files if one.startswith(("protos/", "client/"))]
    assert len(files) <= 3, files  # the kernel, the row where it is another file, the paragraph
    assert any(one.startswith("tests/metrics/") for one in naming(name))
