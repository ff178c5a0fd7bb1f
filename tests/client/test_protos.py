"""The contract as .proto files, outside of this repository."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

BUF = Path(sys.executable).with_name("buf")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what `assay protos export` writes."""
    made = tmp_path_factory.mktemp("contract") / "protos"
    done = subprocess.run(
        [sys.executable, "-m", "assay", "protos", "export", made],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == ""
    assert "files in" in done.stderr
    return made


def test_protoc_compiles_the_exported_contract(folder, tmp_path):
    """Protoc needs nothing but the folder, and finds package options of Go and Java in each file."""
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("assay/v1/*.proto"))]
    target = tmp_path / "set.binpb"
    well_known = Path(protoc.__file__).parent / "_proto"  # every protoc brings these
    assert (
        protoc.main(
            ["protoc", f"-I{folder}", f"-I{well_known}", f"--descriptor_set_out={target}",
             f"--python_out={tmp_path}", *names]
        )
        == 0
    )  # fmt: skip
    compiled = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
    assert len(compiled.file) == len(names) > 20
    for file in compiled.file:
        options = file.options
        assert options.go_package == "assay/v1;assayv1", file.name
        assert (options.java_package, options.java_multiple_files) == ("assay.v1", True), file.name


def test_buf_builds_the_exported_contract(folder, tmp_path):
    """`buf build` compiles the folder without a configuration and without its registry."""
    done = subprocess.run(
        [BUF, "build", folder, "-o", tmp_path / "image.binpb"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_contract_is_exported_without_the_command_line(tmp_path):
    """`python -m assay.client.protos DIR` writes the same, with the client alone."""
    subprocess.run([sys.executable, "-m", "assay.client.protos", tmp_path / "made"], check=True)
    assert (tmp_path / "made/google/api/annotations.proto").exists()
    assert (tmp_path / "made/assay/v1/model_service.proto").exists()
