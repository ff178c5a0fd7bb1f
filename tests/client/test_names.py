"""Names, second runs, revisions and deletions from the shell."""

from __future__ import annotations

import json

import pytest

from assay.cli.name_lookup import _id_of
from assay.client import BadInput

GOOD = "y_true,y_pred\nyes,yes\nno,no\nyes,yes\nno,yes\n"
BAD = "y_true,y_pred\nyes,no\nno,yes\n"
TRUTH = "document_id,vendor\nd1,Müller\nd2,Weiß\n"
READ = "document_id,vendor\nd1,Müller\nd2,Weiss\n"
NEWEST_FIRST = [("a", "3"), ("b", "x"), ("a", "2"), ("a@-1", "odd"), ("c", "y"), ("c", "z")]


@pytest.fixture
def files(tmp_path):
    """Predictions that are good and bad, a ground truth and extractions of it."""
    paths = [tmp_path / name for name in ("good.csv", "bad.csv", "truth.csv", "read.csv")]
    for path, text in zip(paths, (GOOD, BAD, TRUTH, READ), strict=True):
        path.write_text(text)
    return paths


@pytest.mark.parametrize(
    ("text", "key"),
    [("a", "3"), ("b", "x"), ("a@-0", "3"), ("c@-1", "z"), ("a@-1", "odd")],
)
def test_a_name_means_the_newest_and_counts_back(text, key):
    """A name is the newest that has it, name@-1 the one before, and a whole name wins."""
    assert _id_of("benchmark", text, NEWEST_FIRST) == key


@pytest.mark.parametrize("text", ["none", "none@-1", "b@-1", "a@-2"])
def test_a_name_that_nothing_has_is_refused(text):
    """What no name means is refused, and a place that is not there says how many there are."""
    with pytest.raises(BadInput, match="There is no benchmark"):
        _id_of("benchmark", text, NEWEST_FIRST)


def test_a_taken_name_tells_the_option_that_takes_it(assay, files):
    """A dataset whose name is taken is refused with the option of the command that takes it."""
    assay("truth", "create", "taken name", files[2])
    again = assay("truth", "create", "taken name", files[2])
    assert (again.returncode, "Give --if-absent to take it" in again.stderr) == (2, True)


def test_a_nightly_block_runs_twice(assay, files):
    """Ground truth and benchmarks made by name a second time are those of the second run."""
    _, _, truth, read = files
    made = [assay("truth", "create", "nightly", truth, "--if-absent") for _ in range(2)]
    assert [one.returncode for one in made] == [0, 0], made[1].stderr
    assert made[0].stdout == made[1].stdout
    refused = assay("truth", "create", "nightly", truth)
    assert refused.returncode == 2
    assert made[0].stdout.strip() in refused.stderr
    for _ in range(2):
        done = assay("bench", "run", "nightly", read, "--name", "nightly run")
        assert done.returncode == 0, done.stderr
    listed = assay("bench", "list", "--dataset", "nightly", "--json").stdout.splitlines()
    newest, before = (json.loads(line)["benchmark_id"] for line in listed)
    compared = assay("bench", "compare", "nightly run", "nightly run@-1", "--json")
    assert compared.returncode == 0, compared.stderr
    told = json.loads(compared.stdout)["comparison"]
    assert (told["run_a"]["benchmark_id"], told["run_b"]["benchmark_id"]) == (newest, before)
    again = assay("bench", "run", "nightly", "--run", "nightly run@-1")
    assert again.returncode == 0, again.stderr


def test_what_documents_made_is_listed_and_deleted(assay, files):
    """Benchmarks, runs, datasets and schemas go by name; what depends on them is said."""
    _, _, truth, read = files
    (truth.parent / "schema.json").write_text('[{"name": "vendor", "type": "text"}]')
    assay("truth", "create", "to go", truth, "--schema", truth.parent / "schema.json")
    for _ in range(2):
        assert assay("bench", "run", "to go", read, "--name", "to go run").returncode == 0
    refused = assay("bench", "delete", "to go run@-1")
    assert refused.returncode == 2
    assert "send cascade" in refused.stderr
    assert assay("bench", "delete", "to go run@-1", "--cascade").returncode == 0
    assert assay("bench", "delete", "to go run").returncode == 0
    assert "to go run" in assay("runs", "list").stdout
    gone = assay("runs", "delete", "to go run")
    assert gone.returncode == 0, gone.stderr
    assert "with 2 extractions" in gone.stdout
    assert "to go" in assay("schemas", "list").stdout
    held = assay("schemas", "delete", "to go")
    assert (held.returncode, "RESOURCE_IN_USE" in held.stderr) == (2, True)
    deleted = assay("truth", "delete", "to go")
    assert "with 2 documents" in deleted.stdout
    assert assay("schemas", "delete", "to go").returncode == 0
    assert assay("truth", "delete", "to go").returncode == 2


def test_a_failed_gate_leaves_what_is_served(assay, client, files):
    """A promoted version keeps its numbers; its revisions are listed, served again and deleted."""
    good, bad, _, _ = files
    gate = ("-m", "gate-kept", "-v", "v1")
    first = assay("evaluate", good, *gate, "--create", "--label", "yes", "--label", "no",
                  "--positive-label", "yes", "--promote")  # fmt: skip
    assert first.returncode == 0, first.stderr
    assert list(client.models.get("gate-kept").labels) == ["yes", "no"]
    failed = assay("evaluate", bad, *gate, "-r", "accuracy>=0.6")
    assert failed.returncode == 1
    assert "Not served: the version is promoted, and a requirement does not hold" in failed.stdout
    assert client.performance.summary("gate-kept").metrics["accuracy"] == 0.75
    assert assay("evaluate", bad, *gate, "--replace").returncode == 0
    assert client.performance.summary("gate-kept").metrics["accuracy"] == 0
    lines = assay("evaluations", "list", *gate, "--json").stdout.splitlines()
    assert [json.loads(one)["is_served"] for one in lines] == [True, False, False]
    served = assay("evaluations", "serve", *gate, "--revision", "1")
    assert "revision 1 of v1 is served now" in served.stdout
    assert client.performance.summary("gate-kept").metrics["accuracy"] == 0.75
    assert "0.0000" in assay("evaluations", "show", *gate, "-n", "2").stdout
    assert assay("evaluations", "delete", *gate, "-n", "1").returncode == 2
    assert assay("evaluations", "delete", *gate, "-n", "2").returncode == 0
    assert assay("evaluations", "show", *gate).returncode == 2


def test_models_and_versions_are_changed_and_deleted(assay, client, files):
    """A promoted version stays, one with evaluations needs --cascade, and so does its model."""
    good, *_ = files
    for version in ("v1", "v2"):
        assay("evaluate", good, "-m", "short-lived", "-v", version, "--create")
    assay("promote", "v1", "-m", "short-lived")
    declared = ("--label", "no", "--label", "yes", "--positive-label", "yes")
    assert assay("models", "update", "short-lived", *declared).returncode == 0
    assert client.models.get("short-lived").positive_label == "yes"
    there = assay("models", "create", "x", "--id", "short-lived", "--if-absent")
    assert there.stdout.strip() == "short-lived"
    assert assay("models", "create", "x", "--id", "short-lived").returncode == 2
    taken = assay("versions", "create", "-m", "short-lived", "--id", "v1", "--if-absent")
    assert taken.stdout.strip() == "v1"
    for refused in (("v1", "--cascade"), ("v2",)):
        done = assay("versions", "delete", *refused, "-m", "short-lived")
        assert (done.returncode, "RESOURCE_IN_USE" in done.stderr) == (2, True)
    assert assay("versions", "delete", "v2", "-m", "short-lived", "--cascade").returncode == 0
    held = assay("models", "delete", "short-lived")
    assert held.returncode == 2
    assert "v1" in held.stderr
    assert assay("models", "delete", "short-lived", "--cascade").returncode == 0
