"""Suggestions of the name that was meant."""

from __future__ import annotations

import pytest

from assay.cli.nearest import nearest as nearest_of_the_shell
from assay.tabular.roles import PARTS
from assay.tabular.suggestion import nearest

PARAMETERS = ("limit", "cursor", "status", "dataset_id", "dataset_split", "page_size", "page_token")
METRICS = ("accuracy", "f1_score", "roc_auc", "precision")


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("limt", PARAMETERS, "limit"),
        ("LIMIT", PARAMETERS, "limit"),
        ("pageSize", PARAMETERS, "page_size"),
        ("split", PARAMETERS, "dataset_split"),
        ("splt", PARAMETERS, "dataset_split"),
        ("page", PARAMETERS, None),  # a word of two
        ("customer", PARTS, None),
        ("wieght", PARTS, "weight"),
        ("rowid", PARTS, "row_id"),
        ("pred", PARTS, "y_pred"),
        ("acuracy", METRICS, "accuracy"),
        ("f1", METRICS, "f1_score"),
        ("auc", METRICS, "roc_auc"),
        ("loss", METRICS, None),
    ],
)
def test_a_name_is_suggested_where_it_is_near(
    name: str, known: tuple[str, ...], meant: str | None
) -> None:
    """A misspelt name, or one word of a name, suggests it; what is merely alike suggests none."""
    assert nearest(name, known) == meant


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("acuracy", "did you mean 'accuracy'? There are accuracy"),
        ("auc", "did you mean 'roc_auc'? There are"),
        ("customer", "there are accuracy"),
    ],
)
def test_the_shell_suggests_alike(name: str, begin: str) -> None:
    """The command line, which knows names before anything is sent, suggests them likewise."""
    assert nearest_of_the_shell(name, METRICS).startswith(begin)
