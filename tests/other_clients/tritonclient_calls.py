"""Calls of a service by tritonclient, in its own environment; what it got is printed as JSON."""

import io
import json
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException


def tensor(name, datatype, values):
    """Return an input."""
    array = np.array(values, object if datatype == "BYTES" else None)
    made = triton.InferInput(name, array.shape, datatype)
    made.set_data_from_numpy(array)
    return made


def main():
    """Call everything that a server of the protocol has."""
    address, key, digits, texts = sys.argv[1:]
    headers = {"authorization": f"Bearer {key}"}
    client = triton.InferenceServerClient(address)
    rows = np.load(io.BytesIO(sys.stdin.buffer.read()))
    found = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "server": client.get_server_metadata(as_json=True)["name"],
        "model_ready": client.is_model_ready(digits, headers=headers),
        "metadata": client.get_model_metadata(digits, "1.0.0", headers=headers, as_json=True),
    }
    answer = client.infer(
        digits, [tensor("features", "FP64", rows)], model_version="1.0.0", request_id="seven",
        headers=headers,
    )  # fmt: skip  # as short as it is
    found["id"] = answer.get_response().id
    found["labels"] = [one.decode() for one in answer.as_numpy("label")[:, 0]]
    found["scores"] = answer.as_numpy("scores").tolist()
    answer = client.infer(
        digits, [tensor("features", "FP64", rows)], headers=headers,
        outputs=[triton.InferRequestedOutput("scores")],
    )  # fmt: skip  # as short as it is
    found["outputs"] = [one.name for one in answer.get_response().outputs]
    sent = [tensor("text", "BYTES", [[b"en lille kat"], [b"een kleine kat"]])]
    answer = client.infer(texts, sent, headers=headers)
    found["texts"] = [one.decode() for one in answer.as_numpy("label")[:, 0]]
    refused = {
        "wrong": lambda: client.infer(
            digits, [tensor("features", "FP64", rows[:, 1:])], headers=headers
        ),
        "absent": lambda: client.infer("nobody", sent, headers=headers),
        "stranger": lambda: client.infer(texts, sent),
        "repository": lambda: client.get_model_repository_index(headers=headers),
    }
    found["refused"] = {}
    for name, call in refused.items():
        try:
            call()
        except InferenceServerException as error:
            found["refused"][name] = [error.status(), error.message()]
    print(json.dumps(found))


main()
