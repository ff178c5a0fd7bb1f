import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.extraction.comparison import Comparison, DocumentComparison
from assay.extraction.field_counts import KEPT_UNEXPECTED, ComparisonCounts
from assay.extraction.measures import MEASURES, Undefined, measures
from assay.extraction.outcome import Outcome
from assay.records import DamagedRecord
from assay.records.arrays import decode, encode

PATHS = ("total", "vendor.name", "line_items[].amount")


def comparison(path, exact, normalised=None, similarity=None, ambiguous=False):
    return Comparison(
        path=path,
        place=path,
        extracted_place=path,
        expected=None,
        extracted=None,
        exact=exact,
        normalised=normalised or exact,
        similarity=similarity,
        ambiguous=ambiguous,
    )


def document(*comparisons, unexpected=(), extracted=True):
    return DocumentComparison(comparisons=comparisons, unexpected=unexpected, extracted=extracted)


# An ANLS is 0 or 1 - d/n with d/n below one half.
similarities = st.one_of(
    st.none(),
    st.integers(1, 300).flatmap(
        lambda n: st.integers(0, n).map(lambda d: 1 - d / n if d / n < 0.5 else 0.0)
    ),
)
documents = st.builds(
    lambda comparisons, unexpected, extracted: document(
        *comparisons, unexpected=tuple(unexpected), extracted=extracted
    ),
    st.lists(
        st.builds(
            comparison,
            st.sampled_from(PATHS),
            st.sampled_from(Outcome),
            st.sampled_from(Outcome),
            similarities,
            st.booleans(),
        ),
        max_size=6,
    ),
    st.lists(st.text(max_size=3), max_size=3),
    st.booleans(),
)


@given(st.lists(documents, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_any_sharding_gives_the_same_bytes(many, rng):
    """However documents are ordered, split and merged, the tally's bytes are the same."""
    whole = ComparisonCounts.of_all(many)
    shuffled = rng.sample(many, len(many))
    parts = [ComparisonCounts.empty()]
    while shuffled:
        size = rng.randint(1, len(shuffled))
        parts.append(ComparisonCounts.of_all(shuffled[:size]))
        del shuffled[:size]
    while len(parts) > 1:  # any bracketing
        one = parts.pop(rng.randrange(len(parts)))
        other = parts.pop(rng.randrange(len(parts)))
        parts.append(decode(ComparisonCounts, encode(one.merge(other))))
    assert parts[0] == whole
    assert encode(parts[0]) == encode(whole)
    assert encode(ComparisonCounts.merge_all(map(ComparisonCounts.of, many))) == encode(whole)


@given(st.lists(similarities, min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_mean_similarity_is_correctly_rounded(values):
    """The mean similarity is the float nearest to the exact mean."""
    fuzzy = [value for value in values if value is not None]
    tally = ComparisonCounts.of_all(
        document(comparison("a", Outcome.WRONG, None, v)) for v in values
    )
    exact = sum(map(Fraction, fuzzy)) / len(fuzzy) if fuzzy else None
    assert tally.field("a").mean_similarity == (None if exact is None else float(exact))


def test_measures_are_those_counted_by_hand():
    """Six correct, two wrong, one invented, three missed, four correctly empty: by hand."""
    outcomes = [Outcome.CORRECT] * 6 + [Outcome.WRONG] * 2 + [Outcome.INVENTED]
    outcomes += [Outcome.MISSED] * 3 + [Outcome.EMPTY] * 4
    told = measures(ComparisonCounts.of_all(document(comparison("a", o)) for o in outcomes))
    assert told.by_field["a"].normalised.values == {
        "accuracy": 10 / 16,
        "accuracy_present": 6 / 11,
        "precision": 6 / 9,
        "recall": 6 / 11,
        "f1": 12 / 20,
        "invented_rate": 1 / 5,
        "missed_rate": 3 / 11,
    }
    assert told.overall.normalised == told.by_field["a"].normalised
    assert told.overall.normalised.accuracy == told.document_accuracy == 10 / 16
    assert (told.documents, told.perfect_documents, told.extracted_documents) == (16, 10, 16)


def test_overall_accuracy_pools_comparisons():
    """The overall accuracy is right / all comparisons: 140 of 150 is 0.9333…, unrounded."""
    many = [
        document(
            comparison("vendor_name", Outcome.CORRECT if i < 49 else Outcome.WRONG),
            comparison("total_amount", Outcome.CORRECT if i < 45 else Outcome.MISSED),
            comparison("invoice_number", Outcome.CORRECT if i < 46 else Outcome.WRONG),
        )
        for i in range(50)
    ]
    told = measures(ComparisonCounts.of_all(many))
    assert told.overall.normalised.accuracy == 140 / 150
    by_field = {path: field.normalised.accuracy for path, field in told.by_field.items()}
    assert by_field == {"vendor_name": 0.98, "total_amount": 0.9, "invoice_number": 0.92}


def test_tracks_are_counted_apart():
    """What is right but for its spelling is wrong on the exact track alone."""
    tally = ComparisonCounts.of(document(comparison("a", Outcome.WRONG, Outcome.CORRECT)))
    told = measures(tally).overall
    assert (told.exact.accuracy, told.normalised.accuracy) == (0.0, 1.0)
    assert tally.field("a").count("exact", Outcome.WRONG) == 1
    assert tally.field("a").count("normalised", Outcome.WRONG) == 0


@pytest.mark.parametrize(
    ("outcomes", "undefined"),
    [
        ([], dict.fromkeys(MEASURES, Undefined.EMPTY)),
        (
            [Outcome.EMPTY],
            {
                "accuracy_present": Undefined.NOTHING_EXPECTED,
                "precision": Undefined.NOTHING_EXTRACTED,
                "recall": Undefined.NOTHING_EXPECTED,
                "f1": Undefined.NOTHING_EXPECTED,
                "missed_rate": Undefined.NOTHING_EXPECTED,
            },
        ),
        (
            [Outcome.MISSED],
            {"precision": Undefined.NOTHING_EXTRACTED, "invented_rate": Undefined.NOTHING_ABSENT},
        ),
        (
            [Outcome.INVENTED],
            {
                "accuracy_present": Undefined.NOTHING_EXPECTED,
                "recall": Undefined.NOTHING_EXPECTED,
                "missed_rate": Undefined.NOTHING_EXPECTED,
            },
        ),
    ],
)
def test_undefined_measure_has_a_reason(outcomes, undefined):
    """Each measure has a value or a reason, never both, never neither, never NaN."""
    told = measures(ComparisonCounts.of(document(*(comparison("a", o) for o in outcomes)))).overall
    for track in (told.exact, told.normalised):
        assert track.undefined == undefined
        assert set(track.values) | set(track.undefined) == set(MEASURES)
        assert not set(track.values) & set(track.undefined)


def test_unexpected_fields_are_counted_in_bounded_memory():
    """All unexpected fields are counted; by name only the first ones, however they are merged."""
    names = [f"extra{i:05}" for i in range(5 * KEPT_UNEXPECTED)]
    random.Random(3).shuffle(names)
    parts = [ComparisonCounts.of(document(unexpected=(name, "aaa"))) for name in names]
    told = measures(ComparisonCounts.merge_all(parts))
    assert told.unexpected_total == 2 * len(names)
    assert list(told.unexpected) == ["aaa", *sorted(names)[: KEPT_UNEXPECTED - 1]]
    assert told.unexpected["aaa"] == len(names)


def test_document_without_extraction_is_counted():
    """Documents without an extraction are documents, but not extracted ones."""
    told = measures(ComparisonCounts.of(document(comparison("a", Outcome.MISSED), extracted=False)))
    assert (told.documents, told.extracted_documents, told.perfect_documents) == (1, 0, 0)


def test_damaged_bytes_are_refused():
    """Every single flipped bit, every cut and another kind's bytes are refused, never misread."""
    whole = encode(
        ComparisonCounts.of(document(comparison("a", Outcome.CORRECT), unexpected=("b",)))
    )
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        for data in (bytes(damaged), whole[:at]):
            with pytest.raises(DamagedRecord):
                decode(ComparisonCounts, data)
