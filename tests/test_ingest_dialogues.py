"""The door in, for dialogues: marks become pictures and clips where they stand, and texts stay as they are."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.verify import verify
from pipelines.ingest.ingest import Ingested, ingest, open_source
from pipelines.ingest.row import Row, from_json, to_json
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.sample import Image, Part, Text, Video, part_digest

Picture = Callable[..., bytes]
Said = list[tuple[str, str]]

ASKED = {"role": "user", "content": "<image>Who?"}
TOLD = {"role": "assistant", "content": "A cat."}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    path = tmp_path_factory.mktemp("source")
    (path / "p").mkdir()
    for seed, name in enumerate("abc"):
        (path / "p" / f"{name}.jpg").write_bytes(picture(seed))
    return path


@pytest.fixture(scope="module")
def names(folder: Path, picture: Picture) -> dict[str, str]:
    """A picture's file name by its digest."""
    return {sha256(file.read_bytes()).hexdigest(): file.name for file in (folder / "p").iterdir()}


def taken(source: Path, options: Options = Options(), kind: str = "dialogues") -> list[dict[str, Any]]:
    """Return the catalogue's rows of a source on a shelf of its own, their parts read."""
    with tempfile.TemporaryDirectory() as scratch:
        shelf = Shelf(scratch)
        ingest(shelf, str(source), Local(1), options, kind=kind, dataset="d", max_failed=1.0)
        found = [row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]
    return [row | {"parts": msgspec.json.decode(row["parts"], type=tuple[Part, ...])} for row in found]


def said(row: dict[str, Any], names: dict[str, str]) -> Said:
    """Return a row's parts in order: a text by its role, a picture by its file."""
    return [
        (part.role, part.text) if isinstance(part, Text) else ("image", names[part_digest(part)])
        for part in row["parts"]
    ]


def written(path: Path, records: list[Any] | dict[str, Any]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(records, ensure_ascii=False))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(records)), path)
    else:
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


WORDS = st.text(max_size=20).filter(lambda text: "<image>" not in text and "<video>" not in text)
QUESTIONS = st.lists(WORDS | st.sampled_from(["a", "b", "c"]).map(lambda one: ("image", f"{one}.jpg")), max_size=5)
TURNS = st.tuples(QUESTIONS, st.text(min_size=1, max_size=20).filter(str.strip))


def content_of(question: list[Any]) -> str:
    return "".join(bit if isinstance(bit, str) else "<image>" for bit in question)


@settings(max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # a shelf each: too dear to shrink
@given(
    dialogues=st.lists(
        st.lists(TURNS.filter(lambda turn: bool(content_of(turn[0]).strip()) and "<image>" not in turn[1]), min_size=1),
        min_size=1,
        max_size=3,
    )
)
def test_every_mark_becomes_a_picture_in_its_place_and_nothing_of_a_text_is_lost(
    folder: Path, names: dict[str, str], dialogues: list[list[tuple[list[Any], str]]]
) -> None:
    records = [
        {
            "messages": [
                turn
                for question, answer in dialogue
                for turn in (
                    {"role": "user", "content": content_of(question)},
                    {"role": "assistant", "content": answer},
                )
            ],
            "images": [f"p/{bit[1]}" for question, _ in dialogue for bit in question if not isinstance(bit, str)],
        }
        for dialogue in dialogues
    ]
    for row, dialogue in zip(taken(written(folder / "drawn.json", records)), dialogues, strict=True):
        parts = said(row, names)
        pictures = [name for role, name in parts if role == "image"]
        assert pictures == [bit[1] for question, _ in dialogue for bit in question if not isinstance(bit, str)]
        whole = "".join({"image": "<image>", "user": text, "assistant": f"\0{text}\0"}[role] for role, text in parts)
        assert whole == "".join(f"{content_of(question)}\0{answer}\0" for question, answer in dialogue)


def test_three_ways_to_write_a_dialogue_and_four_kinds_of_file_give_the_same_samples(
    folder: Path, names: dict[str, str]
) -> None:
    pictures = ["p/a.jpg", "p/b.jpg"]
    asked, told = "<image>\nWho?<image> And she?", "Ann and <|begin_of_box|>Eve<|end_of_box|>. "
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]
    typed = [
        {
            "role": "user",
            "content": [
                {"type": "image", "image": "p/a.jpg"},
                {"type": "text", "text": "\nWho?"},
                {"type": "image_url", "image_url": {"url": "p/b.jpg"}},
                {"type": "text", "value": " And "},
                {"type": "text", "value": "she?"},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "value": told}]},
    ]
    records = [
        {"messages": messages, "images": pictures},
        {"messages": typed},
        {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": told}], "image": pictures},
    ]
    expected = [("image", "a.jpg"), ("user", "\nWho?"), ("image", "b.jpg"), ("user", " And she?"), ("assistant", told)]
    found = taken(written(folder / "three.json", records))
    assert [said(row, names) for row in found] == [expected] * 3
    assert [row["name"] for row in found] == [f"record-00000000{n}" for n in (1, 2, 3)]
    assert taken(written(folder / "three.jsonl", records)) == found
    for record, row in zip(records, found, strict=True):
        [alone] = taken(written(folder / "one.parquet", [record]))
        assert alone["parts"] == row["parts"]
    keyed = taken(written(folder / "keyed.json", {"x": records[0], "y": records[1]}))
    assert [(row["name"], said(row, names)) for row in keyed] == [("x", expected), ("y", expected)]


def test_what_a_model_thought_stands_before_its_answer_and_a_system_text_before_all(folder: Path) -> None:
    answer = {"role": "assistant", "content": "4"}
    question = {"role": "user", "content": "2 + 2?"}
    expected = (Text("Be short.", "system"), Text("2 + 2?", "user"), Text("Two twos.", "think"), Text("4", "assistant"))
    typed = [{"type": "reasoning", "value": "Two twos."}, {"type": "text", "value": "4"}]
    found = taken(
        written(
            folder / "think.jsonl",
            [
                {"messages": [question, answer | {"reasoning_content": "Two twos."}], "system": "Be short."},
                {"messages": [{"role": "system", "content": "Be short."}, question, answer | {"content": typed}]},
                {"system": "Be short.", "question": "2 + 2?", "solution": "Two twos.", "answer": 4},
            ],
        )
    )
    assert [row["parts"] for row in found] == [expected] * 3
    [silent] = taken(
        written(folder / "silent.jsonl", [{"messages": [{"role": "system", "content": " "}, question, answer]}])
    )
    assert silent["parts"] == (Text("2 + 2?", "user"), Text("4", "assistant"))


def test_a_question_holds_its_choices_and_unit_and_is_asked_of_its_picture(folder: Path, names: dict[str, str]) -> None:
    records = {
        "a": {"question": "Which?", "choices": ["red", 7], "answer": "7", "solution": "Look.", "grade": 8},
        "b": {"question": "How many in <image>?", "answer": 12, "unit": "cups", "choices": None, "solution": ""},
    }
    first, second = taken(written(folder / "questions.json", records), Options(image_pattern="p/{id}.jpg"))
    assert said(first, names) == [
        ("image", "a.jpg"),
        ("user", "Which?\nA. red\nB. 7"),
        ("think", "Look."),
        ("assistant", "7"),
    ]
    asked = [("user", "How many in "), ("image", "b.jpg"), ("user", "?\nUnit: cups"), ("assistant", "12")]
    assert said(second, names) == asked
    assert (first["name"], first["meta"]) == ("a", '{"grade":8}')


def test_pictures_are_where_a_column_or_a_pattern_says(folder: Path, names: dict[str, str]) -> None:
    records = [{"question_id": 5, "photo": "a", "images": "p/b.jpg", "question": "Who?", "answer": "Ann."}]
    source = written(folder / "where.jsonl", records)
    for options, name in (
        (Options(), "b.jpg"),
        (Options(image_column="photo", root=f"{folder}/p"), "a.jpg"),
        (Options(image_pattern="p/{photo}.jpg"), "a.jpg"),
    ):
        if options.image_column:
            source = written(folder / "where.jsonl", [records[0] | {"photo": "a.jpg"}])
        [row] = taken(source, options)
        assert (row["name"], said(row, names)[0]) == ("5", ("image", name))
        source = written(folder / "where.jsonl", records)
    with pytest.raises(BadInput, match="no column 'foto'"):
        taken(source, Options(image_column="foto"))
    with pytest.raises(BadInput, match="only of dialogues"):
        taken(source, Options(image_pattern="p/{photo}.jpg"), kind="manifest")


def test_what_the_dialogue_does_not_use_is_kept_as_meta(folder: Path) -> None:
    record = {"messages": [ASKED, TOLD], "images": ["p/a.jpg"], "image": "x", "answer": "cat", "id": 3, "uid": 4}
    [row] = taken(written(folder / "meta.jsonl", [record | {"license": "MIT", "url": "http://x"}]))
    assert json.loads(row["meta"]) == {"image": "x", "answer": "cat", "uid": 4}
    assert (row["name"], row["licence"], row["uri"]) == ("3", "MIT", "http://x")


BAD: list[tuple[dict[str, Any], str]] = [
        ({"messages": [ASKED, TOLD]}, "marks_do_not_match"),
        ({"messages": [ASKED, TOLD], "images": ["p/a.jpg", "p/b.jpg"]}, "marks_do_not_match"),
        ({"messages": [ASKED, TOLD], "videos": ["p/a.jpg"]}, "marks_do_not_match"),
        ({"messages": [{"role": "user", "content": "Who?"}, TOLD], "images": ["p/a.jpg"]}, "marks_do_not_match"),
        ({"messages": [ASKED, TOLD], "images": ["p/z.jpg"]}, "file_missing"),
        ({"messages": [ASKED, TOLD], "images": ["../a.jpg"]}, "path_leaves_source"),
        ({"messages": [ASKED, TOLD], "images": [None]}, "no_image_path"),
        ({"messages": [ASKED, TOLD], "images": ["https://x/a.jpg"]}, "not_a_path"),
        ({"messages": [ASKED, {"role": "assistant", "content": " \n"}], "images": ["p/a.jpg"]}, "empty_answer"),
        ({"messages": [ASKED, {"role": "assistant", "content": None}], "images": ["p/a.jpg"]}, "empty_answer"),
        ({"messages": [{"role": "user", "content": ""}, TOLD]}, "empty_question"),
        ({"messages": [{"role": "tool", "content": "1"}, TOLD]}, "unknown_role"),
        ({"messages": [{"content": "1"}, TOLD]}, "unknown_role"),
        ({"messages": [ASKED], "images": ["p/a.jpg"]}, "no_last_answer"),
        ({"messages": [{"role": "system", "content": "x"}]}, "no_last_answer"),
        ({"messages": []}, "no_last_answer"),
        ({"messages": "Who?"}, "no_dialogue"),
        ({"messages": ["Who?"]}, "no_dialogue"),
        ({"prompt": "Who?"}, "no_dialogue"),
        ({"messages": [{"role": "user", "content": "Draw."}, {"role": "assistant", "content": "<image>"}]},
         "media_outside_question"),
        ({"messages": [{"role": "user", "content": [{"type": "audio", "audio": "x.wav"}]}, TOLD]}, "unknown_part"),
        ({"messages": [{"role": "user", "content": [{"type": "reasoning", "value": "x"}]}, TOLD]}, "unknown_part"),
        ({"messages": [{"role": "user", "content": {"text": "Who?"}}, TOLD]}, "not_a_text"),
        ({"question": "Which?", "choices": ["red", "blue"], "answer": 0}, "answer_not_a_choice"),
        ({"question": "Which?", "choices": "red", "answer": "red"}, "bad_choices"),
        ({"question": "Which?", "answer": None}, "empty_answer"),
        ({"question": " ", "answer": "x"}, "empty_question"),
]  # fmt: skip


def test_a_record_that_is_no_dialogue_is_a_failed_row_with_a_reason(folder: Path) -> None:
    good = {"question": "Who?", "answer": "Ann."}
    found = taken(written(folder / "bad.jsonl", [*(record for record, _ in BAD), good]))
    assert [row["failed"] for row in found] == [*(reason for _, reason in BAD), ""]


def test_marks_in_typed_parts_are_text_and_letters_may_answer(folder: Path, names: dict[str, str]) -> None:
    typed = [{"type": "text", "text": "What is <video> in HTML?"}]
    records = [
        {"messages": [{"role": "user", "content": typed}, TOLD]},
        {"messages": [{"role": "user", "content": [{"type": "image"}, *typed]}, TOLD], "images": ["p/c.jpg"]},
        {"question": "Which?", "choices": ["red", "blue"], "answer": "B"},
    ]
    first, second, third = (said(row, names) for row in taken(written(folder / "typed.jsonl", records)))
    assert first == [("user", "What is <video> in HTML?"), ("assistant", "A cat.")]
    assert second == [("image", "c.jpg"), *first]
    assert third == [("user", "Which?\nA. red\nB. blue"), ("assistant", "B")]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.json", '[{"messages": [], "images": []}]', "Dialogues"),
        ("b.json", ' { "a\\"b" : {"question": "?", "answer": NaN}}', "Dialogues"),
        ("c.json", '{"info": {"year": 2017}, "images": [], "annotations": []}', "Coco"),
        ("d.json", '[{"image_id": 1, "caption": "A cat."}]', "Coco"),
        ("e.json", "[" * 100_000, "Coco"),
        ("f.jsonl", '\ufeff{"conversations": [{}]}\n', "Dialogues"),
        ("g.jsonl", '{"image": "a.jpg", "caption": "A cat.", "question": "?", "answer": "!"}\n', "Manifest"),
        ("h.jsonl", '{"image": "a.jpg", "messages": "none"}\n', "Manifest"),
    ],
)
def test_a_file_of_dialogues_is_found_by_itself_and_others_stay_what_they_are(
    tmp_path: Path, name: str, text: str, kind: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert type(open_source(f"{tmp_path}/{name}", Options())[0]).__name__ == kind


@pytest.mark.parametrize(
    ("text", "what"),
    [("7", "neither an array nor an object"), ("{", "not JSON"), ("[]", "no records"), ("[[]]", "not_a_record")],
)
def test_a_json_without_dialogues_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadInput, match=what):
        taken(tmp_path / "x.json")


def test_infinities_that_python_writes_do_not_spoil_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        '[{"question": "?", "answer": "!", "score": NaN}, {"question": "?", "answer": "."}]'
    )
    assert [row["failed"] for row in taken(tmp_path / "x.json")] == ["", ""]


def test_a_plan_without_an_order_is_read_as_it_was() -> None:
    assert to_json(Row("a")) == '{"name":"a"}'
    assert from_json('{"name":"a","links":["x"]}') == Row("a", links=("x",))


def brought(shelf: Shelf, source: Path, options: Options = Options(), dataset: str = "d") -> Ingested:
    return ingest(shelf, str(source), Local(1), options, dataset=dataset)


def test_real_dialogues_and_clips_go_through_both_doors_in_one_shelf(data: Path, tmp_path: Path) -> None:
    demo, shelf = data / "instruct" / "llama_factory_demo", Shelf(str(tmp_path / "shelf"))
    assert brought(shelf, demo / "mllm_demo.json", dataset="pictures").counts == {"samples": 6}
    assert brought(shelf, demo / "mllm_video_demo.json", dataset="clips").counts == {"samples": 3}
    beside = Options(root=str(demo / "mllm_demo_data"), base_names=True)
    assert brought(shelf, demo / "v1_multimodal_demo.jsonl", beside, "typed").counts == {"samples": 24}
    clips = data / "video" / "panda70m_research_only" / "captions.jsonl"
    assert brought(shelf, clips, dataset="captioned").counts == {"samples": 23}
    for name in ("mdn_cc0", "intel_sample_videos/asl_gestures"):
        assert brought(shelf, data / "video" / name, dataset=Path(name).name).counts.keys() == {"samples"}
    lines = (data / "instruct" / "gsm8k" / "train.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "texts.jsonl").write_text("".join(lines[:20]))
    assert brought(shelf, tmp_path / "texts.jsonl", dataset="texts").counts == {"samples": 20}

    recipe = find_recipe("whole")
    run(shelf, recipe, Local(1))
    done = export(shelf, "all", "", Local(1), ExportOptions())
    forms = {folder.removeprefix("train/"): count for folder, count in done.folders.items()}
    assert forms.pop("000.jpg+004.jpg") == 2 + 8
    assert forms == {"jpg": 4 + 16, "mp4": 2 + 23 + 1, "avi": 1, "webm": 4, "mkv": 4, "txt": 20}
    assert verify(done.to).folders == done.folders


def test_real_questions_about_tables_keep_picture_question_reasoning_and_answer(data: Path, tmp_path: Path) -> None:
    source = data / "instruct" / "tabmwp" / "problems_dev1k.json"
    problems = json.loads(source.read_text())
    found = {row["name"]: row for row in taken(source, Options(image_pattern="tables/{id}.png"))}
    assert found.keys() == problems.keys() and not any(row["failed"] for row in found.values())
    for name, problem in problems.items():
        table, question, think, answer = found[name]["parts"]
        assert isinstance(table, Image) and table.size_bytes == (source.parent / f"tables/{name}.png").stat().st_size
        assert (think, answer) == (Text(problem["solution"], "think"), Text(problem["answer"], "assistant"))
        asked = [problem["question"], *(problem["choices"] or []), *([problem["unit"]] if problem["unit"] else [])]
        lines = question.text.removeprefix(problem["question"]).split("\n")[1:]
        assert question.role == "user" and [line.split(" ", 1)[1] for line in lines] == asked[1:]


def test_clips_of_real_dialogues_are_videos_before_the_question(data: Path) -> None:
    source = data / "instruct" / "llama_factory_demo" / "mllm_video_demo.json"
    kinds = [[type(part) for part in row["parts"]] for row in taken(source)]
    assert kinds == [[Video, Text, Text]] * 3


def test_alpaca_sharegpt_and_charts_are_read_as_what_they_ask(folder: Path, names: dict[str, str]) -> None:
    records = [
        {"instruction": "Add.", "input": "2 and 2", "output": "4", "text": "Below is ..."},
        {"instruction": "And 3?", "output": "7", "history": [["2 and 2?", "4"]], "system": "Count."},
        {"instruction": "Who?", "context": "", "response": "A cat.", "image": "p/a.jpg"},
        {"query": "How high?", "label": 12, "image": "p/b.jpg"},
        {"question": "x?", "options": "A) 1 B) 2", "Answer": "B"},
        {"question": "x?", "options": ["(A) 1", "(B) 2"], "label": "B"},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "bard", "value": "Hello"}]},
        {"messages": [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hi"}, TOLD]},
        {"instruction": "x", "output": "y", "history": [["a"]]},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "tool", "value": "{}"}, {"from": "gpt"}]},
        {"instruction": " ", "output": "y"},
        {"question": "x?", "options": "1 or 2", "Answer": "B"},
    ]
    found = taken(written(folder / "ways.jsonl", records))
    assert [said(row, names) for row in found[:8]] == [
        [("user", "Add.\n2 and 2"), ("assistant", "4")],
        [("system", "Count."), ("user", "2 and 2?"), ("assistant", "4"), ("user", "And 3?"), ("assistant", "7")],
        [("image", "a.jpg"), ("user", "Who?"), ("assistant", "A cat.")],
        [("image", "b.jpg"), ("user", "How high?"), ("assistant", "12")],
        [("user", "x?\nA) 1 B) 2"), ("assistant", "B")],
        [("user", "x?\n(A) 1\n(B) 2"), ("assistant", "B")],
        [("user", "Hi"), ("assistant", "Hello")],
        [("system", "Be kind."), ("user", "Hi"), ("assistant", "A cat.")],
    ]
    reasons = [row["failed"] for row in found[8:]]
    assert reasons == ["no_dialogue", "unknown_role", "empty_question", "bad_choices"]
    assert json.loads(found[0]["meta"]) == {"text": "Below is ..."}


def test_turns_in_parquet_get_their_pictures_from_the_column_beside(folder: Path, names: dict[str, str]) -> None:
    """As `datasets` writes them: a list of pictures, typed parts with nulls in them, and a picture that is missing."""
    part = pa.struct({"type": pa.string(), "text": pa.string()})
    turn = pa.struct({"role": pa.string(), "content": pa.list_(part)})
    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})

    def asked(*content: str) -> list[dict[str, Any]]:
        parts = [{"type": "image"} if one == "<image>" else {"type": "text", "text": one} for one in content]
        return [
            {"role": "user", "content": parts},
            {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
        ]

    def of(*files: str) -> list[dict[str, Any]]:
        return [{"bytes": (folder / "p" / f"{one}.jpg").read_bytes(), "path": None} for one in files]

    columns = {
        "messages": pa.array([asked("a", "<image>", "b", "<image>"), asked("c"), asked("<image>")] * 2, pa.list_(turn)),
        "images": pa.array([of("a", "b"), [], of(), of("b", "a"), None, of("c")], pa.list_(picture)),
        "source": ["drawn"] * 6,
    }
    hub = folder / "hub" / "data"
    hub.mkdir(parents=True)
    pq.write_table(pa.table(columns), hub / "train-00000-of-00001.parquet", row_group_size=4)
    for source in (hub.parent, hub / "train-00000-of-00001.parquet"):
        found = taken(source, kind="")
        assert [(row["failed"], said(row, names)) for row in found] == [
            ("", [("user", "a"), ("image", "a.jpg"), ("user", "b"), ("image", "b.jpg"), ("assistant", "Yes.")]),
            ("", [("user", "c"), ("assistant", "Yes.")]),
            ("marks_do_not_match", []),
            ("", [("user", "a"), ("image", "b.jpg"), ("user", "b"), ("image", "a.jpg"), ("assistant", "Yes.")]),
            ("", [("user", "c"), ("assistant", "Yes.")]),
            ("", [("image", "c.jpg"), ("assistant", "Yes.")]),
        ]
    assert json.loads(found[0]["meta"]) == {"source": "drawn"}
