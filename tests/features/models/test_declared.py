"""What models declare of themselves, and versions found by what callers call them."""

from __future__ import annotations

import pytest

from assay.features.models.model import NewModel, NewVersion, TaskType
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import NotFound
from assay.kernel.storage.store import Store
from tests.support.rpc_service import Caller

ORG = "org"


def test_a_model_keeps_what_it_declares(me: Caller):
    """Tags, inputs and outputs are printed as they were sent, with sizes for those without one."""
    made = me.model(
        tags=["computer_vision"],
        inputs=[{"name": "input.png", "media_type": "image/png, image/jpeg", "maximum_size": 5}],
        outputs=[{"name": "results.json"}],
    )
    assert list(made.tags) == ["computer_vision"]
    (taken,) = made.inputs
    assert (taken.name, taken.media_type, taken.maximum_size) == (
        "input.png", "image/png, image/jpeg", 5,
    )  # fmt: skip  # one tuple
    (given,) = made.outputs
    assert (given.media_type, given.maximum_size) == ("application/json", 104_857_600)
    assert made.created_by
    assert me("GetModel", model_id=made.model_id) == made


def test_what_is_declared_changes_as_sent(me: Caller):
    """A change replaces what it names, an empty list takes all tags away, and the rest stays."""
    made = me.model(tags=["a"], inputs=[{"name": "i", "media_type": "text/plain"}])
    key = {"model_id": made.model_id}
    assert list(me("UpdateModel", **key, tags=["b", "c"]).tags) == ["b", "c"]
    changed = me("UpdateModel", **key, tags=[], outputs=[{"name": "o.json"}])
    assert (list(changed.tags), changed.inputs, changed.outputs[0].name) == (
        [], made.inputs, "o.json",
    )  # fmt: skip  # one tuple


@pytest.mark.parametrize(
    "sent",
    [
        {"tags": ["Computer Vision"]},
        {"tags": ["a", "a"]},
        {"tags": [""]},
        {"inputs": [{"name": "../x", "media_type": "text/plain"}]},
        {"inputs": [{"name": "x", "media_type": "text"}]},
        {"inputs": [{"name": "x"}]},
        {"inputs": [{"name": "x", "media_type": "text/plain", "maximum_size": 0}]},
        {"outputs": [{"name": "x"}, {"name": "x"}]},
    ],
)
def test_a_wrong_declaration_is_refused_by_name(me: Caller, sent: dict[str, object]):
    """A wrong tag, input or output is refused with the name of its field."""
    refused = me.refused("CreateModel", name="n", task_type="classification", **sent)
    assert refused.told[0] == "INVALID_ARGUMENT"
    assert next(iter(sent)) in refused.message


def test_samples_are_kept_until_they_are_taken_away(store: Store):
    """A sample stays through a change of the other one, and goes with an empty text."""
    new = NewModel(name="n", task_type=TaskType.CLASSIFICATION, sample_input="[1]")
    with store.write() as uow:
        model_id = uow[Models].create(ORG, new).model_id
        uow[Models].set_samples(ORG, model_id, sample_output="{}")
        assert uow[Models].samples(ORG, model_id) == ("[1]", "{}")
        uow[Models].set_samples(ORG, model_id, sample_input="")
        assert uow[Models].samples(ORG, model_id) == (None, "{}")


def test_a_version_is_found_by_id_label_and_number(store: Store):
    """An id is looked for first, then a label, of several the newest one, then N.0.0."""
    new = NewModel(name="n", task_type=TaskType.CLASSIFICATION)
    with store.write() as uow:
        model_id = uow[Models].create(ORG, new).model_id
        for number, label in enumerate(("final", "4.0.0", "final", None), 1):
            uow[Versions].create(ORG, model_id, NewVersion(version_id=f"ver-{number}", label=label))

        def found(text: str) -> str:
            return uow[Versions].find(ORG, model_id, text).version_id

        assert [found(text) for text in ("ver-1", "final", "4.0.0", "1.0.0")] == [
            "ver-1", "ver-3", "ver-2", "ver-1",
        ]  # fmt: skip  # one list
        for absent in ("5.0.0", "0.0.0", "1.0", "other", ""):
            with pytest.raises(NotFound):
                found(absent)
        uow[Versions].mark_ready(ORG, model_id, "ver-1")
        uow[Versions].mark_ready(ORG, model_id, "ver-2")
        assert found("") == "ver-2"
        uow[Versions].promote(ORG, model_id, "ver-1", promoted_by="me")
        assert found("") == "ver-1"
        with pytest.raises(NotFound):
            uow[Versions].find("other", model_id, "ver-1")


def test_a_version_is_shown_by_its_label_if_that_is_one(store: Store):
    """A label that is written as a version is shown, and N.0.0 where there is none."""
    new = NewModel(name="n", task_type=TaskType.CLASSIFICATION)
    with store.write() as uow:
        model_id = uow[Models].create(ORG, new).model_id
        made = [
            uow[Versions].create(ORG, model_id, NewVersion(label=label)).shown
            for label in ("0.1.0", None, "v2.1.0-rc1", "the best")
        ]
    assert made == ["0.1.0", "2.0.0", "v2.1.0-rc1", "4.0.0"]
