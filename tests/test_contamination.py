"""Contamination: what was planted is found whatever its marks, its case and its size; what is clean stays."""

from __future__ import annotations

import io
import json
import random
import re
import string

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from PIL import Image

from annotators.benchmark_texts import BenchmarkTexts
from annotators.clip import Clip
from annotators.embeddingoverlap import EmbeddingOverlap
from annotators.squeezed import Places, squeezed
from annotators.textoverlap import overlap
from filters.columns import one_row
from filters.contamination import NoBenchmarkEmbedding, NoBenchmarkPicture, NoBenchmarkText
from pipelines.benchmark.embedded import Embedding
from pipelines.benchmark.fields import Fields
from pipelines.benchmark.items import Reading
from pipelines.benchmark.register import register
from pipelines.benchmark.report import report
from pipelines.commands.why import why
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.benchmark import Benchmark, Head, Item, Picture, from_lines, to_lines
from schemas.errors import BadInput
from schemas.sample import Text

QUESTION = "Ann's 3-digit code has 1,000 choices; she doesn't know which of them opens the old green door. How many?"
MARKS = re.compile(rf"[{re.escape(string.punctuation)}]")


def benchmark(*items, name="exam"):
    return Benchmark(Head(name, len(items)), items)


def said(texts, *parts):
    noted = overlap(texts, [Text(part, "user") for part in parts])
    found = NoBenchmarkText().judge(noted.values)
    return found.reason, noted


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), before=st.text(max_size=40), after=st.text(max_size=40))
def test_a_question_is_found_inside_any_text_whatever_its_case_and_marks(seed, before, after):
    texts = BenchmarkTexts([benchmark(Item("7", (QUESTION,)))])
    draw = random.Random(seed)
    changed = MARKS.sub(lambda _: draw.choice(["", " ", "; ", "!"]), QUESTION)
    changed = "".join(draw.choice((one.upper(), one.lower())) for one in changed)
    reason, noted = said(texts, f"{before} {changed} {after}")
    assert (reason, noted.values["benchmark_run"]) == ("benchmark_text", "exam/7")
    assert noted.values["benchmark_run_share"] == 1


PLAIN = st.text(st.characters(categories=["Lu", "Ll", "Nd", "No", "Po", "Zs"]), max_size=60)


@given(text=PLAIN, times=st.integers(1, 40), first=st.integers(0), length=st.integers(0, 30))
def test_a_letter_of_a_squeezed_text_is_found_again_in_the_text(text, times, first, length):
    whole = text * times
    letters = squeezed(whole)
    if not letters:
        return
    places, first = Places(whole), first % len(letters)
    end = min(first + length, len(letters) - 1)
    assert letters[first : end + 1] in squeezed(whole[places.of(first) : places.of(end) + 1])
    assert len(squeezed(whole[: places.of(first)])) <= first


def test_a_mark_that_composes_is_counted_to_its_letter():
    whole = ("cafe\u0301 " * 400).strip()
    places = Places(whole)
    assert [whole[places.of(letter)] for letter in (3, 4, 1203)] == ["e", "c", "e"]
    assert places.of(1203) == 300 * len("cafe\u0301 ") + 3


def test_a_run_is_told_where_it_stands_and_across_the_parts_that_hold_it():
    texts = BenchmarkTexts([benchmark(Item("7", (QUESTION,)))])
    first, second = QUESTION.split("; ")
    _, noted = said(texts, f"Look: {first}", second)
    assert [(note.at.part, note.at.start) for note in noted.places] == [(0, len("Look: ")), (1, 0)]
    assert [note.at.end for note in noted.places] == [len("Look: ") + len(first), len(second) - 1]


def test_what_many_items_share_is_form_and_no_content():
    hint = "Please answer the following question with a single whole number and give the value at the very end. "
    items = [Item(str(n), (f"{hint}How many {'ab'[n % 2]}{n} are in picture {n * 7919}?",)) for n in range(60)]
    texts = BenchmarkTexts([benchmark(*items)])
    assert said(texts, f"{hint}How tall is the tower of the town hall?")[0] == ""
    assert {said(texts, item.asked[0].upper())[0] for item in items} == {"benchmark_question"}


def test_form_is_shown_with_what_follows_it_and_only_the_latter_is_counted():
    hint = "Please answer the following question with a single whole number and give the value at the very end. "
    words = [" ".join(f"{chr(97 + n % 26)}{n}word{m}" for m in range(20)) for n in range(60)]
    texts = BenchmarkTexts([benchmark(*(Item(str(n), (f"{hint}{one}",)) for n, one in enumerate(words)))])
    reason, noted = said(texts, f"Well. {hint}{words[7]}")
    assert (reason, noted.values["benchmark_run"], noted.values["benchmark_run_words"]) == (
        "benchmark_text",
        "exam/7",
        20,
    )
    assert [(note.at.start, note.at.end) for note in noted.places] == [(6, 6 + len(hint) + len(words[7]))]


def test_a_shared_sentence_is_not_yet_the_item_but_a_long_quotation_of_one_is():
    words = [f"word{n}" for n in range(200)]
    texts = BenchmarkTexts([benchmark(Item("7", (" ".join(words),)))])
    assert [said(texts, " ".join(words[20 : 20 + count]))[0] for count in (12, 40, 60)] == ["", "", "benchmark_text"]
    assert said(texts, " ".join(words[50:120]).replace("word84", "another"))[0] == ""
    halves = [" ".join(words[:45]), "something else", " ".join(words[60:105]), " ".join(words[110:125])]
    assert said(texts, *halves)[0] == "benchmark_text"


@pytest.mark.parametrize(
    "text",
    ["What number is shown?", "QUESTION: what number is shown", "<image>\nWhat number is shown? (Unit: g)\nThink."],
)
def test_a_short_question_counts_as_a_whole_line_and_with_its_picture_alone_where_it_has_one(text):
    plain, pictured = (
        Item("1", ("What number is shown?",)),
        Item("1", ("What number is shown?",), (), (Picture("", 0, b""),)),
    )
    assert said(BenchmarkTexts([benchmark(plain)]), text)[0] == "benchmark_question"
    assert said(BenchmarkTexts([benchmark(pictured)]), text)[0] == ""
    assert said(BenchmarkTexts([benchmark(plain)]), f"We ask {text.splitlines()[-1]} of you all")[0] == ""


def test_a_short_question_of_several_lines_is_found_among_other_lines_and_not_where_one_of_its_lines_is_missing():
    texts = BenchmarkTexts([benchmark(Item("1", ("Which is larger, R1 or R2?\nA. R1\nB. R2",)))])
    hint = "Hint: give the letter.\nQuestion: which is larger? r1 or r2\n\nA) R1\n{}Choices:\n(A) R3"
    assert said(texts, hint.format("B) R2\n"))[0] == "benchmark_question"
    assert said(texts, hint.format(""))[0] == ""


def test_every_question_of_mathvista_is_recognised_as_it_is_asked_of_a_model(data):
    items = Reading(str(data / "eval_sets/mathvista_testmini.json"), Fields()).items()
    texts = BenchmarkTexts([benchmark(*(structs.replace(item, pictures=()) for item in items))])
    rollouts = json.loads((data / "instruct/mathvista_rollouts/output_llava_llama_2_13b.json").read_text())
    assert len(rollouts) == 1000
    assert [key for key, one in rollouts.items() if not said(texts, one["query"], one["response"])[0]] == []


def test_no_benchmark_and_no_text_are_no_trouble():
    assert said(BenchmarkTexts([]), "Some text that nobody has asked for, and quite long too.")[0] == ""
    assert said(BenchmarkTexts([benchmark(Item("1"))]), "", "  ")[0] == ""


@pytest.mark.parametrize(("bits", "levels", "keep"), [(12, 15, False), (12, 16, True), (64, 0, True), (0, 0, False)])
def test_a_picture_goes_by_its_difference_where_its_hash_is_near(bits, levels, keep):
    columns = one_row({"benchmark_picture_bits": bits, "benchmark_picture_levels": levels})
    assert (NoBenchmarkPicture().judge_columns(columns).reason[0] < 0) == keep


def test_given_evaluation_questions_are_recognised_and_training_questions_stay(data):
    paths = ("eval_sets/gsm8k_test.jsonl", "eval_sets/mathvista_testmini.json", "eval_sets/svamp_test.jsonl")
    read = {path: Reading(str(data / path), Fields()).items() for path in paths}
    texts = BenchmarkTexts([benchmark(*items, name=path) for path, items in read.items()])
    for path, items in read.items():
        asked = [MARKS.sub("", item.asked[0]).swapcase() for item in items][:: 1 if "mathvista" in path else 5]
        assert [one for one in asked if not said(texts, one)[0]] == []
    with (data / "instruct/gsm8k/train.jsonl").open() as file:
        questions = [json.loads(next(file))["question"] for _ in range(1000)]
    gone = [one for one in questions if said(texts, one)[0]]
    assert [one.split(".")[0] for one in gone] == ["Bella bought stamps at the post office"]


def test_given_charts_are_found_at_half_their_size_and_no_other_chart_for_them(data, tmp_path):
    charts = sorted((data / "instruct/chartqa_split/simple/png").glob("*.png"))
    (tmp_path / "exam").mkdir()
    (tmp_path / "source").mkdir()
    for place, path in enumerate(charts[:30]):
        if place % 3 == 0:
            (tmp_path / "exam" / path.name).write_bytes(path.read_bytes())
        with Image.open(path) as picture:
            half = picture.convert("RGB").resize((picture.width // 2, picture.height // 2))
            half.save(tmp_path / "source" / f"{place:02d}-{place % 3}.jpg", quality=75)
    register([str(tmp_path / "exam")], str(tmp_path / "benchmarks"))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "source"), Local(1))
    recipe = find_recipe("uncontaminated", {"benchmarks": str(tmp_path / "benchmarks")})
    assert run(shelf, recipe, Local(1)) == {"kept": 20, "dropped": 10, "failed": 0}
    [found] = report(shelf, recipe.id)
    assert (found.name, found.items, found.items_found, found.by_picture) == ("exam", 10, 10, 10)


@pytest.fixture
def exam(tmp_path, picture):
    """A benchmark as a folder: a table whose pictures lie elsewhere in it, a record in a file, a picture by itself."""
    (tmp_path / "exam" / "png").mkdir(parents=True)
    (tmp_path / "exam" / "one").mkdir()
    (tmp_path / "exam" / "png" / "a.png").write_bytes(picture(1, (400, 300), "PNG"))
    (tmp_path / "exam" / "one" / "figure.png").write_bytes(picture(2, (400, 300), "PNG"))
    (tmp_path / "exam" / "alone.jpg").write_bytes(picture(3, (400, 300)))
    rows = [{"imgname": "a.png", "query": QUESTION}, {"imgname": "gone.png", "query": "What is it?"}, {"label": "b"}]
    (tmp_path / "exam" / "test.json").write_text(json.dumps(rows))
    (tmp_path / "exam" / "one" / "data.json").write_text(
        json.dumps({"problem_text": "Find x.", "choices": ["1"], "id": 9})
    )
    return tmp_path / "exam"


def test_a_folder_becomes_items_with_their_pictures(exam):
    reading = Reading(str(exam), Fields())
    found = {item.item: (item.asked, [picture.name for picture in item.pictures]) for item in reading.items()}
    assert found == {
        "one/data.json": (("Find x.",), ["one/figure.png"]),
        "test.json#1": ((QUESTION,), ["png/a.png"]),
        "test.json#2": (("What is it?",), []),
        "alone.jpg": ((), ["alone.jpg"]),
    }
    assert reading.left_out == {"picture_missing": 1, "nothing_asked": 1}


def test_a_record_with_a_picture_of_its_name_has_that_one(tmp_path, picture):
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(picture(ord(name), (64, 64), "PNG"))
        (tmp_path / f"{name}.json").write_text(json.dumps({"question": f"What is {name}?"}))
    (tmp_path / "c.png").write_bytes(picture(1, (64, 64), "PNG"))
    found = {item.item: [one.name for one in item.pictures] for item in Reading(str(tmp_path), Fields()).items()}
    assert found == {"a.json": ["a.png"], "b.json": ["b.png"], "c.png": ["c.png"]}


def test_a_context_stands_before_its_question_and_named_fields_are_joined_as_they_are_said(tmp_path):
    path = tmp_path / "exam.jsonl"
    path.write_text(
        json.dumps({"Question": "How many?", "Body": "There are pens.", "ID": "c-1", "extra": "more"}) + "\n"
    )
    [item] = Reading(str(path), Fields()).items()
    assert (item.item, item.asked) == ("c-1", ("There are pens. How many?",))
    [item] = Reading(str(path), Fields(text=("Question+extra", "Body"))).items()
    assert item.asked == ("How many? more", "There are pens.")


def test_a_dialogue_that_holds_a_planted_question_or_picture_is_dropped_with_its_evidence(exam, tmp_path):
    register([str(exam)], str(tmp_path / "benchmarks"))
    with Image.open(exam / "alone.jpg") as picture:
        picture.resize((200, 150)).save(tmp_path / "half.jpg", quality=70)
    turns = {"planted": (QUESTION.upper(), None), "seen": ("What do you see?", "half.jpg"), "clean": ("Why?", None)}
    with (tmp_path / "chat.jsonl").open("w") as file:
        for key, (text, image) in turns.items():
            messages = [
                {"role": "user", "content": f"{'<image>' if image else ''}{text}"},
                {"role": "assistant", "content": "8"},
            ]
            file.write(json.dumps({"id": key, "messages": messages, **({"image": image} if image else {})}) + "\n")
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "chat.jsonl"), Local(1), Options(), kind="dialogues")
    recipe = find_recipe("uncontaminated", {"benchmarks": str(tmp_path / "benchmarks")})
    assert run(shelf, recipe, Local(1)) == {"kept": 1, "dropped": 2, "failed": 0}
    told = CliRunner().invoke(why, ["planted", "--shelf", shelf.url]).output
    assert "exam/test.json#1" in told and f"(part 0, characters 0 to {len(QUESTION) - 1})" in told
    told = CliRunner().invoke(why, ["seen", "--shelf", shelf.url]).output
    assert "benchmark_picture exam/alone.jpg" in " ".join(told.split())


@pytest.fixture(scope="module")
def model(tmp_path_factory, picture) -> str:
    from annotators.small_clip import train_small_clip

    folder = str(tmp_path_factory.mktemp("weights") / "small")
    train_small_clip([(picture(n, (64, 64)), [f"picture {n}"]) for n in range(8)], folder, 2)
    return folder


def test_a_picture_alike_to_a_benchmarks_is_found_by_its_embedding_of_the_same_model(exam, tmp_path, model, picture):
    register([str(exam)], str(tmp_path / "benchmarks"), embedding=Embedding.of(model, ""))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "seen.jpg").write_bytes((exam / "alone.jpg").read_bytes())
    (tmp_path / "source" / "other.jpg").write_bytes(picture(50, (400, 300)))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "source"), Local(1))
    clip = Annotate(Clip(model="").given(model))
    alike = Annotate(EmbeddingOverlap(str(tmp_path / "benchmarks"))), Keep(NoBenchmarkEmbedding(0.99999))
    recipe = Recipe("alike", clip, *alike)
    assert run(shelf, recipe, Local(1)) == {"kept": 1, "dropped": 1, "failed": 0}
    [found] = report(shelf, recipe.id)
    assert (found.by_alike, found.held) == (1, {"alone.jpg"})


def test_embeddings_of_no_model_or_another_are_refused(exam, tmp_path, model, picture):
    from annotators.small_clip import train_small_clip

    recipe = Recipe("alike", Annotate(Clip(model="").given(model)), Annotate(EmbeddingOverlap(str(tmp_path / "b"))))
    register([str(exam)], str(tmp_path / "b"))
    with pytest.raises(BadInput, match="its embeddings are by no model"):
        _ = recipe.id
    train_small_clip([(picture(n, (64, 64)), [f"text {n}"]) for n in range(8)], str(tmp_path / "other"), 1)
    register([str(exam)], str(tmp_path / "b"), embedding=Embedding.of(str(tmp_path / "other"), ""))
    with pytest.raises(BadInput, match=r"its embeddings are by clip@.*, the recipe's by clip@"):
        _ = Recipe("alike", *recipe.steps).id


def test_changed_benchmarks_are_another_recipe_and_moved_ones_the_same(exam, tmp_path):
    first, moved = str(tmp_path / "first"), str(tmp_path / "moved")
    register([str(exam)], first)
    register([str(exam)], moved)
    ids = [find_recipe("uncontaminated", {"benchmarks": folder}).id for folder in (first, moved)]
    assert ids[0] == ids[1]
    register([str(exam / "one" / "data.json")], moved, name="other")
    assert find_recipe("uncontaminated", {"benchmarks": moved}).id != ids[0]


@pytest.mark.parametrize(
    ("content", "fields", "says"),
    [
        ('{"label": "a"}\n', Fields(), "nothing is asked in it (fields: label)"),
        ('{"query": "Why?"}\n', Fields(text=("Query",)), "no record has a field 'Query'"),
        ("", Fields(), "nothing is asked"),
        ("not json\n", Fields(), "nothing is asked"),
    ],
)
def test_a_file_that_asks_nothing_is_refused(tmp_path, content, fields, says):
    (tmp_path / "exam.jsonl").write_text(content)
    with pytest.raises(BadInput, match=re.escape(says)):
        register([str(tmp_path / "exam.jsonl")], str(tmp_path / "to"), fields)
    assert not (tmp_path / "to").exists()


def test_two_of_one_name_a_missing_one_and_a_recipe_without_any_are_refused(exam, tmp_path):
    with pytest.raises(BadInput, match="2 benchmarks are called exam"):
        register([str(exam), str(exam)], str(tmp_path / "to"))
    with pytest.raises(BadInput, match="it is not there"):
        register([str(tmp_path / "nowhere.jsonl")], str(tmp_path / "to"))
    with pytest.raises(BadInput, match="no benchmarks are given"):
        _ = find_recipe("uncontaminated").id
    with pytest.raises(BadInput, match="no benchmark is there"):
        _ = find_recipe("uncontaminated", {"benchmarks": str(tmp_path)}).id


def test_a_table_that_was_cut_or_is_none_is_refused_with_its_line():
    whole = to_lines("exam", [Item("1", ("Why?",)), Item("2", ("How?",), (), (Picture("a", 3, bytes(4)),))])
    assert from_lines(whole, "exam.jsonl").items[1].pictures == (Picture("a", 3, bytes(4)),)
    for data, says in ((whole[: whole.rindex(b'{"item"')], "1 items, its first line says 2"), (whole[:-9], "line 3")):
        with pytest.raises(BadInput, match=says):
            from_lines(data, "exam.jsonl")
    with pytest.raises(BadInput, match="line 1"):
        from_lines(b'{"query": "Why?"}\n', "exam.jsonl")


def test_a_picture_that_cannot_be_decoded_is_left_out_and_told(tmp_path, picture):
    (tmp_path / "exam").mkdir()
    (tmp_path / "exam" / "broken.jpg").write_bytes(picture(1)[:200])
    out = io.BytesIO(picture(2))
    (tmp_path / "exam" / "whole.jpg").write_bytes(out.getvalue())
    [found] = register([str(tmp_path / "exam")], str(tmp_path / "to"))
    assert (found.items, found.pictures, found.left_out) == (1, 1, {"undecodable": 1})
