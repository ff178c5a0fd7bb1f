"""Words that speak for a class, by linear models of text."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from assay.learning.calibration import Calibration, Sigmoids
from assay.learning.explanations.explaining import explain, explain_batch, predict_and_explain
from assay.learning.feature_block import unpack_matrix
from assay.learning.ngrams import hash_chunks, words_of
from assay.learning.pruning import prune
from assay.learning.rows import TaskType
from tests.support.learning_rows import TEXT_SCHEMA, language_rows, text_rows, trained

TEXT = TaskType.TEXT_CLASSIFICATION
FILL = ("the", "a", "of", "and", "to", "in", "is", "on", "for", "it", "as", "was", "with", "be")
PLANTED = {"cats": "purring", "dogs": "barking", "fish": "swimming"}


def planted(count, seed, words=12):
    """Texts of filling words with one word of their class, and where that stands."""
    rng = np.random.default_rng(seed)
    texts, labels, places = [], [], []
    for number in range(count):
        label = tuple(PLANTED)[number % len(PLANTED)]
        text = rng.choice(FILL, words).tolist()
        places.append(int(rng.integers(words)))
        text[places[-1]] = PLANTED[label]
        texts.append(" ".join(text))
        labels.append(label)
    return text_rows(texts, labels), places


@pytest.fixture(scope="module")
def model():
    """A model of texts with a planted word of their class."""
    return trained(TEXT, [planted(300, 1)[0]], num_train_epochs=20)


@pytest.fixture(scope="module")
def languages():
    """A model of languages whose records are of several chunks that share words."""
    rows = language_rows("train", ("de", "nl", "ru"))
    given = {"max_length": 40, "chunk_overlap": 10, "word_ngrams": 3}
    return trained(TEXT, [rows], num_train_epochs=3, **given), rows.slice(0, 40)


def entries_of(document, label):
    return document["wordImportances"][label]


def test_planted_evidence_comes_first(model):
    """The word that decides is the first of its class, at its place, in every text."""
    batch, places = planted(60, 2)
    for row, found in enumerate(explain_batch(model, batch)):
        label = batch.column("label")[row].as_py()
        first = entries_of(found.document(), label)[0]
        assert (first["word"], first["index"]) == (PLANTED[label], places[row])
        assert first["score"] > 0
        assert found.labels[0] == label


def test_scores_and_base_add_up_to_the_log_odds_of_the_prediction(languages):
    """The scores of all words and the base of a class are log(p / (1 - p)) of its probability."""
    model, batch = languages
    probabilities = model.predict(batch).probabilities
    assert len(model.predict(batch).record_of) > batch.num_rows
    for row, found in enumerate(explain_batch(model, batch, classes=3)):
        for place, label in enumerate(found.labels):
            p = probabilities[row, model.labels.index(label)]
            entries = entries_of(found.document(), label)
            assert len(entries) == len(found.words)
            total = found.bases[place] + sum(entry["score"] for entry in entries)
            assert total == pytest.approx(np.log(p / (1 - p)), abs=1e-9)


def test_a_pruned_and_calibrated_model_explains_what_its_sigmoids_are_taken_of(languages):
    """With calibration the log-odds are times the slope plus the intercept of the class."""
    whole, batch = languages
    model = prune(whole, 0.8).model
    sigmoids = Sigmoids(slopes=np.array([1.5, 0.7, 1.1]), intercepts=np.array([0.2, -0.1, 0.0]))
    calibrated = replace(model, calibration=Calibration(records=sigmoids, chunks=sigmoids))
    plain = model.predict(batch).probabilities
    probabilities = calibrated.predict(batch).probabilities
    for row, found in enumerate(explain_batch(calibrated, batch)):
        assert found.labels[0] == model.labels[int(np.argmax(probabilities[row]))]
        for place, label in enumerate(found.labels):
            code = model.labels.index(label)
            odds = np.log(plain[row, code] / (1 - plain[row, code]))
            wanted = sigmoids.slopes[code] * odds + sigmoids.intercepts[code]
            assert found.bases[place] + found.scores[place].sum() == pytest.approx(wanted, abs=1e-9)


def test_contributions_are_exact():
    """In two classes each n-gram gives its words equal parts of weight times TF-IDF."""
    rows = language_rows("train", ("de", "nl"))
    given = {"word_ngrams": 2, "char_ngrams": 0, "min_document_frequency": 1}
    model = trained(TEXT, [rows], num_train_epochs=3, **given)
    text = "Dollar Dollar Eiland, and eilanden Dollar-Republik"
    tokens = ["dollar", "dollar", "eiland", "and", "eilanden", "dollar", "republik"]
    features = model.featurizer.transform(text_rows([text], ["de"])).features.toarray()[0]
    column_of = model.featurizer.column_of()
    grams = [(at, n) for n in (1, 2) for at in range(len(tokens) - n + 1)]
    columns = [column_of[place_of(tokens[at : at + n])] for at, n in grams]
    expected = np.zeros(len(tokens))
    weights = np.asarray(unpack_matrix("weights", model.state), np.float64)
    for (at, n), column in zip(grams, columns, strict=True):
        if column >= 0:
            share = features[column] / columns.count(column)
            expected[at : at + n] += share * (weights[column, 0] - weights[column, 1]) / n
    assert np.count_nonzero(expected) > 3
    expected[5] += expected[6]  # "Dollar-Republik" is one word of the text
    found = explain(model, text_rows([text], ["de"]))
    assert found.words == tuple(text.split())
    assert np.allclose(found.scores[found.labels.index("de")], expected[:6], atol=1e-6)
    assert np.allclose(found.scores.sum(axis=0), 0, atol=1e-9)


def place_of(tokens):
    """The place of the n-gram of all tokens."""
    words = words_of([" ".join(tokens)])
    ends = [0, *words.text_ends.tolist()]
    given = {"word_ngrams": len(tokens), "char_ngrams": 0, "bits": 18}
    (grams,) = hash_chunks(words, list(pairwise(ends)), **given)
    return int(grams.word_keys[-1][0])


@pytest.mark.parametrize("classes", [2, 3])
def test_a_text_is_explained_as_it_is_alone(languages, classes):
    """Rows explained together have the document of each alone, to the bit."""
    model, batch = languages
    short = text_rows(["Dollar", "", "de Euro in Nederland"], ["de", "de", "nl"])
    batch = pa.concat_batches([batch, short])
    together = explain_batch(model, batch, classes=classes)
    for row in (0, 7, 39, 40, 41, 42):
        alone = explain(model, batch.slice(row, 1), classes=classes)
        assert alone.document() == together[row].document()


def test_predictions_told_with_explanations_have_their_bits(languages):
    """Predictions and explanations of one reading are those of two, also of several groups."""
    model, batch = languages
    sigmoids = Sigmoids(slopes=np.array([1.5, 0.7, 1.1]), intercepts=np.array([0.2, -0.1, 0.0]))
    calibrated = replace(model, calibration=Calibration(records=sigmoids, chunks=sigmoids))
    dots = "." * 600_000
    long = text_rows([f"de Euro {dots}", "", f"{dots} in Nederland"], ["de", "de", "nl"])
    for each, rows in ((model, batch), (calibrated, batch), (model, long)):
        found, explanations = predict_and_explain(each, rows)
        expected = each.predict(rows)
        assert np.array_equal(found.probabilities, expected.probabilities)
        assert np.array_equal(found.chunk_probabilities, expected.chunk_probabilities)
        assert np.array_equal(found.record_of, expected.record_of)
        assert found.row_ids == expected.row_ids
        assert len(explanations) == rows.num_rows


def test_pages_are_explained_as_the_text_that_was_read():
    """Of several pages, or of some that are not read, the text that was read is told."""
    batch, _ = planted(120, 1)
    model = trained(TEXT, [batch], num_train_epochs=5, npages_to_filter=2)
    pages = [["purring is", "it barking", "unread"], ["purring is"], [None, " barking\x1cas"]]
    columns = {"row_id": ["a", "b", "c"], "pages": pages, "label": [""] * 3}
    rows = pa.RecordBatch.from_pydict(columns, schema=TEXT_SCHEMA)
    several, one, blank = explain_batch(model, rows)
    assert several.document()["explainableText"] == "purring is\nit barking"
    assert several.words == ("purring", "is", "it", "barking")
    assert "explainableText" not in one.document()
    assert blank.words == ("barking", "as")
    assert blank.document()["explainableText"].split() == ["barking", "as"]


@pytest.mark.parametrize("text", ["", "   ", "... --- ...", "東京 ω"])
def test_a_text_without_known_words_has_the_base_alone(model, text):
    """Words that the model does not know have a score of zero."""
    found = explain(model, text_rows([text], ["cats"]))
    assert found.words == tuple(text.split())
    assert not found.scores.any()
    assert np.allclose(found.bases, found.totals, atol=1e-9)


def test_long_texts_list_the_words_that_count(model):
    """Of more words than a document lists, those of the largest absolute scores are in it."""
    found = explain(model, text_rows(["the " * 6_000 + "purring"], ["cats"]))
    entries = entries_of(found.document(), "cats")
    assert (len(found.words), len(entries)) == (6_001, 5_000)
    assert entries[0]["index"] == 6_000


def test_white_space_of_a_text_is_that_of_its_lower_case():
    """No character becomes white space, or ceases to be it, in lower case."""
    for code in range(0x110000):
        character = chr(code)
        if character.isspace() or any(map(str.isspace, character.lower())):
            assert character.lower() == character
