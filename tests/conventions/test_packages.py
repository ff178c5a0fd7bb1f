"""The two distributions: what they hold, and what an installation of each can do."""

import re
import site
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.sources import copy_of_sources

ROOT = Path(__file__).parents[2]
VERSION = (ROOT / "client/VERSION").read_text().strip()
HEAVY = ("numpy", "pyarrow", "pandas", "pydantic", "typer", "rich")


def run(*command, status=0):
    """Run a command; return what it wrote."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def pip(python, *arguments):
    """Install into the environment of `python`, which has no pip of its own."""
    return run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet",
               "--disable-pip-version-check", *arguments)  # fmt: skip


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Both distributions as wheels, by name, built of the files that the image is built of."""
    folder = tmp_path_factory.mktemp("wheels")
    sources = copy_of_sources(folder / "src")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--wheel-dir", folder, sources, sources / "client")  # fmt: skip
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def client_alone(wheels, tmp_path_factory):
    """The interpreter of an environment into which only the client was installed."""
    folder = tmp_path_factory.mktemp("client") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip(folder / "bin/python", wheels["assay_quality_client"])
    return folder / "bin/python"


def with_libraries(folder, *wheels):
    """Install wheels alone beside the libraries of this environment; return the interpreter."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip(folder / "bin/python", "--no-deps", *wheels)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Of this environment only its libraries: what lies in a .pth file there is not read again.
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()))
    return folder / "bin/python"


def packaged(wheel, source):
    """Return the files below `source` that a wheel lacks."""
    names = set(zipfile.ZipFile(wheel).namelist())
    files = (path for path in (source / "assay").rglob("*") if path.is_file())
    return sorted(
        str(path.relative_to(source))
        for path in files
        if "__pycache__" not in path.parts and str(path.relative_to(source)) not in names
    )


def test_packages_hold_every_file_of_their_source(wheels):
    """Modules, types, templates, migrations and the gateway's files are in the wheels."""
    assert packaged(wheels["assay_quality_client"], ROOT / "client") == []
    assert packaged(wheels["assay_quality"], ROOT / "server") == []


def test_packages_share_no_file(wheels):
    """No file is in both wheels, so that neither overwrites the other's."""
    names = [set(zipfile.ZipFile(wheel).namelist()) for wheel in wheels.values()]
    assert len(names) == 2
    assert names[0] & names[1] == set()


def test_the_version_is_written_once(wheels):
    """Both wheels have the version of client/VERSION, and the service wants that client."""
    assert {wheel.name.split("-")[1] for wheel in wheels.values()} == {VERSION}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"assay-quality-client[arrow,cli]=={VERSION}" in project["dependencies"]


def test_the_client_is_light(client_alone):
    """The client brings at most six distributions and 40 MB."""
    (packages,) = client_alone.parents[1].glob("lib/python*/site-packages")
    assert len(list(packages.glob("*.dist-info"))) <= 6
    files = [path for path in packages.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in files) <= 40e6


def test_importing_the_client_loads_no_heavy_library():
    """`import assay.client` loads neither NumPy nor PyArrow, though they are installed."""
    code = f"import sys, assay.client; print(sorted(set({HEAVY}) & set(sys.modules)))"
    assert run(sys.executable, "-c", code) == "[]\n"


def test_rows_are_sent_with_the_extra_arrow(client_alone):
    """Without NumPy and PyArrow, sending rows says what to install."""
    code = (
        "from assay.client import Client\n"
        "try: Client('127.0.0.1:1').evaluate('m', 'v', y_true=[1], y_pred=[1])\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    assert run(client_alone, "-c", code) == (
        "BadInput Sending rows needs NumPy and PyArrow: pip install numpy pyarrow\n"
    )


def test_the_command_line_comes_with_the_extra_cli(client_alone):
    """Without typer and rich, `assay` says what to install and exits with 2."""
    told = run(client_alone.with_name("assay"), status=2)
    assert "pip install typer rich" in told
    assert "Traceback" not in told


def test_the_service_adds_its_commands(wheels, tmp_path):
    """`assay up` exists once the service is installed, and not with the client alone."""
    python = tmp_path / "users/bin/python"
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "users")
    pip(python, f"assay-quality-client[cli] @ {wheels['assay_quality_client'].as_uri()}")
    told = run(python.with_name("assay"), "--help")
    assert "evaluate" in told
    assert "assay-quality." in told
    assert "No such command 'up'" in run(python.with_name("assay"), "up", status=2)
    python = with_libraries(tmp_path / "both", *wheels.values())
    assert "Run server, runner and gateway" in run(python.with_name("assay"), "up", "--help")
    printed = run(python.with_name("assay"), "gateway", "--print")
    assert "/var/" not in printed
    assert str(tmp_path / "both") in printed  # the gateway's files are those of the package


def test_no_message_names_a_package_of_strangers():
    """What a message or a page says to install is ours, or what an extra of the client names."""
    extras = tomllib.loads((ROOT / "client/pyproject.toml").read_text())["project"]
    libraries = {
        re.split(r"[<>=]", one)[0]
        for extra in extras["optional-dependencies"].values()
        for one in extra
    }
    files = [
        path
        for folder in ("client", "server", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md"}
    ]
    texts = [path.read_text() for path in [*files, ROOT / "README.md"]]
    first = {name for text in texts for name in re.findall(r"pip install '?([\w.-]+)", text)}
    assert first <= {"assay-quality", "assay-quality-client", ".", *libraries}
    assert not [text for text in texts if re.search(r"\bassay\[\w+\]", text)]
