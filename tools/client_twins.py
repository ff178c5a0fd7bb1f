"""Generator of the synchronous client from the modules of the asynchronous one.

`python -m tools.client_twins` makes it alone, where a fault in it keeps `make generate`, which
imports the client, from beginning.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tools.protos import ROOT

FOLDER = Path("client/assay/client")
SOURCE = FOLDER / "aio"
BY_HAND = {"__init__.py", "calls.py", "concurrency.py"}  # calls.py is generated, and its twin too
MARK = "# Made by `make generate` from aio/{}; never edited.\n"
# What is written otherwise where nothing is awaited.
RULES = (
    (r"assay\.client\.aio\b", "assay.client"),
    (r"\bgrpc\.aio\b", "grpc"),
    (r"\basync (?=def|for|with)", ""),
    (r"`async with`", "`with`"),
    (r"\bawait ", ""),
    (r"\bAsync(?=Iterator)", ""),
    (r"\bAwaitable\[(\w+)\]", r"\1"),
    (r"\ba(?=(?:iter|next)\()", ""),
    (r"\b__a(?=(?:enter|exit)__)", "__"),
    (r"\basynchronous\b", "synchronous"),
    (r"\bcoroutines and synchronous iterators\b", "methods and iterators"),
)


def twins() -> dict[Path, str]:
    """Return the modules of the synchronous client whose twins are written by hand."""
    names = sorted({path.name for path in (ROOT / SOURCE).glob("*.py")} - BY_HAND)
    return {FOLDER / name: _marked((ROOT / SOURCE / name).read_text(), name) for name in names}


def synchronous(text: str) -> str:
    """Return the text of a module of the asynchronous client as the synchronous one has it."""
    for pattern, other in RULES:
        text = re.sub(pattern, other, text)
    lint = ("check", "--quiet", "--fix", "--unsafe-fixes", "--select", "I,F401,UP028")
    return formatted(_ruff(text, *lint, "--stdin-filename", str(FOLDER / "twin.py")))


def formatted(text: str) -> str:
    """Return the text of a module as ruff formats it."""
    return _ruff(text, "format", "--line-length", "100")


def _marked(text: str, name: str) -> str:
    future = "from __future__ import annotations\n"
    return synchronous(text.replace(future, f"{MARK.format(name)}\n{future}", 1))


def _ruff(text: str, *arguments: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, *arguments, "-"], input=text, capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


if __name__ == "__main__":
    for twin, text in twins().items():
        (ROOT / twin).write_text(text)
