"""Checkpoints: parts mapped in compute what they computed; a saved folder is a model of plain transformers."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec import structs
from PIL import Image
from safetensors.torch import load_file, save_file

from schemas import sample as samples
from schemas.errors import BadInput, Unavailable
from trainer.documents.clip_frames import ClipFacts, ClipRule, look_at
from trainer.documents.codec import Codec
from trainer.documents.encode import encode
from trainer.documents.layout import lay_out
from trainer.documents.picture import PictureRule
from trainer.documents.special import Family
from trainer.documents.tokens import train_tokens
from trainer.model.attention import use_document_attention, use_plain_attention
from trainer.model.checkpoint_codec import read_codec
from trainer.model.checkpoint_in import take_decoder, take_tower
from trainer.model.checkpoint_out import processor, save
from trainer.model.fits import check_tokens
from trainer.model.model import build, load
from trainer.model.normalised import normalised
from trainer.model.presets import preset
from trainer.model.torchvision_ready import torchvision_ready

torchvision_ready()
import transformers  # noqa: E402
from transformers.video_utils import VideoMetadata  # noqa: E402

TOKENS = train_tokens(["What is it? A red bus on the road."] * 9, 400)
IDS = TOKENS.ids()
ROPE = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def made(name: str) -> Any:
    return build(structs.replace(preset(name), initial_spread=0.1), IDS, TOKENS.size, seed=5)


def scramble(model: Any) -> Any:
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.1)
    return model


def decoder_shape(name: str, **changed: Any) -> dict[str, Any]:
    decoder = preset(name).decoder
    shape = {
        "vocab_size": TOKENS.size,
        "hidden_size": decoder.hidden,
        "intermediate_size": decoder.ffn,
        "num_hidden_layers": decoder.layers,
        "num_attention_heads": decoder.heads,
        "num_key_value_heads": decoder.kv_heads,
        "head_dim": decoder.head_dim,
        "rms_norm_eps": 1e-5,
        "rope_parameters": ROPE,
        "pad_token_id": 0,
        "attention_bias": True,
    }
    if decoder.experts is not None:
        experts = decoder.experts
        shape |= {
            "n_routed_experts": experts.routed,
            "num_experts_per_tok": experts.per_token,
            "moe_intermediate_size": experts.ffn,
        }
    return shape | changed


def glm4(folder: Path, name: str, **changed: Any) -> Any:
    shape = decoder_shape(name, **changed)
    dense = name == "tiny"
    config = transformers.Glm4Config(**shape) if dense else transformers.Glm4MoeConfig(**shape)
    model = transformers.Glm4ForCausalLM(config) if dense else transformers.Glm4MoeForCausalLM(config)
    scramble(model).save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("name", ["tiny", "tiny-moe"])
def test_a_decoder_mapped_in_says_what_it_said(tmp_path: Path, name: str) -> None:
    source, model = glm4(tmp_path / "glm4", name), made(name)
    take_decoder(model, str(tmp_path / "glm4"))
    tokens = torch.randint(20, TOKENS.size, (1, 24))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens).logits, source(tokens).logits, rtol=1e-5, atol=1e-4)


def aimv2(folder: Path, **changed: Any) -> Any:
    tower = preset("tiny").tower
    shape = {
        "hidden_size": tower.hidden,
        "intermediate_size": preset("tiny").decoder.hidden,
        "num_hidden_layers": tower.blocks,
        "num_attention_heads": tower.heads,
        "image_size": tower.image_px,
    } | changed
    model = scramble(transformers.Aimv2VisionModel(transformers.Aimv2VisionConfig(**shape)))
    model.save_pretrained(folder)
    return model.eval()


def test_a_tower_mapped_in_sees_what_it_saw_but_for_rotary_positions(tmp_path: Path) -> None:
    """Its own learned positions are for a picture of 112 pixels; GLM adds rotary ones, which are held still here."""
    source, model = aimv2(tmp_path / "aimv2"), made("tiny")
    take_tower(model, str(tmp_path / "aimv2"))
    pixels = torch.randn(1, 3, 112, 112)
    split = pixels[0].reshape(3, 4, 2, 14, 4, 2, 14).permute(1, 4, 2, 5, 0, 3, 6).unsqueeze(5)
    patches = split.expand(-1, -1, -1, -1, -1, 2, -1, -1).reshape(64, 3 * 2 * 14 * 14)
    visual = model.model.visual
    still = torch.ones(64, 32), torch.zeros(64, 32)
    with torch.no_grad():
        visual.rotary_emb = None
        visual.rotary_pos_emb.forward = lambda *_: still
        visual.downsample.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        seen: list[torch.Tensor] = []
        visual(patches, grid_thw=torch.tensor([[1, 8, 8]]))
        expected = source(pixels).last_hidden_state[0].reshape(4, 2, 4, 2, 128).permute(0, 2, 1, 3, 4).reshape(64, 128)
    found = seen[0].permute(0, 2, 3, 1).reshape(64, 128)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def publish(source: Any, folder: Path) -> None:
    """Write an AIMv2 tower as its authors do."""
    given = source.state_dict()
    weights = {
        "preprocessor.pos_embed": given["embeddings.position_embedding.weight"][None],
        "preprocessor.patchifier.proj.weight": given["embeddings.patch_embed.weight"],
        "preprocessor.patchifier.proj.bias": given["embeddings.patch_embed.bias"],
        "preprocessor.patchifier.norm.weight": given["embeddings.rms_norm.weight"],
        "trunk.post_trunk_norm.weight": given["rms_norm.weight"],
    }
    for block in range(source.config.num_hidden_layers):
        theirs, layer = f"trunk.blocks.{block}", f"encoder.layers.{block}"
        parts = [given[f"{layer}.attention.{part}_proj.weight"] for part in "qkv"]
        weights |= {
            f"{theirs}.attn.qkv.weight": torch.cat(parts),
            f"{theirs}.attn.proj.weight": given[f"{layer}.attention.out_proj.weight"],
            f"{theirs}.norm_1.weight": given[f"{layer}.rms_norm1.weight"],
            f"{theirs}.norm_2.weight": given[f"{layer}.rms_norm2.weight"],
            f"{theirs}.mlp.fc1.weight": given[f"{layer}.ffn.gate_proj.weight"],
            f"{theirs}.mlp.fc2.weight": given[f"{layer}.ffn.down_proj.weight"],
            f"{theirs}.mlp.fc3.weight": given[f"{layer}.ffn.up_proj.weight"],
        }
    folder.mkdir()
    save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / "model.safetensors")
    said = {"model_type": "aimv2", "rms_norm_eps": 1e-5, "num_attention_heads": source.config.num_attention_heads}
    (folder / "config.json").write_text(json.dumps(said))


def test_a_tower_as_its_authors_publish_it_is_the_same_tower(tmp_path: Path) -> None:
    source = aimv2(tmp_path / "aimv2")
    publish(source, tmp_path / "published")
    one, other = made("tiny"), made("tiny")
    take_tower(one, str(tmp_path / "aimv2"))
    take_tower(other, str(tmp_path / "published"))
    for name, weight in one.model.visual.state_dict().items():
        assert torch.equal(weight, other.model.visual.state_dict()[name]), name
    assert not torch.equal(
        one.model.visual.blocks[0].attn.qkv.weight, made("tiny").model.visual.blocks[0].attn.qkv.weight
    )
    whole = (tmp_path / "published" / "model.safetensors").read_bytes()
    (tmp_path / "published" / "model.safetensors").write_bytes(whole[:-40])
    with pytest.raises(BadInput, match=r"published: model\.safetensors does not load"):
        take_tower(made("tiny"), str(tmp_path / "published"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"vocab_size": 300}, r"embed_tokens.weight is \(300, 128\), the model's"),
        ({"rms_norm_eps": 1e-6}, r"rms_norm_eps is 1e-06, the model's 1e-05"),
        ({"num_hidden_layers": 2}, r"has no model\.layers\.2\."),
    ],
)
def test_a_decoder_that_does_not_fit_is_named_and_nothing_is_copied(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    glm4(tmp_path / "glm4", "tiny", **changed)
    model = made("tiny")
    with pytest.raises(BadInput, match=said):
        take_decoder(model, str(tmp_path / "glm4"))
    assert torch.equal(model.lm_head.weight, made("tiny").lm_head.weight)


def test_a_source_with_weights_that_the_model_has_no_place_for_is_refused(tmp_path: Path) -> None:
    glm4(tmp_path / "air", "tiny-moe", use_qk_norm=True)
    with pytest.raises(
        BadInput, match=r"has model\.layers\.\d\.self_attn\.[qk]_norm\.weight, which the model has no place"
    ):
        take_decoder(made("tiny-moe"), str(tmp_path / "air"))
    aimv2(tmp_path / "aimv2", qkv_bias=True)
    with pytest.raises(
        BadInput, match=r"has encoder\.layers\.\d\.attention\.\w+_proj\.bias, which the model has no place"
    ):
        take_tower(made("tiny"), str(tmp_path / "aimv2"))
    aimv2(tmp_path / "native", is_native=True)
    with pytest.raises(BadInput, match=r"has no embeddings\.position_embedding\.weight"):
        take_tower(made("tiny"), str(tmp_path / "native"))


def test_a_deeper_decoder_gives_its_first_layers(tmp_path: Path) -> None:
    source, model = glm4(tmp_path / "glm4", "tiny", num_hidden_layers=5), made("tiny")
    take_decoder(model, str(tmp_path / "glm4"))
    ours = model.model.language_model.layers[2].mlp.down_proj.weight
    assert torch.equal(ours, source.model.layers[2].mlp.down_proj.weight)


def test_a_tower_is_no_decoder(tmp_path: Path) -> None:
    aimv2(tmp_path / "aimv2")
    with pytest.raises(BadInput, match="holds a aimv2_vision_model"):
        take_decoder(made("tiny"), str(tmp_path / "aimv2"))
    with pytest.raises(BadInput, match=r"no config\.json"):
        take_tower(made("tiny"), str(tmp_path))


def photograph() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (112, 168, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


ASKED = "What is it?"


def question(content: bytes) -> samples.Sample:
    parts = (
        samples.Image("0" * 64, len(content), "png", 168, 112),
        samples.Text(ASKED, "user"),
        samples.Text("A bus.", "assistant"),
    )
    return samples.Sample("0" * 32, parts, samples.Source("made", "1"))


@pytest.mark.parametrize(("name", "family"), [("tiny", "4.1v"), ("tiny-moe", "4.5v")])
def test_a_saved_folder_generates_the_same_tokens_in_plain_transformers(
    tmp_path: Path, name: str, family: Family
) -> None:
    model, codec, content = made(name), Codec(family, TOKENS), photograph()
    use_document_attention(model)
    save(model, codec, str(tmp_path / "saved"))
    document = encode(question(content), [content], codec)
    prompt = torch.from_numpy(document.tokens_T[: int(document.is_target_T.argmax())]).long()[None]
    if family == "4.5v":
        ahead = [*TOKENS.encode("\n"), TOKENS.id("<think>"), TOKENS.id("</think>")]
        prompt = torch.cat([prompt, torch.tensor([ahead])], 1)
    plain_processor = transformers.AutoProcessor.from_pretrained(tmp_path / "saved")
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": ASKED}]}]
    text = plain_processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False, enable_thinking=False)
    given = plain_processor(text=[text], images=[Image.open(io.BytesIO(content))], return_tensors="pt")
    assert torch.equal(given["input_ids"], prompt)
    assert torch.allclose(given["pixel_values"], normalised(document.patches_PD), atol=1e-6)
    plain = transformers.AutoModelForImageTextToText.from_pretrained(tmp_path / "saved")
    greedy = {"max_new_tokens": 12, "do_sample": False}
    expected = generated(model, prompt, document.patches_PD, document.grids_N3, greedy)
    with torch.no_grad():
        assert torch.equal(plain.generate(**given, **greedy), expected)
    again = load(str(tmp_path / "saved"))
    assert all(
        torch.equal(one, other)
        for one, other in zip(again.state_dict().values(), model.state_dict().values(), strict=True)
    )


def test_a_clip_has_the_tokens_that_plain_transformers_gives_it() -> None:
    codec = Codec("4.1v", TOKENS, clip=ClipRule(most_tokens=40))
    frames, rate = 75, 30.0
    looked = look_at(ClipFacts(90, 60, frames, rate), codec.clip)
    parts = (samples.Video("0" * 64, 1, "mp4"), samples.Text("What?", "user"), samples.Text("A bus.", "assistant"))
    laid = lay_out(samples.Sample("0" * 32, parts, samples.Source("made", "1")), codec, {0: looked})
    asked = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "What?"}]}]
    plain = processor(codec)
    given = plain(
        text=[plain.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)],
        videos=[np.zeros((frames, 60, 90, 3), np.uint8)],
        video_metadata=[VideoMetadata(total_num_frames=frames, fps=rate, duration=frames / rate)],
        return_tensors="pt",
    )
    assert given["input_ids"][0].tolist() == laid.tokens_T[: int(laid.is_target_T.argmax())].tolist()
    assert given["video_grid_thw"].tolist() == [[len(laid.grids_N3), *looked.grid]]


def generated(model: Any, prompt: torch.Tensor, patches: Any, grids: Any, greedy: dict[str, Any]) -> torch.Tensor:
    use_plain_attention(model)
    with torch.no_grad():
        found: torch.Tensor = model.generate(
            input_ids=prompt,
            mm_token_type_ids=(prompt == IDS.image).int(),
            pixel_values=normalised(patches),
            image_grid_thw=torch.from_numpy(grids),
            pad_token_id=IDS.end,
            eos_token_id=list(IDS.stops),
            **greedy,
        )
    return found


@pytest.mark.parametrize("family", ["4.1v", "4.5v"])
def test_the_saved_chat_template_renders_what_training_sees(tmp_path: Path, family: Family) -> None:
    name = "tiny" if family == "4.1v" else "tiny-moe"
    save(made(name), Codec(family, TOKENS), str(tmp_path / "saved"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    template = (tmp_path / "saved" / "chat_template.jinja").read_text()
    turns = [("system", "Be short."), ("user", "One?"), ("assistant", "1."), ("user", "Two?"), ("assistant", "2.")]
    for think in ("", "Sum."):
        parts = [samples.Text(text, role) for role, text in turns]
        parts.insert(4, samples.Text(think, "think"))
        laid = lay_out(samples.Sample("0" * 32, tuple(parts), samples.Source("made", "1")), Codec(family, TOKENS), {})
        messages = [{"role": role, "content": text} for role, text in turns]
        messages[-1]["reasoning_content"] = think
        if think and family == "4.1v":
            messages[-1]["content"] = "<answer>2.</answer>"
        said = tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, enable_thinking=bool(think)
        )
        expected = TOKENS.decode(laid.tokens_T.tolist()).removesuffix("<|user|>")
        assert said == expected.replace("<think>Sum.</think>", "" if family == "4.1v" else "<think>Sum.</think>")


def test_a_saved_folder_gives_its_codec_back(tmp_path: Path) -> None:
    codec = Codec("4.5v", TOKENS, PictureRule(most_tokens=77), ClipRule(frames_per_s=1.0, most_tokens=500))
    save(made("tiny-moe"), codec, str(tmp_path / "saved"))
    assert read_codec(str(tmp_path / "saved")).fingerprint == codec.fingerprint
    (tmp_path / "saved" / "preprocessor_config.json").write_text("{}")
    with pytest.raises(BadInput, match="its preprocessors state no size"):
        read_codec(str(tmp_path / "saved"))
    with pytest.raises(BadInput, match="No such file"):
        read_codec(str(tmp_path))


def test_a_folder_that_lacks_weights_is_refused_and_not_filled_up(tmp_path: Path) -> None:
    save(made("tiny"), Codec("4.1v", TOKENS), str(tmp_path / "saved"))
    weights = load_file(tmp_path / "saved" / "model.safetensors")
    del weights["model.visual.merger.proj.weight"]
    save_file(weights, tmp_path / "saved" / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadInput, match=r"saved: lacks model\.visual\.merger\.proj\.weight"):
        load(str(tmp_path / "saved"))
    whole = (tmp_path / "saved" / "model.safetensors").read_bytes()
    (tmp_path / "saved" / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="saved: does not load"):
        load(str(tmp_path / "saved"))
    (tmp_path / "saved" / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="saved: does not load"):
        load(str(tmp_path / "saved"))


def test_a_checkpoint_of_another_tokenizer_is_named() -> None:
    model = made("tiny")
    check_tokens(model, TOKENS, "here")
    larger = train_tokens(["many other words than those that there were before"] * 9, 500)
    with pytest.raises(BadInput, match=rf"has {larger.size} tokens, the model {TOKENS.size} rows"):
        check_tokens(model, larger, "here")
    model.config.image_token_id += 1
    with pytest.raises(BadInput, match=r"<\|image\|> is 11 in tokenizer, the model's 12"):
        check_tokens(model, TOKENS, "here")


def test_a_folder_that_is_there_is_left_alone_and_a_failed_one_is_not_left(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(BadInput, match="is there already"):
        save(made("tiny"), Codec("4.1v", TOKENS), str(tmp_path / "there"))
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="could not be written"):
        save(made("tiny"), Codec("4.1v", TOKENS), str(tmp_path / "file" / "saved"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]


def test_a_saved_folder_names_nothing_of_ours(tmp_path: Path) -> None:
    model = made("tiny")
    use_document_attention(model)
    save(model, Codec("4.1v", TOKENS), str(tmp_path / "saved"))
    assert model.config._attn_implementation == "documents_flash"
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["architectures"] == ["Glm4vForConditionalGeneration"]
    assert "documents" not in json.dumps(config)
    pictures = json.loads((tmp_path / "saved" / "preprocessor_config.json").read_text())
    assert pictures["size"] == {"shortest_edge": 112 * 112, "longest_edge": 9_633_792}
    assert {"preprocessor_config.json", "video_preprocessor_config.json", "chat_template.jinja"} <= {
        path.name for path in (tmp_path / "saved").iterdir()
    }
