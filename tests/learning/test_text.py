"""Text classification: features, chunks, and models that any cut of the rows leaves as they are."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from assay.learning.errors import DataError
from assay.learning.families import family_of
from assay.learning.hyperparameters import resolve
from assay.learning.model import Model
from assay.learning.rows import TaskType
from assay.learning.text import MAX_CHARACTERS, ChunkedText, place_counts
from tests.support.learning_rows import TEXT_SCHEMA, cut, language_rows, text_rows, trained

TEXT = TaskType.TEXT_CLASSIFICATION
LANGUAGES = ("de", "nl", "ru", "uk")


@pytest.fixture(scope="module")
def rows():
    """Training rows of four languages."""
    return language_rows("train", LANGUAGES)


@pytest.fixture(scope="module")
def model(rows):
    """A model of them."""
    return trained(TEXT, [rows], num_train_epochs=3)


def featurizer_of(batch, **given):
    """The featurizer of one block."""
    family = family_of(resolve(TEXT, given))
    return family.featurizer(family.summarize(batch))


def test_features_are_scikit_learns_tf_idf(rows):
    """Weights and lengths of rows are those of scikit-learn's TfidfTransformer."""
    featurizer = featurizer_of(rows, min_document_frequency=3)
    block = featurizer.transform(rows)
    counts = sparse.lil_array((block.chunks, 1 << 18))
    first = 0
    for grams in ChunkedText.of(rows, featurizer.hyperparameters).grams():
        chunk_of, places, numbers = place_counts(grams, 18)
        counts[first + chunk_of, places] = numbers
        first += len(grams.sizes)
    counts = counts.tocsr()
    frequent = np.flatnonzero(np.bincount(counts.indices, minlength=1 << 18) >= 3)
    assert np.array_equal(featurizer.places, frequent)
    expected = TfidfTransformer().fit_transform(counts[:, frequent])
    assert abs(expected - block.features).max() < 1e-6


def test_models_tell_languages_apart(model):
    """Records of names that the model never saw are classified by language."""
    test = language_rows("test", LANGUAGES)
    predictions = model.predict(test)
    right = [
        model.labels[code] == label
        for code, label in zip(predictions.codes, test.column("label").to_pylist(), strict=True)
    ]
    assert np.mean(right) > 0.9
    assert len(predictions.record_of) > 1.3 * test.num_rows


def test_records_are_the_means_of_their_chunks(model):
    """A record's probabilities are the mean of its chunks', and sum to 1."""
    predictions = model.predict(language_rows("test", LANGUAGES))
    for record in range(len(predictions.row_ids)):
        chunks = predictions.chunk_probabilities[predictions.record_of == record]
        assert np.allclose(chunks.mean(axis=0), predictions.probabilities[record], atol=1e-15)
    assert np.allclose(predictions.probabilities.sum(axis=1), 1)


def test_how_rows_are_cut_changes_no_bit(rows, model):
    """Blocks of any size, and summaries merged in any order, give the same bytes."""
    blocks = cut(rows, 7, 30, 1)
    assert trained(TEXT, blocks, num_train_epochs=3).encode() == model.encode()
    family = family_of(model.hyperparameters)
    summaries = [family.summarize(block) for block in blocks]
    ahead, back = family.merge(summaries), family.merge(summaries[::-1])
    assert (
        family.featurizer(ahead).artifact().arrays.keys()
        == model.featurizer.artifact().arrays.keys()
    )
    assert np.array_equal(ahead.arrays["frequencies"], back.arrays["frequencies"])
    assert ahead.facts == back.facts == family.summarize(rows).facts


def test_predictions_do_not_depend_on_the_rows_beside(model):
    """A row alone has the probabilities that it has in a block, to the bit."""
    test = language_rows("test", LANGUAGES)
    whole = model.predict(test).probabilities
    alone = [model.predict(test.slice(row, 1)).probabilities[0] for row in range(test.num_rows)]
    assert np.array_equal(whole, alone)


def test_other_seeds_give_other_models(rows, model):
    """The seed decides the order of the chunks, and equal seeds are equal bytes."""
    again = trained(TEXT, [rows], num_train_epochs=3)
    other = trained(TEXT, [rows], num_train_epochs=3, seed=1)
    assert again.encode() == model.encode() != other.encode()


def test_models_come_back(model):
    """A decoded model predicts the same bits, and is encoded to the same bytes."""
    data = model.encode()
    read = Model.decode(data)
    test = language_rows("test", LANGUAGES)
    assert np.array_equal(read.predict(test).probabilities, model.predict(test).probabilities)
    assert read.encode() == data


def test_selected_features_are_the_same_columns(rows, model):
    """A featurizer of some features makes their columns, scaled to length 1 again."""
    columns = np.arange(0, model.featurizer.columns, 3)
    some = model.featurizer.select(columns).transform(rows).features.toarray()
    expected = model.featurizer.transform(rows).features[:, columns].toarray()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(some, expected, atol=1e-6)


def test_pages_beyond_the_filter_are_not_read():
    """With npages_to_filter only the first pages count, in the order of the record."""
    batch = pa.RecordBatch.from_pydict(
        {
            "row_id": ["a", "b", "c"],
            "pages": [["eins", "zwei", "drei"], ["eins", "zwei"], ["vier", None]],
            "label": ["x", "x", "y"],
        },
        schema=TEXT_SCHEMA,
    )
    some = featurizer_of(batch, npages_to_filter=2, min_document_frequency=1).transform(batch)
    every = featurizer_of(batch, min_document_frequency=1).transform(batch)
    assert np.array_equal(some.features[[0]].toarray(), some.features[[1]].toarray())
    assert not np.array_equal(every.features[[0]].toarray(), every.features[[1]].toarray())


def test_texts_without_a_word_are_predicted(model):
    """An empty record has one chunk and the probabilities of the classes' frequencies."""
    batch = text_rows(["", "?!", "\U0001f600"], ["de", "de", "xx"])
    block = model.featurizer.transform(batch)
    assert block.chunks == 3
    assert block.features.nnz == 0
    assert block.targets.tolist() == [0, 0, -1]
    assert len(set(map(tuple, model.predict(batch).probabilities.tolist()))) == 1


def test_no_rows_are_no_predictions(model):
    """An empty block has predictions of no rows."""
    predictions = model.predict(text_rows([], []))
    assert predictions.probabilities.shape == (0, 4)
    assert predictions.row_ids == ()


@pytest.mark.parametrize(
    ("texts", "labels", "declared", "says"),
    [
        ([], [], (), "the training split has no rows"),
        (["a b"], ["x"], (), "all training rows are of class 'x'"),
        (["a b", "c d"], ["x", "y"], ("x", "y", "z"), "class 'z' has no training rows"),
        (["a b", "c d"], ["x", "y"], ("x",), "rows of class 'y', which the model does not declare"),
        (["a b", "c d"], ["x", "y"], (), "no word or part of one is in 9 or more chunks"),
        (["a", "b"], ["x", None], (), "row 'r1': the row has no label"),
        (["a" * (MAX_CHARACTERS + 1)], ["x"], (), "row 'r0': the text has 10000001 characters"),
    ],
)
def test_rows_that_teach_nothing_are_refused(texts, labels, declared, says):
    """The error names the class or the row, and the way out."""
    with pytest.raises(DataError, match=says):
        trained(TEXT, [text_rows(texts, labels)], labels=declared, min_document_frequency=9)


def test_many_classes_are_refused():
    """100 000 classes are refused by their number."""
    family = family_of(resolve(TEXT, {}))
    summary = family.summarize(text_rows(["a"], ["x"]))
    facts = {name: {str(label): 1 for label in range(100_000)} for name in ("rows", "chunks")}
    summary = type(summary)(kind=summary.kind, facts=facts, arrays=summary.arrays)
    with pytest.raises(DataError, match="has 100000 classes"):
        family.featurizer(summary)


def test_too_many_weights_are_refused():
    """Classes times features have a bound, which the error gives."""
    labels = [f"c{number}" for number in range(2000)]
    texts = [f"{number**9:x}" for number in range(2000)]
    with pytest.raises(DataError, match=r"2000 classes times .* at most 33554432"):
        trained(TEXT, [text_rows(texts, labels)], min_document_frequency=1, char_ngrams=5)
