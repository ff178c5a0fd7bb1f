"""The name that was probably meant by one that there is none of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

SIMILAR = 0.75  # ratio of matching characters from which a name is suggested
MAX_NAMES = 40


def nearest(name: str, known: Sequence[str]) -> str:
    """Return "did you mean …?" where a known name is near, and the names that there are.

    Near is a name that is spelt much alike, else the first of which `name` is a word.
    """
    listed = ", ".join(known[:MAX_NAMES]) + (", …" if len(known) > MAX_NAMES else "")
    close = get_close_matches(name, known, n=1, cutoff=SIMILAR) or [
        one for one in known if name in re.split(r"[_.:]", one)
    ]
    meant = f"did you mean '{close[0]}'? " if close else ""
    return f"{meant}There are {listed}." if meant else f"there are {listed}."
