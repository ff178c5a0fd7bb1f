"""The store of the probe feature, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from assay.kernel.errors import NotFound
from assay.kernel.storage.engine import make_engine
from assay.kernel.storage.store import Store
from tests.probe.tallies.model import Tally, WordCounts
from tests.probe.tallies.store import Tallies, tallies


@pytest.fixture
def tally_store(url: str, open_another: Callable[[], Store]) -> Iterator[Store]:
    """A store whose database has the table of tallies beside the product's."""
    engine = make_engine(url)
    tallies.create(engine)
    store = open_another()
    yield store
    store.close()
    tallies.drop(engine)
    engine.dispose()


def test_a_tally_is_counted_later(tally_store):
    """A tally has no result until it is finished."""
    counted = WordCounts(counts={"a": 2})
    with tally_store.write() as uow:
        made = uow[Tallies].create("acme", "t", "j")
        uow[Tallies].finish("acme", "t", counted)
    assert made == Tally(tally_id="t", job_id="j")
    with tally_store.read() as uow:
        assert uow[Tallies].get("acme", "t").result == counted


def test_a_tally_of_another_organization_is_absent(tally_store):
    """A tally can be neither read nor finished by another organization."""
    with tally_store.write() as uow:
        uow[Tallies].create("acme", "t", "j")
    with pytest.raises(NotFound), tally_store.read() as uow:
        uow[Tallies].get("other", "t")
    with pytest.raises(NotFound), tally_store.write() as uow:
        uow[Tallies].finish("other", "t", WordCounts(counts={}))
