"""The recipes of CONTRIBUTING.md, counted against the tree."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from assay.kernel.errors import AssayError, error_classes
from assay.kernel.rpc import methods

ROOT = Path(__file__).parents[2]
RECIPES = (ROOT / "CONTRIBUTING.md").read_text()
AN_RPC = "an RPC with a REST route"
LIMITS = {"a metric": 4, AN_RPC: 7, "a table": 4, "a refusal": 3}
GENERATED = re.compile(
    r"client/assay/(?:v1/|client/types\.py|client/(?:aio/)?calls\.py)|assay/foreign/.*_pb2|/versions/0001_"
)
# Foreign services, some of whose methods are called as ours.
FOREIGN = re.compile(r"protos/foreign/|assay/foreign/|features/edge/")
RPC_TESTS = 2  # of the API, and a golden HTTP exchange
# Whose names no other thing has; more than one feature reads the other tables.
TABLES = {"api_keys": "keys", "user_schemas": "field_schemas"}
PROBE = "tests/probe"
# Reasons that other code names because it acts on them.
ACTED_ON = {
    "INTERNAL", "UNAVAILABLE", "TOO_LARGE", "RATE_LIMITED", "UPLOAD_FINISHED", "NOT_FOUND",
    "SPLIT_NOT_EVALUATED", "NO_PROMOTED_VERSION",
    "NO_TRAINED_VERSION", "ATTEMPTS_SPENT", "DEADLINE_PASSED", "CANCELED",
    "UNIMPLEMENTED",  # a wrong method's, which the gateway knows
    "NO_SCORES", "OUT_OF_RANGE",  # which metrics use as reasons of their own
}  # fmt: skip  # a list
# A new refusal in a process of its own, with a status that no other has.
REFUSAL = """
from assay.gateway.config import response_filter
from assay.kernel.errors import AssayError, StatusMapping
class Teapot(AssayError):
    reason = "TEAPOT"
    status = StatusMapping(
        grpc_code="UNIMPLEMENTED", http_status=418, phrase="I'm a teapot", code="teapot"
    )
print('["418"]' in response_filter([]))
"""


HANDLERS = re.compile(r"/(?:(?:\w+_)?api|rest(?:_\w+)?)\.py$")
MARK = "# Made by `make generate`"  # in what is generated and is called as what people write


@cache
def by_hand() -> dict[str, str]:
    """Return the sources that people write, and the probe's, without tests and benchmarks."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for folder in ("client", "server", "protos", "tools", PROBE)
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".proto", ".lua", ".yaml"}
        and not GENERATED.search(path.as_posix())
        and not FOREIGN.search(path.as_posix())
        and not path.name.startswith("test_")
        and MARK not in path.read_text()
    }


def naming(pattern: str) -> list[str]:
    """Return the files in which a regular expression is found."""
    return [path for path, text in by_hand().items() if re.search(pattern, text)]


def limit(what: str) -> int:
    """Return the number of files that CONTRIBUTING.md has for a recipe."""
    row = re.search(rf"^\| {what} \| (\d+) \|", RECIPES, re.MULTILINE)
    assert row is not None, what
    return int(row[1])


def unary_rpcs() -> Iterator[str]:
    """Yield the names of the methods with a REST route that stream nothing."""
    for service in methods.services():
        for method in methods.methods_of(service):
            if method.http and not (method.client_streaming or method.server_streaming):
                yield method.name


def files_of_rpc(name: str) -> set[str]:
    """Return the files by hand of an RPC: those that name it, its use case, its conversion."""
    # Tools name some as examples and to give their calls other names.
    files = {
        path
        for path, text in by_hand().items()
        if name in text and re.search(rf"\b{name}\b", text) and not path.startswith("tools/")
    }
    (folder,) = {path.rpartition("/")[0] for path in files if HANDLERS.search(path)}
    return files | {f"{folder}/service.py", f"{folder}/convert.py"} & by_hand().keys()


@pytest.mark.parametrize("what", LIMITS)
def test_recipes_stay_short(what: str):
    """CONTRIBUTING.md tells how many files a recipe takes, and no more than the design allows."""
    assert limit(what) <= LIMITS[what]


def test_no_rpc_takes_more_files_than_its_recipe():
    """Each unary RPC with a route is made by hand in the files of the recipe, and no others."""
    found = {name: files_of_rpc(name) for name in unary_rpcs()}
    assert len(found) > 50
    too_many = {
        name: sorted(files)
        for name, files in found.items()
        if len(files) + RPC_TESTS > limit(AN_RPC)
    }
    assert too_many == {}


def test_the_probe_takes_no_more_files_than_its_recipes():
    """RPC and table of the probe feature are in the files of the recipes."""
    rpc = files_of_rpc("CreateTally")
    assert {path.rpartition("/")[2] for path in rpc} == {
        "tally_service.proto", "api.py", "service.py"
    }  # fmt: skip  # a list
    assert len(rpc) + RPC_TESTS <= limit(AN_RPC)
    table = naming(r"\btallies\.c\b|\btables=\(tallies,")
    assert sorted(path.rpartition("/")[2] for path in table) == ["feature.py", "store.py"]
    assert len(table) + 1 <= limit("a table")  # and the test of the store


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_in_no_more_files_than_its_recipe(table: str):
    """A table is known to its declaration, its store, its feature and one test."""
    folder = f"server/assay/features/{TABLES[table]}/"
    files = [path for path in naming(rf"\b{table}\b(?!/)") if path.startswith(folder)]
    assert sorted(path.removeprefix(folder) for path in files) == [
        "feature.py", "store.py", "tables.py"
    ]  # fmt: skip  # a list
    assert len(files) + 1 <= limit("a table")


def test_a_refusal_is_named_in_two_files_and_its_test():
    """A reason stands beside its class and in errors.proto, and elsewhere only where acted on."""
    for kind in error_classes():
        if kind is AssayError or "reason" not in vars(kind) or kind.reason in ACTED_ON:
            continue
        if kind.__module__.startswith("assay."):
            pattern = rf'"{kind.reason}"|ERROR_REASON_{kind.reason}\b'
            assert len(naming(pattern)) <= 2, naming(pattern)


def test_a_refusal_with_a_new_status_reaches_the_gateway():
    """The response filter knows the status of a class that only was declared."""
    shown = subprocess.run(
        [sys.executable, "-c", REFUSAL], check=True, cwd=ROOT, capture_output=True, text=True
    )
    assert shown.stdout == "True\n"
