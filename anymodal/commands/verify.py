"""`anymodal verify DIR`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_json, print_line, progress_bar


def verify(
    path: Annotated[Path, typer.Argument(metavar="DIR|TAR", help="A set, or one tar of anybody's.")],
    json: Annotated[bool, typer.Option("--json", help="The faults as JSON.")] = False,
) -> None:
    """Read every byte of a set and compare it with the manifest; exit 1 if anything is wrong.

    Finds cut or changed shards, samples without their media, repeated keys, and media that are not what their name
    says, which loaders skip or pass over in silence. Of a single tar, which has no manifest, it checks the structure,
    the names and the samples.

    Examples:

        anymodal verify out/t2m

        anymodal verify shards/somebody-000001.tar --json
    """
    from shards.verify import verify as verify_set
    from shards.verify import verify_archive

    with progress_bar("verifying shards") as advance:
        faults = verify_archive(path) if path.is_file() else verify_set(path, progress=advance)
    if json:
        print_json({"faults": faults})
    else:
        for fault in faults:
            print_line(f"{fault.place}: {fault.problem}")
        whole = f"{path} is whole." if path.is_file() else f"{path} is what its manifest says."
        print_line(f"{len(faults)} faults." if faults else whole)
    if faults:
        raise typer.Exit(1)
