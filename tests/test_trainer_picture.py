"""Pictures and clips as patches: published sizes and frames, and the same numbers as transformers' processors."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.errors import BadSample
from trainer.documents.clip_frames import ClipFacts, ClipRule, chosen_frames, clip_facts, clip_patches, decoded, look_at
from trainer.documents.picture import PictureRule, fit, grid_of, picture_patches
from trainer.model.normalised import normalised
from trainer.model.torchvision_ready import torchvision_ready

torchvision_ready()
import torch  # noqa: E402
from transformers import Glm4vImageProcessor, Glm4vVideoProcessor  # noqa: E402
from transformers.models.glm4v.image_processing_glm4v import smart_resize  # noqa: E402
from transformers.models.glm4v.image_processing_pil_glm4v import Glm4vImageProcessorPil  # noqa: E402
from transformers.video_utils import VideoMetadata  # noqa: E402

RULE = PictureRule()
LIMITS = {"shortest_edge": 112 * 112, "longest_edge": 9_633_792}
GREY_LEVEL = 1 / 255 / 0.26130258 + 1e-5
"""What one step of 8 bits is worth after normalising, at the most."""


@pytest.mark.parametrize(
    ("size", "fitted", "tokens"),
    [
        ((1596, 2548), (1596, 2548), 5187),
        ((2160, 3840), (1624, 2912), 6032),
        ((28, 5600), (28, 5600), 200),
        ((100, 100), (112, 112), 16),
        ((1274, 952), (1288, 952), 1564),
        ((20, 40), (56, 112), 8),
    ],
)
def test_published_sizes(size: tuple[int, int], fitted: tuple[int, int], tokens: int) -> None:
    assert fit(2, *size, RULE.least_tokens, RULE.most_tokens) == fitted
    height, width = grid_of(*size, RULE)
    assert height * width // 4 == tokens


def test_a_clip_of_forty_frames_has_the_published_size() -> None:
    assert fit(40, 546, 980, 8, 30_000) == (560, 980)


@pytest.mark.parametrize("size", [(28, 5628), (1, 300)])
def test_an_aspect_over_200_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadSample, match="aspect_over_200"):
        grid_of(*size, RULE)


@given(st.integers(1, 6000), st.integers(1, 6000), st.sampled_from([2, 4, 7, 40, 600]), st.sampled_from([6144, 30_000]))
def test_every_size_is_that_of_transformers(height: int, width: int, frames: int, tokens: int) -> None:
    try:
        expected = smart_resize(frames, height, width, max_pixels=tokens * 28 * 28 * 2)
    except ValueError:
        with pytest.raises(BadSample):
            fit(frames, height, width, 8, tokens)
        return
    assert fit(frames, height, width, 8, tokens) == expected
    assert fit(frames, width, height, 8, tokens) == expected[::-1]


@pytest.mark.parametrize("size", [(96, 64), (301, 517), (640, 33), (20, 40)])
def test_patches_are_those_of_transformers_bit_for_bit(picture: Callable[..., bytes], size: tuple[int, int]) -> None:
    content = picture(3, size, "PNG")
    grid, patches = picture_patches(content, RULE)
    pixels = Image.open(io.BytesIO(content))
    expected = Glm4vImageProcessorPil(size=LIMITS)(pixels, return_tensors="np")
    assert [1, *grid] == expected["image_grid_thw"][0].tolist()
    assert np.array_equal(normalised(patches), expected["pixel_values"])
    by_torch = Glm4vImageProcessor(size=LIMITS)(pixels, return_tensors="pt")["pixel_values"].numpy()
    assert np.abs(normalised(patches).numpy() - by_torch).max() <= 2 * GREY_LEVEL


def test_a_real_photograph_has_transformers_patches(data: Path) -> None:
    content = next((data / "image_caption" / "coco_mini").rglob("*.jpg")).read_bytes()
    _, patches = picture_patches(content, RULE)
    expected = Glm4vImageProcessorPil(size=LIMITS)(Image.open(io.BytesIO(content)), return_tensors="np")
    assert np.array_equal(normalised(patches), expected["pixel_values"])


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def test_a_picture_is_turned_as_exif_asks() -> None:
    shown = Image.fromarray(np.random.default_rng(0).integers(0, 256, (112, 168, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = saved(shown.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    grid, patches = picture_patches(stored, RULE)
    assert grid == (8, 12)
    assert np.array_equal(patches, picture_patches(saved(shown, "PNG"), RULE)[1])


def test_what_is_transparent_lies_on_white_and_sixteen_bits_are_cut_to_eight() -> None:
    white = picture_patches(saved(Image.new("RGB", (112, 112), "white"), "PNG"), RULE)[1]
    clear = picture_patches(saved(Image.new("RGBA", (112, 112), (9, 9, 9, 0)), "PNG"), RULE)[1]
    deep = picture_patches(saved(Image.fromarray(np.full((112, 112), 65_535, np.uint16)), "PNG"), RULE)[1]
    assert np.array_equal(clear, white)
    assert np.array_equal(deep, white)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut off"])
def test_bytes_that_are_no_picture_fail_alone(content: bytes) -> None:
    with pytest.raises(BadSample, match="unreadable_picture"):
        picture_patches(content, RULE)


def test_a_picture_that_ends_in_the_middle_fails_alone(picture: Callable[..., bytes]) -> None:
    whole = picture(1, (400, 300))
    with pytest.raises(BadSample, match="unreadable_picture"):
        picture_patches(whole[: len(whole) // 2], RULE)


def test_a_picture_beyond_the_pixel_limit_is_notdecoded(picture: Callable[..., bytes]) -> None:
    with pytest.raises(BadSample, match="too_many_pixels"):
        picture_patches(picture(1, (400, 300))[:2000], PictureRule(most_mpx=0.1))


@pytest.mark.parametrize(
    ("frames", "chosen"), [(90, (0, 15, 30, 45, 60, 75)), (75, (0, 15, 30, 45, 60, 60)), (1, (0, 0))]
)
def test_published_frames_are_chosen(frames: int, chosen: tuple[int, ...]) -> None:
    assert chosen_frames(ClipFacts(64, 64, frames, 30.0), ClipRule()) == chosen


def test_the_second_after_a_slice_is_that_of_its_first_frame() -> None:
    looked = look_at(ClipFacts(64, 64, 120, 30.0), ClipRule(frames_per_s=1.0))
    assert looked.frames == (0, 30, 60, 90)
    assert looked.seconds == (0, 2)


@given(st.integers(1, 20_000), st.sampled_from([5.0, 10.0, 23.976, 24.0, 29.97, 30.0, 59.94]))
def test_frames_are_those_that_transformers_chooses(frames: int, frames_per_s: float) -> None:
    facts = ClipFacts(64, 64, frames, frames_per_s)
    said = VideoMetadata(total_num_frames=frames, fps=frames_per_s, duration=facts.duration_s)
    assert chosen_frames(facts, ClipRule()) == tuple(VIDEOS.sample_frames(said).tolist())


VIDEOS = Glm4vVideoProcessor()


def clip(frames: int, size: tuple[int, int] = (96, 64), rate: int = 10) -> bytes:
    """Make a clip whose frames differ: a bright column wanders to the right."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for place in range(frames):
            pixels = np.full((size[1], size[0], 3), 30, np.uint8)
            pixels[:, (8 * place) % size[0] :][:, :8] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    return out.getvalue()


def test_slices_of_a_clip_are_those_of_transformers() -> None:
    content = clip(47)
    facts = clip_facts(content)
    assert facts == ClipFacts(96, 64, 47, 10.0)
    looked = look_at(facts, ClipRule())
    with av.open(io.BytesIO(content), "r") as container:
        whole = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    expected = VIDEOS(
        torch.from_numpy(whole[list(looked.frames)]).permute(0, 3, 1, 2), do_sample_frames=False, return_tensors="pt"
    )
    assert expected["video_grid_thw"].tolist() == [[len(looked.frames) // 2, *looked.grid]]
    assert looked.seconds == (0, 1, 2, 3, 4)
    assert (
        np.abs(normalised(clip_patches(content, looked)).numpy() - expected["pixel_values_videos"].numpy()).max()
        <= 2 * GREY_LEVEL
    )


def test_a_clip_is_turned_as_its_container_asks() -> None:
    upright = clip(4)
    matrix = upright.index(b"tkhd") + 44
    clockwise = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 64 << 16, 0, 1 << 30)
    turned = upright[:matrix] + clockwise + upright[matrix + 36 :]
    assert clip_facts(turned) == ClipFacts(64, 96, 4, 10.0)
    frames, shown = (list(decoded(content)) for content in (upright, turned))
    assert all(np.array_equal(np.rot90(one, -1), other) for one, other in zip(frames, shown, strict=True))


def test_a_real_clip_counts_its_frames_and_decodes_those_that_are_wanted(data: Path) -> None:
    content = (data / "video" / "mdn_cc0" / "elf.webm").read_bytes()
    facts = clip_facts(content)
    looked = look_at(facts, ClipRule(most_tokens=200))
    assert facts == ClipFacts(720, 480, 241, 30.0)
    assert len(clip_patches(content, looked)) == len(looked.frames) // 2 * looked.grid[0] * looked.grid[1]


@pytest.mark.parametrize("content", [b"", b"no clip at all", clip(20)[:900]])
def test_bytes_that_are_no_clip_fail_alone(content: bytes) -> None:
    with pytest.raises(BadSample, match=r"unreadable_clip|no_frames"):
        clip_facts(content)


def test_a_clip_that_ends_before_a_frame_that_is_wanted_fails_alone() -> None:
    looked = look_at(ClipFacts(96, 64, 47, 10.0), ClipRule())
    with pytest.raises(BadSample, match="frames_missing"):
        clip_patches(clip(20), looked)
