"""Domain values: what they accept, refuse and keep."""

from __future__ import annotations

import json
import pickle
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import records
from assay.features.datasets.model import check_split
from assay.features.evaluations.model import ClassScores, EvaluationResult, EvaluationSpec
from assay.features.models.model import NewModel, NewVersion, TaskType
from assay.kernel import identity, ids
from assay.kernel.clock import Clock
from assay.kernel.cursor import Cursor
from assay.kernel.errors import BadPageToken, BadPredictions, InvalidArgument, Violation
from assay.kernel.jobs import job
from assay.kernel.jobs.job import JobError, NewJob
from assay.kernel.jobs.states import JobState, VersionStatus
from assay.records import decode, encode

CLASSIFICATION = TaskType.CLASSIFICATION


@pytest.mark.parametrize("text", ["a", "A1", "mdl-7f3a19bc92", "a.b_c-d", "0" * 63])
def test_ids_that_a_caller_may_choose(text):
    """An id is 1 to 63 letters, digits, dots, underscores and hyphens after a letter or digit."""
    assert ids.check_resource_id("model_id", text) == text


@pytest.mark.parametrize(
    "text", ["", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "é", "a" * 64, "a%2e", "~", "a:b"]
)
def test_ids_that_are_refused_by_the_name_of_their_field(text):
    """Any other id is refused, and the refusal names the field."""
    with pytest.raises(InvalidArgument, match="model_id"):
        ids.check_resource_id("model_id", text)


def test_generated_ids_have_the_documented_form():
    """Generated ids have the documented prefixes and lengths, and grow with each conflict."""
    made = ids.Ids()
    assert re.fullmatch("mdl-[0-9a-f]{10}", made.new_model_id())
    assert re.fullmatch("ver-[0-9a-f]{5}", made.new_version_id())
    assert re.fullmatch("evl-[0-9a-f]{12}", made.new_evaluation_id())
    assert re.fullmatch("ver-[0-9a-f]{9}", made.new_version_id(2))
    assert len(made.new_model_id(1)) > 14
    assert len(made.new_evaluation_id(1)) > 16
    assert re.fullmatch("[0-9a-f-]{36}", made.new_uuid())
    assert re.fullmatch("req_[0-9a-f]{24}", made.new_request_id())
    assert re.fullmatch("[0-9a-f]{12}", made.new_key_prefix())
    assert re.fullmatch("[A-Za-z0-9_-]{43}", made.new_key_secret())


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "x" * 201}),
        ("name", {"name": "a\x00"}),
        ("model_id", {"model_id": "a/b"}),
        ("project_path", {"project_path": ""}),
        ("description", {"description": "x" * 4001}),
        ("labels", {"labels": ("one",)}),
        (r"labels\[1\]", {"labels": ("a", "a")}),
        (r"labels\[0\]", {"labels": ("", "a")}),
        ("positive_label", {"labels": ("a", "b"), "positive_label": "c"}),
        ("positive_label", {"task_type": TaskType.REGRESSION, "positive_label": "c"}),
    ],
)
def test_a_wrong_model_is_refused_by_field(field, changes):
    """A model with a wrong value is refused, and the refusal names the field."""
    values = {"name": "n", "task_type": CLASSIFICATION} | changes
    with pytest.raises(InvalidArgument, match=field) as refusal:
        NewModel(**values)
    assert re.fullmatch(field, refusal.value.violations[0].field)


def test_a_wrong_version_or_job_is_refused_by_field():
    """A version or a job with a wrong value is refused, and the refusal names the field."""
    for field, make in (
        ("version_id", lambda: NewVersion(version_id="a b")),
        ("label", lambda: NewVersion(label="")),
        ("status", lambda: NewVersion(status=VersionStatus.READY)),
        ("algorithm", lambda: NewVersion(algorithm="x" * 201)),
        ("state", lambda: NewJob(kind="k", spec=b"", state=JobState.RUNNING)),
        ("max_attempts", lambda: NewJob(kind="k", spec=b"", max_attempts=0)),
        ("request_id", lambda: NewJob(kind="k", spec=b"", request_id="")),
        ("request_id", lambda: NewJob(kind="k", spec=b"", request_id="a\nb")),
        ("request_id", lambda: NewJob(kind="k", spec=b"", request_id="x" * 129)),
        ("dataset_split", lambda: check_split("dataset_split", "dev")),
    ):
        with pytest.raises(InvalidArgument, match=field):
            make()


def test_permissions_imply_others():
    """Admin may do everything, a viewer may read everything, and unknown words allow nothing."""

    def may(granted: str, wanted: identity.Permission) -> bool:
        person = identity.Principal(
            organization_id="o", subject="s", permissions=frozenset({granted})
        )
        return person.allows(wanted)

    for wanted in identity.Permission:
        assert may("admin", wanted)
        assert may(identity.VIEWER, wanted) == wanted.endswith(":read")
        assert may(wanted, wanted)
        assert not may("model:*", wanted)
    assert not may("model:read", identity.Permission.MODEL_WRITE)


@given(
    st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001  # hypothesis wants naive bounds
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=70),
    st.text(max_size=30),
)
def test_a_page_token_reads_back_in_its_own_listing_alone(at, key, scope):
    """A page token gives its place back, and is refused by any other listing."""
    place = Cursor(created_at=at, id=key)
    token = place.token(scope)
    assert re.fullmatch("[A-Za-z0-9_-]+", token)
    assert Cursor.parse(token, scope) == place
    with pytest.raises(BadPageToken):
        Cursor.parse(token, scope + "x")


def test_a_place_cannot_be_put_into_a_page_token():
    """Who changes the place in a token, or makes one without the installation's secret, is refused."""
    place = Cursor(created_at=datetime(2026, 1, 1, tzinfo=UTC), id="mdl-1")
    micros, key, mark = json.loads(b64decode(place.token("secret/models") + "=="))
    for changed in ([micros + 1, key, mark], [micros, "mdl-2", mark], [micros, key, ""], [micros]):
        token = b64encode(json.dumps(changed).encode()).decode().rstrip("=")
        with pytest.raises(BadPageToken):
            Cursor.parse(token, "secret/models")
    with pytest.raises(BadPageToken):
        Cursor.parse(place.token("models"), "secret/models")


@given(st.text(max_size=80))
def test_a_made_up_page_token_is_refused(text):
    """Text that is no page token is refused as one, whatever it is."""
    with pytest.raises(BadPageToken):
        Cursor.parse(text, "models")


SCORES = ClassScores(
    label="yes", precision=0.1, recall=1 / 3, f1_score=0.2, support=3, predicted=4, roc_auc=0.5
)
RESULT = EvaluationResult(
    rows=7,
    task="binary",
    labels=("no", "yes"),
    positive_label="yes",
    label_set_inferred=True,
    metrics={"accuracy": 0.1 + 0.2, "log_loss": 5e-324},
    undefined={"roc_auc": "SINGLE_CLASS"},
    per_class=(SCORES, records.replace(SCORES, label="é", roc_auc=None)),
    averages={"macro": {"precision": 0.1}},
    confusion=((1, 2), (3, 4)),
    clipped_rows=1,
    spec={"b": 1, "a": [None, True]},
    spec_hash="s",
    environment={"numpy": "2.4"},
    content_hash="c",
)


def test_equal_results_are_equal_bytes():
    """A result's JSON does not depend on the order of its maps, and reads back exactly."""
    shuffled = records.replace(
        RESULT,
        metrics=dict(reversed(RESULT.metrics.items())),
        spec=dict(reversed(RESULT.spec.items())),
    )
    assert encode(shuffled) == encode(RESULT)
    assert decode(EvaluationResult, encode(RESULT)) == RESULT
    regression = records.replace(RESULT, confusion=None, per_class=(), labels=())
    assert decode(EvaluationResult, encode(regression)) == regression


def test_a_result_holds_no_nan():
    """A result with NaN or infinity cannot be written."""
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            encode(records.replace(RESULT, metrics={"mse": wrong}))


def test_a_spec_is_told_apart_by_its_json():
    """A spec reads back from its JSON, and any other spec has another."""
    spec = EvaluationSpec(task_type=CLASSIFICATION, labels=("a", "b"), positive_label="b")
    assert decode(EvaluationSpec, encode(spec)) == spec
    others = {
        encode(records.replace(spec, **changes))
        for changes in ({"labels": ("b", "a")}, {"positive_label": "a"}, {"renormalize": True})
    }
    assert len(others | {encode(spec)}) == 4


def test_an_error_is_kept_with_its_violations():
    """What is stored of an error has its reason, message, metadata and violations."""
    error = BadPredictions(
        "row 3 is wrong",
        metadata={"row": 3},
        violations=(Violation(field="row 3, column score", description="2.0 is above 1"),),
    )
    kept = JobError.of(error)
    assert decode(JobError, encode(kept)) == kept
    assert (kept.reason, kept.metadata) == ("BAD_PREDICTIONS", {"row": "3"})
    assert kept.violations == error.violations


def test_a_jobs_hash_covers_kind_and_spec():
    """Two jobs are the same request only if kind and spec are the same bytes."""
    first = NewJob(kind="a", spec=b"{}")
    assert first.spec_hash == NewJob(kind="a", spec=b"{}", resource="x").spec_hash
    assert first.spec_hash != NewJob(kind="b", spec=b"{}").spec_hash
    assert first.spec_hash != NewJob(kind="a", spec=b"[]").spec_hash


def test_batch_keys_sort_by_row():
    """The keys of stored batches sort as their first rows do."""
    rows = [0, 9, 10, 999, 50_000_000, 10**12]
    keys = [job.TaskRecord.batch(first_row=row).key for row in rows]
    assert sorted(keys) == keys


def test_values_travel_between_processes():
    """A result is the same after it was pickled."""
    assert pickle.loads(pickle.dumps(RESULT)) == RESULT


def test_the_system_clock_is_aware_and_monotonic():
    """The system's clock tells UTC, and its monotonic reading never goes back."""
    clock = Clock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()
