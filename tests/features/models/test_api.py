"""Models and versions: made, read, listed, changed, compared, promoted, deleted."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from assay.features.models.versions_store import Versions
from tests.support.rpc_service import Caller, Running, binary, csv, message, pieces


def test_a_model_is_created_with_what_was_sent(me: Caller):
    """A created model has a generated id, is a draft and holds every field that was sent."""
    made = me.model(
        name="Churn", task_type="classification", description="d", project_path="a/b c",
        labels=["no", "yes"], positive_label="yes",
    )  # fmt: skip  # one call
    assert re.fullmatch(r"mdl-[0-9a-f]{10}", made.model_id)
    assert (made.name, made.status, made.description) == ("Churn", "draft", "d")
    assert (made.project_path, list(made.labels), made.positive_label) == (
        "a/b c", ["no", "yes"], "yes",
    )  # fmt: skip  # one tuple
    assert not made.HasField("promoted_version_id")
    assert made.created_at.seconds > 0
    assert made.created_at.nanos == 0
    assert me("GetModel", model_id=made.model_id) == made


def test_ids_can_be_chosen_once(me: Caller, other: Caller):
    """A chosen id is kept, taken for others of the organization, and free in another one."""
    assert me.model(model_id="mine").model_id == "mine"
    refused = me.rest().refused("CreateModel", name="n", task_type="regression", model_id="mine")
    assert refused.told == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    assert refused.body["statusCode"] == 409
    assert other.model(model_id="mine").model_id == "mine"
    assert me.version("mine", version_id="v1").version_id == "v1"
    again = me.refused("CreateVersion", model_id="mine", version_id="v1")
    assert again.told == ("ALREADY_EXISTS", "ALREADY_EXISTS")


def test_a_project_path_is_unique(me: Caller):
    """A second model with the project path of another is refused, on create and on update."""
    me.model(project_path="p")
    refused = me.refused("CreateModel", name="n", task_type="regression", project_path="p")
    assert refused.told == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    second = me.model().model_id
    changed = me.refused("UpdateModel", model_id=second, project_path="p")
    assert changed.told == ("ALREADY_EXISTS", "ALREADY_EXISTS")


def test_models_are_listed_by_their_project_path(me: Caller, other: Caller):
    """A listing by project path has the model with exactly it; slashes and spaces are kept."""
    path = "user1/my-repo/fs/Instabase Drive/W2"
    other.model(project_path=path)
    assert not me("ListModels", project_path=path).models
    made = me.model(project_path=path)
    me.model()
    assert list(me("ListModels", project_path=path).models) == [made]
    assert me.rest()("ListModels", project_path=path).models[0].project_path == path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "n" * 201),
        ("task_type", "clustering"),
        ("task_type", "CLASSIFICATION"),
        ("model_id", "../x"),
        ("model_id", "-x"),
        ("model_id", "é"),
        ("model_id", "x" * 64),
        ("description", "d" * 4001),
        ("labels", ["only"]),
        ("labels", ["a", "a"]),
        ("labels", ["a", ""]),
        ("labels", ["a", "b" * 1025]),
        ("positive_label", "c"),
        ("project_path", "p" * 1025),
        ("name", "a\x00b"),
    ],
)
def test_a_wrong_field_is_named(me: Caller, field: str, value: object):
    """A model with a wrong value is refused, and the field is named."""
    fields = {"name": "n", "task_type": "classification", "labels": ["a", "b"]} | {field: value}
    refused = me.refused("CreateModel", **fields)
    assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert refused.violations[0][0].partition("[")[0] == field
    assert len(me("ListModels").models) == 0


def test_update_changes_what_is_sent_alone(me: Caller):
    """Fields that are not sent stay; an empty path or label is taken away."""
    made = me.model(labels=["a", "b"], positive_label="a", project_path="p", description="d")
    changed = me("UpdateModel", model_id=made.model_id, name="new")
    assert (changed.name, changed.description, changed.project_path) == ("new", "d", "p")
    bare = me(
        "UpdateModel", model_id=made.model_id, project_path="", positive_label="", description=""
    )
    assert not bare.HasField("project_path")
    assert not bare.HasField("positive_label")
    assert bare.description == ""
    assert bare.created_at == made.created_at


def test_inferred_labels_can_be_declared_later(me: Caller):
    """Labels are declared after an evaluation inferred them, if all it has are among them."""
    model_id, version_id = me.pair()
    assert me.measure(model_id, version_id, binary(20).csv).label_set_inferred
    refused = me.refused("UpdateModel", model_id=model_id, labels=["yes", "maybe"])
    assert refused.code == "INVALID_ARGUMENT"
    assert refused.message == (
        f"labels: no of the test evaluation of the version '{version_id}' was left out; declare "
        "every label that is there: no, yes"
    )
    fields = {"labels": ["yes", "no"], "positive_label": "yes"}
    changed = me("UpdateModel", model_id=model_id, **fields)
    assert (list(changed.labels), changed.positive_label) == (fields["labels"], "yes")
    again = me.measure(model_id, version_id, binary(20).csv)
    assert not again.label_set_inferred
    assert list(again.labels) == fields["labels"]


def test_labels_belong_to_classification(me: Caller):
    """A regression model cannot declare labels, neither when it is made nor later."""
    made = me.model(task_type="regression")
    assert me.refused("UpdateModel", model_id=made.model_id, labels=["a", "b"]).code == (
        "INVALID_ARGUMENT"
    )


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": "n" * 201}, {"positive_label": "z"}, {"description": "d" * 4001}],
)
def test_a_wrong_change_is_refused_whole(me: Caller, change: dict[str, str]):
    """A wrong value changes nothing, not even the right ones beside it."""
    made = me.model(labels=["a", "b"])
    fields = {"project_path": "new/path"} | change
    assert me.refused("UpdateModel", model_id=made.model_id, **fields).code == "INVALID_ARGUMENT"
    assert me("GetModel", model_id=made.model_id) == made


def test_a_deleted_model_is_gone_with_all_it_held(me: Caller):
    """After a delete the model, its versions and evaluations are absent, and its id is free."""
    model_id, version_id = me.ready()
    evaluation = me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations[0]
    rest = me.rest()
    rest("DeleteModel", model_id=model_id)
    assert rest.headers["x-http-status"] == "204"
    for name, fields in {
        "GetModel": {"model_id": model_id},
        "DeleteModel": {"model_id": model_id},
        "GetVersion": {"model_id": model_id, "version_id": version_id},
        "GetEvaluation": {"evaluation_id": evaluation.evaluation_id},
        "GetPerformanceSummary": {"model_id": model_id},
    }.items():
        assert me.refused(name, **fields).told == ("NOT_FOUND", "NOT_FOUND"), name
    assert me.model(model_id=model_id).status == "draft"
    assert me("GetJob", job_id=evaluation.job_id).status == "succeeded"


def test_a_model_with_an_open_upload_is_in_use(me: Caller):
    """A model is not deleted under a running evaluation; after its cancel it is."""
    model_id, version_id = me.pair()
    evaluation = me(
        "CreateEvaluation", model_id=model_id, version_id=version_id, dataset_split="test"
    )
    refused = me.rest().refused("DeleteModel", model_id=model_id)
    assert refused.told == ("FAILED_PRECONDITION", "RESOURCE_IN_USE")
    assert refused.body["statusCode"] == 422
    me("CancelJob", job_id=evaluation.job_id)
    me("DeleteModel", model_id=model_id)


LISTS: dict[str, tuple[str, str]] = {
    "ListModels": ("models", "model_id"),
    "ListVersions": ("versions", "version_id"),
    "ListKeys": ("keys", "prefix"),
}


def maker(me: Caller, name: str) -> tuple[dict[str, str], Callable[[], str]]:
    """Return the listing's arguments and what makes one more item of it."""
    if name == "ListModels":
        return {}, lambda: me.model().model_id
    if name == "ListKeys":
        return {}, lambda: me("CreateKey", name="k", permissions=["model:read"]).key.prefix
    model_id = me.model().model_id
    return {"model_id": model_id}, lambda: me.version(model_id).version_id


@pytest.mark.parametrize("name", LISTS)
def test_pages_are_stable_while_items_are_added(me: Caller, name: str):
    """Paging newest first yields each item that was there once, whatever is added meanwhile."""
    items, key = LISTS[name]
    fields, make = maker(me, name)
    there = [getattr(one, key) for one in getattr(me(name, **fields), items)]
    made = [make() for _ in range(7)]
    expected = [*reversed(made), *there]
    seen: list[str] = []
    token = ""
    while True:
        page = me(name, page_size=3, page_token=token, **fields)
        assert len(getattr(page, items)) <= 3
        seen += [getattr(one, key) for one in getattr(page, items)]
        token = page.next_page_token
        make()
        if not token:
            break
    assert seen == expected


@pytest.mark.parametrize("name", LISTS)
def test_page_sizes_and_tokens_are_checked(me: Caller, other: Caller, name: str):
    """Negative sizes and tokens of another listing or organization are refused."""
    fields, make = maker(me, name)
    for _ in range(2):
        make()
    token = me(name, page_size=1, **fields).next_page_token
    assert token
    negative = me.refused(name, page_size=-1, **fields)
    assert negative.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert negative.violations[0][0] == "page_size"
    items, _ = LISTS[name]
    assert len(getattr(me(name, page_size=2**31 - 1, **fields), items)) >= 2
    theirs, _ = maker(other, name)
    assert other.refused(name, page_token=token, **theirs).reason == "BAD_PAGE_TOKEN"
    for another in LISTS:
        if another != name:
            fields_there, _ = maker(me, another)
            refused = me.refused(another, page_token=token, **fields_there)
            assert refused.told == ("INVALID_ARGUMENT", "BAD_PAGE_TOKEN")


def test_a_page_has_fifty_items_by_default(me: Caller):
    """Without a size a page has 50 items."""
    for _ in range(52):
        me.model()
    page = me("ListModels")
    assert len(page.models) == 50
    assert len(me("ListModels", page_token=page.next_page_token).models) == 2


def test_versions_are_numbered_without_gaps(me: Caller):
    """Versions made at once are numbered from 1 without a gap."""
    model_id = me.model().model_id
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: me.version(model_id), range(12)))
    assert sorted(version.version_number for version in made) == list(range(1, 13))
    listed = me("ListVersions", model_id=model_id).versions
    assert [version.version_number for version in listed] == list(range(12, 0, -1))


def test_settings_come_back_as_they_were_sent(me: Caller):
    """Hyperparameters of every JSON type are returned unchanged."""
    sent = {
        "depth": 3,
        "rate": 0.1,
        "on": True,
        "none": None,
        "list": [1, "a", {"b": []}],
        "é": "ü",
    }
    request = message("CreateVersion", model_id=me.model().model_id, algorithm="tree", label="2.1")
    request.hyperparameters.update(sent)
    made = me.raw("CreateVersion", request)
    assert made.hyperparameters == request.hyperparameters
    assert (made.algorithm, made.label, made.status) == ("tree", "2.1", "draft")
    assert made.trained_by.startswith("key:")
    assert not made.HasField("promoted_at")


def test_a_version_is_found_under_its_model_alone(me: Caller):
    """A version addressed below another model is absent."""
    _, version_id = me.pair()
    elsewhere = me.model().model_id
    refused = me.refused("GetVersion", model_id=elsewhere, version_id=version_id)
    assert refused.told == ("NOT_FOUND", "NOT_FOUND")
    promoted = me.refused("PromoteVersion", model_id=elsewhere, version_id=version_id)
    assert promoted.told == ("NOT_FOUND", "NOT_FOUND")


def two(me: Caller) -> tuple[str, str, str]:
    """Return a model with two measured versions."""
    model_id = me.model().model_id
    ids = []
    for seed, settings in (
        (1, {"depth": 3, "same": 1}),
        (2, {"depth": 5, "same": 1, "more": None}),
    ):
        request = message("CreateVersion", model_id=model_id)
        request.hyperparameters.update(settings)
        ids.append(me.raw("CreateVersion", request).version_id)
        me.measure(model_id, ids[-1], binary(60, seed=seed).csv)
    return model_id, *ids


def test_a_comparison_is_b_minus_a(me: Caller):
    """Metric deltas are b - a for each metric of both; settings that differ are listed."""
    model_id, a, b = two(me)
    found = me("CompareVersions", model_id=model_id, version_a=a, version_b=b)
    before, after = found.version_a.metrics, found.version_b.metrics
    for metric in ("accuracy", "f1_score", "roc_auc", "log_loss"):
        expected = after[metric] - before[metric]
        assert found.metric_deltas[metric] == expected
    assert "mae" not in found.metric_deltas
    assert set(found.config_diff) == {"depth", "more"}
    depth = found.config_diff["depth"]
    assert (depth.version_a.number_value, depth.version_b.number_value) == (3, 5)
    assert found.config_diff["more"].version_a.WhichOneof("kind") == "null_value"
    assert found.config_diff["more"].version_b.WhichOneof("kind") == "null_value"
    assert (found.version_a.version_id, found.version_a.version_number) == (a, 1)
    turned = me("CompareVersions", model_id=model_id, version_a=b, version_b=a)
    assert turned.metric_deltas["accuracy"] == -found.metric_deltas["accuracy"]


def test_a_comparison_says_whether_numbers_are_comparable(me: Caller):
    """Versions measured by different metric definitions are not comparable."""
    model_id, a, b = two(me)
    assert me("CompareVersions", model_id=model_id, version_a=a, version_b=b).comparable
    me.measure(model_id, b, binary(60).csv, positive_label="no")
    assert not me("CompareVersions", model_id=model_id, version_a=a, version_b=b).comparable


def test_a_version_without_numbers_compares_without_deltas(me: Caller):
    """A draft can be compared; it has no metrics, so there are no deltas."""
    model_id, a, _ = two(me)
    draft = me.version(model_id).version_id
    found = me("CompareVersions", model_id=model_id, version_a=a, version_b=draft)
    assert dict(found.metric_deltas) == {}


def test_comparisons_refuse_strangers(me: Caller):
    """An absent version is 404, and so is one of another model."""
    model_id, a, _ = two(me)
    _, stranger = me.pair()
    refused = me.rest().refused(
        "CompareVersions", model_id=model_id, version_a=a, version_b=stranger
    )
    assert refused.told == ("NOT_FOUND", "NOT_FOUND")
    assert refused.body["message"] == f"The model '{model_id}' has no version '{stranger}'."
    for fields in (
        {"model_id": model_id, "version_a": a, "version_b": "ver-absent"},
        {"model_id": model_id, "version_a": "ver-absent", "version_b": a},
        {"model_id": "mdl-absent", "version_a": a, "version_b": a},
    ):
        assert me.refused("CompareVersions", **fields).told == ("NOT_FOUND", "NOT_FOUND")


def test_only_ready_versions_are_promoted(me: Caller):
    """A draft is refused as 422; once measured it is promoted and the former is demoted."""
    model_id, first = me.pair()
    refused = me.rest().refused("PromoteVersion", model_id=model_id, version_id=first)
    assert refused.told == ("FAILED_PRECONDITION", "VERSION_NOT_READY")
    assert refused.body["statusCode"] == 422
    me.measure(model_id, first, binary(20).csv)
    promoted = me("PromoteVersion", model_id=model_id, version_id=first)
    assert promoted.is_promoted
    assert (promoted.version_id, promoted.model_id, promoted.version_number) == (first, model_id, 1)
    assert promoted.promoted_by.startswith("key:")
    second = me.version(model_id).version_id
    me.measure(model_id, second, binary(20).csv)
    me("PromoteVersion", model_id=model_id, version_id=second)
    versions = me("ListVersions", model_id=model_id).versions
    assert {one.version_id: one.is_promoted for one in versions} == {first: False, second: True}
    demoted = me("GetVersion", model_id=model_id, version_id=first)
    assert not demoted.HasField("promoted_at")
    assert not demoted.HasField("promoted_by")
    assert me("GetModel", model_id=model_id).promoted_version_id == second


def test_a_repeated_promotion_changes_nothing(me: Caller):
    """Promoting the promoted version again answers the same."""
    model_id, version_id = me.ready()
    first = me("PromoteVersion", model_id=model_id, version_id=version_id)
    assert me("PromoteVersion", model_id=model_id, version_id=version_id) == first


def test_concurrent_promotions_leave_exactly_one(me: Caller):
    """Of sixteen promotions at once exactly one version is left promoted."""
    model_id = me.model().model_id
    versions = [me.version(model_id).version_id for _ in range(4)]
    for version_id in versions:
        me.measure(model_id, version_id, csv(y_true=["a", "b"], y_pred=["a", "b"]))
    with ThreadPoolExecutor(16) as threads:
        list(
            threads.map(
                lambda n: me("PromoteVersion", model_id=model_id, version_id=versions[n % 4]),
                range(16),
            )
        )
    promoted = [
        v.version_id for v in me("ListVersions", model_id=model_id).versions if v.is_promoted
    ]
    assert len(promoted) == 1
    assert me("GetModel", model_id=model_id).promoted_version_id == promoted[0]


def test_a_model_is_ready_when_a_version_is(rpc: Running, me: Caller):
    """A model's status follows from its versions: draft, training while one trains, ready."""
    model_id, version_id = me.pair()
    assert me("GetModel", model_id=model_id).status == "draft"
    me.measure(model_id, version_id, binary(20).csv)
    assert me("GetModel", model_id=model_id).status == "ready"
    training = me.version(model_id).version_id
    with rpc.backend.store.write() as uow:
        uow[Versions].mark_training(me.organization, model_id, training)
    assert me("GetModel", model_id=model_id).status == "training"
    assert me("ListModels").models[0].status == "training"


def test_evaluations_are_listed_by_split_and_page(me: Caller):
    """A version's evaluations are listed newest first, of one split where it is asked."""
    model_id, version_id = me.pair()
    made = [
        me.measure(model_id, version_id, binary(9).csv, split=s) for s in ("test", "train", "test")
    ]
    both = {"model_id": model_id, "version_id": version_id}
    ids = [one.evaluation_id for one in made]
    listed = me("ListEvaluations", **both).evaluations
    assert [one.evaluation_id for one in listed] == ids[::-1]
    assert listed[0].metrics["accuracy"] == made[2].metrics["accuracy"]
    tests = me("ListEvaluations", **both, dataset_split="test")
    assert [one.evaluation_id for one in tests.evaluations] == [ids[2], ids[0]]
    page = me("ListEvaluations", **both, page_size=2)
    rest = me("ListEvaluations", **both, page_size=2, page_token=page.next_page_token)
    assert [one.evaluation_id for one in (*page.evaluations, *rest.evaluations)] == ids[::-1]
    foreign = me.refused(
        "ListEvaluations", **both, page_token=page.next_page_token, dataset_split="test"
    )
    assert foreign.reason == "BAD_PAGE_TOKEN"
    assert me.refused("ListEvaluations", **both, dataset_split="dev").code == "INVALID_ARGUMENT"


def test_a_positive_label_must_fit_the_model(me: Caller):
    """A positive label is refused for regression and when it is not declared."""
    regression = me.pair(task_type="regression")
    declared = me.pair(labels=["a", "b"])
    for (model_id, version_id), label in ((regression, "a"), (declared, "c")):
        refused = me.refused(
            "UploadEvaluationFile",
            pieces(model_id, version_id, binary(4).csv, positive_label=label),
        )
        assert refused.violations[0][0] == "positive_label"


def test_a_taken_id_is_taken_over_when_told_to(me: Caller):
    """With if_absent a model or version that has the id is returned as it is; else it is 409."""
    fields = {"name": "first", "task_type": "classification", "model_id": "churn"}
    made = me("CreateModel", **fields)
    refused = me.refused("CreateModel", **fields)
    assert refused.told == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    assert refused.metadata["resource_id"] == "churn"
    assert me("CreateModel", **(fields | {"name": "second"}), if_absent=True) == made
    other = fields | {"task_type": "regression"}
    assert me.refused("CreateModel", **other, if_absent=True).code == "ALREADY_EXISTS"
    version = {"model_id": "churn", "version_id": "v1"}
    first = me("CreateVersion", **version, label="first")
    refused = me.refused("CreateVersion", **version)
    assert refused.message == (
        "The model 'churn' has a version 'v1'. Choose another id, or give none."
    )
    assert me("CreateVersion", **version, if_absent=True) == first
    assert (
        me("CreateVersion", model_id="churn", version_id="v2", if_absent=True).version_number == 2
    )


def test_two_models_may_have_versions_of_one_tag(me: Caller):
    """A pipeline may call the versions of all its models by one tag, and measure each of them."""
    made = [me.model().model_id for _ in range(2)]
    for model_id, seed in zip(made, (1, 2), strict=True):
        me.version(model_id, version_id="v1")
        me.measure(model_id, "v1", binary(30, seed=seed).csv)
        me("PromoteVersion", model_id=model_id, version_id="v1")
    found = [me("GetPerformanceSummary", model_id=one, version_id="v1") for one in made]
    assert [one.model_id for one in found] == made
    assert found[0].metrics != found[1].metrics
    me("DeleteModel", model_id=made[0])
    assert me("GetPerformanceSummary", model_id=made[1]).metrics == found[1].metrics
