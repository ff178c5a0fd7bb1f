from pathlib import Path

from assay.extraction.alignment import MAX_PAIRS, MAX_WORK
from assay.extraction.comparison import NORMALISER
from assay.extraction.date_words import LANGUAGES
from assay.extraction.measures import MEASURES, Undefined
from assay.extraction.outcome import Outcome
from assay.extraction.schema import _OPTIONS, MAX_DEPTH, MAX_LEAVES, FieldType

PAGE = (Path(__file__).parents[2] / "docs" / "extraction.md").read_text()


def test_page_names_every_word():
    """docs/extraction.md names each type, option, outcome, measure, reason, and the normaliser."""
    words = [*FieldType, *_OPTIONS, *Outcome, *MEASURES, *Undefined, NORMALISER]
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_page_states_the_limits():
    """The limits that docs/extraction.md states are those that hold."""
    text = " ".join(PAGE.split())
    for number, words in (
        (MAX_LEAVES, "leaves"),
        (MAX_DEPTH, "levels"),
        (MAX_PAIRS, "pairs are weighed"),
        (len(LANGUAGES), "languages"),
    ):
        assert f"{number:,} {words}".replace(",", " ") in text
    assert f"{MAX_WORK:,}".replace(",", " ") in text
