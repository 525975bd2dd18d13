"""The ledger: what people do at a desk, right and wrong, in any order, on both databases."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.desk.after import tombstones
from annotators.desk.backup import backup, restore
from annotators.desk.choices import Choices
from annotators.desk.clock import SKEW_MS, Clock, told
from annotators.desk.invariants import broken
from annotators.desk.item import Item
from annotators.desk.ledger import Ledger, open_ledger
from annotators.desk.rules import Layer, Rules
from annotators.desk.submission import Outcome, Review, Submission
from schemas.errors import BadInput, Unavailable
from schemas.note import Note, TimeSpan


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


trace, postgres_server = load("desk_trace"), load("postgres_server")
FEW, SAME = 150, 12
MEASURES = {"size": Choices({"shot_size": ("near", "far")})}
LEASE_S = 3600


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not postgres_server.programs():
        pytest.skip("no PostgreSQL on this machine: install the package postgresql")
    with postgres_server.postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A place for a desk of this test alone: address, and name."""
    if request.param == "sqlite":
        return str(tmp_path / "desk.db"), "main"
    return request.getfixturevalue("server"), str(tmp_path)


class Desk:
    """A ledger with a layer, people and items, and a clock that stands until it is moved."""

    def __init__(self, ledger: Ledger, items: int = 1, **rules: Any) -> None:
        self.ledger, self.now_ms, self.stamps = ledger, 1_000_000, 0
        given = {"review_share": 0.0, "gold_share": 0.0, "lease_s": LEASE_S, **rules}
        ledger.set_layer(Layer("size", "c1", "t1", "g1", Rules(**given)), self.now_ms)
        for person in ("ana", "ben", "cyd"):
            ledger.set_person(person, ["annotator"], self.now_ms, cost_per_hour=30.0)
        ledger.set_person("rev", ["reviewer"], self.now_ms)
        ledger.set_person("jud", ["adjudicator"], self.now_ms)
        ledger.select([Item(f"i{n}", "size", f"s{n}") for n in range(items)], self.now_ms)

    def take(self, person: str, role: Any = "annotator", most: int = 1) -> list[str]:
        return [task.item.id for task in self.ledger.take(person, role, self.now_ms, most=most)]

    def submit(self, item: str, person: str, value: str = "near", **more: Any) -> Outcome:
        self.stamps += 1
        given = {"config": "c1", "external": f"{person}/{item}", "updated": f"{self.stamps:04d}", "spent_s": 60.0}
        return self.ledger.submit(Submission(item, person, notes(value), **{**given, **more}), self.now_ms)

    def both(self, mine: str = "near", theirs: str = "near", item: str = "i0") -> None:
        """Have ana and ben annotate an item."""
        for person, value in (("ana", mine), ("ben", theirs)):
            if item not in {task.item.id for task in self.ledger.held(person)}:
                self.take(person, most=9)
            assert self.submit(item, person, value).kind == "written"

    def review(self, item: str, verdict: Any, person: str = "rev", **more: Any) -> Outcome:
        return self.ledger.review(Review(item, person, verdict, **more), self.now_ms)

    def adjudicate(self, item: str, value: str, person: str = "jud") -> Outcome:
        return self.ledger.adjudicate(Submission(item, person, notes(value), "c1"), self.now_ms)

    def state(self, item: str = "i0") -> str:
        return self.ledger.state.work[item].state

    def stands(self, item: str = "i0") -> Any:
        work = self.ledger.state.work[item]
        return work.versions[work.standing].notes[0].value if work.standing else None


def notes(value: Any) -> tuple[Note, ...]:
    return (Note("shot_size", value),)


@pytest.fixture
def desk() -> Iterator[Callable[..., Desk]]:
    with ExitStack() as stack:
        yield lambda **given: Desk(stack.enter_context(open_ledger(":memory:", measures=MEASURES)), **given)


@given(st.integers(0, 1 << 40))
@settings(max_examples=FEW)
def test_random_traces_break_no_invariant_and_replay_to_the_same_bytes(seed: int) -> None:
    with open_ledger(":memory:", measures=trace.MEASURES) as ledger:
        trace.run(ledger, seed)
        again = Ledger(ledger._log, trace.MEASURES)
        assert again.digest() == ledger.digest()


def test_a_trace_comes_to_the_same_state_on_both_databases(server: str) -> None:
    for seed in range(SAME):
        with (
            open_ledger(server, f"trace {seed}", trace.MEASURES) as one,
            open_ledger(":memory:", measures=trace.MEASURES) as other,
        ):
            for ledger in (one, other):
                trace.run(ledger, seed)
            assert one.digest() == other.digest()
            assert [row.chain for row in one.rows()] == [row.chain for row in other.rows()]


def test_people_who_ask_at_once_never_hold_the_same_slot(where: tuple[str, str]) -> None:
    people, items = [f"p{n}" for n in range(6)], 40
    with open_ledger(*where, MEASURES) as ledger:
        Desk(ledger, items=items)
        for person in people:
            ledger.set_person(person, ["annotator"], 1_000_000)
    got, errors, start = dict[str, list[str]](), list[BaseException](), threading.Barrier(len(people))

    def work(person: str) -> None:
        try:
            with open_ledger(*where, MEASURES) as ledger:
                start.wait(300)
                got[person] = []
                while taken := ledger.take(person, "annotator", 1_000_000):
                    got[person].append(taken[0].item.id)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert not errors
    assert Counter(item for items in got.values() for item in items) == {f"i{n}": 2 for n in range(items)}
    assert all(len(set(taken)) == len(taken) for taken in got.values())
    with open_ledger(*where, MEASURES) as ledger:
        assert broken(ledger.state) == []


KILLED = """
import sys
from annotators.desk.choices import Choices
from annotators.desk.ledger import open_ledger
from annotators.desk.submission import Submission
from schemas.note import Note
with open_ledger(sys.argv[1], sys.argv[2], {"size": Choices()}) as ledger:
    for n in range(10_000):
        for task in ledger.take("ana", "annotator", 1_000_000):
            given = Submission(task.item.id, "ana", (Note("shot_size", "near"),), "c1", f"e{n}", "1")
            out = ledger.submit(given, 1_000_000)
            print(out.version, flush=True)
"""


def test_what_was_acknowledged_before_a_kill_is_there(where: tuple[str, str]) -> None:
    with open_ledger(*where, MEASURES) as ledger:
        Desk(ledger, items=400)
    child = subprocess.Popen([sys.executable, "-c", KILLED, *where], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    said = [child.stdout.readline().strip() for _ in range(20)]
    child.kill()
    said += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.wait()
    with open_ledger(*where, MEASURES) as ledger:
        there = {version for work in ledger.state.work.values() for version in work.versions}
        assert set(said) <= there and broken(ledger.state) == []


def test_agreement_is_merged_and_accepted(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.both("near", "near")
    assert (at.state(), at.stands()) == ("accepted", "near")
    (stands,) = at.ledger.standing()
    assert (stands.how, stands.authors, stands.version.taxonomy) == ("agreement", ("ana", "ben"), "t1")


def test_a_disagreement_is_adjudicated_by_somebody_who_did_not_write(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.ledger.set_person("ana", ["annotator", "adjudicator"], at.now_ms)
    at.both("near", "far")
    assert at.state() == "adjudicate" and at.take("ana", "adjudicator") == []
    (task,) = at.ledger.take("jud", "adjudicator", at.now_ms)
    assert [one.notes for one in task.shown] == [notes("near"), notes("far")]
    assert at.adjudicate("i0", "far").kind == "judged"
    assert (at.state(), at.stands()) == ("accepted", "far")
    assert {one.state for one in at.ledger.state.work["i0"].versions.values()} == {"superseded", "accepted"}


def test_nobody_reviews_the_own_work(desk: Callable[..., Desk]) -> None:
    at = desk(overlap=1, review_share=1.0)
    at.ledger.set_person("ana", ["annotator", "reviewer"], at.now_ms)
    at.take("ana")
    at.submit("i0", "ana")
    assert at.state() == "in_review"
    assert at.take("ana", "reviewer") == []
    assert at.review("i0", "accept", "ana").reason == "not_assigned"
    assert at.take("rev", "reviewer") == ["i0"]
    assert at.review("i0", "accept").kind == "judged" and at.state() == "accepted"


def test_a_rejection_needs_a_comment_and_comes_back_to_its_author_first(desk: Callable[..., Desk]) -> None:
    at = desk(overlap=1, review_share=1.0, author_first_s=600)
    at.take("ana")
    at.submit("i0", "ana")
    at.take("rev", "reviewer")
    assert at.review("i0", "reject", tag="size").reason == "comment_missing"
    assert at.review("i0", "reject", comment="it is far", tag="size").kind == "judged"
    assert at.take("ben") == []
    (task,) = at.ledger.take("ana", "annotator", at.now_ms)
    assert (task.round, task.shown[0].comment, task.shown[0].notes) == (1, "it is far", notes("near"))
    at.ledger.release("i0", "ana", "annotator", at.now_ms)
    at.now_ms += 600_000
    assert at.take("ben") == ["i0"]


def test_a_second_rejection_is_adjudicated(desk: Callable[..., Desk]) -> None:
    at = desk(overlap=1, review_share=1.0)
    for value in ("near", "far"):
        at.take("ana")
        at.submit("i0", "ana", value)
        at.take("rev", "reviewer")
        at.review("i0", "reject", comment="no", tag="size")
    assert at.state() == "adjudicate"
    at.take("jud", "adjudicator")
    assert at.adjudicate("i0", "near").kind == "judged" and at.stands() == "near"


def test_a_fix_stands_and_its_parent_is_kept(desk: Callable[..., Desk]) -> None:
    at = desk(overlap=1, review_share=1.0)
    at.take("ana")
    at.submit("i0", "ana", "near")
    at.take("rev", "reviewer")
    at.review("i0", "fix", notes=notes("far"), spent_s=20.0)
    work = at.ledger.state.work["i0"]
    assert (at.stands(), work.how, work.looked_s) == ("far", "fix", 20.0)
    assert work.versions[work.versions[work.standing].parent].notes == notes("near")


def test_an_expired_lease_loses_no_annotation(desk: Callable[..., Desk]) -> None:
    at = desk(overlap=1)
    at.take("ana")
    at.now_ms += LEASE_S * 1000
    assert at.take("ben") == ["i0"]
    assert at.submit("i0", "ana", "near").kind == "written"
    assert at.ledger.held("ben") == ()
    assert [one.event.why for one in at.ledger.history("i0") if hasattr(one.event, "why")][-2:] == ["overtaken", ""]
    late = at.submit("i0", "ben", "far")
    assert (late.kind, at.stands()) == ("late", "near")
    assert at.ledger.state.work["i0"].versions[late.version].notes == notes("far")


@pytest.mark.parametrize(("jump_s", "free"), [(-7200, False), (-1, False), (LEASE_S - 1, False), (LEASE_S, True)])
def test_leases_run_by_a_clock_that_never_goes_back(desk: Callable[..., Desk], jump_s: int, free: bool) -> None:
    at = desk(overlap=1)
    at.take("ana")
    at.now_ms += jump_s * 1000
    assert (at.take("ben") == ["i0"]) == free


@given(st.lists(st.integers(-(10**9), 10**9), max_size=20), st.integers(1, 10**6))
def test_after_any_jumps_time_goes_on_as_the_clock_does(jumps: list[int], step_ms: int) -> None:
    clock, now_ms = Clock(), 10**12
    for jump_ms in jumps:
        now_ms += jump_ms
        after = told(clock, now_ms)
        assert after.at_ms >= clock.at_ms
        clock = after
    assert told(clock, now_ms + SKEW_MS + step_ms).at_ms >= clock.at_ms + step_ms


def test_the_same_submission_twice_is_once_and_an_older_one_nothing(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.take("ana")
    first = Submission("i0", "ana", notes("near"), "c1", "e1", "0001")
    newer = Submission("i0", "ana", notes("far"), "c1", "e1", "0002")
    assert [at.ledger.submit(one, at.now_ms).kind for one in (first, first, newer, first, newer)] == [
        "written",
        "duplicate",
        "edited",
        "stale",
        "duplicate",
    ]
    seq = at.ledger.state.seq
    at.ledger.submit(newer, at.now_ms)
    assert at.ledger.state.seq == seq


def test_edits_and_deletions_after_acceptance_are_refused_and_recorded(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.both()
    assert at.submit("i0", "ana", "near").kind == "duplicate"
    assert at.submit("i0", "ana", "far").reason == "after_acceptance"
    assert at.ledger.deleted("ana/i0", at.now_ms).reason == "deleted_after_acceptance"
    assert at.stands() == "near"
    assert [one.event.reason for one in at.ledger.history("i0") if hasattr(one.event, "reason")] == [
        "after_acceptance",
        "deleted_after_acceptance",
    ]


def test_a_deletion_before_acceptance_frees_the_slot(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.take("ana")
    at.submit("i0", "ana")
    assert at.take("ana") == []
    assert at.ledger.deleted("ana/i0", at.now_ms).kind == "deleted"
    assert at.take("ana") == ["i0"]


def test_a_deletion_that_overtakes_its_annotation_still_counts(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.take("ana")
    at.ledger.deleted("ana/i0", at.now_ms)
    assert at.submit("i0", "ana").kind == "stale"
    assert not at.ledger.state.work["i0"].versions


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"person": "ben"}, "not_assigned"),
        ({"person": "zoe"}, "unknown_person"),
        ({"item": "i9"}, "unknown_item"),
        ({"notes": ()}, "empty"),
        ({"notes": notes("huge")}, "unknown_label"),
        ({"notes": (Note("colour", "red"),)}, "unknown_question"),
        ({"notes": (*notes("near"), *notes("far"))}, "answered_twice"),
        ({"notes": notes(float("nan"))}, "not_finite"),
        ({"spent_s": -1.0}, "time_spent"),
    ],
)
def test_bad_work_is_refused_with_its_reason_and_changes_nothing(
    desk: Callable[..., Desk], given: dict[str, Any], reason: str
) -> None:
    at = desk()
    at.take("ana")
    good = Submission("i0", "ana", notes("near"), "c1", "e1", "0001")
    out = at.ledger.submit(msgspec.structs.replace(good, **given), at.now_ms)
    assert (out.kind, out.reason) == ("refused", reason)
    assert at.ledger.state.refused == {reason: 1} and not at.ledger.state.work["i0"].versions
    assert at.ledger.submit(msgspec.structs.replace(good, updated="0002"), at.now_ms).kind == "written"


def test_work_under_an_older_config_is_kept_and_counts_for_nothing(desk: Callable[..., Desk]) -> None:
    at = desk(items=2)
    at.take("ana", most=2)
    rules = at.ledger.state.layers["size"].rules
    at.ledger.set_layer(Layer("size", "c2", rules=rules), at.now_ms, "keep")
    assert at.submit("i0", "ana", config="c1").kind == "written"
    at.ledger.set_layer(Layer("size", "c3", rules=rules), at.now_ms, "review")
    late = at.submit("i1", "ana", config="c1")
    assert (late.kind, late.reason) == ("late", "older_config")


@pytest.mark.parametrize(("accepted", "state"), [("keep", "accepted"), ("review", "in_review"), ("reopen", "draft")])
def test_a_taxonomy_change_says_what_becomes_of_accepted_notes(
    desk: Callable[..., Desk], accepted: Any, state: str
) -> None:
    at = desk()
    at.both()
    touched = at.ledger.set_layer(Layer("size", "c2", "t2"), at.now_ms, accepted)
    assert (touched, at.state(), at.stands()) == (() if accepted == "keep" else ("i0",), state, "near")
    assert at.ledger.standing()[0].version.taxonomy == "t1"


def test_what_is_opened_again_stands_until_something_newer_does(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.both("near", "near")
    at.ledger.export("b1", "digest", "CC0-1.0", at.now_ms)
    at.ledger.reopen(["i0"], "lead", "a complaint", at.now_ms)
    assert at.stands() == "near" and tombstones(at.ledger.state) == ()
    at.both("far", "far")
    assert at.stands() == "far" and at.state() == "accepted"
    (gone,) = tombstones(at.ledger.state)
    assert (gone.batch, gone.instead) == ("b1", at.ledger.state.work["i0"].standing)


def test_an_export_takes_all_of_its_items_or_none(desk: Callable[..., Desk]) -> None:
    at = desk(items=2)
    at.both(item="i0")
    with pytest.raises(BadInput, match="item 'i1' is draft"):
        at.ledger.export("b1", "digest", "CC0-1.0", at.now_ms, ["i0", "i1"])
    assert at.state() == "accepted"
    assert [one.item.id for one in at.ledger.export("b1", "digest", "CC0-1.0", at.now_ms)] == ["i0"]
    assert [one.item.id for one in at.ledger.export("b1", "digest", "CC0-1.0", at.now_ms)] == ["i0"]
    with pytest.raises(BadInput, match="another batch"):
        at.ledger.export("b1", "other", "CC0-1.0", at.now_ms)


def test_two_skips_take_an_item_out_of_the_queue(desk: Callable[..., Desk]) -> None:
    at = desk()
    for person in ("ana", "ben"):
        at.take(person)
        assert at.ledger.skip("i0", person, "black frames", at.now_ms).kind == "skipped"
    assert at.state() == "quarantined" and at.take("cyd") == []
    at.ledger.reopen(["i0"], "lead", "they are not black", at.now_ms)
    assert at.take("ana") == ["i0"]


def test_priorities_pauses_and_reassignment_move_work(desk: Callable[..., Desk]) -> None:
    at = desk(items=3, overlap=1)
    at.ledger.prioritise("i2", 5, at.now_ms)
    assert at.take("ana") == ["i2"]
    at.ledger.reassign("i2", "ana", "ben", at.now_ms)
    assert [task.item.id for task in at.ledger.held("ben")] == ["i2"] and at.ledger.held("ana") == ()
    at.ledger.pause("ben", "on leave", at.now_ms)
    assert at.ledger.held("ben") == ()
    with pytest.raises(BadInput, match="ben is paused: on leave"):
        at.take("ben")
    assert at.take("cyd") == ["i2"]


def test_who_fails_gold_items_is_paused_and_gold_never_stands(desk: Callable[..., Desk]) -> None:
    at = desk(gold_share=1.0, gold_window=3, pause_below=0.7)
    gold = [Item(f"g{n}", "size", f"g{n}", kind="gold", answer=notes("near")) for n in range(3)]
    at.ledger.select(gold, at.now_ms)
    for value in ("near", "far", "far"):
        (task,) = at.ledger.take("ana", "annotator", at.now_ms)
        assert task.item.kind == "work" and task.item.answer == ()
        at.submit(task.item.id, "ana", value)
    assert at.ledger.state.people["ana"].paused == "passed 1 of the last 3 gold items of size"
    assert at.ledger.standing() == ()


def test_nobody_gets_work_before_the_exam_is_passed(desk: Callable[..., Desk]) -> None:
    at = desk(exam_pass=1.0)
    at.ledger.select([Item(f"x{n}", "size", f"x{n}", kind="exam", answer=notes("near")) for n in range(2)], at.now_ms)
    for value in ("near", "far"):
        (item,) = at.take("ana")
        assert item.startswith("x")
        at.submit(item, "ana", value)
    assert at.take("ana") == [] and at.ledger.state.people["ana"].exams["size"].share == 0.5
    at.ledger.retake("ana", "size", at.now_ms)
    for item in at.take("ana", most=2):
        at.submit(item, "ana", "near", external=f"again/{item}")
    assert at.ledger.state.people["ana"].exams["size"].passed and at.take("ana") == ["i0"]


def test_an_audit_that_speaks_against_the_models_is_adjudicated(desk: Callable[..., Desk]) -> None:
    at = desk()
    machine = notes("far")
    at.ledger.select([Item("a", "size", "sa", why="audit", priority=9, machine=machine)], at.now_ms)
    at.ledger.select([Item("u", "size", "su", why="unsure", priority=8, machine=machine)], at.now_ms)
    at.both(item="a")
    at.both(item="u")
    assert (at.state("a"), at.state("u")) == ("adjudicate", "accepted")
    assert at.ledger.state.work["u"].machine == 0.0


def test_a_grace_lets_an_author_edit_what_is_whole(desk: Callable[..., Desk]) -> None:
    at = desk(grace_s=60)
    at.both("near", "far")
    assert at.submit("i0", "ben", "near").kind == "edited"
    at.now_ms += 60_000
    at.ledger.settle(at.now_ms)
    assert (at.state(), at.stands()) == ("accepted", "near")


def test_many_things_together_are_one_turn_all_of_it_or_none(where: tuple[str, str]) -> None:
    with open_ledger(*where, MEASURES) as ledger:
        at = Desk(ledger, items=3)
        at.take("ana", most=3)
        before = ledger.digest()
        with pytest.raises(KeyError), ledger.together(at.now_ms):
            at.submit("i0", "ana")
            raise KeyError
        assert ledger.refresh() and ledger.digest() == before
        with ledger.together(at.now_ms):
            kinds = [at.submit(item, "ana", updated="0001").kind for item in ("i0", "i1", "i0")]
            with pytest.raises(BadInput):
                ledger.release("i2", "ben", "annotator", at.now_ms)
        assert kinds == ["written", "written", "duplicate"]
        digest = ledger.digest()
    with open_ledger(*where, MEASURES) as ledger:
        assert ledger.digest() == digest and digest != before


def test_a_refusal_in_the_middle_that_is_caught_ends_the_turn(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.take("ana")
    with pytest.raises(RuntimeError), at.ledger.together(at.now_ms), pytest.raises(BadInput):
        at.ledger.reassign("i0", "ana", "jud", at.now_ms)
    assert [task.person for task in at.ledger.held()] == ["ana"]


def test_a_backup_restores_into_the_other_database(server: str, tmp_path: Path) -> None:
    path = str(tmp_path / "desk.jsonl")
    with open_ledger(str(tmp_path / "a.db"), measures=trace.MEASURES) as ledger:
        trace.run(ledger, 7)
        head, digest = backup(ledger, path), ledger.digest()
    with open_ledger(server, str(tmp_path), trace.MEASURES) as ledger:
        assert restore(path, ledger) == head and ledger.digest() == digest
        with pytest.raises(BadInput, match="events already"):
            restore(path, ledger)


@pytest.mark.parametrize("harm", ["cut", "changed", "empty", "other"])
def test_a_damaged_backup_is_refused_whole(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "desk.jsonl"
    with open_ledger(":memory:", measures=MEASURES) as ledger:
        Desk(ledger)
        backup(ledger, str(path))
    lines = path.read_bytes().splitlines(keepends=True)
    harmed = {
        "cut": lines[:-1],
        "changed": [*lines[:-1], lines[-1].replace(b"s0", b"s1")],
        "empty": [],
        "other": [b"a caption\n"],
    }
    path.write_bytes(b"".join(harmed[harm]))
    with open_ledger(":memory:", measures=MEASURES) as ledger:
        with pytest.raises((BadInput, Unavailable), match=r"desk.jsonl"):
            restore(str(path), ledger)
        assert ledger.refresh().seq == 0


def test_rows_are_never_changed_or_deleted(where: tuple[str, str]) -> None:
    with open_ledger(*where, MEASURES) as ledger:
        Desk(ledger)
        database: Any = ledger._log
        for statement in ("UPDATE desk_events SET event = '{}'", "DELETE FROM desk_events"):
            with pytest.raises(Exception, match="events are never changed"):
                database._db.execute(statement)


def test_a_log_that_was_edited_is_known(tmp_path: Path) -> None:
    path = str(tmp_path / "desk.db")
    with open_ledger(path, measures=MEASURES) as ledger:
        Desk(ledger)
        database: Any = ledger._log
        database._db.execute("DROP TRIGGER desk_events_no_UPDATE")
        database._db.execute("UPDATE desk_events SET event = replace(event, 'ana', 'eva') WHERE seq = 2")
    with pytest.raises(Unavailable, match="event 2 is not the one that was written"), open_ledger(path):
        pass


def test_two_desks_in_one_database_know_nothing_of_each_other(where: tuple[str, str]) -> None:
    url, name = where
    with open_ledger(url, f"{name} one", MEASURES) as one, open_ledger(url, f"{name} two", MEASURES) as two:
        Desk(one)
        assert two.refresh().seq == 0
        Desk(two, items=2)
        assert one.refresh().work.keys() == {"i0"}


def test_a_password_is_never_told() -> None:
    with pytest.raises(Unavailable) as told_, open_ledger("postgresql://ana:pa55@127.0.0.1:1/desk"):
        pass
    assert "pa55" not in str(told_.value) + repr(told_.value)


@pytest.mark.parametrize("url", ["mysql://host/desk", "", "/nowhere/at/all/desk.db"])
def test_a_place_that_can_hold_no_ledger_is_named(url: str) -> None:
    with pytest.raises(BadInput), open_ledger(url):
        pass


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(b"\xff\xd8 not a database" * 100)
    before = path.read_bytes()
    with pytest.raises(Unavailable, match=r"holiday.jpg"), open_ledger(str(path)):
        pass
    assert path.read_bytes() == before


def test_spans_survive_the_log(desk: Callable[..., Desk]) -> None:
    at, span = desk(), TimeSpan(0, 1001, 90_000, (1, 30_000))
    at.ledger.select([Item("t", "size", "st", at=span, machine=(Note("shot_size", "far", span, "m@1"),))], at.now_ms)
    again = Ledger(at.ledger._log, MEASURES)
    assert again.state.work["t"].item == at.ledger.state.work["t"].item
    assert again.state.work["t"].item.machine[0].at == span
    assert at.ledger.select([Item("t2", "size", "st", at=span)], at.now_ms) == 0


def test_a_note_keeps_the_guideline_that_it_was_written_under(desk: Callable[..., Desk]) -> None:
    at = desk(items=2)
    tasks = {name: at.ledger.take(name, "annotator", at.now_ms)[0] for name in ("ana", "ben")}
    assert {task.layer.guideline for task in tasks.values()} == {"g1"}
    at.ledger.set_layer(Layer("size", "c1", "t1", "g2", tasks["ana"].layer.rules), at.now_ms)
    for name, task in tasks.items():
        assert at.submit("i0", name, guideline=task.layer.guideline).kind == "written"
    versions = at.ledger.state.work["i0"].versions.values()
    assert [(one.origin, one.guideline) for one in versions] == [("annotation", "g1")] * 2 + [("merge", "g1")]
    assert at.ledger.take("ana", "annotator", at.now_ms)[0].layer.guideline == "g2"
