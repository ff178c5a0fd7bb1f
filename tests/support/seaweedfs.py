"""A SeaweedFS server on this machine, which speaks the S3 protocol."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyarrow.fs import S3FileSystem

from tests.support.servers import free_port

START_SECONDS = 60.0
ACCESS_KEY_ID = "key-of-tests"
SECRET_ACCESS_KEY = "secret-of-tests"
_PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"),
)
_SETTINGS = {
    "ip": "127.0.0.1",
    "ip.bind": "127.0.0.1",
    "s3": "true",
    "s3.port.iceberg": "0",
    "s3.port.lance": "0",
    "master.telemetry": "false",
    "master.volumeSizeLimitMB": "256",
    "volume.max": "200",
}


@dataclass(frozen=True)
class SeaweedFs:
    """A server that runs."""

    endpoint: str  # URL

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        """Store objects by key, in a bucket that is made where it is not there."""
        files = S3FileSystem(
            access_key=ACCESS_KEY_ID,
            secret_key=SECRET_ACCESS_KEY,
            endpoint_override=self.endpoint,
            region="us-east-1",
            allow_bucket_creation=True,
        )
        files.create_dir(bucket)
        for key, data in objects.items():
            with files.open_output_stream(f"{bucket}/{key}") as out:
                out.write(data)


@contextlib.contextmanager
def running_seaweedfs(folder: Path) -> Iterator[SeaweedFs]:
    """Start a server that keeps its files in `folder`, and stop it at the end."""
    keys = {"accessKey": ACCESS_KEY_ID, "secretKey": SECRET_ACCESS_KEY}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin"]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    ports = {name: str(free_port()) for name in _PORTS}
    options = {**_SETTINGS, **ports, "dir": str(folder), "s3.config": str(config)}
    command = [str(Path(sys.executable).with_name("weed")), "server"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, *(f"-{name}={value}" for name, value in options.items())],
            stdout=log,
            stderr=log,
        )
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    try:
        _await_answer(endpoint, process)
        yield SeaweedFs(endpoint)
    finally:
        process.kill()
        process.wait()


def _await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url).close()
        except urllib.error.HTTPError:
            return  # 403: it listens, and we sent no key
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        else:
            return
