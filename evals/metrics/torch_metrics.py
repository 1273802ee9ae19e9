"""VQA accuracy, REC accuracy and CIDEr-D as `torchmetrics.Metric`: for training loops, merged over ranks.

The same statistics as the scorers', so the same numbers. Needs the extra `models`; nothing else imports this file.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from evals.metrics.caption_measures import CaptionEvaluation
from evals.metrics.captions import CaptionTokenizer, tokenised
from evals.metrics.document_frequencies import DocumentFrequencies
from evals.metrics.rec import THRESHOLD, box_ious
from evals.metrics.vqa import VqaRevision, vqa_accuracies
from shards.formats.boxes import BoxGrammar, boxes_to_pixels, parse_boxes
from shards.formats.vqa import VqaTruth


class MeanMetric(Metric):
    """A mean of item values: sum and count, added over ranks; `unscored` counts those that are not finite."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    scale = 1.0

    total: torch.Tensor
    n: torch.Tensor
    unscored: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("n", "unscored"):
            self.add_state(name, torch.tensor(0, dtype=torch.int64), dist_reduce_fx="sum")

    def _add(self, values: np.ndarray) -> None:
        scored = values[np.isfinite(values)]
        self.total += float(scored.sum())
        self.n += len(scored)
        self.unscored += len(values) - len(scored)

    def compute(self) -> torch.Tensor:
        """The mean, float64; nan over no items."""
        return self.scale * self.total / self.n


class VqaAccuracy(MeanMetric):
    """VQA accuracy in percent, by the official rules (`evals.metrics.vqa`)."""

    scale = 100.0

    def __init__(self, *, revision: VqaRevision = "official") -> None:
        super().__init__()
        self._revision: VqaRevision = revision

    def update(self, answers: Sequence[str], truths: Sequence[VqaTruth]) -> None:
        """Add a batch: one answer a question."""
        self._add(vqa_accuracies(truths, answers, revision=self._revision))


class RecAccuracy(MeanMetric):
    """Share of boxes with an IoU above 0.5, in percent (`refcoco@iou.5`); an answer without a box is wrong."""

    scale = 100.0

    def __init__(self, *, boxes: BoxGrammar = "grid100") -> None:
        super().__init__()
        self._boxes: BoxGrammar = boxes

    def update(self, answers: Sequence[str], boxes_xyxy_px: torch.Tensor, sizes_px: torch.Tensor) -> None:
        """Add a batch: answers, the meant boxes [n, 4] and width and height of the images [n, 2]."""
        sizes, truths = (tensor.detach().cpu().double().numpy() for tensor in (sizes_px, boxes_xyxy_px))
        predicted = boxes_to_pixels(parse_boxes(answers, self._boxes), sizes, self._boxes)
        self._add((box_ious(predicted, truths) > THRESHOLD).astype(np.float64))


class Cider(Metric):
    """CIDEr-D, 0..10, with the document frequencies of all captions that were added (`cider@coco`), or of a table.

    Captions are kept as UTF-8 in byte tensors, so that ranks gather them as they gather any other state.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    content: list[torch.Tensor]
    lengths: list[torch.Tensor]
    sizes: list[torch.Tensor]

    def __init__(
        self, *, tokenizer: CaptionTokenizer = "ptb", document_frequencies: DocumentFrequencies | None = None
    ) -> None:
        super().__init__()
        self._tokenizer: CaptionTokenizer = tokenizer
        self._frequencies = document_frequencies
        for name in ("content", "lengths", "sizes"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        """Add a batch: one candidate and one or more references an item."""
        groups = [[candidate, *others] for candidate, others in zip(candidates, references, strict=True)]
        encoded = [text.encode() for group in groups for text in group]
        content = np.frombuffer(b"".join(encoded), dtype=np.uint8).copy()
        self.content.append(torch.from_numpy(content).to(self.device))
        self.lengths.append(torch.tensor([len(text) for text in encoded], dtype=torch.int64, device=self.device))
        self.sizes.append(torch.tensor([len(group) for group in groups], dtype=torch.int64, device=self.device))

    def compute(self) -> torch.Tensor:
        """Mean CIDEr-D of all items, float64; nan over no items."""
        groups = self._groups()
        if not groups:
            return torch.tensor(torch.nan, dtype=torch.float64)
        references = tokenised([text for group in groups for text in group[1:]], self._tokenizer)
        bounds = np.cumsum([0, *(len(group) - 1 for group in groups)])
        evaluation = CaptionEvaluation(
            tokenised([group[0] for group in groups], self._tokenizer),
            [references[start:end] for start, end in pairwise(bounds)],
            unscored=np.zeros(0, dtype=np.intp),
            document_frequencies=self._frequencies,
        )
        (measured,) = evaluation.measure("cider")
        return torch.tensor(float(measured.items.mean()), dtype=torch.float64)

    def _groups(self) -> list[list[str]]:
        """Each item's candidate and references, out of the state as it is: lists of a rank, or one gathered tensor."""
        if not len(self.sizes):
            return []
        states = self.content, self.lengths, self.sizes
        content, lengths, sizes = (dim_zero_cat(state).cpu().numpy() for state in states)
        raw = content.tobytes()
        ends = np.cumsum(lengths)
        texts = [raw[end - length : end].decode() for end, length in zip(ends, lengths, strict=True)]
        starts = np.cumsum(sizes) - sizes
        return [texts[start : start + size] for start, size in zip(starts, sizes, strict=True)]
