"""The name that was probably meant by one that there is none of."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

MAX_NAMES = 40


def nearest(name: str, known: Sequence[str]) -> str:
    """Return "did you mean …?" where a known name is near, and the names that there are."""
    listed = ", ".join(known[:MAX_NAMES]) + (", …" if len(known) > MAX_NAMES else "")
    close = get_close_matches(name, known, n=1, cutoff=0.6) or [
        one for one in known if name and one.startswith(f"{name}_")
    ]
    meant = f"did you mean '{close[0]}'? " if close else ""
    return f"{meant}There are {listed}." if meant else f"there are {listed}."
