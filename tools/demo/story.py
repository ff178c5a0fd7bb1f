"""The demo's story, chapter by chapter."""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console

from assay.cli.live import live_progress
from assay.client import Client
from assay.client import Progress as Standing
from assay.client.types import Evaluation
from tools.demo import data, quality
from tools.demo.benchmarks import Benchmarks
from tools.demo.compare import Comparison, rows
from tools.demo.curl import Answer, Curl
from tools.demo.inference import Inference
from tools.demo.training import Training
from tools.service import Service

ROUTES = resources.files("assay.gateway") / "routes.json"
FOREST, LOGISTIC = "digits-forest", "digits-logistic"  # a version's id is an organization's own
WRITES_PER_MINUTE = 60  # low, so that the demo can show what happens beyond
MAX_BODY = 64 * 1024
SEEN_LIVE = ("accuracy", "f1_score", "balanced_accuracy", "mcc")  # a terminal shows them all
SMALL_CHUNKS = 16 * 1024  # bytes; real ones are 1 MiB, but these data sets are small


class Story:
    """What happens in the demo, against one running service."""

    def __init__(self, service: Service, console: Console) -> None:
        self.service = service
        self.console = console
        self.compare = Comparison(console=console)
        self.curl = Curl(base=service.rest, credential=f"ApiKey {service.key}", console=console)
        self.client = Client(service.grpc, api_key=service.key)
        self.folder = service.data_dir

    def tell(self) -> list[str]:
        """Tell everything and return what was not as it should be."""
        with self.client:
            digits = self.digits()
            self.versus()
            self.cancer()
            self.diabetes()
            self.reads(digits)
            self.rows()
            self.ground_truth()
            self.keeps()
            self.benchmarks()
            self.training()
            self.inference()
            self.refusals(digits)
        for route in self.curl.unseen(json.loads(ROUTES.read_text())["routes"]):
            self.compare.that(False, f"no call has taken the route {route}")
        return self.compare.wrong

    def digits(self) -> Evaluation:
        """Ten classes with probabilities, through the Python client."""
        self._chapter("Digits: two versions of a ten-class model, by the Python client")
        self.client.models.create(
            "Handwritten digits", "classification", model_id="digits", labels=list("0123456789")
        )
        for version, found in zip((FOREST, LOGISTIC), data.digits(), strict=True):
            self.client.versions.create(
                "digits",
                version_id=version,
                algorithm=found.algorithm,
                hyperparameters=found.hyperparameters,
            )
            done = self._evaluate(version, found)
            title = f"{version} ({found.algorithm})"
            self.compare.metrics(title, done.metrics, data.expected(found, None), binary=False)
            report = self.client.performance.classification_report("digits", version)
            ours = {
                label: (one.precision, one.recall, one.f1_score, one.support)
                for label, one in report.per_class.items()
            }
            self.compare.equal(f"{title}: report of every class", ours, data.report(found))
            matrix = self.client.performance.confusion_matrix("digits", version)
            self.compare.equal(
                f"{title}: confusion matrix", rows(matrix.counts), data.confusion(found)
            )
        self.client.versions.promote("digits", FOREST)
        return done

    def versus(self) -> None:
        """One version against the other on the same rows, by curl and by the command line."""
        self._chapter("Two versions on the same rows: is one better by more than chance?")
        sides = {"version_a": LOGISTIC, "version_b": FOREST}
        path = "/api/v1/models/digits/versions:compare"
        self._status(self.curl(path, method="POST", body=sides), 200)
        gate = ["compare", "digits", LOGISTIC, FOREST, "--require-better", "accuracy"]
        self.compare.that(self._assay(gate) == 1, "the gate let a worse version pass")
        gate = ["compare", "digits", FOREST, LOGISTIC, "--require-better", "accuracy"]
        self.compare.that(self._assay(gate) == 0, "the gate did not let a better version pass")

    def _evaluate(self, version: str, found: data.Predictions) -> Evaluation:
        with live_progress(version, self.console, hidden=False) as draw:

            def told(standing: Standing) -> None:
                draw(standing)
                if standing.phase == "upload":
                    so_far = [
                        f"{name} {standing.metrics[name]:.4f}"
                        for name in SEEN_LIVE
                        if name in standing.metrics
                    ]
                    rows_now = f"{standing.rows:>4} rows are durable"
                    self.console.print(f"  {'  '.join([rows_now, *so_far])}")

            return self.client.evaluate(
                "digits",
                version,
                y_true=found.y_true,
                y_pred=found.y_pred,
                scores=found.scores,
                labels=found.labels,
                row_id=found.ids,
                slices=found.slices,
                batch_bytes=SMALL_CHUNKS,
                on_progress=told,
            )

    def cancer(self) -> None:
        """Two classes with one probability, through the command line and its gate."""
        self._chapter("Breast cancer: a gate in a pipeline, by the command line")
        found = data.cancer()
        file = self.folder / "cancer.csv"
        assert found.scores is not None
        self._csv(file, y_true=found.y_true, y_pred=found.y_pred, score=found.scores.tolist())
        self.client.models.create(
            "Tumours",
            "classification",
            model_id="tumours",
            labels=["benign", "malignant"],
            positive_label="malignant",
        )
        command = [
            *("evaluate", str(file), "--model", "tumours", "--version", "tumours-1", "--create"),
            *("--require", "accuracy>=0.9", "--require", "roc_auc>=0.95", "--promote"),
        ]
        self.compare.that(self._assay(command) == 0, "the gate did not let a good model pass")
        self.compare.that(
            self._assay([*command[:7], "--require", "recall>=0.9999"]) == 1,
            "the gate let a model pass that is not good enough",
        )
        for shown in (["report", "tumours"], ["plot", "roc", "tumours"]):
            self.compare.that(self._assay(shown) == 0, f"`assay {shlex.join(shown)}` failed")
        ours = self.client.performance.summary("tumours").metrics
        theirs = data.expected(found, "malignant")
        self.compare.metrics("tumours", ours, theirs, binary=True)

    def diabetes(self) -> None:
        """A regression, through one REST call with a CSV file."""
        self._chapter("Diabetes: a regression, by curl alone")
        found = data.diabetes()
        file = self.folder / "diabetes.csv"
        self._csv(file, y_true=found.y_true.tolist(), y_pred=found.y_pred.tolist())
        made = self.curl(
            "/api/v1/models",
            method="POST",
            body={"name": "Diabetes", "task_type": "regression"},
            headers=("Idempotency-Key: demo-1",),
        )
        self._status(made, 201)
        model = made.json["model_id"]
        created = self.curl(f"/api/v1/models/{model}/versions", method="POST", body={})
        self._status(created, 201)
        version = created.json["version_id"]
        path = f"/api/v1/models/{model}/versions/{version}"
        self._status(
            self.curl(f"{path}/evaluations?dataset_split=test", method="POST", file=file), 201
        )
        self._status(self.curl(f"{path}/promote", method="POST", body={}), 200)
        summary = self.curl(f"/api/v1/models/{model}/performance/summary")
        self._status(summary, 200)
        self.regression = model
        theirs = data.expected(found, None)
        self.compare.metrics("diabetes", summary.json["metrics"], theirs, binary=False)

    def reads(self, evaluation: Evaluation) -> None:
        """Every route that reads."""
        self._chapter("Every route that reads, through Envoy")
        model = "/api/v1/models/digits"
        done = "kind=evaluation&status=succeeded&status=failed&page_size=2"
        self._status(self.curl(f"/api/v1/jobs?{done}"), 200)
        job = f"/api/v1/jobs/{evaluation.job_id}"
        for path in (
            "/docs",
            "/openapi.json",
            "/api/v1/server",
            "/api/v1/models",
            model,
            f"{model}/versions",
            f"{model}/versions/{FOREST}",
            f"{model}/versions/compare?version_a={FOREST}&version_b={LOGISTIC}",
            f"{model}/versions/{LOGISTIC}/evaluations",
            f"/api/v1/evaluations/{evaluation.evaluation_id}",
            f"{model}/performance/summary",
            f"{model}/performance/classification-report?average=macro",
            f"{model}/performance/confusion-matrix?version_id={LOGISTIC}&normalize=true",
            f"{model}/performance/roc-curve?resolution=5",
            f"{model}/performance/pr-curve?class_label=8&resolution=5",
            f"{model}/performance/calibration",
            f"{model}/performance/thresholds?class_label=8",
            f"{model}/performance/intervals",
            f"{model}/performance/slices",
            f"{model}/performance/misclassification-errors?limit=3",
            f"/api/v1/models/{self.regression}/performance/residuals",
            job,
            f"/api/v1/jobs/status?job_id={evaluation.job_id}&type=flow",
            f"{job}:watch",
            f"{job}:watch.ndjson?after_sequence=1",
            "/api/v1/keys",
        ):
            self._status(self.curl(path), 200)
        self._status(self.curl(f"{job}:watchtoken", method="POST", body={}), 200)

    def rows(self) -> None:
        """A handful of rows, as JSON."""
        self._chapter("A handful of rows, without a file")
        self.client.versions.create("tumours", version_id="tumours-2")
        row = {"y_true": "benign", "y_pred": "benign", "score": 0.1}
        wrong = {"y_true": "malignant", "y_pred": "benign", "score": 0.4}
        path = "/api/v1/models/tumours/versions/tumours-2/evaluations:rows"
        made = self.curl(path, method="POST", body={"rows": [row, row, wrong]})
        self._status(made, 201)
        self.compare.that(made.json["metrics"]["accuracy"] == 2 / 3, "two of three are right")
        evaluation = f"/api/v1/evaluations/{made.json['evaluation_id']}"
        version = "/api/v1/models/tumours/versions/tumours-2"
        self._status(self.curl(f"{version}/evaluations/test/1"), 200)
        self._status(self.curl(f"{evaluation}:serve", method="POST", body={}), 200)
        self._status(self.curl(version, method="DELETE"), 422)
        self._status(self.curl(f"{evaluation}?cascade=true", method="DELETE"), 204)
        self._status(self.curl(version, method="DELETE"), 204)

    def ground_truth(self) -> None:
        """What is known of documents, and what was read from them."""
        self._chapter("Documents: what is known of them, and what was read from them")
        quality.ground_truth(self.curl, self.folder, self._status, self.compare.that)

    def keeps(self) -> None:
        """The routes that change and delete."""
        self._chapter("Keys, changes and deletes")
        body = {"name": "dashboard", "permissions": ["model:read"]}
        made = self.curl("/api/v1/keys", method="POST", body=body)
        self._status(made, 201)
        prefix = made.json["key"]["prefix"]
        self._status(self.curl(f"/api/v1/keys/{prefix}", method="DELETE"), 204)
        change = {"description": "What is in the picture?"}
        self._status(self.curl("/api/v1/models/digits", method="PATCH", body=change), 200)
        body = {"name": "Throw-away", "task_type": "classification", "model_id": "short-lived"}
        self._status(self.curl("/api/v1/models", method="POST", body=body), 201)
        self._status(self.curl("/api/v1/models/short-lived", method="DELETE"), 204)

    def benchmarks(self) -> None:
        """Two extractors on the same invoices: who is better, where, and how surely."""
        self._chapter("Two extractors on the same invoices, and a kill -9 in the middle")
        Benchmarks(
            service=self.service,
            client=self.client,
            curl=self.curl,
            console=self.console,
            assay=self._assay,
            status=self._status,
            that=self.compare.that,
        ).tell()

    def training(self) -> None:
        """Two models that are made here: of texts and of printed invoices."""
        self._chapter("A language classifier and an invoice reader, trained, tuned and pruned")
        Training(
            service=self.service,
            client=self.client,
            curl=self.curl,
            console=self.console,
            assay=self._assay,
            status=self._status,
            that=self.compare.that,
        ).tell()

    def inference(self) -> None:
        """Inputs of every kind sent to models of every kind."""
        self._chapter("Texts and images predicted and explained, an ONNX file, another client")
        Inference(
            service=self.service,
            client=self.client,
            curl=self.curl,
            console=self.console,
            assay=self._assay,
            status=self._status,
            that=self.compare.that,
        ).tell()

    def refusals(self, evaluation: Evaluation) -> None:
        """One refusal of each kind, all with the same body."""
        self._chapter("One refusal of each kind")
        summary = "/api/v1/models/digits/performance/summary"
        reader = f"Bearer {self._token('model:read')}"
        new = {"name": "x", "task_type": "classification", "model_id": "digits"}
        big = {"name": "x", "task_type": "classification", "description": "x" * 2 * MAX_BODY}
        large = self.folder / "large.json"
        large.write_text(json.dumps(big))
        report = f"/api/v1/models/{self.regression}/performance/classification-report"
        self._status(self.curl(f"{summary}?dataset_split=holdout"), 400)
        self._status(self.curl(summary, credential=""), 401)
        self._status(self.curl("/api/v1/models", method="POST", body=new, credential=reader), 403)
        self._status(self.curl("/api/v1/models/mdl-0000000000/performance/summary"), 404)
        self._status(self.curl("/api/v1/models", method="POST", body=new), 409)
        self._status(self.curl("/api/v1/models", method="POST", file=large), 413)
        self._status(self.curl(report), 422)
        self._status(self.curl("/api/v1/jobs?status=lost"), 400)
        cancel = f"/api/v1/jobs/{evaluation.job_id}:cancel"
        self._status(self.curl(cancel, method="POST", body={}), 422)
        self._status(self._too_many(reader, new), 429)

    def _too_many(self, credential: str, body: object) -> Answer:
        """Write until it is too much, silently, and show the refusal."""
        for _ in range(WRITES_PER_MINUTE + 1):
            answer = self.curl(
                "/api/v1/models", method="POST", body=body, credential=credential, quiet=True
            )
            if answer.status == 429:
                break
        answer = self.curl("/api/v1/models", method="POST", body=body, credential=credential)
        for name in ("retry-after", "x-ratelimit-limit", "x-ratelimit-remaining"):
            self.console.print(f"  {name}: {answer.headers.get(name)}")
            self.compare.that(name in answer.headers, f"a 429 has no header {name}")
        return answer

    def _status(self, answer: Answer, expected: int) -> None:
        self.compare.that(
            answer.status == expected,
            f"HTTP {answer.status} came for {expected}: {answer.text[:300]}",
        )
        if expected >= 400:
            body: Any = answer.json if answer.text.startswith("{") else {}
            self.compare.that(
                body.get("statusCode") == expected and bool(body.get("message")),
                f"the body of a {expected} is not the one that all refusals have",
            )

    def _assay(self, arguments: list[str]) -> int:
        shown = f"$ assay {shlex.join(arguments)}"
        self.console.print(shown, style="bold", markup=False, soft_wrap=True)
        done = subprocess.run(
            [sys.executable, "-m", "assay", *arguments],
            env=self.service.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        self.console.print(done.stdout + done.stderr, markup=False, end="", soft_wrap=True)
        self.console.print(f"exit code {done.returncode}", style="dim")
        return done.returncode

    def _token(self, permissions: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "assay", "token", "--permissions", permissions],
            env=self.service.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def _chapter(self, title: str) -> None:
        self.console.rule(f"[bold]{title}", align="left")

    @staticmethod
    def _csv(path: Path, **columns: Any) -> None:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
