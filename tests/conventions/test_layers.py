"""The layers of the architecture hold, and the check that says so can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the tree in `folder`."""
    return subprocess.run(
        [LINT, "--no-cache", "--no-logo"],
        check=False,
        cwd=folder,
        env={"PYTHONPATH": f"{folder / 'client'}:{folder / 'server'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def tree(tmp_path):
    """A copy of the service and of its rules."""
    shutil.copytree(ROOT / "server", tmp_path / "server")
    shutil.copytree(ROOT / "client", tmp_path / "client")
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_layers_hold():
    """Every package imports only what its layer allows."""
    checked = lint(ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("folder", "line", "broken"),
    [
        ("server/assay/kernel", "import assay.features", "Each layer imports only those below it"),
        ("server/assay/gateway", "import assay.features", "Each layer imports only those below it"),
        ("server/assay/metrics", "import assay.v1", "Each layer imports only those below it"),
        ("client/assay/client", "import assay.kernel.errors", "The client imports v1"),
        (
            "server/assay/features/models",
            "import assay.features.benchmarks.job",
            "Inside a feature",
        ),
        ("server/assay/metrics", "import sklearn", "Each package uses only the libraries"),
        ("server/assay/kernel/rpc", "import sqlalchemy", "Each package uses only the libraries"),
    ],
)
def test_an_import_that_is_not_allowed_is_found(tree, folder, line, broken):
    """An import that breaks a rule fails the check, and the rule is named."""
    (tree / f"{folder}/intruder.py").write_text(f'"""Breaks a rule."""\n\n{line}\n')
    checked = lint(tree)
    words = next(text for text in checked.stdout.splitlines() if text.startswith(broken))
    assert checked.returncode == 1
    assert "BROKEN" in words


def test_a_lower_layer_of_a_feature_that_imports_a_higher_one_is_found(tree):
    """A store that imports its feature's handlers fails the check."""
    store = tree / "server/assay/features/models/other_store.py"
    store.write_text('"""Breaks a rule."""\n\nimport assay.features.models.api\n')
    checked = lint(tree)
    assert checked.returncode == 1
    assert "models.other_store may not import assay.features.models.api" in " ".join(
        checked.stdout.split()
    )


def test_a_package_that_has_no_layer_is_found(tree):
    """A new package that the rules do not place fails the check."""
    (tree / "server/assay/unplaced").mkdir()
    (tree / "server/assay/unplaced/__init__.py").write_text('"""Placed nowhere."""\n')
    checked = lint(tree)
    assert checked.returncode == 1
    assert "unplaced" in checked.stdout
