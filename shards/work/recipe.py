"""What a set is made by, written down in its folder; another recipe is refused with the difference."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from shards.errors import WorkError, told_as
from shards.files import part_name, write_atomic
from shards.manifest import MANIFEST
from shards.tombstones import TOMBSTONES
from shards.writer import ShardSpec

RECIPE_SCHEMA: Final = "anymodal.recipe/1"
RECIPE = "recipe.json"


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a set is made by: everything that decides its bytes, beside the inputs.

    `settings` are the pipeline's own, such as source, writer and seed; `steps` are names and versions.
    """

    pipeline: str
    settings: Mapping[str, str | int | float | bool | None]
    steps: Sequence[tuple[str, int]]
    seed: int
    spec: ShardSpec
    n_buckets: int
    schema: Literal["anymodal.recipe/1"] = RECIPE_SCHEMA


def read_recipe(folder: Path) -> Recipe:
    """The recipe by which a set was built.

    Raises:
        WorkError: If there is none, or of an unknown version.
    """
    with told_as((OSError, msgspec.MsgspecError), WorkError, str(folder / RECIPE), expected="a build's recipe"):
        return msgspec.json.decode((folder / RECIPE).read_bytes(), type=Recipe)


def known_buckets(folder: Path) -> int | None:
    """The number of buckets that a folder was begun with; None if it was not."""
    return read_recipe(folder).n_buckets if (folder / RECIPE).exists() else None


def settle_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the recipe into a new folder, beside an empty manifest; refuse a folder that has another.

    Raises:
        WorkError: If the folder has another recipe or is no set's.
    """
    if (folder / RECIPE).exists():
        before = msgspec.to_builtins(read_recipe(folder))
        today = msgspec.to_builtins(recipe)
        found = "; ".join(_differences(before, today, ""))
        if found:
            remedy = "build into a new folder, or repeat the old settings"
            raise WorkError(str(folder), expected="the recipe it was built by", found=found, remedy=remedy)
        return
    stray = _strangers(folder)
    if stray:
        raise WorkError(str(folder), expected="an empty folder or a build", found=", ".join(stray[:5]))
    write_atomic(folder / MANIFEST, b"")
    write_atomic(folder / RECIPE, msgspec.json.format(msgspec.json.encode(recipe, order="sorted"), indent=2) + b"\n")


def _strangers(folder: Path) -> list[str]:
    """What lies in a folder without a recipe, beside tombstones and what a build that was cut off would have left."""
    ours = {".work", TOMBSTONES, part_name(folder / MANIFEST).name, part_name(folder / RECIPE).name}
    if (folder / MANIFEST).exists() and (folder / MANIFEST).stat().st_size == 0:
        ours.add(MANIFEST)
    return sorted({entry.name for entry in folder.iterdir()} - ours)


def _differences(before: Any, today: Any, name: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(today, dict):
        for field in sorted(before.keys() | today.keys()):
            yield from _differences(before.get(field), today.get(field), f"{name}.{field}".lstrip("."))
    elif before != today:
        yield f"{name} was {before!r} and is {today!r}"
