"""The commands that show quality: the live table, the report and the plots."""

import json
import os
import re
from importlib.util import find_spec
from math import nan

import numpy as np
import pytest

from assay.cli.console import show_failure
from assay.cli.plot_data import Line, Plot, loss_plot
from assay.cli.plot_text import text_plot
from assay.client import BadInput, ServiceUnavailable
from assay.client.errors import Refusal

PNG = b"\x89PNG\r\n\x1a\n"
SQUARE = Plot(title="t", x_label="x", y_label="y", lines=(Line(points=((0, 0), (0, 1), (1, 1))),))


@pytest.fixture(scope="module")
def shown(service):
    """A binary version with scores, slices and features; returns the ids of both."""
    from assay.client import Client

    made = np.random.default_rng(2)
    truth = made.integers(0, 2, 300)
    score = np.clip(0.5 + (truth - 0.5) * 0.4 + made.normal(0, 0.25, 300), 0, 1)
    rows = {
        "y_true": np.array(["good", "b[a]d"])[truth],
        "score": score,
        "row_id": [f"row-{number}" for number in range(300)],
        "slice:site": ["east", "west", "west"] * 100,
        "feature:age": list(range(300)),
    }
    with Client(service.grpc, api_key=service.key) as client:
        model = client.models.create(
            "shown", "classification", labels=["good", "b[a]d"], positive_label="b[a]d"
        ).model_id
        version = client.versions.create(model).version_id
        client.evaluate(model, version, data=rows)
        client.versions.promote(model, version)
    return model, version


def test_metrics_are_seen_live_while_a_file_is_sent(assay, tmp_path):
    """On a terminal several metrics stand in a table while rows travel, and are gone at the end."""
    file = tmp_path / "p.csv"
    file.write_text("y_true,y_pred\n" + "yes,yes\nno,no\nno,yes\n" * 2_000)
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": ""}
    command = ("evaluate", file, "--model", "seen-live", "--create")
    done = assay(*command, **terminal)
    assert done.returncode == 0, done.stderr
    assert "so far" in done.stderr
    for metric in ("accuracy", "f1_score", "mcc"):
        assert metric in done.stderr
    assert "\x1b[2K" in done.stderr  # lines are erased
    assert "so far" not in assay(*command).stderr


def test_a_report_shows_every_part(assay, shown):
    """Without a version the promoted one is shown: intervals, classes, calibration, slices, mistakes."""
    model, version = shown
    done = assay("report", model, "--mistakes", "3")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert f"{model} {version} on test" in text
    assert "95% wilson" in text
    assert "b[a]d" in text
    assert "calibration of the positive" in text
    assert "slices by site" in text
    assert "west" in text
    assert "the 3 most confident of" in text
    assert "age=" in text


def test_a_pull_request_gets_the_report_as_markdown(assay, shown, client, fresh):
    """With --markdown the parts of a report are tables, of which the longer ones are folded."""
    model, version = shown
    text = assay("report", model, "--markdown", "--mistakes", "1").stdout
    assert text.startswith(f"### `{model}` `{version}` on test\n\n300 rows, measured ")
    assert re.search(r"^\| accuracy \| 0\.\d{4} \| 0\.\d{4} to 0\.\d{4} \|$", text, re.MULTILINE)
    assert "| `b[a]d` |" in text
    for title in ("Calibration of the positive class", "Slices by site", "The 1 most confident of"):
        assert f"<details><summary>{title}" in text
    assert text.count("</details>") == 3
    regression, version = fresh("regression")
    client.evaluate(regression, version, y_true=[1.0, 2.0], y_pred=[1.0, 2.5])
    text = assay("report", regression, "-v", version, "--markdown").stdout
    assert "Residuals, true less predicted" in text


def test_a_report_of_a_regression_shows_residuals(assay, client, fresh):
    """A regression has residuals in the place of classes."""
    model, version = fresh("regression")
    client.evaluate(model, version, y_true=[1.0, 2.0, 4.0], y_pred=[1.0, 2.5, 3.0])
    text = assay("report", model, "--version", version).stdout
    assert "residuals" in text
    assert "greatest  1.0000" in " ".join(text.split()).replace(
        "greatest 1.0000", "greatest  1.0000"
    )
    assert "classes" not in text


def test_a_report_says_what_it_cannot_show(assay, client, fresh):
    """Without scores there is no calibration, and the report says why; without rows it fails."""
    model, version = fresh()
    assert assay("report", model, "--version", version).returncode == 2
    client.evaluate(model, version, y_true=["a", "b"], y_pred=["a", "a"])
    done = assay("report", model, "--version", version)
    assert done.returncode == 0
    assert "no calibration:" in done.stdout


def test_machines_get_the_report_as_json(assay, shown):
    """With --json the report is one object with every part."""
    told = json.loads(assay("report", shown[0], "--json").stdout)
    assert told["summary"]["metrics"]["accuracy"] > 0.5
    assert told["intervals"]["intervals"]["accuracy"]["method"] == "wilson"
    assert told["absent"] == {}


@pytest.mark.parametrize(
    ("kind", "title"),
    [("roc", "ROC of"), ("pr", "average precision"), ("reliability", "ECE")],
)
def test_curves_are_drawn_in_the_terminal(assay, shown, kind, title):
    """A plot has its title, its axes and a line of braille dots; without Unicode it is of ASCII."""
    done = assay("plot", kind, shown[0], PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    assert title in done.stdout
    assert any(0x2800 < ord(letter) <= 0x28FF for letter in done.stdout)
    plain = assay("plot", kind, shown[0], PYTHONIOENCODING="ascii")
    assert plain.returncode == 0, plain.stderr
    assert "*" in plain.stdout


def test_a_curve_of_one_class_asks_for_the_class(assay, client, fresh):
    """A precision-recall curve of a model without a positive label says how to name a class."""
    model, version = fresh()
    scores = {"a": [0.7, 0.2, 0.1], "b": [0.2, 0.5, 0.3], "c": [0.1, 0.3, 0.6]}
    client.evaluate(model, version, y_true=["a", "b", "c"], scores=scores)
    done = assay("plot", "pr", model, "--version", version)
    assert done.returncode == 2
    assert "name it with --class" in done.stderr
    assert "a, b, c" in done.stderr
    assert assay("plot", "pr", model, "--version", version, "--class", "b").returncode == 0


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="the extra `plots` is not installed")
@pytest.mark.parametrize("kind", ["roc", "pr", "reliability"])
def test_curves_are_drawn_into_files(assay, shown, tmp_path, kind):
    """With --out a plot becomes a PNG file, and a name that is none is refused."""
    file = tmp_path / "plot.png"
    done = assay("plot", kind, shown[0], "--class", "b[a]d", "--out", file)
    assert done.returncode == 0, done.stderr
    assert file.read_bytes().startswith(PNG)
    assert assay("plot", kind, shown[0], "--out", tmp_path / "absent" / "p.png").returncode == 2
    assert "ends in .png" in assay("plot", kind, shown[0], "--out", "plot.jpeg").stderr


def test_a_file_needs_the_extra(assay, shown, tmp_path):
    """Without matplotlib the message names the extra to install, and the terminal still draws."""
    (tmp_path / "blind").mkdir()
    (tmp_path / "blind" / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blind:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'matplotlib':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Blind())\n"
    )
    path = os.pathsep.join(filter(None, [str(tmp_path / "blind"), os.environ.get("PYTHONPATH")]))
    done = assay("plot", "roc", shown[0], "--out", "p.png", PYTHONPATH=path)
    assert done.returncode == 2
    assert "pip install matplotlib" in done.stderr
    assert assay("plot", "roc", shown[0], PYTHONPATH=path).returncode == 0


def test_a_curve_that_is_not_there_is_refused(assay, client, fresh, shown):
    """An unknown class, a class that is needed and an undefined curve each exit with 2."""
    assert "cat" in assay("plot", "reliability", shown[0], "--class", "cat").stderr
    assert assay("plot", "roc", shown[0], "--class", "cat").returncode == 2
    model, version = fresh(labels=["a", "b"], positive_label="b")
    client.evaluate(model, version, y_true=["a", "a"], scores=[0.1, 0.2])
    done = assay("plot", "roc", model, "--version", version)
    assert done.returncode == 2
    assert "undefined" in done.stderr


def test_dots_lie_where_the_points_are():
    """A line up the left side and along the top fills these and no others."""
    lines = text_plot(SQUARE, width=4, height=3).plain.splitlines()[2:5]
    assert [line[5:] for line in lines] == ["⡏⠉⠉⠉", "⡇⠀⠀⠀", "⡇⠀⠀⠀"]
    ascii_lines = text_plot(SQUARE, width=4, height=3, braille=False).plain.splitlines()[2:5]
    assert [line[5:] for line in ascii_lines] == ["****", "*   ", "*   "]


def test_losses_are_drawn_on_axes_of_their_own():
    """Each split is a line of its own sign, epochs go from 1 to the last, losses from 0 up."""
    plot = loss_plot("Loss", train=[4.0, 2.0, 0.0], validation=[nan, 4.0, 4.0])
    lines = text_plot(plot, width=5, height=3, braille=False).plain.splitlines()
    assert lines[:3] == ["Loss", "* train  o validation", "loss"]
    assert [line[:3] + line[-1] for line in lines[3:6]] == ["4 |o", "2 | ", "  |*"]
    assert lines[3][3] == "*"
    assert lines[6:] == ["0 +-----", "  1  2  3", "   epoch"]


def test_losses_of_one_epoch_and_of_none():
    """A single epoch is a mark; without any there is nothing to draw, and the message says why."""
    assert "train" not in text_plot(loss_plot("Loss", train=[1.0], validation=[])).plain
    with pytest.raises(BadInput, match="no epoch has ended"):
        loss_plot("Loss", train=[nan], validation=[])


@pytest.mark.parametrize(("request_id", "unreached"), [("req_1", False), (None, True)])
def test_service_that_answered_is_not_called_absent(capsys, request_id, unreached):
    """A refusal with a request id came from a service: none is told to start one."""
    refusal = Refusal(message="The service's storage is full.", request_id=request_id)
    show_failure(ServiceUnavailable(refusal), "grpc://127.0.0.1:50051")
    assert ("Nothing answers" in capsys.readouterr().err) is unreached
