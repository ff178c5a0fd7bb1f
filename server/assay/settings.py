"""Every setting of Assay: its environment variable, its default and its meaning.

Of the service this module alone reads the environment. A setting `lease_seconds` is
read from `ASSAY_LEASE_SECONDS`; command-line options of the same name win over it.
`docs/settings.md` is generated from this file; `assay settings` shows the values in force.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from assay.client.settings import ENV_PREFIX, ClientSettings

MIN_HS256_BYTES = 32

# One numeric environment for every process that computes (decisions/0010): AVX-512 sorts were
# measured 5-6 times slower than AVX2 ones, and np.log differs between the two.
NUMPY_DISABLED_FEATURES = "X86_V4 AVX512_ICL AVX512_SPR"
COMPUTE_ENVIRONMENT: Mapping[str, str] = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    **(
        {"NPY_DISABLE_CPU_FEATURES": NUMPY_DISABLED_FEATURES}
        if platform.machine().lower() in {"x86_64", "amd64"}
        else {}  # numpy warns about features that its build does not know
    ),
}


def prepare_compute_environment() -> None:
    """Fix the numeric environment of this process and its children; call before numpy is imported.

    Overwrites what is set: a result is only reproducible under one known setting.
    """
    os.environ.update(COMPUTE_ENVIRONMENT)
    # Arrow's allocator would count memory that it merely reserved against a process's limit, for as
    # long as the process lives: after one large file the next one had less.
    os.environ.setdefault("MIMALLOC_ARENA_EAGER_COMMIT", "0")


Port = Annotated[int, Field(ge=0, le=65535)]
Words = Annotated[tuple[str, ...], NoDecode]  # from the environment as comma-separated words


class Settings(BaseSettings):
    """The settings of a server, a runner and a gateway."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", populate_by_name=True
    )

    # --- where things are kept
    data_dir: Path = Field(
        default=Path("assay-data"),
        description="Folder of the database, the blobs and the local keys.",
    )
    database_url: str | None = Field(
        default=None,
        description="`postgresql://user:password@host/database`, or `sqlite:///` and a path."
        " When absent: SQLite in `data_dir`.",
    )
    blobs_url: str | None = Field(
        default=None,
        description="Folder of the blobs, by its path or as `file://` and the path; the same for all"
        " servers and runners. When absent: `blobs` in `data_dir`.",
    )

    # --- where the server listens
    grpc_host: str = Field(
        default="127.0.0.1", description="Address on which the gRPC server listens."
    )
    grpc_port: Port = Field(
        default=50051, description="Port of the gRPC server; 0 takes a free one."
    )
    grpc_tls_certificate: Path | None = Field(
        default=None,
        description="PEM file of the gRPC server's certificate and its chain; turns TLS on.",
    )
    grpc_tls_key: Path | None = Field(
        default=None, description="PEM file of that certificate's key, not encrypted."
    )
    grpc_tls_client_ca: Path | None = Field(
        default=None,
        description="PEM file of the CAs of which every caller of the gRPC server must have a"
        " certificate (mutual TLS).",
    )
    drain_seconds: float = Field(
        default=10.0, ge=0, description="How long a stopping server or gateway lets calls finish."
    )

    # --- where the gateway listens, and to whom it speaks
    http_host: str = Field(default="127.0.0.1", description="Address on which the gateway listens.")
    http_port: Port = Field(default=8080, description="Port of the gateway for REST.")
    gateway_grpc_port: Port = Field(
        default=8081,
        description="Port of the gateway for native gRPC, balanced over the upstreams.",
    )
    gateway_admin_port: Port = Field(
        default=9901, description="Port of Envoy's administration, on 127.0.0.1 only."
    )
    gateway_upstreams: Words = Field(
        default=(),
        description="`host:port` of each gRPC server. When absent: the server's own address.",
    )
    gateway_tls_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate and chain of both listeners of the gateway; turns"
        " https and TLS for native gRPC on.",
    )
    gateway_tls_key: Path | None = Field(
        default=None, description="PEM file of that certificate's key, not encrypted."
    )
    gateway_upstream_ca: Path | None = Field(
        default=None,
        description="PEM file of the CAs of the servers' certificates; turns TLS on between gateway"
        " and servers. `assay up` trusts its own server's certificate instead.",
    )
    gateway_upstream_name: str | None = Field(
        default=None,
        description="DNS name that the servers' certificates bear. When absent: the hosts of"
        " the upstreams.",
    )
    gateway_upstream_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate that the gateway shows to servers that ask.",
    )
    gateway_upstream_key: Path | None = Field(
        default=None, description="PEM file of that certificate's key, not encrypted."
    )
    gateway_secret: SecretStr | None = Field(
        default=None,
        description="Shared by servers and gateways, so that a server believes no other caller who"
        " claims to be a gateway. When absent: `assay up` makes one, and other servers believe"
        " everybody.",
    )
    gateway_access_log: str = Field(
        default="/dev/stdout", description="File to which the gateway writes one line a call."
    )
    gateway_concurrency: int = Field(default=1, ge=1, description="Envoy's worker threads.")
    cors_origins: Words = Field(
        default=(),
        description="Origins whose browser pages may call REST and grpc-web; `*` is any.",
    )

    # --- how much is computed
    workers: int = Field(
        default=0, ge=0, description="Compute processes of a runner; 0 is one for each CPU."
    )
    network_workers: int = Field(
        default=4,
        ge=1,
        description="Processes of a runner, and of a server, whose tasks wait for other machines;"
        " started when first needed.",
    )
    lease_seconds: float = Field(
        default=4.0,
        gt=0,
        le=60,
        description="How long a runner holds a job without a sign of life.",
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        description="How often a job may be taken before it fails with ATTEMPTS_SPENT.",
    )
    max_engines: int = Field(
        default=8,
        ge=0,
        description="Processes that may be kept for versions with a minimum parallel capacity, over"
        " all organizations, beside those that serve everybody.",
    )
    compute_memory_bytes: int = Field(
        default=4 * 1024**3,
        ge=256 * 1024**2,
        description="Memory limit of one compute process, in bytes.",
    )
    event_days: int = Field(
        default=30, ge=1, description="Days for which the events of an ended job are kept."
    )

    # --- who may call
    jwt_issuer: str | None = Field(default=None, description="The `iss` that a token must have.")
    jwt_audience: str | None = Field(default=None, description="The `aud` that a token must have.")
    jwt_jwks_url: str | None = Field(
        default=None, description="URL of the key set that signs tokens."
    )
    jwt_jwks_file: Path | None = Field(
        default=None, description="File with the key set that signs tokens."
    )
    jwt_hs256_secret: SecretStr | None = Field(
        default=None,
        description="Shared secret for HS256 tokens, of 32 bytes or more; off when absent.",
    )
    jwt_leeway_seconds: float = Field(
        default=10.0,
        ge=0,
        le=300,
        description="Clock difference that is forgiven in `exp` and `nbf`.",
    )
    jwt_organization_claim: str = Field(
        default="org_id",
        description="The claim that names the organization; without it a token gets 401.",
    )
    jwt_permissions_claims: Words = Field(
        default=("scope", "permissions"),
        description="Claims that list permissions, as a list or as words; the first present counts.",
    )
    development_key: Path | None = Field(
        default=None,
        description="Private key with which `assay token` signs, trusted by every server that has"
        " the file. When absent: `development-key.pem` in `data_dir`.",
    )
    bootstrap_key: SecretStr | None = Field(
        default=None,
        description="`prefix.secret` of an admin key that the first start of an empty store makes."
        " When absent, `assay up` makes one and shows it once.",
    )
    bootstrap_organization: str = Field(
        default="default", description="Organization of the bootstrap key and of `assay token`."
    )
    edge_organization: str | None = Field(
        default=None,
        min_length=1,
        description="Organization of callers who bring no key to the edge API (`EdgeClient` of"
        " modzy-sdk); a server that has it must listen on a loopback address. When absent: they"
        " need a key as everybody does.",
    )

    # --- what is reached of other services
    secrets_key: SecretStr | None = Field(
        default=None,
        description="Secret of 32 bytes or more under which tokens and keys of other services are"
        " stored; the same on every server and runner. When absent: the file `secrets-key` in"
        " `data_dir`, which the first start makes.",
    )
    remote_allow: Words = Field(
        default=(),
        description="CIDR ranges of private or loopback addresses at which callers may have remote"
        " models and object stores reached, such as `10.0.0.0/8`. When absent: public ones alone.",
    )

    # --- how much a caller may ask
    rate_read_per_minute: int = Field(
        default=6000,
        ge=1,
        description="Reads of one principal in a minute, beyond which it gets 429.",
    )
    rate_write_per_minute: int = Field(
        default=1200,
        ge=1,
        description="Writes of one principal in a minute, beyond which it gets 429.",
    )
    rate_stream_per_minute: int = Field(
        default=600,
        ge=1,
        description="Streams opened by one principal in a minute; beyond it gets 429.",
    )
    rate_chunk_per_minute: int = Field(
        default=60_000,
        ge=1,
        description="Chunks of files that one principal may send in a minute; beyond it gets 429."
        " A client that sends one after the other stays far below.",
    )
    rate_failed_per_minute: int = Field(
        default=600,
        ge=1,
        description="Wrong credentials from one address in a minute, beyond which it gets 429.",
    )
    max_watches: int = Field(
        default=500,
        ge=1,
        description="Watches that one organization may have open at a server; more: 429.",
    )
    limits_storage_url: str = Field(
        default="memory://",
        description="Where rates are counted: in each server (`memory://`) or in a shared"
        " `redis://` server.",
    )
    max_file_bytes: int = Field(
        default=4 * 1024**3, ge=1, description="Bytes of one uploaded file; more gets 413."
    )
    max_chunk_bytes: int = Field(
        default=1024**2,
        ge=1024,
        le=1024**2,
        description="Bytes of one chunk of predictions; more: 413.",
    )
    max_body_bytes: int = Field(
        default=4 * 1024**2, ge=1024, description="Bytes of one JSON body; more gets 413."
    )

    quota_bytes: int | None = Field(
        default=None,
        ge=1,
        description="Bytes of uploads, documents and results that one organization may store; more"
        " gets 413 QUOTA_EXCEEDED. When absent: no limit.",
    )

    # --- what is told
    access_log: str = Field(
        default="/dev/stderr",
        description="File to which the gRPC server writes one line a call. `assay up` on a terminal"
        " writes both access logs into `logs` in `data_dir` unless they are set.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious lines that are logged."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Lines for people (`text`) or for machines (`json`)."
    )

    @field_validator(
        "gateway_upstreams", "cors_origins", "jwt_permissions_claims", "remote_allow", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("bootstrap_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        prefix, _, secret = value.get_secret_value().partition(".")
        if not prefix or len(secret) < 22 or "." in secret:
            raise ValueError(
                "must be prefix.secret, with a secret of 22 characters or more and no other dot"
            )
        return value

    @field_validator("remote_allow")
    @classmethod
    def _are_ranges(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            ip_network(one, strict=False)
        return value

    @field_validator("jwt_hs256_secret", "secrets_key")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < MIN_HS256_BYTES:
            raise ValueError(f"must have {MIN_HS256_BYTES} bytes or more")
        return value

    @property
    def database(self) -> str:
        """The database's URL, with its default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'assay.db'}"

    @property
    def blobs(self) -> str:
        """The blobs' folder or URL, with its default filled in."""
        return self.blobs_url or str(self.data_dir.absolute() / "blobs")

    @property
    def development_key_path(self) -> Path:
        """The file of the local development key, which need not exist."""
        return self.development_key or self.data_dir.absolute() / "development-key.pem"

    @property
    def worker_count(self) -> int:
        """Compute processes, with 0 replaced by the CPUs that this process may use."""
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def upstreams(self) -> tuple[str, ...]:
        """The gRPC servers that the gateway speaks to, with the default filled in."""
        return self.gateway_upstreams or (f"127.0.0.1:{self.grpc_port}",)


def documented_settings() -> Iterator[tuple[str, str, str, str]]:
    """Yield (section, environment variable, default, meaning) of every setting, in order."""
    for name, field in Settings.model_fields.items():
        variable, meaning = ENV_PREFIX + name.upper(), field.description or ""
        yield "Server, runner and gateway", variable, _shown(field.default), meaning
    for variable, default, meaning in ClientSettings.documented():
        yield "Clients and commands that call a service", variable, _shown(default), meaning


def _shown(default: object) -> str:
    if default is None or default == ():
        return ""
    return ",".join(default) if isinstance(default, tuple) else str(default)
