"""`anymodal world --out DIR`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_line, print_table, progress_bar


def world(
    out: Annotated[Path, typer.Option(help="The world's folder.")],
    scenes: Annotated[int, typer.Option(help="How many scenes.", min=1)] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, another world.")] = 0,
) -> None:
    """Render the embedded world: scenes seen, heard, filmed and felt, with captions and questions true by construction.

    Its files have the names and formats of VQAv2, OKVQA, RefCOCO, COCO captions, CHAIR, AudioCaps, MSR-VTT and Ego4D,
    so that every loader reads them. It tests the suite and models' plumbing; its numbers say nothing about the real
    benchmarks.

    Examples:

        anymodal world --out world

        anymodal world --out world --scenes 1000 --seed 7
    """
    from curation.sources.world import write_world

    with progress_bar("rendering scenes") as advance:
        summary = write_world(out, scenes=scenes, seed=seed, progress=lambda done: advance(done, scenes))
    rows = [
        *((f"scenes, {split}", count) for split, count in summary.scenes.items()),
        *((f"questions, {part}", count) for part, count in summary.questions.items()),
        *((f"image captions, {part}", count) for part, count in summary.image_captions.items()),
        *((f"audio captions, {split}", count) for split, count in summary.audio_captions.items()),
    ]
    print_table(str(out), ("what", "count"), rows, right=1)
    print_line(f"Ask about it: anymodal eval world/vqav2 --model baseline:blind --data {out} --out runs")
