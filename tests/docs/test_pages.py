"""The pages under docs/ name everything there is."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from assay.cli.main import application
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
    """Each `assay …` in the code of a page is a command, with options that it takes."""
    app: Any = get_command(application())
    found = [words for path in PAGES for words in commands_in(path.read_text())]
    assert len(found) > 50
    assert [words for words in found if not is_command(app, words)] == []


def commands_in(page: str) -> Iterator[list[str]]:
    """Yield the words behind each `assay` in blocks of code and in code within lines."""
    for code in re.findall(r"```.*?```|`[^`\n]+`", page, re.DOTALL):
        for command in re.findall(r"\bassay ([a-z][^`\n|)]*)", code.replace("\\\n", " ")):
            yield shlex.split(command, comments=True)


def is_command(command: Any, words: list[str]) -> bool:
    """Say whether words name a command and options of it; arguments are not looked at."""
    for word in words:
        if word.startswith("-"):
            option = word.partition("=")[0]
            if all(option not in (*one.opts, *one.secondary_opts) for one in command.params):
                return False
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return False
            command = command.commands[word]
    return True


@pytest.mark.parametrize("words", ["nothing", "infer m --nothing", "versions nothing", "up --text"])
def test_a_command_that_is_none_is_found(words):
    """A wrong command, a wrong one of a group, and another command's option are none."""
    assert not is_command(get_command(application()), words.split())
