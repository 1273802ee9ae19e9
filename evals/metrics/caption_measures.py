"""Each caption metric as item scores plus what its corpus value is summed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from evals.metrics.bleu import ORDERS, bleu, bleu_statistics
from evals.metrics.cider import CIDER_MAXIMUM, cider
from evals.metrics.document_frequencies import DocumentFrequencies
from evals.metrics.meteor import meteor, meteor_of_sums, without_matches
from evals.metrics.ngrams import CaptionCorpus, code_captions
from evals.metrics.rouge import rouge_l
from evals.metrics.spice import spice
from evals.results.schema import Unit
from evals.statistics.bootstrap import FloatArray, Statistic, mean_of_sums

Places = npt.NDArray[np.intp]
CaptionMetric = Literal["bleu", "meteor", "rouge", "cider", "spice", "spider"]

SPIDER_MAXIMUM: Final = (CIDER_MAXIMUM + 1) / 2


@dataclass(frozen=True)
class Measured:
    """One metric over all items.

    Attributes:
        name: For example "bleu_4"; `rules` before the @ of its protocol's name, for example "bleu".
        items: Item scores, [n]; nan where the metric has none.
        sums: What is summed over items, [n, k]; `statistic` turns sums into values.
        open_places: Which items have no score: no prediction, or nan, [m].
        right: Rows in their place if each were as right as can be, [m, k].
        wrong: The same if each were wrong.
        is_weighted: Whether document frequencies weigh in.
        total: The scorer's own corpus value where it gives one, else None.
    """

    name: str
    rules: str
    unit: Unit
    items: FloatArray
    sums: FloatArray
    statistic: Statistic
    open_places: Places
    right: FloatArray
    wrong: FloatArray
    is_weighted: bool = False
    total: float | None = None


class CaptionEvaluation:
    """Tokenised captions of all items, words joined by a space, and what each metric makes of them.

    The items named in `unscored` have no prediction: their candidate is empty, and bounds put their longest reference
    in its place (right), or as many words that match nothing (wrong).
    """

    def __init__(
        self,
        candidates: Sequence[str],
        references: Sequence[Sequence[str]],
        *,
        unscored: Places,
        document_frequencies: DocumentFrequencies | None,
    ) -> None:
        self._candidates, self._references = candidates, references
        self._unscored, self._frequencies = unscored, document_frequencies

    def measure(self, metric: CaptionMetric) -> list[Measured]:
        """The metric's numbers, the one it is known by first."""
        match metric:
            case "bleu":
                return self._bleu()
            case "meteor":
                return [self._meteor()]
            case "rouge":
                return [self._mean("rouge_l", rouge_l(self._corpus), maximum=1.0)]
            case "cider":
                return [self._mean("cider", self._cider, maximum=CIDER_MAXIMUM, is_weighted=True)]
            case "spice":
                return [self._mean("spice", self._spice, maximum=1.0)]
            case "spider":
                both = (self._cider + self._spice) / 2
                return [self._mean("spider", both, maximum=SPIDER_MAXIMUM, is_weighted=True)]

    @cached_property
    def _corpus(self) -> CaptionCorpus:
        return code_captions(self._candidates, self._references)

    @cached_property
    def _cider(self) -> FloatArray:
        return cider(self._corpus, self._frequencies)

    @cached_property
    def _spice(self) -> FloatArray:
        return spice(self._candidates, self._references)

    @cached_property
    def _unscored_references(self) -> list[Sequence[str]]:
        return [self._references[place] for place in self._unscored]

    @cached_property
    def _best_guesses(self) -> list[str]:
        return [max(group, key=lambda text: len(text.split())) for group in self._unscored_references]

    def _mean(self, name: str, items: FloatArray, *, maximum: float, is_weighted: bool = False) -> Measured:
        open_places = np.union1d(self._unscored, np.flatnonzero(np.isnan(items)))
        ones = np.ones(len(open_places))
        return Measured(
            name=name,
            rules=name,
            unit="raw" if is_weighted else "fraction",
            items=items,
            sums=np.column_stack([np.nan_to_num(items), np.ones(len(items))]),
            statistic=mean_of_sums,
            open_places=open_places,
            right=np.column_stack([maximum * ones, ones]),
            wrong=np.column_stack([0 * ones, ones]),
            is_weighted=is_weighted,
        )

    def _bleu(self) -> list[Measured]:
        sums = bleu_statistics(self._corpus)
        right = bleu_statistics(code_captions(self._best_guesses, self._unscored_references))
        wrong = right.copy()
        wrong[:, :ORDERS] = 0
        return [
            Measured(
                name=f"bleu_{order}",
                rules="bleu",
                unit="fraction",
                items=bleu(sums)[:, order - 1],
                sums=sums,
                statistic=partial(_bleu_of_order, order),
                open_places=self._unscored,
                right=right,
                wrong=wrong,
            )
            for order in (4, 1, 2, 3)
        ]

    def _meteor(self) -> Measured:
        scores = meteor(self._candidates, self._references)
        right = meteor(self._best_guesses, self._unscored_references).statistics
        return Measured(
            name="meteor",
            rules="meteor",
            unit="fraction",
            items=scores.items,
            sums=scores.statistics,
            statistic=meteor_of_sums,
            open_places=self._unscored,
            right=right,
            wrong=without_matches(right),
            total=scores.total,
        )


def _bleu_of_order(order: int, statistics: FloatArray) -> FloatArray:
    return bleu(statistics)[:, order - 1]
