"""A desk in a folder, without a server: what is asked of a shelf, by which route, and how a lead changes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from annotators.annotator import Annotator, Subject
from annotators.desk.routing import Route
from pipelines.commands.desk import desk as commands
from pipelines.desk.folder import Folder, now_ms
from pipelines.desk.samples import recipe_of
from pipelines.desk.send import Signals, Wanted, send
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.note import Note, Noted
from schemas.vocabulary import Name

ROWS = 20


class Doubts(Annotator, frozen=True):
    """Is as unsure as the text says, and calls it good."""

    writes: ClassVar = (
        Name("doubt", "float64", "", "how unsure it is", 0, 1),
        Name("person_choice", "string", "", "what it would say"),
    )

    def look(self, subject: Subject) -> Noted:
        return Noted({"doubt": float(subject.sample.texts[0].text.split()[-1]), "person_choice": "good"})


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    rows = [{"id": str(n), "text": f"Somebody is unsure by {n / ROWS}"} for n in range(ROWS)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "texts.jsonl"), Local(), kind="texts")
    run(shelf, Recipe("doubted", Annotate(Doubts())), Local())
    return shelf


@pytest.fixture
def at(tmp_path: Path) -> str:
    do(str(tmp_path / "desk"), "ask", "plain_words", "--overlap", "1")
    return str(tmp_path / "desk")


def do(at: str, *arguments: str) -> str:
    ended = CliRunner(env={"OSTRAKA_DESK": at}).invoke(commands, list(arguments))
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    assert ended.exit_code == 0, ended.output
    return ended.output


def doubted(work: Any) -> float:
    return float(work.item.facts["words"].split()[-1])


def test_what_models_are_unsure_of_goes_to_people_with_an_audit_of_the_rest_and_what_they_noted(
    at: str, shelf: Shelf
) -> None:
    folder = Folder(at)
    wanted = Wanted(tuple(folder.sheets().values()), signals=Signals(("doubt",)), route=Route(0.5, 0.5))
    with folder.ledger() as ledger:
        sent = send(ledger, shelf, recipe_of(shelf, ""), wanted, folder.media)
        items = ledger.state.items()
        unsure = [doubted(one) for one in items if one.item.why == "unsure"]
        audits = [doubted(one) for one in items if one.item.why == "audit"]
        assert sorted(unsure) == [n / ROWS for n in range(11, 20)] and max(audits) <= 0.5 and 0 < len(audits) < 11
        assert sent.came == {"unsure": 9, "audit": len(audits), "accepted by itself": 11 - len(audits)}
        recipe = recipe_of(shelf, "doubted")
        assert recipe and {one.item.machine for one in items} == {
            (Note("person_choice", "good", by=recipe.ids[0]),),
        }
        again = send(ledger, shelf, recipe, wanted, folder.media)
        assert (again.known, len(ledger.state.items())) == (len(items), len(items))
        assert send(ledger, shelf, recipe, Wanted(wanted.sheets, most=3), folder.media).came == {"asked": 3}


def test_a_list_names_samples_and_gold_items_with_what_is_right(at: str, shelf: Shelf, tmp_path: Path) -> None:
    keys = [str(key).replace("-", "") for key in shelf.catalog("000000", ["key"])["key"].to_pylist()]
    keys = [key.hex() if isinstance(key, bytes) else key for key in keys]
    gold = {"sample": keys[0], "notes": [{"name": "person_choice", "value": "bad"}]}
    (tmp_path / "gold.jsonl").write_text(json.dumps(gold) + "\n")
    (tmp_path / "keys.txt").write_text(f"{keys[1]}\n{'0' * 32}\n")
    said = do(at, "send", "plain_words", "--shelf", shelf.url, "--list", str(tmp_path / "keys.txt"))
    assert "1 asked; 0 in the queue before" in said and f"not on this shelf: {'0' * 32}" in said
    do(at, "send", "plain_words", "--shelf", shelf.url, "--list", str(tmp_path / "gold.jsonl"), "--as", "gold")
    with Folder(at).ledger() as ledger:
        [work] = [one for one in ledger.state.work.values() if one.item.kind == "gold"]
        assert work.item.answer == (Note("person_choice", "bad"),) and work.item.sample == keys[0]
    (tmp_path / "bad.txt").write_text(f"{keys[1]} 0.5\n")
    with pytest.raises(BadInput, match=r"bad\.txt:1: this is none"):
        do(at, "send", "plain_words", "--shelf", shelf.url, "--list", str(tmp_path / "bad.txt"))
    (tmp_path / "span.txt").write_text(f"{keys[1]} 0.5 1.5\n")
    with pytest.raises(BadInput, match="a span wants a clip"):
        do(at, "send", "plain_words", "--shelf", shelf.url, "--list", str(tmp_path / "span.txt"))


def test_a_sample_that_cannot_be_shown_is_told_and_stops_nothing(at: str, shelf: Shelf) -> None:
    do(at, "ask", "plain_clip")
    assert f"{ROWS} samples failed: no_video" in do(at, "send", "plain_clip", "--shelf", shelf.url)
    with Folder(at).ledger() as ledger:
        assert not ledger.state.work


def test_a_backup_is_the_desk_and_restores_to_the_same_state(at: str, shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text("Read it to the end.")
    do(at, "ask", "plain_words", "--guideline", str(tmp_path / "guide.md"))
    do(at, "send", "plain_words", "--shelf", shelf.url, "--most", "2")
    (Path(at) / "people").mkdir()
    (Path(at) / "people" / "ana.json").write_text("{}")
    do(at, "backup", str(tmp_path / "copy"))
    with pytest.raises(BadInput, match="holds a backup already"):
        do(at, "backup", str(tmp_path / "copy"))
    assert not list((tmp_path / "copy").rglob("ana*")), "nobody's key is in it"
    other = str(tmp_path / "other")
    do(other, "restore", str(tmp_path / "copy"))
    with pytest.raises(BadInput, match="there is a desk already"):
        do(other, "restore", str(tmp_path / "copy"))
    with Folder(at).ledger() as one, Folder(other).ledger() as same:
        assert one.digest() == same.digest() and Folder(at).settings == Folder(other).settings
        assert Folder(other).guideline(same.state.layers["plain_words"].guideline) == "Read it to the end."
    assert "2 in the queue before" in do(other, "send", "plain_words", "--shelf", shelf.url, "--most", "2")


def test_a_lead_changes_items_all_of_them_or_none(at: str, shelf: Shelf) -> None:
    do(at, "send", "plain_words", "--shelf", shelf.url, "--most", "3")
    with Folder(at).ledger() as ledger:
        ledger.set_person("ana", ["annotator"], now_ms())
        ledger.set_person("ben", ["annotator"], now_ms())
        [held] = ledger.take("ana", "annotator", now_ms())
        items = [one.item.id for one in ledger.state.items()]
    other = next(one for one in items if one != held.item.id)
    assert f"{other}: priority 7" in do(at, "change", other[:9], "--priority", "7")
    assert other in do(at, "queue").splitlines()[3], "the urgent first"
    with pytest.raises(BadInput, match="nobody holds it"):
        do(at, "change", held.item.id, other, "--release")
    with Folder(at).ledger() as ledger:
        assert [one.person for one in ledger.held()] == ["ana"], "nothing of it happened"
    assert "from ana to ben" in do(at, "change", held.item.id, "--to", "ben")
    do(at, "change", *items, "--quarantine", "not today")
    assert "quarantined" in do(at, "queue", "--state", "quarantined")
    do(at, "change", *items, "--reopen", "after all", "--by", "lea")
    assert "reopened" in do(at, "queue", items[0]) and "by=lea" in do(at, "queue", items[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ask", "nonsense"), "no layer is called 'nonsense'"),
        (("status",), "there is no desk yet"),
        (("sync",), "there is no desk yet"),
    ],
)
def test_where_there_is_no_desk_none_is_begun_by_a_mistake(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        do(str(tmp_path / "none"), *arguments)
    assert not (tmp_path / "none" / "desk.json").exists()
