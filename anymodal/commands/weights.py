"""`anymodal weights list|fetch`: the networks behind scores of generated media."""

from typing import Annotated

import typer

from anymodal.console import print_line, print_table

weights_app = typer.Typer(name="weights", help="Networks that score generated media: what is here, and how to get one.")


@weights_app.command("list")
def list_weights() -> None:
    """List the embedders: the published protocol, how each was checked, whence its weights are, whether they are here.

    "unverified" networks were written after their published code and agree with the names and shapes of its weights;
    nobody has compared their outputs yet.

    Examples:

        anymodal weights list
    """
    from model_adapter.embedders import EMBEDDERS
    from model_adapter.embedders.weights import weights_state

    rows = [
        (one.name, one.checked, one.protocol, one.weights or "none", weights_state(one)) for one in EMBEDDERS.values()
    ]
    print_table("Embedders", ("embedder", "checked", "protocol", "weights", "here"), rows)


@weights_app.command("fetch")
def fetch_weights(
    name: Annotated[str, typer.Argument(help="An embedder, such as clip-b32.")],
    allow_network: Annotated[bool, typer.Option("--allow-network", help="Let this command use the network.")] = False,
) -> None:
    """Fetch an embedder's weights from the hub, and pin their sha256: other weights under this name are refused later.

    Examples:

        anymodal weights fetch clip-b32 --allow-network
    """
    from model_adapter.embedders import EMBEDDERS
    from model_adapter.embedders.weights import fetch, read_pins
    from shards.errors import UsageError

    if name not in EMBEDDERS:
        raise UsageError("weights fetch", expected=" or ".join(EMBEDDERS), found=repr(name))
    folder = fetch(EMBEDDERS[name], allow_network=allow_network)
    print_line(f"{folder}: sha256 {read_pins()[name]}")
