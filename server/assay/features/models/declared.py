"""Declarations of a model: tags, and the inputs and outputs of its versions."""

from __future__ import annotations

import re

from assay.kernel.errors import InvalidArgument, clip
from assay.records import Record

MAX_TAGS = 50  # of a model
MAX_DECLARED = 20  # inputs of a model, and outputs
# Keys that the results object of an input has beside those named after its outputs.
RESERVED = frozenset(
    {
        "status", "engine", "inputFetching", "outputUploading", "modelLatency", "queueTime",
        "startTime", "updateTime", "endTime", "elapsedTime", "error", "voting",
    }
)  # fmt: skip  # a list
DEFAULT_MAXIMUM_SIZE = 100 * 1024 * 1024  # bytes of an input or output that says none

_TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MEDIA_TYPE = re.compile(r"[\w.+*-]{1,60}/[\w.+*-]{1,100}", re.ASCII)
_NAME = re.compile(r"[^/\x00-\x1f]{1,100}")


class DeclaredInput(Record):
    """One item that each input of a job holds."""

    name: str  # such as `input.txt`
    media_types: tuple[str, ...]  # that are accepted, one at least
    maximum_size: int = DEFAULT_MAXIMUM_SIZE  # bytes
    description: str = ""

    def __post_init__(self) -> None:
        _check_name("inputs.name", self.name)
        if not self.media_types:
            raise InvalidArgument.of("inputs.media_type", "one at least is needed")
        for one in self.media_types:
            _check_media_type("inputs.media_type", one)
        _check_size("inputs.maximum_size", self.maximum_size)
        _check_text("inputs.description", self.description)


class DeclaredOutput(Record):
    """One item that each result of a job holds."""

    name: str  # such as `results.json`
    media_type: str = "application/json"
    maximum_size: int = DEFAULT_MAXIMUM_SIZE  # bytes
    description: str = ""

    def __post_init__(self) -> None:
        _check_name("outputs.name", self.name)
        if self.name in RESERVED:
            raise InvalidArgument.of(
                "outputs.name",
                f"'{self.name}' is what results call something else; a name such as results.json "
                "is allowed",
            )
        _check_media_type("outputs.media_type", self.media_type)
        _check_size("outputs.maximum_size", self.maximum_size)
        _check_text("outputs.description", self.description)


def media_types(text: str) -> tuple[str, ...]:
    """Return the media types in a text such as `image/png, image/jpeg`."""
    return tuple(one for part in text.split(",") if (one := part.strip().lower()))


def check_tags(tags: tuple[str, ...]) -> None:
    """Raise InvalidArgument that names the first tag that is wrong."""
    if len(tags) > MAX_TAGS:
        raise _too_many("tags", len(tags), MAX_TAGS)
    for index, tag in enumerate(tags):
        if not _TAG.fullmatch(tag):
            raise InvalidArgument.of(
                f"tags[{index}]",
                f"'{clip(tag)}' was sent; 1 to 63 of a to z, 0 to 9, _ and - are allowed, such as "
                "computer_vision",
            )
    _refuse_twice("tags", list(tags))


def check_items(inputs: tuple[DeclaredInput, ...], outputs: tuple[DeclaredOutput, ...]) -> None:
    """Raise InvalidArgument for too many inputs or outputs, and for two of one name."""
    check_counts(len(inputs), len(outputs))
    for field, declared in (("inputs", inputs), ("outputs", outputs)):
        _refuse_twice(field, [one.name for one in declared])


def check_counts(inputs: int, outputs: int) -> None:
    """Raise InvalidArgument for too many inputs or outputs."""
    for field, count in (("inputs", inputs), ("outputs", outputs)):
        if count > MAX_DECLARED:
            raise _too_many(field, count, MAX_DECLARED)


def _refuse_twice(field: str, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidArgument.of(f"{field}[{index}]", f"'{clip(name)}' is given twice")


def _too_many(field: str, count: int, most: int) -> InvalidArgument:
    return InvalidArgument.of(field, f"{count} given; at most {most} are allowed")


def _check_name(field: str, name: str) -> None:
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidArgument.of(
            field,
            f"'{clip(name)}' was sent; a name such as input.txt of 1 to 100 characters without / is "
            "allowed",
        )


def _check_media_type(field: str, text: str) -> None:
    if not _MEDIA_TYPE.fullmatch(text):
        raise InvalidArgument.of(
            field, f"'{clip(text)}' was sent; a media type such as text/plain is allowed"
        )


def _check_size(field: str, size: int) -> None:
    if not 1 <= size <= 2**31 - 1:
        raise InvalidArgument.of(field, f"{size} was sent; 1 to {2**31 - 1} bytes are allowed")


def _check_text(field: str, text: str) -> None:
    if len(text) > 1_000 or "\x00" in text:
        raise InvalidArgument.of(field, "at most 1000 characters without U+0000 are allowed")
