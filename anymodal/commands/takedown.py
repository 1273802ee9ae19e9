"""`anymodal takedown DIR KEY`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_line, print_note


def takedown(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set that `anymodal build` made.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The sample's key; `anymodal why` finds it by id.")],
    reason: Annotated[str, typer.Option(help="Why; it is published with the set.", metavar="TEXT")],
) -> None:
    """Take one sample out of a finished set for good.

    Only the shard that holds it is written anew. `tombstones.jsonl` keeps its key, the hashes of its media and the
    reason, nothing of its content; builds in this folder do not bring it back. In a new folder they do not either, if
    you put `tombstones.jsonl` there first.

    Examples:

        anymodal takedown out/t2m cc3m_001310451-8c6d2f0a1b3e4d5f --reason "asked for by its author"
    """
    from shards.card import CARD
    from shards.tombstones import read_tombstones
    from shards.work.takedown import holders_of, take_down

    changed = take_down(folder, key, reason=reason)
    if (folder / CARD).exists():
        _describe(folder, (folder / CARD).read_text(encoding="utf-8"))
    print_line(f"{key} is taken down: {read_tombstones(folder)[key].reason}")
    if not changed:
        print_note("Nothing to do: it was taken down before.")
    for other in holders_of(folder, read_tombstones(folder)[key].media_sha256):
        print_note(f"{other} holds the same media and is still there.")


def _describe(folder: Path, card: str) -> None:
    """Write the set's description again, under its old title."""
    from curation.writers import notice
    from shards.card import write_card
    from shards.work import read_recipe

    recipe = read_recipe(folder)
    headings = (line.removeprefix("# ") for line in card.splitlines() if line.startswith("# "))
    title = next(headings, recipe.pipeline)
    write_card(folder, title=title, notice=notice(str(recipe.settings.get("writer"))))
