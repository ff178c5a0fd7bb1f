"""Blobs: what storage.blobs promises."""

from __future__ import annotations

import gc
import hashlib
import os
import pickle
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel.errors import (
    DataDamaged,
    DataMissing,
    InvalidArgument,
    StorageUnavailable,
    TooLarge,
)
from assay.kernel.storage import blob_checks
from assay.kernel.storage.blobs import LocalBlobs, open_blobs
from tests.support.damage import overwrite

NOW = datetime(2026, 3, 13, tzinfo=UTC)
DATA = b"some rows"
ADDRESS = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def hashed(monkeypatch):
    """The hashes of the files that were hashed, in order."""
    found = []

    def hash_of(file):
        found.append(hash_file(file))
        return found[-1]

    hash_file = blob_checks.hash_of
    monkeypatch.setattr(blob_checks, "hash_of", hash_of)
    return found


def files(blobs: LocalBlobs) -> list[Path]:
    return [
        path
        for path in blobs._root.rglob("*")
        if path.is_file() and path.name not in ("lock", "checks")
    ]


def age(blobs: LocalBlobs, address: str, then: datetime) -> None:
    path = blobs.path("acme", address)
    os.utime(path, (then.timestamp(), then.timestamp()))


def test_a_blob_reads_back_by_its_address(blobs):
    """A blob's address is the hash of its bytes, and gives the bytes back, whole, by ranges or as a file."""
    assert blobs.put("acme", DATA) == ADDRESS
    assert blobs.read("acme", ADDRESS) == DATA
    with blobs.open("acme", ADDRESS) as file:
        assert file.read(4) == b"some"
        assert file.seek(-4, os.SEEK_END) == 5
        assert file.read() == b"rows"
    assert blobs.read("acme", ADDRESS, 2, 3) == b"me "
    assert blobs.read("acme", ADDRESS, 5) == b"rows"
    assert blobs.read("acme", ADDRESS, 20) == b""
    assert bytes(blobs.view("acme", ADDRESS)) == DATA
    assert bytes(blobs.view("acme", blobs.put("acme", b""))) == b""
    assert blobs.path("acme", ADDRESS).read_bytes() == DATA
    blobs.verify("acme", ADDRESS)


def test_the_same_bytes_are_kept_once(blobs):
    """Bytes put again, also at the same time, are one file and one address."""
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: blobs.put("acme", DATA), range(32))) == {ADDRESS}
    assert len(files(blobs)) == 1


def test_nothing_is_shared_between_organizations(blobs):
    """An address that one organization has is absent for every other one."""
    blobs.put("acme", DATA)
    for read in (blobs.read, blobs.open, blobs.view, blobs.path, blobs.verify):
        with pytest.raises(DataMissing):
            read("globex", ADDRESS)


def test_a_stream_is_hashed_while_it_is_written(blobs):
    """A streamed blob has the address of its bytes, however they were cut."""
    with blobs.put_stream("acme", limit=100) as writer:
        for byte in DATA:
            writer.write(bytes([byte]))
        assert writer.size == len(DATA)
        assert writer.finish() == ADDRESS == writer.finish()
    assert blobs.read("acme", ADDRESS) == DATA


def test_a_stream_over_its_limit_keeps_nothing(blobs):
    """A stream longer than its limit is refused with the limit, and leaves no file."""
    with blobs.put_stream("acme", limit=8) as writer:
        writer.write(b"12345678")
        with pytest.raises(TooLarge, match="8 bytes"):
            writer.write(b"9")
    assert files(blobs) == []


def test_a_stream_that_is_not_finished_keeps_nothing(blobs):
    """A stream that ends early, by an error or without finish, leaves no file."""
    with blobs.put_stream("acme", limit=8) as writer:
        writer.write(b"1")
    with suppress(RuntimeError), blobs.put_stream("acme", limit=8) as writer:
        writer.write(b"1")
        raise RuntimeError
    assert files(blobs) == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sha256:",
        "../../etc/passwd",
        "sha256:../../x",
        ADDRESS + "/..",
        ADDRESS.upper(),
        ADDRESS[:-1],
        ADDRESS.replace("sha256", "md5"),
        ADDRESS + "\n",
    ],
)
def test_only_addresses_are_looked_up(blobs, address):
    """Anything that is not exactly an address is refused before the disk is touched."""
    with pytest.raises(InvalidArgument, match="address"):
        blobs.read("acme", address)


@pytest.mark.parametrize(
    "organization", ["..", ".", "", "a/b", "/etc", "~tmp", "Acme", "x" * 300, "é", "a\x00b", "~"]
)
def test_no_organization_reaches_out_of_its_folder(blobs, organization):
    """Whatever an organization is called, its blobs stay in a folder of its own."""
    blobs.put("acme", DATA)
    with pytest.raises(DataMissing):
        blobs.read(organization, ADDRESS)
    blobs.put(organization, DATA)
    path = blobs.path(organization, ADDRESS)
    assert path.parents[2] == blobs._root
    assert path != blobs.path("acme", ADDRESS)


@pytest.mark.parametrize("read_before", [False, True])
@pytest.mark.parametrize("damage", [b"some rowt", b"", b"some rows\n"])
def test_a_damaged_blob_is_refused_by_every_read(blobs, damage, read_before):
    """Nothing is given of a blob whose bytes changed, whether or not it was read before."""
    blobs.put("acme", DATA)
    path = blobs.path("acme", ADDRESS)
    if read_before:
        os.utime(path, (0, 0))
        assert blobs.read("acme", ADDRESS) == DATA
    overwrite(path, damage)
    for read in (blobs.read, blobs.open, blobs.view, blobs.verify):
        with pytest.raises(DataDamaged, match="damaged"):
            read("acme", ADDRESS)


def test_damage_that_keeps_size_and_time_is_refused(blobs, monkeypatch):
    """A file that is changed and given its old time again is hashed again."""
    monkeypatch.setattr(blob_checks, "TICK_NS", -1)
    blobs.put("acme", DATA)
    path = blobs.path("acme", ADDRESS)
    was = path.stat()
    assert blobs.read("acme", ADDRESS) == DATA
    while path.stat().st_ctime_ns == was.st_ctime_ns:
        path.write_bytes(b"some rowt")
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    with pytest.raises(DataDamaged):
        blobs.read("acme", ADDRESS)


def test_what_was_written_or_put_again_is_not_hashed(blobs, hashed):
    """Other processes read a blob without hashing it that was hashed as it was written."""
    blobs.put("acme", DATA)
    others = pickle.loads(pickle.dumps(blobs))
    assert others.read("acme", ADDRESS) == DATA
    blobs.put("acme", DATA)
    assert others.read("acme", ADDRESS) == DATA
    assert hashed == []


def test_a_file_is_checked_once_by_all_who_read_it(blobs, hashed, monkeypatch):
    """A file that came from elsewhere, as from a backup, is hashed by its first reader alone."""
    monkeypatch.setattr(blob_checks, "TICK_NS", -1)
    blobs.put("acme", DATA)
    overwrite(blobs.path("acme", ADDRESS), DATA)
    others = pickle.loads(pickle.dumps(blobs))
    for reader in (others, blobs, others):
        assert reader.read("acme", ADDRESS, 2, 3) == b"me "
    assert hashed == [ADDRESS.removeprefix("sha256:")]


def test_files_are_checked_each_day(blobs, hashed, monkeypatch):
    """A note of a file holds for a day, so that decay of a disk is found."""
    blobs.put("acme", DATA)
    day = time.time_ns() // blob_checks.DAY_NS
    monkeypatch.setattr(blob_checks, "_today", lambda: day + 1)
    assert blobs.read("acme", ADDRESS) == DATA
    assert len(hashed) == 1


@pytest.mark.parametrize("notes", [None, b"", bytes(100), b"x" * 300_000])
def test_notes_that_are_lost_or_nonsense_do_no_harm(blobs, notes):
    """Without its notes, or with others, a store reads and refuses as ever."""
    path = blobs._root / "~tmp" / "checks"
    path.unlink(missing_ok=True)
    if notes is None:
        path.mkdir()  # nothing can be noted there
    else:
        path.write_bytes(notes)
    blobs = LocalBlobs(blobs._root)
    blobs.put("acme", DATA)
    assert blobs.read("acme", ADDRESS) == DATA
    overwrite(blobs.path("acme", ADDRESS), b"some rowt")
    with pytest.raises(DataDamaged):
        blobs.read("acme", ADDRESS)


def test_a_damaged_blob_is_mended_by_putting_it_again(blobs):
    """Bytes that are put again replace what was damaged."""
    blobs.put("acme", DATA)
    overwrite(blobs.path("acme", ADDRESS), b"other")
    assert blobs.put("acme", DATA) == ADDRESS
    assert blobs.read("acme", ADDRESS) == DATA


def test_a_folder_that_is_deleted_is_made_again(blobs):
    """While the whole folder is gone reads are refused for now; the next write makes it anew."""
    blobs.put("acme", DATA)
    shutil.rmtree(blobs._root)
    with pytest.raises(StorageUnavailable):
        blobs.read("acme", ADDRESS)
    other = blobs.put("acme", b"other")
    assert blobs.read("acme", other) == b"other"
    with pytest.raises(DataMissing, match="Put it back"):
        blobs.read("acme", ADDRESS)


def test_a_folder_that_is_not_mounted_is_not_written_to(blobs):
    """Where the folder is there and empty, as a mount point is, nothing is stored behind it."""
    shutil.rmtree(blobs._root)
    blobs._root.mkdir()
    with pytest.raises(StorageUnavailable) as refused:
        blobs.put("acme", DATA)
    assert refused.value.metadata == {"cause": "away"}
    assert list(blobs._root.iterdir()) == []


def test_a_full_disk_is_refused_and_leaves_nothing(blobs, file_limit):
    """A write that finds no space is told to come back, keeps nothing, and works with space."""
    with file_limit(4096):
        with pytest.raises(StorageUnavailable) as refused:
            blobs.put("acme", bytes(100_000))
        with (
            pytest.raises(StorageUnavailable),
            blobs.put_stream("acme", limit=100_000) as writer,
        ):
            writer.write(bytes(5000))  # less than a buffer: it fails when it is finished
            writer.finish()
    assert refused.value.metadata == {"cause": "full"}
    assert refused.value.retry_after
    assert files(blobs) == []
    assert blobs.read("acme", blobs.put("acme", bytes(100_000))) == bytes(100_000)


def test_what_is_put_in_vain_is_taken_back(blobs):
    """A draft takes back what it made, and nothing that was there before or was put since."""
    blobs.put("acme", b"before")
    draft = blobs.draft()
    addresses = {data: draft.put("acme", data) for data in (b"before", b"mine", b"again")}
    blobs.put("acme", b"again")
    draft.take_back()
    assert blobs.read("acme", addresses[b"before"]) == b"before"
    assert blobs.read("acme", addresses[b"again"]) == b"again"
    with pytest.raises(DataMissing):
        blobs.read("acme", addresses[b"mine"])


def test_what_a_draft_made_can_be_discarded_later(blobs):
    """Marks of what a draft made delete it from any process, unless it was put again since."""
    draft = blobs.draft()
    addresses = [draft.put("acme", data) for data in (b"one", b"two", b"one")]
    marks = pickle.loads(pickle.dumps(draft.made))
    assert [mark.address for mark in marks] == addresses[:2]
    blobs.discard(mark for mark in marks if mark.address == addresses[1])
    with pytest.raises(DataMissing):
        blobs.read("acme", addresses[1])
    blobs.discard(marks)  # `one` was put a second time
    assert blobs.read("acme", addresses[0]) == b"one"


def test_orphans_are_collected_after_a_day(blobs):
    """A blob that no row names is deleted a day after it was last put, and no other one."""
    named = blobs.put("acme", b"named")
    old = blobs.put("acme", b"old")
    fresh = blobs.put("acme", b"fresh")
    again = blobs.put("acme", b"again")
    for address in (named, old, again):
        age(blobs, address, NOW - timedelta(hours=25))
    age(blobs, fresh, NOW - timedelta(hours=23))
    blobs.put("acme", b"again")
    assert blobs.collect([("acme", named), ("globex", old)], NOW) == 1
    with pytest.raises(DataMissing):
        blobs.read("acme", old)
    for kept in (named, fresh, again):
        blobs.verify("acme", kept)
    assert blobs.put("acme", b"old") == old
    blobs.verify("acme", old)


def test_abandoned_temporary_files_are_collected(blobs):
    """What a killed writer left behind is deleted after a day."""
    left = blobs._root / "~tmp" / "left"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert blobs.collect([], NOW) == 1
    assert not left.exists()


def test_blobs_are_opened_by_path_or_url(tmp_path):
    """A folder is opened by path or file URL; what is not supported is refused by name."""
    address = open_blobs(tmp_path / "a b").put("acme", DATA)
    url = f"file://{str(tmp_path).replace(' ', '%20')}/a%20b"
    assert open_blobs(url).read("acme", address) == DATA
    for wrong in ("s3://bucket/x", "file://host/x"):
        with pytest.raises(InvalidArgument, match="blob_url"):
            open_blobs(wrong)


def test_data_that_were_put_are_let_go_at_once(blobs):
    """Nothing keeps data that were put, not even until the next collection of garbage."""
    data = bytes(1000)
    held = sys.getrefcount(data)
    gc.disable()
    try:
        blobs.put("acme", data)
        assert sys.getrefcount(data) == held
    finally:
        gc.enable()
