"""Gold items and exams: answers that are known, what a person made of them, and what follows."""

from __future__ import annotations

from annotators.desk.events import Examined, Scored
from annotators.desk.item import EXAM, GOLD
from annotators.desk.measure import Measures, measure_of
from annotators.desk.queue import answered
from annotators.desk.setting_up import pause
from annotators.desk.state import DRAFT, Examination, Work
from annotators.desk.turn import Turn


def score(turn: Turn, work: Work, version: str, measures: Measures) -> None:
    """Compare an answer with the one that is right; pause who fails too many, end an exam that is whole."""
    written, rules = work.versions[version], turn.rules(work)
    agreement = measure_of(measures, work.item.layer).agreement(work.item.answer, written.notes)
    passed = agreement >= rules.gold_pass
    turn.happen(Scored(work.item.id, version, written.author, agreement, passed))
    person = turn.state.people[written.author]
    if work.item.kind == GOLD:
        last = person.gold[work.item.layer][-rules.gold_window :]
        if len(last) == rules.gold_window and sum(last) / len(last) < rules.pause_below:
            pause(turn, person.name, f"passed {sum(last)} of the last {len(last)} gold items of {work.item.layer}")
        return
    asked = (one for one in turn.state.work.values() if one.item.kind == EXAM and one.item.layer == work.item.layer)
    exam = [one for one in asked if one.state == DRAFT]
    if all(answered(turn, one, person.name) for one in exam):
        share = sum(_passed(one, person.name) for one in exam) / len(exam)
        round_ = person.exams.get(work.item.layer, Examination()).round
        turn.happen(Examined(person.name, work.item.layer, round_, share, share >= rules.exam_pass))


def _passed(work: Work, name: str) -> bool:
    """Say whether a person's last answer passed."""
    return [work.scores[one.id] for one in work.versions.values() if one.author == name and one.id in work.scores][-1]
