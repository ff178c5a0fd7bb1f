"""`assay up` and its parts as processes: how they start, and what they leave behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from assay.client import Client
from tools import service as services

KEY = "boot.0123456789abcdef0123456789abcdef"


def eventually(holds, seconds=10.0):
    """Wait for something that no process tells of."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def assay(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "assay", *map(str, arguments)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_nothing_is_left_after_kill_9(tmp_path):
    """When `assay up` is killed, Envoy and the compute children go with it."""
    running = services.start(tmp_path)
    family = services.descendants(running.process.pid)
    assert len(family) >= 2
    running.process.kill()
    running.process.wait()
    running.forget()
    assert eventually(lambda: not any(map(services.alive, family)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(tmp_path, number):
    """SIGINT and SIGTERM end `assay up` with 0, and nothing of it is left."""
    running = services.start(tmp_path)
    family = services.descendants(running.process.pid)
    running.process.send_signal(number)
    assert running.process.wait(30) == 0
    running.forget()
    assert eventually(lambda: not any(map(services.alive, family)))
    assert "Traceback" not in running.log.read_text()


def test_what_was_measured_is_there_after_a_restart(tmp_path):
    """A second start on the same folder serves what the first one kept, with the same key."""
    first = services.start(tmp_path)
    with Client(first.grpc, api_key=first.key) as client:
        client.models.create("kept", "classification", model_id="kept")
        client.versions.create("kept", version_id="kept-1")
        done = client.evaluate("kept", "kept-1", y_true=["a", "b"], y_pred=["a", "a"])
    assert first.stop() == []
    second = services.start(tmp_path)
    with Client(second.grpc, api_key=first.key) as client:
        assert client.evaluations.get(done.evaluation_id) == done
    # The bootstrap key of a later start is not made: the store has a key already.
    assert second.key != first.key
    with Client(second.grpc, api_key=second.key) as client, pytest.raises(Exception, match="key"):
        client.models.get("kept")
    assert second.stop() == []


def test_the_first_start_makes_a_key_and_shows_it_once(tmp_path):
    """Without ASSAY_BOOTSTRAP_KEY the first start shows a new admin key, the second none."""
    shown = []
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "assay", "up", "--json", "--data-dir", tmp_path,
             "--grpc-port", "0", "--http-port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "ASSAY_GATEWAY_GRPC_PORT": "0", "ASSAY_GATEWAY_ADMIN_PORT": "0"},
        )  # fmt: skip
        with process:
            ready = json.loads(process.stdout.readline())
            shown.append(ready["key"])
            with Client(ready["grpc"], api_key=shown[0]) as client:
                assert list(client.models.list()) == []
            # The gateway serves native gRPC too.
            with Client(ready["gateway_grpc"], api_key=shown[0]) as client:
                assert list(client.models.list()) == []
            request = urllib.request.Request(f"{ready['rest']}/api/v1/server")
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=10) as answer:
                assert json.loads(answer.read())["limits"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert shown[0].count(".") == 1
    assert shown[1] is None


def test_a_port_that_is_taken_is_named(tmp_path):
    """A start on a port that somebody has fails at once, naming it, and leaves nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = assay("up", "--data-dir", tmp_path, "--grpc-port", port, "--http-port", 0)
        assert done.returncode == 3
        assert str(port) in done.stderr
        assert "Traceback" not in done.stderr
        again = assay(
            "up", "--data-dir", tmp_path, "--grpc-port", 0, "--http-port", port,
            ASSAY_GATEWAY_GRPC_PORT="0", ASSAY_GATEWAY_ADMIN_PORT="0",
        )  # fmt: skip
        assert again.returncode == 3
        assert str(port) in again.stderr
        assert "Traceback" not in again.stderr


def test_serve_and_work_refuse_a_database_without_schema(tmp_path):
    """`serve` and `work` do not migrate; they name the command that does."""
    for command in ("serve", "work"):
        done = assay(command, "--data-dir", tmp_path)
        assert done.returncode == 3
        assert "assay migrate" in done.stderr
    assert assay("migrate", "--data-dir", tmp_path).returncode == 0
    again = assay("migrate", "--data-dir", tmp_path)
    assert again.returncode == 0
    assert "schema" in again.stdout


def test_a_wrong_setting_is_named(tmp_path):
    """A setting with a value that is not allowed ends a command with 2, naming its variable."""
    done = assay("up", "--data-dir", tmp_path, ASSAY_LEASE_SECONDS="0", ASSAY_LOG_LEVEL="loud")
    assert done.returncode == 2
    assert "ASSAY_LEASE_SECONDS" in done.stderr
    assert "ASSAY_LOG_LEVEL" in done.stderr


def test_settings_are_shown_without_secrets():
    """`assay settings` shows what is in force, and hides secrets."""
    done = assay("settings", "--json", ASSAY_BOOTSTRAP_KEY=KEY, ASSAY_HTTP_PORT="81")
    told = json.loads(done.stdout)
    assert told["ASSAY_HTTP_PORT"] == "81"
    assert KEY not in done.stdout


def test_the_gateway_prints_its_configuration():
    """`assay gateway --print` renders the settings as Envoy's configuration."""
    done = assay(
        "gateway", "--print", "--http-port", 8123, ASSAY_GATEWAY_UPSTREAMS="10.0.0.7:50051"
    )
    assert done.returncode == 0
    assert "8123" in done.stdout
    assert "10.0.0.7" in done.stdout
