"""Memory: given back after large work, and what its collector costs large bodies."""

from __future__ import annotations

import gc
import json
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

import grpc
import pytest
from google.protobuf.message import Message

from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.kernel import memory
from assay.kernel.rpc.http_binding import decode
from tests.support.rpc_service import Running

PAGE = 4096


def resident() -> int:
    """Return the bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def held_and_left() -> tuple[int, int]:
    """Return the bytes that a hundred megabytes of small pieces took, and those left by a trim."""
    before = resident()
    pieces = [bytearray(2_000) for _ in range(50_000)]
    kept = pieces[::1000]  # keep the top of the heap in use, as a server's other calls do
    held = resident()
    del pieces
    memory.trim()
    left = resident()
    assert kept
    return held - before, left - before


def test_what_small_pieces_held_is_given_back():
    """After a trim a process holds hardly more than before a hundred megabytes of small pieces."""
    # A process of its own: what other tests' threads take meanwhile would count here.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        held, left = pool.submit(held_and_left).result()
    assert held > 80_000_000
    assert left < 20_000_000


def test_a_crowd_of_large_bodies_is_trimmed_once():
    """What comes within a second is trimmed together."""
    trims = threading.Semaphore(0)
    trimmer = memory.Trimmer(trims.release)
    for _ in range(100):
        trimmer.soon()
    assert trims.acquire(timeout=10)
    assert not trims.acquire(timeout=1.5 * memory.TRIM_SECONDS)


def test_a_large_body_is_read_without_walking_all_that_it_makes(rpc: Running):
    """In a server the decoding of 200 000 objects runs the collector of garbage a few times."""
    body = json.dumps({f"k{number}": [number] for number in range(100_000)}).encode()
    before = sum(one["collections"] for one in gc.get_stats())
    assert len(decode(body)) == 100_000
    assert sum(one["collections"] for one in gc.get_stats()) - before < 40


def test_a_refused_call_holds_nothing_of_its_request(rpc: Running):
    """What was sent is gone with the refusal, and does not wait for the collector of garbage."""
    caller = rpc.organization("refused-and-forgotten")
    sent = oip.ModelInferRequest(model_name="absent", raw_input_contents=[bytes(4_000_000)])
    check = rpc.channel.unary_unary("/grpc.health.v1.Health/Check")
    gc.collect()
    gc.disable()
    try:
        assert caller.refused("ModelInfer", sent).code == "INVALID_ARGUMENT"
        with pytest.raises(grpc.RpcError, match="not a message"):
            check(b"\xff" * 4_000_000, timeout=30)
        frames = [one for one in gc.get_objects() if isinstance(one, FrameType)]
        ours = [one for one in frames if "/server/assay/" in one.f_code.co_filename]
        held = [size(value) for one in ours for value in one.f_locals.values()]
    finally:
        gc.enable()
    assert max(held, default=0) < 1_000_000


def size(value: object) -> int:
    """Return the bytes of a message, or of what one is decoded from."""
    if isinstance(value, Message):
        return value.ByteSize()
    return len(value) if isinstance(value, bytes) else 0
