"""A real Envoy before a small gRPC server; the whole service is in tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from assay.gateway import process as gateways
from assay.gateway.config import GatewaySettings, gateway_folder
from tests.gateway.upstream import Upstream

ORIGIN = "https://dashboard.example"


def settings(**changes: object) -> GatewaySettings:
    """Return settings with free ports."""
    free = {"http_port": 0, "grpc_port": 0, "admin_port": 0, "folder": gateway_folder()}
    return GatewaySettings(**{**free, **changes})


@pytest.fixture(scope="session")
def access_log(tmp_path_factory):
    """The file that the shared gateway logs calls to."""
    return tmp_path_factory.mktemp("gateway") / "access.log"


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream().running() as server:
        yield server


@pytest.fixture(scope="session")
def gateway(upstream, access_log) -> Iterator[gateways.RunningGateway]:
    """An Envoy before `upstream`, with one CORS origin and a body limit of 64 KiB."""
    running = gateways.start(
        settings(
            upstreams=(f"127.0.0.1:{upstream.port}",),
            cors_origins=(ORIGIN,),
            max_body_bytes=65536,
            access_log=str(access_log),
        )
    )
    yield running
    running.stop(0)


@pytest.fixture(scope="session")
def web(gateway) -> Iterator[httpx.Client]:
    """An HTTP client of the gateway's REST listener."""
    with http_client(gateway) as client:
        yield client


def http_client(gateway: gateways.RunningGateway) -> httpx.Client:
    url = f"http://127.0.0.1:{gateway.http_port}"
    return httpx.Client(base_url=url, trust_env=False, timeout=20)
