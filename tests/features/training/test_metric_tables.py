"""The tables of a job's metrics."""

from __future__ import annotations

from msgspec import UNSET

from assay.features.training.metric_tables import (
    class_table,
    confusion_table,
    curve_table,
    field_table,
    metric_tables,
    regression_table,
    search_table,
)
from assay.features.training.model import (
    ClassLevel,
    Epoch,
    FieldLevel,
    RegressionLevel,
    Setting,
    Tables,
    Trial,
)

LEVEL = ClassLevel(labels=("W2", "ADP"), confusion=((5, 1), (0, 4)), ece=(0.0514, 0.125))
EPOCHS = (
    Epoch(train_loss=0.54, validation_loss=0.25),
    Epoch(train_loss=0.21, validation_loss=0.31),
    Epoch(train_loss=0.15, validation_loss=0.29),
)


def trial(number: int, rate: float, objective: float | None) -> Trial:
    """Return a trial of two settings."""
    settings = (
        Setting(name="learning_rate", value=rate),
        Setting(name="num_train_epochs", value=18),
    )
    return Trial(number=number, settings=settings, objective=objective)


def test_the_documented_classifier_table_follows_from_its_confusion_matrix() -> None:
    """Scores are percents, supports numbers, errors have three digits and averages none."""
    table = class_table("Record", LEVEL)
    assert table.title == "Record-wise Classifier Metrics"
    assert table.subtitle == (
        "Performance of the Classifier model measured on the Record level. Measure how accurately "
        "model is classifing each Record to the given class"
    )
    assert table.headers == ("Class Type", "F1 Score", "Precision", "Recall", "Support", "ECE")
    assert table.rows == (
        ("W2", "90.91%", "100.00%", "83.33%", 6.0, "0.051"),
        ("ADP", "88.89%", "80.00%", "100.00%", 4.0, "0.125"),
        ("macro avg", "89.90%", "90.00%", "91.67%", 10.0, "N/A"),
        ("weighted avg", "90.10%", "92.00%", "90.00%", 10.0, "N/A"),
    )
    assert all(isinstance(row[4], float) for row in table.rows)
    assert table.show is UNSET


def test_the_chunk_table_differs_in_its_unit() -> None:
    """Title and subtitle name chunks."""
    table = class_table("Chunk", LEVEL)
    assert table.title == "Chunk-wise Classifier Metrics"
    assert table.subtitle == (
        "Performance of the Classifier model measured on the Chunk level. Measure how accurately "
        "model is classifing each Chunk to the given class"
    )


def test_the_curve_has_as_many_epochs_as_were_run() -> None:
    """The first header names the epoch, the others are its number; it is not shown."""
    table = curve_table(EPOCHS)
    assert table.headers == ("Dataset Split", "Epoch 1", "2", "3")
    assert table.rows == (("Train", 0.54, 0.21, 0.15), ("Eval", 0.25, 0.31, 0.29))
    assert table.show is False
    assert curve_table(()).headers == ("Dataset Split",)
    assert curve_table(()).rows == (("Train",), ("Eval",))


def test_the_confusion_matrix_has_counts() -> None:
    """A row is a true class, its cells are integers; it is not shown."""
    table = confusion_table(LEVEL)
    assert table.headers == ("class name", "W2", "ADP")
    assert table.rows == (("W2", 5, 1), ("ADP", 0, 4))
    assert table.show is False


def test_the_best_trials_keep_their_numbers() -> None:
    """At most five, best first and earlier first of equals, all cells texts, none pruned."""
    rates = [4.565751263925242e-06, 1.7003557680081774e-05, 0.1, 0.2, 0.3, 0.4, 0.5]
    objectives = [1.0, 1.0, 0.25, None, 1.0, 0.5, 0.75]
    table = search_table(
        trial(at, rate, found)
        for at, (rate, found) in enumerate(zip(rates, objectives, strict=True))
    )
    assert table.title == "Hyperparameter search results"
    assert table.subtitle == (
        "Top 5 runs from hyperparameter search, sorted by the objective value on validation dataset"
    )
    assert table.headers == ("Trial number", "learning_rate", "num_train_epochs", "Objective value")
    assert [row[0] for row in table.rows] == ["0", "1", "4", "6", "5"]
    assert table.rows[0] == ("0", "4.565751263925242e-06", "18", "1.0000")


def test_the_subtitle_of_few_trials_says_how_many() -> None:
    """A search of two trials is not called the top five."""
    assert search_table([trial(0, 0.1, 0.5), trial(1, 0.2, 0.25)]).subtitle.startswith("Top 2 runs")


def test_fields_stand_below_their_averages() -> None:
    """Micro adds counts up, macro is the plain mean."""
    fields = (
        FieldLevel(field="Gross Pay", correct=3, extracted=4, expected=4),
        FieldLevel(field="Pay Date", correct=0, extracted=0, expected=2, ece=0.5),
    )
    table = field_table("Individual fields level metrics", "", fields)
    assert table.rows == (
        ("Micro Average", "60.00%", "75.00%", "50.00%", 6.0, "N/A"),
        ("Macro Average", "37.50%", "37.50%", "37.50%", 6.0, "N/A"),
        ("Gross Pay", "75.00%", "75.00%", "75.00%", 4.0, "N/A"),
        ("Pay Date", "0.00%", "0.00%", "0.00%", 2.0, "0.500"),
    )


def test_a_regression_has_a_row_a_split() -> None:
    """What is not defined is N/A."""
    levels = [
        RegressionLevel(split="Train", rows=3, metrics={"r2": 0.5, "rmse": 1.25, "mae": 1.0}),
        RegressionLevel(split="Test", rows=1, metrics={"rmse": 2.0, "mae": 2.0}),
    ]
    assert regression_table(levels).rows == (
        ("Train", "0.5000", "1.2500", "1.0000", 3.0),
        ("Test", "N/A", "2.0000", "2.0000", 1.0),
    )


def test_a_job_that_has_just_begun_has_a_table() -> None:
    """Before the first epoch the curve is empty, and it is there."""
    assert [one.title for one in metric_tables(Tables(epochs=()))] == ["Train-Validation Curve"]


def test_tables_stand_in_the_documented_order() -> None:
    """Records, chunks, curve, matrix and search; curve and matrix alone are not shown."""
    tables = metric_tables(
        Tables(records=LEVEL, chunks=LEVEL, epochs=EPOCHS, trials=(trial(0, 0.1, 1.0),))
    )
    assert [one.title for one in tables] == [
        "Record-wise Classifier Metrics",
        "Chunk-wise Classifier Metrics",
        "Train-Validation Curve",
        "Confusion Matrix",
        "Hyperparameter search results",
    ]
    assert [one.show for one in tables] == [UNSET, UNSET, False, False, UNSET]
