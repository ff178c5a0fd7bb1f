"""Paths of fields in documents."""

from hypothesis import given
from hypothesis import strategies as st

from assay.extraction.field_path import MAX_NAME, FieldPath
from assay.extraction.schema import usable_name
from assay.extraction.values import MISSING

NAMES = st.text(min_size=1, max_size=MAX_NAME).filter(usable_name)
STEPS = st.one_of(NAMES, st.integers(0, 9999), st.none())


@given(NAMES, st.lists(STEPS, max_size=5))
def test_a_path_is_read_as_it_is_written(name, steps):
    """Whatever a field is called, the text of its path leads back to the path."""
    path = FieldPath((name, *steps))
    assert FieldPath.parse(str(path)) == path


def test_paths_are_written_as_in_the_documents():
    """Plain names are joined by points, rows and odd names stand in brackets."""
    path = FieldPath(("lines", 2)).child("VAT id").child("amount")
    assert str(path) == 'lines[2]["VAT id"].amount'
    assert str(FieldPath(("lines", None, "amount"))) == "lines[].amount"


def test_a_path_leads_to_its_value_or_to_nothing():
    """What is not there, or of another shape than the path says, is missing and no error."""
    document = {"lines": [{"VAT id": None}], "total": 3}
    assert FieldPath.parse('lines[0]["VAT id"]').get(document) is None
    assert FieldPath().get(document) is document
    for path in ("lines[1]", "lines.total", "total[0]", "total.x", "other", "lines[]"):
        assert FieldPath.parse(path).get(document) is MISSING
