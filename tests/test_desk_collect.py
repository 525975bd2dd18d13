"""`ostraka desk collect`: what stands at a desk on the shelf, once and whole, before what models say of it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pyarrow.parquet as pq
import pytest

from annotators.annotator import Annotator, Subject
from annotators.desk.corrections import corrections
from annotators.desk.item import Item
from annotators.desk.label_studio.compared import measure_of_sheet
from annotators.desk.label_studio.find import SHEETS
from annotators.desk.ledger import Ledger, open_ledger
from annotators.desk.rules import Layer, Rules
from annotators.desk.submission import Submission
from filters.filter import Filter
from filters.scores import Above
from pipelines.cli import main
from pipelines.desk.collect import Collected, collect
from pipelines.desk.folder import Folder
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.manifest import read_manifest
from pipelines.export.mix import Part, export_mix
from pipelines.export.reshard import reshard
from pipelines.export.spans.cut_shard import CutRule
from pipelines.export.spans.export import export_spans
from pipelines.export.spans.spans import Wanted, notes_on_spans
from pipelines.export.verify import verify
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.ingest.manifest import NOTES_COLUMN
from pipelines.ingest.plan import Cut
from pipelines.query.choose import find_sample
from pipelines.query.difficulty import spread
from pipelines.query.quick import Question
from pipelines.query.sql import run_query
from pipelines.query.story import tell
from pipelines.query.whatif import what_if
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.run.stored import stored_recipe
from pipelines.shelf.in_duckdb import connected
from pipelines.shelf.people import People, people_ids
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, Unavailable
from schemas.form import read as read_sample
from schemas.note import Note, Noted, QuadTrack, TimeSpan, Track
from schemas.people import Word, words_in
from schemas.response import BOX, BOX_END
from schemas.sample import Sample
from schemas.shard import samples
from schemas.verdict import Verdict
from schemas.vocabulary import Name
from schemas.vocabulary.answers import DIFFICULTY, PASS_RATE
from schemas.vocabulary.dialogues import CATEGORY
from schemas.vocabulary.text_tracks import TEXT_TRACK

PIECES = (Piece("pan_left", 20), Piece("zoom_in", 19, 1), Piece("tilt_up", 17, 3))
CLIPS = {
    "film.mp4": Drawing("film", PIECES, rate=(24000, 1001)),
    "late.mp4": Drawing("late", PIECES, rate=(30000, 1001), start=31),
    "still.mp4": Drawing("still", (Piece("static", 24, 2),)),
}


class Anything:
    """A layer that compares nothing."""

    def agreement(self, one: Any, other: Any) -> float:
        return float(one == other)

    def merged(self, all_of_them: Any) -> Any:
        return all_of_them[0]

    def problem(self, notes: Any) -> str:
        return ""


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


postgres_server = load("postgres_server")
OWN = "own"
MEASURES: dict[str, Any] = {**{name: measure_of_sheet(sheet) for name, sheet in SHEETS.items()}, OWN: Anything()}
CONFIG = {name: sheet.fingerprint for name, sheet in SHEETS.items()}
NOW_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def clips(drawn: Callable[[Drawing], Drawn]) -> dict[str, Drawn]:
    return {name: drawn(drawing) for name, drawing in CLIPS.items()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, clips: dict[str, Drawn]) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    rows = []
    for name, clip in clips.items():
        (folder / name).write_bytes(clip.content)
        rows.append({"id": name, "video": name, NOTES_COLUMN: clip.notes})
    (folder / "clips.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return folder / "clips.jsonl"


@pytest.fixture
def shelf(tmp_path: Path, source: Path) -> Shelf:
    """A shelf of two shards whose source says of every clip what it shows; it plays the model."""
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(source), Local(), cut=Cut(rows=2))
    return shelf


@pytest.fixture
def desk(tmp_path: Path, shelf: Shelf) -> Iterator[Desk]:
    with open_ledger(str(tmp_path / "desk.db"), measures=MEASURES) as ledger:
        yield Desk(ledger, shelf)


def keys(shelf: Shelf) -> dict[str, str]:
    found = {}
    for shard in shelf.shards():
        table = shelf.catalog(shard, ["name", "key"])
        found |= {n: k.bytes.hex() for n, k in zip(table["name"].to_pylist(), table["key"].to_pylist(), strict=True)}
    return found


class Desk:
    """A ledger with people and the sheets' layers, and a clock that goes on a second with whatever happens."""

    def __init__(self, ledger: Ledger, shelf: Shelf, **rules: Any) -> None:
        self.ledger, self.keys, self.now_ms, self.stamps = ledger, keys(shelf), NOW_MS, 0
        for name in MEASURES:
            given = {"review_share": 0.0, "gold_share": 0.0, **rules}
            ledger.set_layer(Layer(name, CONFIG.get(name, OWN), "t1", "g1", Rules(**given)), self.tick())
        for person in ("ana@example.com", "ben"):
            ledger.set_person(person, ["annotator"], self.tick())
        ledger.set_person("rev", ["reviewer"], self.tick())
        ledger.set_person("jud", ["adjudicator"], self.tick())

    def tick(self) -> int:
        self.now_ms += 1000
        return self.now_ms

    def ask(self, layer: str, name: str, **more: Any) -> str:
        item = f"{layer}:{name}:{more.get('at', '')!s:.40}"
        self.ledger.select([Item(item, layer, self.keys.get(name, name), **more)], self.tick())
        return item

    def say(self, item: str, person: str, notes: tuple[Note, ...]) -> None:
        self.ledger.take(person, "annotator", self.tick(), most=99)
        self.stamps += 1
        config = self.ledger.state.layers[self.ledger.state.work[item].item.layer].config
        given = Submission(item, person, notes, config, f"{person}/{self.stamps}", f"{self.stamps:05d}", "g1", 60.0)
        out = self.ledger.submit(given, self.tick())
        assert out.kind == "written", out

    def agree(self, item: str, *notes: Note) -> None:
        for person in ("ana@example.com", "ben"):
            self.say(item, person, notes)

    def asked(self, layer: str, name: str, *notes: Note, **more: Any) -> str:
        """Ask both people about a clip, who say the same."""
        item = self.ask(layer, name, **more)
        self.agree(item, *notes)
        return item

    def collect(self, shelf: Shelf, **more: Any) -> Collected:
        return collect(self.ledger, shelf, self.tick(), **more)


def span(clip: Drawn, first: int, end: int) -> TimeSpan:
    ends = *clip.pts, clip.pts[-1]
    return TimeSpan(0, ends[first], ends[end], clip.time_base)


def plain(choice: str, grade: int = 3) -> tuple[Note, ...]:
    return Note("person_choice", choice), Note("person_difficulty", grade)


def motion(*notes: Note) -> tuple[Note, ...]:
    return Note("camera_clear", "yes"), *notes


def words(shelf: Shelf) -> dict[str, tuple[Word, ...]]:
    """What people say on a shelf, by the clip's name."""
    people, found = People(shelf), dict[str, tuple[Word, ...]]()
    for shard in shelf.shards():
        names = shelf.catalog(shard, ["name"])["name"].to_pylist()
        found |= {names[row]: tuple(said) for row, said in people.words(shard).items()}
    return found


def exported_samples(folder: Path) -> dict[str, Sample]:
    tars = sorted(folder.rglob("*.tar"))
    return {key: read_sample(members)[0] for tar in tars for key, members in samples(str(tar))}


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_what_stands_is_on_the_shelf_with_how_it_came_to_stand_and_nobodys_name(
    desk: Desk, shelf: Shelf, clips: dict[str, Drawn]
) -> None:
    moves = Note("camera_motion", "static", span(clips["film.mp4"], 0, 20))
    machine = (Note("camera_motion", "pan_left", span(clips["film.mp4"], 0, 20), "cameramotion@0123456789"),)
    agreed = desk.asked("camera_motion", "film.mp4", *motion(moves), machine=machine, why="audit")
    assert desk.ledger.state.work[agreed].state == "adjudicate", "people spoke against the models in an audit"
    desk.ledger.take("jud", "adjudicator", desk.tick())
    config = CONFIG["camera_motion"]
    desk.ledger.adjudicate(Submission(agreed, "jud", motion(moves), config), desk.tick())
    desk.asked("plain_clip", "film.mp4", *plain("good", 5))
    parted = desk.ask("plain_clip", "late.mp4")
    desk.say(parted, "ana@example.com", plain("good"))
    desk.say(parted, "ben", plain("bad"))
    desk.ledger.take("jud", "adjudicator", desk.tick())
    desk.ledger.adjudicate(Submission(parted, "jud", plain("bad", 1), CONFIG["plain_clip"]), desk.tick())
    found = desk.collect(shelf)
    assert (found.items, found.went_out, found.pieces, found.left_out) == (3, 3, 1, {})
    said = words(shelf)
    by_layer = {word.layer: word for word in said["film.mp4"]}
    assert by_layer["plain_clip"].how == "agreement" and len(by_layer["plain_clip"].people) == 2
    assert by_layer["camera_motion"].how == "adjudication" and by_layer["camera_motion"].agreement == 0
    assert [shown.value for shown in by_layer["camera_motion"].machine] == ["pan_left"]
    [word] = said["late.mp4"]
    assert (word.how, word.taxonomy, word.guideline, len(word.people)) == ("adjudication", "t1", "", 1)
    assert word.people == (word.by,) and {note.value for note in word.notes} == {"bad", 1}
    rows = {row.seq: row for row in desk.ledger.rows()}
    assert all(rows[one.seq].chain == one.chain for one in (*said["film.mp4"], word))
    assert '"accepted_notes"' in rows[word.seq].event
    table = pq.read_table(shelf.path("notes", found.desk, "000000-0000.parquet")).to_pylist()
    assert [row["person_choice"] for row in table] == ["good", "bad"]
    everything = b"".join(path.read_bytes() for path in Path(shelf.url).rglob("*") if path.is_file())
    assert b"ana@" not in everything and b"example.com" not in everything
    assert [row[0] for row in run_query(shelf, "select text from spans where annotator like 'people@%'")[1]] == [
        "static"
    ]


def test_collecting_twice_writes_the_same_bytes_and_one_event(
    desk: Desk, shelf: Shelf, tree_digest: Callable[..., dict[str, str]]
) -> None:
    for name in CLIPS:
        desk.asked("plain_clip", name, *plain("good"))
    first = desk.collect(shelf)
    after, seq = tree_digest(Path(shelf.url)), desk.ledger.state.seq
    second = desk.collect(shelf)
    assert (first.pieces, first.went_out, second.pieces, second.went_out, second.batch) == (2, 3, 0, 0, "")
    assert tree_digest(Path(shelf.url)) == after and desk.ledger.state.seq == seq
    assert all(one.exported_in == first.batch for one in desk.ledger.standing())


def test_what_is_opened_again_mended_or_quarantined_changes_on_the_next_collect(desk: Desk, shelf: Shelf) -> None:
    items = [desk.asked("plain_clip", name, *plain("good")) for name in CLIPS]
    desk.collect(shelf)
    desk.ledger.reopen(items, "lead", "look again", desk.tick())
    found = desk.collect(shelf)
    assert (found.items, found.reopened, found.pieces, found.went_out) == (3, 3, 2, 0)
    assert {word.reopened for said in words(shelf).values() for word in said} == {"draft"}
    desk.agree(items[0], *plain("bad"))
    desk.ledger.quarantine(items[1], "cannot be seen", desk.tick())
    found = desk.collect(shelf)
    assert found.left_out == {"quarantined": (items[1],)} and (found.items, found.went_out) == (2, 1)
    said = words(shelf)
    assert [note.value for note in said["film.mp4"][0].notes] == ["bad", 3] and "late.mp4" not in said
    batches = [one.exported_in for one in desk.ledger.standing() if one.item.id == items[0]]
    assert batches == [found.batch]


def test_what_is_said_of_a_whole_shot_is_said_of_the_shot_and_of_no_other(
    desk: Desk, shelf: Shelf, clips: dict[str, Drawn]
) -> None:
    film = clips["film.mp4"]
    for first, end, clear in ((0, 20, "yes"), (20, 39, "no")):
        desk.asked("camera_motion", "film.mp4", Note("camera_clear", clear), at=span(film, first, end))
    desk.asked("camera_motion", "late.mp4", Note("camera_clear", "yes"))
    found = desk.collect(shelf)
    table = pq.read_table(shelf.path("notes", found.desk, "000000-0000.parquet")).to_pylist()
    assert [row["camera_clear"] for row in table] == [None, "yes"]
    said = {note.value: note.at for word in words(shelf)["film.mp4"] for note in word.notes}
    assert said == {"yes": span(film, 0, 20), "no": span(film, 20, 39)}


def test_of_two_items_about_one_name_the_one_accepted_last_is_believed(desk: Desk, shelf: Shelf) -> None:
    asked = {layer: desk.ask(layer, "film.mp4") for layer in ("plain_clip", OWN)}
    for layer, choice in (("plain_clip", "bad"), (OWN, "good")):
        desk.agree(asked[layer], Note("person_choice", choice))
    desk.collect(shelf)
    assert [row[0] for row in run_query(shelf, "select person_choice from notes_people")[1]] == ["good"]
    desk.ledger.reopen([asked["plain_clip"]], "lead", "look again", desk.tick())
    desk.agree(asked["plain_clip"], Note("person_choice", "usable"))
    desk.collect(shelf)
    assert [row[0] for row in run_query(shelf, "select person_choice from notes_people")[1]] == ["usable"]
    assert [word.layer for word in words(shelf)["film.mp4"]] == ["plain_clip", OWN]


def test_where_nothing_stands_any_more_nothing_stays_on_the_shelf(desk: Desk, shelf: Shelf) -> None:
    item = desk.asked("plain_clip", "still.mp4", *plain("good"))
    desk.asked("plain_clip", "film.mp4", *plain("good"))
    desk.collect(shelf)
    desk.ledger.reopen([item], "lead", "look again", desk.tick())
    desk.ledger.quarantine(item, "cannot be seen", desk.tick())
    desk.collect(shelf)
    assert set(words(shelf)) == {"film.mp4"}
    assert run_query(shelf, "select count(*) from notes_people where person_choice = 'good'")[1] == [(1,)]


def test_a_ledger_on_postgresql_says_the_same_bytes(
    shelf: Shelf, tmp_path: Path, source: Path, tree_digest: Callable[..., dict[str, str]]
) -> None:
    if not postgres_server.programs():
        pytest.skip("no PostgreSQL on this machine: install the package postgresql")
    other, found = Shelf(str(tmp_path / "other")), []
    ingest(other, str(source), Local(), cut=Cut(rows=2))
    with postgres_server.postgres() as url:
        for where, to in ((str(tmp_path / "desk.db"), shelf), (url, other)):
            with open_ledger(where, measures=MEASURES) as ledger:
                mine = Desk(ledger, shelf)
                item = mine.asked("plain_clip", "film.mp4", *plain("good"))
                mine.collect(to)
                mine.ledger.reopen([item], "lead", "again", mine.tick())
                mine.agree(item, *plain("bad"))
                found.append(mine.collect(to))
    assert found[0] == found[1] and found[0].went_out == 1
    notes = f"notes/{found[0].desk}"
    assert tree_digest(Path(other.url) / notes) == tree_digest(Path(shelf.url) / notes)


@pytest.mark.parametrize("stop", ["000000-0000.parquet", "000001-0000.parquet", "collected.json"])
def test_killed_anywhere_the_same_command_ends_as_if_it_were_not(
    desk: Desk,
    shelf: Shelf,
    tmp_path: Path,
    source: Path,
    stop: str,
    tree_digest: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = Shelf(str(tmp_path / "whole"))
    ingest(whole, str(source), Local(), cut=Cut(rows=2))
    items = [desk.asked("plain_clip", name, *plain("good")) for name in CLIPS]
    desk.collect(shelf)
    desk.ledger.reopen(items, "lead", "look again", desk.tick())
    for item in items:
        desk.agree(item, *plain("bad"))
    seen = 0

    def crossing(point: str, path: str) -> None:
        nonlocal seen
        if point == "published" and path.endswith(stop):
            seen += 1
            if seen == (2 if stop == "collected.json" else 1):
                raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("schemas.publish.crossing", crossing)
        desk.collect(shelf)
    if stop != "collected.json":
        run(shelf, find_recipe("whole"), Local())
        with pytest.raises(BadInput, match="was not collected to its end"):
            export(shelf, "out", str(tmp_path / "out"), Local(), ExportOptions())
    found = desk.collect(shelf)
    assert found.went_out == 3 and {note.value for said in words(shelf).values() for note in said[0].notes} == {
        "bad",
        3,
    }
    collect(desk.ledger, whole, desk.tick())
    notes = f"notes/{found.desk}"
    assert tree_digest(Path(whole.url) / notes) == tree_digest(Path(shelf.url) / notes)


def test_what_cannot_stand_is_left_out_with_its_reason_and_the_rest_stands(desk: Desk, shelf: Shelf) -> None:
    gone = desk.asked("plain_clip", "0" * 32, *plain("good"))
    strange = desk.asked("plain_clip", "no key", *plain("good"))
    beyond = desk.asked("actions", "film.mp4", Note("action", "move", TimeSpan(3, 0, 9, (1, 24))))
    desk.asked("plain_clip", "film.mp4", *plain("good"))
    unknown = desk.asked(OWN, "late.mp4", Note("mood", "calm"))
    wrong = desk.asked(OWN, "still.mp4", Note("person_choice", 3))
    found = desk.collect(shelf)
    assert found.left_out == {
        "no_such_part": (beyond,),
        "not_on_shelf": (strange, gone),
        "unknown_name": (unknown,),
        "wrong_kind": (wrong,),
    }
    assert found.items == 1 and set(words(shelf)) == {"film.mp4"}
    [record] = sorted(Path(shelf.url, "runs").glob("*/record.json"))[-1:]
    assert json.loads(record.read_bytes())["failed"][found.desk]["not_on_shelf"] == 2
    lines = (record.parent / "failures.jsonl").read_text().splitlines()
    assert any("mood of layer own" in line for line in lines)


def test_a_ledger_of_another_shelf_or_of_another_desk_is_refused(
    desk: Desk, shelf: Shelf, tmp_path: Path, tree_digest: Callable[..., dict[str, str]]
) -> None:
    desk.asked("plain_clip", "film.mp4", *plain("good"))
    mine = desk.collect(shelf)
    with open_ledger(str(tmp_path / "other.db"), measures=MEASURES) as ledger:
        with pytest.raises(BadInput, match="holds nothing"):
            collect(ledger, shelf, NOW_MS)
        other = Desk(ledger, shelf, overlap=1)
        other.ask("plain_clip", "0" * 32)
        item = other.ask("plain_clip", "film.mp4")
        other.say(item, "ben", plain("bad"))
        before = tree_digest(Path(shelf.url))
        with pytest.raises(BadInput, match="notes of another desk, people@"):
            other.collect(shelf)
        assert tree_digest(Path(shelf.url)) == before
        other.collect(shelf, beside=True)
        first = min(mine.desk, next(one for one in people_ids(shelf) if one != mine.desk))
        value = words(shelf)["film.mp4"][0].notes[0].value
        assert value == ("good" if first == mine.desk else "bad")
    with open_ledger(str(tmp_path / "third.db"), measures=MEASURES) as ledger:
        third = Desk(ledger, shelf)
        third.asked("plain_clip", "0" * 32, *plain("good"))
        with pytest.raises(BadInput, match="none of the 1 samples that people noted is on this shelf"):
            third.collect(shelf, beside=True)
        assert len(people_ids(shelf)) == 2 and all(one.exported_in == "" for one in ledger.standing())


def test_a_shelf_that_cannot_be_written_is_told_and_the_ledger_says_nothing_went_out(desk: Desk, shelf: Shelf) -> None:
    desk.asked("plain_clip", "film.mp4", *plain("good"))
    Path(shelf.url, "notes").mkdir(exist_ok=True)
    Path(shelf.url, "notes", _desk_name(desk)).write_bytes(b"a file in the way")
    with pytest.raises((Unavailable, OSError)):
        desk.collect(shelf)
    assert desk.ledger.standing()[0].exported_in == ""


def _desk_name(desk: Desk) -> str:
    from annotators.desk.words import spoken

    return spoken(desk.ledger).desk


class Scored(Annotator, frozen=True):
    """Says that every clip is of one category."""

    writes: ClassVar[tuple[Name, ...]] = (CATEGORY,)

    def look(self, subject: Subject) -> Noted:
        return Noted({"category": "sport"})


class Chosen(Filter, frozen=True):
    """Keeps what no person called bad, of the category news."""

    reads: ClassVar = ("person_choice", "category")
    reasons: ClassVar = ("called_bad", "other_category")

    def judge(self, sample: Any) -> Verdict:
        if sample["person_choice"] == "bad":
            return Verdict(False, "called_bad")
        return Verdict(sample["category"] == "news", "other_category")


def test_filters_read_what_people_say_before_what_a_model_says(desk: Desk, shelf: Shelf, tmp_path: Path) -> None:
    recipe = Recipe("chosen", Annotate(Scored()), Keep(Chosen()))
    assert run(shelf, recipe, Local()) == {"kept": 0, "dropped": 3, "failed": 0}
    for name in ("film.mp4", "still.mp4"):
        desk.asked(OWN, name, Note("category", "news"))
    desk.asked("plain_clip", "still.mp4", *plain("bad"))
    desk.collect(shelf)
    verdicts = {}
    for workers in (1, 2):
        assert run(shelf, recipe, Local(workers)) == {"kept": 1, "dropped": 2, "failed": 0}
        verdicts[workers] = [
            (Path(shelf.url) / "verdicts" / recipe.id / f"{shard}.parquet").read_bytes() for shard in shelf.shards()
        ]
    assert verdicts[1] == verdicts[2]
    with connected(shelf) as db:
        story = tell(db, shelf, recipe, find_sample(db, shelf, "film.mp4"))
    assert story.outcome == "kept"
    told = {one.step.split("@")[0]: one for one in story.told}
    assert told["scored"].notes == {"category": "sport"}, "what the model said is still told"
    assert told["people"].notes == {"category": "news"} and "people agreed (p-" in told["people"].detail


def test_a_run_is_not_skipped_where_people_said_something_since(desk: Desk, shelf: Shelf) -> None:
    recipe = find_recipe("whole")
    run(shelf, recipe, Local())
    digests = []
    for choice in ("good", "fine"):
        from pipelines.record.stamp import Stamp
        from pipelines.run.unchanged import left_on

        digests.append(left_on(shelf, recipe, shelf.snapshot(), Stamp()).digest)
        item = desk.ask("plain_clip", "film.mp4")
        if choice == "fine":
            desk.ledger.reopen([item], "lead", "again", desk.tick())
        desk.agree(item, *plain("good" if choice == "good" else "bad"))
        desk.collect(shelf)
    assert len({*digests, left_on(shelf, recipe, shelf.snapshot(), Stamp()).digest}) == 3


def test_an_export_holds_what_people_say_with_its_provenance(
    desk: Desk, shelf: Shelf, clips: dict[str, Drawn], tmp_path: Path
) -> None:
    run(shelf, find_recipe("whole"), Local())
    export(shelf, "before", str(tmp_path / "before"), Local(), ExportOptions())
    assert "people" not in rows_of(tmp_path / "before")[0]
    desk.asked("plain_clip", "film.mp4", *plain("good"))
    desk.ledger.set_layer(Layer("plain_clip", "c2", "t2", "g2", Rules(review_share=0, gold_share=0)), desk.tick())
    desk.asked("plain_clip", "late.mp4", *plain("bad"))
    desk.collect(shelf)
    export(shelf, "out", str(tmp_path / "out"), Local(2), ExportOptions(rows=1))
    assert verify(str(tmp_path / "out")).samples == 3
    names = {key: name for name, key in keys(shelf).items()}
    held = exported_samples(tmp_path / "out")
    told = {names[row["key"]]: words_in(row["people"]) for row in rows_of(tmp_path / "out")}
    assert {name: [word.taxonomy for word in said] for name, said in told.items()} == {
        "film.mp4": ["t1"],
        "late.mp4": ["t2"],
        "still.mp4": [],
    }
    assert {names[key]: words_in(one.people) for key, one in held.items()} == told
    assert told == {**dict.fromkeys(CLIPS, ()), **words(shelf)}
    manifest = read_manifest(shelf.fs, str(tmp_path / "out"))
    assert manifest and manifest.options["people"]["layers"]["plain_clip"]["taxonomies"] == {"t1": 1, "t2": 1}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "**Taxonomies are mixed** in plain_clip" in card and "| plain_clip | 2 | 4 | t1 (1), t2 (1) |" in card
    (tmp_path / "keep.txt").write_text("\n".join(held))
    reshard(str(tmp_path / "out"), str(tmp_path / "keep.txt"), str(tmp_path / "some"))
    assert verify(str(tmp_path / "some")).samples == 3
    assert {row["key"]: row["people"] for row in rows_of(tmp_path / "some")} == {
        key: one.people for key, one in held.items()
    }
    desk.ledger.reopen([desk.ask("plain_clip", "film.mp4")], "lead", "look again", desk.tick())
    desk.collect(shelf)
    with pytest.raises(BadInput, match="holds another export"):
        export(shelf, "out", str(tmp_path / "out"), Local(), ExportOptions(rows=1))


def test_clips_are_cut_and_told_of_by_people_before_models(
    desk: Desk, shelf: Shelf, clips: dict[str, Drawn], tmp_path: Path
) -> None:
    run(shelf, find_recipe("whole"), Local())
    film, late = clips["film.mp4"], clips["late.mp4"]
    shots = (Note("shot", "start", span(film, 0, 39)), Note("shot", "cut", span(film, 39, 56)))
    desk.asked("shots", "film.mp4", *shots)
    turned = Note("camera_motion", "truck_left", span(film, 0, 20))
    desk.asked("camera_motion", "film.mp4", *motion(turned), machine=tuple(n for n in film.notes if "camera" in n.name))
    nothing = tuple(note for note in late.notes if note.name == "camera_motion")
    desk.asked("camera_motion", "late.mp4", *motion(), machine=nothing)
    first = span(late, 0, 20)
    desk.asked("shots", "late.mp4", Note("shot", "fade", span(late, 2, 20)), at=first)
    desk.collect(shelf)
    cut = CutRule(Wanted(("shot",), 0.1), forms=("motion",))
    done = export_spans(shelf, "clips", str(tmp_path / "out"), Local(2), ExportOptions(), cut)
    assert verify(str(tmp_path / "out")).samples == done.exported
    names = {key: name for name, key in keys(shelf).items()}
    rows = [row for row in rows_of(tmp_path / "out") if names[row["parent"]] != "still.mp4"]
    assert [row["frames"] for row in rows] == [39]
    assert rows[0]["texts"][1] == "The camera trucks to the left from 0.0 s to 0.8 s."
    [camera, frames] = sorted(words_in(rows[0]["people"]), key=lambda word: word.layer)
    assert [note.value for note in frames.notes] == ["start"], "of the other shot the other clip tells"
    assert {shown.value for shown in camera.machine} == {"pan_left", "zoom_in", "tilt_up"}
    assert done.left_out["no_turns"] == 4, "of late.mp4 people took every move away"
    export_spans(shelf, "shots", str(tmp_path / "shots"), Local(), ExportOptions(), CutRule(Wanted(("shot",), 0.1)))
    verify(str(tmp_path / "shots"))
    late_rows = [row for row in rows_of(tmp_path / "shots") if names[row["parent"]] == "late.mp4"]
    assert [row["frames"] for row in sorted(late_rows, key=lambda row: row["start_pts"])] == [18, 19, 17]
    said = [[word.layer for word in words_in(row["people"])] for row in sorted(late_rows, key=lambda r: r["start_pts"])]
    assert said == [["shots", "camera_motion"], ["camera_motion"], ["camera_motion"]]


def test_every_layer_of_people_speaks_in_dialogues(
    desk: Desk, shelf: Shelf, clips: dict[str, Drawn], tmp_path: Path
) -> None:
    run(shelf, find_recipe("whole"), Local())
    film = clips["film.mp4"]
    whole, first, second = span(film, 0, 56), span(film, 0, 24), span(film, 24, 48)
    framed = Note("shot", "start", whole), Note("shot_scale", "medium_close_up", whole)
    desk.asked("shots", "film.mp4", *framed, Note("shot_composition", ["thirds", "symmetry"], whole))
    done = (
        Note("action", "cut", first),
        Note("action_description", "A cook cuts an onion.", first),
        Note("action_actor", "a cook", first),
        Note("action", "put_down", second),
        Note("action_description", "", second),
        Note("action_actor", "a cook", second),
        Note("action_objects", "the knife", second),
    )
    desk.asked("actions", "film.mp4", *done)
    plates = [Track(0, film.time_base, tuple((pts, 9.0, 9.0, 60.0, 40.0) for pts in film.pts[a:b])) for a, b in PLATES]
    written = [
        note
        for plate, text in zip(plates, ("EXIT", "OPEN", "###"), strict=True)
        for note in (Note("scene_text_kind", "scene", plate), Note("scene_text", text, plate))
    ]
    desk.asked("scene_text", "film.mp4", *written)
    desk.collect(shelf)
    cut = CutRule(Wanted(("shot",), 2.0), forms=("actions", "texts", "framing"))
    export_spans(shelf, "clips", str(tmp_path / "out"), Local(), ExportOptions(), cut)
    verify(str(tmp_path / "out"))
    [row] = rows_of(tmp_path / "out")
    actions, texts, framing = row["texts"][1::2]
    assert actions == ("From 0.0 s to 1.0 s: A cook cuts an onion.\nFrom 1.0 s to 2.0 s: a cook, put down, the knife.")
    assert texts == "OPEN\nEXIT"
    assert framing == "Scale: medium close up; composition: thirds, symmetry."


PLATES = ((20, 40), (2, 30), (40, 50))


def test_a_model_that_reads_text_is_silent_where_people_read_it(
    desk: Desk, shelf: Shelf, clips: dict[str, Drawn]
) -> None:
    run(shelf, Recipe("read", Annotate(Reads())), Local())
    recipe_id = Recipe("read", Annotate(Reads())).id
    assert [note.value for note in standing(shelf, recipe_id)["film.mp4"]["text_track"]] == ["0PEN"]
    plate = Track(0, (1, 24), tuple((pts, 9.0, 9.0, 60.0, 40.0) for pts in range(9)))
    desk.asked("scene_text", "film.mp4", Note("scene_text_kind", "scene", plate), Note("scene_text", "OPEN", plate))
    desk.collect(shelf)
    found = standing(shelf, recipe_id)["film.mp4"]
    assert "text_track" not in found and [note.value for note in found["scene_text"]] == ["OPEN"]
    assert "text_track" in standing(shelf, recipe_id)["late.mp4"]


def standing(shelf: Shelf, recipe_id: str) -> dict[str, dict[str, list[Note]]]:
    """What stands on spans and tracks, by the clip's name."""
    people, ids = People(shelf), stored_recipe(shelf, recipe_id).annotator_ids()
    found = dict[str, dict[str, list[Note]]]()
    for shard in shelf.shards():
        names = shelf.catalog(shard, ["name"])["name"].to_pylist()
        found |= {names[row]: said for row, said in notes_on_spans(shelf, ids, shard, people.words(shard)).items()}
    return found


class Reads(Annotator, frozen=True):
    """Reads the same text in every clip."""

    places: ClassVar[tuple[Name, ...]] = (TEXT_TRACK,)

    def look(self, subject: Subject) -> Noted:
        corners = ((9.0, 9.0), (60.0, 9.0), (60.0, 40.0), (9.0, 40.0))
        return Noted({}, (Note("text_track", "0PEN", QuadTrack(0, 0, 9, (1, 24), ((0, corners),))),))


def test_a_grade_of_difficulty_moves_the_tier_of_a_task_in_the_place_of_its_sources_word(
    desk: Desk, shelf: Shelf
) -> None:
    recipe = Recipe("tiers", Annotate(Rated()), Keep(Hard()))
    assert run(shelf, recipe, Local())["kept"] == 0
    desk.asked("plain_clip", "film.mp4", *plain("good", 5))
    desk.asked("plain_clip", "late.mp4", *plain("good", 1))
    desk.collect(shelf)
    assert run(shelf, recipe, Local()) == {"kept": 1, "dropped": 2, "failed": 0}
    with connected(shelf) as db:
        assert tell(db, shelf, recipe, find_sample(db, shelf, "film.mp4")).outcome == "kept"


def test_a_question_about_a_threshold_asks_people_first_and_tables_alone_refuse(desk: Desk, shelf: Shelf) -> None:
    recipe = Recipe("rates", Annotate(Rated()), Keep(Above("pass_rate", 0.3)))
    desk.asked(OWN, "still.mp4", Note("pass_rate", 0.9))
    assert run(shelf, recipe, Local())["kept"] == 3
    Question(shelf, recipe, "pass_rate > 0.5")
    desk.collect(shelf)
    assert run(shelf, recipe, Local())["kept"] == 3
    assert what_if(shelf, recipe, "pass_rate > 0.5").would_be_kept == 1
    with pytest.raises(BadInput, match="people may have said pass_rate: tables alone cannot tell"):
        Question(shelf, recipe, "pass_rate > 0.5")


class Rated(Annotator, frozen=True):
    """Says of every clip that it is a task of a middling difficulty."""

    writes: ClassVar[tuple[Name, ...]] = (PASS_RATE, DIFFICULTY)

    def look(self, subject: Subject) -> Noted:
        return Noted({"pass_rate": 0.4, "difficulty": "medium"})


class Hard(Filter, frozen=True):
    """Keeps hard tasks."""

    reads: ClassVar = ("difficulty",)
    reasons: ClassVar = ("not_hard",)

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        return Verdict(notes["difficulty"] == "hard", "not_hard")


def test_each_model_is_counted_wrong_by_layer_and_label(desk: Desk, shelf: Shelf, clips: dict[str, Drawn]) -> None:
    film = clips["film.mp4"]
    mine, other = "cameramotion@0123456789", "vlm@abcdef0123"
    machine = (
        Note("camera_motion", "pan_left", span(film, 0, 20), mine),
        Note("camera_motion", "zoom_in", span(film, 20, 39), mine),
        Note("camera_motion_confidence", 0.9, span(film, 20, 39), mine),
        Note("camera_motion", "static", span(film, 0, 56), other),
    )
    people = (
        Note("camera_motion", "pan_left", span(film, 1, 20)),
        Note("camera_motion", "zoom_out", span(film, 20, 39)),
        Note("camera_motion", "tilt_up", span(film, 39, 56)),
    )
    desk.asked("camera_motion", "film.mp4", *motion(*people), machine=machine)
    desk.ledger.take("rev", "reviewer", desk.tick())
    plate = Track(0, film.time_base, ((film.pts[0], 10, 10, 60, 40), (film.pts[20], 20, 10, 70, 40)))
    texts = (Note("scene_text_kind", "scene", plate), Note("scene_text", "OPEN", plate))
    read = (Note("scene_text_kind", "scene", plate, "ocr@1"), Note("scene_text", "0PEN", plate, "ocr@1"))
    item = desk.asked("scene_text", "film.mp4", *texts, machine=read)
    assert desk.ledger.state.work[item].standing
    found = {(one.model, one.name, one.label): one for one in corrections(desk.ledger.state)}
    counts = {key: (one.said, one.wrong, one.missed) for key, one in found.items()}
    assert counts[mine, "camera_motion", ""] == (2, 1, 2)
    assert counts[mine, "camera_motion", "pan_left"] == (1, 0, 0)
    assert counts[mine, "camera_motion", "zoom_in"] == (1, 1, 0)
    assert counts[mine, "camera_motion", "tilt_up"] == (0, 0, 1)
    assert counts[other, "camera_motion", ""] == (1, 1, 3)
    assert counts["ocr@1", "scene_text_kind", ""] == (1, 0, 0) and counts["ocr@1", "scene_text", ""] == (1, 1, 1)
    assert ("ocr@1", "scene_text", "OPEN") not in counts and (mine, "camera_motion_confidence", "") not in counts
    whole = found[mine, "camera_motion", ""]
    assert (whole.low, whole.high) == pytest.approx((0.0126, 0.9874), abs=1e-4)
    assert corrections(desk.ledger.state, audits=True) == ()


def test_the_commands_say_what_came_of_it(
    desk: Desk, shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(shelf, find_recipe("whole"), Local())
    machine = (Note("person_choice", "bad", by="vlm@abcdef0123"),)
    desk.asked("plain_clip", "film.mp4", *plain("good"), machine=machine)
    desk.asked("plain_clip", "0" * 32, *plain("good"))
    folder = str(tmp_path)
    Folder.begun(folder, "main").change()
    monkeypatch.setenv("OSTRAKA_DESK_LEDGER", desk.ledger.where)
    main(["desk", "collect", "--at", folder, "--shelf", shelf.url])
    said = capsys.readouterr().out
    assert "left out, not_on_shelf: 1 item (plain_clip:000" in said and "1 item on the shelf, 1 for the first" in said
    main(["why", "film.mp4", "--shelf", shelf.url])
    said = " ".join(capsys.readouterr().out.split())
    assert "models said person_choice bad by vlm@abcdef0123; people agreed (p-" in said and "person_choice good" in said
    main(["desk", "models", "--at", folder])
    said = " ".join(capsys.readouterr().out.split())
    assert "vlm@abcdef0123 plain_clip all person_choice 1 1 100.0 %" in said
    main(["desk", "models", "--at", folder, "--format", "json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["label"] for row in rows} == {"", "bad", "good"}
    for arguments in (["collect", "--shelf", shelf.url], ["models"]):
        with pytest.raises(SystemExit, match="2"):
            main(["desk", *arguments, "--at", str(tmp_path / "none")])
        assert "there is no desk yet" in capsys.readouterr().err and not (tmp_path / "none").exists()
    with pytest.raises(SystemExit, match="2"):
        main(["desk", "collect", "--at", folder, "--shelf", str(tmp_path / "empty")])
    assert "no samples on this shelf" in capsys.readouterr().err


def test_the_report_on_difficulty_counts_people_s_grades(tmp_path: Path) -> None:
    right, wrong = (f"<think>I count.</think><answer>There are {BOX}{answer}{BOX_END}.</answer>" for answer in "34")
    task = {"question": "How many boats lie there?", "domain": "counting", "reference": "3", "difficulty": "easy"}
    records = [{"id": name, **task, "responses": [right, wrong]} for name in ("one", "two")]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "tasks.jsonl"), Local())
    recipe = find_recipe("cot")
    run(shelf, recipe, Local())
    assert spread(shelf, recipe.id)[0].tiers == {"medium": 2}
    with open_ledger(str(tmp_path / "desk.db"), measures=MEASURES) as ledger:
        desk = Desk(ledger, shelf)
        desk.asked("plain_words", "one", *plain("good", 5))
        desk.collect(shelf)
    assert spread(shelf, recipe.id)[0].tiers == {"medium": 1, "hard": 1}


def test_a_mix_tells_of_the_desks_of_all_its_parts(desk: Desk, shelf: Shelf, tmp_path: Path, picture: Any) -> None:
    run(shelf, find_recipe("whole"), Local())
    desk.asked("plain_clip", "film.mp4", *plain("good"))
    desk.collect(shelf)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.jpg").write_bytes(picture(1))
    other = Shelf(str(tmp_path / "other"))
    ingest(other, str(tmp_path / "pictures"), Local())
    run(other, find_recipe("whole"), Local())
    parts = [Part("pictures", other.url), Part("clips", shelf.url)]
    export_mix(parts, "mix", str(tmp_path / "out"), Local(), ExportOptions())
    assert verify(str(tmp_path / "out")).samples == 4
    manifest = read_manifest(shelf.fs, str(tmp_path / "out"))
    assert manifest and manifest.options["people"]["layers"]["plain_clip"]["items"] == 1
    assert "People's notes" in (tmp_path / "out" / "README.md").read_text()
    told = {row["row"]: row.get("people") for row in rows_of(tmp_path / "out")}
    assert told["one.jpg"] is None and told["still.mp4"] == "[]" and len(words_in(told["film.mp4"])) == 1
