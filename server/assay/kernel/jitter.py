"""Jitter as an argument: what spreads retries, so that those who failed together do not return so."""

from __future__ import annotations

import random
from collections.abc import Callable

Jitter = Callable[[], float]  # returns a number from 0 up to, but not including, 1


def system_jitter() -> Jitter:
    """Return the random numbers of this process."""
    return random.Random().random  # noqa: S311 - it spreads retries and guards nothing
