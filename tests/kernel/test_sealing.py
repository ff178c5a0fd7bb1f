"""Secrets are sealed before they rest, and open with the same key alone."""

import pickle
import stat

import pytest

from assay.kernel.errors import FailedPrecondition
from assay.kernel.sealing import KEY_FILE, Sealer


def test_a_secret_comes_back_and_its_sealed_text_tells_nothing():
    """What was sealed opens to the same bytes, and two seals of one secret differ."""
    sealer = Sealer.of("k" * 32)
    one, other = sealer.seal(b"token-of-mine"), sealer.seal(b"token-of-mine")
    assert sealer.open(one) == sealer.open(other) == b"token-of-mine"
    assert one != other
    assert "token" not in one


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB"),
        lambda text: text[:10],
        lambda text: "x" + text,
        lambda _: "",
        lambda _: "s1.é",
        lambda _: "plain text",
    ],
)
def test_what_was_not_sealed_so_is_refused(change):
    """Changed, cut and foreign text is refused without a word of it."""
    sealer = Sealer.of("k" * 32)
    with pytest.raises(FailedPrecondition, match="ASSAY_SECRETS_KEY") as refused:
        sealer.open(change(sealer.seal(b"secret")))
    assert refused.value.__cause__ is None


def test_another_key_opens_nothing():
    """A secret sealed with one key is refused with another."""
    with pytest.raises(FailedPrecondition):
        Sealer.of("b" * 32).open(Sealer.of("a" * 32).seal(b"secret"))


def test_the_key_of_a_folder_is_made_once_and_is_ours_alone(tmp_path):
    """Every process of one data folder has one key, in a file that only its owner reads."""
    first, second = Sealer.of_folder(tmp_path), Sealer.of_folder(tmp_path)
    assert second.open(first.seal(b"secret")) == b"secret"
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_file_that_was_cut_off_is_refused(tmp_path):
    """An empty file is no key: what is sealed with it anybody could open."""
    (tmp_path / KEY_FILE).write_text("\n")
    with pytest.raises(FailedPrecondition, match="holds no key"):
        Sealer.of_folder(tmp_path)


def test_a_sealer_crosses_processes_and_shows_no_key():
    """A pickled sealer opens what the first one sealed; printing it prints no key."""
    sealer = Sealer.of("k" * 32)
    assert pickle.loads(pickle.dumps(sealer)).open(sealer.seal(b"s")) == b"s"
    assert repr(sealer) == "Sealer()"
