"""What a page shows, as plain values: whoever has results, verdicts or a build can fill it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evals.results import Domain
from reports.gate import GateReport
from reports.leaderboard import Board
from shards.errors import UsageError
from shards.sample import Sample

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Prediction:
    """What one model answered to one item.

    `text` is what it said, `answer` what the parser made of it (None if it could not). `value` is the item's value in
    the unit of the board, None where `unscored` names a reason; `boxes_xyxy_px` are drawn onto the first image.
    """

    model: str
    text: str
    answer: str | None = None
    value: float | None = None
    unscored: str | None = None
    boxes_xyxy_px: tuple[Box, ...] = ()


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
class AuditRow:
    """One step's accounts: what came in and was created, and where it went."""

    step: str
    n_in: int
    n_created: int
    n_written: int
    n_dropped: int
    n_failed: int
    n_merged: int

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost and nothing counted twice."""
        return self.n_in + self.n_created == self.n_written + self.n_dropped + self.n_failed + self.n_merged


@dataclass(frozen=True)
class DropReason:
    """How many inputs one step dropped or failed for one reason."""

    step: str
    reason: str
    count: int


@dataclass(frozen=True)
class LedgerRow:
    """The fate of one input: written, dropped, failed or merged, with the reason or the key it went into."""

    input_id: str
    fate: str
    detail: str = ""


@dataclass(frozen=True)
class BuildView:
    """One build of a data set: key figures as (label, value), its accounts, and samples to look at."""

    name: str
    intro: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    audit: tuple[AuditRow, ...] = ()
    drops: tuple[DropReason, ...] = ()
    ledger: tuple[LedgerRow, ...] = ()
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
        strangers = sorted({board.benchmark for board in self.boards if board.domain != self.domain})
        if strangers:
            raise UsageError(
                f"page {self.title!r}",
                expected=f"boards of domain {self.domain}: world numbers never stand beside public ones",
                found=", ".join(strangers),
                remedy="write two pages",
            )
