"""Whether a user's files are the official edition of a benchmark: counts, ids, names of media."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from evals.benchmarks import Benchmark, Item, Task
from evals.harness.baselines import texts_of
from shards.errors import AnymodalError
from shards.formats.refcoco import RecReference

Verdict = Literal["agrees", "differs", "absent", "unknown"]
Edition = Literal["official", "other", "unknown"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: what, in which split, as published, as found, and whether that agrees."""

    split: str
    what: str
    expected: str
    found: str
    verdict: Verdict


def check_data(spelling: str, data: Path) -> list[Finding]:
    """Look at the files of a task's split, or of all splits where the task names none.

    Raises:
        UsageError: If there is no such task.
    """
    task = Task(spelling)
    splits = (task.split,) if ":" in spelling else task.benchmark.splits
    return [finding for split in splits for finding in _check_split(task.benchmark, split, data)]


def edition_of(findings: Sequence[Finding]) -> Edition:
    """Official if anything is there and all of it agrees; unknown if counts to compare with are."""
    verdicts = {finding.verdict for finding in findings}
    if "differs" in verdicts or verdicts <= {"absent"}:
        return "other"
    return "unknown" if "unknown" in verdicts else "official"


def _check_split(benchmark: Benchmark, split: str, data: Path) -> Iterator[Finding]:
    try:
        items = list(benchmark.load(data, split))
    except AnymodalError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            yield Finding(split, "files", "the official file names", f"no {error.place}", "absent")
        else:
            yield Finding(split, "files", error.expected, f"{error.place}: {error.found}", "differs")
        return
    yield from _check_counts(benchmark, split, items)
    yield _finding(split, "different ids", len(items), len({item.id for item in items}))
    if benchmark.id_rule is not None:
        words, holds = benchmark.id_rule
        yield _finding(split, words, len(items), sum(map(holds, items)))
    yield _check_media(split, items)


def _check_counts(benchmark: Benchmark, split: str, items: Sequence[Item]) -> Iterator[Finding]:
    size = benchmark.sizes.get(split)
    if size is None:
        yield Finding(split, "items", "not known", f"{len(items):,}", "unknown")
        return
    yield _finding(split, "items", size.items, len(items), hint=benchmark.other_editions.get(len(items), ""))
    if size.texts is not None:
        yield _finding(split, "answers or captions", size.texts, sum(len(texts_of(item)) for item in items))
    if size.objects is not None:
        objects = {item.official.object_id for item in items if isinstance(item.official, RecReference)}
        yield _finding(split, "objects meant", size.objects, len(objects))


_MOST_SHOWN: Final = 2


def _check_media(split: str, items: Sequence[Item]) -> Finding:
    paths = list(dict.fromkeys(medium.path for item in items for medium in item.media))
    missing = [path for path in paths if not Path(path).is_file()]
    hint = ""
    if missing:
        newer = _name_of_2017(Path(missing[0]))
        shown = ", ".join(missing[:_MOST_SHOWN])
        hint = f"COCO 2017's names, such as {newer}" if newer else f"missing: {shown}"
    return _finding(split, "media files", len(paths), len(paths) - len(missing), hint=hint)


def _name_of_2017(path: Path) -> str:
    """The name under which COCO 2017 has an image of COCO 2014, if it lies beside it or in 2017's folder."""
    name = f"{path.stem.rpartition('_')[2]}{path.suffix}"
    folders = (path.parent, path.parent.with_name(path.parent.name.replace("2014", "2017")))
    return next((name for folder in folders if path.name.startswith("COCO_") and (folder / name).is_file()), "")


def _finding(split: str, what: str, expected: int, found: int, *, hint: str = "") -> Finding:
    verdict: Verdict = "agrees" if expected == found else "differs"
    return Finding(split, what, f"{expected:,}", f"{found:,}" + (f" ({hint})" if hint else ""), verdict)
