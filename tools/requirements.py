"""The libraries that both distributions declare, as `make lock` resolves them.

`python -m tools.requirements` prints those of the image: what the service and the client with
its extras `arrow` and `cli` need. With `--all` it adds every extra and dependency group.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = (ROOT / "pyproject.toml", ROOT / "client/pyproject.toml")
IMAGE_EXTRAS = ("arrow", "cli")  # of the client, in the image


def declared(*, everything: bool) -> list[str]:
    """Return the requirements of both distributions without the distributions themselves.

    Args:
        everything: True adds all extras and dependency groups to those of the image.
    """
    projects = [tomllib.loads(path.read_text()) for path in PROJECTS]
    ours = tuple(project["project"]["name"] for project in projects)
    found = {line for project in projects for line in _lines(project, everything=everything)}
    return sorted(line for line in found if name_of(line) not in ours)


def name_of(requirement: str) -> str:
    """Return the name of the distribution that a requirement asks for."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _lines(project: dict[str, Any], *, everything: bool) -> Iterator[str]:
    yield from project["project"]["dependencies"]
    for name, lines in project["project"].get("optional-dependencies", {}).items():
        if everything or name in IMAGE_EXTRAS:
            yield from lines
    if everything:
        for lines in project.get("dependency-groups", {}).values():
            yield from lines


if __name__ == "__main__":
    print("\n".join(declared(everything="--all" in sys.argv)))
