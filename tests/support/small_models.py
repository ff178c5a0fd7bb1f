"""Small models that the service trains in a moment."""

from __future__ import annotations

import io
import random

from PIL import Image

from assay.client import Client

WORDS = {
    "billing": "invoice refund charged twice card price",
    "delivery": "parcel late tracking courier address",
}


def train_tickets(client: Client, path: str, **model: object) -> tuple[str, str]:
    """Train a model of billing and delivery under a project path; return its id and its version's."""
    made = client.models.create("Tickets", "classification", project_path=path, **model)  # type: ignore[arg-type]  # fields of a model
    rows = []
    for number in range(120):
        chance = random.Random(number)
        label = chance.choice(list(WORDS))
        words = [*WORDS[label].split(), "the", "my", "is", "not", "a"]
        text = " ".join(chance.choices(words, k=9))
        rows.append({"row_id": str(number), "text": text, "label": label})
    dataset = client.datasets.create(path, "text_classification")
    client.datasets.upload(dataset.dataset_id, "train", rows)
    job = client.training.train(path, dataset.dataset_id, hyperparams={"num_train_epochs": 5})
    client.versions.promote(made.model_id, job.version_id)
    return made.model_id, job.version_id


def square(color: str, number: int) -> bytes:
    """Return a PNG of 24 × 24 pixels: a square of a color somewhere on black."""
    chance = random.Random(number)
    image = Image.new("RGB", (24, 24))
    x, y = chance.randrange(12), chance.randrange(12)
    image.paste(color, (x, y, x + 12, y + 12))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def train_squares(client: Client, path: str) -> tuple[str, str]:
    """Train a model of red and blue squares under a project path; return its id and its version's."""
    made = client.models.create("Squares", "classification", project_path=path)
    rows = [
        {"row_id": str(number), "image": square(color, number), "label": color}
        for number in range(40)
        for color in ("red" if number % 2 else "blue",)
    ]
    dataset = client.datasets.create(path, "image_classification")
    client.datasets.upload(dataset.dataset_id, "train", rows)
    job = client.training.train(path, dataset.dataset_id, hyperparams={"num_train_epochs": 5})
    client.versions.promote(made.model_id, job.version_id)
    return made.model_id, job.version_id
