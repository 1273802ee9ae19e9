"""The tiny presets from media in to text, boxes, images, sounds and films out."""

import dataclasses
import hashlib
import io
from collections.abc import Callable, Iterator

import av
import numpy as np
import pytest
import soundfile
import torch

from model_adapter import Decoding, Generation, Request
from model_adapter.reference import find_preset
from model_adapter.reference.adapter import ReferenceAdapter, random_adapter
from model_adapter.reference.generation import _left_padded
from model_adapter.reference.presets import OutputName
from model_adapter.reference.templates import TEMPLATES, Slot, dialogue_segments
from model_adapter.reference.tiny import byte_tokenizer
from shards.draft import HeldBytes
from shards.formats.boxes import boxes_to_pixels, parse_boxes
from shards.imu import imu_part
from shards.media import media_part, probe
from shards.sample import Image, Media, Text, Turn, modality
from tests.factories import png

Shown = tuple[Media, bytes]


@pytest.fixture(scope="module")
def adapters() -> Callable[[str], ReferenceAdapter]:
    made: dict[str, ReferenceAdapter] = {}

    def get(name: str) -> ReferenceAdapter:
        if name not in made:
            made[name] = random_adapter(find_preset(name), byte_tokenizer(), seed=3)
        return made[name]

    return get


@pytest.fixture(scope="module")
def media() -> dict[str, Shown]:
    wav, npy = io.BytesIO(), io.BytesIO()
    rng = np.random.default_rng(0)
    soundfile.write(wav, 0.1 * rng.standard_normal(24_000), 16_000, format="WAV")
    np.save(npy, rng.standard_normal((300, 6)).astype(np.float32))
    readings = imu_part(npy.getvalue(), rate_hz=60.0, axes="abcdef", units=["m/s^2"] * 6, member="imu.npy", sha256="i")
    return {
        "image": _described(png(colour="#407090")),
        "audio": _described(wav.getvalue()),
        "video": _described(_film(rng)),
        "imu": (readings, npy.getvalue()),
    }


def _film(rng: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for _ in range(16):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def _described(content: bytes) -> Shown:
    facts = probe(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return media_part(facts, member=f"{sha256[:8]}.{facts.extension}", sha256=sha256), content


def ask(text: str, *shown: Shown, key: str = "", n: int = 10, **decoding: object) -> Request:
    parts = (*(part for part, _ in shown), Text(text))
    return Request(
        key=key or text,
        turns=(Turn("human", parts),),
        task="test",
        decoding=Decoding(max_new_tokens=n, **decoding),
        blobs={part.member: HeldBytes(content) for part, content in shown},
    )


@pytest.fixture
def mixed(media: dict[str, Shown]) -> Callable[[str], list[Request]]:
    """Requests with and without media, of various lengths, two of them about one medium."""

    def make(name: str) -> list[Request]:
        requests = [ask("Hello", key="plain"), ask("A rather longer request without any medium.", key="long")]
        for medium in find_preset(name).inputs:
            requests.append(ask(f"What is in this {medium}?", media[medium]))
            requests.append(ask("Why?", media[medium], key=f"why-{medium}"))
        return requests

    return make


@pytest.mark.parametrize("name", ["tiny-nextgpt", "tiny-anymal", "tiny-minigpt"])
def test_an_answer_does_not_depend_on_batch_order_or_padding(
    name: str, adapters: Callable[[str], ReferenceAdapter], mixed: Callable[[str], list[Request]]
) -> None:
    adapter, requests = adapters(name), mixed(name)
    together = adapter.generate(requests)
    assert len({one.text for one in together}) > 1
    assert [adapter.generate([request])[0] for request in requests] == together
    assert adapter.generate(requests[::-1]) == together[::-1]
    continuations = [f"answer {'x' * number}" for number in range(len(requests))]
    scores = adapter.score(requests, continuations)
    alone = [adapter.score([one], [words])[0] for one, words in zip(requests, continuations, strict=True)]
    np.testing.assert_allclose(scores, alone, atol=1e-5 * max(map(len, continuations)))


@pytest.fixture
def fed(adapters: Callable[[str], ReferenceAdapter], monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Rows and tokens of each call of the tiny MiniGPT-v2's decoder."""
    model = adapters("tiny-minigpt").model
    shapes: list[tuple[int, int]] = []
    original = model.decoder
    monkeypatch.setattr(
        model, "decoder", lambda **given: shapes.append(given["inputs_embeds"].shape[:2]) or original(**given)
    )
    return shapes


def test_each_medium_is_encoded_once_and_its_prefix_computed_once(
    adapters: Callable[[str], ReferenceAdapter], media: dict[str, Shown], fed: list[tuple[int, int]]
) -> None:
    adapter = adapters("tiny-minigpt")
    before = adapter.model.n_encoder_calls
    adapter.generate([ask(f"Question {number}?", media["image"], n=1) for number in range(5)])
    assert adapter.model.n_encoder_calls - before == 1
    n_prefix = len("[INST] <Img>") + 1 + 16  # one token a byte, the opening token, 64 patches in strips of four
    assert fed[0] == (1, n_prefix)
    assert fed[1] == (5, len("</Img> Question 0? [/INST]"))


def test_prompts_of_like_length_go_together_and_little_is_padded(
    adapters: Callable[[str], ReferenceAdapter], fed: list[tuple[int, int]]
) -> None:
    adapter = adapters("tiny-minigpt")
    requests = [ask("word " * (1 + 7 * number % 40), key=str(number), n=3) for number in range(20)]
    together = adapter.generate(requests)
    n_real = sum(len(f"[INST] {'word ' * (1 + 7 * number % 40)} [/INST]") for number in range(20))
    prompts = [(rows, n) for rows, n in fed if n > 1]
    assert n_real <= sum(rows * n for rows, n in prompts) <= n_real / 0.75
    assert len(prompts) < 20
    assert [(rows, n) for rows, n in fed[1 + len(prompts) :]] == [(20, 1)] * 2
    assert together == [adapter.generate([one])[0] for one in requests]


def test_finished_answers_leave_the_batch(
    adapters: Callable[[str], ReferenceAdapter], fed: list[tuple[int, int]]
) -> None:
    adapter = adapters("tiny-minigpt")
    requests = [ask("How long?", key=str(number), n=n) for number, n in enumerate((2, 9, 2, 5))]
    together = adapter.generate(requests)
    assert [rows for rows, _ in fed[2:]] == [4, *[2] * 3, *[1] * 4]
    assert together == [adapter.generate([one])[0] for one in requests]


def test_scores_are_log_probabilities_of_the_tokens(
    adapters: Callable[[str], ReferenceAdapter], media: dict[str, Shown]
) -> None:
    """Against one full forward pass without cache, padding or batch."""
    adapter = adapters("tiny-minigpt")
    model, request = adapter.model, ask("Is it red?", media["image"])
    segments = dialogue_segments(request.turns, TEMPLATES["minigpt-v2"])
    soft = {media["image"][0].sha256: model.soft_tokens("image", [media["image"]])[0]}
    prompt, ids = model.embed(segments, soft, is_start=True), model.token_ids("yes")
    with torch.no_grad():
        rows = torch.cat((prompt, model.embed_ids(ids))).unsqueeze(0)
        logits = model.language(inputs_embeds=rows).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    expected = sum(float(logits[number, token]) for number, token in enumerate(ids))
    assert adapter.score([request], ["yes"])[0] == pytest.approx(expected, abs=1e-5)


@pytest.fixture
def steered(
    adapters: Callable[[str], ReferenceAdapter], request: pytest.FixtureRequest
) -> Iterator[Callable[[list[int | None]], ReferenceAdapter]]:
    """The tiny NExT-GPT, or what the test names, its head made to prefer tokens at given steps (None: left alone)."""
    adapter = adapters(getattr(request, "param", "tiny-nextgpt"))
    causal = adapter.model.language.get_base_model()
    head = causal.lm_head

    class Steered(torch.nn.Module):
        def __init__(self, wanted: list[int | None]) -> None:
            super().__init__()
            self.wanted, self.step = wanted, 0

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = head(states).clone()
            token = self.wanted[self.step] if self.step < len(self.wanted) else None
            self.step += 1
            if token is not None:
                logits[..., token] += 1e4
            return logits

    def steer(wanted: list[int | None]) -> ReferenceAdapter:
        causal.lm_head = Steered(wanted)
        return adapter

    yield steer
    causal.lm_head = head


def test_signals_are_runs_of_neighbouring_ids_in_the_released_order(
    adapters: Callable[[str], ReferenceAdapter],
) -> None:
    """After the marks around media: four for images, 24 for films, eight for sounds; blanks between would add ids."""
    model = adapters("tiny-nextgpt").model
    first = len(byte_tokenizer())
    assert model.token_ids("<Img></Img>") == [first, first + 1]
    assert model.signal_ids("image") == [*range(first + 2, first + 6)]
    assert model.signal_ids("video") == [*range(first + 6, first + 30)]
    assert model.signal_ids("audio") == [*range(first + 30, first + 38)]
    assert len(model.tokenizer) == first + 38


@pytest.mark.parametrize("output", ["image", "audio", "video"])
def test_a_begun_run_is_completed_and_becomes_a_medium(
    output: OutputName, steered: Callable[[list[int | None]], ReferenceAdapter]
) -> None:
    """Even where only one more token was allowed."""
    first = steered([]).model.signal_ids(output)[0]
    one, again = (steered([first]).generate([ask("Show me.", n=1)])[0] for _ in range(2))
    assert [modality(part) for part in one.parts] == [output]
    part = one.parts[0]
    content = one.blobs[part.member].read()
    assert probe(content).kind == output
    assert hashlib.sha256(content).hexdigest() == part.sha256
    assert one == again
    assert one.usage.completion_tokens == {"image": 4, "audio": 8, "video": 24}[output]
    assert part.provenance.generator is not None


def test_several_media_stand_in_one_answer_in_order(
    steered: Callable[[list[int | None]], ReferenceAdapter],
) -> None:
    model = steered([]).model
    image, audio = model.signal_ids("image"), model.signal_ids("audio")
    letter = model.token_ids("a")[0]
    wanted = [letter, image[0], None, None, None, letter, letter, audio[0], *[None] * 7, letter]
    answer = steered(wanted).generate([ask("Show me.", n=len(wanted))])[0]
    assert [modality(part) for part in answer.parts] == ["text", "image", "text", "audio", "text"]
    assert [part.text for part in answer.parts if isinstance(part, Text)] == ["a", "aa", "a"]


def test_words_of_the_answer_can_be_the_prompt_instead_of_signals(
    steered: Callable[[list[int | None]], ReferenceAdapter],
) -> None:
    """NExT-GPT-caption: what was said before the run goes to the pipeline."""
    model = steered([]).model
    letters, run = model.token_ids("a cat"), model.signal_ids("image")
    asked: list[tuple[str, int]] = []

    class Recording:
        def make_from_words(self, words: str, *, seed: int) -> bytes:
            asked.append((words, seed))
            return png()

    adapter = ReferenceAdapter(model, {"image": Recording()}, from_words=True)
    steered([*letters, run[0]])
    answer = adapter.generate([ask("Show me.", n=6)])[0]
    steered([run[0]])
    adapter.generate([ask("Show me.", n=1)])
    assert [words for words, _ in asked] == ["a cat", "Show me."]
    assert answer.parts[1].provenance.prompt == "a cat"


def test_an_inner_signal_never_begins_a_run(steered: Callable[[list[int | None]], ReferenceAdapter]) -> None:
    inner = steered([]).model.signal_ids("image")[1]
    answer = steered([inner, inner]).generate([ask("Show me.", n=2)])[0]
    assert all(isinstance(part, Text) for part in answer.parts)


def test_the_state_of_a_signal_is_the_one_at_its_own_position(
    steered: Callable[[list[int | None]], ReferenceAdapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The projection is given, for each signal token, last hidden state plus input embedding where it is the input."""
    adapter = steered([])
    model, run = adapter.model, adapter.model.signal_ids("image")
    given: list[torch.Tensor] = []
    original = model.signals["image"].forward
    monkeypatch.setattr(model.signals["image"], "forward", lambda states: given.append(states) or original(states))
    steered([run[0]]).generate([ask("Show me.", n=1)])
    segments = dialogue_segments(ask("Show me.").turns, TEMPLATES["vicuna-v0"])
    with torch.no_grad():
        prompt, signals = model.embed(segments, {}, is_start=True), model.embed_ids(run)
        states = model.decoder(inputs_embeds=torch.cat((prompt, signals)).unsqueeze(0)).last_hidden_state[0, -4:]
    torch.testing.assert_close(given[0][0], states + signals, atol=1e-4, rtol=1e-4)


def test_answers_end_at_a_stop_string_and_leave_it_out(
    steered: Callable[[list[int | None]], ReferenceAdapter],
) -> None:
    letters = steered([]).model.token_ids("yes###no")
    answer = steered(list(letters)).generate([ask("Well?", n=20)])[0]
    assert (answer.text, answer.finish_reason) == ("yes", "stop")
    own = steered(list(steered([]).model.token_ids("one. two"))).generate([ask("Well?", n=20, stop=(".",))])[0]
    assert (own.text, own.finish_reason) == ("one", "stop")
    end = steered([letters[0], steered([]).model.tokenizer.eos_token_id]).generate([ask("Well?", n=20)])[0]
    assert (end.text, end.finish_reason) == ("y", "stop")
    assert steered([]).generate([ask("Well?", n=3)])[0].finish_reason == "length"


def test_sampling_is_seeded_by_request_and_top_p_cuts(adapters: Callable[[str], ReferenceAdapter]) -> None:
    adapter = adapters("tiny-minigpt")

    def said(key: str, **decoding: float) -> Generation:
        return adapter.generate([ask("Say something", key=key, temperature=2.0, **decoding)])[0]

    assert said("a") == said("a")
    assert said("a") != said("b")
    greedy = adapter.generate([ask("Say something", key="a")])[0]
    assert said("a", top_p=1e-9).parts == greedy.parts


@pytest.mark.parametrize("steered", ["tiny-minigpt"], indirect=True)
def test_boxes_come_as_words(steered: Callable[[list[int | None]], ReferenceAdapter], media: dict[str, Shown]) -> None:
    model = steered([]).model
    letters = [*model.token_ids("{<10><20><30><40>}"), model.tokenizer.eos_token_id]
    answer = steered(list(letters)).generate([ask("[refer] the dog", media["image"], n=40)])[0]
    assert (answer.text, answer.finish_reason) == ("{<10><20><30><40>}", "stop")
    boxes_px = boxes_to_pixels(parse_boxes([answer.text], "grid100"), np.array([[200.0, 100.0]]), "grid100")
    assert boxes_px.tolist() == [[20.0, 20.0, 60.0, 40.0]]


def test_templates_spell_the_three_systems() -> None:
    picture = Image(member="m.png", sha256="0", width=1, height=1)
    turns = (
        Turn("human", (picture, Text("What?"))),
        Turn("machine", (Text("A dog."),)),
        Turn("human", (Text("And"), Text("now?"))),
    )

    def spelled(name: str) -> str:
        segments = dialogue_segments(turns, TEMPLATES[name])
        return "".join("@" if isinstance(one, Slot) else one for one in segments)

    assert spelled("vicuna-v0") == (
        "### Human: <Img>@</Img>What?\n### Assistant: A dog.\n### Human: And now?\n### Assistant: "
    )
    assert spelled("vicuna-v1") == "USER: @What? ASSISTANT: A dog.</s>USER: And now? ASSISTANT: "
    assert spelled("minigpt-v2") == "[INST] <Img>@</Img> What? [/INST]A dog.</s>[INST] And now? [/INST]"
    assert spelled("llama-2-chat") == "[INST] @ What? [/INST] A dog. </s>[INST] And now? [/INST] "


def test_media_may_stand_anywhere_in_any_turn(
    adapters: Callable[[str], ReferenceAdapter], media: dict[str, Shown]
) -> None:
    adapter = adapters("tiny-nextgpt")
    image, audio = media["image"], media["audio"]
    turns = (
        Turn("human", (Text("Look:"), image[0], Text("and listen:"), audio[0])),
        Turn("machine", (Text("I see"), image[0])),
        Turn("human", (Text("Go on."),)),
    )
    blobs = {part.member: HeldBytes(content) for part, content in (image, audio)}
    request = Request(key="k", turns=turns, task="test", decoding=Decoding(max_new_tokens=4), blobs=blobs)
    before = adapter.model.n_encoder_calls
    assert adapter.generate([request])[0].parts
    assert adapter.model.n_encoder_calls - before == 2


def test_a_film_may_take_the_image_route(media: dict[str, Shown]) -> None:
    """AnyMAL-Image: four frames, their patches side by side, through the resampler of images."""
    preset = find_preset("tiny-anymal")
    image = preset.inputs["image"]
    inputs = {"image": image, "video": dataclasses.replace(image, shared="image")}
    model = random_adapter(dataclasses.replace(preset, inputs=inputs), byte_tokenizer()).model
    assert (list(model.encoders), list(model.projections)) == (["openclip-vit-g"], ["image"])
    encoder = model.encoder("video")
    frames = encoder.prepare([media["video"]], "video")
    patches = torch.cat([encoder(frames[:, number], "image") for number in range(4)], dim=1)
    with torch.no_grad():
        expected = model.projections["image"](patches)
        torch.testing.assert_close(model.soft_tokens("video", [media["video"]]), expected, atol=1e-5, rtol=1e-5)


def test_gradient_reaches_what_should_train_and_nothing_else(
    adapters: Callable[[str], ReferenceAdapter], media: dict[str, Shown]
) -> None:
    model = random_adapter(find_preset("tiny-nextgpt"), byte_tokenizer()).model.train()
    assert not any(module.training for encoder in model.encoders.children() for module in encoder.modules())
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_()  # zero at first, which keeps the gradient from the other factor
    soft = {media[one][0].sha256: model.soft_tokens(one, [media[one]])[0] for one in ("image", "audio", "video")}
    segments = [Slot(one, media[one][0]) for one in ("image", "audio", "video")]
    run = [token for output in ("image", "audio", "video") for token in model.signal_ids(output)]
    rows = torch.cat((model.embed([*segments, "hi"], soft, is_start=True), model.embed_ids(run)))
    states = model.decoder(inputs_embeds=rows.unsqueeze(0)).last_hidden_state
    loss = model.logits(states).float().log_softmax(-1)[..., run].sum()
    for output, n in (("image", 4), ("audio", 8), ("video", 24)):
        loss = loss + model.signals[output](states[:, -n:]).square().sum()
    loss.backward()
    reached = {name for name, one in model.named_parameters() if one.grad is not None}
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert reached == trained
    groups = ("projections.", "signals.", "lora_", "token_adapter.trainable_tokens_delta")
    assert {name for name in trained if not any(group in name for group in groups)} == set()
    assert all(any(group in name for name in trained) for group in groups)


def test_padding_goes_to_the_left() -> None:
    batch, mask = _left_padded([torch.ones(1, 2), torch.ones(3, 2)])
    assert mask.tolist() == [[0, 0, 1], [1, 1, 1]]
    assert batch[0].tolist() == [[0, 0], [0, 0], [1, 1]]
