"""No circle of imports: neither between modules nor between the folders of features."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import grimp
import pytest

FEATURES = "assay.features."
Graph = Mapping[str, set[str]]


@pytest.fixture(scope="module")
def modules() -> Graph:
    """What each module imports of Assay, in functions and for types too."""
    graph = grimp.build_graph("assay", cache_dir=None)
    return {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}


def reachable(graph: Graph, start: str) -> Iterator[str]:
    """Yield whatever `start` imports, over any number of others."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph.get(waiting.pop(), set()) - seen:
            seen.add(name)
            waiting.append(name)
            yield name


def circular(graph: Graph) -> list[str]:
    """Return the names that import themselves over others."""
    return sorted(name for name in graph if name in set(reachable(graph, name)))


def between_features(modules: Graph) -> Graph:
    """Return which feature imports which."""
    found: dict[str, set[str]] = defaultdict(set)
    for importer, imported in modules.items():
        first, _, rest = importer.removeprefix(FEATURES).partition(".")
        if importer.startswith(FEATURES) and rest:
            others = {name.removeprefix(FEATURES).partition(".")[0]
                      for name in imported if name.startswith(FEATURES)}  # fmt: skip
            found[first] |= others - {first}
    return found


def test_no_modules_import_each_other(modules):
    """No module of service or client imports itself over others."""
    assert len(modules) > 300
    assert circular(modules) == []


def test_no_features_import_each_other(modules):
    """No feature imports itself over others."""
    features = between_features(modules)
    assert features["benchmarks"] >= {"ground_truth", "extraction_runs"}
    assert circular(features) == []


def test_handlers_of_a_feature_are_its_own(modules):
    """No feature imports the handlers, views or job of another one."""
    found = [
        f"{importer} imports {name}"
        for importer, imported in modules.items()
        for name in imported
        if importer.startswith(FEATURES) and name.startswith(FEATURES)
        if importer.split(".")[2] not in {name.split(".")[2], "registry"}
        if name.split(".")[-1] in {"api", "rest", "job", "feature"}
    ]
    assert found == []


def test_a_circle_is_found():
    """Of three names of which two import each other, those two are named."""
    assert circular({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
