"""Dockerfile, docker-compose.yml and the package that they install."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from assay.settings import documented_settings
from tests.support.sources import copy_of_sources

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bASSAY_[A-Z_]+\b", text))


def test_compose_has_server_runner_and_gateway():
    """docker-compose.yml starts a server, a runner and a gateway, from the one image."""
    services = COMPOSE["services"]
    assert {"server", "runner", "gateway"} <= set(services)
    assert {service["image"] for service in services.values()} == {"assay:latest"}
    assert all("healthcheck" in services[name] for name in ("server", "runner", "gateway"))


def test_variables_of_the_images_are_settings():
    """Each ASSAY_ variable in Dockerfile and docker-compose.yml is a setting that exists."""
    used = variables(DOCKERFILE) | variables((ROOT / "docker-compose.yml").read_text())
    assert used <= {variable for _, variable, _, _ in documented_settings()}


def test_server_and_gateway_share_a_secret():
    """In docker-compose.yml the server believes its own gateway alone, by a secret that is asked for."""
    services = COMPOSE["services"]
    told = [services[name]["environment"]["ASSAY_GATEWAY_SECRET"] for name in ("server", "gateway")]
    assert told[0] == told[1]
    assert told[0].startswith("${ASSAY_GATEWAY_SECRET:?")


def test_image_does_not_run_as_root():
    """The image's last user is not root, and owns the data folder only."""
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["assay"]


def test_image_is_given_what_it_copies():
    """Everything that the Dockerfile copies passes .dockerignore."""
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert {name for names in copied for name in names.split()} <= allowed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_image_steps_install_a_service_that_runs(tmp_path):
    """What the Dockerfile installs, without a source tree beside it, starts and answers."""
    sources = copy_of_sources(tmp_path / "src")
    run(sys.executable, "-m", "venv", tmp_path / "assay", cwd=sources)
    (only_build_tools,) = re.findall(r"^RUN (sed .+)$", DOCKERFILE, re.MULTILINE)
    run("sh", "-c", only_build_tools, cwd=sources)
    steps = re.findall(r"^RUN /opt/assay/bin/pip (.+)$", DOCKERFILE, re.MULTILINE)
    assert len(steps) == 2
    for step in steps:
        run(tmp_path / "assay/bin/pip", *step.split(), cwd=sources)
    (tmp_path / "data").mkdir()
    with subprocess.Popen(
        [tmp_path / "assay/bin/assay", "up", "--json", "--grpc-port", "0", "--http-port", "0"],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "ASSAY_DATA_DIR": str(tmp_path / "data"),
            "ASSAY_GATEWAY_GRPC_PORT": "0",
            "ASSAY_GATEWAY_ADMIN_PORT": "0",
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            where = json.loads(service.stdout.readline())["rest"]
            answer = httpx.get(f"{where}/api/v1/server", trust_env=False)
            assert answer.status_code == 200, answer.text
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 0
        finally:
            service.kill()


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
