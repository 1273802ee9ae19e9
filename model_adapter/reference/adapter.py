"""The reference model behind the one interface to every model."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from model_adapter.adapter import Capabilities, Generation, Request, Usage
from model_adapter.reference import generation
from model_adapter.reference.decoders import Decoder, random_decoder
from model_adapter.reference.model import ReferenceModel
from model_adapter.reference.presets import MediumName, OutputName, Preset
from model_adapter.reference.templates import TEMPLATES, Slot, dialogue_segments
from shards.draft import Blob, HeldBytes
from shards.keys import keyed_hash, make_key
from shards.media import media_part, probe
from shards.sample import Media, Part, Provenance, Text


class ReferenceAdapter:
    """Answers requests with a reference model.

    Args:
        model: The networks; put into evaluation mode.
        decoders: Diffusion pipelines by what they make; runs of signals whose pipeline is absent stay unheard.
        from_words: Give pipelines the answer's words before the run instead of its projected signals, as the variant
            NExT-GPT-caption of the paper does; a run without words before it is given the request's last text.
    """

    def __init__(
        self, model: ReferenceModel, decoders: Mapping[OutputName, Decoder] | None = None, *, from_words: bool = False
    ) -> None:
        self.model = model.eval()
        self._decoders = decoders or {}
        self._from_words = from_words

    def capabilities(self) -> Capabilities:
        """Text and the preset's media; the model gives probabilities."""
        inputs, outputs = (frozenset(("text", *media)) for media in (self.model.preset.inputs, self._decoders))
        return Capabilities(inputs=inputs, outputs=outputs, scores_continuations=True)

    def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """Answer in one batch; each medium is encoded once, however many requests show it."""
        prompts = [self._prompt(request) for request in requests]
        answers = generation.generate(self.model, prompts, self._soft_tokens(requests, prompts))
        return [self._generation(*each) for each in zip(requests, prompts, answers, strict=True)]

    def score(self, requests: Sequence[Request], continuations: Sequence[str]) -> list[float]:
        """Natural-log probability of each continuation, its tokens summed."""
        prompts = [self._prompt(request) for request in requests]
        return generation.score(self.model, prompts, continuations, self._soft_tokens(requests, prompts))

    def _prompt(self, request: Request) -> generation.Prompt:
        template = TEMPLATES[self.model.preset.language.template]
        shared, own = generation.split_prompt(dialogue_segments(request.turns, template))
        stop = (*request.decoding.stop, *template.stop)
        seed = keyed_hash(request.key, seed=request.seed, purpose="generation") % 2**63
        return generation.Prompt(shared, own, request.decoding, stop, seed)

    @torch.no_grad()
    def _soft_tokens(self, requests: Sequence[Request], prompts: Sequence[generation.Prompt]) -> dict[str, Tensor]:
        """Soft tokens of all media that the requests show, by sha256; media of one kind go through together."""
        shown: dict[MediumName, dict[str, tuple[Media, bytes]]] = {}
        for request, prompt in zip(requests, prompts, strict=True):
            for segment in (*prompt.shared, *prompt.own):
                if isinstance(segment, Slot) and segment.part.sha256 not in shown.get(segment.medium, {}):
                    content = request.blobs[segment.part.member].read()
                    shown.setdefault(segment.medium, {})[segment.part.sha256] = (segment.part, content)
        return {
            sha256: tokens
            for medium, media in shown.items()
            for sha256, tokens in zip(media, self.model.soft_tokens(medium, list(media.values())), strict=True)
        }

    def _generation(self, request: Request, prompt: generation.Prompt, answer: generation.Answer) -> Generation:
        parts: list[Part] = []
        blobs: dict[str, Blob] = {}
        begin = 0
        for number, (place, output, states) in enumerate(answer.signals):
            self._say(parts, answer.ids[begin:place], prompt.stop)
            begin = place + len(states)
            if output in self._decoders:
                words = _last_words(parts) or _last_words(request.turns[-1].parts)
                name = f"{make_key(request.task, request.key)}-{number}"
                part, content = self._make(output, states, words, name=name, seed=(prompt.seed + number) % 2**63)
                parts.append(part)
                blobs[part.member] = HeldBytes(content)
        self._say(parts, answer.ids[begin:], prompt.stop)
        usage = Usage(completion_tokens=len(answer.ids))
        return Generation(parts=tuple(parts), finish_reason=answer.finish_reason, usage=usage, blobs=blobs)

    def _say(self, parts: list[Part], ids: Sequence[int], stop: Sequence[str]) -> None:
        text = self.model.tokenizer.decode(ids, skip_special_tokens=True)
        ends = [text.index(one) for one in stop if one in text]
        text = text[: min(ends, default=len(text))].strip()
        if text:
            parts.append(Text(text))

    @torch.no_grad()
    def _make(self, output: OutputName, states: Tensor, words: str, *, name: str, seed: int) -> tuple[Media, bytes]:
        decoder, made = self._decoders[output], self.model.preset.outputs[output]
        if self._from_words:
            content = decoder.make_from_words(words, seed=seed)
        else:
            projection = self.model.signals[output]
            conditioning = projection(states.unsqueeze(0).to(next(projection.parameters()).dtype))[0]
            content = decoder.make(conditioning.float(), seed=seed)
        facts = probe(content)
        sha256 = hashlib.sha256(content).hexdigest()
        made_by = Provenance(generator=made.decoder, seed=seed, prompt=words if self._from_words else None)
        return media_part(facts, member=f"{name}.{facts.extension}", sha256=sha256, provenance=made_by), content


def _last_words(parts: Sequence[object]) -> str:
    """The last text among the parts; "" if there is none."""
    return next((part.text for part in reversed(parts) if isinstance(part, Text)), "")


def random_adapter(preset: Preset, tokenizer: Any, *, seed: int = 0) -> ReferenceAdapter:
    """The preset with random weights, quick pipelines included: for tests and for measuring speed and memory."""
    torch.manual_seed(seed)
    model = ReferenceModel(preset, tokenizer)
    decoders = {output: random_decoder(output, made) for output, made in preset.outputs.items()}
    return ReferenceAdapter(model, decoders)
