"""Artifacts: canonical bytes, read without a copy, and never believed."""

import mmap
import random

import numpy as np
import pytest
import sklearn

from assay.learning.artifact import (
    ALIGNMENT,
    Artifact,
    decode,
    encode,
    merged,
    pack_texts,
    unpack_texts,
)
from assay.learning.errors import DamagedArtifact

ARRAYS = {
    "weights": np.arange(12, dtype=np.float32).reshape(3, 4),
    "ids": np.array([5, -1], np.int64),
    "flags": np.array([True, False]),
    "none": np.empty((0, 7), np.float64),
    "scalar": np.array(2.5),
    "holes": np.array([np.nan, np.inf, -0.0]),
}
ARTIFACT = Artifact(kind="state", facts={"b": [1, 2.5], "a": {"text": "ü"}}, arrays=ARRAYS)


def test_facts_and_arrays_come_back_bit_by_bit():
    """What is decoded has the kind, facts, types, shapes and bits of what was encoded."""
    read = decode(encode(ARTIFACT), "state")
    assert read.facts == ARTIFACT.facts
    assert read.libraries["scikit-learn"] == sklearn.__version__
    assert set(read.arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert read.arrays[name].dtype == array.dtype
        assert read.arrays[name].shape == array.shape
        assert read.arrays[name].tobytes() == array.tobytes()


def test_equal_artifacts_are_equal_bytes():
    """Neither the order of facts and arrays, nor strides, nor byte order change the bytes."""
    other = Artifact(
        kind="state",
        facts={"a": {"text": "ü"}, "b": [1, 2.5]},
        arrays={
            **dict(reversed(ARRAYS.items())),
            "weights": np.asfortranarray(ARRAYS["weights"]),
            "ids": ARRAYS["ids"].astype(">i8"),
        },
    )
    assert encode(other) == encode(ARTIFACT)


def test_arrays_are_views_of_a_file_in_memory(tmp_path):
    """Arrays of a mapped file are aligned, read-only and not copied."""
    path = tmp_path / "artifact"
    path.write_bytes(encode(ARTIFACT))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        array = decode(memoryview(mapped), "state").arrays["weights"]
        assert not array.flags.writeable
        assert not array.flags.owndata
        assert array.ctypes.data % ALIGNMENT == 0
        del array


def test_parts_of_an_artifact_come_back():
    """An artifact that was merged of several gives each of them back."""
    whole = merged("model", {"labels": ["x"]}, {"state": ARTIFACT})
    part = decode(encode(whole), "model").part("state", "state")
    assert encode(part) == encode(ARTIFACT)


def test_another_kind_is_refused():
    """Bytes of one kind are not read as another."""
    with pytest.raises(DamagedArtifact, match="is a 'state', not a 'model'"):
        decode(encode(ARTIFACT), "model")


@pytest.mark.parametrize("data", [b"", b"ASSAYLRN", b"\x80\x04\x95" + bytes(90), bytes(400)])
def test_foreign_bytes_are_refused(data):
    """Bytes that are no artifact give one clear error."""
    with pytest.raises(DamagedArtifact):
        decode(data, "state")


def test_any_changed_or_cut_byte_is_found():
    """Every byte but those of the gaps' zeros is covered by a checksum or a check."""
    data = encode(ARTIFACT)
    for cut in range(0, len(data), 7):
        with pytest.raises(DamagedArtifact):
            decode(data[:cut], "state")
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        with pytest.raises(DamagedArtifact):
            decode(bytes(changed), "state")
    with pytest.raises(DamagedArtifact):
        decode(data + b"\0", "state")


def test_hostile_headers_are_refused():
    """Headers with right checksums and wrong words raise DamagedArtifact and nothing else."""
    import json
    import struct
    import zlib

    data = encode(ARTIFACT)
    length = struct.unpack_from("<I", data, 12)[0]
    header, body = json.loads(data[24 : 24 + length]), data[24 + length :]
    draw = random.Random(3)
    words = [-1, 2**63, 2**40, [], {}, "", "<f8", "|O", None, 1.5, [2**31, 2**31], [-1], [1] * 9]
    refused = 0
    for _ in range(2000):
        changed = json.loads(json.dumps(header))
        place = draw.choice([changed, *changed["arrays"]])
        place[draw.choice(list(place))] = draw.choice(words)
        text = json.dumps(changed).encode()
        head = struct.pack("<8sIIII", data[:8], 1, len(text), zlib.crc32(text), zlib.crc32(body))
        try:
            decode(head + text + body, "state")
        except DamagedArtifact:
            refused += 1
    assert refused > 1500


def test_arrays_of_objects_are_not_written():
    """An array that would need pickle is refused."""
    with pytest.raises(TypeError, match="array x is"):
        encode(Artifact(kind="state", arrays={"x": np.array(["text", 1], object)}))


@pytest.mark.parametrize("texts", [(), ("",), ("a", "", "üß", "\U0001f600")])
def test_texts_come_back(texts):
    """Texts of any length come back from two arrays."""
    packed = pack_texts(texts)
    assert unpack_texts(packed["bytes"], packed["ends"]) == texts


@pytest.mark.parametrize("ends", [[3, 1], [-1, 4], [1, 9], [1, 3]])
def test_wrong_places_of_texts_are_refused(ends):
    """Ends that fall, lie outside or cut a character are no texts."""
    with pytest.raises(DamagedArtifact):
        unpack_texts(np.frombuffer("aßü!".encode()[:4], np.uint8), np.array(ends))
