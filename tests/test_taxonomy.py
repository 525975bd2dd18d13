"""The taxonomy and who places dialogues in it: rules first, then an encoder, then a model, each for what is left."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from annotators.annotator import Subject
from annotators.endpoint import Endpoint
from annotators.small_clip import train_small_clip
from annotators.taxonomist import Taxonomist
from annotators.taxonomy import read_taxonomy
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.foresee import foresee
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.note import Noted
from schemas.sample import Image, Part, Sample, Source, Text, Video

spec = importlib.util.spec_from_file_location("scripted_endpoint", Path(__file__).parent / "scripted_endpoint.py")
assert spec and spec.loader
scripted = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scripted)
says, serving = scripted.says, scripted.serving

MINE = {
    "name": "mine",
    "other": "rest",
    "categories": [
        {"name": "colour", "says": "asks for a colour", "media": "picture", "patterns": ["colou?r", "red|blue"]},
        {"name": "size", "says": "asks for a size", "patterns": ["big", "small"], "examples": ["How big is it?"]},
        {"name": "talk", "says": "greets", "media": "none", "patterns": ["hello", "big"]},
    ],
}


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.json").write_text(json.dumps(MINE))
    return str(tmp_path / "mine.json")


def subject(question: str, pictures: int = 0, clips: int = 0) -> Subject:
    media: list[Part] = [Image("0" * 64, 1, "jpg")] * pictures + [Video("0" * 64, 1, "mp4")] * clips
    parts = (*media, Text(question, "user"), Text("Red.", "assistant"))
    return Subject(Sample("0" * 32, parts, Source("d", "r")), "m.tar", (0,) * len(media), {}, lambda *_: b"")


def placed(annotator: Taxonomist, subjects: Sequence[Subject]) -> list[tuple[str, str]]:
    with annotator.open() as look:
        found = look(subjects)
    values = [one.values for one in found if isinstance(one, Noted)]
    return [(str(one["category"]), str(one["category_by"])) for one in values]


def test_most_patterns_win_then_the_order_and_media_that_are_not_there_shut_a_category(mine: str) -> None:
    asked = [
        subject("Is the big one red, or which COLOUR?", pictures=1),
        subject("Is the big one red, or which colour?"),
        subject("hello, big"),
        subject("hello, big", clips=1),
        subject("What is it?", pictures=1),
    ]
    assert placed(Taxonomist(mine), asked) == [
        ("colour", "rule"),
        ("size", "rule"),
        ("talk", "rule"),
        ("size", "rule"),
        ("rest", "undecided"),
    ]


def test_by_rules_alone_real_questions_come_where_they_belong(data: Path) -> None:
    taxonomy = read_taxonomy("")

    def share(name: str, questions: Sequence[str], pictures: int = 0) -> float:
        places = taxonomy.open_to(pictures, 0)
        found = [taxonomy.by_rules(question, places) for question in questions]
        return sum(bool(one) and taxonomy.categories[one[0]].name == name for one in found) / len(found)

    def lines(name: str) -> list[str]:
        return (data / name).read_text().splitlines()

    words = [json.loads(line)["question"] for line in lines("instruct/gsm8k/train.jsonl")[:500]]
    charts = [x["query"] for file in data.glob("instruct/chartqa_split/*/*.json") for x in json.loads(file.read_text())]
    bench = [json.loads(line) for line in lines("instruct/llava_bench/coco2014_val_gpt4_qa_30x3.jsonl")]
    items = json.loads((data / "eval_sets/mathvista_testmini.json").read_text()).values()
    tasks = {
        task: [x["question"] for x in items if x["metadata"]["task"] == task]
        for task in {x["metadata"]["task"] for x in items}
    }
    assert share("mathematics", words) > 0.95
    assert share("chart", charts, 1) > 0.6
    assert share("geometry", tasks["geometry problem solving"], 1) > 0.8
    assert share("description", [x["instruction"] for x in bench if x["type"] == "detail"], 1) > 0.8
    assert share("reasoning", [x["instruction"] for x in bench if x["type"] == "complex"], 1) > 0.6
    assert share("knowledge", ["Who wrote Faust?", "Explain how a vaccine works."]) == 1
    assert share("conversation", ["Hello!", "Thanks a lot."]) == 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"categories": []}, "no category"),
        ({"categories": [MINE["categories"][0]] * 2}, "two categories are called 'colour'"),
        ({"other": "size"}, "two categories are called 'size'"),
        ({"other": "no such thing!"}, "no category's name"),
        ({"categories": [{"name": "a", "says": "b", "patterns": ["("]}]}, "category a: .* regular expression"),
        ({"categories": [{"name": "a", "says": "b", "pattern": "x"}]}, "pattern"),
        ({"categories": [{"name": "a", "says": "b", "media": "sound"}]}, "sound"),
    ],
)
def test_a_taxonomy_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, change: dict[str, Any], what: str
) -> None:
    (tmp_path / "bad.json").write_text(json.dumps(MINE | change))
    with pytest.raises(BadInput, match=what):
        read_taxonomy(str(tmp_path / "bad.json"))
    with pytest.raises(BadInput, match="cannot be used"):
        read_taxonomy(str(tmp_path / "nowhere.json"))


def test_embeddings_without_weights_are_refused_and_weights_are_in_the_fingerprint(tmp_path: Path, mine: str) -> None:
    with pytest.raises(BadInput, match="--weights taxonomist=PATH"):
        _ = find_recipe("instructions", {"embeddings": "true"}).id
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no checkpoint of open_clip"):
        _ = find_recipe("instructions").given({"taxonomist": str(tmp_path / "empty")}).id
    default, own = Recipe("a", Annotate(Taxonomist())), Recipe("a", Annotate(Taxonomist(mine)))
    (tmp_path / "copy.json").write_text(json.dumps(MINE))
    copy = Recipe("a", Annotate(Taxonomist(str(tmp_path / "copy.json"))))
    assert default.id != own.id == copy.id


def test_an_encoder_places_what_rules_leave_open_and_says_how_near(
    tmp_path: Path, mine: str, picture: Callable[..., bytes]
) -> None:
    train_small_clip([(picture(n), [f"asks for a {n}"]) for n in range(4)], str(tmp_path / "small"), 1)
    asked = [subject("asks for a size"), subject("how big"), subject("zzz qqq"), subject("small")]
    echo = {"name": "echo", "says": "how big"}
    (tmp_path / "echo.json").write_text(json.dumps(MINE | {"categories": [*MINE["categories"], echo]}))
    given = Taxonomist(str(tmp_path / "echo.json"), least_similarity=-1.0).given(str(tmp_path / "small"))
    with given.open() as look:
        whole = [one.values for one in look(asked) if isinstance(one, Noted)]
        apart = [one.values for subject in asked for one in look([subject]) if isinstance(one, Noted)]
    assert [one["category_by"] for one in whole] == ["embedding", "embedding", "embedding", "rule"]
    assert whole[1]["category"] in ("size", "talk"), "rules that agree in two leave the choice among these"
    assert whole[0]["category"] in ("size", "talk", "echo") and -1 <= float(whole[0]["category_similarity"]) <= 1  # type: ignore[arg-type]
    assert [one["category_similarity"] for one in whole[:3]] == [one["category_similarity"] for one in apart[:3]]
    strict = Taxonomist(mine, least_similarity=1.1).given(str(tmp_path / "small"))
    assert placed(strict, asked[2:3]) == [("rest", "undecided")]
    ids = {Recipe("a", Annotate(one)).id for one in (given, Taxonomist(given.taxonomy, least_similarity=-1.0))}
    assert len(ids) == 2


def test_a_model_is_asked_for_what_is_left_alone_and_once(tmp_path: Path, mine: str) -> None:
    lines = ["hello", "What is it?", "And this?", "small"]
    records = [{"id": str(n), "question": text, "answer": "Red."} for n, text in enumerate(lines)]
    (tmp_path / "talks.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "talks.jsonl"), Local(1))

    def script(asked: Any) -> Any:
        return says('"Size".' if "What is it?" in asked.text else "I would say that it is about weather")

    def recipe(url: str, more: str = "") -> Recipe:
        endpoint = Endpoint(url, "m", 30, timeout_s=20.0, give_up_s=1.0, pause_s=0.01)
        return Recipe(f"t{more}", Annotate(Taxonomist(mine, endpoint=endpoint)))

    (waiting,) = foresee(shelf, recipe("http://127.0.0.1:1/v1"), Local(1))
    assert waiting.spent["requests"] == 4 and waiting.spent["completion_tokens"] == 4 * 30
    with serving(script) as server:
        run(shelf, recipe(server.url), Local(1))
        run(shelf, recipe(server.url, "again"), Local(1))
        assert len(server.asked) == 2
        assert "size: asks for a size" in server.asked[0].body["messages"][0]["content"]
        piece = next((tmp_path / "shelf" / "notes").glob("taxonomist@*/*.parquet"))
    import pyarrow.parquet as pq

    noted = pq.read_table(piece).to_pydict()
    found = list(zip(noted["category"], noted["category_by"], strict=True))
    assert found == [("talk", "rule"), ("size", "endpoint"), ("rest", "undecided"), ("size", "rule")]
    assert Counter(noted["failed"]) == {"": 4}
