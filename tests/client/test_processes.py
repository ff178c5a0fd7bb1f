"""`assay up` and its parts as processes: how they start, and what they leave behind."""

import contextlib
import json
import os
import pty
import re
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
FREE = {
    "ASSAY_GRPC_PORT": "0",
    "ASSAY_HTTP_PORT": "0",
    "ASSAY_GATEWAY_GRPC_PORT": "0",
    "ASSAY_GATEWAY_ADMIN_PORT": "0",
}


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


@contextlib.contextmanager
def started(data_dir, **variables):
    """Run `assay up` on free ports; gives what it says of itself."""
    given = {name: value for name, value in {**FREE, **variables}.items() if value}
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", "up", "--json", "--data-dir", data_dir],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **given},
    )  # fmt: skip
    with process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def on_terminal(data_dir, key=None):
    """Run `assay up` on a terminal of its own, call it once, stop it; return what was shown."""
    near, far = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", "up", "--data-dir", data_dir],
        stdin=far, stdout=far, stderr=far, env={**os.environ, **FREE, "COLUMNS": "200"},
    )  # fmt: skip
    os.close(far)
    shown, called = b"", False
    with process, contextlib.suppress(OSError):  # the terminal is gone when the process is
        while data := os.read(near, 65_536):
            shown += data
            if b"Try it" in shown and not called:
                called = True
                text = shown.decode()
                found = re.search(r"export ASSAY_API_KEY=(\S+)", text)
                url = re.search(r"export ASSAY_URL=(\S+)", text)[1]
                with Client(url, api_key=found[1] if found else key) as client:
                    list(client.models.list())
                process.send_signal(signal.SIGTERM)
    os.close(near)
    return shown.decode()


def test_grpc_knows_what_the_service_asks_of_it(tmp_path):
    """The core of gRPC has the switch that `assay` sets, and names none that it does not know."""
    said = assay("token", "--data-dir", tmp_path).stderr
    assert "Unknown experiment" not in said
    given = assay("token", "--data-dir", tmp_path, GRPC_EXPERIMENTS="-no_such_thing").stderr
    assert "Unknown experiment: no_such_thing" in given


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


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("ASSAY_GRPC_PORT", "--grpc-port, ASSAY_GRPC_PORT"),
        ("ASSAY_HTTP_PORT", "--http-port, ASSAY_HTTP_PORT"),
        ("ASSAY_GATEWAY_GRPC_PORT", "ASSAY_GATEWAY_GRPC_PORT"),
        ("ASSAY_GATEWAY_ADMIN_PORT", "ASSAY_GATEWAY_ADMIN_PORT"),
    ],
)
def test_a_port_that_is_taken_is_named(tmp_path, setting, named):
    """A start on a port that somebody has fails at once, naming its setting, and makes nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = assay("up", "--data-dir", tmp_path / "data", **{**FREE, setting: str(port)})
    assert done.returncode == 3
    assert f"Cannot listen on 127.0.0.1:{port} ({named}): another process" in done.stderr
    assert "Traceback" not in done.stderr
    assert "[critical]" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_the_key_outlives_a_start_that_failed(tmp_path):
    """A start whose gateway cannot start keeps no key to itself: the next start shows one."""
    broken = {"ASSAY_GATEWAY_ACCESS_LOG": str(tmp_path / "no folder" / "access.log")}
    failed = assay("up", "--json", "--data-dir", tmp_path, **{**FREE, **broken})
    assert failed.returncode != 0
    with started(tmp_path) as ready, Client(ready["grpc"], api_key=ready["key"]) as client:
        assert list(client.models.list()) == []


def test_two_services_run_side_by_side(tmp_path):
    """Two services that are given two ports each run on one machine without further settings."""
    with (
        started(tmp_path / "a", ASSAY_GATEWAY_GRPC_PORT="", ASSAY_GATEWAY_ADMIN_PORT="") as a,
        started(tmp_path / "b", ASSAY_GATEWAY_GRPC_PORT="", ASSAY_GATEWAY_ADMIN_PORT="") as b,
    ):
        for ready in (a, b):
            with Client(ready["gateway_grpc"], api_key=ready["key"]) as client:
                assert list(client.models.list()) == []


def test_a_lost_key_is_replaced(tmp_path):
    """Whoever can read the data folder makes a new admin key by what the banner says."""
    with started(tmp_path) as ready:
        token = assay("token", "--data-dir", tmp_path).stdout.strip()
        url = f"grpc://{ready['grpc']}"
        lost = {"ASSAY_URL": url, "ASSAY_API_KEY": "", "ASSAY_TOKEN": token}
        key = assay("keys", "create", "me", "-p", "admin", **lost).stdout.strip()
        assert assay("keys", "list", ASSAY_URL=url, ASSAY_API_KEY=key).returncode == 0


def test_a_terminal_is_left_to_the_banner(tmp_path):
    """On a terminal the address and the key are shown to be pasted, and calls go to files."""
    shown = on_terminal(tmp_path / "data")
    url = re.search(r"export ASSAY_URL=(grpc://127\.0\.0\.1:\d+)", shown)[1]
    key = re.search(r"export ASSAY_API_KEY=(\S+)", shown)[1]
    assert "/assay.v1." not in shown
    logged = (tmp_path / "data" / "logs" / "server-access.log").read_text()
    assert "/assay.v1.ModelService/ListModels" in logged
    assert (url, key) != ("", "")
    again = on_terminal(tmp_path / "data", key)
    assert "export ASSAY_API_KEY" not in again
    assert "assay keys create me -p admin" in again


def test_a_token_of_an_unknown_permission_is_refused(tmp_path):
    """A token is not made with a word that no permission has; the nearest one is named."""
    done = assay("token", "--data-dir", tmp_path, "-p", "model:raed job:read")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'model:read'?" in done.stderr


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
