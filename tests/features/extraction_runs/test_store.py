"""Extraction runs and extractions: what ports_quality promises of them."""

from __future__ import annotations

from uuid import UUID

import pytest

from assay.features.extraction_runs.model import NewExtractionRun
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.ground_truth import document_rows as documents
from assay.kernel.errors import InvalidArgument, NotFound, TooLarge
from assay.records import replace
from tests.support.document_rows import (
    NEW_RUN,
    add_dataset,
    add_entries,
    add_extractions,
    extraction,
    walk,
)
from tests.support.store_rows import ORG


@pytest.fixture
def run(store):
    with store.write() as uow:
        return uow[ExtractionRuns].create(ORG, NEW_RUN)


def test_a_run_is_stored_as_it_was_given(store, clock):
    """A created run reads back, empty, under a UUID with every field that was given."""
    new = NewExtractionRun(name="n", model="m", version="2.1", created_by="ann")
    with store.write() as uow:
        made = uow[ExtractionRuns].create(ORG, new)
        assert uow[ExtractionRuns].create(ORG, NEW_RUN).model is None
    with store.read() as uow:
        assert uow[ExtractionRuns].get(ORG, made.run_id) == made
    assert str(UUID(made.run_id)) == made.run_id
    assert (made.name, made.model, made.version, made.created_by) == ("n", "m", "2.1", "ann")
    assert (made.document_count, made.created_at) == (0, clock.now())


def test_pages_of_runs_are_stable(store, clock):
    """Pages of runs repeat and skip nothing while others come in, newest first."""
    with store.write() as uow:
        made = []
        for _ in range(5):
            made.append(uow[ExtractionRuns].create(ORG, NEW_RUN))
            clock.advance(1)

    def page(after):
        with store.write() as uow:
            found = uow[ExtractionRuns].list(ORG, limit=2, after=after)
            uow[ExtractionRuns].create(ORG, NEW_RUN)
        return found

    assert walk(page) == made[::-1]
    with store.read() as uow:
        assert uow[ExtractionRuns].count(ORG) == 5 + 3


def test_extractions_of_documents_that_a_dataset_lacks_are_found(store):
    """The first documents of a run that a dataset does not have are told, by id."""
    with store.write() as uow:
        dataset_id = add_dataset(uow).dataset_id
        add_entries(uow, dataset_id, "b", "other")
        add_entries(uow, add_dataset(uow).dataset_id, "a")
        run_id = add_extractions(uow, "d", "b", "c", "a").run_id
        add_extractions(uow, "of another run")
        assert uow[Extractions].foreign(ORG, dataset_id, run_id, 9) == ("a", "c", "d")
        assert uow[Extractions].foreign(ORG, dataset_id, run_id, 2) == ("a", "c")
        assert uow[Extractions].foreign(ORG, dataset_id, "absent", 9) == ()


def test_extractions_leave_out_documents_that_are_there(store, run):
    """Of many extractions those of documents met before are left out, told by their places."""
    with store.write() as uow:
        new = [extraction(one) for one in ("a", "b", "a")]
        assert uow[Extractions].add_many(ORG, run.run_id, new) == (2,)
        assert uow[Extractions].add_many(ORG, run.run_id, [extraction("b"), extraction("c")]) == (
            0,
        )
        assert uow[ExtractionRuns].get(ORG, run.run_id) == replace(run, document_count=3)
        page = uow[Extractions].list(ORG, run.run_id, limit=9)
        assert {one.document_id for one in page.items} == {"a", "b", "c"}
        # Another run may have the same documents.
        add_extractions(uow, "a", "b", "c")


def test_an_extraction_is_stored_as_it_was_given(store, run):
    """An added extraction reads back with its data and confidence, and is in its run alone."""
    new = replace(extraction("d"), data='{"a":[1.10,null]}', confidence=None)
    with store.write() as uow:
        uow[Extractions].add_many(ORG, run.run_id, [new, extraction("e")])
        other = add_extractions(uow)
        found = uow[Extractions].list(ORG, run.run_id, limit=9, document_id="d")
        (made,) = found.items
        assert uow[Extractions].get(ORG, run.run_id, made.extraction_id) == made
        assert (made.document_id, made.data, made.confidence) == ("d", new.data, None)
        for absent in ((other.run_id, made.extraction_id), (run.run_id, "none")):
            with pytest.raises(NotFound, match="extraction '"):
                uow[Extractions].get(ORG, *absent)


def test_extractions_are_listed_in_their_order_and_bounded_in_bytes(store, run):
    """A listing has the reverse order of the import; pages are cut at their bytes."""
    names = [f"d{number}" for number in range(7)]
    with store.write() as uow:
        data = '{"k":"%s"}' % ("x" * 100)
        uow[Extractions].add_many(ORG, run.run_id, [extraction(one, data) for one in names])

        def page(after):
            found = uow[Extractions].list(ORG, run.run_id, limit=9, after=after, max_bytes=250)
            assert len(found.items) <= 2
            return found

        assert [one.document_id for one in walk(page)] == names[::-1]


def test_a_run_has_a_most_of_extractions(store, run, monkeypatch):
    """Extractions more than a run may hold are refused, and none of them is kept."""
    monkeypatch.setattr(documents, "MAX_DOCUMENTS", 3)
    new = [extraction(one) for one in "abcd"]
    with pytest.raises(TooLarge, match="at most 3"), store.write() as uow:
        uow[Extractions].add_many(ORG, run.run_id, new)
    with store.read() as uow:
        assert uow[Extractions].list(ORG, run.run_id, limit=9).items == ()


def test_a_deleted_run_takes_its_extractions_along(store):
    """A deleted run is gone with its extractions."""
    with store.write() as uow:
        run = add_extractions(uow, "a")
        (made,) = uow[Extractions].list(ORG, run.run_id, limit=9).items
        uow[ExtractionRuns].delete(ORG, run.run_id)
    with store.write() as uow:
        for call in (
            lambda: uow[ExtractionRuns].get(ORG, run.run_id),
            lambda: uow[ExtractionRuns].delete(ORG, run.run_id),
            lambda: uow[Extractions].add_many(ORG, run.run_id, []),
            lambda: uow[Extractions].get(ORG, run.run_id, made.extraction_id),
            lambda: uow[Extractions].list(ORG, run.run_id, limit=1),
        ):
            with pytest.raises(NotFound, match="extraction run"):
                call()


@pytest.mark.parametrize("field", ["name", "model", "version"])
@pytest.mark.parametrize("text", ["", " ", "x" * 201, "\0"])
def test_wrong_names_of_a_run_are_refused(field, text):
    """A run's name, model and version have 1 to 200 characters; others are refused by name."""
    with pytest.raises(InvalidArgument, match=field):
        NewExtractionRun(**{"name": "n", field: text})
