"""Captions of spans and labels of shots: what an endpoint is shown, what counts as an answer, and what does not."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from annotators.asked_spans import AskedSpans
from annotators.container import read_container
from annotators.endpoint import Endpoint
from annotators.journal import Answer
from annotators.shotlabels import LABELLED, ShotLabels, _read
from annotators.shots import Shots
from annotators.spancaptions import CAPTIONED, SpanCaptions, _status
from pipelines.engines.local import Local
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.drawn_digits import read
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf
from schemas.composition import ANGLES, COMPOSITIONS, FRAMINGS, SCALES
from schemas.errors import BadInput, Unavailable

spec = importlib.util.spec_from_file_location("scripted_endpoint", Path(__file__).parent / "scripted_endpoint.py")
assert spec and spec.loader
scripted = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scripted)
says, serving = scripted.says, scripted.serving

CLIP = Drawing("asked about", (Piece("static", 24), Piece("pan_left", 36, 2)), rate=(12, 1), start=30, between=2)
GOOD = {"scale": "medium_shot", "framing": "single", "angle": "not_sure", "composition": ["layering", "thirds"]}


@pytest.fixture
def shelf(tmp_path: Path, drawn: Callable[[Drawing], Drawn]) -> Shelf:
    """A clip of two shots, of 2 s and of 3 s."""
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(drawn(CLIP).content)
    made = Shelf(str(tmp_path / "shelf"))
    ingest(made, str(tmp_path / "clips"), Local(1))
    return made


def shown(asked: Any) -> Iterator[tuple[str, Image.Image]]:
    """Yield the times and the frames of a request, in their order."""
    *frames, _ = asked.body["messages"][-1]["content"]
    for time, picture in zip(frames[::2], frames[1::2], strict=True):
        head, _, data = picture["image_url"]["url"].partition(",")
        assert head == "data:image/jpeg;base64"
        yield time["text"], Image.open(io.BytesIO(base64.b64decode(data)))


def last_words(asked: Any) -> str:
    said: str = asked.body["messages"][-1]["content"][-1]["text"]
    return said


def asked(shelf: Shelf, annotator: AskedSpans, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run shots and what asks; return its columns and its notes on places."""
    recipe = Recipe("asked", Annotate(Shots()), Annotate(annotator))
    run(shelf, recipe, Local(1), RunOptions(**options))
    [path] = Path(shelf.root).glob(f"notes/{annotator.name}@*/*.parquet")
    [row] = pq.read_table(path).to_pylist()
    return row, json.loads(row.pop("places"))


def endpoint(url: str, **values: Any) -> Endpoint:
    return Endpoint(url, "seer", pause_s=0.01, **values)


def test_each_span_is_asked_about_with_its_own_frames_each_after_its_time(
    shelf: Shelf, drawn: Callable[[Drawing], Drawn]
) -> None:
    with serving(lambda one: says(f"A view, {last_words(one)}")) as server:
        row, places = asked(shelf, SpanCaptions(endpoint(server.url), frames=4, longest_s=2.0))
    spans = ["0.00 s to 2.00 s", "2.00 s to 3.50 s", "3.50 s to 5.00 s"]
    assert row["span_captions"] == [f"A view, The span lasts from {span}." for span in spans]
    assert row["span_caption_status"] == [CAPTIONED] * 3 and len(server.asked) == 3
    numbers = {}
    for one in server.asked:
        for time, frame in shown(one):
            numbers[time] = read(np.asarray(frame))
    assert numbers == {f"{place / 12:.2f} s": place for place in (3, 9, 15, 21, 26, 31, 35, 40, 44, 49, 53, 58)}
    pts = read_container(drawn(CLIP).content, "mp4").pts
    ends = [(note["at"]["start_pts"], note["at"]["end_pts"]) for note in places]
    assert ends[:2] == [(pts[0], pts[24]), (pts[24], pts[42])] and ends[2][0] == pts[42]
    assert [note["value"] for note in places] == row["span_captions"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer("I'm sorry, I cannot describe this.", "stop"), "refused"),
        (Answer("A cat walks along a", "length"), "cut_off"),
        (Answer("  ", "stop"), "empty"),
        (Answer("<p>A cat.</p>", "stop"), "not_a_caption"),
        (Answer("too many pictures", "rejected"), "rejected"),
        (Answer("A cat.", "stop"), CAPTIONED),
        (None, "not_asked"),
    ],
)
def test_an_answer_that_is_no_caption_says_why(answer: Answer | None, status: str) -> None:
    assert _status(answer) == status


def test_a_span_without_a_caption_leaves_the_others_theirs(shelf: Shelf) -> None:
    no = scripted.Reply(b"too many pictures", 413)
    with serving(lambda one: no if "from 0.00" in last_words(one) else says("A cat.")) as server:
        row, places = asked(shelf, SpanCaptions(endpoint(server.url)))
    assert row["span_captions"] == ["", "A cat."] and row["span_caption_status"] == ["rejected", CAPTIONED]
    assert [note["value"] for note in places] == ["A cat."]


def test_of_too_many_spans_the_longest_are_asked_about(shelf: Shelf) -> None:
    with serving(lambda one: says("A cat.")) as server:
        row, _ = asked(shelf, SpanCaptions(endpoint(server.url), most_spans=1))
    assert row["span_caption_status"] == ["not_asked", CAPTIONED] and len(server.asked) == 1


def test_shots_are_labelled_in_the_words_of_the_taxonomy(shelf: Shelf) -> None:
    with serving(lambda one: says(f"```json\n{json.dumps(GOOD)}\n```")) as server:
        row, places = asked(shelf, ShotLabels(endpoint(server.url)))
        told = server.asked[0].body["messages"][0]["content"]
        assert all(label in told for labels in (SCALES, FRAMINGS, ANGLES, COMPOSITIONS) for label in labels)
    assert row["shot_scales"] == ["medium_shot"] * 2 and row["shot_angles"] == ["", ""]
    assert row["shot_compositions"] == ["thirds layering"] * 2 and row["shot_label_status"] == [LABELLED] * 2
    by_name = [(note["name"], note["value"]) for note in places if note["at"] == places[0]["at"]]
    assert by_name == [
        ("shot_scale", "medium_shot"),
        ("shot_framing", "single"),
        ("shot_composition", ["thirds", "layering"]),
    ]


@pytest.mark.parametrize(
    ("said", "status", "detail"),
    [
        ({**GOOD, "scale": "cowboy_shot"}, "unknown_label", "cowboy_shot"),
        ({**GOOD, "composition": ["thirds", "golden_ratio"]}, "unknown_label", "golden_ratio"),
        ({**GOOD, "composition": "thirds"}, "wrong_fields", "$.composition"),
        ({**GOOD, "lens": "wide"}, "wrong_fields", "lens"),
        ({name: label for name, label in GOOD.items() if name != "angle"}, "wrong_fields", "angle"),
        ({**GOOD, "scale": None}, "wrong_fields", "$.scale"),
    ],
)
def test_any_other_word_makes_the_answer_void(said: dict[str, Any], status: str, detail: str) -> None:
    labels, why, what = _read(Answer(json.dumps(said), "stop"))
    assert (labels.scale, labels.composition, why) == ("", [], status) and detail in what


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer("The shot is a medium shot.", "stop"), "not_json"),
        (Answer(f"Here: {json.dumps(GOOD)}", "stop"), "not_json"),
        (Answer(json.dumps(GOOD)[:-1], "length"), "cut_off"),
        (Answer("no", "content_filter"), "refused"),
        (Answer("too large", "rejected"), "rejected"),
        (None, "not_asked"),
    ],
)
def test_what_is_no_object_alone_is_no_answer(answer: Answer | None, status: str) -> None:
    assert _read(answer)[1] == status


def test_nothing_is_asked_twice_and_an_endpoint_that_fails_fails_no_sample(shelf: Shelf) -> None:
    """The second span's request fails at first: the run stops, and goes on with that one alone."""
    broken = [True]

    def script(one: Any) -> Any:
        return scripted.Reply(b"down", 500) if broken and "from 2.00" in last_words(one) else says("A cat.")

    with serving(script) as server:
        annotator = SpanCaptions(endpoint(server.url, at_once=1, give_up_s=0.05))
        with pytest.raises(Unavailable, match="no answer within"):
            asked(shelf, annotator)
        broken.clear()
        before = len(server.asked)
        row, _ = asked(shelf, annotator)
        assert row["span_captions"] == ["A cat.", "A cat."]
        assert ["from 2.00" in last_words(one) for one in server.asked[before:]] == [True]


def test_the_recipe_refuses_before_any_work_where_no_model_is_named(shelf: Shelf) -> None:
    with pytest.raises(BadInput, match="add --with model=NAME"):
        run(shelf, find_recipe("video-captions"), Local(1))
    assert not (Path(shelf.root) / "notes").exists()


def test_the_recipe_captions_and_labels_what_it_keeps(shelf: Shelf) -> None:
    def script(one: Any) -> Any:
        is_label = "JSON object" in one.body["messages"][0]["content"]
        return says(json.dumps(GOOD) if is_label else "A cat looks to the left.")

    with serving(script) as server:
        recipe = find_recipe("video-captions", {"url": server.url, "model": "seer"})
        assert run(shelf, recipe, Local(1)) == {"kept": 1, "dropped": 0, "failed": 0}
        assert len(server.asked) == 4
        assert run(shelf, find_recipe("video-captions", {"url": server.url, "model": "seer", "at_once": "2"}), Local(1))
        assert len(server.asked) == 4, "how it is asked changes nothing that was asked"
