"""Embeddings of videos, shots and captions: what bare open_clip gives, unit vectors, and no run without weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotators.annotator import Look, Subject
from annotators.container import read_container
from annotators.frameembeddings import BATCH, FrameEmbeddings
from annotators.frames import frames_at
from annotators.textembedding import TextEmbedding
from pipelines.engines.local import Local
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.note import Noted
from schemas.sample import Sample, Source, Text, Video

Draw = Callable[[Drawing], Drawn]
FIRSTS, FRAMES = [0, 20, 48], 60
CLIP = Drawing("embedded", (Piece("zoom_in", 20), Piece("pan_left", 28, 2), Piece("static", 12, 3)), uneven=True)
PER_S = 4.0


def subject(content: bytes, *texts: Text) -> Subject:
    video = Video(sha256(content).hexdigest(), len(content), "mp4")
    sample = Sample("0" * 32, (video, *texts), Source("d", "n"))
    read = lambda url, offset, size_bytes: content[offset : offset + size_bytes]  # noqa: E731
    return Subject(sample, "m", (0,), {"shot_first_frames": FIRSTS}, read)


def values(look: Look, *subjects: Subject) -> list[dict[str, Any]]:
    found = [one.values for one in look(subjects) if isinstance(one, Noted)]
    assert len(found) == len(subjects)
    return found


@pytest.fixture(scope="module")
def look(little_clip: Path) -> Iterator[Look]:
    with FrameEmbeddings(frames_per_s=PER_S).given(str(little_clip)).open() as opened:
        yield opened


def model_of(folder: Path) -> tuple[Any, Any, Any]:
    from annotators.torchvision_ready import torchvision_ready

    torchvision_ready()
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    return model.eval(), preprocess, open_clip.get_tokenizer(f"local-dir:{folder}")


def test_a_vector_is_the_mean_of_its_frames_by_the_time_that_each_stands_for(
    look: Look, drawn: Draw, little_clip: Path
) -> None:
    """Frames that last two steps or three make some pieces longer than others; each frame is encoded by itself here."""
    import torch

    clip = drawn(CLIP)
    [noted] = values(look, subject(clip.content))
    model, preprocess, _ = model_of(little_clip)
    container = read_container(clip.content, "mp4")
    every = list(frames_at(clip.content, "mp4", container, range(FRAMES), 512, "pyav"))
    ends = [*container.pts, container.end_pts]
    shots_SD = []
    for first, end in zip(FIRSTS, [*FIRSTS[1:], FRAMES], strict=True):
        lasts = ends[end] - ends[first]
        count = round(lasts * container.time_base[0] / container.time_base[1] * PER_S)
        starts = [
            next(n for n in range(first, end) if ends[n] >= ends[first] + lasts * k / count) for k in range(count)
        ]
        sum_D = np.zeros(128)
        for start, stop in zip(starts, [*starts[1:], end], strict=True):
            middle = (ends[start] + ends[stop]) / 2
            looked_at = max(n for n in range(start, stop) if ends[n] <= middle)
            with torch.inference_mode():
                picture = preprocess(Image.fromarray(every[looked_at]))[None]
                vector = model.encode_image(picture, normalize=True)[0].double().numpy()
            sum_D += vector * (ends[stop] - ends[start])
        shots_SD.append(sum_D)
    wanted_SD = np.stack([one / np.linalg.norm(one) for one in shots_SD])
    np.testing.assert_allclose(np.array(noted["shot_embeddings"]).reshape(3, -1), wanted_SD, atol=3e-6)
    whole_D = np.sum(shots_SD, axis=0)
    np.testing.assert_allclose(noted["frame_embedding"], whole_D / np.linalg.norm(whole_D), atol=3e-6)


def test_of_more_frames_than_a_batch_each_counts_and_the_bits_are_the_same_whoever_is_beside(
    little_clip: Path, drawn: Draw
) -> None:
    clip, other = drawn(CLIP), drawn(Drawing("another", (Piece("static", 60, 4),)))
    with FrameEmbeddings(frames_per_s=100.0).given(str(little_clip)).open() as look:
        [alone] = values(look, subject(clip.content))
        assert FRAMES > BATCH and FRAMES % BATCH
        assert values(look, subject(other.content), subject(clip.content))[1] == alone
    shots_SD = np.array(alone["shot_embeddings"]).reshape(3, -1)
    assert np.allclose(np.linalg.norm(shots_SD, axis=1), 1, atol=1e-5)
    assert not np.allclose(shots_SD[0], shots_SD[1], atol=1e-3)


def test_a_caption_is_where_bare_open_clip_puts_it_and_no_caption_is_nowhere(little_clip: Path, drawn: Draw) -> None:
    content = drawn(CLIP).content
    label, caption = Text("cat", "label"), Text("A cat that looks to the left.", "caption")
    with TextEmbedding().given(str(little_clip)).open() as look:
        found = values(
            look, subject(content, label, caption), subject(content), subject(content, Text("  ", "caption"))
        )
    model, _, tokenizer = model_of(little_clip)
    wanted_D = model.encode_text(tokenizer([caption.text]), normalize=True)[0].detach().numpy()
    np.testing.assert_allclose(found[0]["text_embedding"], wanted_D, atol=3e-6)
    assert [one["text_embedding"] for one in found[1:]] == [[], []]


@pytest.mark.parametrize("missing", ["frameembeddings", "textembedding"])
def test_without_weights_a_run_refuses_before_any_work_and_names_what_to_give(
    tmp_path: Path, little_clip: Path, drawn: Draw, missing: str
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(drawn(CLIP).content)
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "clips"), Local(1))
    given = {"frameembeddings": str(little_clip), "textembedding": str(little_clip)}
    del given[missing]
    with pytest.raises(BadInput, match=f"--weights {missing}=PATH"):
        run(shelf, find_recipe("video", {"embeddings": "true"}).given(given), Local(1))
    with pytest.raises(BadInput, match=f"--weights {missing}=PATH"):
        run(shelf, find_recipe("video", {"embeddings": "1"}).given({**given, missing: str(tmp_path / "no")}), Local(1))
    assert not (tmp_path / "shelf" / "notes").exists()
