"""The commands that call a running service."""

import gzip
import json
import os
import signal
import subprocess
import sys
from importlib import metadata

import pytest

from assay.cli.interrupted import request
from assay.cli.name_lookup import model_id_of
from assay.client import NotFound
from tools import service as services

GOOD = "y_true,y_pred,score\nyes,yes,0.9\nno,no,0.2\nyes,yes,0.8\nno,yes,0.6\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text(GOOD)
    return path


def test_a_gate_lets_a_good_model_pass(assay, file, client):
    """A version that meets its requirements exits with 0 and, when asked, is served."""
    done = assay(
        "evaluate", file, "--model", "gate-good", "--version", "gate-good-1", "--create",
        "--require", "accuracy>=0.75", "--require", "roc_auc==1", "--promote",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pass  accuracy>=0.75" in done.stdout
    assert "promoted gate-good-1" in done.stdout
    assert client.performance.summary("gate-good").version_id == "gate-good-1"


def test_a_gate_stops_a_bad_model(assay, file, client):
    """A requirement that does not hold exits with 1, says by how much, and promotes nothing."""
    done = assay(
        "evaluate", file, "--model", "gate-bad", "--version", "gate-bad-1", "--create",
        "--require", "accuracy>=0.76", "--promote",
    )  # fmt: skip
    assert done.returncode == 1
    assert "FAIL  accuracy>=0.76" in done.stdout
    assert "is 0.75" in done.stdout
    assert client.models.get("gate-bad").promoted_version_id is None


@pytest.mark.parametrize(
    ("required", "told"),
    [
        ("acuracy>=0.9", "did you mean 'accuracy'?"),
        ("f1>=0.3", "did you mean 'f1_score'?"),
        ("rmse<=1", "A classification has no metric 'rmse'"),
    ],
)
def test_a_mistyped_metric_is_wrong_usage(assay, file, client, required, told):
    """A requirement of a metric that there is none of exits with 2 before anything is sent."""
    done = assay("evaluate", file, "-m", "mistyped", "-v", "v1", "--create", "-r", required)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "mistyped" not in {one.model_id for one in client.models.list()}


def test_a_gate_against_the_promoted_version(assay, file, client, tmp_path):
    """--max-drop against what is served passes a small fall, stops a large one and a first promotes."""
    gate = ("-m", "against", "--create", "--baseline", "promoted", "--promote")
    first = assay("evaluate", file, "-v", "a1", *gate, "--max-drop", "roc_auc=0.01")
    assert first.returncode == 0, first.stderr
    assert "No version is promoted yet" in first.stderr
    worse = tmp_path / "worse.csv"
    worse.write_text(GOOD.replace("no,no,0.2", "no,yes,0.85"))
    done = assay("evaluate", worse, "-v", "a2", *gate, "--max-drop", "roc_auc=0.01")
    assert done.returncode == 1
    assert "FAIL  max drop roc_auc=0.01" in done.stdout
    assert client.models.get("against").promoted_version_id == "a1"
    kept = assay("evaluate", worse, "-v", "a2", *gate, "--max-drop", "roc_auc=0.5")
    assert "pass  max drop roc_auc=0.5" in kept.stdout
    assert client.models.get("against").promoted_version_id == "a2"
    back = assay("compare", "against", "promoted", "a1", "--max-drop", "log_loss=0")
    assert back.returncode == 0, back.stdout + back.stderr
    ahead = assay("compare", "against", "a1", "promoted", "--max-drop", "log_loss=0.001")
    assert ahead.returncode == 1
    for wrong in ("roc_auc", "roc=0.1", "ece_signed=0.1", "roc_auc=-1"):
        assert assay("compare", "against", "a1", "a2", "--max-drop", wrong).returncode == 2
    assert (
        assay("evaluate", file, "-v", "a1", "-m", "against", "--max-drop", "mcc=1").returncode == 2
    )


def test_a_step_summary_gets_the_verdict(assay, file, tmp_path):
    """Where GitHub Actions names a summary, verdicts and metrics are appended to it as Markdown."""
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    gate = ("-m", "summary", "-v", "s1", "--create", "-r", "accuracy>=0.99")
    assert assay("evaluate", file, *gate, GITHUB_STEP_SUMMARY=str(page)).returncode == 1
    text = page.read_text()
    assert text.startswith("before\n### Evaluation of `summary` `s1` on test")
    assert "- ❌ FAIL `accuracy>=0.99` `is 0.75`" in text
    assert "| accuracy | 0.7500 |" in text


def test_machines_get_json(assay, file):
    """With --json one object says whether all requirements hold, with every number."""
    done = assay("evaluate", file, "--model", "gate-json", "--create", "--json", "-r", "mcc>=0.99")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["passed"] is False
    assert told["requirements"][0]["metric"] == "mcc"
    assert told["evaluation"]["metrics"]["accuracy"] == 0.75
    assert told["evaluation"]["rows"] == 4


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("y_true,y_pred\nyes,yes\n", ["--require", "accuracy"], "is no requirement"),
        ("y_true,score\nyes,much\n", [], "row 0 (line 2), column score"),
        ("y_true,score\nyes,1.5\nno,0.2\n", [], "BAD_PREDICTIONS"),
        ("y_pred\nyes\n", [], "y_true"),
        ("y_true,y_pred\nyes,yes\n", ["--split", "holdout"], "holdout"),
        ("", [], "The file is empty"),
        ("y_true,y_pred\n", [], "no rows"),
    ],
)
def test_wrong_input_exits_with_2(assay, tmp_path, text, options, told):
    """What the caller has to mend exits with 2 and says what it is, without a traceback."""
    file = tmp_path / "p.csv"
    file.write_text(text)
    done = assay("evaluate", file, "--model", "wrong-input", "--create", *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


OPEN_QUOTE = b'y_true,y_pred,feature:note\nok,ok,"fine\nbad,ok,x\nbad,ok,y\nbad,ok,z\n'
TWICE = b"y_true,y_pred,feature:a,feature:a\n1,1,2,3\n0,0,2,3\n"


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("p.csv", OPEN_QUOTE, "line 2"),
        ("p.csv", TWICE, "column feature:a: it occurs twice; each column occurs once."),
        ("p.csv", b"y_true,y_pred\n1,1.0\n0,0.0\n", "the label '1.0' is '1' in another notation"),
        ("p.csv", b"y_true,y_pred\n1,1\nnan,0\n", "row 1 (line 3), column y_true"),
        ("p.csv", b"y_true,y_pred\n1.5,2.5\n2.5,3\n3,1.5\n", "--task regression"),
        ("p.csv", b"y_true,score\ncat,0.5\ndog,0.1\n", "--positive-label"),
    ],
)
def test_a_file_that_misleads_is_refused_and_nothing_stays(
    assay, client, tmp_path, name, data, told
):
    """What no evaluation means exits with 2 and its place; a model made for it goes again."""
    file = tmp_path / name
    file.write_bytes(data)
    done = assay("evaluate", file, "--model", "misled", "-v", "m-1", "--create", "--promote")
    assert done.returncode == 2
    assert told in done.stderr
    with pytest.raises(NotFound):
        client.models.get("misled")


def test_every_text_format_is_read_alike(assay, tmp_path):
    """JSON Lines, tabs, semicolons and packed files give the numbers of the CSV file."""
    lines = GOOD.splitlines()
    keys = lines[0].split(",")
    objects = [dict(zip(keys, line.split(","), strict=True)) for line in lines[1:]]
    rows = "".join(json.dumps({**one, "score": float(one["score"])}) + "\n" for one in objects)
    files = {
        "a.csv": GOOD.encode(),
        "b.csv.gz": gzip.compress(GOOD.encode()),
        "c.tsv": GOOD.replace(",", "\t").encode(),
        "d.csv": GOOD.replace(",", ";").replace("\n", "\r").encode(),
        "e.jsonl": rows.encode(),
        "f.ndjson.gz": gzip.compress(rows.encode()),
    }
    hashes = set()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        done = assay(
            "evaluate", tmp_path / name, "-m", "alike", "-v", "alike-1", "--create", "--json"
        )
        assert done.returncode == 0, done.stderr
        hashes.add(json.loads(done.stdout)["evaluation"]["result_hash"])
    assert len(hashes) == 1


def test_labels_are_printed_as_they_are(assay, tmp_path):
    """Labels between colons are no emoji, in a report and in a refusal."""
    file = tmp_path / "p.csv"
    file.write_text("y_true,y_pred\n:red_heart:,:red_heart:\n:x:,:red_heart:\n")
    done = assay("evaluate", file, "-m", "colons", "-v", "colons-1", "--create")
    assert ":red_heart:" in done.stdout
    assert ":x:" in done.stdout


def test_labels_that_differ_by_case_are_told(assay, tmp_path):
    """Labels in two cases are two labels, and the report says so."""
    file = tmp_path / "p.csv"
    file.write_text("y_true,y_pred\ncat,Cat\nCat,cat\n")
    done = assay("evaluate", file, "-m", "cases", "-v", "cases-1", "--create")
    assert "Labels that differ by case alone: Cat, cat." in done.stdout


def test_labels_are_declared_afterwards(assay, file, client):
    """The labels of a model are declared later by the command that a report advises."""
    done = assay("evaluate", file, "-m", "later", "-v", "later-1", "--create")
    assert "assay models update" in done.stdout
    told = assay("models", "update", "later", "--label", "yes", "--label", "no")
    assert told.returncode == 0, told.stderr
    assert client.models.get("later").labels == ("yes", "no")
    done = assay("evaluate", file, "-m", "later", "-v", "later-1")
    assert "inferred" not in done.stdout


def test_an_unknown_model_exits_with_2(assay, file):
    """Without --create a model that does not exist is wrong input."""
    done = assay("evaluate", file, "--model", "mdl-absent", "--version", "ver-absent")
    assert done.returncode == 2
    assert "NOT_FOUND: There is no model 'mdl-absent'" in done.stderr
    assert assay("evaluate", file, "--model", "mdl-absent").returncode == 2
    assert assay("evaluate").returncode == 2


def test_a_service_that_is_away_exits_with_3(assay):
    """A service that does not answer exits with 3 and says where it was looked for."""
    done = assay("models", "list", "--url", "127.0.0.1:1", ASSAY_TIMEOUT_SECONDS="1")
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr
    assert "assay up" in done.stderr


def test_wrong_credentials_exit_with_4(assay):
    """A credential that does not hold exits with 4, which trying again does not mend."""
    refused = assay("models", "list", "--api-key", "no.such-key-0123456789")
    assert refused.returncode == 4
    assert "UNAUTHENTICATED" in refused.stderr
    assert "request id: " in refused.stderr


def test_a_caller_over_the_rate_exits_with_5(assay, tmp_path):
    """Over the rate limit a command exits with 5 and says when to come back."""
    running = services.start(tmp_path, ASSAY_RATE_READ_PER_MINUTE="1")
    here = {"ASSAY_URL": f"grpc://{running.grpc}", "ASSAY_API_KEY": running.key}
    codes = [assay("models", "list", **here) for _ in range(3)]
    assert running.stop() == []
    assert codes[-1].returncode == 5
    assert "retry after" in codes[-1].stderr


def test_the_version_is_shown(assay):
    """`assay --version` prints one line and leaves with 0."""
    done = assay("--version")
    assert (done.returncode, done.stdout) == (0, f"assay {metadata.version('assay-quality')}\n")


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (("models", "list", "--api-key", "no.such-key-0123456789"), 4, "UNAUTHENTICATED"),
        (("models", "list", "--url", "127.0.0.1:1"), 3, "UNAVAILABLE"),
        (("models", "list", "--url", "ftp://x"), 2, "INVALID_ARGUMENT"),
        (("evaluate", "absent.csv", "-m", "m", "-v", "v"), 2, None),
        (("evaluate",), 2, "INVALID_ARGUMENT"),
        (("jobs", "list", "--status", "lost"), 2, "INVALID_VALUE"),
    ],
)
def test_failures_are_json_for_machines(assay, command, code, reason):
    """With --json a failure is one line of JSON on standard error, and the other stream is empty."""
    done = assay(*command, "--json")
    told = json.loads(done.stderr)["error"]
    assert (done.returncode, done.stdout, told["exit_code"]) == (code, "", code)
    assert told["message"]
    assert reason in {None, told["reason"]}


def test_ids_are_whole_in_pipes(assay, client, fresh):
    """A listing that is piped, however narrow the terminal was said to be, cuts no id."""
    model, version = fresh()
    job = client.evaluate(model, version, y_true=["a"], y_pred=["a"]).job_id
    assert job in assay("jobs", "list", "-n", "500", COLUMNS="40").stdout


def test_models_and_versions_are_made_and_listed(assay, tmp_path):
    """Creating prints the id alone, so that a script can take it."""
    model = assay("models", "create", "From the shell", "--label", "a", "--label", "b")
    assert model.stdout.startswith("mdl-")
    name = model.stdout.strip()
    version = assay("versions", "create", "--model", name, "--algorithm", "tree").stdout.strip()
    assert version.startswith("ver-")
    assert "From the shell" in assay("models", "list").stdout
    listed = json.loads(assay("versions", "list", "--model", name, "--json").stdout)
    assert (listed["version_id"], listed["algorithm"]) == (version, "tree")
    served = tmp_path / "served.json"
    served.write_text(
        '{"endpoint": "127.0.0.1:1", "protocol": "oip-v2-grpc", "model_name": "m", "output": "p",'
        ' "inputs": [{"name": "t", "datatype": "BYTES", "content": "text"}], "labels": ["a", "b"]}'
    )
    refused = assay("versions", "create", "--model", name, "--remote", served)
    assert refused.returncode == 2
    assert "ADDRESS_NOT_ALLOWED" in refused.stderr  # so it was sent
    early = assay("promote", version, "--model", name)
    assert early.returncode == 2
    assert "VERSION_NOT_READY" in early.stderr


def test_a_model_is_made_with_a_project_path(assay, client):
    """A project path is given when a model is made, kept with its spaces, and changed later."""
    path = "shell/fs/Instabase Drive/Paystubs"
    made = assay("models", "create", "With a path", "--path", path, "--tag", "shell").stdout.strip()
    assert client.models.get(made).tags == ("shell",)
    assert [one.model_id for one in client.models.list(project_path=path)] == [made]
    assert model_id_of(client, path) == model_id_of(client, made) == made
    assert path in assay("models", "list").stdout
    taken = assay("models", "create", "Again", "--path", path)
    assert taken.returncode == 2
    assert path in taken.stderr.replace("\n", "")
    assert assay("models", "update", made, "--path", "").returncode == 0
    assert client.models.get(made).project_path is None


def test_a_key_works_until_it_is_revoked(assay):
    """A key is shown once, does what it may and no more, and is listed without its secret."""
    made = assay("keys", "create", "shell", "-p", "model:read", "--days", "1")
    secret = made.stdout.strip()
    prefix = secret.partition(".")[0]
    assert assay("models", "list", "--api-key", secret).returncode == 0
    denied = assay("models", "create", "x", "--api-key", secret)
    assert denied.returncode == 4
    assert "PERMISSION_DENIED" in denied.stderr
    assert assay("keys", "revoke", prefix).returncode == 0
    listed = assay("keys", "list").stdout
    assert secret not in listed
    assert any(prefix in line and "revoked" in line for line in listed.splitlines())


def test_a_development_token_is_trusted(assay):
    """A token signed by the data folder's key works, with the permissions that it names."""
    token = assay("token", "--permissions", "model:read", "--ttl", "60").stdout.strip()
    assert token.count(".") == 2
    as_token = {"ASSAY_API_KEY": "", "ASSAY_TOKEN": token}
    assert assay("models", "list", **as_token).returncode == 0
    assert "model:write" in assay("models", "create", "x", **as_token).stderr


def test_a_job_is_watched_to_its_end(assay, client, fresh):
    """Watching a job prints its states and exits with 0 only if it succeeded."""
    model, version = fresh()
    done = client.evaluate(model, version, y_true=["a", "b"], y_pred=["a", "a"])
    watched = assay("watch", done.job_id)
    assert watched.returncode == 0
    assert [line.split()[2] for line in watched.stdout.splitlines()] == [
        "open", "queued", "running", "succeeded",
    ]  # fmt: skip
    lines = [json.loads(line) for line in assay("watch", done.job_id, "--json").stdout.splitlines()]
    assert [line["sequence"] for line in lines if "sequence" in line] == [1, 2, 3, 4]
    assert assay("watch", "no-such-job").returncode == 2


def test_jobs_are_listed_shown_and_canceled(assay, client, file):
    """Jobs are listed with filters and as JSON, one is shown, and one that ended is not canceled."""
    client.models.create("Jobs", "classification", model_id="jobs")
    version = client.versions.create("jobs").version_id
    done = client.evaluate("jobs", version, y_true=["a", "b"], y_pred=["a", "a"])
    (listed,) = client.jobs.list(resource_id=done.evaluation_id, status=["succeeded", "failed"])
    assert listed.job_id == done.job_id
    told = assay("jobs", "list", "--resource", done.evaluation_id, "--json")
    assert json.loads(told.stdout)["job_id"] == done.job_id
    assert done.job_id in assay("jobs", "list", "--kind", "evaluation", "-n", "500").stdout
    shown = assay("jobs", "show", done.job_id)
    assert "succeeded" in shown.stdout
    assert "attempt 1 of 3" in shown.stdout
    refused = assay("jobs", "cancel", done.job_id)
    assert refused.returncode == 2
    assert "JOB_NOT_CANCELABLE" in refused.stderr
    wrong = assay("jobs", "list", "--status", "lost")
    assert (wrong.returncode, "timed_out" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_evaluation_is_taken_up_again(service, client, tmp_path, assay, number):
    """An interrupt while a job waits says how to go on, and the same command takes the job up."""
    rows = "".join(f"{one},{one}\n" for one in ("yes", "no") * 200_000)
    (tmp_path / "long.csv").write_text("y_true,y_pred\n" + rows)
    name = f"interrupted-{number}"
    command = ("evaluate", "long.csv", "-m", name, "-v", "v1", "--create")
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", *command], cwd=tmp_path, text=True,
        env={**service.environment(), "NO_COLOR": "1"}, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert "created model" in process.stderr.readline()
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert "The same command" in told or "the same command" in told
    assert "Traceback" not in told
    again = assay(*command)
    assert again.returncode == 0, again.stderr
    assert len(list(client.evaluations.list(name, "v1"))) <= 2


def test_an_interrupted_import_leaves_no_empty_dataset(service, client, tmp_path):
    """An interrupt while documents are stored takes the dataset back, whose name is free again."""
    line = '{{"document_id": "d{0}", "expected_data": {{"vendor": "V {0}", "total": "{0}.50"}}}}\n'
    (tmp_path / "long.jsonl").write_text("".join(line.format(one) for one in range(50_000)))
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", "truth", "create", "cut-short", "long.jsonl"],
        cwd=tmp_path, text=True, env={**service.environment(), "NO_COLOR": "1"},
        stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        while process.poll() is None:
            if any(one.name == "cut-short" for one in client.ground_truth.list()):
                process.send_signal(signal.SIGINT)
                break
        _, told = process.communicate(timeout=60)
    assert (process.returncode, "cut-short is deleted again" in told) == (130, True)
    assert "cut-short" not in {one.name for one in client.ground_truth.list()}


def test_a_rerun_takes_up_what_has_not_ended(client, fresh, tmp_path):
    """The id of a request stays the same until its evaluation has ended, or the file has changed."""
    model, version = fresh()
    file = tmp_path / "p.csv"
    file.write_text(GOOD)
    first = request(client, file, model, version, "test").request_id
    assert request(client, file, model, version, "test").request_id == first
    done = client.evaluate(model, version, "test", file, request_id=first)
    assert client.evaluate(model, version, "test", file, request_id=first) == done
    later = request(client, file, model, version, "test").request_id
    assert later != first
    file.write_text(GOOD + "no,no,0.1\n")
    assert request(client, file, model, version, "test").request_id not in {first, later}
    assert request(client, tmp_path / "absent.csv", model, version, "test").request_id == ""


def test_a_pipe_that_nobody_reads_exits_with_141(service, fresh):
    """A command whose reader is gone, as behind `head`, does not end as one whose gate does not hold."""
    fresh()
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "assay", "models", "list"]
    streams = {"stdout": writing, "stderr": subprocess.PIPE, "env": service.environment()}
    running = [subprocess.Popen([*command, *more], **streams) for more in ([], ["--json"])]
    os.close(writing)
    assert [one.communicate()[1] for one in running] == [b"", b""]
    assert [one.returncode for one in running] == [141, 141]
