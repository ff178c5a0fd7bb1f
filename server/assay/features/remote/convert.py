"""Remote models in the messages of the contract."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from assay.features.remote.model import (
    Content,
    Datatype,
    RemoteCredentials,
    RemoteInput,
    RemoteSpec,
    RemoteTls,
    Scores,
    endpoint_of,
)
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.rpc.messages import message_of, value_of
from assay.v1 import remote_pb2

E = TypeVar("E", bound=StrEnum)


def remote_spec(message: remote_pb2.RemoteModel) -> RemoteSpec:
    """Return the remote model that a request declares, without its secrets.

    Raises InvalidArgument that names the first field with a wrong value.
    """
    endpoint, has_tls = endpoint_of(message.endpoint)
    tls = RemoteTls() if has_tls else None
    if message.HasField("tls"):
        tls = value_of(RemoteTls, message.tls)
    inputs = tuple(_input(f"inputs[{number}]", one) for number, one in enumerate(message.inputs))
    scores = _word(Scores, "scores", message.scores or Scores.PROBABILITIES)
    return value_of(RemoteSpec, message, endpoint=endpoint, tls=tls, inputs=inputs, scores=scores)


def remote_credentials(message: remote_pb2.RemoteModel) -> RemoteCredentials:
    """Return the secrets of a remote model; raises InvalidArgument for what is none."""
    return RemoteCredentials(token=message.token, client_key=message.tls.client_key)


def remote_message(spec: RemoteSpec) -> remote_pb2.RemoteModel:
    """Return a remote model as a message; it has no secrets."""
    tls = spec.tls and message_of(remote_pb2.RemoteTls, spec.tls, client_key=None)
    return message_of(remote_pb2.RemoteModel, spec, token=None, tls=tls)


def _input(field: str, message: remote_pb2.RemoteInput) -> RemoteInput:
    content = message.content or (Content.COLUMNS if message.columns else Content.TEXT)
    return value_of(
        RemoteInput,
        message,
        datatype=_word(Datatype, f"{field}.datatype", message.datatype),
        content=_word(Content, f"{field}.content", content),
    )


def _word(kind: type[E], field: str, text: str) -> E:
    try:
        return kind(text)
    except ValueError:
        description = f"'{clip(text)}' was sent; {', '.join(kind)} are allowed"
        raise InvalidArgument.of(f"remote.{field}", description) from None
