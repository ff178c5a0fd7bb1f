"""`assay token`: a JWT signed by the local development key, for laptops and tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import refuse
from assay.cli.nearest import nearest
from assay.client import BadInput
from assay.commands.options import DataDir, server_settings
from assay.kernel.identity import VIEWER, Permission


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
    words = permissions.replace(",", " ").split()
    _require_known(words)
    settings = server_settings(data_dir=data_dir)
    from assay.kernel.rpc.tokens import mint  # noqa: PLC0415 — loads PyJWT, which no other command needs

    print(
        mint(
            Path(settings.development_key_path),
            organization_id=organization or settings.bootstrap_organization,
            subject=subject,
            permissions=words,
            now=datetime.now(UTC),
            lifetime=timedelta(seconds=ttl),
        )
    )


def _require_known(words: list[str]) -> None:
    """End the command at a permission that there is none of: the token could do nothing by it."""
    known = sorted({*Permission, VIEWER})
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        given = f"There is no permission '{unknown[0]}'" if unknown else "Name a permission"
        raise refuse(BadInput(f"{given}; {nearest(unknown[0] if unknown else '', known)}"))
