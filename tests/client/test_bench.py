"""`assay truth` and `assay bench`: ground truth, benchmarks, gates and reports from the shell."""

from __future__ import annotations

import json
import re

import pytest

from assay.cli.bench_gate import FIELD_METRIC, BenchmarkGate, holm
from assay.cli.markdown import code
from assay.cli.requirement import Requirement
from tests.fixtures.client import COUNT, sent
from tools.demo.extractors import CANDIDATE, PRODUCTION, as_json_lines
from tools.demo.invoices import SCHEMA, ground_truth

TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": ""}
TRUTH = 'document_id,vendor,total\nd1,Müller,12.50\nd2,Weiß,"1,000.00"\nd3,Åkesson,7\n'
READ = "document_id,vendor,total\nd1,MÜLLER,12.5\nd2,Weiss & Co,1000\nd3,,7.00\n"


@pytest.fixture
def files(tmp_path):
    """A small ground truth and what was read, as CSV."""
    truth, read = tmp_path / "truth.csv", tmp_path / "read.csv"
    truth.write_text(TRUTH)
    read.write_text(READ)
    return truth, read


@pytest.fixture(scope="module")
def ids(reports):
    """The benchmarks of the candidate and of what is in production."""
    return [reports[one.name].benchmark.benchmark_id for one in (CANDIDATE, PRODUCTION)]


def test_three_commands_lead_from_files_to_a_comparison(assay, tmp_path, readings):
    """Ground truth, a benchmark each, and a comparison: files in, who is better out."""
    documents, read = readings
    (tmp_path / "truth.jsonl").write_bytes(ground_truth(documents))
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    made = assay("truth", "create", "three", "truth.jsonl", "--schema", "schema.json")
    assert made.returncode == 0, made.stderr
    assert f"{COUNT} documents imported, 0 left out" in made.stderr
    assert made.stdout.strip() in assay("truth", "list").stdout
    for name, file in ((PRODUCTION.name, "old.jsonl"), (CANDIDATE.name, "new.jsonl")):
        (tmp_path / file).write_bytes(as_json_lines(read[name]))
        done = assay("bench", "run", "three", file, "--name", f"three {name}")
        assert done.returncode == 0, done.stderr
        assert f"in {COUNT} documents ({len(sent(read[name]))} read" in done.stdout
        assert f"{COUNT}/{COUNT} documents" in done.stderr
    found = assay("bench", "compare", f"three {CANDIDATE.name}", f"three {PRODUCTION.name}")
    assert found.returncode == 0, found.stderr
    assert f"three {CANDIDATE.name} is better by" in found.stdout
    listed = assay("bench", "list", "--dataset", "three", "--status", "completed").stdout
    assert f"three {CANDIDATE.name}" in listed


def test_a_table_shows_each_field_by_both_tracks(assay, files):
    """The table has a line a field: right of all, both accuracies, precision, recall, outcomes."""
    truth, read = files
    assert assay("truth", "create", "small", truth).returncode == 0
    done = assay("bench", "run", "small", read)
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
    assert lines["vendor"] == ["1/3", "0.3333", "0.0000", "0.5000", "0.3333", "1", "–", "1", "–"]
    assert lines["total"] == ["3/3", "1.0000", "0.0000", "1.0000", "1.0000", "–", "–", "–", "–"]
    assert "The fields were inferred from the ground truth" in done.stdout


def test_fields_are_seen_live_on_a_terminal(assay, files):
    """On a terminal a table of the fields so far is drawn, and gone at the end."""
    truth, read = files
    assay("truth", "create", "live table", truth)
    done = assay("bench", "run", "live table", read, **TERMINAL)
    assert done.returncode == 0, done.stderr
    assert "comparing" in done.stderr
    assert "vendor" in done.stderr
    assert "\x1b[2K" in done.stderr  # lines are erased
    assert done.stderr.count("all fields") >= 1


def test_a_gate_of_a_benchmark(assay, ids):
    """Requirements of all fields, of one, and of a measure of one decide the exit code."""
    good = ("-r", "accuracy_overall>=0.9", "-r", "total_amount>0.9", "-r", "due_date:recall>0.5")
    done = assay("bench", "watch", ids[0], *good, "-r", "line_items[].amount:invented_rate==0")
    assert "undefined: NOTHING_ABSENT" in done.stdout
    assert done.returncode == 1
    assert done.stdout.count("pass") == 3
    assert assay("bench", "watch", ids[0], *good).returncode == 0
    unknown = assay("bench", "watch", ids[0], "-r", "totl>=0.9")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "There is no field or measure 'totl'" in unknown.stderr
    assert "total_amount" in unknown.stderr
    assert assay("bench", "watch", ids[0], "-r", "accuracy").returncode == 2


def test_a_regression_in_one_field_stops_the_gate(assay, ids):
    """A run that is better over all fields and worse in one by more than chance is stopped."""
    done = assay("bench", "compare", *ids, "-r", "accuracy_overall>=0.9", "--no-regression")
    assert done.returncode == 1
    assert "pass  accuracy_overall>=0.9" in done.stdout
    assert re.search(
        r"FAIL  no regression invoice_date +-0\.\d+, \d+ documents broken", done.stdout
    )
    assert done.stdout.count("FAIL") == 1
    strict = assay("bench", "compare", *ids, "--no-regression", "--alpha", "1e-9")
    assert strict.returncode == 0, strict.stdout
    assert "no regression in 19 fields" in strict.stdout
    back = assay("bench", "compare", *reversed(ids), "--no-regression", "--alpha", "1e-9")
    assert back.returncode == 1
    assert "FAIL  no regression overall" in back.stdout
    assert assay("bench", "compare", *reversed(ids)).returncode == 0  # nothing is required


def test_a_mistyped_field_is_found_before_anything_is_sent(assay, client, files):
    """A requirement of a field that there is none of exits with 2, and no run is made."""
    truth, read = files
    assay("truth", "create", "mistyped field", truth)
    done = assay("bench", "run", "mistyped field", read, "--name", "mistyped", "-r", "totl>=0.5")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'total'?" in done.stderr
    assert "mistyped" not in {one.name for one in client.extraction_runs.list()}


def test_few_documents_hide_no_fall(assay, files):
    """Of three documents no test sees a field that fell to nothing: it is said, and --max-drop stops it."""
    truth, read = files
    worse = read.with_name("worse.csv")
    worse.write_text("document_id,vendor,total\nd1,MÜLLER,1\nd2,Weiss & Co,2\nd3,,3\n")
    assay("truth", "create", "few documents", truth)
    for name, file in (("few before", read), ("few after", worse)):
        assert assay("bench", "run", "few documents", file, "--name", name).returncode == 0
    pair = ("bench", "compare", "few after", "few before")
    blind = assay(*pair, "--no-regression")
    assert blind.returncode == 0
    assert "too few documents (3) to see any regression" in blind.stdout
    stopped = assay(*pair, "--no-regression", "--max-drop", "0.01")
    assert stopped.returncode == 1
    assert "FAIL  max drop total=0.01" in stopped.stdout
    assert "is 0.0 against 1.0" in stopped.stdout
    assert assay(*pair, "--max-drop", "vendor=0.01").returncode == 0
    assert assay(*pair, "--max-drop", "vendr=0.01").returncode == 2
    assert assay(*pair, "--max-drop", "much").returncode == 2


def test_a_new_benchmark_is_held_against_the_one_before(assay, files, tmp_path):
    """--max-drop of a run is held against the dataset's previous benchmark, or the one named."""
    truth, read = files
    (tmp_path / "worse.csv").write_text(READ.replace("MÜLLER", "Meier"))
    (tmp_path / "one.csv").write_text("document_id,vendor,total\nd1,Müller,12.5\n")
    run = ("bench", "run", "a gate of runs")
    assay("truth", "create", "a gate of runs", truth)
    first = assay(*run, read, "--name", "gate-first", "--max-drop", "0")
    assert first.returncode == 0, first.stderr
    assert "held against nothing" in first.stderr
    worse = assay(*run, "worse.csv", "--max-drop", "vendor=0.5", "--max-drop", "0.1")
    assert worse.returncode == 1
    assert "pass  max drop vendor=0.5" in worse.stdout
    assert "FAIL  max drop vendor=0.1" in worse.stdout
    assert "worse by 0.3333; against gate-first" in worse.stdout
    kept = assay(*run, "one.csv", "--compared-to", "gate-first", "--max-drop", "overall=1")
    assert kept.returncode == 0, kept.stdout
    assert "in 3 documents (1 read," in kept.stdout
    wrong = assay(*run, read, "--max-drop", "vndor=0.1")
    assert (wrong.returncode, "did you mean 'vendor'?" in wrong.stderr) == (2, True)
    assert assay(*run, read, "--detach", "--max-drop", "0.1").returncode == 2


def test_one_is_no_plural(assay, tmp_path):
    """One document is no `documents`, wherever a benchmark speaks of it."""
    (tmp_path / "single.csv").write_text("document_id,total\nsingle,1\n")
    (tmp_path / "wrong.csv").write_text("document_id,total\nsingle,2\n")
    made = assay("truth", "create", "single", "single.csv")
    assert "1 document imported" in made.stderr
    for file, name in (("wrong.csv", "single-b"), ("single.csv", "single-a")):
        done = assay("bench", "run", "single", file, "--name", name)
        assert "of 1 comparison right in 1 document (1 read" in done.stdout
    text = assay("bench", "report", "single-a", "--compare", "single-b", "--markdown").stdout
    assert " 1 document fixed, 0 broken" in text
    assert "<summary>1 document fixed</summary>" in text


def test_fields_stand_in_the_order_of_the_schema(assay, ids):
    """Reports and comparisons list fields as the schema does, and all of them last."""
    for command in (("report", ids[0]), ("compare", *ids)):
        lines = assay("bench", *command).stdout.splitlines()
        at = [next(n for n, line in enumerate(lines) if line.startswith(f"{name} ")) for name in
              ("invoice_number", "vendor_name", "bank.iban", "line_items[].amount", "all fields")]  # fmt: skip
        assert at == sorted(at)


def test_machines_get_json(assay, ids):
    """With --json stdout is JSON: one object at the end, and an event a line while watching."""
    told = json.loads(assay("bench", "compare", *ids, "--json", "--no-regression").stdout)
    assert told["passed"] is False
    assert told["comparison"]["overall"]["verdict"] == "a_better"
    lines = assay("bench", "watch", ids[0], "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert events[-1]["report"]["measures"]["documents"] == COUNT
    assert [one["sequence"] for one in events if "sequence" in one][:2] == [1, 2]
    listed = assay("bench", "list", "--json").stdout.splitlines()
    assert ids[0] in {json.loads(line)["benchmark_id"] for line in listed}
    report = json.loads(assay("bench", "report", ids[0], "--compare", ids[1], "--json").stdout)
    assert report["comparison"]["run_b"]["benchmark_id"] == ids[1]


def test_a_pull_request_gets_markdown(assay, ids):
    """The Markdown report has a verdict, a table of the fields, examples and what decided it."""
    done = assay("bench", "report", ids[0], "--compare", ids[1], "--markdown")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert text.startswith(f"### Extraction benchmark: `{CANDIDATE.name}`\n")
    assert f"✅ Against `{PRODUCTION.name}`: `{CANDIDATE.name}` is better by" in text
    table = [line for line in text.splitlines() if line.startswith("| `") and "0." in line]
    assert len({line.count("|") for line in table if line.count("|") > 8}) == 1
    assert re.search(r"^\| `invoice_date` \| 0\.\d{4} \| -0\.\d{4} ▼ \|", text, re.MULTILINE)
    assert "<summary>Examples from the weakest fields</summary>" in text
    assert "assay-normaliser/" in text
    gate = ("--compare", ids[1], "--max-drop", "0.01", "--require", "invoice_date>=0.5")
    judged = assay("bench", "report", ids[0], *gate, "--markdown")
    assert judged.returncode == 1
    assert "**❌ FAIL**: 1 of 2 requirements\n\n- ✅ pass `invoice_date>=0.5`\n" in judged.stdout
    assert "- ❌ FAIL `max drop invoice_date=0.01` `is 0." in judged.stdout
    bare = assay("bench", "report", ids[0], "--max-drop", "0.01")
    assert (bare.returncode, "need --compare" in bare.stderr) == (2, True)
    alone = assay("bench", "report", ids[0], "--markdown").stdout
    assert "Against" not in alone
    assert alone.count("</details>") == alone.count("<details>") == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "`plain`"),
        ("a|b", "`a\\|b`"),
        ("two\nlines", "`two lines`"),
        ("`tick", "`` `tick ``"),
        ("</details> @team", "`</details> @team`"),
        ("", "`  `"),
        ("x" * 100, f"`{'x' * 79}…`"),
    ],
)
def test_values_cannot_break_out_of_markdown(text, shown):
    """Whatever a document says stays inside one cell, as code, and mentions nobody."""
    assert code(text) == shown


def test_p_values_are_adjusted_as_holm_did():
    """Adjusted p-values are those of Holm's step-down procedure, never above 1 nor out of order."""
    # By hand: 4 · 0.01, max(0.04, 3 · 0.02), max(0.06, 2 · 0.03), max(0.06, 0.5)
    found = holm({"d": 0.5, "a": 0.01, "c": 0.03, "b": 0.02})
    assert found == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.5})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_paths_of_fields_can_be_required():
    """Requirements of a benchmark name fields by their paths, with dots, brackets and colons."""
    (found,) = BenchmarkGate.parse(["line_items[].amount:recall >= 0.9"], []).requirements
    assert (found.metric, found.comparison, found.threshold) == (
        "line_items[].amount:recall", ">=", 0.9,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"such as 'accuracy_overall>=0\.93'"):
        BenchmarkGate.parse([">=0.9"], [])
    with pytest.raises(ValueError, match="is no requirement"):
        Requirement.parse("a=>0.9", FIELD_METRIC)


def test_a_schema_is_shown_edited_and_set(assay, files, tmp_path):
    """`assay truth schema` prints what was inferred, and takes it back with changes."""
    assert assay("truth", "create", "edited", files[0]).returncode == 0
    shown = assay("truth", "schema", "edited")
    assert "inferred from 3 documents" in shown.stderr
    fields = json.loads(shown.stdout)["fields"]
    assert {one["name"] for one in fields} == {"total", "vendor"}
    changed = [{**one, "type": "text"} for one in fields]
    (tmp_path / "s.json").write_text(json.dumps({"fields": changed}))
    done = assay("truth", "schema", "edited", "--set", "s.json")
    assert done.returncode == 0, done.stderr
    assert {one["type"] for one in json.loads(done.stdout)["fields"]} == {"text"}
    assert "inferred" not in done.stderr


def test_rows_that_are_left_out_are_told(assay, files, tmp_path):
    """An import says how many rows it left out, which and why."""
    assert assay("truth", "create", "left out", files[0]).returncode == 0
    (tmp_path / "more.csv").write_text("document_id,vendor\nd1,x\nd9,y\n")
    done = assay("truth", "import", "left out", "more.csv")
    assert "1 document imported, 1 left out" in done.stderr
    assert "row 0: d1, already_stored" in done.stderr
    told = json.loads(assay("truth", "import", "left out", "more.csv", "--json").stdout)
    assert (told["imported"], told["skipped"]) == (0, 2)


def test_a_dataset_is_not_made_of_nothing(assay, tmp_path):
    """A file none of whose rows has a document_id makes no dataset, and ends with exit code 2."""
    (tmp_path / "blank.csv").write_text("document_id,vendor\n ,x\n,y\n")
    made = assay("truth", "create", "of nothing", "blank.csv")
    assert (made.returncode, made.stdout) == (2, "")
    assert "No row of the file has a document_id" in made.stderr
    assert "of nothing" not in assay("truth", "list").stdout


def test_a_detached_benchmark_is_watched_later(assay, files):
    """--detach prints the id and does not wait; `watch` brings its numbers."""
    truth, read = files
    assay("truth", "create", "detached", truth)
    done = assay("bench", "run", "detached", read, "--detach", "--name", "later")
    assert re.fullmatch(r"[0-9a-f-]{36}\n", done.stdout)
    assert assay("bench", "watch", "later", "-r", "total==1").returncode == 0
    assert assay("bench", "run", "detached", "--detach", "-r", "total==1").returncode == 2


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("bench", "run", "no such dataset"), "There is no dataset 'no such dataset'"),
        (("bench", "watch", "00000000-0000-4000-8000-000000000000"), "NOT_FOUND"),
        (("bench", "compare", "x", "y"), "There is no benchmark 'x'"),
        (("truth", "create", "t", "absent.jsonl"), "absent.jsonl cannot be read"),
        (("truth", "create", "t", "bad.csv"), "no column 'document_id'"),
        (("truth", "create", "t", "--schema", "bad.csv"), "is not JSON"),
        (("truth", "create", "t", "--schema", "bad.json"), "type is one of text, number"),
    ],
)
def test_wrong_usage_exits_with_2(assay, tmp_path, command, told):
    """What the caller has to mend exits with 2 and says what it is, without a traceback."""
    (tmp_path / "bad.csv").write_text("id,vendor\n1,x\n")
    (tmp_path / "bad.json").write_text('[{"name": "a", "type": "string"}]')
    done = assay(*command)
    assert done.returncode == 2, done.stdout
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dataset_that_could_not_be_filled_is_gone(assay, client, tmp_path):
    """A dataset whose file is refused is not left behind, empty."""
    (tmp_path / "bad.csv").write_text("document_id,vendor\na\n")
    assert assay("truth", "create", "never", "bad.csv").returncode == 2
    assert "never" not in {one.name for one in client.ground_truth.list()}


def test_a_benchmark_that_fails_exits_with_1(assay, tmp_path):
    """A benchmark without a result exits with 1, whether it was run or is watched, and says why."""
    (tmp_path / "empty.jsonl").write_text('{"document_id": "d1", "expected_data": {}}\n')
    assay("truth", "create", "nothing known", "empty.jsonl")
    done = assay("bench", "run", "nothing known", "--name", "fails")
    assert done.returncode == 1
    assert "No schema can be inferred" in done.stderr
    watched = assay("bench", "watch", "fails")
    assert (watched.returncode, watched.stdout) == (1, "")
    assert "Traceback" not in watched.stderr
    early = assay("bench", "report", "fails")
    assert early.returncode == 2
    assert "is failed; only a completed one has numbers" in early.stderr


def test_readers_watch_and_compare(assay, client, ids, files):
    """A key that may only read benchmarks watches and compares them, and runs none."""
    key = ("--api-key", client.keys.create("dashboard", ["benchmark:read"]).secret)
    assert assay("bench", "watch", ids[0], *key).returncode == 0
    assert assay("bench", "compare", *ids, *key).returncode == 0
    assert assay("bench", "report", ids[0], "--compare", ids[1], "--markdown", *key).returncode == 0
    denied = assay("bench", "run", "00000000-0000-4000-8000-000000000000", files[1], *key)
    assert denied.returncode == 4
    assert "PERMISSION_DENIED" in denied.stderr


def test_the_job_of_a_benchmark_is_watched(assay, reports):
    """`assay watch` of a benchmark's job tells of its documents between its states."""
    job = reports[CANDIDATE.name].benchmark.job_id
    done = assay("watch", job)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "submitted" in lines[0]
    assert "finished" in lines[-1]
    assert sum("100 documents compared" in line for line in lines) == 2


def test_documents_that_do_not_match_are_named(assay, files, tmp_path):
    """Extractions of other documents are named with what was meant; where none matches, it is 2."""
    truth, _ = files
    assay("truth", "create", "matching", truth)
    (tmp_path / "none.csv").write_text("document_id,vendor,total\n D1,Müller,1\nother,x,2\n")
    none = assay("bench", "run", "matching", "none.csv")
    assert (none.returncode, none.stdout) == (2, "")
    assert "2 of 2 extractions are of documents that the ground truth does not have" in none.stderr
    assert "'other'" in none.stderr
    assert "it has 'd1', which differ by blanks or case" in none.stderr
    (tmp_path / "some.csv").write_text("document_id,vendor,total\nd1,Müller,12.5\nother,x,2\n")
    some = assay("bench", "run", "matching", "some.csv")
    assert some.returncode == 0, some.stderr
    assert "warning: 1 of 2 extractions" in some.stderr
    told = json.loads(assay("bench", "run", "matching", "some.csv", "--json").stdout)
    assert told["unmatched"]["document_ids"] == ["other"]


def test_documents_that_nobody_read_are_no_benchmark(assay, tmp_path):
    """Where no document has an extraction nothing was compared: exit code 2, and no verdict."""
    (tmp_path / "unread.csv").write_text("document_id,total\nunread-1,1\n")
    assay("truth", "create", "unread", "unread.csv")
    done = assay("bench", "run", "unread", "--require", "total>=0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "compared nothing: no document of the ground truth has an extraction" in done.stderr
