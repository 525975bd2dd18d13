"""The rewriter: what a caption states stays in its recaption, or the caption stays."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.endpoint import KEY, Endpoint
from annotators.facts import Reader, added, lost, stated_numbers, without_noise
from annotators.header import Header
from annotators.rewriter import Rewriter
from filters.image import MinSide
from filters.recaption import Rewritten
from filters.text import CaptionLength
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.verify import verify
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.query.funnel import cases
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.foresee import foresee
from pipelines.run.run import RunOptions, run
from pipelines.shelf.in_duckdb import connected
from pipelines.shelf.shelf import Shelf
from schemas.draw import fraction
from schemas.errors import BadInput, Unavailable
from schemas.form import caption_of
from schemas.sample import Sample, Source, Text
from schemas.vocabulary.captions import ORIGINAL_STANDS, REWRITTEN

spec = importlib.util.spec_from_file_location("scripted_endpoint", Path(__file__).parent / "scripted_endpoint.py")
assert spec and spec.loader
scripted = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scripted)
Reply, says, serving = scripted.Reply, scripted.says, scripted.serving

SECRET = "sk-Very+Secret/0123456789=="

CASES: dict[str, tuple[str, Any, str]] = {
    "kept": (
        "Two dogs near the Eiffel Tower in Paris IMG_2034.jpg #dogs",
        says("In Paris, 2 dogs sit on the grass near the Eiffel Tower."),
        REWRITTEN,
    ),
    "a number dropped": (
        "Three boats in the harbour of Oslo, 1,250 tons",
        says("Three boats lie in the harbour of Oslo."),
        "facts_lost",
    ),
    "a place renamed": (
        "A red tram in Lisbon on a steep street",
        says("A red tram climbs a steep street in Porto."),
        "facts_lost",
    ),
    "a number invented": (
        "A lighthouse on the coast of Norway",
        says("A lighthouse from 1862 stands on the coast of Norway."),
        "facts_added",
    ),
    "another picture's": (
        "A woman cuts a cake with a knife at the table",
        says("A snowboarder jumps over a ramp against the blue sky."),
        "unrelated",
    ),
    "html": ("A cat on a sofa", says("<p>A cat on a sofa</p>"), "not_a_caption"),
    "half a json": ("A dog on a beach", says('{"caption": "A dog on a be'), "not_a_caption"),
    "talk": ("A horse in a field", says("Sure! Here is a caption: a horse in a field"), "not_a_caption"),
    "noise left": ("A bird on a wire DSC_0012.JPG", says("A bird on a wire (DSC_0012.JPG)."), "noisy"),
    "refused": ("A man at a bus stop", says("I'm sorry, but I can't help with that."), "refused"),
    "filtered": ("A boy with a kite", says(None, "content_filter"), "refused"),
    "cut off": ("A train at a station", says("A train at a station in the", "length"), "cut_off"),
    "empty": ("A bowl of fruit", says("  \n"), "empty"),
    "too large": ("A bridge over a river", Reply(b'{"error": "too large"}', 413), "rejected"),
}
BY_CAPTION = {caption: reply for caption, reply, _ in CASES.values()}


def script(asked: Any) -> Any:
    """Answer as CASES say, and any other caption with itself in other words."""
    return BY_CAPTION.get(asked.text) or says(f"The picture shows this: {asked.text}")


def endpoint_of(url: str, **values: Any) -> Endpoint:
    return Endpoint(url, "m", **{"timeout_s": 20.0, "give_up_s": 5.0, "pause_s": 0.01, **values})


def recipe_of(url: str, **values: Any) -> Recipe:
    return Recipe("re", Annotate(Rewriter(endpoint_of(url, **values))))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture
def shelf_of(tmp_path: Path, picture: Callable[..., bytes]) -> Callable[..., Shelf]:
    """Make a shelf of pictures with these captions, by their names; a picture without a caption has an empty one."""

    def make(captions: Mapping[str, str], rows: int = 10_000) -> Shelf:
        source = tmp_path / "source"
        source.mkdir()
        for n, (name, caption) in enumerate(captions.items()):
            (source / f"{name}.jpg").write_bytes(picture(n))
            if caption:
                (source / f"{name}.txt").write_text(caption)
        shelf = Shelf(str(tmp_path / "shelf"))
        ingest(shelf, str(source), Local(1), cut=Cut(rows=rows))
        return shelf

    return make


def notes(shelf: Shelf, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Return what the recipe's rewriter noted, by the names of the rows."""
    annotator_id = recipe.ids[0]
    found: dict[str, dict[str, Any]] = {}
    for shard in shelf.shards():
        names = [name.rsplit(".", 1)[0] for name in shelf.catalog(shard)["name"].to_pylist()]
        for path in sorted(Path(shelf.path("notes", annotator_id)).glob(f"{shard}-*.parquet")):
            found.update({names[one["row"]]: one for one in pq.read_table(path).to_pylist()})
    return found


def counts(shelf: Shelf) -> dict[str, int]:
    """Return the counts of the latest run, those of the rewriter without its name."""
    record = json.loads(Path(shelf.path("runs", shelf.folders("runs")[-1], "record.json")).read_text())
    return {name.removeprefix("rewriter."): n for name, n in record["counts"].items()}


def test_facts_are_kept_or_the_original_stands_each_for_its_reason(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({name: caption for name, (caption, _, _) in CASES.items()} | {"no text": ""})
    with serving(script) as server:
        recipe = recipe_of(server.url)
        run(shelf, recipe, Local(1))
    noted = notes(shelf, recipe)
    expected = {name: status for name, (_, _, status) in CASES.items()} | {"no text": "no_caption"}
    assert {name: one["recaption_status"] for name, one in noted.items()} == expected
    assert {name: one["recaption"] for name, one in noted.items() if one["recaption"]} == {
        "kept": "In Paris, 2 dogs sit on the grass near the Eiffel Tower."
    }
    assert noted["a number dropped"]["recaption_detail"] == "lost 1250: Three boats lie in the harbour of Oslo."
    assert noted["a place renamed"]["recaption_detail"].startswith("lost lisbon: A red tram")
    assert set(expected.values()) == {REWRITTEN, *ORIGINAL_STANDS}


def test_each_case_is_in_the_funnel_where_originals_are_not_wanted(
    shelf_of: Callable[..., Shelf], story: Callable[..., Any]
) -> None:
    shelf = shelf_of({name: caption for name, (caption, _, _) in CASES.items()})
    with serving(script) as server:
        recipe = Recipe("strict", *recipe_of(server.url).steps, Keep(Rewritten()))
        assert run(shelf, recipe, Local(1)) == {"kept": 1, "dropped": len(CASES) - 1, "failed": 0}
    verdicts = pq.read_table(shelf.path("verdicts", recipe.id, "000000.parquet")).to_pylist()
    reasons = sorted(one["reason"] for one in verdicts if one["outcome"] == "dropped")
    assert reasons == sorted(status for _, _, status in CASES.values() if status != REWRITTEN)


def test_each_case_is_in_the_funnel_where_the_originals_stay(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({name: caption for name, (caption, _, _) in CASES.items()} | {"no text": ""}, rows=5)
    with serving(script) as server:
        recipe = Recipe("mild", Annotate(Header()), Keep(MinSide(px=28)), *recipe_of(server.url).steps)
        run(shelf, recipe, Local(1))
        run(shelf, Recipe("fewer", *recipe.steps[:1], Keep(CaptionLength(least=1)), *recipe.steps[2:]), Local(1))
    told = Counter([status for _, _, status in CASES.values()])
    with connected(shelf) as db:
        assert cases(db, shelf, recipe.id) == {recipe.ids[2]: {**told, "no_caption": 1}}
    out, _ = command("funnel", "--shelf", shelf.url, "--recipe", "fewer").communicate(timeout=300)
    [line] = [line for line in out.splitlines() if "rewriter" in line]
    assert f"facts_lost {told['facts_lost']}" in line and "no_caption" not in line


def test_tokens_and_cost_are_counted_when_they_are_paid_and_only_then(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({"a": "A dog on a lawn", "b": "A cat on a roof", "c": ""})
    with serving(script) as server:
        recipe = recipe_of(server.url, price_in=2.0, price_out=10.0)
        run(shelf, recipe, Local(1))
        found = counts(shelf)
        spent = {"requests": 2, "prompt_tokens": 200, "completion_tokens": 40, "cost_millionths": 800}
        assert {name: found[name] for name in (*spent, "rewritten", "no_caption")} == {
            **spent,
            "rewritten": 2,
            "no_caption": 1,
        }
        looser = Recipe("re", Annotate(Rewriter(endpoint_of(server.url), least_shared=0.0)))
        assert looser.ids != recipe.ids
        run(shelf, looser, Local(1))
        assert len(server.asked) == 2
    assert counts(shelf)["rewritten"] == 2
    assert not counts(shelf).keys() & spent.keys()


def test_how_it_is_asked_is_in_no_fingerprint_and_what_is_asked_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fingerprint(**values: Any) -> str:
        return recipe_of("http://a/v1", **values).id

    monkeypatch.setenv(KEY, SECRET)
    plain = fingerprint()
    assert plain == fingerprint(at_once=1, per_s=3.0, timeout_s=9.0, give_up_s=1.0, price_in=1.0, price_out=2.0)
    monkeypatch.delenv(KEY)
    assert plain == fingerprint()
    assert len({plain, fingerprint(max_tokens=9), fingerprint(temperature=0.5), recipe_of("http://b/v1").id}) == 4


def test_a_dry_run_prices_what_is_left_and_asks_nothing(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({"a": "A dog on a lawn", "b": "A cat on a roof", "c": ""})
    with serving(lambda asked: says("no", "length", 400, 300)) as server:
        recipe = recipe_of(server.url, price_in=2.0, price_out=10.0)
        [waiting] = foresee(shelf, recipe, Local(1))
        assert not server.asked
        assert (waiting.annotator, waiting.samples, waiting.spent["requests"]) == (recipe.ids[0], 3, 2)
        assert waiting.spent["cost_millionths"] == 2 * waiting.spent["prompt_tokens"] + 10 * 600
        run(shelf, recipe, Local(1))
        assert counts(shelf)["cost_millionths"] <= waiting.spent["cost_millionths"]
        assert [(one.samples, one.spent) for one in foresee(shelf, recipe, Local(1))] == [(0, {})]


def test_a_dry_run_knows_whom_an_earlier_filter_drops(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({"a": "A dog on a lawn in the sun", "b": "logo", "c": ""})
    run(shelf, find_recipe("caption-light"), Local(1))
    found = foresee(shelf, find_recipe("caption-recaptioned", {"model": "m"}), Local(1))
    assert [(one.annotator.split("@")[0], one.samples) for one in found][-1] == ("rewriter", 1)
    assert found[-1].spent["requests"] == 1


def test_the_picture_is_sent_upright_and_no_larger_than_asked(
    shelf_of: Callable[..., Shelf], picture: Callable[..., bytes], tmp_path: Path
) -> None:
    shelf = shelf_of({"a": "A wide field"})
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.png").write_bytes(picture(5, (3000, 1000), "PNG"))
    (tmp_path / "more" / "b.txt").write_text("A long beach")
    ingest(shelf, str(tmp_path / "more"), Local(1))
    sizes: dict[str, tuple[int, int]] = {}

    def script(asked: Any) -> Any:
        sizes[asked.text] = asked.picture().size
        return says(asked.text)

    with serving(script) as server:
        run(shelf, recipe_of(server.url), Local(1))
    assert sizes == {"A wide field": (96, 64), "A long beach": (2048, 683)}


def test_a_picture_that_cannot_be_decoded_is_one_failed_row_and_is_not_asked(
    shelf_of: Callable[..., Shelf], tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    shelf = shelf_of({"a": "A dog on a lawn"})
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.jpg").write_bytes(picture(9)[:700])
    (tmp_path / "more" / "b.txt").write_text("A cat on a roof")
    ingest(shelf, str(tmp_path / "more"), Local(1))
    with serving(script) as server:
        assert run(shelf, recipe_of(server.url), Local(1)) == {"kept": 1, "dropped": 0, "failed": 1}
    assert server.texts() == ["A dog on a lawn"]


def test_an_endpoint_that_fails_stops_the_run_and_fails_no_sample(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({"a": "A dog on a lawn", "b": "A cat on a roof"})
    with serving(lambda asked: Reply(b"<html>", 200)) as server:
        recipe = recipe_of(server.url, give_up_s=0.1)
        with pytest.raises(Unavailable, match=f"{server.url}.*no chat completion"):
            run(shelf, recipe, Local(1))
        assert notes(shelf, recipe) == {}
        server.script = script
        assert run(shelf, recipe, Local(1)) == {"kept": 2, "dropped": 0, "failed": 0}


def test_two_workers_write_what_one_writes(
    shelf_of: Callable[..., Shelf], tree_digest: Callable[..., Any], tmp_path: Path
) -> None:
    shelf = shelf_of({str(n): f"A dog number {n} on a lawn" for n in range(12)}, rows=3)
    with serving(script) as server:
        recipe = recipe_of(server.url)
        run(shelf, recipe, Local(1))
        one = tree_digest(Path(shelf.path("notes")))
        subprocess.run(["rm", "-r", shelf.path("notes"), shelf.path("answers"), shelf.path("verdicts")], check=True)
        run(shelf, recipe, Local(2), RunOptions(block=2))
        pieces = notes(shelf, recipe)
        subprocess.run(["rm", "-r", shelf.path("notes"), shelf.path("verdicts")], check=True)
        run(shelf, recipe, Local(2))
    assert tree_digest(Path(shelf.path("notes"))) == one
    assert len(pieces) == 12
    assert len(server.asked) == 24


def command(*arguments: str, key: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), KEY: key}
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def recaptioned(shelf: Shelf, url: str, *more: str) -> list[str]:
    given = [f"url={url}", "model=m", "at_once=2", "timeout_s=30", *more]
    return ["run", "caption-recaptioned", "--shelf", shelf.url, *(part for one in given for part in ("--with", one))]


PLAIN = {f"{n:02d}": f"A brown dog with the number {n} runs over the lawn of the park" for n in range(10)}


def test_a_killed_run_is_gone_on_with_and_nothing_is_asked_twice(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of(PLAIN)
    released, gate = threading.Event(), threading.Semaphore(4)

    def script_with_gate(asked: Any) -> Any:
        if not gate.acquire(blocking=False):
            released.wait(60)
        return script(asked)

    with serving(script_with_gate) as server:
        process = command(*recaptioned(shelf, server.url), key=SECRET)
        until = time.monotonic() + 120
        while len(journalled(shelf)) < 4 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        released.set()
        answered = journalled(shelf)
        assert len(answered) == 4
        before = len(server.asked)
        second = command(*recaptioned(shelf, server.url), key=SECRET)
        _, said = second.communicate(timeout=300)
        assert second.returncode == 0, said
    later = server.texts()[before:]
    assert not {*later} & {PLAIN[name] for name in answered}
    assert len(later) == len(PLAIN) - 4 == len({*later})
    assert len(journalled(shelf)) == len(PLAIN)


def journalled(shelf: Shelf) -> set[str]:
    """Return the names of the samples that were answered."""
    keys = {}
    for shard in shelf.shards():
        table = shelf.catalog(shard)
        hexes = [key.hex() for key in table["key"].combine_chunks().storage.to_pylist()]
        keys.update(zip(hexes, (name.rsplit(".", 1)[0] for name in table["name"].to_pylist()), strict=True))
    written = [path.read_bytes().rpartition(b"\n")[0] for path in Path(shelf.root).glob("answers/*/*.jsonl")]
    return {keys[json.loads(line)["about"]] for whole in written for line in whole.splitlines()}


def test_the_key_is_in_no_file_and_no_word(shelf_of: Callable[..., Shelf], tmp_path: Path) -> None:
    shelf = shelf_of(PLAIN)

    def repeats(asked: Any) -> Any:
        assert asked.headers["Authorization"] == f"Bearer {SECRET}"
        return Reply(f"not {SECRET}".encode(), 403) if len(server.asked) > 5 else says(f"{asked.text} {SECRET}")

    with serving(repeats) as server:
        process = command(*recaptioned(shelf, server.url), "--log", "debug", key=SECRET)
        out, said = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "not ***" in said
    files = [path.read_bytes() for path in Path(shelf.root).rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [data for data in [*files, out.encode(), said.encode()] if SECRET.encode() in data]


def test_why_shows_both_captions_and_the_command_line_prices(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({"a": "A red tram in Lisbon on a steep street", "b": "Two dogs play on a lawn near the house"})
    with serving(script) as server:
        process = command(*recaptioned(shelf, server.url, "price_in=1"), "--dry-run")
        out, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert "2 requests" in out and "cost 0.0" in out and not server.asked
        process = command(*recaptioned(shelf, server.url))
        assert process.wait(300) == 0, process.stderr and process.stderr.read()
    told = {name: command("why", f"{name}.jpg", "--shelf", shelf.url).communicate(timeout=300)[0] for name in "ab"}
    assert "A red tram in Lisbon on a steep street" in told["a"]
    assert "facts_lost" in told["a"] and "in Porto" in told["a"]
    assert "The picture shows this: Two dogs" in told["b"].replace("\n", " ")


def test_without_a_model_named_the_run_refuses_before_any_work(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({"a": "A dog on a lawn"})
    with pytest.raises(BadInput, match="model=NAME"):
        run(shelf, find_recipe("caption-recaptioned"), Local(1))
    assert not Path(shelf.path("notes")).exists()


class Lacking(Rewriter, frozen=True):
    made_with = ("a-package-that-is-not-installed",)


def test_without_its_packages_the_run_refuses_and_names_the_extra(shelf_of: Callable[..., Shelf]) -> None:
    shelf = shelf_of({"a": "A dog on a lawn"})
    with pytest.raises(BadInput, match=r"pip install 'ostraka\[endpoint\]'"):
        run(shelf, Recipe("re", Annotate(Lacking(endpoint_of("http://a/v1")))), Local(1))
    assert not Path(shelf.path("notes")).exists()


@pytest.fixture
def rewritten(shelf_of: Callable[..., Shelf]) -> Iterator[Shelf]:
    captions = {**PLAIN, "lost": "A red tram in Lisbon on a steep street", "none": ""}
    shelf = shelf_of(captions)
    with serving(script) as server:
        run(shelf, recipe_of(server.url), Local(1))
    yield shelf


def test_recaptions_are_mixed_in_by_the_samples_key(
    rewritten: Shelf, tmp_path: Path, tree_digest: Callable[..., Any]
) -> None:
    for folder in ("one", "two"):
        export(rewritten, "mix", str(tmp_path / folder), Local(1), ExportOptions(recaption_share=0.5))
    verify(str(tmp_path / "one"), Local(1))
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")
    rows = [row for path in (tmp_path / "one").rglob("train/*/*.parquet") for row in pq.read_table(path).to_pylist()]
    assert len(rows) == 12
    drawn = 0
    for row in rows:
        key = row["key"].hex() if isinstance(row["key"], bytes) else str(row["key"]).replace("-", "")
        name = row["row"].rsplit(".", 1)[0]
        original = {**PLAIN, "lost": "A red tram in Lisbon on a steep street", "none": ""}[name]
        mixed = name in PLAIN and fraction(key, "recaption") < 0.5
        drawn += mixed
        assert row["caption"] == (f"The picture shows this: {original}" if mixed else original)
    assert 0 < drawn < len(PLAIN)


def test_a_share_of_one_takes_every_recaption_and_of_none_the_same_bytes_as_before(
    rewritten: Shelf, tmp_path: Path
) -> None:
    for share in (0.0, 1.0):
        export(rewritten, "mix", str(tmp_path / f"{share}"), Local(1), ExportOptions(recaption_share=share))
    captions = {
        share: {
            row["row"]: row["caption"]
            for path in (tmp_path / share).rglob("train/*/*.parquet")
            for row in pq.read_table(path).to_pylist()
        }
        for share in ("0.0", "1.0")
    }
    assert sum(one.startswith("The picture") for one in captions["1.0"].values()) == len(PLAIN)
    assert sum(one.startswith("The picture") for one in captions["0.0"].values()) == 0
    assert json.loads((tmp_path / "1.0" / "manifest.json").read_text())["options"]["recaption_share"] == 1.0
    assert "recaption_share" not in json.loads((tmp_path / "0.0" / "manifest.json").read_text())["options"]


def test_a_recaption_is_the_caption_of_a_sample_with_others() -> None:
    parts = (Text("alt", "alt"), Text("anew", "recaption"), Text("original", "caption"))
    assert caption_of(Sample("", parts, Source("", ""))) == "anew"


def test_recaptions_of_a_recipe_that_writes_none_are_refused(shelf_of: Callable[..., Shelf], tmp_path: Path) -> None:
    shelf = shelf_of({"a": "A dog on a lawn"})
    run(shelf, find_recipe("headers-only"), Local(1))
    with pytest.raises(BadInput, match="writes recaptions"):
        export(shelf, "mix", str(tmp_path / "out"), Local(1), ExportOptions(recaption_share=0.5))


def test_the_share_that_is_drawn_is_the_share_that_was_asked_for() -> None:
    keys = [f"{n:032x}" for n in range(20_000)]
    assert abs(sum(fraction(key, "recaption") < 0.3 for key in keys) / len(keys) - 0.3) < 0.01


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,000 people", {"1000"}),
        ("1000.0 people", {"1000"}),
        ("1,234,567.50 euro", {"1234567.5"}),
        ("two dogs and twelve cats", {"2", "12"}),
        ("on 5th Avenue in 2004", {"5", "2004"}),
        ("at 10:30 on 12/05/2020", {"10:30", "12/05/2020"}),
        ("\uff13 men, A380", {"3", "380"}),
        ("12,34", {"12,34"}),
        ("one man alone", set()),
        ("007", {"7"}),
    ],
)
def test_a_number_has_one_form(text: str, numbers: set[str]) -> None:
    assert stated_numbers(text) == numbers


@given(st.integers(0, 10**9))
def test_thousands_may_be_set_apart_or_not(number: int) -> None:
    assert stated_numbers(f"{number:,} of them") == stated_numbers(f"some {number}")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("A dog IMG_2034.jpg", "A dog"),
        ("see https://a.b/c?d=1 now", "see now"),
        ("#sunset in Rome @someone", "in Rome"),
        ("mail me@a.org today", "mail today"),
        ("DSC00123 a boat", "a boat"),
        ("5.5 tons of steel.", "5.5 tons of steel."),
    ],
)
def test_noise_holds_no_fact(text: str, plain: str) -> None:
    assert without_noise(text) == plain


@pytest.mark.parametrize(
    ("original", "recaption", "gone"),
    [
        ("Barack Obama speaks in Berlin", "In Berlin, President Barack Obama gives a speech", []),
        ("Barack Obama speaks in Berlin", "President Obama gives a speech in Berlin", ["barack"]),
        ("A man in São Paulo", "A man walks in Sao Paulo", []),
        ("Nathan's stand at Coney Island", "The stand of Nathan at Coney Island", []),
        ("THE LONDON EYE AT NIGHT", "The London Eye lights up at night", []),
        ("Two men at JFK", "A pair of men at JFK", []),
        ("Two men at JFK", "Three men at JFK", ["2"]),
        ("1,500 runners in Boston", "1500 runners in Boston", []),
        ("1,500 runners in Boston", "15 runners in Boston", ["1500"]),
    ],
)
def test_names_places_and_numbers_are_missed(reader: Reader, original: str, recaption: str, gone: list[str]) -> None:
    assert lost(reader.facts(original), recaption, reader.said(recaption)) == gone


@pytest.mark.parametrize(
    ("original", "recaption", "more"),
    [
        ("Some boats at Oslo", "3 boats and a ferry lie at Oslo, twenty people wait", []),
        ("Some boats at Oslo", "21 boats lie at Oslo", ["21"]),
        ("Boats at Oslo in 1905", "In 1905, boats lie at Oslo, 1,250 tons each, at 10:30", ["10:30", "1250"]),
        ("1,250 tons", "It weighs 1250 tons, 2.5 times as much", ["2.5"]),
    ],
)
def test_a_number_that_cannot_have_been_counted_is_told(
    reader: Reader, original: str, recaption: str, more: list[str]
) -> None:
    assert added(reader.facts(original), recaption, 20) == more
