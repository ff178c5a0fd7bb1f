"""`assay protos`: the contract for clients in other languages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import counted, err
from assay.client.protos import export

protos = typer.Typer(help="The contract as .proto files.", no_args_is_help=True)


@protos.callback()
def _commands() -> None:
    """Keep `export` a subcommand though it is the only one."""


@protos.command("export")
def export_protos(
    folder: Annotated[Path, typer.Argument(help="Where to write them; made if it is absent.")],
) -> None:
    """Write the .proto files with their imports: protoc and buf compile them as they are."""
    written = export(folder)
    err.print(f"{counted(len(written), 'file')} in {folder}", style="dim", markup=False)
