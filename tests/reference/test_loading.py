"""Folders and files of weights: each real layout, tiny, saved and read; faults are named."""

import dataclasses
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch
from transformers import Blip2VisionModel, CLIPTokenizer, CLIPVisionConfig, CLIPVisionModel, LlamaForCausalLM
from typer.testing import CliRunner

import model_adapter.reference.check as check
from anymodal.app import app
from model_adapter import Decoding, Request
from model_adapter.errors import AdapterError
from model_adapter.reference import Preset, find_preset
from model_adapter.reference.adapter import ReferenceAdapter
from model_adapter.reference.audit import adapter_tree, meta_language
from model_adapter.reference.checkpoints import load_strictly, own_names, read_tensors
from model_adapter.reference.encoders import inputs, make_encoder
from model_adapter.reference.encoders.imagebind import HUGE, ImageBind
from model_adapter.reference.loading import (
    Sources,
    load_adapter,
    load_encoder,
    load_model,
    open_adapter,
    save_model,
)
from model_adapter.reference.model import ReferenceModel, trainable
from model_adapter.reference.presets import EncoderConfig, InputConfig, ProjectionConfig
from model_adapter.reference.tiny import byte_tokenizer
from shards.media import media_part, probe
from shards.sample import Media, Text, Turn

Tensors = dict[str, torch.Tensor]
MEDIA = Path(__file__).parents[3] / "shared/data/media/imagebind"
ASKED = [Request(key="k", turns=(Turn("human", (Text("Hi"),)),), task="t", decoding=Decoding(max_new_tokens=5))]


def tiny_v1() -> Preset:
    """The tiny NExT-GPT as its first version: pooled features, a linear projection, all embedding rows trained."""
    encoder = EncoderConfig(name="imagebind", output="pooled", is_tiny=True)
    given = InputConfig(encoder=encoder, projection=ProjectionConfig(kind="linear"), shared="media")
    inputs = dict.fromkeys(("image", "audio", "video"), given)
    return dataclasses.replace(find_preset("tiny-nextgpt"), inputs=inputs, trains_rows="all")


def filled(model: ReferenceModel, seed: int) -> ReferenceModel:
    """All that trains, with weights of its own."""
    torch.manual_seed(seed)
    for one in model.parameters():
        if one.requires_grad:
            torch.nn.init.normal_(one, std=0.1)
    return model.eval()


def minigpt_file(model: ReferenceModel) -> Tensors:
    """As MiniGPT-v2's checkpoints name things: peft before it had names for adapters."""
    trained = set(trainable(model))
    return {
        name.replace("language.", "llama_model.")
        .replace(".default.", ".")
        .replace("projections.image.linear", "llama_proj"): one
        for name, one in model.state_dict().items()
        if name in trained
    }


def nextgpt_file(model: ReferenceModel) -> Tensors:
    """As the first code of NExT-GPT names things, in 16 bit."""
    told = {
        r"^language\.": "llama_model.",
        r"\.modules_to_save\.default": "",
        r"projections\.media\.linear": "llama_proj",
        r"signals\.image\.": "gen_text_hidden_fcs.0.",
        r"signals\.(audio|video)\.": r"gen_text_hidden_fcs_\1.0.",
        r"^(gen\w+\.0)\.enter": r"\1.fc",
        r"^(gen\w+\.0)\.transformer": r"\1.tfm",
        r"^(gen\w+\.0)\.leave": r"\1.model",
        r"^(gen\w+\.0)\.queries": r"\1.query_embs",
    }
    found, trained = {}, set(trainable(model))
    for name, one in model.state_dict().items():
        if name in trained:
            for pattern, replacement in told.items():
                name = re.sub(pattern, replacement, name)
            found[name] = one.half()
    return found


@pytest.fixture(scope="module")
def minigpt() -> ReferenceModel:
    return filled(ReferenceModel(find_preset("tiny-minigpt"), byte_tokenizer()), seed=1)


def test_a_saved_folder_comes_back_equal(minigpt: ReferenceModel, tmp_path: Path) -> None:
    save_model(minigpt, tmp_path)
    again = load_model(tmp_path)
    assert again.state_dict().keys() == minigpt.state_dict().keys()
    assert all(torch.equal(one, again.state_dict()[name]) for name, one in minigpt.state_dict().items())
    assert ReferenceAdapter(again).generate(ASKED) == ReferenceAdapter(minigpt).generate(ASKED)
    assert open_adapter(str(tmp_path)).score(ASKED, ["yes"]) == ReferenceAdapter(minigpt).score(ASKED, ["yes"])


def test_parts_with_a_source_are_not_written_and_loaded_from_there(tmp_path: Path) -> None:
    torch.manual_seed(0)
    preset = find_preset("tiny-minigpt")
    base = meta_language(preset.language)
    base.save_pretrained(tmp_path / "base")
    torch.save(lavis_eva(), tmp_path / "eva.pth")
    eva = load_encoder(EncoderConfig(name="eva-vit-g-448", is_tiny=True), str(tmp_path / "eva.pth"))
    model = filled(ReferenceModel(preset, byte_tokenizer(), language=base, encoders={"eva-vit-g-448": eva}), seed=2)
    sources = Sources(preset=preset.name, language="base", encoders={"eva-vit-g-448": "eva.pth"})
    save_model(model, tmp_path, sources)
    assert read_tensors(tmp_path / "model.safetensors").keys() == set(trainable(model))
    again = load_model(tmp_path)
    assert all(torch.equal(one, again.state_dict()[name]) for name, one in model.state_dict().items())


@pytest.mark.parametrize("layout", ["minigpt", "nextgpt"])
def test_released_layouts_map_into_the_model(layout: str, tmp_path: Path) -> None:
    preset = find_preset("tiny-minigpt") if layout == "minigpt" else tiny_v1()
    source = filled(ReferenceModel(preset, byte_tokenizer()), seed=3)
    file = {"model": minigpt_file(source), "epoch": 3} if layout == "minigpt" else nextgpt_file(source)
    assert not any(name.startswith(("language", "signals", "projections")) for name in (file.get("model") or file))
    torch.save(file, tmp_path / "checkpoint.pth")
    target = filled(ReferenceModel(preset, byte_tokenizer()), seed=4)
    tensors = own_names(read_tensors(tmp_path / "checkpoint.pth"))
    load_strictly(target, tensors, place="checkpoint.pth", wanted=trainable(target))
    for name in trainable(source):
        torch.testing.assert_close(target.state_dict()[name], source.state_dict()[name], atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda file: file.pop("llama_proj.bias"), "missing projections.image.linear.bias"),
        (lambda file: file.update({"llama_proj.extra": torch.zeros(1)}), "unknown projections.image.linear.extra"),
        (
            lambda file: file.update({"llama_proj.bias": torch.zeros(3)}),
            r"linear.bias of shape \[3\] instead of \[64\]",
        ),
        (lambda file: file.clear(), "missing .* and 2 more"),
    ],
)
def test_keys_that_do_not_fit_are_named(change: object, named: str, minigpt: ReferenceModel) -> None:
    file = minigpt_file(minigpt)
    change(file)  # type: ignore[operator]
    with pytest.raises(AdapterError, match=named):
        load_strictly(minigpt, own_names(file), place="file", wanted=trainable(minigpt))


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("ran",)


def test_files_that_are_no_weights_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": Evil()}, tmp_path / "evil.pth")
    torch.save({"weight": [1, 2]}, tmp_path / "list.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0")
    for name in ("evil.pth", "list.pth", "cut.safetensors", "absent.pth"):
        with pytest.raises(AdapterError, match=name):
            read_tensors(tmp_path / name)
    assert "ran" not in capsys.readouterr().out


def lavis_eva(width: int = 32, hidden: int = 64, n_blocks: int = 3) -> Tensors:
    """A tiny file in the layout of LAVIS' eva_vit_g.pth: positions of a 4 x 4 grid, one block too many."""
    torch.manual_seed(5)
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 17, width), "patch_embed.proj.weight": (width, 3, 14, 14)}
    shapes |= {"patch_embed.proj.bias": (width,), "norm.weight": (width,), "head.bias": (7,)}
    for number in range(n_blocks):
        block = f"blocks.{number}."
        shapes |= {f"{block}{norm}.{kind}": (width,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")}
        shapes |= {f"{block}attn.q_bias": (width,), f"{block}attn.v_bias": (width,), f"{block}attn.proj.bias": (width,)}
        shapes |= {f"{block}attn.qkv.weight": (3 * width, width), f"{block}attn.proj.weight": (width, width)}
        shapes |= {f"{block}mlp.fc1.weight": (hidden, width), f"{block}mlp.fc1.bias": (hidden,)}
        shapes |= {f"{block}mlp.fc2.weight": (width, hidden), f"{block}mlp.fc2.bias": (width,)}
    return {name: 0.1 * torch.randn(shape) for name, shape in shapes.items()}


def test_an_eva_file_becomes_the_network_of_its_formulas(tmp_path: Path) -> None:
    """Against the tower written out: biases for queries and values alone, two blocks of three."""
    file = lavis_eva()
    torch.save(file, tmp_path / "eva.pth")
    encoder = load_encoder(EncoderConfig(name="eva-vit-g-448", is_tiny=True), str(tmp_path / "eva.pth"))
    assert isinstance(encoder.network, Blip2VisionModel)
    pixels = torch.randn(1, 3, 112, 112)
    functional = torch.nn.functional
    patches = functional.conv2d(pixels, file["patch_embed.proj.weight"], file["patch_embed.proj.bias"], stride=14)
    grid = file["pos_embed"][0, 1:].T.reshape(1, 32, 4, 4)
    places = functional.interpolate(grid, size=(8, 8), mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
    first = file["cls_token"] + file["pos_embed"][:, :1]
    tokens = torch.cat((first, patches.flatten(2).transpose(1, 2) + places), dim=1)
    for number in range(2):
        w = {name.removeprefix(f"blocks.{number}."): one for name, one in file.items()}
        given = functional.layer_norm(tokens, (32,), w["norm1.weight"], w["norm1.bias"], eps=1e-6)
        bias = torch.cat((w["attn.q_bias"], torch.zeros(32), w["attn.v_bias"]))
        joint = (given @ w["attn.qkv.weight"].T + bias).reshape(1, 65, 3, 2, 16).permute(2, 0, 3, 1, 4)
        shares = (joint[0] @ joint[1].transpose(-1, -2) / 4.0).softmax(dim=-1)
        seen = (shares @ joint[2]).transpose(1, 2).flatten(2)
        tokens = tokens + seen @ w["attn.proj.weight"].T + w["attn.proj.bias"]
        hidden = functional.layer_norm(tokens, (32,), w["norm2.weight"], w["norm2.bias"], eps=1e-6)
        hidden = functional.gelu(hidden @ w["mlp.fc1.weight"].T + w["mlp.fc1.bias"])
        tokens = tokens + hidden @ w["mlp.fc2.weight"].T + w["mlp.fc2.bias"]
    centred = tokens - tokens.mean(dim=-1, keepdim=True)
    expected = (centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt())[:, 1:]
    torch.testing.assert_close(encoder(pixels, "image"), expected, atol=1e-4, rtol=1e-4)
    del file["blocks.1.attn.q_bias"]
    torch.save(file, tmp_path / "eva.pth")
    with pytest.raises(AdapterError, match=r"missing encoder\.layers\.1\.self_attn\.qkv\.bias"):
        load_encoder(EncoderConfig(name="eva-vit-g-448", is_tiny=True), str(tmp_path / "eva.pth"))


def test_encoders_of_transformers_come_from_folders_and_must_fit(tmp_path: Path) -> None:
    config = EncoderConfig(name="clip-vit-l-336", is_tiny=True)
    for name in ("clip-vit-l-336", "dinov2-g", "videomae-l", "laion-clap"):
        output = "pooled" if name == "laion-clap" else "tokens"
        one = EncoderConfig(name=name, output=output, is_tiny=True)
        saved = make_encoder(one).network
        saved.save_pretrained(tmp_path / name)
        loaded = load_encoder(one, str(tmp_path / name)).network
        assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in saved.state_dict().items())
        assert not any(value.requires_grad for value in loaded.parameters())
    kept = {name: one for name, one in make_encoder(config).network.state_dict().items() if "layer_norm2" not in name}
    (tmp_path / "clip-vit-l-336/model.safetensors").write_bytes(safetensors.torch.save(kept))
    with pytest.raises(AdapterError, match=r"missing .*layer_norm2"):
        load_encoder(config, str(tmp_path / "clip-vit-l-336"))
    small = CLIPVisionConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14)
    CLIPVisionModel(small).save_pretrained(tmp_path / "small")
    with pytest.raises(AdapterError, match="hidden_size 16 instead of 32"):
        load_encoder(config, str(tmp_path / "small"))
    with pytest.raises(AdapterError, match="hf download nobody"):
        load_encoder(config, "nobody/nothing")


def test_eval_asks_a_reference_model(tmp_path: Path, minigpt: ReferenceModel) -> None:
    save_model(minigpt, tmp_path / "model")
    world = CliRunner().invoke(app, ["world", "--out", str(tmp_path / "world"), "--scenes", "12", "--seed", "1"])
    assert world.exit_code == 0, world.output
    for name in ("tiny-nextgpt", str(tmp_path / "model")):
        given = ["--model", f"reference:{name}", "--name", "tiny", "--data", str(tmp_path / "world"), "--limit", "3"]
        done = CliRunner().invoke(app, ["eval", "world/vqav2", *given, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert "world/vqav2" in done.output
    refused = CliRunner().invoke(
        app, ["eval", "world/vqav2", "--model", "reference:nextgpt-7b", *given[2:], "--out", "x"]
    )
    assert isinstance(refused.exception, AdapterError)


def test_models_that_cannot_be_opened_say_why(tmp_path: Path, minigpt: ReferenceModel) -> None:
    with pytest.raises(AdapterError, match=r"reference\.json"):
        open_adapter(str(tmp_path))
    with pytest.raises(AdapterError, match="expected a folder with its weights"):
        open_adapter("nextgpt-7b")
    save_model(minigpt, tmp_path)
    for text, named in (
        ('{"preset": "tiny-minigpt", "colour": 1}', "colour"),
        ('{"preset": "tiny-minigpt", "schema": "anymodal.reference/9"}', "anymodal.reference/9"),
        ('{"preset": "tiny-minigpt", "encoders": {"imagebind": "x"}}', "imagebind"),
    ):
        (tmp_path / "reference.json").write_text(text)
        with pytest.raises(AdapterError, match=named):
            load_model(tmp_path)


def test_decoders_come_from_folders(tmp_path: Path) -> None:
    model = ReferenceModel(find_preset("tiny-nextgpt"), byte_tokenizer())
    save_model(model, tmp_path, Sources(preset="tiny-nextgpt", decoders={"image": "nowhere"}))
    with pytest.raises(AdapterError, match="diffusers pipeline"):
        load_adapter(tmp_path)


def test_new_rows_begin_as_the_mean_of_the_old_ones() -> None:
    preset = find_preset("tiny-nextgpt")
    language = LlamaForCausalLM(meta_language(dataclasses.replace(preset.language, vocab_size=259)).config)
    means = [table.weight.detach().mean(dim=0) for table in (language.model.embed_tokens, language.lm_head)]
    model = ReferenceModel(preset, byte_tokenizer(), language=language)
    for table, mean in zip(("embed_tokens", "lm_head"), means, strict=True):
        rows = next(one for name, one in model.state_dict().items() if f"{table}.token_adapter.trainable" in name)
        assert rows.shape == (38, 64)
        torch.testing.assert_close(rows, mean.expand(38, -1), atol=1e-6, rtol=0)


def test_adapters_are_counted_as_peft_makes_them(minigpt: ReferenceModel) -> None:
    lora = minigpt.preset.language.lora
    made = sum(one.numel() for name, one in minigpt.named_parameters() if "lora_" in name)
    assert lora is not None
    counted = adapter_tree(meta_language(minigpt.preset.language), lora)
    assert sum(one.n_copies * one.n_parameters for one in counted) == made


def described(content: bytes) -> tuple[Media, bytes]:
    return media_part(probe(content), member="m.x", sha256=""), content


@pytest.mark.skipif(not MEDIA.exists(), reason="needs ../shared/data/media/imagebind")
def test_check_computes_the_figures_and_tells_that_random_weights_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    towers = {name: dataclasses.replace(one, width=32, n_blocks=1, n_heads=2) for name, one in HUGE.items()}
    monkeypatch.setattr("model_adapter.reference.encoders.table.ImageBind", lambda: ImageBind(towers))
    monkeypatch.setenv("COLUMNS", "200")
    model = ImageBind(towers)
    torch.save(model.state_dict(), tmp_path / "imagebind.pth")
    letters = [*"abcdefghijklmnopqrstuvwxyz.", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz.")]
    words = {token: number for number, token in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    CLIPTokenizer(vocab=words, merges=[]).save_pretrained(tmp_path / "clip")

    def run(*changed: str) -> tuple[int, str]:
        given = {
            "--weights": str(tmp_path / "imagebind.pth"),
            "--media": str(MEDIA),
            "--tokenizer": str(tmp_path / "clip"),
        }
        given |= dict(zip(changed[::2], changed[1::2], strict=True))
        done = CliRunner().invoke(
            app, ["model", "check", "imagebind", *(word for pair in given.items() for word in pair)]
        )
        return done.exit_code, f"{done.output}{done.exception}"

    code, printed = run()
    assert code == 1
    assert "vision x text, dog to dog" in printed
    assert "0.9976" in printed
    assert "not the published weights" in printed
    figures = check.check_imagebind(tmp_path / "imagebind.pth", media=MEDIA, tokenizer=tmp_path / "clip")
    found = {one.what: one.found for one in figures}
    shown = [
        torch.stack(
            [
                inputs.imagebind()[kind](*described((MEDIA / f"{thing}_{kind}.{ending}").read_bytes()))
                for thing in ("dog", "car", "bird")
            ]
        )
        for kind, ending in (("image", "jpg"), ("audio", "wav"))
    ]
    with torch.no_grad():
        images, audios = model.eval().embed(shown[0], "vision"), model.embed_clips(shown[1], "audio")
    assert found["vision x audio, car to dog"] == pytest.approx(float((images[1] @ audios.T).softmax(0)[0]), abs=1e-6)
    wordless = check.check_imagebind(tmp_path / "imagebind.pth", media=MEDIA, tokenizer=None)
    assert wordless == [one for one in figures if one.what.startswith("vision x audio")]
    assert len(wordless) == 5
    for option, named in (
        ("--weights", "absent.pth"),
        ("--media", "dog_image.jpg"),
        ("--tokenizer", "CLIP's tokenizer"),
    ):
        code, printed = run(option, str(tmp_path / "absent.pth"))
        assert code != 0
        assert named in printed
