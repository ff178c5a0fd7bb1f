"""Settings of the client: their environment variables, defaults and meanings.

`Client()` and the commands that call a service read them; arguments and options win over them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from assay.client.errors import BadInput
from assay.client.tls import Tls

ENV_PREFIX = "ASSAY_"


def _means(text: str) -> dict[str, str]:
    return {"meaning": text}


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Where a service is, who calls, and what is trusted."""

    url: str = field(
        default="grpc://127.0.0.1:50051",
        metadata=_means("Where the service is: `grpc://host:port`, or `grpcs://` for TLS."),
    )
    api_key: str | None = field(
        default=None, repr=False, metadata=_means("API key (`prefix.secret`) that is sent.")
    )
    token: str | None = field(
        default=None, repr=False, metadata=_means("JWT that is sent, where no API key is given.")
    )
    ca_file: Path | None = field(
        default=None,
        metadata=_means(
            "PEM file of the CAs that `grpcs://` trusts. When absent: gRPC's public ones."
        ),
    )
    client_certificate: Path | None = field(
        default=None,
        metadata=_means("PEM file of the certificate shown to a service that asks."),
    )
    client_key: Path | None = field(
        default=None, metadata=_means("PEM file of that certificate's key, not encrypted.")
    )
    timeout_seconds: float = field(
        default=30.0, metadata=_means("How long one short call may take.")
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> ClientSettings:
        """Return the settings in `environment`, by default this process's; empty means absent.

        Raises:
            BadInput: a value is not allowed; the message names the variable.
        """
        given = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for each in fields(cls):
            variable = ENV_PREFIX + each.name.upper()
            if text := given.get(variable, ""):
                values[each.name] = _parsed(each.name, variable, text)
        return cls(**values)

    def tls(self) -> Tls | None:
        """Return the files of TLS, or None where none is named."""
        if not (self.ca_file or self.client_certificate or self.client_key):
            return None
        return Tls(ca=self.ca_file, certificate=self.client_certificate, key=self.client_key)

    @classmethod
    def documented(cls) -> Iterator[tuple[str, object, str]]:
        """Yield (environment variable, default, meaning) of every setting, in order."""
        for each in fields(cls):
            yield ENV_PREFIX + each.name.upper(), each.default, each.metadata["meaning"]


def _parsed(name: str, variable: str, text: str) -> object:
    if name == "timeout_seconds":
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            raise BadInput(f"{variable} is '{text}'; a number of seconds above 0 is allowed.")
        return seconds
    if name in {"ca_file", "client_certificate", "client_key"}:
        if not Path(text).is_file():
            raise BadInput(f"{variable} names no file: {text}")
        return Path(text)
    return text


def wants_tracebacks() -> bool:
    """Say whether an unforeseen fault of a command shows its traceback: ASSAY_LOG_LEVEL=debug."""
    return os.environ.get(ENV_PREFIX + "LOG_LEVEL") == "debug"


def step_summary_file() -> Path | None:
    """Return the summary page of a step of GitHub Actions, which its environment names."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(name) if name else None
