"""Remote models: where one is served, which tensors it takes, and what its output means.

A version says all of it by itself: a server's own metadata may be empty or wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NoReturn

import pyarrow as pa

from assay.kernel.errors import InvalidArgument, clip
from assay.learning.rows import CATEGORY, NUMBER, OUTSIDE, TaskType
from assay.records import Record

OIP_V2_GRPC: Final = "oip-v2-grpc"
TLS_SCHEME, PLAIN_SCHEME = "grpcs://", "grpc://"
MAX_NAME = 500  # characters of a name
MAX_INPUTS = 64
MAX_COLUMNS = 10_000  # of all inputs
MAX_LABELS = 10_000
MAX_LABEL_CHARS = 200
MAX_PEM = 64 * 1024  # characters of a certificate with its chain, or of a key
MAX_TOKEN = 16 * 1024
MAX_SIDE = 1024  # pixels of a scaled image
MAX_ROWS = 100_000  # of one request
MOST_BYTES = 64 * 1024**2  # of one request
_ENDPOINT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:@?#\[\]]{1,253}):(?P<port>\d{1,5})")


class Datatype(StrEnum):
    """The datatypes of tensors that are sent and read; BF16 is not among them."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"


class Content(StrEnum):
    """What of a row a tensor holds."""

    COLUMNS = "columns"  # features of a table, in the order of `columns`
    TEXT = "text"  # the pages, joined by form feeds
    IMAGE = "image"  # a file as it is, or its pixels scaled to a square
    WORDS = "words"  # of one document
    BOXES = "boxes"  # of those words


class Scores(StrEnum):
    """What the numbers of an output are."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"  # of which the softmax is taken


class RemoteInput(Record):
    """A tensor that a remote model takes."""

    name: str
    datatype: Datatype
    content: Content
    columns: tuple[str, ...] = ()  # features, of Content.COLUMNS alone
    shape: tuple[int, ...] = ()  # -1 for the rows comes first; empty: as the content has it

    @property
    def side(self) -> int:
        """Pixels to a side of an image that is sent as numbers; 0: the file is sent."""
        return 0 if self.datatype is Datatype.BYTES else max(self.shape[1:])


class RemoteTls(Record):
    """How TLS is spoken to an endpoint; without any certificate the public authorities are trusted."""

    ca_certificate: str = ""  # PEM, of an authority of one's own
    server_name: str = ""  # that the certificate bears; empty: the endpoint's host
    client_certificate: str = ""  # PEM; its key is among the credentials


class RemoteSpec(Record):
    """What a version that is served elsewhere runs; it holds no secret."""

    endpoint: str  # host:port
    model_name: str
    inputs: tuple[RemoteInput, ...]
    output: str  # name of the tensor that is asked for
    labels: tuple[str, ...] = ()  # classes in the order of the output; empty: of a regression
    protocol: str = OIP_V2_GRPC
    model_version: str = ""  # empty: the server chooses
    scores: Scores = Scores.PROBABILITIES
    tls: RemoteTls | None = None  # None: in the clear
    max_rows: int = 1000  # of one request
    max_bytes: int = 4 * 1024**2  # of one request, as servers commonly limit it
    deadline_seconds: float = 30.0  # of one request

    def __post_init__(self) -> None:
        self.address  # noqa: B018 - refused where it is none
        if self.protocol != OIP_V2_GRPC:
            _refuse("protocol", f"'{clip(self.protocol)}' was sent; {OIP_V2_GRPC} is allowed")
        _check_text("model_name", self.model_name, 1, MAX_NAME)
        _check_text("model_version", self.model_version, 0, MAX_NAME)
        _check_text("output", self.output, 1, MAX_NAME)
        _check_labels(self.labels)
        _check_inputs(self.inputs)
        if not 1 <= self.max_rows <= MAX_ROWS:
            _refuse("max_rows", f"{self.max_rows} was sent; 1 to {MAX_ROWS} is allowed")
        if not 1024 <= self.max_bytes <= MOST_BYTES:
            _refuse("max_bytes", f"{self.max_bytes} was sent; 1024 to {MOST_BYTES} is allowed")
        if not 0.1 <= self.deadline_seconds <= 300:
            _refuse("deadline_seconds", f"{self.deadline_seconds} was sent; 0.1 to 300 is allowed")
        if self.tls is not None:
            for name in ("ca_certificate", "client_certificate"):
                _check_pem(f"tls.{name}", getattr(self.tls, name))
            _check_text("tls.server_name", self.tls.server_name, 0, 253)

    @property
    def address(self) -> tuple[str, int]:
        """The host, without brackets, and the port; InvalidArgument where there are none."""
        found = _ENDPOINT.fullmatch(self.endpoint)
        if found is None or not 1 <= int(found["port"]) <= 65535:
            # Whatever stands before an @ may be a password.
            sent = "a user" if "@" in self.endpoint else f"'{clip(self.endpoint)}'"
            _refuse("endpoint", f"{sent} was sent; host:port is allowed, of gRPC")
        return found["host"].strip("[]"), int(found["port"])

    @property
    def features(self) -> tuple[pa.Field[Any], ...]:
        """The features of all inputs, each once: numbers, but for those in BYTES."""
        found = {column: one.datatype for one in self.inputs for column in one.columns}
        return tuple(
            pa.field(name, CATEGORY if datatype is Datatype.BYTES else NUMBER)
            for name, datatype in found.items()
        )

    def task_type(self, kind: str) -> TaskType:
        """Return which rows it predicts as a version of a model of this `kind`.

        Args:
            kind: `classification`, `regression` or `extraction`.

        Raises InvalidArgument when inputs, labels and kind do not go together.
        """
        contents = {one.content for one in self.inputs}
        found = _task_type(contents, kind)
        if found is None:
            listed = ", ".join(sorted(contents))
            _refuse("inputs", f"a {kind} model cannot be made of {listed}")
        if found is TaskType.TABULAR_REGRESSION and self.labels:
            _refuse("labels", "a regression has none")
        if found is not TaskType.TABULAR_REGRESSION and len(self.labels) < 2:
            _refuse("labels", f"{len(self.labels)} given; name 2 or more, in the output's order")
        if found is TaskType.EXTRACTION and OUTSIDE not in self.labels:
            _refuse("labels", f"of an extraction one is '{OUTSIDE}', of words of no field")
        return found


class RemoteCredentials(Record):
    """The secrets of an endpoint; they rest sealed, and are never told."""

    token: str = ""  # sent as `authorization: Bearer …`
    client_key: str = ""  # PEM, of the client's certificate

    def __repr__(self) -> str:
        """Show nothing of them, wherever they are printed."""
        return "RemoteCredentials()"

    def __post_init__(self) -> None:
        _check_text("token", self.token, 0, MAX_TOKEN)
        if not self.token.isascii() or any(not 32 <= ord(one) < 127 for one in self.token):
            _refuse("token", "printable ASCII is allowed")
        _check_pem("tls.client_key", self.client_key)


def endpoint_of(text: str) -> tuple[str, bool]:
    """Return `host:port` of an endpoint that may have a scheme, and whether that asks for TLS."""
    if text.startswith(TLS_SCHEME):
        return text.removeprefix(TLS_SCHEME), True
    return text.removeprefix(PLAIN_SCHEME), False


def _task_type(contents: set[Content], kind: str) -> TaskType | None:
    if kind == "extraction":
        is_words = Content.WORDS in contents and contents <= {Content.WORDS, Content.BOXES}
        return TaskType.EXTRACTION if is_words else None
    if kind == "regression":
        return TaskType.TABULAR_REGRESSION if contents == {Content.COLUMNS} else None
    return {
        frozenset({Content.COLUMNS}): TaskType.TABULAR_CLASSIFICATION,
        frozenset({Content.TEXT}): TaskType.TEXT_CLASSIFICATION,
        frozenset({Content.IMAGE}): TaskType.IMAGE_CLASSIFICATION,
    }.get(frozenset(contents))


def _check_inputs(inputs: tuple[RemoteInput, ...]) -> None:
    if not 1 <= len(inputs) <= MAX_INPUTS:
        _refuse("inputs", f"{len(inputs)} given; 1 to {MAX_INPUTS} are allowed")
    _check_unique("inputs", (one.name for one in inputs))
    if sum(len(one.columns) for one in inputs) > MAX_COLUMNS:
        _refuse("inputs", f"at most {MAX_COLUMNS} columns are allowed")
    for number, one in enumerate(inputs):
        _check_input(f"inputs[{number}]", one)
    kinds: dict[str, bool] = {}
    for number, one in enumerate(inputs):
        is_text = one.datatype is Datatype.BYTES
        for column in one.columns:
            if kinds.setdefault(column, is_text) != is_text:
                field = f"inputs[{number}].columns"
                _refuse(field, f"'{clip(column)}' is a number in one tensor and text in another")


def _check_input(field: str, one: RemoteInput) -> None:
    _check_text(f"{field}.name", one.name, 1, MAX_NAME)
    if (one.content is Content.COLUMNS) != bool(one.columns):
        _refuse(
            f"{field}.columns", "name the features in their order, of the content columns alone"
        )
    _check_unique(f"{field}.columns", one.columns)
    for column in one.columns:
        _check_text(f"{field}.columns", column, 1, MAX_NAME)
    if one.content in {Content.TEXT, Content.WORDS} and one.datatype is not Datatype.BYTES:
        _refuse(f"{field}.datatype", f"{one.content} is sent as BYTES")
    if one.content is Content.BOXES and one.datatype not in {Datatype.FP32, Datatype.FP64}:
        _refuse(f"{field}.datatype", "boxes are sent as FP32 or FP64")
    pixels = {Datatype.BYTES, Datatype.UINT8, Datatype.FP32}
    if one.content is Content.IMAGE and one.datatype not in pixels:
        _refuse(
            f"{field}.datatype", "an image is sent as BYTES, the file, or as UINT8 or FP32, pixels"
        )
    if not _fits(one):
        _refuse(f"{field}.shape", f"{list(one.shape)} was sent; {_shapes(one)} is allowed")


def _fits(one: RemoteInput) -> bool:
    """Say whether the shape of a tensor is one that its content can have."""
    rest = one.shape[1:]
    if one.content is Content.IMAGE and one.datatype is not Datatype.BYTES:
        side = one.side if rest else 0
        square = {(-1, side, side, 3), (-1, 3, side, side)}  # channels last, or first
        return one.shape in square and 8 <= side <= MAX_SIDE
    if not one.shape:
        return True
    if one.content in {Content.WORDS, Content.BOXES}:
        return False
    size = len(one.columns) if one.content is Content.COLUMNS else 1
    product = 1
    for length in rest:
        product *= length
    return one.shape[0] == -1 and len(rest) <= 4 and min(rest, default=1) > 0 and product == size


def _shapes(one: RemoteInput) -> str:
    if one.content is Content.IMAGE and one.datatype is not Datatype.BYTES:
        return f"[-1, side, side, 3] or [-1, 3, side, side] with a side of 8 to {MAX_SIDE}"
    if one.content in {Content.WORDS, Content.BOXES}:
        return "none"
    size = len(one.columns) if one.content is Content.COLUMNS else 1
    return f"[-1, {size}], or none,"


def _check_labels(labels: tuple[str, ...]) -> None:
    if len(labels) > MAX_LABELS:
        _refuse("labels", f"{len(labels)} given; at most {MAX_LABELS} are allowed")
    _check_unique("labels", labels)
    for label in labels:
        _check_text("labels", label, 1, MAX_LABEL_CHARS)


def _check_unique(field: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            _refuse(field, f"'{clip(name)}' is given twice")
        seen.add(name)


def _check_text(field: str, text: str, low: int, high: int) -> None:
    if not low <= len(text) <= high:
        _refuse(field, f"{len(text)} characters given; {low} to {high} are allowed")
    if "\x00" in text:
        _refuse(field, "the character U+0000 is not allowed")


def _check_pem(field: str, text: str) -> None:
    _check_text(field, text, 0, MAX_PEM)
    if text and "-----BEGIN " not in text:
        _refuse(field, "PEM is allowed, which begins with -----BEGIN")


def _refuse(field: str, description: str) -> NoReturn:
    raise InvalidArgument.of(f"remote.{field}", description)
