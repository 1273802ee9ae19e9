"""`anymodal model info|check`."""

import enum
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymodal.console import print_bytes, print_line, print_table

if TYPE_CHECKING:
    from model_adapter.reference import Preset
    from model_adapter.reference.audit import PartCount

model_app = typer.Typer(
    name="model", help="The reference model: NExT-GPT, AnyMAL and MiniGPT-v2 as settings.", no_args_is_help=True
)


class LanguageBits(enum.IntEnum):
    """Bits a weight of the frozen language model."""

    FOUR = 4
    EIGHT = 8
    SIXTEEN = 16
    THIRTY_TWO = 32


@model_app.command("info")
def info(
    preset: Annotated[str | None, typer.Argument(metavar="[PRESET]", help="None lists them.")] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Estimate bytes for training and for generation.")] = False,
    bits: Annotated[LanguageBits, typer.Option(help="Bits a weight of the language model.")] = LanguageBits.SIXTEEN,
    batch_size: Annotated[int, typer.Option(help="Sequences at once, for --memory.", min=1)] = 4,
    n_tokens: Annotated[int, typer.Option("--tokens", help="Length of each, for --memory.", min=1)] = 512,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Show a preset's parts with their parameters, counted without weights, beside its paper's figures.

    Marks: published (sizes stand in a paper or released file), derived (they follow from a published count), chosen
    (the sources leave them open; docs/models.md says why).

    Examples:

        anymodal model info

        anymodal model info nextgpt-7b

        anymodal model info anymal-70b --memory --bits 4
    """
    from model_adapter.reference import PRESETS, find_preset

    if preset is None:
        rows = [
            (one.name, one.language.name, ", ".join(one.inputs), ", ".join(one.outputs) or "text only", one.source)
            for one in PRESETS.values()
        ]
        print_table("Presets", ("name", "language model", "takes", "makes", "source"), rows)
        return
    found = find_preset(preset)
    parts = _counted(found)
    if json:
        import msgspec

        print_bytes(msgspec.json.format(msgspec.json.encode({"preset": preset, "parts": parts}), indent=2) + b"\n")
        return
    _print_parts(preset, parts)
    if memory:
        from model_adapter.reference.memory import estimate_memory

        needs: list[tuple[str, ...]] = []
        for purpose, trains in (("training", True), ("generation", False)):
            need = estimate_memory(
                parts, found.language, bits=bits.value, batch_size=batch_size, n_tokens=n_tokens, trains=trains
            )
            figures = (need.weights, need.gradients + need.optimizer, need.activations, need.logits, need.total)
            needs.append((purpose, *(f"{one / 1e9:.1f}" for one in figures)))
        columns = ("for", "weights", "gradients and Adam", "activations or cache", "logits", "total")
        print_table(
            f"GB, batch {batch_size} x {n_tokens} tokens, language model in {bits} bit", columns, needs, right=5
        )


class Checkable(enum.StrEnum):
    """Networks whose authors published figures for a few files."""

    IMAGEBIND = "imagebind"


@model_app.command("check")
def check(
    name: Annotated[Checkable, typer.Argument(help="The network.")],
    weights: Annotated[Path, typer.Option(help="The released file, such as imagebind_huge.pth.")],
    media: Annotated[Path, typer.Option(help="Folder of the README's images and sounds: dog_image.jpg and so on.")],
    tokenizer: Annotated[Path, typer.Option(help="Folder of CLIP's tokenizer (vocab.json, merges.txt).")],
) -> None:
    """Load released weights and compute their authors' published figures again; exit code 1 if they differ.

    Nothing is downloaded: the file, the media (.assets of the ImageBind repository) and the tokenizer (of
    openai/clip-vit-large-patch14) are yours to fetch.

    Examples:

        anymodal model check imagebind --weights imagebind_huge.pth --media .assets --tokenizer clip-vit-large-patch14
    """
    from model_adapter.reference.check import TOLERANCE, check_imagebind

    figures = check_imagebind(weights, media=media, tokenizer=tokenizer)
    rows = [(one.what, f"{one.published:.4f}", f"{one.found:.4f}", "" if one.agrees else "differs") for one in figures]
    print_table(f"{name} of {weights}", ("similarity", "published", "found", ""), rows)
    n_differing = sum(not one.agrees for one in figures)
    if n_differing:
        print_line(
            f"{n_differing} of {len(figures)} figures differ by more than {TOLERANCE}: not the published weights."
        )
        raise typer.Exit(1)
    print_line(f"All {len(figures)} figures agree within {TOLERANCE}.")


def _counted(preset: "Preset") -> "list[PartCount]":
    """Its parts; nothing is garbage while thousands of modules are imported, and looking for it takes a fifth more."""
    gc.disable()
    try:
        from model_adapter.reference.audit import count_parts

        return count_parts(preset)
    finally:
        gc.enable()


def _print_parts(preset: str, parts: "list[PartCount]") -> None:
    rows = [
        (one.part, one.what, "yes" if one.trains else "", one.mark, one.paper, f"{one.n_parameters:,}") for one in parts
    ]
    print_table(preset, ("part", "network", "trains", "mark", "paper", "parameters"), rows, right=2)
    n_trained = sum(one.n_parameters for one in parts if one.trains)
    n_all = sum(one.n_parameters for one in parts)
    print_line(f"{n_all:,} parameters, of which {n_trained:,} train ({100 * n_trained / n_all:.2f} %)")
