"""Data of the plots, whether drawn in a terminal or into a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from assay.cli.console import counted
from assay.cli.name_lookup import model_of
from assay.client import BadInput, Client, InvalidRequest
from assay.client.types import CalibrationReport, ModelMetrics, PrCurve, RocCurve

ROC_POINTS = 1_000
PR_POINTS = 500
CURVE = "Train-Validation Curve"  # the title of the table of losses among a job's metrics


class PlotKind(StrEnum):
    """The plots there are."""

    ROC = "roc"
    PR = "pr"
    RELIABILITY = "reliability"
    LOSS = "loss"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a plot."""

    points: tuple[tuple[float, float], ...]  # (x, y), x never falling
    name: str = ""  # in the legend, where a plot has several


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Lines in a rectangle, which is the unit square where nothing else is said."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_range: tuple[float, float] = (0.0, 1.0)  # from left to right
    y_range: tuple[float, float] = (0.0, 1.0)  # from below to above
    diagonal: bool = False  # what chance, or perfect calibration, would give
    steps: bool = False  # y holds from the point before up to x
    marks: bool = False  # each point counts by itself


def plot_of(
    client: Client, kind: PlotKind, model: str, *, version: str, split: str, class_label: str
) -> Plot:
    """Read a plot's data from the service.

    Raises:
        ServiceError: refused, such as where no scores were sent.
        BadInput: it is undefined, or there is no such class, or one must be named; the text
            says why.
    """
    try:
        return _plot_of(client, kind, model, version=version, split=split, class_label=class_label)
    except InvalidRequest as error:
        asked = [one for one in error.violations if one.field == "class_label"]
        if class_label or not asked:
            raise
        text = f"The plot is of one class: name it with --class ({asked[0].description})."
        raise BadInput(text) from error


def _plot_of(
    client: Client, kind: PlotKind, model: str, *, version: str, split: str, class_label: str
) -> Plot:
    if kind is PlotKind.ROC:
        return roc_plot(
            client.diagnostics.roc_curve(
                model, version, split, class_label=class_label, resolution=ROC_POINTS
            )
        )
    if kind is PlotKind.PR:
        return pr_plot(
            client.diagnostics.pr_curve(
                model, version, split, class_label=class_label, resolution=PR_POINTS
            )
        )
    if kind is PlotKind.LOSS:
        return _losses_of(client, model, version)
    return reliability_plot(client.diagnostics.calibration(model, version, split), class_label)


def _losses_of(client: Client, model: str, version: str) -> Plot:
    """Return the loss curve of the training that made a version, or else of the newest one."""
    found = model_of(client, model)
    jobs = client.training.list(model_project_path=found.project_path or "", job_type="training")
    wanted = version or found.promoted_version_id
    job = next((one for one in jobs if wanted in (None, one.version_id)), None)
    if job is None or not found.project_path:
        of = f"version '{wanted}'" if wanted else "the model"
        raise BadInput(f"No training of {of} is known, so that there are no losses to draw.")
    metrics = client.training.metrics(found.project_path, job.job_id, job.job_type)
    return curve_of(metrics, f"Loss of {job.version_id}")


def roc_plot(curve: RocCurve) -> Plot:
    """Return a ROC curve as a plot; raises BadInput where it is undefined."""
    if not curve.points:
        raise BadInput(_undefined("ROC curve", dict(curve.undefined)))
    of = curve.class_label or "macro average"
    area = "" if curve.roc_auc is None else f", area {curve.roc_auc:.4f}"
    return Plot(
        title=f"ROC of {curve.model_id} {curve.version_id} on {curve.dataset_split}: {of}{area}",
        x_label="false positive rate",
        y_label="true positive rate",
        lines=(Line(points=tuple((point.fpr, point.tpr) for point in curve.points)),),
        diagonal=True,
    )


def pr_plot(curve: PrCurve) -> Plot:
    """Return a precision-recall curve as a plot; raises BadInput where it is undefined."""
    if not curve.points:
        raise BadInput(_undefined("precision-recall curve", dict(curve.undefined)))
    area = curve.average_precision
    of = "" if area is None else f", average precision {area:.4f}"
    return Plot(
        title=f"Precision and recall of {curve.model_id} {curve.version_id} on {curve.dataset_split}:"
        f" {curve.class_label}{of}",
        x_label="recall",
        y_label="precision",
        lines=(Line(points=tuple((point.recall, point.precision) for point in curve.points)),),
        steps=True,
    )


def reliability_plot(found: CalibrationReport, class_label: str = "") -> Plot:
    """Return confidence against truth; of the headline, or of a class.

    Raises:
        BadInput: there is no such class.
    """
    table = found.per_class.get(class_label) if class_label else found.headline
    if table is None:
        raise BadInput(
            f"There is no class '{class_label}'; there are {', '.join(found.per_class)}."
        )
    of = class_label or ("top label" if found.target == "top_label" else "positive class")
    return Plot(
        title=f"Reliability of {found.model_id} {found.version_id} on {found.dataset_split}: {of},"
        f" {counted(sum(one.count for one in table.bins), 'record')}, ECE {table.ece:.4f}",
        x_label="mean confidence",
        y_label="share that was right",
        lines=(
            Line(
                points=tuple(
                    (one.mean_confidence, one.accuracy)
                    for one in table.bins
                    if one.mean_confidence is not None and one.accuracy is not None
                )
            ),
        ),
        diagonal=True,
        marks=True,
    )


def curve_of(metrics: ModelMetrics, title: str) -> Plot:
    """Return the loss curve of a job; raises BadInput where no epoch has ended."""
    losses: dict[str, list[float]] = {"train": [], "validation": []}
    for table in metrics.metrics:
        if table.title == CURVE:
            for name, (_, *found) in zip(losses, table.rows, strict=False):
                losses[name] = [float(one) for one in found]
    return loss_plot(title, **losses)


def loss_plot(title: str, **losses: Sequence[float]) -> Plot:
    """Return losses by epoch, from 1, as a plot of one line each; NaN is no point.

    Args:
        title: what was trained.
        losses: of each split, by its name.
    """
    lines = tuple(
        Line(
            name=name,
            points=tuple((float(at), loss) for at, loss in enumerate(found, 1) if isfinite(loss)),
        )
        for name, found in losses.items()
    )
    lines = tuple(line for line in lines if line.points)
    if not lines:
        raise BadInput("There is no loss to draw: no epoch has ended.")
    highest = max(y for line in lines for _, y in line.points)
    last = max(line.points[-1][0] for line in lines)
    return Plot(
        title=title,
        x_label="epoch",
        y_label="loss",
        lines=lines,
        x_range=(1.0, max(last, 2.0)),
        y_range=(0.0, highest or 1.0),
    )


def _undefined(what: str, reasons: dict[str, str]) -> str:
    why = ", ".join(f"{name} is {reason}" for name, reason in reasons.items())
    return f"The {what} is undefined: {why}." if why else f"The {what} is undefined."
