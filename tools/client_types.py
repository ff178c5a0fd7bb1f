"""Generator of `assay.client.types`: the messages of answers as frozen dataclasses."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from tools.openapi_schemas import Contract, Field, Message, Method

MARK = "# Made by `make generate` from protos/assay/v1; never edited.\n"
# The service of each group, and the noun that its methods leave out: CreateModel is models.create.
GROUPS = {
    "BenchmarkService": ("Benchmarks", "Benchmark"),
    "ComparisonService": ("Comparisons", "Comparison"),
    "DatasetService": ("Datasets", "Dataset"),
    "DiagnosticsService": ("Diagnostics", "Diagnostics"),
    "EvaluationService": ("Evaluations", "Evaluation"),
    "ExtractionService": ("ExtractionRuns", "ExtractionRun"),
    "FieldSchemaService": ("FieldSchemas", "FieldSchema"),
    "GroundTruthService": ("GroundTruth", "GroundTruthDataset"),
    "InferenceJobService": ("Inference", "InferenceJob"),
    "InferenceHistoryService": ("Inference", "InferenceJob"),
    "InferenceResultService": ("Inference", "InferenceResult"),
    "InferenceVoteService": ("Inference", "InferenceVote"),
    "JobService": ("Jobs", "Job"),
    "KeyService": ("Keys", "Key"),
    "ModelService": ("Models", "Model"),
    "OnnxService": ("Versions", "Version"),
    "PerformanceService": ("Performance", "Performance"),
    "PredictionService": ("Predictions", "Prediction"),
    "ServerService": ("Server", "ServerInfo"),
    "TrainingService": ("Training", "ModelJob"),
    "VersionService": ("Versions", "Version"),
}
# Services whose methods have a group of another name, or none.
NO_GROUP = re.compile(r"(Json|Rest|BenchmarkRun|Watch)Service$")
TYPES = {
    "CompareBenchmarksResponse": "BenchmarkStandings",
    "BenchmarkDifferences": "BenchmarkDifferences",
    "CompareVersionsResponse": "Comparison",
    "CreateKeyResponse": "NewApiKey",
    "GetBenchmarkResponse": "BenchmarkReport",
    "GetGroundTruthSchemaResponse": "DatasetSchema",
    "ImportResponse": "Imported",
    "JobError": "Failure",
    "PromoteVersionResponse": "Promotion",
}
# Methods with pages that callers ask for one by one: each tells more than its items.
REPORTS = {"ListMisclassificationErrors"}
# Messages that no unary answer holds: they come on streams, or inside an Any.
STREAMED = (
    "ImportResponse",
    "WatchJobResponse",
    "StateChanged",
    "JobProgress",
    "LiveMetrics",
    "DocumentsCompared",
    "FieldAccuracies",
    "EpochFinished",
    "TrialFinished",
    "CalibrationFinished",
    "SplitMeasured",
    "ReceivedInferenceInput",
)
# Values that have methods of their own, in assay.client.methods.
METHODS_OF_VALUES = {
    "FieldAccuracy",
    "FieldSchema",
    "InferenceResult",
    "JobEvent",
    "JobStatus",
    "SchemaField",
    "TrackMeasures",
}
INPUTS = {
    "SchemaField"
}  # values that callers make themselves; all but their first two fields have defaults
ATTRIBUTES = {"error": "failure"}
# Counts that travel as doubles; assay.client.messages reads them as integers.
COUNTS = {"clipped_rows", "file_bytes", "next_row", "row", "rows", "total", "zero_targets"}
ALWAYS = {"created_at", "updated_at", "at", "progress", "headline", "overall", "exact", "normalised",
          "benchmark", "schema", "key", "version_a", "version_b", "paired_tests", "limits", "run_a",
          "run_b", "metric_deltas", "metrics", "hyperparameters", "hyperparams", "features"}  # fmt: skip
SOMETIMES = {"FieldSchema.created_at", "FieldSchema.updated_at"}  # absent in an inferred one
SCALARS = {
    1: "float",
    2: "float",
    3: "int",
    4: "int",
    5: "int",
    8: "bool",
    9: "str",
    12: "bytes",
    13: "int",
}
WELL_KNOWN = {
    "Any": "object",
    "Duration": "timedelta",
    "ListValue": "Sequence[object]",
    "Struct": "Mapping[str, object]",
    "Timestamp": "datetime",
    "Value": "object",
}
FORMS = {
    "ConfusionMatrix.counts": "tuple[tuple[int, ...], ...]",
    "ConfusionMatrix.shares": "tuple[tuple[float, ...], ...] | None",
    "MetricTable.rows": "tuple[tuple[str | float, ...], ...]",
    "ResidualReport.quantiles": "Mapping[float, float]",
    "SchemaField.default": "Any",
    "SliceReport.columns": "Mapping[str, tuple[Slice, ...]]",
}
EMPTY = {"str": '""', "bool": "False", "int": "0", "float": "0.0", "bytes": 'b""'}
TYPE_DOUBLE = 1


def types_module(contract: Contract) -> str:
    """Return the module of the values that answers hold."""
    names = _reachable(contract)
    rules = [f'register("assay.v1.{name}", {class_of(name)})' for name in names]
    return "\n".join(
        [
            f'"""Values that the service answers with, one class a message of assay.v1."""\n\n{MARK}',
            "from __future__ import annotations\n",
            "import json",
            "from collections.abc import Mapping, Sequence",
            "from dataclasses import dataclass",
            "from datetime import datetime, timedelta",
            "from typing import Any\n",
            "from assay.client import methods",
            "from assay.client.messages import json_values, register\n",
            *(_value(contract, name) for name in names),
            *rules,
            "",
        ]
    )


def _reachable(contract: Contract) -> list[str]:
    """Return the messages that answers hold, those that others hold first."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        message = contract.messages.get(f".assay.v1.{name}")
        if message is None or name in found or name in WELL_KNOWN or name == "UndefinedMetric":
            return
        for one in message.field:
            if f"{name}.{one.name}" in FORMS:
                for held in re.findall(r"\b[A-Z]\w+", FORMS[f"{name}.{one.name}"]):
                    visit(held)
            elif type_name(one) != name:
                for inner in _inner_messages(contract, one):
                    visit(inner)
        found[name] = None

    for method in methods_of(contract):
        visit(answer_of(contract, method))
    for name in STREAMED:
        visit(name)
    return list(found)


def _inner_messages(contract: Contract, one: Field) -> Iterator[str]:
    entry = map_entry(contract, one)
    field = one if entry is None else entry.field[1]
    if field.type_name.startswith(".assay.v1.") and field.type_name in contract.messages:
        yield type_name(field)


def _value(contract: Contract, name: str) -> str:
    message = contract.messages[f".assay.v1.{name}"]
    words = {one.name for one in message.field}
    base = f"(methods.{name})" if name in METHODS_OF_VALUES else ""
    lines = ["@dataclass(frozen=True, kw_only=True)", f"class {class_of(name)}{base}:"]
    lines += docstring(contract.comments[f".assay.v1.{name}"] or name, indent=4)
    properties = []
    for at, one in enumerate(message.field):
        if one.type_name.endswith("State") and "status" in words:
            continue  # `status` says the same
        kind = FORMS.get(f"{name}.{one.name}") or _annotation(contract, message, one)
        default = ""
        if name in INPUTS and at > 1:
            default = " = " + _default(kind)
        comment = contract.comments[f".assay.v1.{name}.{one.name}"]
        lines += textwrap.wrap(comment, 94, initial_indent="    # ", subsequent_indent="    # ")
        lines.append(f"    {ATTRIBUTES.get(one.name, one.name)}: {kind}{default}")
        if one.name.endswith("_json") and one.name not in ATTRIBUTES:
            properties.append(one.name)
    for text in properties:
        # A schema's fractions are thresholds, a document's may be amounts.
        read, how = (
            ("json.loads", "")
            if text == "schema_json"
            else ("json_values", ", fractions as Decimals; None where it is absent")
        )
        lines += [
            "",
            "    @property",
            f"    def {text.removesuffix('_json')}(self) -> Any:",
            f'        """The values of `{text}`{how}."""',
            f"        return {read}(self.{text})",
        ]
    return "\n".join([*lines, "", ""])


def _annotation(contract: Contract, message: Message, one: Field) -> str:
    entry = map_entry(contract, one)
    if entry is not None:
        return f"Mapping[{plain_kind(entry.field[0])}, {plain_kind(entry.field[1])}]"
    if one.label == one.LABEL_REPEATED:
        if type_name(one) == "UndefinedMetric":
            return "Mapping[str, str]"
        if type_name(one) == "MetricInterval":
            return "Mapping[str, MetricInterval]"  # by metric
        return f"tuple[{plain_kind(one)}, ...]"
    kind = plain_kind(one)
    is_message = one.type == one.TYPE_MESSAGE and kind != "object"
    always = one.name in ALWAYS and f"{message.name}.{one.name}" not in SOMETIMES
    in_oneof = one.HasField("oneof_index")  # of an optional field too
    absent = in_oneof or (is_message and not always)
    absent = absent or (
        one.type == one.TYPE_ENUM and message.name == "StateChanged" and one.name == "from"
    )
    return f"{kind} | None" if absent else kind


def plain_kind(one: Field) -> str:
    """Return the annotation of one value of a field."""
    if one.type == one.TYPE_ENUM:
        return "str"
    if one.type == one.TYPE_MESSAGE:
        name = type_name(one)
        return WELL_KNOWN.get(name) or class_of(name)
    if one.type == TYPE_DOUBLE and one.name in COUNTS:
        return "int"
    return SCALARS[one.type]


def _default(kind: str) -> str:
    if kind.endswith("| None"):
        return "None"
    if kind.startswith("tuple"):
        return "()"
    return EMPTY.get(kind, "None")


def answer_of(contract: Contract, method: Method) -> str:
    """Return the message that a caller gets: of a listing, that of its items."""
    name = method.descriptor.output_type.removeprefix(".assay.v1.")
    if method.descriptor.name in REPORTS:
        return name
    message = contract.messages.get(method.descriptor.output_type)
    if message is not None and (has(message, "next_page_token") or has(message, "next_cursor")):
        return next(type_name(one) for one in message.field if one.label == one.LABEL_REPEATED)
    return name


def has(message: Message, name: str) -> bool:
    """Say whether a message has a field."""
    return any(one.name == name for one in message.field)


def type_name(one: Field) -> str:
    """Return the name of a field's message, without its package."""
    return one.type_name.rpartition(".")[2]


def class_of(name: str) -> str:
    """Return the name of the class of a message's values."""
    return TYPES.get(name, name)


def map_entry(contract: Contract, one: Field) -> Message | None:
    """Return the message of the entries of a map field; None for other fields."""
    found = contract.messages.get(one.type_name)
    return found if found is not None and found.options.map_entry else None


def docstring(text: str, *, indent: int, arguments: Iterable[str] = ()) -> list[str]:
    """Return a docstring's lines: its first sentence, then the rest, then the arguments."""
    pad, width = " " * indent, 98 - indent
    text = text.replace("\\", "\\\\")
    first, _, rest = (
        re.sub(r"(?<=\.)\s", "\n", text, count=1).partition("\n")
        if len(text) > width - 8
        else (text, "", "")
    )
    paragraphs = [textwrap.wrap(first, width - 3), textwrap.wrap(rest, width)]
    lines = [line for part in paragraphs if part for line in ["", *part]][1:]
    listed = [
        line
        for one in arguments
        for line in textwrap.wrap(one, width, initial_indent="    ", subsequent_indent="        ")
    ]
    if listed:
        lines += ["", "Args:", *listed]
    if len(lines) == 1:
        return [f'{pad}"""{lines[0]}"""']
    return [f'{pad}"""{lines[0]}', *(f"{pad}{line}".rstrip() for line in lines[1:]), f'{pad}"""']


def methods_of(contract: Contract) -> Iterator[Method]:
    """Yield the unary methods with a typed answer, of services that have a group."""
    for method in contract.methods:
        service = method.service.removeprefix("assay.v1.")
        found = method.descriptor
        if not method.service.startswith("assay.v1.") or NO_GROUP.search(service):
            continue
        if service not in GROUPS:
            raise SystemExit(f"{service} has no group in tools/client_api.py")
        streams = found.client_streaming or found.server_streaming
        if not streams and not found.output_type.endswith(".HttpBody"):
            yield method
