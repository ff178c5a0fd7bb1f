"""The README's blocks, run as they stand against the running service."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.service import Service

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def run(command: list[str], service: Service, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**service.environment(), "PATH": path, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("readme")


def here(block: str, service: Service) -> str:
    block = block.replace("http://127.0.0.1:8080", service.rest)
    return block.replace("127.0.0.1:50051", service.grpc)


def test_the_six_calls_work(service, folder):
    """The six calls of the README lead from nothing to a report, in this order."""
    calls, _, gate = blocks("bash")
    out = run(["bash", "-euo", "pipefail", "-c", here(calls, service)], service, folder)
    bodies = [json.loads(body) for body in re.split(r"(?<=\})\s*(?=\{)", out)]
    assert len(bodies) == 6
    assert bodies[2]["status"] == "succeeded"
    assert bodies[4]["metrics"]["accuracy"] == pytest.approx(4 / 6)
    assert bodies[5]["per_class"]["churned"]["support"] == 2
    out = run(["bash", "-euo", "pipefail", "-c", here(gate, service)], service, folder)
    assert "pass" in out
    assert "promoted churn-2" in out


def test_every_shell_block_runs_twice(service, folder):
    """A second run of a block finds what the first one made, and ends well."""
    for block in blocks("bash"):
        for _ in range(2):
            run(["bash", "-euo", "pipefail", "-c", here(block, service)], service, folder)


def test_the_shell_that_calls_finds_the_commands():
    """What the README exports are the folder of the commands, the address and the key."""
    exported = re.findall(r"^export (\w+)=(.*)$", "".join(blocks("sh")), re.MULTILINE)
    assert exported[0] == ("PATH", '"$PWD/.venv/bin:$PATH"')
    assert [name for name, _ in exported[1:]] == ["ASSAY_URL", "ASSAY_API_KEY"]


def test_the_python_block_works(service, folder):
    """The README's Python block runs, tells of progress and prints two numbers."""
    (block,) = blocks("python")
    out = run([sys.executable, "-c", here(block, service)], service, folder)
    assert out.splitlines()[-1] == "0.6666666666666666 1.0"


def test_the_benchmark_block_works(service, folder):
    """The README's block about extractions leads from four files to a comparison that passes."""
    _, block, _ = blocks("bash")
    out = run(["bash", "-euo", "pipefail", "-c", here(block, service)], service, folder)
    assert "Nobody can say which is better" in out  # of two documents
    assert "pass  total>=0.99" in out
    assert "pass  date:recall>=0.9" in out
    assert "no regression in 3 fields" in out
    lines = [line.split() for line in out.splitlines() if line.startswith("date ")]
    assert [line[1:3] for line in lines[:2]] == [["0/2", "0.0000"], ["2/2", "1.0000"]]
