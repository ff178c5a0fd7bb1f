"""Generator of the client's values and calls: one class a message, one method an RPC.

Makes `assay.client.types` (the messages of answers as frozen dataclasses) and
`assay.client.aio.calls` (the unary RPCs of each service as a group of methods), and of all modules
of the asynchronous client their synchronous twins.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from pathlib import Path

from tools.client_twins import FOLDER, SOURCE, formatted, synchronous, twins
from tools.client_types import (
    EMPTY,
    GROUPS,
    INPUTS,
    MARK,
    REPORTS,
    WELL_KNOWN,
    answer_of,
    class_of,
    docstring,
    has,
    map_entry,
    methods_of,
    plain_kind,
    type_name,
    types_module,
)
from tools.openapi_schemas import Contract, Field, Message, Method, behaviour, said

TITLE = "The unary calls of each service as coroutines and asynchronous iterators, one group a resource."
REQUIRED = 2  # google.api.FieldBehavior

METHODS = {
    "CompareBenchmarks": "compare_standings",
    "CompareVersions": "get",
    "EvaluateRows": "create_from_rows",
    "GetEvaluationRevision": "revision",
    "GetEntry": "get_entry",
    "GetExtraction": "get_extraction",
    "GetDatasetProfile": "profile",
    "GetDatasetRevision": "revision",
    "GetGroundTruthSchema": "schema",
    "CancelInferenceJobs": "cancel_all",
    "CloseInferenceJob": "close",
    "GetInferenceFeatures": "features",
    "GetInferenceResult": "result",
    "GetInferenceVote": "vote",
    "UpvoteInferenceResult": "upvote",
    "DownvoteInferenceResult": "downvote",
    "ResetInferenceVote": "reset_vote",
    "GetModelMetrics": "metrics",
    "GetPerformanceSummary": "summary",
    "GetServerInfo": "info",
    "ListBenchmarkResults": "results",
    "ListDatasetRevisions": "revisions",
    "ListInferenceJobs": "history",
    "ListMisclassificationErrors": "misclassification_errors",
    "ServeEvaluation": "serve",
    "StartComparison": "start",
    "SubmitInferenceJob": "submit",
    "SubmitModelJob": "submit",
}
HIDDEN = {"request_id", "expected_data"}  # the client's own, and what JSON has for expected_json
# Methods whose callers choose the id: whoever asks again is to find what was asked before.
CHOSEN_IDS = {"SubmitInferenceJob", "SubmitModelJob"}
PARAMETERS = {"dataset_split": "split", "compared_to_run_id": "compared_to"}


def files(data: bytes) -> dict[Path, str]:
    """Return the generated modules of the client, by their paths."""
    contract = Contract.of(data)
    calls = formatted(_calls(contract))
    return {
        FOLDER / "types.py": formatted(types_module(contract)),
        FOLDER / "calls.py": synchronous(calls),
        SOURCE / "calls.py": calls,
        **twins(),
    }


def _calls(contract: Contract) -> str:
    groups: dict[str, list[Method]] = {}
    for method in methods_of(contract):
        groups.setdefault(_group(method)[0], []).append(method)
    lines = [
        f'"""{TITLE}"""\n\n{MARK}',
        "from __future__ import annotations\n",
        "from collections.abc import AsyncIterator, Mapping, Sequence",
        "from datetime import datetime, timedelta",
        "from typing import Any\n",
        "from assay.client import types",
        "from assay.client.aio.groups import PAGE_SIZE, Group\n",
    ]
    order = [f"assay.v1.{name}" for name in GROUPS]
    for name, methods in sorted(groups.items()):
        methods.sort(key=lambda one: order.index(one.service))
        service = methods[0].service
        lines += ["", f"class {name}(Group):"]
        lines += docstring(contract.services[service], indent=4)
        lines += ["", f'    service = "{service}"']
        for method in methods:
            lines += ["", *_method(contract, method, service)]
    return "\n".join([*lines, ""])


def _group(method: Method) -> tuple[str, str]:
    """Return the group of a method and its name there."""
    name = method.descriptor.name
    group, noun = GROUPS[method.service.removeprefix("assay.v1.")]
    if name in METHODS:
        return group, METHODS[name]
    short = re.sub(
        rf"^(Get|List|Create|Update|Delete|Finish|Cancel|Promote|Revoke){noun}s?$", r"\1", name
    )
    short = re.sub(r"^Get(?=[A-Z])", "", short)
    return group, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", short).lower()


def _method(contract: Contract, method: Method, service: str) -> list[str]:
    request = contract.messages[method.descriptor.input_type]
    token = _token(method, request)
    page = {"": "", "page_token": "page_size", "cursor": "limit"}[token]
    shown = [one for one in request.field if one.name not in {token, page, *_hidden(method)}]
    optional: list[Field] = []
    needed: list[Field] = []
    for one in shown:
        positional = _is_required(one) or (
            one.name in {"version_id", "dataset_split"} and _is_read(method)
        )
        (needed if positional else optional).append(one)
    keywords = [_parameter(contract, one) for one in optional]
    if token:
        keywords.append("page_size: int = PAGE_SIZE")
    parameters = ["self", *(_parameter(contract, one) for one in needed)]
    if keywords:
        parameters += ["*", *keywords]
    values = ", ".join(
        f'"{one.name.removesuffix("_json")}": {_parameter_name(one)}' for one in shown
    )
    if token:
        values += f'{", " if values else ""}"{page}": page_size'
    name = answer_of(contract, method)
    if token:
        returned, call = (
            f"AsyncIterator[types.{class_of(name)}]",
            f"_pages(types.{class_of(name)}, ",
        )
        prefix, start = "return ", ""
    elif name.endswith(".Empty") or name.startswith("Delete"):
        returned, call = "None", "_none("
        prefix, start = "await ", "async "
    else:
        returned, call = f"types.{class_of(name)}", f"_one(types.{class_of(name)}, "
        prefix, start = "return await ", "async "
    lines = [f"    {start}def {_group(method)[1]}({', '.join(parameters)}) -> {returned}:"]
    lines += docstring(
        _said_of(method.comment), indent=8, arguments=_arguments(contract, request, shown)
    )
    return [*lines, f'        {prefix}self.{call}"{_called(method, service)}", {{{values}}})']


def _called(method: Method, service: str) -> str:
    """Return the name of a method in the group of a service; of another one, that stands before it."""
    name = method.descriptor.name
    if method.service == service:
        return name
    return f"{method.service.removeprefix('assay.v1.')}.{name}"


def _token(method: Method, request: Message) -> str:
    """Return what a listing's request calls its cursor; nothing where it is no listing."""
    names = () if method.descriptor.name in REPORTS else ("page_token", "cursor")
    return next((one for one in names if has(request, one)), "")


def _hidden(method: Method) -> set[str]:
    return HIDDEN - {"request_id"} if method.descriptor.name in CHOSEN_IDS else HIDDEN


def _said_of(comment: str) -> str:
    """Return a method's comment without what only REST has."""
    return re.sub(r"\s*(Errors|Permission|Route)s?: [^.]*(\.|$)", "", comment).strip()


def _arguments(contract: Contract, request: Message, shown: Iterable[Field]) -> list[str]:
    return [
        f"{_parameter_name(one)}: {said(contract.comments[f'.assay.v1.{request.name}.{one.name}'])}"
        for one in shown
    ]


def _parameter_name(one: Field) -> str:
    name = PARAMETERS.get(one.name, one.name.removesuffix("_json"))
    return name + "_" if keyword.iskeyword(name) else name


def _parameter(contract: Contract, one: Field) -> str:
    name, required = _parameter_name(one), _is_required(one)
    if one.name.endswith("_json"):
        return f"{name}: object" + ("" if required else " = None")
    entry = map_entry(contract, one)
    if entry is not None:
        kind, empty = f"Mapping[{_sent(entry.field[0])}, {_sent(entry.field[1])}]", "None"
    elif one.label == one.LABEL_REPEATED:
        kind, empty = f"Sequence[{_sent(one)}]", "()"
    else:
        kind = _sent(one)
        empty = "None" if one.proto3_optional else EMPTY.get(kind, "None")
    if required:
        return f"{name}: {kind}"
    return f"{name}: {kind} = {empty}" if empty != "None" else f"{name}: {kind} | None = None"


def _sent(one: Field) -> str:
    kind = plain_kind(one)
    if one.type == one.TYPE_MESSAGE and type_name(one) not in WELL_KNOWN:
        return (
            f"types.{kind} | Mapping[str, Any]" if type_name(one) in INPUTS else "Mapping[str, Any]"
        )
    return kind


def _is_read(method: Method) -> bool:
    return method.descriptor.name.startswith(("Get", "List"))


def _is_required(one: Field) -> bool:
    """Say whether a call must have the field: declared so, or the text of a choice of two forms."""
    is_choice = one.HasField("oneof_index") and not one.proto3_optional
    return REQUIRED in behaviour(one) or (is_choice and one.name.endswith("_json"))
