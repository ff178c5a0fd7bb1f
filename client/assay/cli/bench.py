"""`assay bench`: extractions against ground truth, and one run of them against another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from assay.cli import step_summary
from assay.cli.bench_gate import ALPHA, BenchmarkGate, in_order, judged
from assay.cli.bench_markdown import markdown
from assay.cli.bench_tables import (
    BENCHMARK_COLUMNS,
    benchmark_cells,
    benchmark_page,
    comparison_page,
)
from assay.cli.connection import Json, command
from assay.cli.console import (
    NOT_MET,
    OK,
    err,
    out,
    print_items,
    print_json,
    print_made,
    show_failure,
)
from assay.cli.interrupted import deferred, take_back
from assay.cli.live import live_benchmark
from assay.cli.name_lookup import (
    benchmark_id_of,
    dataset_id_of,
    model_of,
    run_id_of,
    schema_id_of,
)
from assay.cli.requirement import conclude
from assay.cli.unmatched import unmatched
from assay.client import (
    BadInput,
    BenchmarkFailed,
    BenchmarkProgress,
    Client,
    FailedPrecondition,
    PermissionDenied,
    Refusal,
    ServiceUnavailable,
)
from assay.client.benchmarking import OnBenchmark, leaf_paths
from assay.client.files import TEXTS, check_file
from assay.client.types import BenchmarkReport, DocumentResult

bench = typer.Typer(
    help="Compare extractions with ground truth, field by field.", no_args_is_help=True
)
WEAKEST = 5  # fields of which a report shows examples
EXAMPLES = 3  # of each

Required = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        "-r",
        help="Of all fields ('recall>=0.9'), a field ('total>=0.95') or its measure"
        " ('due:recall>=0.9'); repeat for more.",
    ),
]
MaxDrops = Annotated[
    list[str] | None,
    typer.Option(
        "--max-drop", help="How much less accurate: 0.01 of all fields, 'total=0.01' of one."
    ),
]
NoRegression = Annotated[
    bool, typer.Option("--no-regression", help="Stop where it is worse by more than chance.")
]
Alpha = Annotated[
    float, typer.Option("--alpha", min=1e-12, max=0.5, help="Below it a p-value is no chance.")
]
Which = Annotated[
    str, typer.Argument(help="The benchmark's id or name; name@-1 is the one before the newest.")
]


@command(bench, "run")
def run(
    client: Client,
    dataset: Annotated[str, typer.Argument(help="The ground truth's id or name.")],
    file: Annotated[
        Path | None, typer.Argument(help="Extractions as .jsonl or .csv; they become a run.")
    ] = None,
    *,
    run_id: Annotated[
        str, typer.Option("--run", help="A stored run in place of a file: id or name.")
    ] = "",
    name: Annotated[str, typer.Option("--name", "-n", help="A human name.")] = "",
    schema: Annotated[
        str, typer.Option("--schema", help="A field schema: id or name; the dataset's without.")
    ] = "",
    compared_to: Annotated[
        str, typer.Option("--compared-to", help="A benchmark; the dataset's previous one without.")
    ] = "",
    model: Annotated[
        str, typer.Option("--model", help="A model that extracts: its project path or its id.")
    ] = "",
    version: Annotated[
        str, typer.Option("--version", "-v", help="Its version; the promoted one without.")
    ] = "",
    documents: Annotated[
        str, typer.Option("--documents", help="The dataset whose rows it reads: id or name.")
    ] = "",
    split: Annotated[
        str, typer.Option("--split", help="Of the documents; the test split without.")
    ] = "",
    require: Required = None,
    max_drop: MaxDrops = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Queue it, print its id and do not wait.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare extractions with ground truth, and check what is required of the numbers.

    A line of a .jsonl file is {"document_id": …, "data": {…}, "confidence": {…}}. With --model a
    version extracts from the rows of --documents, whose ids are those of the ground truth's
    documents. Without file, run and model, each document's newest stored extraction is taken.
    --max-drop is held against the
    benchmark of --compared-to, without it the dataset's previous one.

    Exit codes: 0 all requirements hold, 1 one does not, or the benchmark fails, 2 the input or the
    usage is wrong; `assay --help` tells of all.
    """
    gate = BenchmarkGate.parse(require or [], max_drop or [])
    if file is not None:
        check_file(file, TEXTS)
        if model:
            raise BadInput("A file and --model were given; extractions come from one of them.")
    if detach and gate.asks:
        text = "--detach does not wait for numbers that could be required; use `assay bench watch`"
        raise BadInput(text)
    dataset_id = dataset_id_of(client, dataset)
    schema = schema_id_of(client, schema) if schema else ""
    if gate.asks:
        gate.check(_paths(client, dataset_id, schema))
    other = benchmark_id_of(client, compared_to) if compared_to else ""
    run_id = run_id_of(client, run_id) if run_id else ""
    model_id = model_of(client, model).model_id if model else ""
    with live_benchmark(err, hidden=as_json or detach) as told:
        run_id = _stored(client, file, name, told) if file else run_id
        with deferred() as passed_on:
            made = client.benchmarks.create(
                dataset_id,
                name=name,
                run_id=run_id,
                user_schema_id=schema,
                compared_to=other,
                model_id=model_id,
                version=version,
                documents=documents,
                split=split,
            )
        if detach:
            print_made(made, made.benchmark_id, as_json=as_json)
            passed_on()
            return
        with _failure_shown(made.benchmark_id, as_json=as_json):
            passed_on()
            if model:
                told(BenchmarkProgress(phase="extract", benchmark_id=made.benchmark_id))
            report = client.benchmarks.follow(made.benchmark_id, told)
    _finish(client, report, gate, as_json=as_json)


@command(bench, "watch")
def watch(
    client: Client,
    benchmark: Which,
    *,
    require: Required = None,
    max_drop: MaxDrops = None,
    as_json: Json = False,
) -> None:
    """Follow a benchmark to its end; exits with 1 when it fails, or a requirement does not hold.

    With --json every event is a line, and the report the last one.
    """
    gate = BenchmarkGate.parse(require or [], max_drop or [])
    benchmark_id = benchmark_id_of(client, benchmark)
    if as_json:
        for item in client.benchmarks.watch(benchmark_id):
            print_json(item)
    with live_benchmark(err, hidden=as_json) as told, _failure_shown(benchmark_id, as_json=as_json):
        report = client.benchmarks.follow(benchmark_id, told)
    _finish(client, report, gate, as_json=as_json)


@command(bench, "compare")
def compare(
    client: Client,
    run_a: Annotated[str, typer.Argument(help="The benchmark that is judged: id or name.")],
    run_b: Annotated[str, typer.Argument(help="What it is compared with: id or name.")],
    *,
    require: Required = None,
    regression: NoRegression = False,
    max_drop: MaxDrops = None,
    alpha: Alpha = ALPHA,
    as_json: Json = False,
) -> None:
    """Compare two benchmarks of the same documents: is a better than b, where, and how surely?

    --require is of a's numbers. With --no-regression a must not be worse than b by more than
    chance: neither over all fields (McNemar's exact test, and the interval of the difference) nor
    in any of them (McNemar, adjusted by Holm for their number). Few documents hide a regression
    from every test; --max-drop stops a fall of accuracy, whatever chance explains.

    Exit codes: 0 what is required holds, 1 it does not, 2 the usage is wrong; `assay --help` tells
    of all.
    """
    gate = BenchmarkGate.parse(require or [], max_drop or [], regression=regression, alpha=alpha)
    a, b = benchmark_id_of(client, run_a), benchmark_id_of(client, run_b)
    found = client.benchmarks.compare(a, b)
    report = client.benchmarks.get(a)
    found, outcomes = in_order(found, report), gate.judge(report, found)
    conclude(
        outcomes,
        lambda: comparison_page(found, outcomes, alpha),
        as_json=as_json,
        comparison=found,
    )


@command(bench, "list")
def list_benchmarks(
    client: Client,
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Only of this one.")] = "",
    status: Annotated[
        str, typer.Option("--status", help="Only queued, running, completed or failed ones.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List benchmarks, newest first."""
    dataset_id = dataset_id_of(client, dataset) if dataset else ""
    rows = client.benchmarks.list(dataset_id=dataset_id, status=status)
    print_items(rows, BENCHMARK_COLUMNS, benchmark_cells, as_json=as_json)


@command(bench, "delete")
def delete(
    client: Client,
    benchmark: Which,
    *,
    cascade: Annotated[
        bool,
        typer.Option("--cascade", help="Even where others are compared with it: they lose that."),
    ] = False,
) -> None:
    """Delete a benchmark with its results."""
    benchmark_id = benchmark_id_of(client, benchmark)
    client.benchmarks.delete(benchmark_id, cascade=cascade)
    out.print(f"{benchmark_id} is deleted")


@command(bench, "report")
def report(
    client: Client,
    benchmark: Which,
    *,
    compare_with: Annotated[
        str, typer.Option("--compare", help="Another benchmark of the same documents: id or name.")
    ] = "",
    require: Required = None,
    regression: NoRegression = False,
    max_drop: MaxDrops = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Markdown, for a pull request.")
    ] = False,
    alpha: Alpha = ALPHA,
    as_json: Json = False,
) -> None:
    """Show all numbers of a completed benchmark, and with --compare those against another one.

    What is required is judged as `assay bench compare` does, and shown in every form; exits with 1
    where it does not hold. --no-regression and --max-drop need --compare.
    """
    gate = BenchmarkGate.parse(require or [], max_drop or [], regression=regression, alpha=alpha)
    if not compare_with and (regression or gate.drops):
        raise BadInput("--no-regression and --max-drop need --compare, a benchmark to hold it to.")
    found = client.benchmarks.get(benchmark_id_of(client, benchmark))
    if found.measures is None:
        raise FailedPrecondition(_unfinished(found))
    other = None
    if compare_with:
        b = benchmark_id_of(client, compare_with)
        other = in_order(client.benchmarks.compare(found.benchmark.benchmark_id, b), found)
    outcomes = gate.judge(found, other) if other else judged(found, gate.requirements)
    if as_markdown and not as_json:
        print(markdown(found, other, _examples(client, found), outcomes, alpha), end="")
        raise typer.Exit(OK if all(one.passed for one in outcomes) else NOT_MET)
    conclude(
        outcomes,
        lambda: Group(
            benchmark_page(found, [] if other else outcomes),
            *(["", comparison_page(other, outcomes, alpha)] if other else []),
        ),
        as_json=as_json,
        report=found,
        comparison=other,
    )


def _paths(client: Client, dataset_id: str, schema_id: str) -> list[str]:
    """Return the paths of the fields that a benchmark will compare, where they can be read."""
    with suppress(FailedPrecondition, PermissionDenied):
        if schema_id:
            return list(leaf_paths(client.field_schemas.get(schema_id).to_mapping()["fields"]))
        return list(
            leaf_paths(client.ground_truth.schema(dataset_id).schema.to_mapping()["fields"])
        )
    return [""]  # no plain name: what is required is checked at the end


def _examples(client: Client, found: BenchmarkReport) -> dict[str, list[DocumentResult]]:
    """Return wrong documents of the weakest fields."""
    accuracies = found.benchmark.accuracy_by_field
    weakest = sorted(accuracies, key=lambda path: (accuracies[path], path))[:WEAKEST]
    examples = {}
    for path in weakest:
        if accuracies[path] < 1:
            results = client.benchmarks.results(
                found.benchmark.benchmark_id, field=path, only_wrong=True, page_size=EXAMPLES
            )
            examples[path] = [one for one, _ in zip(results, range(EXAMPLES), strict=False)]
    return examples


def _unfinished(found: BenchmarkReport) -> Refusal:
    one = found.benchmark
    return Refusal(
        message=f"Benchmark {one.benchmark_id} is {one.status}; only a completed one has numbers."
        f" `assay bench watch {one.benchmark_id}` follows it.",
        reason="BENCHMARK_NOT_COMPLETED",
        metadata={"benchmark_id": one.benchmark_id, "status": one.status},
    )


def _stored(client: Client, file: Path, name: str, told: OnBenchmark) -> str:
    """Return the id of a run that is made of a file; without its extractions it goes again."""
    told(BenchmarkProgress(phase="upload"))
    with deferred() as passed_on:
        run = client.extraction_runs.create(name or file.stem)
    try:
        passed_on()
        done = client.extraction_runs.import_extractions(run.run_id, file)
    except BaseException as error:  # an interrupt too
        take_back(error, f"The run '{run.name}'", lambda: client.extraction_runs.delete(run.run_id))
        raise
    told(BenchmarkProgress(phase="upload", documents=done.imported))
    return run.run_id


def _finish(client: Client, report: BenchmarkReport, gate: BenchmarkGate, *, as_json: bool) -> None:
    """Print a completed benchmark, and end the command by what is required of it."""
    foreign = unmatched(report)
    if report.measures is not None and not report.measures.extracted_documents:
        why = foreign or "no document of the ground truth has an extraction."
        raise BadInput(f"Benchmark {report.benchmark.benchmark_id} compared nothing: {why}")
    outcomes = gate.judge_alone(client, report)
    if foreign is not None and not as_json:
        err.print(f"warning: {foreign}", style="yellow", markup=False)
    step_summary.append(markdown(report, None, {}, outcomes))
    conclude(
        outcomes,
        lambda: benchmark_page(report, outcomes),
        as_json=as_json,
        report=report,
        unmatched=foreign,
    )


@contextmanager
def _failure_shown(benchmark_id: str, *, as_json: bool) -> Iterator[None]:
    """End the command with 1 when the benchmark ends without numbers, as `assay watch` does.

    An interrupt, or a connection that is lost, ends the command alone, which is noted.
    """
    try:
        yield
    except (KeyboardInterrupt, ServiceUnavailable) as error:
        error.add_note(
            f"The benchmark goes on: `assay bench watch {benchmark_id}` follows it, and"
            f" `assay bench report {benchmark_id}` shows it once it is completed."
        )
        raise
    except BenchmarkFailed as error:
        show_failure(error, as_json=as_json)
        raise typer.Exit(NOT_MET) from error
