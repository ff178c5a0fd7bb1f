"""A small model of texts that the service trains in a moment."""

from __future__ import annotations

import random

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
