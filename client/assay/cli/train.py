"""`assay train` and `assay prune`: a version of a model out of a stored dataset, and a verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from assay.cli import model_job, step_summary
from assay.cli.compare import MaxDrops
from assay.cli.connection import Json
from assay.cli.console import err
from assay.cli.live_training import live_training
from assay.cli.markdown import code
from assay.cli.name_lookup import model_of
from assay.cli.plot import png_writer, speaks_unicode
from assay.cli.plot_data import curve_of
from assay.cli.plot_text import text_plot
from assay.cli.requirement import Outcome, conclude, outcome_table
from assay.cli.training_report import training_page
from assay.cli.version_gate import VersionGate
from assay.client import BadInput, Client
from assay.client.types import ModelJob, ModelMetrics, PerformanceSummary

ModelName = Annotated[str, typer.Argument(help="The model: its project path or its id.")]
DatasetName = Annotated[str, typer.Argument(help="The dataset: its id or its name.")]
Hyperparameters = Annotated[
    list[str] | None,
    typer.Option("--hp", help="A hyperparameter as name=value, such as max_length=128; repeat."),
]
Label = Annotated[str, typer.Option("--label", help="A human label of the new version.")]
Split = Annotated[str, typer.Option("--split", "-s", help="The split of --require and --max-drop.")]
Require = Annotated[
    list[str] | None,
    typer.Option("--require", "-r", help="Such as 'macro_f1>=0.9'; repeat for more."),
]
Baseline = Annotated[
    str,
    typer.Option("--baseline", help="A version that --max-drop is held against, or 'promoted'."),
]
Promote = Annotated[
    bool, typer.Option("--promote", help="Promote the version when all requirements hold.")
]


def train(
    client: Client,
    model: ModelName,
    dataset: DatasetName,
    *,
    hp: Hyperparameters = None,
    search: Annotated[
        int, typer.Option("--search", min=0, help="Trials of a search for hyperparameters.")
    ] = 0,
    label: Label = "",
    version: Annotated[
        str, typer.Option("--version", "-v", help="A draft version to train; a new one without.")
    ] = "",
    split: Split = "test",
    require: Require = None,
    baseline: Baseline = "",
    max_drop: MaxDrops = None,
    promote: Promote = False,
    curve: Annotated[
        bool, typer.Option("--curve/--no-curve", help="Draw the loss curve in the terminal.")
    ] = True,
    to: Annotated[
        Path | None, typer.Option("--out", help="A PNG file to write the loss curve to as well.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a version of a model on a stored dataset, and check what is required of it.

    Hyperparameters that are not given have their defaults. An interrupt ends the waiting alone: the
    job goes on, and the same command takes it up again.

    Exit codes: 0 all requirements hold, 1 one does not, 2 the usage or the data is wrong;
    `assay --help` tells of all.
    """
    gate = VersionGate.parse(require or [], max_drop or [], baseline)
    write = None if to is None else png_writer(to)  # before the service is asked
    hyperparams = parsed(hp or [])
    if search:
        hyperparams |= {"do_hyperparam_optimization": True, "hp_search_num_trials": search}
    target = Target.named(client, model, dataset)
    options = {"hyperparams": hyperparams, "version_label": label, "version_id": version}
    work = Work(client=client, target=target, gate=gate, split=split, as_json=as_json)
    metrics = work.run(client.training.train, options, promote=promote, curve=curve)
    if to is not None and write is not None:
        write(curve_of(metrics, f"Loss of {target.path}"), to)
        err.print(f"wrote {to}", style="dim", markup=False)
    work.conclude()


def prune(
    client: Client,
    model: ModelName,
    dataset: DatasetName,
    *,
    sparsity: Annotated[
        float | None,
        typer.Option(
            "--sparsity",
            min=0.0,
            max=1.0,
            help="The share of weights that go; 0.5 without it and without --hp target_bytes=SIZE.",
        ),
    ] = None,
    hp: Hyperparameters = None,
    label: Label = "",
    version: Annotated[
        str, typer.Option("--version", "-v", help="The version to prune; the promoted one without.")
    ] = "",
    split: Split = "test",
    require: Require = None,
    baseline: Baseline = "",
    max_drop: MaxDrops = None,
    promote: Promote = False,
    as_json: Json = False,
) -> None:
    """Make a smaller version of a trained one, and check how much worse it is.

    `--baseline promoted --max-drop f1_score=0.01` ends with 1 where pruning cost more than that.

    Exit codes: 0 all requirements hold, 1 one does not, 2 the usage or the data is wrong;
    `assay --help` tells of all.
    """
    gate = VersionGate.parse(require or [], max_drop or [], baseline)
    given = parsed(hp or [])
    if sparsity is None and "target_bytes" not in given:
        sparsity = 0.5
    options = {
        "target_sparsity": sparsity,
        "hyperparams": given,
        "version_label": label,
        "version_id": version,
    }
    target = Target.named(client, model, dataset)
    work = Work(client=client, target=target, gate=gate, split=split, as_json=as_json)
    work.run(client.training.prune, options, promote=promote, curve=False)
    work.conclude()


def parsed(texts: Sequence[str]) -> dict[str, Any]:
    """Return hyperparameters that are written as name=value, values as JSON or else as text.

    Raises:
        BadInput: no name, no value, or a name twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not (name and value):
            raise BadInput(f"'{text}' is no hyperparameter; write one such as max_length=128.")
        if name in found:
            raise BadInput(f"The hyperparameter {name} is given twice.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a job is of."""

    model_id: str
    path: str  # the model's project path
    dataset_id: str
    revision: int  # of the dataset

    @classmethod
    def named(cls, client: Client, model: str, dataset: str) -> Target:
        """Return what names mean; raises BadInput where they mean nothing."""
        found = model_of(client, model)
        if not found.project_path:
            raise BadInput(
                f"The model '{found.model_id}' has no project path, by which jobs name it. Give it"
                f" one: assay models update {found.model_id} --path team/{found.model_id}"
            )
        data = client.datasets.get(dataset)
        return cls(
            model_id=found.model_id,
            path=found.project_path,
            dataset_id=data.dataset_id,
            revision=data.revision,
        )


@dataclass(kw_only=True)
class Work:
    """A job that makes a version, from its start to what is said of it."""

    client: Client
    target: Target
    gate: VersionGate
    split: str
    as_json: bool
    _outcomes: list[Outcome] = field(default_factory=list)
    _page: list[RenderableType] = field(default_factory=list)
    _values: dict[str, object] = field(default_factory=dict)

    def run(
        self,
        method: Callable[..., ModelJob],
        options: Mapping[str, Any],
        *,
        promote: bool,
        curve: bool,
    ) -> ModelMetrics:
        """Run a job to its end and judge its version; return the job's metrics."""
        client, target = self.client, self.target
        self.gate.check(client, target.model_id, "")
        base = self.gate.baseline_of(client, target.model_id, self.split)
        known = model_job.request_id(
            client, target.path, target.dataset_id, target.revision, method.__name__, options
        )
        with (
            model_job.told() as heard,
            live_training(err, hidden=self.as_json) as drawn,
        ):
            job = method(
                target.path,
                target.dataset_id,
                **options,
                on_progress=heard(drawn),
                request_id=known,
            )
        promoted = self._judge(job, base, promote=promote)
        metrics = client.training.metrics(target.path, job.job_id, job.job_type)
        self._values = {"promoted": promoted, "job": job, "metrics": metrics}
        made = f"version {escape(job.version_id)}{' is promoted' if promoted else ''}"
        self._page = [*training_page(metrics), made]
        if curve:
            with suppress(BadInput):  # a job without epochs has none
                plot = curve_of(metrics, f"Loss of {job.version_id}")
                self._page.append(text_plot(plot, braille=speaks_unicode()))
        return metrics

    def conclude(self) -> None:
        """Tell of the job and the verdicts; exits with 1 where a requirement does not hold."""
        page = Group(*self._page, *([outcome_table(self._outcomes)] if self._outcomes else []))
        conclude(self._outcomes, lambda: page, as_json=self.as_json, **self._values)

    def _judge(self, job: ModelJob, base: PerformanceSummary | None, *, promote: bool) -> bool:
        """Judge a version that was made; return whether it is promoted."""
        if self.gate.is_set:
            found = self.client.performance.summary(job.model_id, job.version_id, self.split)
            self._outcomes = self.gate.judge(found, base)
            title = f"Version {code(job.version_id)} of {code(self.target.path)} on {self.split}"
            step_summary.append(step_summary.metrics(title, found.metrics, self._outcomes))
        promoted = promote and all(one.passed for one in self._outcomes)
        if promoted:
            self.client.versions.promote(job.model_id, job.version_id)
        return promoted
