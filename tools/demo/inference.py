"""The demo's chapter of inference: texts and images explained, a file of ONNX, and another client."""

from __future__ import annotations

import base64
import io
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from skl2onnx import to_onnx
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.client import Client
from tools.demo.curl import Answer, Curl
from tools.demo.invoices import json_lines
from tools.demo.training import LANGUAGES_PATH
from tools.environments import python_environment
from tools.service import Service

IMAGES_PATH = "demo/my-repo/fs/Instabase Drive/WrittenDigits"
IMAGES = 400
PIXELS = 32  # of a side; the data set has 8
JOBS, RESULTS, MODELS = "/api/jobs", "/api/results", "/api/models"
SDK_CALLS = Path(__file__).with_name("modzy_sdk.py")
GERMAN = "Der Hund läuft durch den Wald und sucht seinen Ball."
DANISH = "Hunden løber gennem skoven og leder efter sin bold."


@dataclass(kw_only=True)
class Inference:
    """What is predicted in the demo."""

    service: Service
    client: Client
    curl: Curl
    console: Console
    assay: Callable[[list[str]], int]
    status: Callable[[Answer, int], None]
    that: Callable[[bool, str], None]

    def tell(self) -> None:
        """Tell everything."""
        languages = next(iter(self.client.models.list(project_path=LANGUAGES_PATH))).model_id
        self.client.models.update(languages, tags=["languages"])
        job = self._texts(languages)
        self._read(job)
        self._chunks(languages)
        images, png = self._images()
        self._onnx()
        self._catalogue(languages)
        self._other_client(languages, images, png)

    def _texts(self, model: str) -> str:
        """Texts by the documented route, explained; one input is called wrongly and fails alone."""
        sources = {
            "german": {"input.txt": GERMAN},
            "danish": {"input.txt": DANISH},
            "misnamed": {"letter.txt": GERMAN},
        }
        body = {
            "model": {"identifier": model, "version": ""},
            "explain": True,
            "input": {"type": "text", "sources": sources},
        }
        made = self.curl(JOBS, method="POST", body=body)
        self.status(made, 202)
        job = str(made.json["jobIdentifier"])
        watched = self.curl(f"{RESULTS}/{job}:watch")
        self.status(watched, 200)
        self.that(watched.text.count("event: result") == 3, "an input was told twice, or never")
        answer = self.curl(f"{RESULTS}/{job}")
        self.status(answer, 200)
        found = answer.json
        self.that(found["finished"] and found["failed"] == 1, "the misnamed input did not fail")
        for name, label in (("german", "de"), ("danish", "da")):
            first = found["results"][name]["results.json"]["result"]["classPredictions"][0]
            self.that(first["class"] == label, f"the {name} text was taken for {first['class']}")
        self._does(["infer", LANGUAGES_PATH, "--text", GERMAN, "--text", DANISH, "--explain"])
        return job

    def _read(self, job: str) -> None:
        """Every other route of jobs and results, by curl."""
        for path in (
            f"{JOBS}/{job}", JOBS, f"{JOBS}/features", f"{JOBS}/history?per-page=2&sort-by=createdAt",
            f"{JOBS}/history/{job}", f"{JOBS}/statistics",
            f"{JOBS}/statistics/{self.service.key.partition('.')[0]}",
            f"{RESULTS}/{job}/german", f"{RESULTS}/{job}/datasource/danish",
            f"{RESULTS}/{job}/german/results.json",
            f"{RESULTS}/{job}/datasource/danish/output/results.json",
        ):  # fmt: skip  # a list
            self.status(self.curl(path), 200)
        for method, vote in (
            ("POST", "upvote"),
            ("POST", "downvote"),
            ("GET", "vote"),
            ("DELETE", "vote"),
        ):
            voted = self.curl(f"{RESULTS}/{job}/{vote}/german", method=method)
            self.status(voted, 200)

    def _chunks(self, model: str) -> None:
        """A file in two chunks, cut inside a letter, and rows of a table beside it."""
        opened = self.curl(JOBS, method="POST", body={"model": {"identifier": model}})
        self.status(opened, 202)
        job = str(opened.json["jobIdentifier"])
        text = f"{GERMAN} Es ist schön, wenn er ihn findet und glücklich bellt.".encode()
        cut = text.index("ö".encode()) + 1
        for number, part in enumerate((text[:cut], text[cut:])):
            file = self._file(f"chunk-{number}", part)
            path = f"{JOBS}/{job}/letter/input.txt"
            chunk = self.curl(
                path, method="POST", file=file, content_type="application/octet-stream"
            )
            self.status(chunk, 200)
        rows = self._file("more.jsonl", json_lines(iter([{"row_id": "row-1", "text": DANISH}])))
        added = self.curl(
            f"{JOBS}/{job}/rows", method="POST", file=rows, content_type="application/x-ndjson"
        )
        self.status(added, 200)
        self.status(self.curl(f"{JOBS}/{job}/close", method="POST", body={}), 200)
        labels = {one.input_name: one.label for one in self.client.inference.watch(job)}
        self.that(labels == {"letter": "de", "row-1": "da"}, f"chunks gave {labels}")
        unused = self.curl(JOBS, method="POST", body={"model": {"identifier": model}}, quiet=True)
        canceled = self.curl(f"{JOBS}/{unused.json['jobIdentifier']}", method="DELETE")
        self.status(canceled, 200)
        self.status(self.curl(JOBS, method="DELETE"), 200)

    def _images(self) -> tuple[str, bytes]:
        """Train a model of written digits, and draw what moved a prediction as a picture."""
        images, labels = datasets.load_digits(return_X_y=True)
        rows = [
            {
                "row_id": str(number),
                "image": base64.b64encode(_png(images[number])).decode(),
                "label": str(labels[number]),
            }
            for number in range(IMAGES)
        ]
        dataset = self.client.datasets.create("Written digits", "image_classification")
        train = self._file("digits.jsonl", json_lines(iter(rows)))
        self._does(["datasets", "upload", "Written digits", "train", str(train)])
        self._does(["models", "create", "WrittenDigits", "--path", IMAGES_PATH])
        job = self.client.training.train(
            IMAGES_PATH, dataset.dataset_id, hyperparams={"num_train_epochs": 10}
        )
        self.client.versions.promote(job.model_id, job.version_id)
        png, label = _png(images[IMAGES]), str(labels[IMAGES])
        file, masks = self._file("digit.png", png), self.service.data_dir / "masks"
        self._does(["infer", IMAGES_PATH, str(file), "--png", str(masks)])
        drawn = list(masks.glob("digit.*.png"))
        self.that(len(drawn) == 1, "no picture of a mask was drawn")
        self.that(drawn[0].name == f"digit.{label}.png", f"the digit {label} was not recognised")
        return job.model_id, png

    def _onnx(self) -> None:
        """A scikit-learn model as an ONNX file: uploaded, checked, and run as any version."""
        rows, labels = datasets.load_iris(return_X_y=True, as_frame=True)
        train, test, known, true = train_test_split(rows, labels.astype(str), random_state=0)
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train.values, known)
        converted = to_onnx(model, train.values[:1].astype(np.float32), options={"zipmap": False})
        file = self._file("iris.onnx", converted.SerializeToString())
        made = self.client.models.create("Iris", "classification", labels=["0", "1", "2"])
        names = list(rows.columns)
        version = self.client.versions.upload_onnx(
            made.model_id, file, label="onnx", features=names, task_type="tabular_classification"
        )
        body = self.curl(
            f"/api/v1/models/{made.model_id}/versions:onnx?task_type=tabular_classification"
            + "".join(f"&features={name.replace(' ', '%20')}" for name in names),
            method="POST",
            file=file,
            content_type="application/x-onnx",
        )
        self.status(body, 201)
        inputs = {str(at): dict(row) for at, row in test.astype(float).iterrows()}
        results = self.client.infer(made.model_id, inputs, version=version.version_id)
        found = {one.input_name: one.label for one in results}
        expected = dict(zip(inputs, model.predict(test.values), strict=True))
        self.that(found == expected, "the ONNX version predicts otherwise than scikit-learn")
        right = sum(found[name] == value for name, value in zip(inputs, true, strict=True))
        self.console.print(
            f"the ONNX version says what scikit-learn says of {len(found)} flowers; {right} right"
        )

    def _catalogue(self, model: str) -> None:
        """Every route of the catalogue of models, by curl."""
        one = f"{MODELS}/{model}"
        version = f"{one}/versions/1.0.0"
        for path in (
            f"{MODELS}?name=langu&per-page=2", f"{MODELS}/latest?per-page=2", one, f"{one}/versions",
            version, f"{one}/related-models", f"{MODELS}/tags", f"{MODELS}/tags/languages",
            f"{MODELS}/requirements/account", f"{MODELS}/processing-engines",
            "/api/resources/processing/engines", "/api/resources/processing/models",
        ):  # fmt: skip  # a list
            self.status(self.curl(path), 200)
        for sample in ("sample-input", "sample-output"):
            found = self.curl(f"{version}/{sample}")
            self.status(found, 200)
            self.status(self.curl(f"{version}/{sample}", method="PUT", body=found.json), 200)
        engines = {"minimumParallelCapacity": 0, "maximumParallelCapacity": 1}
        self.status(self.curl(version, method="PATCH", body={"processing": engines}), 200)
        self.status(self.curl(f"{version}/processing", method="PATCH", body=engines), 200)

    def _other_client(self, texts: str, images: str, png: bytes) -> None:
        """modzy-sdk in an environment of its own, unchanged, makes every call that it has."""
        given = {
            "url": f"{self.service.rest}/api",
            "key": self.service.key,
            "text": {"model": texts, "version": "1.0.0"},
            "image": {"model": images, "version": "1.0.0", "png": base64.b64encode(png).decode()},
        }
        done = subprocess.run(
            [str(python_environment("modzy_sdk")), str(SDK_CALLS)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
        )
        self.that(done.returncode == 0, f"modzy-sdk failed: {done.stderr[-500:]}")
        if done.returncode == 0:
            told: Mapping[str, Any] = json.loads(done.stdout)
            result = told["text"]["result"]
            self.console.print(
                f"modzy-sdk: {result['completed']} texts predicted, {result['failed']} failed, "
                f"{len(told['models']['all'])} models and {len(told['tags']['all'])} tags seen"
            )

    def _file(self, name: str, data: bytes) -> Path:
        path = self.service.data_dir / name
        path.write_bytes(data)
        return path

    def _does(self, command: list[str]) -> None:
        done = self.assay(command)
        self.that(done == 0, f"`assay {' '.join(command[:2])}` left with {done}")


def _png(digit: Any) -> bytes:
    """Return a digit of 8 × 8 levels up to 16 as a PNG."""
    levels = (np.asarray(digit).reshape(8, 8) * 15.9).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(levels).resize((PIXELS, PIXELS)).save(data, "PNG")
    return data.getvalue()
