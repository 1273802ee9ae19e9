"""Batched generation with a shared prefix, stop strings, completed signal runs, and likelihoods of given answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers.cache_utils import Cache, DynamicLayer

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
        signals: For each finished run, where in `ids` it begins, its medium, and the states of its tokens plus their
            embeddings [n_signals, d_llm].
        finish_reason: Why it ended.
    """

    ids: list[int] = field(default_factory=list)
    signals: list[tuple[int, OutputName, Tensor]] = field(default_factory=list)
    finish_reason: FinishReason = "length"


def split_prompt(segments: Sequence[Segment]) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """What questions about the same media share (up to the first medium), and the rest."""
    n_shared = next((number for number, one in enumerate(segments, start=1) if isinstance(one, Slot)), 0)
    return tuple(segments[:n_shared]), tuple(segments[n_shared:])


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
    own = [model.embed(one.own, soft, is_start=False) for one in prompts]
    groups, streams, begun = _begin(model, prompts, own, soft)
    stream, states = _together(streams, groups), torch.stack([one[-1] for one in begun])
    rows = growing = [_Row(model, prompt) for prompt in prompts]
    while True:
        chosen = [row.choose(logits) for row, logits in zip(growing, model.logits(states), strict=True)]
        kept = [number for number, row in enumerate(growing) if not row.is_done]
        if not kept:
            return [row.answer for row in rows]
        if 2 * len(kept) <= len(growing):
            stream = stream.of(kept)
            growing, chosen = [growing[number] for number in kept], [chosen[number] for number in kept]
        embedded = model.embed_ids(chosen).unsqueeze(1)
        states = stream.feed(embedded, torch.ones(len(chosen), 1, dtype=torch.long, device=model.device))[:, -1]
        for row, state, given in zip(growing, states, embedded[:, 0], strict=True):
            row.saw(state + given)


@torch.no_grad()
def score(
    model: ReferenceModel, prompts: Sequence[Prompt], continuations: Sequence[str], soft: Mapping[str, Tensor]
) -> list[float]:
    """Natural-log probability of each continuation after its prompt, all tokens summed."""
    if not prompts:
        return []
    ids = [model.token_ids(text) for text in continuations]
    rows = [
        torch.cat((model.embed(prompt.own, soft, is_start=False), model.embed_ids(tokens)))
        for prompt, tokens in zip(prompts, ids, strict=True)
    ]
    found = []
    for row, tokens in zip(_begin(model, prompts, rows, soft)[2], ids, strict=True):
        before = row[len(row) - len(tokens) - 1 : -1]  # the states that predict the continuation
        table = model.logits(before).float().log_softmax(dim=-1)
        found.append(float(table.gather(1, torch.tensor(tokens, device=table.device).unsqueeze(1)).sum()))
    return found


def _begin(
    model: ReferenceModel, prompts: Sequence[Prompt], rows: Sequence[Tensor], soft: Mapping[str, Tensor]
) -> tuple[list[list[int]], list["_Stream"], list[Tensor]]:
    """Groups of prompts, a stream of each group that has seen them, and each prompt's states at its own rows [n, d].

    Shared parts are computed once each; own rows go through with others of about their length, padding before them.
    """
    numbers: dict[tuple[Segment, ...], int] = {}
    places = [numbers.setdefault(prompt.shared, len(numbers)) for prompt in prompts]
    begun = [model.embed(one, soft, is_start=True) for one in numbers]
    shared = _Stream(model, torch.ones((len(begun), 0), dtype=torch.long, device=model.device))
    if max(map(len, begun)):
        shared.feed(*_left_padded(begun))
    groups = _alike([len(row) for row in rows])
    streams = [shared.of([places[number] for number in group]) for group in groups]
    states: dict[int, Tensor] = {}
    for stream, group in zip(streams, groups, strict=True):
        states |= zip(group, stream.feed(*_left_padded([rows[number] for number in group])), strict=True)
    return groups, streams, [states[number] for number in range(len(rows))]


def _alike(lengths: Sequence[int]) -> list[list[int]]:
    """Numbers of rows by length, in groups in which the shortest has three quarters of the longest's."""
    groups: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if not groups or lengths[number] < 0.75 * lengths[groups[-1][0]]:
            groups.append([])
        groups[-1].append(number)
    return groups


class _Stream:
    """A batch that grows to the right.

    Args:
        model: Whose decoder is fed.
        mask: Where rows hold something, [b, n].
        layers: Keys and values of each layer, [b, heads, n, d].
    """

    def __init__(self, model: ReferenceModel, mask: Tensor, layers: Iterable[Sequence[Tensor]] = ()) -> None:
        self.model, self.mask, self.cache = model, mask, Cache(layer_class_to_replicate=_Roomy)
        for number, (keys, values) in enumerate(layers):
            self.cache.update(keys, values, number)

    def of(self, rows: Sequence[int]) -> "_Stream":
        """A stream of these rows alone."""
        layers = [(layer.keys[rows], layer.values[rows]) for layer in self.cache.layers]
        return _Stream(self.model, self.mask[rows], layers)

    def feed(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Append rows [b, n, d] with their mask [b, n]; the last layer's states of what was appended come back."""
        self.mask = torch.cat((self.mask, mask), dim=1)
        positions = (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -mask.shape[1] :]
        states: Tensor = self.model.decoder(
            inputs_embeds=embedded,
            attention_mask=self.mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
        ).last_hidden_state
        return states


class _Roomy(DynamicLayer):  # type: ignore[misc]
    """Keys and values in storage that has room to grow, so that a step copies its own and not all before it."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        new, begin = (key_states, value_states), self.get_seq_length()
        end = begin + key_states.shape[2]
        if not self.is_initialized:
            self.lazy_initialization(*new)
            self.rooms = [one[:, :, :0] for one in new]
        if end > self.rooms[0].shape[2]:
            more = (0, 0, 0, end + end // 4 + 16 - begin)
            self.rooms = [functional.pad(room[:, :, :begin], more) for room in self.rooms]
        for room, one in zip(self.rooms, new, strict=True):
            room[:, :, begin:end] = one
        self.keys, self.values = (room[:, :, :end] for room in self.rooms)
        return self.keys, self.values


def _together(streams: Sequence[_Stream], groups: Sequence[Sequence[int]]) -> _Stream:
    """One stream of all rows in their order, those of shorter streams padded on the left."""
    n_rows, longest = sum(map(len, groups)), max(one.mask.shape[1] for one in streams)

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        """Of each stream [b, heads, n, d]."""
        rows = tensors[0].new_zeros(n_rows, tensors[0].shape[1], longest, tensors[0].shape[3])
        for group, one in zip(groups, tensors, strict=True):
            rows[group, :, longest - one.shape[2] :] = one
        return rows

    mask = joined([one.mask[:, None, :, None] for one in streams])[:, 0, :, 0]
    layers = zip(*(one.cache.layers for one in streams), strict=True)
    pairs = ((joined([one.keys for one in each]), joined([one.values for one in each])) for each in layers)
    return _Stream(streams[0].model, mask, pairs)


class _Row:
    """One answer as it grows."""

    def __init__(self, model: ReferenceModel, prompt: Prompt) -> None:
        self._model, self._prompt = model, prompt
        self._generator = torch.Generator().manual_seed(prompt.seed)
        self._runs = {run[0]: (output, run) for output in model.preset.outputs for run in (model.signal_ids(output),)}
        inner = [token for _, run in self._runs.values() for token in run[1:]]
        self._inner = torch.tensor(inner, dtype=torch.long, device=model.device)
        self._forced: list[int] = []
        self._open: tuple[int, OutputName, list[Tensor]] | None = None
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
        scores = logits.float().index_fill(0, self._inner, -torch.inf)
        # A run that has begun is completed, whatever the model would say, and an inner signal never begins one.
        token = self._forced.pop(0) if self._forced else self._pick(scores)
        if token == self._model.tokenizer.eos_token_id:
            self._finish("stop")
            return token
        self.answer.ids.append(token)
        if token in self._runs:
            output, run = self._runs[token]
            self._forced = run[1:]
            self._open = (len(self.answer.ids) - 1, output, [])
        if not self._forced:
            self._look_for_end()
        return token

    def saw(self, state: Tensor) -> None:
        """The state (plus embedding) at the token chosen last; kept if it is a signal."""
        if self._open is None:
            return
        begin, output, states = self._open
        states.append(state)
        if len(states) == self._model.preset.outputs[output].n_signals:
            self.answer.signals.append((begin, output, torch.stack(states)))
            self._open = None

    def _look_for_end(self) -> None:
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
    ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    batch, mask = (pad_sequence(one, batch_first=True, padding_side="left") for one in ([*rows], ones))
    return batch, mask
