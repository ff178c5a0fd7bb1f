from pathlib import Path

from assay.extraction.alignment import MAX_PAIRS, MAX_WORK
from assay.extraction.comparison import NORMALISER
from assay.extraction.date_words import LANGUAGES
from assay.extraction.measures import MEASURES, Undefined
from assay.extraction.outcome import Outcome
from assay.extraction.schema import _OPTIONS, MAX_DEPTH, MAX_LEAVES, FieldType
from assay.features.benchmarks.job_predictions import TASK_ROWS
from assay.features.imports.model import MAX_DOCUMENTS
from assay.v1 import benchmark_service_pb2

PAGE = (Path(__file__).parents[2] / "docs" / "extraction.md").read_text()


def test_page_names_every_word():
    """docs/extraction.md names each type, option, outcome, measure, reason, and the normaliser."""
    words = [*FieldType, *_OPTIONS, *Outcome, *MEASURES, *Undefined, NORMALISER]
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_page_tells_how_a_version_is_measured():
    """docs/extraction.md names what a benchmark of a version is asked for, and the rows of a task."""
    fields = benchmark_service_pb2.CreateBenchmarkRequest.DESCRIPTOR.fields
    of_a_model = [one.name for one in fields if one.number >= 7]
    assert of_a_model == ["model_id", "version", "documents", "split"]
    assert [name for name in of_a_model if f"| `{name}` |" not in PAGE] == []
    assert f"{TASK_ROWS} rows a task" in PAGE
    assert f"more than {MAX_DOCUMENTS:,} rows".replace(",", " ") in " ".join(PAGE.split())


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
