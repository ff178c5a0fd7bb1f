"""The habits of CONTRIBUTING.md, counted."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 40

# Where a clock, an id or randomness may be made; everywhere else it is an argument.
SOURCES = re.compile(
    r"\btime\.time\b|\bdatetime\.(?:now|utcnow)\b|\bdate\.today\b|\buuid\.uuid\d|\brandom\.\w"
    r"|\bsecrets\.\w|\bos\.urandom\b|\brandom\.default_rng\b"
)
MAY_MAKE = {
    "kernel/clock.py": "the system's clock itself",
    "kernel/ids.py": "the system's ids themselves",
    "learning/randomness.py": "generators of a seed that is passed in",
    "kernel/jobs/failure_policy.py": "the system's chance itself",
    "commands/": "the edge: a command is given the real clock",
    "cli/": "the edge: a command is given the real clock",
    "client/": "runs in the caller's process, and takes others by argument",
    "kernel/sealing.py": "keys and nonces, which nobody may foresee",
    "kernel/storage/blobs.py": "names of temporary files, which nobody sees",
    "kernel/rpc/interceptors/rate_limit.py": "the limits library counts in the system's time",
    "kernel/rpc/interceptors/rate_counters.py": "a counter store of that library",
}
SQL_MODULES = re.compile(
    r"server/assay/kernel/(?:storage|jobs)/|server/assay/features/\w+/(?:\w*store|tables|document_rows)\w*\.py$"
)
WAIVER = re.compile(r"#\s*(noqa|type:\s*ignore|pragma|ruff:|mypy:|pylint:|fmt:\s*off)")
WITH_REASON = re.compile(
    r"# (?:noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|type: ignore\[[\w, -]+\])\s+(?:#|—|–|-)\s*\S+"
)
GENERATED = re.compile(
    r"client/assay/(?:v1/|client/types\.py|client/(?:aio/)?calls\.py)|assay/foreign/.*_pb2|migrations/versions/0001_"
)
RIDDLE = re.compile(r"(?:What|Whose|Which|How|Who|Where|When|Whether|Why)\b")
BUILDINGS = re.compile(
    r"\b(?:house|rooms?|floors?|drawers?|attic|in peace|how-manieth|in sight)\b", re.IGNORECASE
)
SKIP = re.compile(r"pytest\.mark\.(?:skip|xfail)\b|pytest\.(?:skip|xfail)\(\s*\)")


def ours(*folders: str) -> Iterator[Path]:
    """Yield the Python files below `folders` that people write."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not GENERATED.search(path.as_posix()):
                yield path


def named(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_modules_are_short():
    """No module of the service is longer than 500 lines; 400 are a hint to look for two concepts."""
    sizes = {path: len(path.read_text().splitlines()) for path in ours("client", "server", "tools")}
    assert len(sizes) > 50
    found = [
        named(path, size)
        for path, size in sizes.items()
        if size > MAX_MODULE_LINES
        and "migrations/versions" not in path.as_posix()  # a revision is a list of columns
    ]
    assert found == []


def test_functions_are_short():
    """No function of the service has more than 40 lines of code below its docstring."""
    found = [
        named(path, node.lineno)
        for path in ours("client", "server", "tools")
        if "migrations/versions" not in path.as_posix()  # a revision is a list of columns
        for node in functions(path)
        if _body_lines(node) > MAX_FUNCTION_LINES
    ]
    assert found == []


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    code = node.body[1:] if ast.get_docstring(node) else node.body
    return (code[-1].end_lineno or 0) - code[0].lineno + 1 if code else 0


def test_every_test_states_its_fact():
    """Each test has a docstring that states what is true of the product."""
    found = [
        named(path, node.lineno)
        for path in ours("tests")
        for node in functions(path)
        if node.name.startswith("test_") and not (ast.get_docstring(node) or "").strip()
    ]
    assert found == []


def test_every_waiver_bears_its_reason():
    """A waived rule names the rule and gives the reason on the same line."""
    found = [
        named(path, number)
        for path in ours("client", "server", "tools", "tests", "benchmarks")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (WAIVER.search(line) and not WITH_REASON.search(line))
        or (SKIP.search(line) and "reason=" not in line and "#" not in line)
    ]
    assert found == []


def test_environment_is_read_in_one_place():
    """Only the settings of service and client read the environment; __main__ sets gRPC's own."""
    pattern = re.compile(r"\bos\.(?:environ|getenv|putenv)\b|from os import .*environ")
    found = [
        named(path, number)
        for path in ours("client", "server")
        if path.name not in {"settings.py", "__main__.py"}
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_clocks_ids_and_randomness_are_passed_in():
    """Time, ids and chance are made at the edges and passed in everywhere else."""
    found = []
    for path in ours("client", "server"):
        place = path.as_posix().rpartition("/assay/")[2]
        if any(place.startswith(allowed) for allowed in MAY_MAKE):
            continue
        code = ast.unparse(ast.parse(path.read_text()))  # no comments
        found += [f"{place}: {match[0]}" for match in SOURCES.finditer(_without_strings(code))]
    assert found == []


def _without_strings(code: str) -> str:
    return re.sub(r'("""|\'\'\')(?:.|\n)*?\1|"[^"\n]*"|\'[^\'\n]*\'', '""', code)


def test_sql_lives_in_stores():
    """Only kernel/storage, the job ledger and the stores of features import a database library."""
    pattern = re.compile(
        r"^\s*(?:import|from) (?:sqlalchemy|sqlite3|psycopg|alembic)\b", re.MULTILINE
    )
    found = [
        str(path.relative_to(ROOT))
        for path in ours("client", "server")
        if not SQL_MODULES.search(path.as_posix()) and pattern.search(path.read_text())
    ]
    assert found == []


def test_module_docstrings_begin_with_a_noun():
    """A module's docstring says what the module holds, and asks no question."""
    found = [
        named(path, 1)
        for path in ours("client", "server", "tools")
        if RIDDLE.match(ast.get_docstring(ast.parse(path.read_text())) or "")
    ]
    assert found == []


def test_words_of_buildings_are_not_used():
    """Docstrings and comments speak of packages and layers."""
    found = [
        named(path, number)
        for path in ours("client", "server", "tools")
        for number, text in _prose(path)
        if BUILDINGS.search(text)
    ]
    assert found == []


def _prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring and comment."""
    source = path.read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
