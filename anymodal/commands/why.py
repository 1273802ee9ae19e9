"""`anymodal why DIR KEY`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_line


def why(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set that `anymodal build` made.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="A sample's key, or an input's id.")],
) -> None:
    """Tell one sample's story: where it came from, what happened to it, where it lies; exit 1 if nobody knows it.

    Examples:

        anymodal why out/t2m webvid/13180262

        anymodal why out/t2m cc3m_001310451-8c6d2f0a1b3e4d5f
    """
    from shards.work.story import tell

    lines = tell(folder, key)
    for line in lines:
        print_line(line)
    if not lines:
        print_line(f"{key} is neither an input nor a key of {folder}.")
        raise typer.Exit(1)
