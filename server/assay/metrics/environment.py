"""The numeric environment: within one of these, equal input gives equal bits."""

from __future__ import annotations

import platform

import numpy as np
import scipy


def numeric_environment(*, cpu_features: str) -> dict[str, str]:
    """Describe what the bits of a result may depend on.

    cpu_features  the value of NPY_DISABLE_CPU_FEATURES that this process was started with
    """
    libc, version = platform.libc_ver()
    return {
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
        "libm": f"{libc} {version}".strip() or platform.system(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "numpy_disabled_cpu_features": cpu_features,
    }
