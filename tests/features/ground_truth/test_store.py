"""Datasets, entries and field schemas: what ports_quality promises of them."""

from __future__ import annotations

from uuid import UUID

import pytest

from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.field_schemas.model import NewUserSchema
from assay.features.field_schemas.store import UserSchemas
from assay.features.ground_truth import document_rows as documents
from assay.features.ground_truth.model import NewEntry, NewGroundTruthDataset
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.kernel.errors import AlreadyExists, InvalidArgument, NotFound, ResourceInUse, TooLarge
from assay.records import replace
from tests.support.document_rows import (
    NEW_SCHEMA,
    add_dataset,
    add_entries,
    add_extractions,
    add_schema,
    entry,
    walk,
)
from tests.support.store_rows import ORG, OTHER
from tests.support.threads import together


@pytest.fixture
def dataset(store):
    with store.write() as uow:
        return add_dataset(uow)


def test_a_schema_is_stored_as_it_was_given(store, clock):
    """A created field schema reads back under a UUID with every field that was given."""
    with store.write() as uow:
        made = uow[UserSchemas].create(ORG, replace(NEW_SCHEMA, description="x", created_by="ann"))
    with store.read() as uow:
        assert uow[UserSchemas].get(ORG, made.user_schema_id) == made
    assert str(UUID(made.user_schema_id)) == made.user_schema_id
    assert (made.name, made.definition, made.description) == ("invoice", b'{"fields":[]}', "x")
    assert (made.created_at, made.updated_at, made.created_by) == (clock.now(), clock.now(), "ann")


def test_a_schema_is_changed_in_name_description_and_definition(store, clock):
    """An update stores name, description and definition, and its time; nothing else."""
    with store.write() as uow:
        made = add_schema(uow)
        clock.advance(5)
        wanted = replace(made, name="n", description="d", definition=b"{}")
        stored = uow[UserSchemas].update(ORG, replace(wanted, created_by="eve"))
    assert stored == replace(wanted, updated_at=clock.now())
    for absent, error in (
        (replace(made, user_schema_id="none"), NotFound),
        (replace(made, name=""), InvalidArgument),
    ):
        with pytest.raises(error), store.write() as uow:
            uow[UserSchemas].update(ORG, absent)


def test_a_schema_that_a_dataset_names_is_kept(store):
    """A field schema is not deleted while a dataset names it, and is afterwards."""
    with store.write() as uow:
        schema = add_schema(uow)
        dataset = add_dataset(uow, user_schema_id=schema.user_schema_id)
    with pytest.raises(ResourceInUse, match=dataset.dataset_id), store.write() as uow:
        uow[UserSchemas].delete(ORG, schema.user_schema_id)
    with store.write() as uow:
        uow[GroundTruthDatasets].update(ORG, replace(dataset, user_schema_id=None))
        uow[UserSchemas].delete(ORG, schema.user_schema_id)
        for call in (uow[UserSchemas].get, uow[UserSchemas].delete):
            with pytest.raises(NotFound):
                call(ORG, schema.user_schema_id)


def test_a_dataset_is_stored_as_it_was_given(store):
    """A created dataset reads back, empty, under a UUID with every field that was given."""
    with store.write() as uow:
        schema = add_schema(uow)
        new = NewGroundTruthDataset(name="n", description="d", user_schema_id=schema.user_schema_id)
        made = uow[GroundTruthDatasets].create(ORG, new)
    with store.read() as uow:
        assert uow[GroundTruthDatasets].get(ORG, made.dataset_id) == made
    assert str(UUID(made.dataset_id)) == made.dataset_id
    assert (made.name, made.description, made.document_count) == ("n", "d", 0)
    assert made.user_schema_id == schema.user_schema_id


def test_a_dataset_is_changed_in_name_description_and_schema(store, dataset, clock):
    """An update stores name, description and schema of a dataset, and its time."""
    clock.advance(5)
    with store.write() as uow:
        schema = add_schema(uow)
        wanted = replace(dataset, name="n", description="d", user_schema_id=schema.user_schema_id)
        stored = uow[GroundTruthDatasets].update(ORG, replace(wanted, document_count=9))
    assert stored == replace(wanted, updated_at=clock.now())
    with pytest.raises(InvalidArgument), store.write() as uow:
        uow[GroundTruthDatasets].update(ORG, replace(stored, name=" "))


def test_a_dataset_cannot_name_an_absent_schema(store, dataset):
    """A schema that is absent, or another organization's, is refused as absent."""
    with store.write() as uow:
        hidden = uow[UserSchemas].create(OTHER, NEW_SCHEMA).user_schema_id
    for absent in ("none", hidden):
        with pytest.raises(NotFound, match="field schema"), store.write() as uow:
            add_dataset(uow, user_schema_id=absent)
        with pytest.raises(NotFound, match="field schema"), store.write() as uow:
            uow[GroundTruthDatasets].update(ORG, replace(dataset, user_schema_id=absent))


@pytest.mark.parametrize("noun", [UserSchemas, GroundTruthDatasets])
def test_pages_of_resources_are_stable(store, clock, noun):
    """Pages repeat and skip nothing while others come in, and count tells how many there are."""
    add = {UserSchemas: add_schema, GroundTruthDatasets: add_dataset}[noun]
    with store.write() as uow:
        made = [add(uow) for _ in range(5)]
        clock.advance(1)
        made.append(add(uow))

    def page(after):
        with store.write() as uow:
            found = uow[noun].list(ORG, limit=2, after=after)
            clock.advance(1)
            add(uow)
        return found

    seen = walk(page)
    assert seen[0] == made[-1]
    assert sorted(map(repr, seen)) == sorted(map(repr, made))
    with store.read() as uow:
        assert uow[noun].count(ORG) == 6 + 3


def test_an_entry_is_stored_as_it_was_given(store, dataset, clock):
    """An added entry reads back, and the dataset counts it and is changed by it."""
    clock.advance(1)
    new = NewEntry(document_id="døc/1 ✓", expected='{"a":"\\u0000","b":1.10}', notes="x\ny")
    with store.write() as uow:
        made = uow[Entries].add(ORG, dataset.dataset_id, new)
    with store.read() as uow:
        assert uow[Entries].get(ORG, dataset.dataset_id, made.entry_id) == made
        changed = uow[GroundTruthDatasets].get(ORG, dataset.dataset_id)
    assert str(UUID(made.entry_id)) == made.entry_id
    assert (made.document_id, made.expected, made.notes) == (
        new.document_id,
        new.expected,
        new.notes,
    )
    assert changed == replace(dataset, document_count=1, updated_at=clock.now())


def test_a_document_is_in_a_dataset_once(store, dataset):
    """A document that the dataset has is refused, and is free in another dataset."""
    with store.write() as uow:
        uow[Entries].add(ORG, dataset.dataset_id, entry("d"))
        uow[Entries].add(ORG, add_dataset(uow).dataset_id, entry("d"))
    with pytest.raises(AlreadyExists, match="'d'"), store.write() as uow:
        uow[Entries].add(ORG, dataset.dataset_id, entry("d"))
    with store.read() as uow:
        assert uow[GroundTruthDatasets].get(ORG, dataset.dataset_id).document_count == 1


def test_many_entries_leave_out_those_that_are_there(store, dataset):
    """Of many entries those of documents met before are left out, and told by their places."""
    with store.write() as uow:
        uow[Entries].add(ORG, dataset.dataset_id, entry("b"))
        new = [entry(one) for one in ("a", "b", "c", "a", "c", "d")]
        assert uow[Entries].add_many(ORG, dataset.dataset_id, new) == (1, 3, 4)
        assert uow[Entries].add_many(ORG, dataset.dataset_id, []) == ()
    with store.read() as uow:
        page = uow[Entries].list(ORG, dataset.dataset_id, limit=9)
        assert uow[GroundTruthDatasets].get(ORG, dataset.dataset_id).document_count == 4
    assert sorted(one.document_id for one in page.items) == ["a", "b", "c", "d"]


def test_many_entries_are_listed_in_their_order(store, dataset):
    """A listing has the entries of one import in the reverse order of the import."""
    names = [f"d{number}" for number in range(1200)]
    with store.write() as uow:
        add_entries(uow, dataset.dataset_id, *names)
    seen = walk(lambda after: _page(store, dataset, limit=500, after=after))
    assert [one.document_id for one in seen] == names[::-1]


def _page(store, dataset, **given):
    with store.read() as uow:
        return uow[Entries].list(ORG, dataset.dataset_id, **given)


def test_a_listing_of_entries_may_be_of_one_document(store, dataset):
    """A listing by document holds its entry alone, and of an unknown document nothing."""
    with store.write() as uow:
        add_entries(uow, dataset.dataset_id, "a", "b")
    found = _page(store, dataset, limit=9, document_id="b")
    assert [one.document_id for one in found.items] == ["b"]
    assert found.next is None
    assert _page(store, dataset, limit=9, document_id="c").items == ()


def test_a_page_of_entries_is_bounded_in_bytes(store, dataset):
    """Pages are cut at their bytes, each has one entry at least, and together they are all."""
    with store.write() as uow:
        for name in "abcde":
            uow[Entries].add(ORG, dataset.dataset_id, entry(name, '{"k":"%s"}' % ("x" * 100)))
    for most, sizes in ((1, [1] * 5), (250, [2, 2, 1]), (10_000, [5])):
        counts = []

        def page(after, most=most, counts=counts):
            found = _page(store, dataset, limit=9, after=after, max_bytes=most)
            counts.append(len(found.items))
            return found

        assert len({one.document_id for one in walk(page)}) == 5
        assert counts == sizes


def test_a_dataset_has_a_most_of_entries(store, dataset, monkeypatch):
    """An entry more than a dataset may hold is refused, alone or among many, and none is kept."""
    assert documents.MAX_DOCUMENTS == 100_000
    monkeypatch.setattr(documents, "MAX_DOCUMENTS", 3)
    with store.write() as uow:
        add_entries(uow, dataset.dataset_id, "a", "b")
    with pytest.raises(TooLarge, match="at most 3"), store.write() as uow:
        add_entries(uow, dataset.dataset_id, "c", "d")
    with store.write() as uow:
        # Those that are left out do not count.
        assert uow[Entries].add_many(ORG, dataset.dataset_id, [entry("a"), entry("c")]) == (0,)
    with pytest.raises(TooLarge), store.write() as uow:
        uow[Entries].add(ORG, dataset.dataset_id, entry("e"))
    with store.read() as uow:
        assert uow[GroundTruthDatasets].get(ORG, dataset.dataset_id).document_count == 3


def test_an_entry_is_deleted_and_its_document_free_again(store, dataset):
    """A deleted entry is gone, no longer counted, and its document can be added again."""
    with store.write() as uow:
        made = uow[Entries].add(ORG, dataset.dataset_id, entry("a"))
        other = add_dataset(uow)
        for call in (uow[Entries].get, uow[Entries].delete):
            with pytest.raises(NotFound, match="entry"):
                call(ORG, other.dataset_id, made.entry_id)
        uow[Entries].delete(ORG, dataset.dataset_id, made.entry_id)
        for call in (uow[Entries].get, uow[Entries].delete):
            with pytest.raises(NotFound, match="entry"):
                call(ORG, dataset.dataset_id, made.entry_id)
        assert uow[GroundTruthDatasets].get(ORG, dataset.dataset_id).document_count == 0
        uow[Entries].add(ORG, dataset.dataset_id, entry("a"))


def test_a_deleted_dataset_takes_its_entries_along(store, dataset):
    """A deleted dataset is gone with its entries; extractions of their documents stay."""
    with store.write() as uow:
        made = uow[Entries].add(ORG, dataset.dataset_id, entry("a"))
        run = add_extractions(uow, "a")
        uow[GroundTruthDatasets].delete(ORG, dataset.dataset_id)
    with store.write() as uow:
        for call in (
            lambda: uow[GroundTruthDatasets].get(ORG, dataset.dataset_id),
            lambda: uow[GroundTruthDatasets].delete(ORG, dataset.dataset_id),
            lambda: uow[GroundTruthDatasets].update(ORG, dataset),
            lambda: uow[Entries].add(ORG, dataset.dataset_id, entry("b")),
            lambda: uow[Entries].add_many(ORG, dataset.dataset_id, [entry("b")]),
            lambda: uow[Entries].get(ORG, dataset.dataset_id, made.entry_id),
            lambda: uow[Entries].delete(ORG, dataset.dataset_id, made.entry_id),
            lambda: uow[Entries].list(ORG, dataset.dataset_id, limit=1),
            lambda: uow[Entries].by_document(ORG, dataset.dataset_id, limit=1),
            lambda: uow[Extractions].pairs(ORG, dataset.dataset_id, run_id=None, limit=1),
        ):
            with pytest.raises(NotFound, match="dataset"):
                call()
        assert uow[ExtractionRuns].get(ORG, run.run_id).document_count == 1


def test_entries_are_walked_by_document(store, dataset):
    """Entries come by rising document id in bytes, page by page, bounded by number and bytes."""
    names = ["a", "B", "ä", "z", "10", "9"]
    with store.write() as uow:
        add_entries(uow, dataset.dataset_id, *names)
        seen, after = [], ""
        while found := uow[Entries].by_document(ORG, dataset.dataset_id, limit=4, after=after):
            seen += [one.document_id for one in found]
            after = seen[-1]
        assert seen == sorted(names, key=str.encode)
        one = uow[Entries].by_document(ORG, dataset.dataset_id, limit=4, max_bytes=1)
        assert [found.document_id for found in one] == ["10"]


def test_pairs_take_the_newest_extraction_of_all_runs(store, dataset, clock):
    """Without a run each document comes with its newest extraction, or with none."""
    with store.write() as uow:
        add_entries(uow, dataset.dataset_id, "a", "b", "c")
        old = add_extractions(uow, "a", "b", "x", data='{"old":1}')
        clock.advance(1)
        new = add_extractions(uow, "b", data='{"new":1}')
        pairs = uow[Extractions].pairs(ORG, dataset.dataset_id, run_id=None, limit=9)
    assert [(one.document_id, one.data, one.run_id) for one in pairs] == [
        ("a", '{"old":1}', old.run_id),
        ("b", '{"new":1}', new.run_id),
        ("c", None, None),
    ]
    assert pairs[0].expected == '{"k":"v"}'
    assert pairs[0].confidence == '{"k":0.5}'
    assert (pairs[2].extraction_id, pairs[2].confidence) == (None, None)


def test_pairs_may_be_of_one_run(store, dataset, clock):
    """With a run each document comes with this run's extraction alone; an absent run is refused."""
    with store.write() as uow:
        add_entries(uow, dataset.dataset_id, "a", "b", "c")
        old = add_extractions(uow, "a", data='{"old":1}')
        clock.advance(1)
        add_extractions(uow, "a", "b", data='{"new":1}')
        pairs = uow[Extractions].pairs(ORG, dataset.dataset_id, run_id=old.run_id, limit=9)
        assert [one.data for one in pairs] == ['{"old":1}', None, None]
        with pytest.raises(NotFound, match="extraction run"):
            uow[Extractions].pairs(ORG, dataset.dataset_id, run_id="none", limit=9)


def test_pairs_are_bounded_in_number_and_bytes(store, dataset):
    """Pages of pairs go on after a document, and both halves count for their bytes."""
    with store.write() as uow:
        add_entries(uow, dataset.dataset_id, "a", "b", "c")
        add_extractions(uow, "a", "b", "c", data='{"k":"%s"}' % ("x" * 1000))
        given = {"run_id": None, "limit": 2}
        first = uow[Extractions].pairs(ORG, dataset.dataset_id, **given)
        rest = uow[Extractions].pairs(ORG, dataset.dataset_id, **given, after="b")
        small = uow[Extractions].pairs(ORG, dataset.dataset_id, **given, max_bytes=1500)
        assert uow[Extractions].pairs(ORG, dataset.dataset_id, **given, after="c") == ()
    assert [[one.document_id for one in page] for page in (first, rest, small)] == [
        ["a", "b"],
        ["c"],
        ["a"],
    ]


def test_writers_of_one_dataset_at_once_count_right(store, dataset, open_another):
    """Imports of the same documents at the same time store each once and count it once."""
    stores = [store, open_another()]
    new = [entry(f"d{number}") for number in range(40)]

    def add(index: int) -> int:
        with stores[index % 2].write() as uow:
            return len(uow[Entries].add_many(ORG, dataset.dataset_id, new[index * 5 :]))

    left_out = sum(together(add, 6))
    with store.read() as uow:
        assert uow[GroundTruthDatasets].get(ORG, dataset.dataset_id).document_count == 40
        assert len(uow[Entries].list(ORG, dataset.dataset_id, limit=99).items) == 40
    assert left_out == sum(40 - 5 * index for index in range(6)) - 40


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: NewUserSchema(name="", definition=b"{}"), "name"),
        (lambda: NewUserSchema(name="n", definition=b"{}", description="x" * 4001), "description"),
        (lambda: NewGroundTruthDataset(name="x" * 201), "name"),
        (lambda: NewGroundTruthDataset(name="\t\n "), "name"),
        (lambda: NewGroundTruthDataset(name="a\0b"), "name"),
        (lambda: NewGroundTruthDataset(name="a\ud800b"), "name"),
        (lambda: NewGroundTruthDataset(name="n", description="\0"), "description"),
        (lambda: entry(""), "document_id"),
        (lambda: entry(" "), "document_id"),
        (lambda: entry("x" * 501), "document_id"),
        (lambda: entry("a\0b"), "document_id"),
        (lambda: entry("a\nb"), "document_id"),
        (lambda: entry("a\x85b"), "document_id"),
        (lambda: entry("a\udfffb"), "document_id"),
        (lambda: replace(entry("d"), notes="\0"), "notes"),
        (lambda: replace(entry("d"), notes="x" * 4001), "notes"),
    ],
)
def test_wrong_texts_are_refused_by_name(make, field):
    """Names, ids and notes that cannot be stored or seen are refused, naming the field."""
    with pytest.raises(InvalidArgument) as refused:
        make()
    assert refused.value.violations[0].field == field
