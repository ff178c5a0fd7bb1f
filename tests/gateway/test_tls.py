"""TLS on every way in: https, native gRPC through the gateway and directly, and to the servers."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import httpx
import pytest

from assay.client import BadInput, Client, RetryPolicy, ServiceUnavailable, Tls, TlsFailed
from assay.gateway import process as gateways
from assay.gateway.tls import GatewayTls
from assay.kernel.rpc.tls import server_credentials
from assay.v1 import server_service_pb2
from tests.fixtures.gateway import http_client, settings
from tests.support.certificates import Authority, Files
from tests.support.grpc_web import GrpcWeb
from tests.support.upstream import Upstream
from tools import service as services

ONCE = RetryPolicy(seconds=0)


@dataclass(frozen=True)
class Secure:
    """A service whose every way in is TLS, and whose server asks for certificates."""

    service: services.Service
    ca: Authority
    stranger: Authority  # whom nobody trusts
    caller: Files

    def client(self, target: str, tls: Tls) -> Client:
        return Client(target, api_key=self.service.key, tls=tls, retry=ONCE, timeout=10)


@pytest.fixture(scope="module")
def secure(tmp_path_factory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("certificates")
    ca, stranger = Authority(folder, "ca"), Authority(folder, "stranger")
    server, gateway, inner = ca.issue("server"), ca.issue("gateway"), ca.issue("inner")
    running = services.start(
        tmp_path_factory.mktemp("secure"),
        ASSAY_GRPC_TLS_CERTIFICATE=str(server.certificate),
        ASSAY_GRPC_TLS_KEY=str(server.key),
        ASSAY_GRPC_TLS_CLIENT_CA=str(ca.file),
        ASSAY_GATEWAY_TLS_CERTIFICATE=str(gateway.certificate),
        ASSAY_GATEWAY_TLS_KEY=str(gateway.key),
        ASSAY_GATEWAY_UPSTREAM_CERTIFICATE=str(inner.certificate),
        ASSAY_GATEWAY_UPSTREAM_KEY=str(inner.key),
    )
    yield Secure(running, ca, stranger, ca.issue("caller"))
    assert running.stop() == []


def handshake(address: str, ca, *protocols: str, newest: ssl.TLSVersion | None = None):
    """Return (TLS version, chosen protocol) of a connection to `https://host:port`."""
    host, _, port = address.rpartition("/")[2].partition(":")
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(list(protocols))
    if newest is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old versions are what is tried
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    with (
        socket.create_connection((host, int(port)), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=host) as wrapped,
    ):
        return wrapped.version(), wrapped.selected_alpn_protocol()


def test_rest_over_https(secure):
    """REST answers over https to whoever trusts the CA, and to nobody else."""
    assert secure.service.rest.startswith("https://")
    trusted = ssl.create_default_context(cafile=secure.ca.file)
    headers = {"authorization": f"Bearer {secure.service.key}"}
    with httpx.Client(verify=trusted, trust_env=False, headers=headers) as web:
        made = web.post(
            f"{secure.service.rest}/api/v1/models", json={"name": "m", "task_type": "regression"}
        )
        assert made.status_code == 201
        model = made.json()["model_id"]
        assert web.get(f"{secure.service.rest}/api/v1/models/{model}").json()["name"] == "m"
    untrusting = ssl.create_default_context(cafile=secure.stranger.file)
    with (
        httpx.Client(verify=untrusting, trust_env=False) as web,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        web.get(f"{secure.service.rest}/healthz")


def test_curl_is_answered_over_http2_and_http1(secure):
    """The command curl with the CA is answered over HTTP/2 where it offers that, else over HTTP/1.1."""
    url = f"{secure.service.rest}/api/v1/server"
    for option, version in (("--http2", "2"), ("--http1.1", "1.1")):
        told = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "--cacert", secure.ca.file, option, url,
             "-o", os.devnull, "-w", "%{http_version} %{http_code}"],
            check=True, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert told.stdout == f"{version} 200"


def test_protocols_and_versions(secure):
    """The REST listener speaks h2 and http/1.1 by ALPN; nothing older than TLS 1.2 is spoken."""
    rest, ca = secure.service.rest, secure.ca.file
    assert handshake(rest, ca, "h2", "http/1.1")[1] == "h2"
    assert handshake(rest, ca, "http/1.1")[1] == "http/1.1"
    assert handshake(rest, ca, newest=ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2"
    for address in (rest, secure.service.grpc):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(address, ca, "h2", newest=ssl.TLSVersion.TLSv1_1)


def test_plain_http_is_not_answered(secure):
    """A listener with TLS answers nothing in the clear."""
    url = secure.service.rest.replace("https://", "http://")
    with (
        httpx.Client(trust_env=False) as web,
        pytest.raises(httpx.TransportError),
    ):
        web.get(f"{url}/healthz")


def test_grpc_web_over_https(secure):
    """grpc-web works over https as it does in the clear."""
    trusted = ssl.create_default_context(cafile=secure.ca.file)
    with httpx.Client(base_url=secure.service.rest, verify=trusted, trust_env=False) as web:
        reply, answer = GrpcWeb(web).call(
            "/assay.v1.ServerService/GetServerInfo",
            server_service_pb2.GetServerInfoRequest(),
            server_service_pb2.ServerInfo,
        )
    assert answer.code == 0
    assert reply.version


def test_direct_grpc_needs_a_certificate_of_the_caller(secure):
    """Mutual TLS: with a certificate of the CA a caller is served, with another or none not."""
    assert secure.service.grpc.startswith("grpcs://")
    own, ca = secure.caller, secure.ca.file
    tls = Tls(ca=ca, certificate=own.certificate, key=own.key)
    with secure.client(secure.service.grpc, tls) as client:
        made = client.models.create("direct", "classification")
        version = client.versions.create(made.model_id)
        done = client.evaluate(
            made.model_id, version.version_id, y_true=["a", "b"], y_pred=["a", "a"]
        )
        assert done.metrics["accuracy"] == 0.5
    other = secure.stranger.issue("nobody")
    wrong = Tls(ca=ca, certificate=other.certificate, key=other.key)
    for tls in (Tls(ca=ca), wrong):
        with (
            secure.client(secure.service.grpc, tls) as client,
            pytest.raises(ServiceUnavailable),
        ):
            client.server.info()


def test_native_grpc_through_the_gateway(secure):
    """The gateway's listener for native gRPC speaks TLS with the gateway's certificate."""
    with secure.client(secure.service.gateway_grpc, Tls(ca=secure.ca.file)) as client:
        assert client.models.create("through", "regression").model_id
    with (
        secure.client(secure.service.gateway_grpc, Tls(ca=secure.stranger.file)) as client,
        pytest.raises(TlsFailed, match="is not trusted: "),
    ):
        client.server.info()


def test_name_in_the_certificate_is_checked(tmp_path):
    """A certificate of the right CA for another host is refused, and the message says so."""
    ca = Authority(tmp_path, "ca")
    other = ca.issue("other", ("elsewhere.example",))
    with Upstream(server_credentials(other.certificate, other.key, None)).running() as server:
        client = Client(f"127.0.0.1:{server.port}", tls=Tls(ca=ca.file), retry=ONCE)
        with client, pytest.raises(TlsFailed, match="another host name"):
            client.server.info()


def test_service_without_tls_is_told_apart(upstream):
    """Speaking TLS to a server in the clear fails at once and says why."""
    client = Client(f"grpcs://127.0.0.1:{upstream.port}")  # its patience is 30 s
    with client, pytest.raises(TlsFailed, match="does not speak TLS"):
        client.server.info()


def command(secure: Secure, **variables) -> subprocess.CompletedProcess[str]:
    given = {name: str(value) for name, value in variables.items()}
    return subprocess.run(
        [sys.executable, "-m", "assay", "models", "list", "--json"],
        env={**os.environ, "ASSAY_API_KEY": secure.service.key, "NO_COLOR": "1",
             "COLUMNS": "200", "ASSAY_TIMEOUT_SECONDS": "5", **given},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_commands_speak_tls(secure):
    """A command with ASSAY_CA_FILE, and a certificate where one is asked for, is served."""
    own = secure.caller
    direct = command(
        secure, ASSAY_URL=secure.service.grpc, ASSAY_CA_FILE=secure.ca.file,
        ASSAY_CLIENT_CERTIFICATE=own.certificate, ASSAY_CLIENT_KEY=own.key,
    )  # fmt: skip
    through = command(secure, ASSAY_URL=secure.service.gateway_grpc, ASSAY_CA_FILE=secure.ca.file)
    for done in (direct, through):
        assert done.returncode == 0, done.stderr
        assert all("model_id" in json.loads(line) for line in done.stdout.splitlines())


def test_commands_say_what_is_wrong_with_tls(secure):
    """A wrong CA, no certificate or no TLS ends a command with 3 and names the way out."""
    url, ca = secure.service.grpc, secure.ca.file
    plain = url.removeprefix("grpcs://")
    wrong_ca = command(secure, ASSAY_URL=url, ASSAY_CA_FILE=secure.stranger.file)
    no_certificate = command(secure, ASSAY_URL=url, ASSAY_CA_FILE=ca)
    in_the_clear = command(secure, ASSAY_URL=f"grpc://{plain}")
    for done, words in (
        (wrong_ca, "certificate is not trusted: unable to get local issuer certificate"),
        (wrong_ca, "Set ASSAY_CA_FILE"),
        (no_certificate, "ASSAY_CLIENT_CERTIFICATE"),
        (in_the_clear, "write grpcs://"),
    ):
        assert done.returncode == 3
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert "SSL_ERROR" not in done.stderr  # nor lines of gRPC's core


def test_files_of_a_command_are_checked(secure, tmp_path):
    """A file that is missing or is no certificate ends a command with 2, by its name."""
    url, text = secure.service.grpc, tmp_path / "text.pem"
    text.write_text("hello")
    own = secure.caller
    for variables, words in (
        ({"ASSAY_CA_FILE": tmp_path / "absent.pem"}, "ASSAY_CA_FILE names no file"),
        ({"ASSAY_CA_FILE": text}, f"{text} holds no certificate"),
        ({"ASSAY_CLIENT_KEY": own.key}, "given together"),
    ):
        done = command(secure, ASSAY_URL=url, **variables)
        assert done.returncode == 2
        assert words in done.stderr


def test_a_ca_is_never_ignored(secure):
    """Who names a CA and an address in the clear is refused, instead of sending a key readable."""
    with pytest.raises(ValueError, match="grpcs://"):
        Client("grpc://127.0.0.1:1", tls=Tls(ca=secure.ca.file))
    with pytest.raises(BadInput, match="another certificate"):
        Client("127.0.0.1:1", tls=Tls(certificate=secure.caller.certificate,
                                      key=secure.stranger.issue("x").key))  # fmt: skip


@pytest.mark.parametrize(
    ("hosts", "told", "status"),
    [
        (("127.0.0.1",), {}, 200),
        (("assay.internal",), {"upstream_name": "assay.internal"}, 200),
        (("assay.internal",), {}, 503),
        (("127.0.0.1",), {"upstream_name": "assay.internal"}, 503),
    ],
    ids=["own host", "name", "other host", "other name"],
)
def test_gateway_checks_its_servers(tmp_path, hosts, told, status):
    """The gateway calls a server only if its certificate is of the CA and of the right name."""
    ca = Authority(tmp_path, "ca")
    server = ca.issue("server", hosts)
    tls = GatewayTls(upstream_ca=ca.file, **told)
    assert answered(Upstream(credentials(server)), tls) == status


def test_gateway_trusts_no_other_ca(tmp_path):
    """A server whose certificate another CA signed is not called."""
    ca, stranger = Authority(tmp_path, "ca"), Authority(tmp_path, "stranger")
    tls = GatewayTls(upstream_ca=stranger.file)
    assert answered(Upstream(credentials(ca.issue("server"))), tls) == 503


def credentials(files: Files) -> grpc.ServerCredentials:
    return server_credentials(files.certificate, files.key, None)


def answered(server: Upstream, tls: GatewayTls) -> int:
    """Return the status of a read through a gateway before `server`."""
    with server.running():
        running = gateways.start(
            settings(upstreams=(f"127.0.0.1:{server.port}",), tls=tls, access_log="/dev/null")
        )
        try:
            with http_client(running) as web:
                return web.get("/api/v1/models/m").status_code
        finally:
            running.stop(0)
