"""`anymodal verify DIR`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_bytes, print_line, progress_bar


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set that `anymodal build` made.")],
    json: Annotated[bool, typer.Option("--json", help="The faults as JSON.")] = False,
) -> None:
    """Read every byte of a set and compare it with the manifest; exit 1 if anything is wrong.

    Finds cut or changed shards, samples without their media, repeated keys, and media that are not what their name
    says, which loaders skip or pass over in silence.

    Examples:

        anymodal verify out/t2m

        anymodal verify out/t2m --json
    """
    import msgspec

    from shards.verify import verify as verify_set

    with progress_bar("verifying shards") as advance:
        faults = verify_set(folder, progress=advance)
    if json:
        print_bytes(msgspec.json.format(msgspec.json.encode({"faults": faults}), indent=2) + b"\n")
    else:
        for fault in faults:
            print_line(f"{fault.place}: {fault.problem}")
        print_line(f"{len(faults)} faults." if faults else f"{folder} is what its manifest says.")
    if faults:
        raise typer.Exit(1)
