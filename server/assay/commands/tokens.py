"""`assay token`: a JWT signed by the local development key, for laptops and tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from assay.commands.options import DataDir, server_settings


def token(
    permissions: Annotated[
        str, typer.Option("--permissions", "-p", help="Words such as 'model:read job:read'.")
    ] = "admin",
    *,
    ttl: Annotated[float, typer.Option("--ttl", min=1, help="Seconds until it expires.")] = 3600,
    organization: Annotated[
        str | None, typer.Option("--organization", "-o", help="The organization it speaks for.")
    ] = None,
    subject: Annotated[str, typer.Option("--subject", help="Who it speaks for.")] = "developer",
    data_dir: DataDir = None,
) -> None:
    """Print a token that every server with the same data folder trusts."""
    settings = server_settings(data_dir=data_dir)
    from assay.kernel.rpc.tokens import mint  # noqa: PLC0415 — loads PyJWT, which no other command needs

    print(
        mint(
            Path(settings.development_key_path),
            organization_id=organization or settings.bootstrap_organization,
            subject=subject,
            permissions=permissions.replace(",", " ").split(),
            now=datetime.now(UTC),
            lifetime=timedelta(seconds=ttl),
        )
    )
