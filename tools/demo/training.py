"""The demo's chapter of training: models learned, tuned, calibrated and pruned, and a kill inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.console import Console

from assay.cli.training_report import metric_tables
from assay.client import Client
from assay.client.types import JobEvent, MetricTable, ModelJob
from tools.demo.curl import Answer, Curl
from tools.demo.invoices import SCHEMA, Invoice, invoices, json_lines
from tools.demo.languages import SPLITS, language_records
from tools.demo.pages import FIELDS, page_rows, pages
from tools.service import Service

LANGUAGES = ("da", "nb", "sv", "de", "nl", "es", "pt", "it")
LANGUAGES_PATH = "demo/my-repo/fs/Instabase Drive/LanguageClassifier"
INVOICES_PATH = "demo/my-repo/fs/Instabase Drive/InvoiceExtractionModel"
PER_LANGUAGE = 240
INVOICES = 240
UNSEEN = 60  # invoices that a trained model reads
SEED = 7
TRIALS = 4
HYPERPARAMS: Mapping[str, Any] = {
    "num_train_epochs": 8,
    "do_calibration": True,
    "loss_type": "ce_ins",
    "hp_search_param_space": [
        {"name": "learning_rate", "type": "float", "low": 2e-5, "high": 5e-4, "log": True},
        {"name": "batch_size", "type": "categorical", "choices": [16, 32, 64]},
    ],
}
KILLED_EPOCHS = 40  # of the training that is killed after the first
SPARSITY = 0.8
DATASETS = "/api/v1/datasets"
JOBS = "/api/v2/model/jobs"
METRICS = "/api/v2/model/metrics"
LINES = "application/x-ndjson"


@dataclass(kw_only=True)
class Training:
    """What is trained in the demo."""

    service: Service
    client: Client
    curl: Curl
    console: Console
    assay: Callable[[list[str]], int]
    status: Callable[[Answer, int], None]
    that: Callable[[bool, str], None]

    def tell(self) -> None:
        """Tell everything."""
        self._languages()
        self._invoices()

    def _languages(self) -> None:
        """A text classifier: tuned, calibrated, killed in an epoch, pruned, asked to predict."""
        rows = {split: _texts(split) for split in SPLITS}
        dataset = self._dataset("Languages", "text_classification", rows)
        made = ["models", "create", "Languages", "--path", LANGUAGES_PATH]
        self._does([*made, *(f"--label={one}" for one in LANGUAGES)])
        given = [f"--hp={name}={json.dumps(value)}" for name, value in HYPERPARAMS.items()]
        gate = ["--require", "accuracy>=0.8", "--promote"]
        self._does(["train", LANGUAGES_PATH, "Languages", *given, f"--search={TRIALS}", *gate])
        trained = self._newest(LANGUAGES_PATH)
        self._polled(trained)
        self._survives(dataset)
        loss = ["--baseline", "promoted", "--max-drop", "accuracy=0.1"]
        self._does(["prune", LANGUAGES_PATH, "Languages", f"--sparsity={SPARSITY}", *loss])
        self._smaller(trained, self._newest(LANGUAGES_PATH))
        self._evaluated(dataset)
        self._predicted(rows["test"])
        self._routes(trained)

    def _invoices(self) -> None:
        """An extraction model on printed invoices, by the documented route."""
        rows = {"train": page_rows(pages(invoices(INVOICES, SEED), SEED))}
        dataset = self._dataset("Printed invoices", "extraction", rows)
        fractions = {"fractions": {"validation": 0.2, "test": 0.2}, "seed": SEED}
        made = self.curl(f"{DATASETS}/{dataset}/splits:make", method="POST", body=fractions)
        self.status(made, 201)
        self._reads(dataset)
        self._does(
            ["models", "create", "Invoices", "--task", "extraction", "--path", INVOICES_PATH]
        )
        job = self._submitted(
            {
                "job_type": "training",
                "model_project_path": INVOICES_PATH,
                "dataset_id": dataset,
                "hyperparams": {"num_train_epochs": 6},
            }
        )
        found = self._polled(self.client.training.get(job))
        fields = next(one for one in found["metrics"] if "field" in one["title"])
        overall = float(fields["rows"][0][1].rstrip("%"))
        self.that(overall >= 90, f"the fields of held-out invoices are found with F1 {overall}")
        self._benchmarked(job)

    def _benchmarked(self, job: str) -> None:
        """Have the trained model read invoices that it has not seen, and compare what it reads."""
        version = self.client.training.get(job).version_id
        unseen = list(invoices(INVOICES + UNSEEN, SEED))[INVOICES:]
        unseen_pages = page_rows(pages(unseen, SEED))
        rows = self._file("unseen-pages.jsonl", unseen_pages)
        truth = self._file("unseen-truth.jsonl", json_lines(map(_expected, unseen)))
        schema = self._file("unseen-schema.json", json.dumps(_printed_fields()).encode())
        read = self.service.data_dir / "read.jsonl"
        self._does(["predict", INVOICES_PATH, str(rows), "--version", version, "--out", str(read)])
        self._does(["truth", "create", "Unseen invoices", str(truth), "--schema", str(schema)])
        gate = ["--require", "total_amount:recall>=0.9", "--require", "accuracy_overall>=0.9"]
        self._does(["bench", "run", "Unseen invoices", str(read), "--name", "trained", *gate])
        self._dataset("Unseen pages", "extraction", {"test": unseen_pages})
        by_itself = ["--model", INVOICES_PATH, "--version", version, "--documents", "Unseen pages"]
        self._does(["bench", "run", "Unseen invoices", *by_itself, "--name", "by itself", *gate])
        stored, own = [
            next(one for one in self.client.benchmarks.list() if one.name == name)
            for name in ("trained", "by itself")
        ]
        self.that(
            own.accuracy_overall == stored.accuracy_overall,
            "a version that a benchmark runs has the accuracy of its predictions, uploaded",
        )

    def _dataset(self, name: str, task_type: str, rows: Mapping[str, bytes]) -> str:
        made = self.curl(DATASETS, method="POST", body={"name": name, "task_type": task_type})
        self.status(made, 201)
        dataset = str(made.json["dataset_id"])
        for split, data in rows.items():
            file = self._file(f"{dataset}-{split}.jsonl", data)
            path = f"{DATASETS}/{dataset}/splits/{split}"
            self.status(self.curl(path, method="POST", file=file, content_type=LINES), 201)
        return dataset

    def _reads(self, dataset: str) -> None:
        """Every other route of datasets, by curl."""
        one = f"{DATASETS}/{dataset}"
        for path in (
            f"{DATASETS}?page_size=2", one, f"{one}/profile", f"{one}/revisions",
            f"{one}/revisions/2",
        ):  # fmt: skip  # a list
            self.status(self.curl(path), 200)
        body = {"name": "Throw-away rows", "task_type": "tabular_regression"}
        made = self.curl(DATASETS, method="POST", body=body)
        gone = f"{DATASETS}/{made.json['dataset_id']}"
        self.status(self.curl(gone, method="DELETE"), 204)

    def _submitted(self, body: Mapping[str, Any]) -> str:
        made = self.curl(JOBS, method="POST", body=body)
        self.status(made, 201)
        return str(made.json["job_id"])

    def _newest(self, path: str) -> ModelJob:
        return next(iter(self.client.training.list(model_project_path=path)))

    def _polled(self, job: ModelJob) -> dict[str, Any]:
        """Ask for the metrics of a job until it is done, as the documented scripts do; show them."""
        query = {
            "model_project_path": job.model_project_path or "",
            "job_id": job.job_id,
            "job_type": job.job_type,
        }
        url = f"{METRICS}?{urlencode(query)}"
        asked, still_running = 0, True
        while still_running:
            answer = self.curl(url, quiet=True)
            self.status(answer, 200)
            found: dict[str, Any] = answer.json
            asked += 1
            still_running = found["status"] == "OK" and found["state"] != "DONE"
        self.console.print(f"GET {url}: done after {asked} polls", markup=False, soft_wrap=True)
        self.that(found["status"] == "OK", f"the job ended badly: {found.get('msg')}")
        tables = [
            MetricTable(
                title=one["title"],
                subtitle=one["subtitle"],
                headers=tuple(one["headers"]),
                rows=tuple(map(tuple, one["rows"])),
                show=True,
            )
            for one in found["metrics"]
        ]
        for table in metric_tables(tables):
            self.console.print(table)
        return found

    def _survives(self, dataset: str) -> None:
        """Kill everything in the middle of an epoch; the model is that of an undisturbed training."""
        hyperparams = {"num_train_epochs": KILLED_EPOCHS}
        killed = self.client.training.submit(
            "training", LANGUAGES_PATH, dataset, hyperparams=hyperparams, version_label="killed"
        )
        epochs: list[int] = []
        claims = 0
        for item in self.client.training.watch(killed.job_id):
            if not isinstance(item, JobEvent):
                continue
            if item.state_changed is not None:
                claims += item.state_changed.status == "running"
            if item.epoch_finished is None:
                continue
            epochs.append(item.epoch_finished.epoch)
            if len(epochs) == 1:
                self.console.print("       kill -9 in the middle of an epoch", style="bold red")
                for wrong in self.service.kill_and_start():
                    self.that(False, wrong)
        self.that(claims > 1, "the training was over before the kill")
        self.that(
            epochs == list(range(1, KILLED_EPOCHS + 1)), "an epoch was told of twice, or never"
        )
        calm = self.client.training.train(
            LANGUAGES_PATH, dataset, hyperparams=hyperparams, version_label="undisturbed"
        )
        same = self._artifact(killed) == self._artifact(calm)
        self.that(same, "the model of a training that was killed is another than undisturbed")
        if same:
            self.console.print(
                "its model is to the bit that of an undisturbed training", style="bold"
            )

    def _artifact(self, job: ModelJob) -> bytes:
        file = self.service.data_dir / "artifact"
        self.client.training.download_artifact(job.model_id, job.version_id, file)
        return file.read_bytes()

    def _smaller(self, whole: ModelJob, pruned: ModelJob) -> None:
        before, after = len(self._artifact(whole)), len(self._artifact(pruned))
        self.console.print(f"the pruned model has {after:,} bytes of {before:,}")
        self.that(after <= 1.2 * (1 - SPARSITY) * before, "the pruned model is too large")

    def _evaluated(self, dataset: str) -> None:
        """Measure the promoted version again, as a job, and by the route of any job."""
        job = self._submitted(
            {
                "job_type": "evaluation",
                "model_project_path": LANGUAGES_PATH,
                "dataset_id": dataset,
            }
        )
        self.client.jobs.wait(job)
        told = self.curl(f"/api/v1/jobs/status?job_id={job}&type=job")
        self.status(told, 200)
        self.that(told.json["state"] == "DONE", "a job that was waited for is not done")

    def _predicted(self, rows: bytes) -> None:
        """Predict rows that nobody has seen, by the command line and by curl."""
        first = rows.splitlines(keepends=True)[:3]
        file = self._file("unseen.jsonl", b"".join(first))
        self._does(["predict", LANGUAGES_PATH, str(file)])
        model = next(iter(self.client.models.list(project_path=LANGUAGES_PATH))).model_id
        answer = self.curl(
            f"/api/v1/models/{model}:predict?format=csv",
            method="POST",
            file=file,
            content_type=LINES,
        )
        self.status(answer, 200)
        self.that(answer.text.startswith("row_id,y_true,y_pred"), "predictions have no header")

    def _routes(self, job: ModelJob) -> None:
        """Every other route of jobs of models, by curl."""
        one = f"{JOBS}/{job.job_id}"
        for path in (f"{JOBS}?page_size=2", one, f"{one}:watch?after_sequence=5"):
            self.status(self.curl(path), 200)
        self.status(self.curl(f"{one}:watch.ndjson?after_sequence=5"), 200)
        self.status(self.curl(f"{one}:cancel", method="POST", body={}), 422)
        artifact = f"/api/v1/models/{job.model_id}/versions/{job.version_id}/artifact"
        self.status(self.curl(artifact, quiet=True), 200)

    def _file(self, name: str, data: bytes) -> Path:
        path = self.service.data_dir / name
        path.write_bytes(data)
        return path

    def _does(self, command: list[str]) -> None:
        done = self.assay(command)
        self.that(done == 0, f"`assay {' '.join(command[:2])}` left with {done}")


def _texts(split: str) -> bytes:
    records = language_records(split, per_language=PER_LANGUAGE, languages=LANGUAGES)
    return json_lines(
        {"row_id": one.row_id, "text": one.text, "label": one.label} for one in records
    )


def _printed_fields() -> list[Mapping[str, Any]]:
    """Return the schema of the fields that stand on a page, those of the bank by themselves."""
    every = [inner for one in SCHEMA["fields"] for inner in (one, *one.get("fields", ()))]
    return [one for one in every if one["name"] in FIELDS]


def _expected(invoice: Invoice) -> Mapping[str, Any]:
    """Return what is true of an invoice's printed fields."""
    truth = invoice.truth()
    known = {**truth, **truth.get("bank", {})}
    return {
        "document_id": invoice.document_id,
        "expected_data": {name: known[name] for name in FIELDS if name in known},
    }
