"""The lock, the Makefile and what is generated."""

import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import generate, protos, requirements

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
IMAGE_LOCK = (ROOT / "requirements-server.lock").read_text()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_lock_names_every_dependency_with_hashes():
    """Each dependency that a distribution declares is pinned, and each pin has hashes."""
    wanted = {
        canonical(requirements.name_of(one)) for one in requirements.declared(everything=True)
    }
    pins = re.findall(r"^([\w.-]+)==\S+( \\\n    --hash=sha256:[0-9a-f]{64})?", LOCK, re.MULTILINE)
    assert wanted <= {canonical(name) for name, _ in pins}
    assert [name for name, hashes in pins if not hashes] == []


def test_lock_of_the_image_is_part_of_the_lock():
    """The image gets the versions that the tests ran with, and no developer's tool."""
    pins = set(re.findall(r"^(\S+==\S+)", LOCK, re.MULTILINE))
    image = set(re.findall(r"^(\S+==\S+)", IMAGE_LOCK, re.MULTILINE))
    assert image < pins
    assert not {"pytest", "mypy", "ruff"} & {pin.partition("==")[0] for pin in image}


@pytest.mark.parametrize("python", ["3.11.2", "3.12.0", "3.13.0"])
def test_lock_serves_every_python(python):
    """What a pinned distribution needs on a supported Python is pinned, whichever made the lock."""
    pinned = {canonical(name) for name in re.findall(r"^([\w.-]+)==", IMAGE_LOCK, re.MULTILINE)}
    here = {"python_full_version": python, "python_version": python.rpartition(".")[0], "extra": ""}
    asked = [
        Requirement(line)
        for one in distributions()
        if canonical(one.name) in pinned
        for line in one.requires or ()
    ]
    assert len(asked) > len(pinned)
    needed = {one.name for one in asked if one.marker is None or one.marker.evaluate(here)}
    assert {canonical(name) for name in needed} - pinned == set()


def test_lock_depends_on_no_machine():
    """The locks name neither an index nor a path, so that they install anywhere."""
    others = "".join(path.read_text() for path in (ROOT / "tools" / "locks").glob("*.txt"))
    assert "mlserver==" in others
    assert (
        re.findall(
            r"https?://|file:/|^-|@ |--(?:extra-)?index-url|--find-links",
            LOCK + IMAGE_LOCK + others,
            re.MULTILINE,
        )
        == []
    )


def test_generated_files_are_marked(tmp_path):
    """Everything that `make generate` writes is marked so in .gitattributes."""
    made = [str(name) for name in generate.make(tmp_path)]
    asked = subprocess.run(
        ["git", "check-attr", "linguist-generated", "--stdin"],
        check=True,
        cwd=ROOT,
        input="\n".join(made),
        capture_output=True,
        text=True,
    )
    assert [line for line in asked.stdout.splitlines() if not line.endswith(": true")] == []


def test_generating_twice_gives_the_same_bytes(tmp_path):
    """What is generated depends on the sources alone."""
    first, second = protos.descriptor_set(), protos.descriptor_set()
    assert first == second
    made = generate.make(tmp_path)
    assert generate.differences(tmp_path, tmp_path, made) == []


def test_a_changed_or_left_over_file_is_found(tmp_path):
    """A generated file that was edited, or that no proto makes any more, is a difference."""
    made = generate.make(tmp_path)
    other = tmp_path / "other"
    generate.make(other)
    (other / "server/assay/gateway/routes.json").write_text("{}")
    (other / "client/assay/v1/gone_pb2.py").write_text("")
    found = generate.differences(other, tmp_path, made)
    assert len(found) == 2
    assert "gone_pb2.py" in found[0]
    assert "gateway/routes.json" in found[1]


def test_help_tells_every_target():
    """`make help` lists each target, with what it does."""
    text = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\S+)", text, re.MULTILINE))
    told = subprocess.run(["make", "help"], check=True, cwd=ROOT, capture_output=True, text=True)
    listed = {line.split()[0] for line in told.stdout.splitlines()}
    assert listed == phony >= {"setup", "demo", "up", "test", "test-slow", "lint", "generate"}
