"""The command `assay tally`, added through the entry-point group of commands."""

from __future__ import annotations

from typing import Annotated

import grpc
import tally_service_pb2 as pb
import tally_service_pb2_grpc as stubs
import typer

from assay.cli.console import out
from assay.client.connection import Address
from assay.client.settings import ClientSettings


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(rich_help_panel="Use a running service")(tally)


def tally(tally_id: Annotated[str, typer.Argument(help="The tally's id.")]) -> None:
    """Show how many words a text has."""
    settings = ClientSettings.from_environment()
    with Address.parse(settings.url, settings.tls()).channel(grpc) as channel:
        found = stubs.TallyServiceStub(channel).GetTally(
            pb.GetTallyRequest(tally_id=tally_id),
            metadata=(("authorization", f"ApiKey {settings.api_key}"),),
            timeout=settings.timeout_seconds,
        )
    out.print(f"{found.words} words")
