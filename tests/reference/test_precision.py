"""Adapters on a base in few bits, where they train, beside the full base, where they answer."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from typer.testing import CliRunner

from anymodal.app import app, call
from model_adapter import Decoding, Request
from model_adapter.errors import AdapterError
from model_adapter.reference import find_preset, loading
from model_adapter.reference.adapter import ReferenceAdapter
from model_adapter.reference.audit import meta_language
from model_adapter.reference.loading import Sources, load_language, load_model, save_model
from model_adapter.reference.model import ReferenceModel, trainable
from model_adapter.reference.precision import compare_bases
from model_adapter.reference.tiny import byte_tokenizer
from shards.draft import Draft
from shards.reader import ShardSet
from shards.sample import Sample, Text, Turn
from tests.factories import media_draft, png, wav

PRESET = find_preset("tiny-minigpt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose base lies apart from what was trained."""
    place = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    base = meta_language(PRESET.language)
    base.save_pretrained(place / "base")
    model = ReferenceModel(PRESET, byte_tokenizer(), language=base)
    for one in model.parameters():
        if one.requires_grad:
            torch.nn.init.normal_(one, std=0.1)
    save_model(model, place, Sources(preset=PRESET.name, language="base"))
    return place


def drafts() -> list[Draft]:
    """More dialogues than one batch holds, of various lengths."""
    return [
        Draft(Sample(key=f"k{n}", kind="dialogue", turns=(said("human", "Is it? " * n), said("machine", "Yes. " * n))))
        for n in range(1, 12)
    ]


def said(role: Literal["human", "machine"], text: str) -> Turn:
    return Turn(role, (Text(text),))


def rounded(language: Any) -> Any:
    """Weights rounded to 8 bits by hand."""
    with torch.no_grad():
        for one in language.parameters():
            scale = one.abs().max() / 127
            one.copy_((one / scale).round() * scale)
    return language


def test_the_gap_between_bases_is_measured_on_the_same_adapters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base rounded by hand beside the full one; against answers scored one by one."""
    monkeypatch.setattr(
        loading,
        "load_language",
        lambda path, *, bits, **more: rounded(load_language(path)) if bits == 8 else load_language(path),
    )
    gap = compare_bases(folder, drafts(), bits=8)
    for bits, found in ((8, gap.low), (32, gap.full)):
        adapter = ReferenceAdapter(load_model(folder, language_bits=bits))
        for draft, one in zip(drafts(), found, strict=True):
            question, answer = draft.sample.turns
            request = Request(key="k", turns=(question,), task="t", decoding=Decoding())
            assert one == pytest.approx(adapter.score([request], [answer.parts[0].text])[0], abs=1e-3)
    assert gap.gaps[3] == gap.full[3] - gap.low[3]
    assert all(0 < abs(one) < 1 for one in gap.gaps)
    full = load_model(folder).state_dict()
    low = load_model(folder, language_bits=8).state_dict()
    differing = {name for name in full if not torch.equal(full[name], low[name])}
    assert differing
    assert not any("lora" in name or not name.startswith("language.") for name in differing)


@pytest.mark.parametrize(("bits", "largest"), [(4, 0.5), (8, 0.05)])
def test_adapters_train_on_few_bits_and_answer_on_the_full_base(
    bits: Literal[4, 8], largest: float, folder: Path
) -> None:
    """The difference is there, and smaller with more bits."""
    low = load_model(folder, language_bits=bits).train()
    rows = low.embed(["Is it red?"], {}, is_start=True).unsqueeze(0)
    low.logits(low.decoder(inputs_embeds=rows).last_hidden_state).float().log_softmax(-1)[..., 5].sum().backward()
    reached = {name for name, one in low.named_parameters() if one.grad is not None}
    assert reached == {name for name in trainable(low) if "lora_" in name}
    gaps = compare_bases(folder, drafts()[:3], bits=bits).gaps
    assert 0 < max(map(abs, gaps)) < largest


def test_few_bits_need_bitsandbytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: False)
    with pytest.raises(AdapterError, match="pip install bitsandbytes"):
        load_language(str(folder / "base"), bits=4)


def test_the_command_shows_the_difference_on_a_set(folder: Path, tmp_path: Path) -> None:
    """Against the log-probabilities of the same answers, asked one by one."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "blue", "green"):
        (photos / f"{colour}.png").write_bytes(png(colour=colour))
    lines = [f"{colour}.png,A {colour} wall beside the road.\n" for colour in ("red", "blue", "green")]
    (photos / "captions.csv").write_text("".join(["file,caption\n", *lines]))
    made = tmp_path / "set"
    with pytest.raises(SystemExit, match="0"):
        call(["build", "mm-it", "--source", f"folder:{photos}", "--out", str(made)])
    built = list(ShardSet(made))
    full = ReferenceAdapter(load_model(folder))
    expected = []
    for draft in built:
        (question, answer) = draft.sample.turns
        request = Request(key="k", turns=(question,), task="t", decoding=Decoding(), blobs=draft.blobs)
        expected.append(full.score([request], [" ".join(part.text for part in answer.parts)])[0])
    done = CliRunner().invoke(app, ["model", "bits", str(folder), str(made), "--json"])
    assert json.loads(done.stdout)["full"] == pytest.approx(expected, abs=1e-3)
    shown = CliRunner().invoke(app, ["model", "bits", str(folder), str(made), "--bits", "8", "--limit", "2"])
    assert "2 of 2 samples" in shown.stdout
    assert f"{sum(expected[:2]) / 2:.4f}"[:-2] in shown.stdout
    assert "full minus few" in shown.stdout


def test_samples_that_ask_nothing_of_the_model_are_left_out(folder: Path) -> None:
    """A sound, which MiniGPT-v2 does not take, and an answer without words."""
    human, machine = said("human", "And?"), said("machine", "Yes.")
    text = Draft(Sample(key="t", kind="dialogue", turns=(human, machine)))
    asking = Draft(Sample(key="a", kind="dialogue", turns=(human, machine, human)))
    heard = media_draft("h", sound=wav())
    heard = Draft(Sample(key="h", kind="dialogue", turns=(*heard.sample.turns, human, machine)), heard.blobs)
    wordless = media_draft("w", picture=png())
    picture = wordless.sample.turns[-1].parts[0]
    wordless = Draft(Sample(key="w", kind="dialogue", turns=(human, Turn("machine", (picture,)))), wordless.blobs)
    assert len(compare_bases(folder, [text, asking, heard, wordless], bits=8).full) == 1
    with pytest.raises(AdapterError, match="0 samples"):
        compare_bases(folder, [asking, heard, wordless], bits=8)
    with pytest.raises(AdapterError, match=r"reference\.json"):
        compare_bases(folder / "base", [text], bits=8)
