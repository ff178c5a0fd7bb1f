"""What programs of other makers are run on: a model of texts and one of images."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from assay.client import Client
from tests.support.small_models import square, train_squares, train_tickets


@pytest.fixture(scope="session")
def given(service) -> dict[str, Any]:
    """What a program is told: where the service is, and what to send."""
    with Client(service.grpc, api_key=service.key) as client:
        texts = train_tickets(client, "others/Tickets", tags=["support"])
        images = train_squares(client, "others/Squares")
    png = base64.b64encode(square("red", 7)).decode()
    return {
        "url": f"{service.rest}/api",
        "key": service.key,
        "text": {"model": texts[0], "version": "1.0.0"},
        "image": {"model": images[0], "version": images[1], "png": png},
    }
