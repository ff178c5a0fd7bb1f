"""Runs of protoc on protos/: Python modules, the gateway's descriptor set, the image buf reads.

A folder of further protos may be named where a contract is larger than that of this repository.
"""

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
FOREIGN = PROTOS / "foreign"  # of protocols that others define, which our contract does not hold
FOREIGN_PACKAGE = "assay/foreign"  # where their modules are, in the service's distribution
# googleapis-common-protos ships the .proto files beside the modules made from them.
GOOGLEAPIS = Path(next(iter(google.api.__path__))).parents[1]
WELL_KNOWN = Path(next(iter(_proto.__path__)))
# The transcoder prints the details of an error only if their types are in its descriptor set.
ERROR_TYPES = ("google/rpc/error_details.proto", "google/rpc/status.proto")


def sources(root: Path = PROTOS) -> list[str]:
    """Return the protos of a folder, as paths below it; of our own not the foreign ones."""
    found = (
        path for path in root.rglob("*.proto") if root == FOREIGN or FOREIGN not in path.parents
    )
    return sorted(str(path.relative_to(root)) for path in found)


def compile_python(folder: Path, root: Path = PROTOS) -> None:
    """Write modules and stubs below `folder`; only files with services get gRPC code."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sources(root)
    _protoc([f"--python_out={folder}", f"--mypy_out=quiet:{folder}", *names], root)
    services = [name for name in names if name.endswith("_service.proto")]
    _protoc([f"--grpc_python_out={folder}", f"--mypy_grpc_out=quiet:{folder}", *services], root)


def compile_foreign(folder: Path) -> None:
    """Write modules and stubs of the foreign protos below `folder`, all with gRPC code."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{FOREIGN_PACKAGE}/{name}" for name in sources(FOREIGN)]
    outputs = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python")]
    stubs = [f"--{kind}_out=quiet:{folder}" for kind in ("mypy", "mypy_grpc")]
    _protoc([f"-I{FOREIGN_PACKAGE}={FOREIGN}", *outputs, *stubs, *names])


def descriptor_set(*further: Path, source_info: bool = False) -> bytes:
    """Return the FileDescriptorSet of protos/, of further folders, and all that they import."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "set.binpb"
        flags = ["--include_imports", f"--descriptor_set_out={target}"]
        if source_info:
            flags.append("--include_source_info")
        names = [name for root in (PROTOS, *further) for name in sources(root)]
        _protoc([*flags, *names, *ERROR_TYPES], *further)
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


def _protoc(arguments: list[str], *further: Path) -> None:
    plugins = [
        f"--plugin=protoc-gen-{name}={Path(sys.executable).parent / f'protoc-gen-{name}'}"
        for name in ("mypy", "mypy_grpc")
    ]
    roots = dict.fromkeys((PROTOS, *further, GOOGLEAPIS, WELL_KNOWN))
    includes = [f"-I{root}" for root in roots]
    status = protoc.main(["protoc", *plugins, *includes, *arguments])
    if status != 0:
        raise SystemExit(f"protoc refused the protos (status {status}); its words are above")
