"""`anymodal model info|bits|check`."""

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anymodal.console import print_json, print_line, print_table
from model_adapter.reference.presets import Bits

if TYPE_CHECKING:
    from model_adapter.reference import Preset
    from model_adapter.reference.audit import ModuleCount, PartCount

model_app = typer.Typer(
    name="model", help="The reference model: NExT-GPT, AnyMAL and MiniGPT-v2 as settings.", no_args_is_help=True
)


@model_app.command("info")
def info(
    preset: Annotated[str | None, typer.Argument(metavar="[PRESET]", help="None lists them.")] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Estimate bytes for training and for generation.")] = False,
    bits: Annotated[Bits, typer.Option(help="Bits a weight of the language model.")] = 16,
    batch_size: Annotated[int, typer.Option(help="Sequences at once, for --memory.", min=1)] = 4,
    n_tokens: Annotated[int, typer.Option("--tokens", help="Length of each, for --memory.", min=1)] = 512,
    depth: Annotated[int, typer.Option(help="Levels of modules inside each part.", min=0)] = 1,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Show a preset's modules with their parameters, counted without weights, beside its paper's figures.

    Marks: published (sizes stand in a paper or released file), derived (they follow from a published count), chosen
    (the sources leave them open; docs/models.md says why). Equal neighbours share a line; what stands below it is one
    of them.

    Examples:

        anymodal model info

        anymodal model info nextgpt-7b

        anymodal model info minigpt-v2-7b --depth 4

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
    gc.disable()  # nothing is garbage while thousands of modules are imported; looking for it takes a quarter more
    from model_adapter.reference.audit import count_parts

    parts = count_parts(found, depth=depth)
    gc.freeze()
    gc.enable()
    if json:
        print_json({"preset": preset, "parts": parts})
        return
    _print_parts(preset, parts)
    _print_encoders(found)
    if memory:
        from model_adapter.reference.memory import estimate_memory

        needs: list[tuple[str, ...]] = []
        for purpose, trains in (("training", True), ("generation", False)):
            need = estimate_memory(
                parts, found.language, bits=bits, batch_size=batch_size, n_tokens=n_tokens, trains=trains
            )
            figures = (need.weights, need.optimizer, need.activations, need.logits, need.total)
            needs.append((purpose, *(f"{one / 1e9:.1f}" for one in figures)))
        columns = ("for", "weights", "optimizer", "activations or cache", "logits", "total")
        title = f"GB, batch {batch_size} x {n_tokens} tokens, language model in {bits} bit"
        print_table(title, columns, needs, right=5)


@model_app.command("bits")
def compare_bits(
    model: Annotated[Path, typer.Argument(help="Folder of a model: reference.json and what it names.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set that `anymodal build` made.")],
    bits: Annotated[Bits, typer.Option(help="Bits a weight of the low base.")] = 4,
    limit: Annotated[int, typer.Option(help="Samples to take from the set's beginning.", min=1)] = 100,
    json: Annotated[bool, typer.Option("--json", help="Both log-probabilities of each answer, as JSON.")] = False,
) -> None:
    """Compare a model's adapters on its base in few bits, where they were trained, and on the full one.

    What is compared is how likely the last answers of the set's dialogues are. AnyMAL trains on 4 or 8 bits and
    answers with the full base. Needs bitsandbytes.

    Examples:

        anymodal model bits my-anymal out/mm_it

        anymodal model bits my-anymal out/mm_it --bits 8 --limit 500
    """
    from itertools import islice

    from model_adapter.reference.precision import compare_bases
    from shards.reader import ShardSet

    drafts = [*islice(ShardSet(folder), limit)]
    gap = compare_bases(model, drafts, bits=bits)
    if json:
        print_json(gap)
        return
    n = len(gap.low)
    figures = {f"{bits} bit": sum(gap.low) / n, "full": sum(gap.full) / n, "full minus few": sum(gap.gaps) / n}
    rows = [(name, f"{mean:.4f}") for name, mean in figures.items()]
    rows.append(("largest difference", f"{max(gap.gaps, key=abs):.4f}"))
    print_table(f"Last answers of {n} of {len(drafts)} samples", ("base", "mean log-probability"), rows, right=1)


@model_app.command("check")
def check(
    name: Annotated[Literal["imagebind"], typer.Argument(help="The network.")],
    weights: Annotated[Path, typer.Option(help="The released file, such as imagebind_huge.pth.")],
    media: Annotated[Path, typer.Option(help="Folder of the README's images and sounds: dog_image.jpg and so on.")],
    tokenizer: Annotated[Path | None, typer.Option(help="Folder of CLIP's tokenizer; without it, no texts.")] = None,
) -> None:
    """Load released weights and compute their authors' published figures again; exit code 1 if they differ.

    Nothing is downloaded: the file, the media (.assets of the ImageBind repository) and the tokenizer (of
    openai/clip-vit-large-patch14) are yours to fetch.

    Examples:

        anymodal model check imagebind --weights imagebind_huge.pth --media .assets

        anymodal model check imagebind --weights imagebind_huge.pth --media .assets --tokenizer clip-vit-large-patch14
    """
    from model_adapter.reference.check import TOLERANCE, check_imagebind

    figures = check_imagebind(weights, media=media, tokenizer=tokenizer)
    rows = [(one.what, f"{one.published:.4f}", f"{one.found:.4f}", "" if one.agrees else "differs") for one in figures]
    print_table(f"{name} of {weights}", ("similarity", "published", "found", ""), rows)
    if n_differing := sum(not one.agrees for one in figures):
        share = f"{n_differing} of {len(figures)} figures differ"
        print_line(f"{share} by more than {TOLERANCE}: not the published weights.")
        raise typer.Exit(1)
    print_line(f"All {len(figures)} figures agree within {TOLERANCE}.")


def _print_parts(preset: str, parts: "list[PartCount]") -> None:
    rows: list[tuple[str, ...]] = []
    for one in parts:
        trains = "yes" if one.trains else ""
        rows.append((f"{one.part}  {one.what}", f"{one.n_parameters:,}", one.paper, one.mark, trains))
        rows.extend((name, figure, "", "", "") for name, figure in _tree_rows(one.inside, ""))
    print_table(preset, ("module", "parameters", "paper", "mark", "trains"), rows, right=4)
    n_trained = sum(one.n_parameters for one in parts if one.trains)
    n_all = sum(one.n_parameters for one in parts)
    print_line(f"{n_all:,} parameters, of which {n_trained:,} train ({100 * n_trained / n_all:.2f} %)")


def _print_encoders(preset: "Preset") -> None:
    from model_adapter.reference.encoders import encoder_spec

    specs = [(medium, encoder_spec(given.encoder)) for medium, given in preset.inputs.items()]
    rows = [(medium, one.name, one.licence, one.n_tokens[medium], one.width) for medium, one in specs]
    print_table("Encoders", ("medium", "network", "licence of the weights", "tokens", "width"), rows, right=2)


def _tree_rows(inside: "Sequence[ModuleCount]", indent: str) -> Iterator[tuple[str, str]]:
    for number, one in enumerate(inside, start=1):
        branch, below = ("└─ ", "   ") if number == len(inside) else ("├─ ", "│  ")
        copies = f"{one.n_copies} x " if one.n_copies > 1 else ""
        yield f"{indent}{branch}{one.name}  {one.kind}".rstrip(), f"{copies}{one.n_parameters:,}"
        yield from _tree_rows(one.inside, indent + below)
