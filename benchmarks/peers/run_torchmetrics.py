"""Run in torchmetrics' environment: print the median seconds of its metrics as JSON."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torchmetrics.functional.classification import binary_auroc, multiclass_auroc


def median(call: Callable[[], object], runs: int = 3) -> float:
    """Return the median of `runs` timings, after one that does not count."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    """Read the arrays that the first argument names."""
    torch.set_num_threads(1)
    data = np.load(sys.argv[1])
    scores = torch.from_numpy(data["binary_scores"])
    target = torch.from_numpy(data["binary"].astype(np.int64))
    probabilities = torch.from_numpy(data["scores"])
    labels = torch.from_numpy(data["true"].astype(np.int64))
    classes = probabilities.shape[1]
    print(
        json.dumps(
            {
                "auc_binary": median(lambda: binary_auroc(scores, target, thresholds=None)),
                "auc_classes": median(
                    lambda: multiclass_auroc(probabilities, labels, classes, thresholds=None)
                ),
            }
        )
    )


if __name__ == "__main__":
    main()
