"""The README's blocks, run as they stand against the running service."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.service import Service

README = (Path(__file__).parents[2] / "README.md").read_text()


AGAIN = pytest.param("second", marks=pytest.mark.slow)  # they may be run as often as one likes


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder as `make setup` leaves it: with .venv, and nothing on the path."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1], target_is_directory=True)
    return folder


@pytest.fixture(scope="module")
def start():
    """What the README has a reader's shell do first, but for the address and the key."""
    block = blocks("sh")[-1]
    lines = [line for line in block.splitlines() if "ASSAY_" not in line]
    assert lines == ['export PATH="$PWD/.venv/bin:$PATH"']
    return f"{lines[0]}\n"


def run(text: str, service: Service, folder: Path) -> str:
    """Run a text in a shell that knows nothing but what the README says."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "NO_PROXY": "*"}
    known = {"ASSAY_URL": f"grpc://{service.grpc}", "ASSAY_API_KEY": service.key}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text.replace("http://127.0.0.1:8080", service.rest)],
        cwd=folder,
        env={**bare, **known},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("time", ["first", AGAIN])
def test_the_six_calls_work(service, clone, start, time):
    """The six calls of the README lead from nothing to a report and through the gate, twice."""
    calls, _, _, gate = blocks("bash")
    out = run(start + calls, service, clone)
    bodies = [json.loads(body) for body in re.split(r"(?<=\})\s*(?=\{)", out)]
    assert len(bodies) == 6
    assert bodies[2]["status"] == "succeeded"
    assert bodies[4]["metrics"]["accuracy"] == pytest.approx(4 / 6)
    assert bodies[5]["per_class"]["churned"]["support"] == 2
    out = run(start + gate, service, clone)
    assert "pass" in out
    assert "promoted churn-2" in out


def test_the_python_block_works(service, clone, start):
    """The README's Python block runs, tells of progress and prints two numbers."""
    (block,) = blocks("python")
    (clone / "block.py").write_text(block)
    out = run(f"{start}python block.py", service, clone)
    assert out.splitlines()[-1] == "0.6666666666666666 1.0"


@pytest.mark.parametrize("time", ["first", AGAIN])
def test_the_benchmark_block_works(service, clone, start, time):
    """The README's block about extractions leads from four files to a comparison, twice."""
    _, block, _, _ = blocks("bash")
    out = run(start + block, service, clone)
    assert "Nobody can say which is better" in out  # of two documents
    assert "pass  total>=0.99" in out
    assert "pass  date:recall>=0.9" in out
    assert "no regression in 3 fields" in out
    assert "too few documents (2) to see any regression" in out
    lines = [line.split() for line in out.splitlines() if line.startswith("date ")]
    assert [line[1:3] for line in lines[:2]] == [["0/2", "0.0000"], ["2/2", "1.0000"]]


@pytest.mark.parametrize("time", ["first", AGAIN])
def test_the_training_block_works(service, clone, start, time):
    """The README's block about training leads from a file to a promoted model's predictions, twice."""
    _, _, block, _ = blocks("bash")
    out = run(start + block, service, clone)
    assert "Record-wise Classifier Metrics" in out
    assert "pass  accuracy>=0.9" in out
    assert len((clone / "routed.csv").read_text().splitlines()) == 301
