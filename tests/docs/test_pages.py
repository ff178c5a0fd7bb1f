"""The pages under docs/ name everything there is."""

import re
from pathlib import Path

import pytest

from assay.settings import documented_settings
from assay.v1 import errors_pb2
from tools import protos
from tools.api_page import api_page, rpcs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_setting_is_documented():
    """Each setting stands in docs/settings.md with its variable."""
    text = page("settings.md")
    assert [name for _, name, _, _ in documented_settings() if f"`{name}`" not in text] == []


def test_every_reason_is_documented():
    """Each reason that a refusal can bear stands in docs/errors.md."""
    text = page("errors.md")
    reasons = [name.removeprefix("ERROR_REASON_") for name, _ in errors_pb2.ErrorReason.items()]
    assert [name for name in reasons[1:] if f"`{name}`" not in text] == []


def test_every_rpc_is_documented():
    """docs/api.md names each RPC with its comment, and is what the protos make it."""
    data = protos.descriptor_set(source_info=True)
    text = page("api.md")
    assert [rpc.name for rpc in rpcs(data) if f"**{rpc.name}**" not in text] == []
    assert text == api_page(data)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path):
    """Each relative link of a page leads to a file that exists."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_decision_is_listed():
    """docs/decisions/README.md lists each decision, and each tells what it cost."""
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    for decision in folder.glob("0*.md"):
        assert f"({decision.name})" in listed
        text = decision.read_text()
        assert all(f"**{part}.**" in text for part in ("Context", "Choice", "Given up"))


def test_the_glossary_gives_each_word_one_meaning():
    """No word stands twice in docs/glossary.md."""
    words = re.findall(r"^\| ([^|]+?) \|", page("glossary.md"), re.MULTILINE)
    words = [word for word in words if word != "word"]
    assert len(words) > 60
    assert sorted(set(words)) == sorted(words)


def test_the_commands_that_pages_name_exist():
    """Each `assay …` command that a page names is a command."""
    from typer.main import get_command

    from assay.cli.main import application

    known = set(get_command(application()).commands)
    named = {
        word for path in PAGES for word in re.findall(r"\bassay ([a-z]+)\b(?!\.)", path.read_text())
    }
    prose = {"is", "reads", "does", "was"}
    assert named - known - prose == set()
