"""The demo's chapter of benchmarks: two extractors, one ground truth, and a kill in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console

from assay.cli.bench_gate import verdicts
from assay.cli.bench_tables import winner
from assay.client import BenchmarkComparison, Client
from assay.client.types import BenchmarkReport, JobEvent
from tools.demo.curl import Answer, Curl
from tools.demo.extractors import (
    CANDIDATE,
    PRODUCTION,
    Extraction,
    as_json_lines,
    errors_of,
    extractions,
    planted,
)
from tools.demo.invoices import SCHEMA, Invoice, ground_truth, invoices
from tools.service import Service

COUNT = 600
SEED = 7
DATASET = "Invoices of eight countries"
PATH = "/v1/quality/benchmarks"
KILLS = 3  # attempts to come in the middle: a benchmark of 600 documents takes half a second


@dataclass(kw_only=True)
class Benchmarks:
    """What happens to benchmarks in the demo."""

    service: Service
    client: Client
    curl: Curl
    console: Console
    assay: Callable[[list[str]], int]
    status: Callable[[Answer, int], None]
    that: Callable[[bool, str], None]
    made: list[Invoice] = field(default_factory=lambda: list(invoices(COUNT, SEED)))

    def tell(self) -> None:
        """Tell everything."""
        read = {one.name: extractions(self.made, one, SEED) for one in (PRODUCTION, CANDIDATE)}
        for name, found in read.items():
            self._errors(name, found)
        old = self._production(read[PRODUCTION.name])
        new = self._candidate(read[CANDIDATE.name])
        for report, found in ((old, read[PRODUCTION.name]), (new, read[CANDIDATE.name])):
            self._finds_what_was_planted(report, found)
        self._versus(new, old)
        self._routes(new, old)

    def _errors(self, name: str, found: list[Extraction]) -> None:
        said = ", ".join(f"{count} × {kind}" for kind, count in errors_of(found).most_common())
        self.console.print(f"{name} reads {COUNT} invoices with {said}", markup=False)

    def _production(self, found: list[Extraction]) -> BenchmarkReport:
        """Ground truth and the extractor in production, by the command line."""
        folder = self.service.data_dir
        truth, schema, read = (folder / name for name in ("t.jsonl", "schema.json", "read.jsonl"))
        truth.write_bytes(ground_truth(self.made))
        schema.write_text(json.dumps(SCHEMA))
        read.write_bytes(as_json_lines(found))
        self._does(["truth", "create", DATASET, str(truth), "--schema", str(schema)], 0)
        gate = ["--require", "accuracy_overall>=0.9", "--require", "total_amount:recall>=0.9"]
        self._does(["bench", "run", DATASET, str(read), "--name", PRODUCTION.name, *gate], 0)
        (one,) = self.client.benchmarks.list(dataset_id=self._dataset())
        return self.client.benchmarks.get(one.benchmark_id)

    def _candidate(self, found: list[Extraction]) -> BenchmarkReport:
        """The other extractor, by the Python client; the whole service is killed in the middle."""
        run = self.client.extraction_runs.create(
            CANDIDATE.name, model="layout-model", version="0.9"
        )
        rows = (
            (one.document_id, one.data, one.confidence) for one in found if one.data is not None
        )
        stored = self.client.extraction_runs.import_extractions(run.run_id, rows)
        self.that(stored.skipped == 0, "extractions were left out")
        for attempt in range(1, KILLS + 1):
            made = self.client.benchmarks.create(
                self._dataset(), name=CANDIDATE.name, run_id=run.run_id
            )
            if self._killed_in_the_middle(made.benchmark_id):
                break
            self.console.print(f"it was over before the kill; attempt {attempt} of {KILLS}")
        else:
            self.that(False, f"the kill came too late {KILLS} times")
        survived = self.client.benchmarks.get(made.benchmark_id)
        calm = self.client.benchmarks.run(self._dataset(), run_id=run.run_id, name="undisturbed")
        same = survived.measures == calm.measures
        self.that(same, "the numbers of a benchmark that was killed are others than undisturbed")
        if same:
            self.console.print(
                "its numbers are to the bit those of an undisturbed run", style="bold"
            )
        return survived

    def _killed_in_the_middle(self, benchmark_id: str) -> bool:
        """Watch a benchmark, kill the service at its first documents, and watch it to its end.

        Returns whether there was something left to do after the kill.
        """
        sequences: list[int] = []
        documents: list[str] = []
        claims = 0
        for item in self.client.benchmarks.watch(benchmark_id):
            if not isinstance(item, JobEvent):
                continue
            sequences.append(item.sequence)
            if (change := item.state_changed) is not None:
                claims += change.status == "running"
                self.console.print(f"  {item.sequence:>3}  {change.status} ({change.cause})")
            if item.documents_compared is None:
                continue
            is_first = not documents
            documents += [one.document_id for one in item.documents_compared.documents]
            self.console.print(f"  {item.sequence:>3}  {len(documents)} documents compared")
            if is_first:
                self.console.print("       kill -9: server, runner and gateway", style="bold red")
                for wrong in self.service.kill_and_start():
                    self.that(False, wrong)
                self.console.print("       started again on the same folder", style="dim")
        self.that(
            sequences == list(range(1, len(sequences) + 1)), "the watch has a gap or a repeat"
        )
        self.that(
            sorted(documents) == [one.document_id for one in self.made],
            "not every document was told of exactly once",
        )
        return claims > 1

    def _finds_what_was_planted(self, report: BenchmarkReport, found: list[Extraction]) -> None:
        assert report.measures is not None
        errors = planted(self.made, found)
        for path, counts in errors.items():
            track = report.measures.by_field[path].normalised
            ours = (track.wrong_value, track.missed, track.invented)
            expected = (counts["wrong_value"], counts["missed"], counts["invented"])
            self.that(ours == expected, f"{path} has {ours}, planted were {expected}")
        total = sum(counts.total() for counts in errors.values())
        self.console.print(
            f"{report.benchmark.name}: all {total} errors that were planted outside of line items"
            " were found, each with its kind, and no others",
            markup=False,
        )

    def _versus(self, new: BenchmarkReport, old: BenchmarkReport) -> None:
        """Say who wins, where, and how surely; by the command line, as a gate and as Markdown."""
        ids = new.benchmark.benchmark_id, old.benchmark.benchmark_id
        gate = ["--require", "accuracy_overall>=0.95", "--no-regression"]
        self._does(["bench", "compare", *ids, *gate], 1)  # dates became worse
        found = self.client.benchmarks.compare(*ids)
        self._says(found)
        self.that(found.overall.verdict == "a_better", "the better extractor does not win")
        signs = {one.path: one.sign for one in verdicts(found)}
        self.that(signs["invoice_date"] < 0 < signs["total_amount"], "it wins in other fields")
        for report in (new, old):
            assert report.measures is not None
            table = report.measures.overall.calibration
            assert table is not None
            self.console.print(
                f"{report.benchmark.name} says to be surer than it is by {table.ece_signed:+.4f}"
                f" on average (ECE {table.ece:.4f})"
            )
        self._does(["bench", "report", ids[0], "--compare", ids[1], "--markdown"], 0)

    def _says(self, found: BenchmarkComparison) -> None:
        where: dict[int, list[str]] = {1: [], -1: [], 0: []}
        for one in verdicts(found):
            where[one.sign].append(one.path)
        self.console.print(winner(found), style="bold green", markup=False)
        self.console.print(f"  better in {', '.join(where[1])}", markup=False)
        self.console.print(f"  worse in {', '.join(where[-1]) or 'none'}", markup=False)
        self.console.print(f"  nobody can say in {', '.join(where[0]) or 'none'}", markup=False)

    def _routes(self, new: BenchmarkReport, old: BenchmarkReport) -> None:
        """Every route of benchmarks, by curl."""
        ids = new.benchmark.benchmark_id, old.benchmark.benchmark_id
        one = f"{PATH}/{ids[0]}"
        body = {"dataset_id": self._dataset(), "name": "by curl", "run_id": old.benchmark.run_id}
        made = self.curl(PATH, method="POST", body=body)
        self.status(made, 201)
        self.that(made.json["accuracy_overall"] is None, "a queued benchmark has an accuracy")
        watched = self.curl(f"{PATH}/{made.json['id']}:watch.ndjson")  # to its end
        self.status(watched, 200)
        for path in (
            f"{PATH}?limit=2",
            one,
            f"{one}/results?field=total_amount&only_wrong=true&limit=2",
            f"{PATH}/compare?run_a={ids[0]}&run_b={ids[1]}",
            f"{one}:watch?after_sequence=5",
        ):
            self.status(self.curl(path), 200)
        done = self.curl(f"{PATH}/{made.json['id']}", quiet=True).json
        self.that(
            done["accuracy_by_field"] == dict(old.benchmark.accuracy_by_field),
            "the same extractions have other accuracies over REST",
        )
        self.status(self.curl(f"{one}:cancel", method="POST", body={}), 422)

    def _dataset(self) -> str:
        (found,) = (one for one in self.client.ground_truth.list() if one.name == DATASET)
        return found.dataset_id

    def _does(self, command: list[str], code: int) -> None:
        done = self.assay(command)
        self.that(done == code, f"`assay {' '.join(command[:2])}` left with {done}, not {code}")
