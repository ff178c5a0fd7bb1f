"""Make everything that is made from something else: `python -m tools.generate [--check]`.

What is generated is committed, so that a reader and a package need no generator; `--check`
makes it again in a temporary folder and fails on any difference.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
import tempfile
from pathlib import Path

from assay.commands.options import gateway_settings
from assay.gateway.config import render
from assay.settings import Settings
from tools import api_page, client_api, openapi, pages, protos
from tools.first_migration import first_migration
from tools.gateway_descriptors import with_raw_bodies
from tools.routes import table

V1 = Path("client/assay/v1")
FOREIGN = Path("server") / protos.FOREIGN_PACKAGE
GATEWAY = Path("server/assay/gateway")
MIGRATION = Path("server/assay/kernel/storage/migrations/versions/0001_first_schema.py")
V1_INIT = '"""The wire: made by `make generate` from protos/assay/v1; never edited."""\n'
SHOWN_LINES = 40


def main() -> int:
    """Generate into the tree, or with --check compare; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    if not parser.parse_args().check:
        made = make(protos.ROOT)
        for name in stale(protos.ROOT, made):
            (protos.ROOT / name).unlink()
            print(f"removed {name}")
        print(f"generated {len(made)} files")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder))
        return report(differences(protos.ROOT, Path(folder), made))


def make(root: Path) -> list[Path]:
    """Write every generated file below `root`; return their paths relative to it."""
    protos.compile_python(root / "client")
    protos.compile_foreign(root / "server")
    data = protos.descriptor_set()
    documented = protos.descriptor_set(source_info=True)
    rules = table(data)
    texts = {
        V1 / "__init__.py": V1_INIT,
        GATEWAY / "routes.json": json.dumps(rules, indent=1) + "\n",
        MIGRATION: first_migration(),
        **{V1 / Path(name).name: (protos.PROTOS / name).read_text() for name in protos.sources()},
        **client_api.files(documented),
        **rendered(data, documented, rules),
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / GATEWAY / "assay.binpb").write_bytes(with_raw_bodies(data))
    return [*texts, GATEWAY / "assay.binpb", *modules()]


def modules() -> list[Path]:
    """Return the modules and stubs that protoc makes."""
    ours = [
        V1 / f"{Path(source).stem}_pb2{grpc}{suffix}"
        for source in protos.sources()
        for grpc in (("", "_grpc") if source.endswith("_service.proto") else ("",))
        for suffix in (".py", ".pyi")
    ]
    foreign = [
        (FOREIGN / source).with_name(f"{Path(source).stem}_pb2{grpc}{suffix}")
        for source in protos.sources(protos.FOREIGN)
        for grpc in ("", "_grpc")
        for suffix in (".py", ".pyi")
    ]
    return ours + foreign


def rendered(data: bytes, documented: bytes, rules: dict[str, object]) -> dict[Path, str]:
    """Return the generated pages, and the gateway's configuration at default settings."""
    described = openapi.document(documented)
    defaults = gateway_settings(Settings.model_construct())  # whatever the environment says
    return {
        Path("gateway/envoy.yaml"): render(defaults, rules).replace(f"{protos.ROOT}/", ""),
        Path("gateway/README.md"): pages.gateway_page(data),
        Path("docs/openapi.json"): openapi.page(described),
        Path("server/assay/features/server_info/openapi.json"): openapi.served(described),
        Path("docs/api.md"): api_page.api_page(documented),
        Path("docs/errors.md"): pages.errors_page(documented),
        Path("docs/states.md"): pages.states_page(),
        Path("docs/settings.md"): pages.settings_page(),
        Path("docs/hyperparameters.md"): pages.hyperparameters_page(),
    }


def stale(root: Path, made: list[Path]) -> list[Path]:
    """Return modules that no proto makes any more."""
    paths = (*(root / V1).glob("*.p*"), *(root / FOREIGN).rglob("*_pb2*.py*"))
    found = {path.relative_to(root) for path in paths if path.is_file() and path.suffix != ".pyc"}
    return sorted(found - set(made))


def differences(root: Path, fresh: Path, made: list[Path]) -> list[str]:
    """Return one entry for each generated file that is not what it should be."""
    found = [f"{name}: no proto makes it any more" for name in stale(root, made)]
    for name in made:
        committed = (root / name).read_bytes() if (root / name).exists() else b""
        expected = (fresh / name).read_bytes()
        if committed == expected:
            continue
        if name.suffix == ".binpb":
            found.append(f"{name}: differs")
            continue
        lines = difflib.unified_diff(
            committed.decode().splitlines(),
            expected.decode().splitlines(),
            f"committed/{name}",
            f"generated/{name}",
            lineterm="",
        )
        found.append("\n".join(list(lines)[:SHOWN_LINES]))
    return found


def report(found: list[str]) -> int:
    """Print the differences and return the exit status."""
    for entry in found:
        print(entry)
    if found:
        print(f"{len(found)} generated files are out of date; run `make generate`")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
