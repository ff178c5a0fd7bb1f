"""Run protoc on protos/: Python modules, the gateway's descriptor set, the image buf reads."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import google.api
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from grpc_tools import _proto, protoc

ROOT = Path(__file__).resolve().parents[1]
PROTOS = ROOT / "protos"
# googleapis-common-protos ships the .proto files beside the modules made from them.
GOOGLEAPIS = Path(next(iter(google.api.__path__))).parents[1]
WELL_KNOWN = Path(next(iter(_proto.__path__)))
# The transcoder prints the details of an error only if their types are in its descriptor set.
ERROR_TYPES = ("google/rpc/error_details.proto", "google/rpc/status.proto")


def sources() -> list[str]:
    """Return the protos of this repository, as paths below protos/."""
    return sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))


def compile_python(folder: Path) -> None:
    """Write modules and stubs below `folder`; only files with services get gRPC code."""
    folder.mkdir(parents=True, exist_ok=True)
    _protoc([f"--python_out={folder}", f"--mypy_out=quiet:{folder}", *sources()])
    services = [name for name in sources() if name.endswith("_service.proto")]
    _protoc([f"--grpc_python_out={folder}", f"--mypy_grpc_out=quiet:{folder}", *services])


def descriptor_set(*, source_info: bool = False) -> bytes:
    """Return the FileDescriptorSet of protos/ and everything it imports."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "set.binpb"
        flags = ["--include_imports", f"--descriptor_set_out={target}"]
        if source_info:
            flags.append("--include_source_info")
        _protoc([*flags, *sources(), *ERROR_TYPES])
        return target.read_bytes()


def parse(data: bytes) -> descriptor_pb2.FileDescriptorSet:
    """Parse a descriptor set so that the options it defines itself are readable.

    A set parsed with the installed descriptor.proto keeps our options as unknown fields;
    a pool built of the set knows them, whatever is installed.
    """
    plain = descriptor_pb2.FileDescriptorSet.FromString(data)
    pool = descriptor_pool.DescriptorPool()
    for file in plain.file:
        pool.Add(file)
    known = pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet")
    parsed: Message = message_factory.GetMessageClass(known)()
    parsed.ParseFromString(data)
    return parsed  # type: ignore[return-value]  # the same message, of a pool with our options


def option(options: Message, name: str) -> Message | None:
    """Return the extension called `name`, such as google.api.http, or None when it is not set."""
    for field, value in options.ListFields():
        if field.full_name == name:
            return value  # type: ignore[no-any-return]  # ListFields yields untyped values
    return None


def _protoc(arguments: list[str]) -> None:
    plugins = [
        f"--plugin=protoc-gen-{name}={Path(sys.executable).parent / f'protoc-gen-{name}'}"
        for name in ("mypy", "mypy_grpc")
    ]
    includes = [f"-I{PROTOS}", f"-I{GOOGLEAPIS}", f"-I{WELL_KNOWN}"]
    status = protoc.main(["protoc", *plugins, *includes, *arguments])
    if status != 0:
        raise SystemExit(f"protoc refused the protos (status {status}); its words are above")
