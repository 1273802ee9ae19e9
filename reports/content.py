"""What a page shows, as plain values: whoever has results, verdicts or a build can fill it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evals.results import Domain
from reports.gate import GateReport
from reports.leaderboard import Board
from shards.errors import UsageError
from shards.sample import Sample

if TYPE_CHECKING:
    from shards.work import Audit, LedgerRow

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Prediction:
    """What one model answered to one item.

    `text` is what it said, `answer` what the parser made of it (None if it could not). `value` is the item's value in
    the unit of the board, None where `unscored` names a reason; `boxes_xyxy_px` are drawn onto the first image; `media`
    are the kinds and bytes of what it made.
    """

    model: str
    text: str
    answer: str | None = None
    value: float | None = None
    unscored: str | None = None
    boxes_xyxy_px: tuple[Box, ...] = ()
    media: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class SampleView:
    """A sample with the media to be shown, by member name; media that are missing here are named, not shown."""

    sample: Sample
    media: Mapping[str, bytes] = field(default_factory=dict)
    predictions: tuple[Prediction, ...] = ()


@dataclass(frozen=True)
class AnswersView:
    """A few items of one benchmark with what each model answered."""

    benchmark: str
    samples: tuple[SampleView, ...]


@dataclass(frozen=True)
class GateView:
    """A gate's report under a title, such as "candidate against baseline"."""

    title: str
    report: GateReport


@dataclass(frozen=True)
class BuildView:
    """One build of a data set: key figures as (label, value), its books, rows of its ledger, and samples to look at."""

    name: str
    intro: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    books: "Audit | None" = None
    ledger: "tuple[LedgerRow, ...]" = ()
    samples: tuple[SampleView, ...] = ()


@dataclass(frozen=True)
class PageContent:
    """A page. Texts are plain; a blank line in `intro` starts a paragraph.

    A page of domain "world" is a self-test and says so on top.

    Raises:
        UsageError: If a board is of another domain than the page.
    """

    title: str
    intro: str = ""
    domain: Domain = "public"
    boards: tuple[Board, ...] = ()
    gates: tuple[GateView, ...] = ()
    answers: tuple[AnswersView, ...] = ()
    builds: tuple[BuildView, ...] = ()
    footer: str = ""

    def __post_init__(self) -> None:
        strangers = sorted({board.run.benchmark for board in self.boards if board.run.domain != self.domain})
        if strangers:
            expected = f"boards of domain {self.domain}: world numbers never stand beside public ones"
            found = ", ".join(strangers)
            raise UsageError(f"page {self.title!r}", expected=expected, found=found, remedy="write two pages")
