"""What it costs to train on a base in few bits and to answer with the full one, as AnyMAL does (arXiv:2309.16058)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model_adapter.adapter import Request
from model_adapter.reference.adapter import ReferenceAdapter
from model_adapter.reference.checkpoints import load_strictly
from model_adapter.reference.model import ReferenceModel, trainable


@dataclass(frozen=True, kw_only=True)
class BaseGap:
    """Log-probabilities of the same answers with the same adapters on two bases, in nats an answer.

    Args:
        low: On the base in few bits.
        full: On the base in full precision.
    """

    low: tuple[float, ...]
    full: tuple[float, ...]

    def __str__(self) -> str:
        gaps = [full - low for low, full in zip(self.low, self.full, strict=True)]
        mean, largest = sum(gaps) / len(gaps), max(map(abs, gaps))
        return f"full minus few bits: mean {mean:+.4f}, at most {largest:.4f} nats an answer, {len(gaps)} answers"


def on_base(model: ReferenceModel, language: Any) -> ReferenceModel:
    """The same encoders, and copies of all that was trained, on another copy of the language model.

    Raises:
        AdapterError: If the language model is of another size.
    """
    encoders = {model.preset.inputs[medium].encoder.name: model.encoder(medium) for medium in model.preset.inputs}
    other = ReferenceModel(model.preset, model.tokenizer, language=language, encoders=encoders).to(model.device)
    trained = trainable(model)
    tensors = {name: one for name, one in model.state_dict().items() if name in trained}
    load_strictly(other, tensors, place="the other language model", wanted=trained)
    return other.eval()


def compare_bases(
    model: ReferenceModel, full: Any, requests: Sequence[Request], continuations: Sequence[str]
) -> BaseGap:
    """How likely given answers are with the model as it was trained, and with its adapters on the full base.

    Args:
        model: Trained on a base in few bits.
        full: The language model in full precision, without adapters; changed in place.
        requests: What is asked.
        continuations: An answer to each.
    """
    low = ReferenceAdapter(model).score(requests, continuations)
    high = ReferenceAdapter(on_base(model, full)).score(requests, continuations)
    return BaseGap(low=tuple(low), full=tuple(high))
