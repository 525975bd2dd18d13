"""Answers: funnel, why, what-if, SQL, asked through the command line of a shelf with planted faults."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest
from PIL import Image

from annotators.header import Header
from annotators.language import Language
from annotators.pixels import Pixels
from filters.exact import ExactDedup
from filters.image import HasPicture, MinSide
from filters.neardup import NearDedup
from filters.scores import Above, AtMost, Below, Between
from filters.text import CaptionLength, NotBoilerplate
from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.query.funnel import funnel
from pipelines.query.views import connect, write_database
from pipelines.query.whatif import change_recipe, what_if
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

Said = Callable[..., tuple[int, str]]
ROWS = 30


def recipe() -> Recipe:
    return Recipe(
        "made",
        Keep(HasPicture()),
        Keep(NotBoilerplate()),
        Keep(CaptionLength(least=5, most=200)),
        Annotate(Header()),
        Keep(MinSide(px=28)),
        Annotate(Language()),
        Annotate(Pixels()),
        Keep(Above("sharpness", 0.5)),
        Keep(ExactDedup()),
        Keep(NearDedup(radius=4)),
    )


def stamped(data: bytes) -> bytes:
    """Put a grey stamp into a picture's corner, which tips two bits of some hashes."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        opened.paste((128, 128, 128), (0, 0, 25, 25))
        opened.save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Shelf:
    """30 plain rows; two copies, three near ones, two small, a cut one, a text, a missing one, two bad captions."""
    folder = tmp_path_factory.mktemp("query")
    source = folder / "made"
    source.mkdir()
    rows: list[tuple[str, bytes | None, list[str]]] = [
        (f"plain{n}", picture(n, (96 + 8 * (n % 5), 64)), ["untitled", f"a picture with the number {n}"])
        for n in range(ROWS)
    ]
    rows += [(f"copy{n}", picture(n, (96 + 8 * (n % 5), 64)), ["a copy of another picture"]) for n in (3, 4)]
    rows += [(f"near{n}", stamped(picture(n, (300, 200))), ["a larger one of another picture"]) for n in (7, 20, 25)]
    rows += [(f"small{n}", picture(90 + n, (20, 24)), ["a small picture of something"]) for n in range(2)]
    rows += [("cut", picture(80)[:700], ["a picture that ends too early"]), ("text", b"no picture\n", ["a text file"])]
    rows += [("gone", None, ["a picture that is not there"]), ("0000cafe", picture(81), ["a row with a name in hex"])]
    rows += [("short", picture(82), ["dog"]), ("link", picture(83), ["https://shop.example/1"])]
    for name, data, _ in rows:
        if data is not None:
            (source / f"{name}.jpg").write_bytes(data)
    lines = [{"id": name, "image": f"{name}.jpg", "captions": said} for name, _, said in rows]
    (source / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = Shelf(str(folder / "shelf"))
    ingest(made, str(source / "rows.jsonl"), Local(1), dataset="made", cut=Cut(rows=16))
    run(made, recipe(), Local(1))
    return made


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command line; return its exit code and all that it printed."""

    def ask(*arguments: str) -> tuple[int, str]:
        try:
            main(arguments)
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out + err

    return ask


@pytest.fixture
def own(shelf: Shelf, tmp_path: Path) -> Shelf:
    """A copy of the shelf that a test may change."""
    shutil.copytree(shelf.root, tmp_path / "own")
    return Shelf(str(tmp_path / "own"))


def keys(shelf: Shelf, where: str) -> set[str]:
    with connect(shelf) as db:
        found = db.execute(f"SELECT v.key FROM verdicts v JOIN samples s USING (shard, row) WHERE {where}").fetchall()
    return {key for (key,) in found}


def key_of(shelf: Shelf, name: str) -> str:
    [key] = keys(shelf, f"name = '{name}'")
    return key


def test_the_funnel_loses_nobody(shelf: Shelf) -> None:
    with connect(shelf) as db:
        stages = funnel(db, shelf, recipe().id)
        outcomes = dict(db.execute("SELECT outcome, count(*) FROM verdicts GROUP BY ALL").fetchall())
    for stage, after in zip(stages, [*stages[1:], None], strict=True):
        lost = sum(stage.dropped.values()) + sum(stage.failed.values())
        assert stage.reached == stage.went_on + lost
        assert after is None or after.reached == stage.went_on
    assert stages[0].reached == sum(outcomes.values()) == ROWS + 13
    assert stages[-1].went_on == outcomes["kept"]
    assert sum(sum(stage.dropped.values()) for stage in stages) == outcomes["dropped"]


def test_the_funnel_names_each_planted_fault(shelf: Shelf) -> None:
    with connect(shelf) as db:
        found = {
            stage.name.split("@")[0]: {**stage.dropped, **stage.failed} for stage in funnel(db, shelf, recipe().id)
        }
    assert {name: reasons for name, reasons in found.items() if reasons} == {
        "ingest": {"unknown_format": 1, "file_missing": 1},
        "caption_length": {"caption_too_short": 1},
        "not_boilerplate": {"boilerplate": 1},
        "min_side": {"side_too_short": 2},
        "pixels": {"undecodable": 1},
        "exact_dedup": {"exact_duplicate": 2},
        "near_dedup": {"near_duplicate": 3},
    }


def test_funnel_prints_the_sums(shelf: Shelf, said: Said) -> None:
    code, told = said("funnel", "--shelf", shelf.url)
    assert code == 0
    assert f"{ROWS + 13} in = {ROWS + 1} kept + 9 dropped + 3 failed" in told


def test_why_tells_a_kept_sample_to_the_last_step(shelf: Shelf, said: Said) -> None:
    code, told = said("why", "plain0", "--shelf", shelf.url)
    assert code == 0
    assert told.startswith(f"{key_of(shelf, 'plain0')}  kept")
    assert "from made/plain0" in told and "left out parts 1" in told
    assert f"caption_length passed measured {len('a picture with the number 0')} header" in " ".join(told.split())
    assert "width_px 96, height_px 64" in told and "near_dedup" in told


def test_why_names_the_witness_of_a_duplicate(shelf: Shelf, said: Said) -> None:
    pair = [key_of(shelf, name) for name in ("plain3", "copy3")]
    loser, winner = ("plain3", "copy3") if pair[0] > pair[1] else ("copy3", "plain3")
    code, told = said("why", loser, "--shelf", shelf.url)
    assert code == 0
    assert "dropped by exact_dedup: exact_duplicate" in told
    assert f"{min(pair)} (made/{winner})" in told.replace("\n", "").replace("  ", "")


def test_why_tells_how_far_a_near_duplicate_lies(shelf: Shelf, said: Said) -> None:
    with connect(shelf) as db:
        [(measured,)] = db.execute(f"SELECT measured FROM verdicts WHERE key = '{key_of(shelf, 'plain20')}'").fetchall()
        hashes = dict(db.execute("SELECT s.name, phash FROM notes_pixels JOIN samples s USING (shard, row)").fetchall())
    assert measured and measured == np.bitwise_count(np.uint64(hashes["plain20"]) ^ np.uint64(hashes["near20"]))
    told = said("why", "plain20", "--shelf", shelf.url)[1]
    assert f"near_duplicate, measured {measured:g}, lost to {key_of(shelf, 'near20')}" in " ".join(told.split())


def test_why_says_what_a_decoder_said_of_a_failed_sample(shelf: Shelf, said: Said) -> None:
    told = said("why", "made/cut", "--shelf", shelf.url)[1]
    assert "failed by pixels: undecodable" in told
    assert "image file is truncated" in told


def test_why_tells_of_a_row_that_failed_at_the_door(shelf: Shelf, said: Said) -> None:
    code, told = said("why", "gone", "--shelf", shelf.url)
    assert code == 0
    assert "failed by ingest: file_missing" in told and "no tar" in told
    assert "has_picture" not in told


def test_why_names_the_exports_that_hold_a_sample(own: Shelf, said: Said, tmp_path: Path) -> None:
    assert said("export", "train", "--shelf", own.url, "--to", str(tmp_path / "out"))[0] == 0
    assert f"exported to {tmp_path / 'out'}" in said("why", "plain0", "--shelf", own.url)[1]
    assert "exported to" not in said("why", "short", "--shelf", own.url)[1]
    shutil.rmtree(tmp_path / "out")
    assert "exported to" not in said("why", "plain0", "--shelf", own.url)[1]


def test_why_on_a_shelf_that_has_grown_says_to_run_again(
    own: Shelf, said: Said, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "new.jpg").write_bytes(picture(200))
    assert said("ingest", str(tmp_path / "more"), "--shelf", own.url)[0] == 0
    code, told = said("why", "plain0", "--shelf", own.url)
    assert code == 2 and "has grown since" in told


@pytest.mark.parametrize(
    "change",
    [
        "sharpness > 20",
        "sharpness >= 0",
        "top_colour_share <= 0.002",
        "size_bytes > 1850",
        "near_dedup.radius = 0",
        "caption_length.least = 30",
        'not_boilerplate.patterns = ["number 1"]',
        "min_side.px = 10",
        "caption_length.least = 2",
    ],
)
def test_what_if_agrees_with_a_run_of_the_changed_recipe(own: Shelf, change: str) -> None:
    before = keys(own, "outcome = 'kept'")
    told = what_if(own, recipe(), change, show=100)
    changed, _ = change_recipe(recipe(), change)
    run(own, changed, Local(1))
    after = keys(own, f"outcome = 'kept' AND recipe = '{changed.id}'")
    assert told.kept_now == len(before)
    assert set(told.gained_keys) <= after - before and set(told.lost_keys) <= before - after
    assert told.would_be_kept <= len(after) <= told.would_be_kept + told.not_known
    if not told.not_known:
        assert (set(told.gained_keys), set(told.lost_keys)) == (after - before, before - after)
        assert (told.gained, told.lost) == (len(after - before), len(before - after))


def test_what_if_counts_those_that_no_annotator_has_seen(shelf: Shelf, said: Said) -> None:
    told = what_if(shelf, recipe(), "min_side.px = 10")
    assert (told.kept_now, told.would_be_kept, told.not_known) == (ROWS + 1, ROWS + 1, 2)
    assert told.waiting_for == {"language": 2}
    assert "language has not looked at 2" in said("what-if", "min_side.px = 10", "--shelf", shelf.url)[1]


def test_what_if_gives_three_sums_that_were_counted_by_hand(shelf: Shelf) -> None:
    told = what_if(shelf, recipe(), "width_px > 200")
    assert (told.kept_now, told.would_be_kept, told.not_known, told.gained, told.lost) == (31, 3, 0, 0, 28)
    closer = what_if(shelf, recipe(), "near_dedup.radius = 0")
    assert (closer.kept_now, closer.would_be_kept, closer.not_known, closer.gained, closer.lost) == (31, 33, 0, 2, 0)
    assert set(closer.gained_keys) == {key_of(shelf, "plain20"), key_of(shelf, "plain25")}


def test_what_if_writes_nothing(own: Shelf, tree_digest: Callable[..., dict[str, str]]) -> None:
    before = tree_digest(Path(own.root))
    what_if(own, recipe(), "min_side.px = 10")
    assert tree_digest(Path(own.root)) == before


def test_a_condition_takes_the_place_of_the_filter_that_bounds_the_same_side() -> None:
    both = Recipe("both", Annotate(Pixels()), Keep(Above("sharpness", 1)), Keep(AtMost("sharpness", 9)))
    assert change_recipe(both, "sharpness < 5")[0].steps[1:] == (
        Keep(Above("sharpness", 1)),
        Keep(Below("sharpness", 5)),
    )
    floor = Recipe("floor", Annotate(Pixels()), Keep(Above("sharpness", 1)))
    assert len(change_recipe(floor, "sharpness < 5")[0].steps) == 3


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("sharpness > 1.2.3", "neither a condition nor a field"),
        ("blur > 1", "has no note 'blur'"),
        ("text_language_share > 0.5", "is not one number"),
        ("dataset > 1", "is not one number"),
        ("near_dedup.bits = 3", "has no field 'bits'"),
        ("near_dedup.radius = 40", "radius must be 0 to 4"),
        ("near_dedup.radius = wide", "cannot be 'wide'"),
        ("aesthetics.low = 3", "has no filter 'aesthetics'"),
    ],
)
def test_a_change_that_cannot_be_made_is_explained(shelf: Shelf, said: Said, condition: str, expected: str) -> None:
    code, told = said("what-if", condition, "--shelf", shelf.url)
    assert code == 2 and expected in told


def test_a_condition_on_a_note_bounded_on_both_sides_asks_which() -> None:
    between = Recipe("between", Annotate(Pixels()), Keep(Between("sharpness", 1, 9)))
    with pytest.raises(Exception, match=r"between\(sharpness\).low = "):
        change_recipe(between, "sharpness > 2")
    assert change_recipe(between, "between(sharpness).low = 2")[0].steps[1] == Keep(Between("sharpness", 2, 9))


def test_each_view_answers(shelf: Shelf, said: Said) -> None:
    def ask(query: str) -> list[dict[str, object]]:
        code, told = said("sql", query, "--shelf", shelf.url, "--format", "json")
        assert code == 0, told
        return [json.loads(line) for line in told.splitlines()]

    assert ask("select count(*) n from samples") == [{"n": ROWS + 13}]
    assert ask("select captions from samples where name = 'plain0'")[0]["captions"][0] == "untitled"
    assert ask("select number from notes where name = 'height_px' and number > 100 order by all")[0] == {"number": 200}
    assert ask("select count(*) n from notes_pixels") == [{"n": ROWS + 6}]
    assert ask("select count(distinct recipe) n, count(*) filter (outcome = 'kept') k from verdicts") == [
        {"n": 1, "k": ROWS + 1}
    ]
    assert [row["verb"] for row in ask("select verb from runs order by id")] == ["ingest", "run"]
    assert ask("select * from exports") == []


def test_notes_of_a_row_join_its_sample(shelf: Shelf) -> None:
    with connect(shelf) as db:
        found = db.execute(
            "SELECT name, width_px FROM notes_header JOIN samples USING (shard, row) WHERE name LIKE 'plain%'"
        ).fetchall()
    assert sorted(found) == sorted((f"plain{n}", 96 + 8 * (n % 5)) for n in range(ROWS))


def test_exports_are_a_view(own: Shelf, said: Said, tmp_path: Path) -> None:
    assert said("export", "train", "--shelf", own.url, "--to", str(tmp_path / "out"))[0] == 0
    told = said("sql", "select name, samples from exports", "--shelf", own.url, "--format", "csv")[1]
    assert told.split() == ["name,samples", f"train,{ROWS + 1}"]


def test_a_query_that_is_wrong_is_told_in_the_words_of_duckdb(shelf: Shelf, said: Said) -> None:
    code, told = said("sql", "select colour from samples", "--shelf", shelf.url)
    assert code == 2 and "colour" in told and "show tables" in told


def test_the_database_opens_in_plain_duckdb(own: Shelf) -> None:
    path = write_database(own)
    with duckdb.connect(path, read_only=True) as db:
        views = {name for (name,) in db.execute("SHOW TABLES").fetchall()}
        assert {"samples", "notes", "notes_pixels", "verdicts", "runs", "exports"} <= views
        assert db.execute("SELECT count(*) FROM verdicts WHERE outcome = 'kept'").fetchall() == [(ROWS + 1,)]
    assert [name.name for name in Path(own.root).iterdir() if name.name.startswith(".ostraka-tmp-")] == []


def test_a_shelf_in_a_folder_with_signs_of_a_glob_is_read(shelf: Shelf, said: Said, tmp_path: Path) -> None:
    odd = tmp_path / "verdicts" / "o'd[d]*?"
    shutil.copytree(shelf.root, odd)
    assert f"{ROWS + 1} kept" in said("funnel", "--shelf", str(odd))[1]
    assert said("why", "plain0", "--shelf", str(odd))[1] == said("why", "plain0", "--shelf", shelf.url)[1]
    told = said("sql", "select distinct recipe from verdicts", "--shelf", str(odd), "--format", "csv")[1]
    assert told.split() == ["recipe", recipe().id]


def test_the_beginning_of_a_key_is_enough(shelf: Shelf, said: Said) -> None:
    key = key_of(shelf, "plain0")
    whole = said("why", key, "--shelf", shelf.url)
    assert whole[0] == 0
    assert said("why", key[:12].upper(), "--shelf", shelf.url) == whole


def test_a_row_named_in_hex_digits_is_found(shelf: Shelf, said: Said) -> None:
    assert "from made/0000cafe" in said("why", "0000cafe", "--shelf", shelf.url)[1]


@pytest.mark.parametrize("asked", ["ffffffffffff", "nobody", "ab", "it's"])
def test_a_sample_that_is_not_there_is_said_to_be_none(shelf: Shelf, said: Said, asked: str) -> None:
    code, told = said("why", asked, "--shelf", shelf.url)
    assert code == 2 and "no sample" in told


def test_a_name_that_stands_in_two_datasets_asks_for_more(
    own: Shelf, said: Said, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    line = {"id": "plain0", "image": "new.jpg", "caption": "another one of that name"}
    (tmp_path / "new.jpg").write_bytes(picture(201))
    (tmp_path / "rows.jsonl").write_text(json.dumps(line) + "\n")
    assert said("ingest", str(tmp_path / "rows.jsonl"), "--shelf", own.url, "--dataset", "other")[0] == 0
    code, told = said("show", "plain0", "--shelf", own.url)
    assert code == 2 and "could be" in told
    assert "another one of that name" in said("show", "other/plain0", "--shelf", own.url)[1]


def test_show_writes_the_original_bytes(
    shelf: Shelf, said: Said, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    code, told = said("show", "near7", "--shelf", shelf.url, "--to", str(tmp_path))
    assert code == 0
    [path] = tmp_path.iterdir()
    assert str(path) in told
    assert path.read_bytes() == stamped(picture(7, (300, 200)))


VERBS = [("funnel",), ("why", "abcd"), ("what-if", "a > 1"), ("show", "abcd"), ("sql", "select 1"), ("browse",)]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_a_wrong_path_is_no_shelf(said: Said, tmp_path: Path, verb: tuple[str, ...]) -> None:
    code, told = said(*verb, "--shelf", str(tmp_path / "nothing"))
    assert code == 2 and "no samples on this shelf" in told
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("verb", [("funnel",), ("why", "plain0"), ("what-if", "sharpness > 1"), ("browse",)])
def test_a_shelf_without_a_run_says_to_run(
    said: Said, tmp_path: Path, picture: Callable[..., bytes], verb: tuple[str, ...]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "plain0.jpg").write_bytes(picture(1))
    name = ("why", "plain0.jpg") if verb[0] == "why" else verb
    assert said("ingest", str(tmp_path / "in"), "--shelf", str(tmp_path / "s"))[0] == 0
    code, told = said(*name, "--shelf", str(tmp_path / "s"))
    assert code == 2 and "no recipe was run" in told
    assert said("sql", "select count(*) from verdicts", "--shelf", str(tmp_path / "s"), "--format", "csv")[
        1
    ].split() == [
        "count_star()",
        "0",
    ]


def test_a_recipe_that_was_not_run_is_named_with_those_that_were(shelf: Shelf, said: Said) -> None:
    code, told = said("funnel", "--shelf", shelf.url, "--recipe", "caption-light")
    assert code == 2 and recipe().id in told


def test_a_name_goes_before_the_beginning_of_a_key(tmp_path: Path, picture: Callable[..., bytes], said: Said) -> None:
    own = Shelf(str(tmp_path / "shelf"))
    (tmp_path / "a.jpg").write_bytes(picture(1))
    for dataset, name in (("first", "x"), ("second", None)):
        row = {"id": name or own.catalog("000000")["key"][0].as_py().hex[:4], "image": "a.jpg", "caption": "a picture"}
        (tmp_path / f"{dataset}.jsonl").write_text(json.dumps(row) + "\n")
        ingest(own, str(tmp_path / f"{dataset}.jsonl"), Local(1))
    code, told = said("show", row["id"], "--shelf", own.url)
    assert code == 0 and f'"row": "{row["id"]}"' in told
