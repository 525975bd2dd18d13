"""Videos that are near in picture and in text go, in one of them alone stay, whatever the buckets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotators.container import read_container
from annotators.frames import frames_at
from filters.columns import Columns, Lists
from filters.embeddingdedup import EmbeddingDedup
from filters.sphere import nearest
from filters.videodedup import VideoDedup

ONE, NEAR, FAR = [1.0, 0.0, 0.0], [0.99, 0.1, 0.0], [0.0, 1.0, 0.2]


def corpus(pictures: Any, texts: Any, duration_s: Any = None, side_px: Any = None) -> Columns:
    count = len(pictures)
    return Columns(
        count,
        {
            "key": np.array([f"{place:016d}".encode() for place in range(count)], "S16"),
            "frame_embedding": Lists.of(pictures, np.float32),
            "text_embedding": Lists.of(texts, np.float32),
            "duration_s": np.array([10.0] * count if duration_s is None else duration_s),
            "width_px": np.array([100] * count if side_px is None else side_px, np.uint32),
            "height_px": np.full(count, 100, np.uint32),
        },
    )


def lost(judging: EmbeddingDedup, columns: Columns) -> dict[int, int]:
    found = judging.decide(columns, judging.learn([judging.survey(columns)]))
    return dict(zip(found.rows.tolist(), found.witnesses.tolist(), strict=True))


@pytest.mark.parametrize(
    ("picture", "text", "goes"),
    [(NEAR, NEAR, True), (NEAR, FAR, False), (FAR, NEAR, False), (FAR, FAR, False), (NEAR, [], False)],
)
def test_a_pair_goes_only_where_picture_and_text_are_near(picture: list[float], text: list[float], goes: bool) -> None:
    assert lost(VideoDedup(), corpus([ONE, picture], [ONE, text])) == ({1: 0} if goes else {})


def test_picture_and_text_must_be_near_those_of_one_and_the_same_video() -> None:
    columns = corpus([ONE, FAR, NEAR], [FAR, ONE, NEAR])
    assert lost(VideoDedup(clusters=1), columns) == {}


def test_without_texts_pictures_decide_unless_that_is_refused() -> None:
    columns = corpus([ONE, NEAR, []], [[], [], []])
    assert lost(VideoDedup(), columns) == {1: 0}
    assert lost(VideoDedup(textless="unlike"), columns) == {}


def test_the_longer_stays_then_the_larger_then_the_smaller_key() -> None:
    alike = [ONE] * 4
    assert lost(VideoDedup(), corpus(alike, alike, [9.0, 12.0, 9.2, 11.9], [100, 90, 300, 95])) == {0: 3, 1: 3, 2: 3}
    assert lost(VideoDedup(), corpus(alike, alike, [9.0, 9.1, 9.2, 8.9])) == {1: 0, 2: 0, 3: 0}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_who_goes_is_what_comparing_every_pair_finds_and_no_order_of_rows_changes_it(seed: int, clusters: int) -> None:
    random = np.random.default_rng(seed)
    around = random.normal(size=(4, 6))

    def vectors(share: float) -> list[list[float]]:
        drawn = around[random.integers(4, size=60)] + 0.25 * random.normal(size=(60, 6))
        return [list(map(float, one)) if random.random() < share else [] for one in drawn.astype(np.float32)]

    columns = corpus(vectors(0.95), vectors(0.7), random.choice([5.0, 9.0], 60), random.choice([50, 70], 60))
    judging = VideoDedup(similarity=0.9, text_similarity=0.8, clusters=clusters)
    learned = judging.learn([judging.survey(columns)])
    found = lost(judging, columns)
    assert found == expected(columns, judging, learned["centres"])
    apart, spread = {}, judging.spread(columns, learned, 3)
    for bucket in range(3):
        rows = spread.rows[spread.buckets == bucket]
        part = judging.decide(columns.take(rows), learned)
        apart.update(zip(rows[part.rows].tolist(), rows[part.witnesses].tolist(), strict=True))
    assert apart == found
    shuffled = random.permutation(60)
    moved = judging.decide(columns.take(shuffled), learned)
    assert {
        int(shuffled[row]): int(shuffled[witness]) for row, witness in zip(moved.rows, moved.witnesses, strict=True)
    } == found


def expected(columns: Columns, judging: VideoDedup, centres_KD: NDArray[np.float32]) -> dict[int, int]:
    pictures, texts = columns.lists("frame_embedding"), columns.lists("text_embedding")
    rows = [row for row in range(columns.count) if len(pictures.row(row))]
    at = dict(zip(rows, nearest(np.stack([pictures.row(row) for row in rows]), centres_KD).tolist(), strict=True))
    merit = judging.merit(columns)
    order = sorted(rows, key=lambda row: (-int(merit[row]), columns.array("key")[row]))
    found = {}
    for place, row in enumerate(order):
        for better in order[:place]:
            said, told = texts.row(row), texts.row(better)
            near_text = cosine(said, told) >= 0.8 if len(said) and len(told) else len(said) == len(told)
            if at[row] == at[better] and near_text and cosine(pictures.row(row), pictures.row(better)) >= 0.9:
                found[row] = better
                break
    return found


def cosine(one: Any, other: Any) -> float:
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def thumbnails(path: Path) -> list[float]:
    """Return eight small grey frames of a video as one vector about zero."""
    content, extension = path.read_bytes(), path.suffix[1:]
    container = read_container(content, extension)
    places = [len(container.pts) * part // 8 for part in range(8)]
    frames = list(frames_at(content, extension, container, places, 16, "pyav"))
    grey = np.stack([frame.mean(-1)[:9, :9] if frame.shape[1] > 8 else frame.mean(-1) for frame in frames])
    return [float(value) for value in (grey - grey.mean()).ravel()]


def test_the_natural_pair_of_footage_encoded_anew_is_found(data: Path) -> None:
    demo = data / "instruct" / "llama_factory_demo" / "mllm_demo_data"
    clips = [data / "video" / "video_llava" / "sample_demo_3.mp4", demo / "3.mp4", demo / "1.mp4"]
    clips += [data / "video" / "video_llava" / "sample_demo_9.mp4"]
    columns = corpus([thumbnails(clip) for clip in clips], [[]] * len(clips))
    assert lost(VideoDedup(clusters=1), columns) == {1: 0}
    said = [ONE, FAR, ONE, ONE]
    assert lost(VideoDedup(clusters=1), corpus([thumbnails(clip) for clip in clips], said)) == {}


@pytest.mark.parametrize("wrong", [{"text_similarity": 1.0}, {"text_similarity": 0.0}, {"similarity": 1.0}])
def test_a_similarity_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="similarity must be above 0 and below 1"):
        VideoDedup(**wrong)
