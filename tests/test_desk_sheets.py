"""Sheets of the desk: what is asked, what a note becomes in the editor, and what the editor's answer becomes."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.desk.label_studio.answer import Answer, read
from annotators.desk.label_studio.config import config
from annotators.desk.label_studio.find import SHEETS, find_sheet
from annotators.desk.label_studio.frame_map import FrameMap
from annotators.desk.label_studio.regions import Clip, to_regions
from annotators.desk.label_studio.review import COMMENT, TAG, VERDICT, Judged, read_review, review_sheet
from annotators.desk.label_studio.sheet import NOT_SURE, Choice, Field, Grade, Line, Sheet, Spans, Tracks
from schemas.errors import BadInput
from schemas.note import At, Note, TimeSpan, Track, Value, Whole
from schemas.vocabulary.all import NAMES

CLIP = Clip(1, FrameMap(tuple(range(1000, 1040 * 10, 313)), 12_000, (1, 1000), (25, 1), 320, 240))
FRAMES = CLIP.map.frames
KINDS = {"string": str, "list<string>": list, "uint32": int}


def answered(sheet: Sheet, *regions: dict[str, Any]) -> Answer:
    return read(sheet, list(regions), CLIP)


def reasons(answer: Answer) -> list[str]:
    return [one.reason for one in answer.refused]


def span_region(
    name: str = "action", label: str = "move", first: int = 3, last: int = 9, key: str = "a"
) -> dict[str, Any]:
    value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [label]}
    return {"id": key, "from_name": name, "to_name": "clip", "type": "timelinelabels", "value": value}


def text_region(name: str, text: str, key: str = "a") -> dict[str, Any]:
    return {"id": key, "from_name": name, "to_name": "clip", "type": "textarea", "value": {"text": [text]}}


def fields_of(sheet: Sheet) -> list[Field]:
    return [f for one in sheet.asked for f in (one.fields if isinstance(one, Spans | Tracks) else (one,))]


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_what_a_sheet_writes_is_in_the_vocabulary_and_of_its_kind(sheet: Sheet) -> None:
    for name in sheet.writes:
        assert NAMES[name].kind in KINDS
    for field in fields_of(sheet):
        several = isinstance(field, Choice) and field.several
        assert (NAMES[field.name].kind == "list<string>") == several, field.name
        assert (NAMES[field.name].kind == "uint32") == isinstance(field, Grade), field.name


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_a_config_asks_everything_of_the_one_object_that_it_shows(sheet: Sheet) -> None:
    view = ElementTree.fromstring(config(sheet))
    named = {one.get("name"): one for one in view.iter() if one.get("name")}
    assert set(sheet.writes) <= set(named)
    assert {one.get("toName") for one in view.iter() if one.get("toName")} == {sheet.shows}
    assert sheet.shows in named


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_another_question_is_another_fingerprint(sheet: Sheet) -> None:
    assert msgspec.structs.replace(sheet, version=2).fingerprint != sheet.fingerprint
    fewer = msgspec.structs.replace(sheet, asked=sheet.asked[:-1] or (Line("other"),))
    assert fewer.fingerprint != sheet.fingerprint


@st.composite
def field_values(draw: st.DrawFn, field: Field) -> Value | None:
    if isinstance(field, Choice):
        options = [one for one in field.options if one != NOT_SURE]
        if field.several:
            chosen = draw(st.sets(st.sampled_from(options)))
            return [one for one in options if one in chosen] or None
        return draw(st.sampled_from(options) if field.required else st.none() | st.sampled_from(options))
    if isinstance(field, Grade):
        return draw(st.none() | st.integers(1, field.most))
    text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20).map(str.strip)
    return draw(text.filter(bool) if field.required else text.map(lambda said: said or None))


@st.composite
def notes_of(draw: st.DrawFn, sheet: Sheet) -> list[Note]:
    notes = list[Note]()
    for one in sheet.asked:
        places: list[tuple[At, str | None]] = [(Whole(), None)]
        if isinstance(one, Spans | Tracks):
            pairs = draw(
                st.lists(st.tuples(st.integers(0, FRAMES - 2), st.integers(2, FRAMES)), max_size=4, unique=True)
            )
            places = [(place_of(one, first, length), draw(st.sampled_from(one.labels))) for first, length in pairs]
            places = list(dict(places).items())
        for at, label in places:
            if label is not None:
                notes.append(Note(one.name, label, at))
            for field in one.fields if isinstance(one, Spans | Tracks) else (one,):
                value = draw(field_values(field))
                if value is not None:
                    notes.append(Note(field.name, value, at))
    return notes


def place_of(one: Spans | Tracks, first: int, length: int) -> At:
    end = min(FRAMES, first + length)
    if isinstance(one, Spans):
        return CLIP.map.span(CLIP.part, first, end)
    boxes = tuple((CLIP.map.pts[place], 5.0 + place % 3, 6.0, 50.0, 60.0 + place) for place in range(first, end))
    return Track(CLIP.part, CLIP.map.time_base, boxes)


@pytest.mark.parametrize("name", SHEETS)
@settings(max_examples=40)
@given(data=st.data())
def test_what_a_person_leaves_as_it_is_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    exact = tuple(
        msgspec.structs.replace(one, tolerance_px=0.0) if isinstance(one, Tracks) else one for one in SHEETS[name].asked
    )
    sheet = msgspec.structs.replace(SHEETS[name], asked=exact)
    notes = data.draw(notes_of(sheet))
    sent = to_regions(sheet, notes, CLIP)
    assert not sent.left_out
    answer = read(sheet, json.loads(json.dumps(sent.regions)), CLIP)
    if notes:
        assert [*answer.notes] == notes and answer.stands
    else:
        assert reasons(answer) == ["empty"]


def test_two_actions_at_one_time_keep_their_own_words() -> None:
    at = CLIP.map.span(1, 4, 9)
    both = [
        Note("action", "hold", at),
        Note("action_actor", "a woman", at),
        Note("action_description", "", at),
        Note("action", "look", at),
        Note("action_actor", "a child", at),
        Note("action_description", "A child looks on.", at),
    ]
    regions = to_regions(SHEETS["actions"], both, CLIP).regions
    answer = read(SHEETS["actions"], list(regions), CLIP)
    again = to_regions(SHEETS["actions"], answer.notes, CLIP).regions
    assert again == regions and answer.stands
    said = {one["value"]["text"][0] for one in regions if one["type"] == "textarea" and one["id"] == regions[-1]["id"]}
    assert said == {"a child", "A child looks on."}


def test_text_that_a_model_read_without_a_kind_is_shown_as_the_first_kind() -> None:
    track = place_of(SHEETS["scene_text"].asked[0], 3, 9)
    answer = read(
        SHEETS["scene_text"],
        list(to_regions(SHEETS["scene_text"], [Note("scene_text", "EXIT", track)], CLIP).regions),
        CLIP,
    )
    assert Note("scene_text_kind", "scene", track) in answer.notes and Note("scene_text", "EXIT", track) in answer.notes


def test_what_cannot_be_shown_is_left_out_by_name() -> None:
    at = CLIP.map.span(1, 4, 9)
    notes = [
        Note("camera_clear", "perhaps"),
        Note("camera_motion", "somersault", at),
        Note("camera_motion", "pan_left", TimeSpan(1, 10**6, 10**7, (1, 1000))),
        Note("camera_motion", "pan_left", TimeSpan(0, at.start_pts, at.end_pts, at.time_base)),
        Note("camera_motion", "pan_right", at),
        Note("clip_score", 0.4),
    ]
    sent = to_regions(SHEETS["camera_motion"], notes, CLIP)
    assert [(note.value, why) for note, why in sent.left_out] == [
        ("perhaps", "unknown_label"),
        ("somersault", "unknown_label"),
        ("pan_left", "outside_the_clip"),
    ]
    assert [one["value"]["timelinelabels"] for one in sent.regions] == [["pan_right"]]


ACTOR = text_region("action_actor", "a man")


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        ([], ["empty"]),
        ([span_region(first=9, last=8), ACTOR], ["zero_length"]),
        ([span_region(first=9, last=9), ACTOR], ["zero_length"]),
        ([span_region(last=FRAMES + 1), ACTOR], ["outside_the_clip"]),
        ([span_region(first=0), ACTOR], ["outside_the_clip"]),
        ([span_region(label="somersault"), ACTOR], ["unknown_label"]),
        ([span_region("verb"), ACTOR], ["unknown_control"]),
        ([span_region()], ["missing"]),
        ([span_region(), text_region("action_actor", " \n ")], ["missing"]),
        ([span_region(), ACTOR, span_region(key="b"), text_region("action_actor", "a man", "b")], ["same_twice"]),
        (
            [
                {
                    "id": "a",
                    "from_name": "action",
                    "type": "timelinelabels",
                    "value": {"ranges": [{"start": 2.5, "end": 8}]},
                }
            ],
            ["no_label"],
        ),
        (
            [{"from_name": "action", "type": "timelinelabels", "value": {"ranges": 7, "timelinelabels": ["move"]}}],
            ["malformed"],
        ),
        (
            [
                {
                    "from_name": "action",
                    "type": "timelinelabels",
                    "value": {"ranges": [{"start": 2, "end": 2.5}], "timelinelabels": ["move"]},
                }
            ],
            ["malformed"],
        ),
        ([{"from_name": "action", "type": "rectangle", "value": {"timelinelabels": ["move"]}}], ["malformed"]),
    ],
)
def test_an_answer_that_breaks_a_rule_says_which(regions: list[dict[str, Any]], said: list[str]) -> None:
    answer = answered(SHEETS["actions"], *regions)
    assert reasons(answer) == said and not answer.stands


@pytest.mark.parametrize("result", [None, 7, "text", [3], [{"value": {}}], [{"type": "choices", "value": 3}]])
def test_what_is_no_result_is_refused_and_never_raises(result: object) -> None:
    assert reasons(read(SHEETS["actions"], result, CLIP)) == ["malformed"]


def test_one_bad_region_is_named_and_the_good_ones_are_read() -> None:
    answer = answered(SHEETS["actions"], span_region(), ACTOR, span_region(last=FRAMES + 9, key="b"))
    assert [(one.reason, one.region) for one in answer.refused] == [("outside_the_clip", "b")]
    assert [note.value for note in answer.notes] == ["move", "a man"]


def test_a_choice_that_is_not_offered_and_two_where_one_is_asked_are_refused() -> None:
    def chosen(*options: str) -> dict[str, Any]:
        return {
            "id": "c",
            "from_name": "camera_clear",
            "to_name": "clip",
            "type": "choices",
            "value": {"choices": [*options]},
        }

    assert reasons(answered(SHEETS["camera_motion"], chosen("perhaps"))) == ["unknown_label"]
    assert reasons(answered(SHEETS["camera_motion"], chosen("yes", "no"))) == ["unknown_label"]
    assert answered(SHEETS["camera_motion"], chosen("no")).notes == (Note("camera_clear", "no"),)


def test_who_is_not_sure_has_not_answered() -> None:
    pace = {"from_name": "camera_pace", "type": "choices", "value": {"choices": [NOT_SURE]}}
    clear = {"from_name": "camera_clear", "type": "choices", "value": {"choices": ["yes"]}}
    answer = answered(SHEETS["camera_motion"], pace, clear)
    assert answer.stands and answer.not_sure == ("camera_pace",)
    assert [note.name for note in answer.notes] == ["camera_clear"]
    written = {"from_name": "camera_description", "type": "textarea", "value": {"text": [NOT_SURE]}}
    assert answered(SHEETS["camera_motion"], clear, written).notes[-1].value == NOT_SURE, "words are words"


@pytest.mark.parametrize("grade", [6, -1, 2.5, "3"])
def test_a_grade_outside_of_its_scale_is_refused(grade: object) -> None:
    good = {"from_name": "person_choice", "type": "choices", "value": {"choices": ["good"]}}
    graded = {"from_name": "person_difficulty", "type": "rating", "value": {"rating": grade}}
    assert reasons(answered(SHEETS["plain_clip"], good, graded)) == ["unknown_label"]


def test_an_answer_to_an_older_config_is_refused_as_that() -> None:
    result = [span_region(), ACTOR]
    assert read(SHEETS["actions"], result, CLIP, sent_under=SHEETS["actions"].fingerprint).stands
    assert reasons(read(SHEETS["actions"], result, CLIP, sent_under="actions@0000000000")) == ["older_config"]


def test_a_rectangle_that_is_written_twice_counts_once() -> None:
    keyframes = [
        {"frame": 2, "x": 10, "y": 10, "width": 20, "height": 10, "rotation": 0, "enabled": False, "time": 0.08}
    ]
    real = {
        "id": "r",
        "from_name": "scene_text_kind_box",
        "type": "videorectangle",
        "value": {"sequence": keyframes, "labels": ["scene"]},
    }
    phantom = {
        "id": "r",
        "from_name": "action",
        "type": "timelinelabels",
        "value": {"sequence": keyframes, "timelinelabels": ["move"]},
    }
    answer = answered(SHEETS["scene_text"], real, phantom, text_region("scene_text", "EXIT", "r"))
    assert answer.stands and answer.phantoms == 1 and len(answer.notes) == 2


def test_a_layer_of_ones_own_is_named_by_its_module(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "from annotators.desk.label_studio.sheet import Line, Sheet",
        "MINE = Sheet('mine', (Line('mine_says'),), 'words')",
        "NOT = 3",
    )
    (tmp_path / "my_desk_layer.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    assert find_sheet("my_desk_layer:MINE").writes == ("mine_says",)
    for name, said in (
        ("my_desk_layer:NOT", "not a Sheet"),
        ("my_desk_layer:NONE", "no sheet"),
        ("no_such_module:A", "no sheet"),
        ("acton", "no layer is called"),
    ):
        with pytest.raises(BadInput, match=said):
            find_sheet(name)


@pytest.mark.parametrize(
    ("asked", "shows", "said"),
    [
        ((), "clip", "one or more"),
        ((Line("Name"),), "clip", "snake_case"),
        ((Line("a"), Choice("a", ("b",))), "clip", "asked twice: a"),
        ((Choice("a", ()),), "clip", "needs options"),
        ((Choice("a", ("b", "b")),), "clip", "needs options"),
        ((Spans("a", ("b",), (Choice("c", ()),)),), "clip", "c: it needs options"),
        ((Spans("a", ("b",)),), "pictures", "of a clip alone"),
    ],
)
def test_a_sheet_that_cannot_be_asked_is_refused_when_it_is_made(asked: Any, shows: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Sheet("mine", asked, shows)


def test_regions_of_one_place_pair_up_where_only_one_says_something() -> None:
    at = CLIP.map.span(1, 0, 9)
    asked = Spans("shot", ("cut", "fade"), (Choice("a", ("x",), several=True), Grade("b"), Choice("c", ("y",))))
    sheet = Sheet("mine", (asked,))
    notes = [Note("shot", "cut", at), Note("shot", "fade", at), *(Note(n, v, at) for n, v in (("a", []), ("a", ["x"])))]
    sent = to_regions(sheet, [*notes, Note("b", 0, at), Note("b", 4, at), Note("c", "", at), Note("c", "y", at)], CLIP)
    assert not sent.left_out
    answer = read(sheet, list(sent.regions), CLIP)
    assert [note.value for note in answer.notes] == ["cut", [], 0, "", "fade", ["x"], 4, "y"]
    assert to_regions(sheet, answer.notes, CLIP) == sent


def chosen(name: str, option: str) -> dict[str, Any]:
    return {"id": name, "from_name": name, "to_name": "clip", "type": "choices", "value": {"choices": [option]}}


def test_a_review_is_the_same_task_filled_under_a_verdict() -> None:
    sheet = SHEETS["actions"]
    at = CLIP.map.span(1, 4, 9)
    notes = (Note("action", "hold", at), Note("action_actor", "a woman", at))
    regions = list(to_regions(review_sheet(sheet), notes, CLIP).regions)
    assert read_review(sheet, [*regions, chosen(VERDICT, "accept")], CLIP) == Judged("accept", notes=notes)
    moved = [{**one, "value": {**one["value"], "ranges": [{"start": 2, "end": 9}]}} for one in regions]
    fixed = read_review(sheet, [*moved, chosen(VERDICT, "fix"), chosen(TAG, "boundary")], CLIP)
    assert (fixed.verdict, fixed.tag) == ("fix", "boundary")
    assert [note.at for note in fixed.notes] == [CLIP.map.span(1, 1, 9)] * 2
    assert [one.reason for one in read_review(sheet, regions, CLIP).refused] == ["missing"]
    stale = read_review(sheet, regions, CLIP, sent_under=sheet.fingerprint)
    assert [one.reason for one in stale.refused] == ["older_config"]


def test_what_goes_back_wants_a_comment_and_a_tag_and_nothing_else() -> None:
    sheet = SHEETS["actions"]
    back = [chosen(VERDICT, "reject")]
    assert [one.reason for one in read_review(sheet, back, CLIP).refused] == ["comment_missing", "tag_missing"]
    back += [text_region(COMMENT, "It begins later.", "c"), chosen(TAG, "boundary"), span_region(first=9, last=8)]
    assert read_review(sheet, back, CLIP) == Judged("reject", "It begins later.", "boundary")
