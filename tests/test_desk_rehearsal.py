"""A rehearsal: on a copy, as the stated skills have it, and the same each time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from annotators.desk.item import Item
from annotators.desk.label_studio.find import SHEETS
from annotators.desk.label_studio.frame_map import FrameMap
from annotators.desk.label_studio.regions import Clip
from annotators.desk.rehearsal import Rehearsed, Supposed, copied, rehearse
from annotators.desk.rules import Rules
from annotators.desk.simulated import Draw, Skill, answered, supposed
from annotators.desk.submission import Submission
from pipelines.cli import main
from pipelines.desk.folder import Folder
from pipelines.desk.layers import put_layer
from schemas.note import Note

CLIP = Clip(0, FrameMap(tuple(range(0, 3000, 10)), 3000, (1, 300), (30, 1), 640, 360))
LAYERS = ("plain_words", "camera_motion", "actions", "scene_text", "shots")
ITEMS = 40


def desk(path: Path, rules: Rules, layers: tuple[str, ...] = ("plain_words",)) -> Folder:
    """Return a desk of three people, two of whom judge, where a queue waits and one item was settled by people."""
    at = Folder.begun(str(path), "d")
    for layer in layers:
        put_layer(at, layer, structs.asdict(rules), "", None, None)
    with at.ledger() as ledger:
        for name in ("ana", "ben", "cat", "jud", "kim"):
            ledger.set_person(name, ["reviewer", "adjudicator"] if name > "cay" else ["annotator"], 0)
        model = (Note("person_choice", "good", by="m@1"),)
        items = [
            Item(
                f"{layer}{n}",
                layer,
                f"s{n}",
                why="audit" if n % 4 == 0 else "unsure",
                machine=model * (layer == LAYERS[0]),
            )
            for layer in layers
            for n in range(ITEMS)
        ]
        ledger.select(items, 0)
        ledger.take("ana", "annotator", 0, most=2)
    return at


def told(at: Folder, how: Supposed) -> dict[str, Rehearsed]:
    measures = at.measures()
    with at.ledger() as ledger, copied(ledger, "d", measures) as copy:
        return rehearse(copy, at.sheets(), measures, how, lambda item: CLIP)


ALONE = Rules(overlap=1, review_share=0.0, gold_share=0.0)
TWICE = Rules(overlap=2, review_share=0.0, gold_share=0.0)


def test_the_desk_itself_is_only_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = desk(tmp_path / "desk", TWICE)
    with at.ledger() as ledger:
        before = ledger.digest(), list(ledger.rows())
    told_ = list[str]()
    for _ in range(2):
        main(["desk", "rehearse", "--at", at.path, "--right", "0.8"])
        told_.append(capsys.readouterr().out)
    assert told_[0] == told_[1] and "plain_words" in told_[0] and "the desk is as it was" in told_[0]
    with at.ledger() as ledger:
        assert (ledger.digest(), list(ledger.rows())) == before


def test_people_who_never_err_agree_and_leave_nothing_wrong(tmp_path: Path) -> None:
    found = told(desk(tmp_path / "desk", TWICE), Supposed({"": Skill(1.0, 0)}, wrong=0.3))["plain_words"]
    assert (found.agreement, found.wrong, found.stands) == (1.0, 0, ITEMS)
    assert found.looks["annotator"] == 2 * ITEMS and 3 <= found.model_wrong <= 22 and found.noted == ITEMS
    assert found.precision is not None and found.precision.audited == ITEMS // 4


def test_people_who_err_more_agree_less_and_leave_more_wrong(tmp_path: Path) -> None:
    at = desk(tmp_path / "desk", ALONE)
    good, bad = (told(at, Supposed({"": Skill(right, 0)}, wrong=0.3))["plain_words"] for right in (0.97, 0.6))
    assert good.wrong < bad.wrong and good.looks.total() < bad.looks.total()
    twice = desk(tmp_path / "twice", TWICE)
    agreed = [told(twice, Supposed({"": Skill(right, 0)}))["plain_words"].agreement for right in (0.97, 0.6)]
    assert agreed[0] > agreed[1] + 0.1


def test_hours_are_a_bound_and_looks_what_they_take(tmp_path: Path) -> None:
    at = desk(tmp_path / "desk", TWICE)
    found = told(at, Supposed({"": Skill()}, look_s=360.0, most_hours=1.0))["plain_words"]
    assert found.looks.total() == 10


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_takes_what_simulated_people_say(tmp_path: Path, layer: str) -> None:
    found = told(desk(tmp_path / "desk", TWICE, (layer,)), Supposed({"": Skill(0.9, 2)}))[layer]
    settled = found.states["accepted"] + found.states["adjudicate"]
    assert not found.refused and settled == ITEMS and found.states["accepted"] > ITEMS // 2


def test_labels_are_confused_as_it_is_stated() -> None:
    sheet, skill = SHEETS["camera_motion"], Skill(0.99, 0, {"pan_left": {"pan_left": 0.5, "truck_left": 0.4}})
    truth = (Note("camera_motion", "pan_left", CLIP.map.span(0, 10, 90)), Note("camera_clear", "yes"))
    said = Counter[Any]()
    for n in range(2000):
        said.update(
            note.value for note in answered(sheet, truth, CLIP, skill, Draw(str(n))) if note.name == "camera_motion"
        )
    assert said["pan_left"] == pytest.approx(1000, abs=120) and said["truck_left"] == pytest.approx(800, abs=120)
    assert said.total() == 2000


def test_what_is_supposed_hangs_on_the_item_and_the_seed_alone() -> None:
    item = Item("i", "actions", "s")
    one, again, other = (supposed(SHEETS["actions"], item, CLIP, 0.2, Draw(seed, "i")) for seed in "001")
    assert one == again != other


def test_what_cannot_be_rehearsed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Folder.begun(str(tmp_path / "empty"))
    put_layer(empty, "plain_words", {}, "", None, None)
    waiting = desk(tmp_path / "desk", ALONE)
    bad = tmp_path / "confusion.json"
    bad.write_text('{"good": {"good": 0.9, "bad": 0.2}}')
    for arguments, said in (
        (["--at", str(tmp_path / "none")], "there is no desk yet"),
        (["--at", empty.path], "nothing waits in the queue"),
        (["--at", waiting.path, "--confusion", str(bad)], "the shares of 'good' cannot be"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["desk", "rehearse", *arguments])
        assert said in capsys.readouterr().err


def test_work_that_is_done_is_not_rehearsed_again(tmp_path: Path) -> None:
    at = desk(tmp_path / "desk", ALONE)
    with at.ledger() as ledger:
        for task in ledger.held("ana"):
            given = Submission(task.item.id, "ana", (Note("person_choice", "good"),), task.layer.config)
            assert ledger.submit(given, 1).kind == "written"
        settled = len(ledger.standing())
    found = told(at, Supposed({"": Skill(1.0, 0)}))["plain_words"]
    assert settled >= 1 and found.stands == ITEMS - settled
