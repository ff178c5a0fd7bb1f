"""What a REST caller sends and a route does not know is refused by name, on every route."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from itertools import cycle
from typing import Any

import httpx
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from assay.kernel.rpc.http_binding import HttpBinding
from assay.v1 import policy_pb2
from tests.support.refusal_body import check
from tests.support.rpc_service import CALLS


@dataclass(frozen=True)
class Route:
    """One HTTP rule, with a path that names nothing that exists."""

    method: str
    template: str
    rpc: str
    uploads: bool

    @property
    def request(self) -> Descriptor:
        """The request, of the typed method or of a view that has none beside it."""
        return next(
            method.request.DESCRIPTOR for method, _ in CALLS.values() if method.name == self.rpc
        )

    @property
    def http(self) -> HttpBinding:
        """What the method takes over REST."""
        return next(
            method.http
            for method, _ in CALLS.values()
            if method.name == self.rpc and method.http is not None
        )

    @property
    def path(self) -> str:
        return re.sub(r"\{([^}=]+)[^}]*\}", self._absent, self.template)

    def _absent(self, variable: re.Match[str]) -> str:
        """Return a value of the variable's type that nothing has: the rest is checked behind it."""
        field = self.request.fields_by_name[variable[1]]
        return "absent" if field.type == FieldDescriptor.TYPE_STRING else "999"

    @property
    def variables(self) -> list[str]:
        return re.findall(r"\{([^}=]+)", self.template)

    @property
    def fields(self) -> dict[str, FieldDescriptor]:
        """The fields of the request that are no part of the path."""
        fields = self.request.fields
        return {field.name: field for field in fields if field.name not in self.variables}

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


ROUTES = [
    Route(rule["method"], rule["path"], rule["rpc"], rule["uploads"])
    for rule in json.loads(files("assay.gateway").joinpath("routes.json").read_text())["routes"]
]
WITH_BODY = [one for one in ROUTES if one.http.body == "*"]
WITHOUT_BODY = [one for one in ROUTES if not one.http.body]
STRICT = [one for one in ROUTES if not one.http.ignores_unknown_query]
KEYS = [(route, name) for route in WITH_BODY for name in route.fields]
NESTED = [
    (route, field.name, inner.name)
    for route in WITH_BODY
    for field in route.fields.values()
    if field.message_type is not None and field.message_type.file.package == "assay.v1"
    and not field.message_type.GetOptions().map_entry
    for inner in field.message_type.fields
    if not inner.GetOptions().Extensions[policy_pb2.order_of]
]  # fmt: skip


@pytest.fixture(scope="module")
def admins(service) -> Iterator[Iterator[httpx.Client]]:
    """Several administrators in turn: all of the calls of this file are too many for one."""
    with ExitStack() as stack, rest(service, authorization=f"Bearer {service.key}") as first:
        opened = []
        for _ in range(5):
            key = first.post("/api/v1/keys", json={"name": "strict", "permissions": ["admin"]})
            one = rest(service, authorization=f"Bearer {key.json()['secret']}")
            opened.append(stack.enter_context(one))
        yield cycle(opened)


@pytest.fixture
def admin(admins: Iterator[httpx.Client]) -> httpx.Client:
    return next(admins)


def rest(service, **headers: str) -> httpx.Client:
    return httpx.Client(base_url=service.rest, headers=headers, trust_env=False, timeout=60)


def refused(
    response: httpx.Response, status: int = 400, code: str = "validation_error"
) -> dict[str, Any]:
    """Check that a request was refused as malformed; return the body's message and key."""
    body = check(response, status, code, response.request.url.path)
    assert "assay.v1" not in response.text
    return body


def misspelt(name: str) -> str:
    """Return a name with its last letter twice."""
    return name + name[-1]


def test_the_table_has_every_kind_of_route():
    """The tables that these tests walk hold bodies, nested keys, path variables and queries."""
    assert len(WITH_BODY) >= 14
    assert len(WITHOUT_BODY) >= 40
    assert len(KEYS) > 40
    assert {inner for _, _, inner in NESTED} >= {"weight", "scores", "y_true"}


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_an_unknown_key_is_refused_by_name(admin, route):
    """400: a key that the body of a route does not have is named, with all that it has."""
    body = refused(admin.request(route.method, route.path, json={"qqqqq": 1}))
    allowed = ", ".join(route.fields) or "none"
    assert body["message"] == f"'qqqqq' is not a key of {route.rpc}. Allowed: {allowed}."
    assert body["details"][0]["metadata"] == {"key": "qqqqq", "field": "qqqqq"}
    assert body["details"][1]["field"] == "qqqqq"


@pytest.mark.parametrize(("route", "name"), KEYS, ids=str)
def test_a_misspelt_key_is_refused_with_the_one_that_was_meant(admin, route, name):
    """400: a misspelt key and one of another case are answered with the nearest allowed key."""
    for sent in (misspelt(name), name.upper(), name.title().replace("_", "-")):
        body = refused(admin.request(route.method, route.path, json={sent: None}))
        begin = f"'{sent}' is not a key of {route.rpc}; did you mean '{name}'? Allowed: "
        assert body["message"].startswith(begin)
        assert body["details"][0]["metadata"]["nearest"] == name


@pytest.mark.parametrize(("route", "outer", "inner"), NESTED, ids=str)
def test_a_misspelt_key_inside_is_refused_with_its_place(admin, route, outer, inner):
    """400: an unknown key of an object is named with the object, and of a row with its row."""
    sent = misspelt(inner)
    is_list = route.fields[outer].is_repeated
    place = f"{outer}[2]" if is_list else outer
    given = {outer: [{}, {}, {sent: 1}] if is_list else {sent: 1}}
    body = refused(admin.request(route.method, route.path, json=given))
    begin = f"'{sent}' is not a key of {place}; did you mean '{inner}'? Allowed: "
    assert body["message"].startswith(begin)
    assert body["details"][1]["field"] == f"{place}.{sent}"


@pytest.mark.parametrize(("route", "name"), KEYS, ids=str)
def test_a_key_given_twice_is_refused(admin, route, name):
    """400: a key that is given twice is named, whatever its values and spellings."""
    other = route.fields[name].json_name
    twice = f'{{"{name}": null, "{name}": null}}', f'{{"{name}": null, "{other}": null}}'
    for content in twice if other != name else twice[:1]:
        body = refused(admin.request(route.method, route.path, content=content))
        assert "is given twice" in body["message"]
        assert body["details"][1]["field"] in {name, other}


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_body_that_is_no_json_object_is_refused(admin, route):
    """400: broken JSON is refused with the place where it breaks, and JSON that is no object."""
    broken = {
        '{"a": 1,}': "line 1, column 9",
        "{\n'a': 1}": "line 2, column 1",
        '{"a": NaN}': "NaN is no JSON number",
        '{"a": 1} x': "Extra data at line 1, column 10",
        "{": "line 1, column 2",
        '{"a": "\t"}': "Invalid control character",
        "9" * 5000: "is not valid JSON",
        "[1]": "must be a JSON object",
        "null": "must be a JSON object",
        '"a"': "must be a JSON object",
        "[" * 100_000: "nested too deeply",
    }
    for content, told in broken.items():
        body = refused(admin.request(route.method, route.path, content=content))
        assert told in body["message"], content[:20]
    assert (
        "not UTF-8" in refused(admin.request(route.method, route.path, content=b"\xff"))["message"]
    )


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_body_that_is_said_not_to_be_json_is_refused(admin, route):
    """415: another content type, another encoding of text and a compressed body are refused."""
    wrong = (
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    )
    for headers in wrong:
        answer = admin.request(route.method, route.path, content=b"{}", headers=headers)
        assert refused(answer, 415, "unsupported_media_type")["details"][0]["reason"] == (
            "BAD_CONTENT_TYPE"
        )


def test_json_by_any_of_its_names_is_read(admin):
    """A body without a content type, and one of a JSON type in UTF-8, are read."""
    model = json.dumps({"name": "n", "taskType": "regression"})
    for kind in (None, "application/json", "Application/JSON; charset=UTF-8", "application/a+json"):
        headers = {"content-type": kind} if kind else {}
        answer = admin.post("/api/v1/models", content=model, headers=headers)
        assert answer.status_code == 201, answer.text
        assert answer.json()["task_type"] == "regression"


@pytest.mark.parametrize(
    ("route", "variable"), [(one, name) for one in ROUTES for name in one.variables], ids=str
)
def test_a_query_or_body_cannot_override_the_path(admin, route, variable):
    """400: a variable of the path is refused in the query of every route, and in every body."""
    field = route.request.fields_by_name[variable]
    for name in {field.name, field.json_name}:
        message = f"'{name}' is part of the path of {route.rpc} and must not stand in the "
        body = refused(admin.request(route.method, f"{route.path}?{name}=8"))
        assert body["message"] == f"{message}query."
        if route in WITH_BODY or route in WITHOUT_BODY:
            body = refused(admin.request(route.method, route.path, json={name: "8"}))
            assert body["message"] == f"{message}body."


@pytest.mark.parametrize("route", STRICT, ids=str)
def test_an_unknown_query_parameter_is_refused(admin, route):
    """400: a parameter that a route does not have is named, with the nearest that it has."""
    body = refused(admin.request(route.method, f"{route.path}?qqqqq=1"))
    begin = f"'qqqqq' is not a query parameter of {route.rpc}"
    end = r", which takes none. Send it as a key of the JSON body\." if route in WITH_BODY else (
        r"\. Allowed: .*\."
    )  # fmt: skip
    assert re.fullmatch(re.escape(begin) + end, body["message"])


@pytest.mark.parametrize("route", [one for one in WITHOUT_BODY if one in STRICT], ids=str)
def test_misspelt_and_repeated_query_parameters_are_refused(admin, route):
    """400: a misspelt parameter is answered with the nearest, and one given twice is refused."""
    for name, field in route.fields.items():
        sent = misspelt(name)
        body = refused(admin.request(route.method, f"{route.path}?{sent}=1"))
        assert f"'{sent}' is not a query parameter" in body["message"]
        assert f"did you mean '{name}'?" in body["message"]
        if not field.is_repeated and field.type == FieldDescriptor.TYPE_STRING:
            twice = f"{route.path}?{name}=a&{name}=b"
            assert "given twice" in refused(admin.request(route.method, twice))["message"]


@pytest.mark.parametrize("route", WITHOUT_BODY, ids=str)
def test_a_route_without_a_body_reads_none(admin, route):
    """400: a body where none is read is refused by its first key."""
    body = refused(admin.request(route.method, route.path, json={"name": "x"}))
    assert body["message"].startswith(f"'name' is not a key of {route.rpc}. Allowed: none.")


def test_a_delete_with_an_override_deletes_nothing(admin):
    """Neither the model of the path nor that of the query or the body is deleted."""
    model = {"name": "n", "task_type": "regression"}
    mine, other = (admin.post("/api/v1/models", json=model).json()["model_id"] for _ in "ab")
    for sent in ({"params": {"model_id": other}}, {"json": {"model_id": other}}):
        refused(admin.request("DELETE", f"/api/v1/models/{mine}", **sent))
    for model_id in (mine, other):
        assert admin.get(f"/api/v1/models/{model_id}").status_code == 200


def test_a_wrong_key_at_the_end_of_a_large_body_is_named(admin):
    """400: the last of ten thousand rows is named by its number."""
    rows = [{"y_true": "a", "y_pred": "b", "row_id": f"row-{number}"} for number in range(9_999)]
    content = json.dumps({"rows": [*rows, {"y_true": "a", "wieght": 1}]})
    assert len(content) > 500_000
    path = "/api/v1/models/absent/versions/absent/evaluations:rows"
    body = refused(admin.post(path, content=content))
    assert body["message"].startswith("'wieght' is not a key of rows[9999]; did you mean 'weight'?")


def test_nobody_learns_what_is_wrong_without_a_credential(service):
    """401: four megabytes of a stranger's broken JSON are not decoded, and no name is checked."""
    content = b"[" * (4 * 1024**2 - 1)
    with rest(service) as stranger:
        for path in ("/api/v1/models", "/api/v1/models?qqqqq=1"):
            check(stranger.post(path, content=content), 401, "unauthorized", "/api/v1/models")
        answer = stranger.delete("/api/v1/models/a", params={"model_id": "b"})
        check(answer, 401, "unauthorized", "/api/v1/models/a")
