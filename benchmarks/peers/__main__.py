"""Measure Assay against torchmetrics, MLflow and Evidently; 1 if a bar is missed.

Each peer gets an environment of its own under build/peers, made from the pins beside this file,
and reads the same arrays in the same run. Its own defaults are its terms: MLflow and Evidently
measure labels, so Assay's client sends the same labels to a running service and waits until the
result is committed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

import harness  # noqa: E402 — fixes the numeric environment before numpy is imported
import numpy as np  # noqa: E402 — after harness
import processes  # noqa: E402 — after harness
from metrics_scores import Upload, areas  # noqa: E402 — after harness

ROWS = 1_000_000
CLASSES = 10


def environment(name: str) -> Path:
    """Return the interpreter of a peer's environment, made where there is none."""
    folder = ROOT / "build" / "peers" / name
    stamp, pins = folder / ".installed", (HERE / f"{name}.txt").read_text()
    python = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != pins:
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / f"{name}.txt")]
        subprocess.run(install, check=True)
        stamp.write_text(pins)
    return python


def peer(name: str, data: Path) -> Mapping[str, float]:
    """Run a peer's script on the arrays and return its seconds."""
    command = [str(environment(name)), str(HERE / f"run_{name}.py"), str(data)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds: Mapping[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds


def arrays(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return labels, predictions and scores of ten classes, and a binary column."""
    scores = random.dirichlet(np.ones(CLASSES), ROWS)
    true = np.where(
        random.random(ROWS) < 0.85, scores.argmax(axis=1), random.integers(0, CLASSES, ROWS)
    ).astype(np.uint8)
    binary = (random.random(ROWS) < 0.3).astype(np.uint8)
    return {
        "true": true,
        "pred": scores.argmax(axis=1).astype(np.uint8),
        "scores": scores,
        "binary": binary,
        "binary_scores": np.clip(random.normal(0.35 + 0.3 * binary, 0.15), 0, 1),
    }


def service_seconds(made: Mapping[str, np.ndarray]) -> float:
    """Return the median seconds from the client's call to the committed result, labels alone."""
    from assay.client import Client

    names = np.array([f"class-{code}" for code in range(CLASSES)])
    true, pred = names[made["true"]], names[made["pred"]]
    with (
        processes.service() as running,
        Client(running.grpc, api_key=processes.SECRET) as client,
    ):
        client.models.create("Bench", "classification", model_id="bench")
        client.versions.create("bench", version_id="bench-1")

        def evaluate() -> object:
            return client.evaluate("bench", "bench-1", y_true=true, y_pred=pred)

        evaluate()
        return sorted(harness.seconds(evaluate) for _ in range(5))[2]


def main() -> int:
    """Print the ratios."""
    made = arrays(np.random.default_rng(3))
    labels = tuple(f"class-{code}" for code in range(CLASSES))
    columns = np.ascontiguousarray(made["scores"].T)
    many = Upload(made["true"], columns, labels)
    lone = Upload(made["binary"], made["binary_scores"][None, :], ("no", "yes"))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "arrays.npz"
        np.savez(data, **made)
        torch = peer("torchmetrics", data)
        binary = sorted(harness.seconds(lambda: areas(lone)) for _ in range(4))[1]
        classes = sorted(harness.seconds(lambda: areas(many)) for _ in range(4))[1]
        ours = service_seconds(made)
        mlflow, evidently = peer("mlflow", data), peer("evidently", data)
    rows = (
        ("exact ROC AUC, binary, 1 M", binary, torch["auc_binary"], "torchmetrics", 1.5),
        ("exact ROC AUC, 1 M × 10", classes, torch["auc_classes"], "torchmetrics", 1.5),
        ("labels, client to result, 1 M", ours, mlflow["evaluate"], "mlflow.models.evaluate", 20),
        ("labels, client to result, 1 M", ours, evidently["preset"], "Evidently's preset", 80),
    )
    return harness.report(
        "Peers",
        [
            harness.Ratio(name=name, ours=mine, peer=theirs, peer_name=who, at_least=bar)
            for name, mine, theirs, who, bar in rows
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
