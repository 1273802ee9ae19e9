"""Batched generation with a shared prefix, stop strings, completed signal runs, and likelihoods of given answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from model_adapter.adapter import Decoding, FinishReason
from model_adapter.reference.model import ReferenceModel
from model_adapter.reference.presets import OutputName
from model_adapter.reference.templates import Segment, Slot


@dataclass(frozen=True)
class Prompt:
    """A request on its way: what it shares with others, what is its own, and how it is to be answered."""

    shared: tuple[Segment, ...]
    own: tuple[Segment, ...]
    decoding: Decoding
    stop: tuple[str, ...]
    seed: int


@dataclass
class Answer:
    """What came out for one prompt.

    Args:
        ids: Generated tokens, signal tokens among them.
        log_probabilities: Natural logarithm of each token's probability.
        signals: For each finished run, where in `ids` it begins, its medium, and the states of its tokens plus their
            embeddings [n_signals, d_llm].
        finish_reason: Why it ended.
    """

    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    signals: list[tuple[int, OutputName, Tensor]] = field(default_factory=list)
    finish_reason: FinishReason = "length"


def split_prompt(segments: Sequence[Segment]) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """What questions about the same media share (up to the first medium), and the rest."""
    for number, segment in enumerate(segments):
        if isinstance(segment, Slot):
            return tuple(segments[: number + 1]), tuple(segments[number + 1 :])
    return (), tuple(segments)


@torch.no_grad()
def generate(model: ReferenceModel, prompts: Sequence[Prompt], soft: Mapping[str, Tensor]) -> list[Answer]:
    """Answer all prompts in one batch; what comes out for one does not depend on the others.

    Args:
        model: In evaluation mode.
        prompts: Of any lengths; those with an equal shared part have it computed once.
        soft: Soft tokens by the sha256 of the medium.
    """
    if not prompts:
        return []
    stream = _Stream(model, [prompt.shared for prompt in prompts], soft)
    owned = [model.embed(prompt.own, soft, is_start=False) for prompt in prompts]
    states = stream.feed(*_left_padded(owned))[:, -1]
    rows = [_Row(model, prompt) for prompt in prompts]
    while True:
        chosen = [row.choose(logits) for row, logits in zip(rows, model.logits(states), strict=True)]
        if all(row.is_done for row in rows):
            return [row.answer for row in rows]
        embedded = model.embed_ids(chosen).unsqueeze(1)
        states = stream.feed(embedded, torch.ones(len(rows), 1, dtype=torch.long, device=model.device))[:, -1]
        for row, state, given in zip(rows, states, embedded[:, 0], strict=True):
            row.saw(state + given)


@torch.no_grad()
def score(
    model: ReferenceModel, prompts: Sequence[Prompt], continuations: Sequence[str], soft: Mapping[str, Tensor]
) -> list[float]:
    """Natural-log probability of each continuation after its prompt, all tokens summed."""
    if not prompts:
        return []
    stream = _Stream(model, [prompt.shared for prompt in prompts], soft)
    ids = [model.token_ids(text) for text in continuations]
    rows = [
        torch.cat((model.embed(prompt.own, soft, is_start=False), model.embed_ids(tokens)))
        for prompt, tokens in zip(prompts, ids, strict=True)
    ]
    states = stream.feed(*_left_padded(rows))
    found = []
    for row, tokens in zip(states, ids, strict=True):
        before = row[len(row) - len(tokens) - 1 : -1]  # the states that predict the continuation
        table = model.logits(before).float().log_softmax(dim=-1)
        found.append(float(table.gather(1, torch.tensor(tokens, device=table.device).unsqueeze(1)).sum()))
    return found


class _Stream:
    """A batch that grows to the right: cache, mask, and the shared beginnings computed once each."""

    def __init__(
        self, model: ReferenceModel, shared: Sequence[tuple[Segment, ...]], soft: Mapping[str, Tensor]
    ) -> None:
        from transformers import DynamicCache

        self._model = model
        self._cache: Any = DynamicCache()
        numbers: dict[tuple[Segment, ...], int] = {}
        places = [numbers.setdefault(one, len(numbers)) for one in shared]
        begun = [model.embed(one, soft, is_start=True) for one in numbers]
        self._mask = torch.ones((len(begun), 0), dtype=torch.long, device=model.device)
        if max(map(len, begun)):
            self.feed(*_left_padded(begun))
        chosen = torch.tensor(places, device=model.device)
        for layer in self._cache.layers:
            layer.batch_select_indices(chosen)
        self._mask = self._mask[chosen]

    def feed(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Append rows [b, n, d] with their mask [b, n]; the last layer's states of what was appended come back."""
        self._mask = torch.cat((self._mask, mask), dim=1)
        positions = (self._mask.cumsum(dim=1) - 1).clamp(min=0)[:, -mask.shape[1] :]
        states: Tensor = self._model.decoder(
            inputs_embeds=embedded,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        return states


class _Row:
    """One answer as it grows."""

    def __init__(self, model: ReferenceModel, prompt: Prompt) -> None:
        self._model, self._prompt = model, prompt
        self._generator = torch.Generator().manual_seed(prompt.seed)
        self._runs = {run[0]: (output, run) for output in model.preset.outputs for run in (model.signal_ids(output),)}
        self._inner = [token for _, run in self._runs.values() for token in run[1:]]
        self._forced: list[int] = []
        self._open: tuple[int, OutputName] | None = None
        self._states: list[Tensor] = []
        self._is_finished = False
        self.answer = Answer()

    @property
    def is_done(self) -> bool:
        """Nothing more to choose, and no state of a signal token outstanding."""
        return self._is_finished and self._open is None

    def choose(self, logits: Tensor) -> int:
        """The next token; something arbitrary once the answer is finished."""
        if self._is_finished:
            return 0
        scores = logits.float()
        if self._inner:
            scores = scores.index_fill(0, torch.tensor(self._inner, device=scores.device), -torch.inf)
        # A run that has begun is completed, whatever the model would say, and an inner signal never begins one.
        token = self._forced.pop(0) if self._forced else self._pick(scores)
        if token == self._model.tokenizer.eos_token_id:
            self._finish("stop")
            return token
        table = (logits.float() if token in self._inner else scores).log_softmax(dim=-1)
        self.answer.log_probabilities.append(float(table[token]))
        self.answer.ids.append(token)
        if token in self._runs:
            output, run = self._runs[token]
            self._forced = run[1:]
            self._open = (len(self.answer.ids) - 1, output)
        self._look_for_end()
        return token

    def saw(self, state: Tensor) -> None:
        """The state (plus embedding) at the token chosen last; kept if it is a signal."""
        if self._open is None:
            return
        self._states.append(state)
        begin, output = self._open
        if len(self._states) == self._model.preset.outputs[output].n_signals:
            self.answer.signals.append((begin, output, torch.stack(self._states)))
            self._open, self._states = None, []

    def _look_for_end(self) -> None:
        if self._forced:
            return
        tail = self._model.tokenizer.decode(self.answer.ids[-16:])
        if any(stop in tail for stop in self._prompt.stop):
            self._finish("stop")
        elif len(self.answer.ids) >= self._prompt.decoding.max_new_tokens:
            self._finish("length")

    def _finish(self, reason: FinishReason) -> None:
        self._is_finished = True
        self.answer.finish_reason = reason

    def _pick(self, scores: Tensor) -> int:
        """The likeliest token, or one drawn from the smallest set whose probability reaches `top_p`."""
        decoding = self._prompt.decoding
        if decoding.temperature == 0:
            return int(scores.argmax())
        shares, order = (scores.cpu() / decoding.temperature).softmax(dim=-1).sort(descending=True, stable=True)
        shares[shares.cumsum(dim=-1) - shares >= decoding.top_p] = 0.0
        return int(order[torch.multinomial(shares, 1, generator=self._generator)])


def _left_padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows [n_i, d] as a batch [b, n, d] that ends flush, and its mask [b, n]."""
    longest = max(len(row) for row in rows)
    batch = torch.stack([torch.nn.functional.pad(row, (0, 0, longest - len(row), 0)) for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=batch.device)
    return batch, mask
