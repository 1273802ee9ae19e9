"""The documents tell the truth: commands that exist, options that exist, files that exist, every verb listed."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from anymodal.app import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "THIRD_PARTY.md",
    "docs/sets.md",
    "docs/models.md",
    "docs/verified.md",
]
COMMANDS = typer.main.get_command(app)


def spelled_out(text: str) -> Iterator[str]:
    """The lines of a text that run the command."""
    for line in text.splitlines():
        found = re.match(r"\s+(?:\$ )?(anymodal [a-z].*)", line)
        if found:
            yield re.sub(r"\s+#.*| \|.*", "", found[1])


def check(line: str) -> None:
    """Walk down the commands, then look at each option; the command is not run."""
    words = shlex.split(line)[1:]
    command: Any = COMMANDS
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not getattr(command, "commands", None), f"{line}: {words[:1]} is no command"
    options = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in {*options, "--help"}]
    assert not unknown, f"{line}: {unknown}"
    required = [one.opts[0] for one in command.params if one.required and one.opts[0].startswith("--")]
    given = {word.partition("=")[0] for word in words}
    assert set(required) <= given | {"--data"}, f"{line}: lacks {set(required) - given}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_documents_exist(name: str) -> None:
    for line in spelled_out((ROOT / name).read_text()):
        check(line)


def test_the_check_can_fail() -> None:
    for wrong in ("anymodal fly", "anymodal audit DIR --fast", "anymodal build t2m --out x"):
        with pytest.raises(AssertionError):
            check(wrong)


def all_commands(command: Any) -> Iterator[Any]:
    inner = getattr(command, "commands", {})
    yield from (leaf for one in inner.values() for leaf in all_commands(one))
    if not inner:
        yield command


@pytest.mark.parametrize("command", list(all_commands(COMMANDS)), ids=lambda command: command.name)
def test_examples_in_help_exist(command: Any) -> None:
    lines = list(spelled_out(command.callback.__doc__))
    assert lines
    for line in lines:
        check(line)


def test_the_readme_lists_every_verb() -> None:
    table = (ROOT / "README.md").read_text().partition("## Commands")[2]
    for name in COMMANDS.commands:  # type: ignore[attr-defined]
        assert re.search(rf"[`, ]{name}\b", table), name


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_documents_name_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    paths = re.findall(r"`((?:anymodal|reports|curation|evals|model_adapter|shards|tests|perf|docs)/[\w/.]+)`", text)
    for path in [*links, *(path for path in paths if "NAME" not in path)]:
        assert (ROOT / path).exists(), path


def test_the_readme_shows_what_the_demo_does() -> None:
    assert (ROOT / "docs" / "page.png").read_bytes().startswith(b"\x89PNG")
