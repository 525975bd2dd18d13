"""What the audits of a layer say: how often models were right where nobody else looked, with how well people audit.

How well they audit is read off gold items and exams on which a model had noted something: what people answered there is
compared with what is known to be right. Where none had a wrong note to repeat, people's word is taken for the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

from annotators.desk.audit import Looks, Precision, precision
from annotators.desk.item import WORK, Notes
from annotators.desk.measure import Measures, measure_of
from annotators.desk.state import State, Work

_UNBEGUN = ("late", "deleted")


def audited(state: State, measures: Measures, layer: str, *, believing: bool = False) -> Precision:
    """Return how often what was accepted by itself is right, as far as its audits tell.

    `believing` takes people's word for the truth.
    """
    audits = [one for one in state.items() if one.item.layer == layer and one.item.why == "audit" and one.item.machine]
    told = [one.machine for one in audits if one.standing and one.machine is not None]
    right = sum(one >= state.layers[layer].rules.accept_at for one in told)
    known = () if believing else looks(state, measures, layer)
    return precision(right, len(told), looks=known, pending=sum(map(_pending, audits)))


def _pending(work: Work) -> bool:
    """Say whether people have begun an audit that says nothing yet."""
    begun = any(one.state not in _UNBEGUN for one in work.versions.values()) or bool(work.skips)
    return not work.standing and (begun or work.state == "quarantined")


def looks(state: State, measures: Measures, layer: str) -> tuple[Looks, ...]:
    """Return how well each look at an audit does, in turn: annotators, then those who judge; empty where it is unknown.

    Those who judge are taken for no better than all, where none of them had a wrong note to repeat.
    """
    every = _answers(state, measures, layer)
    judges = {name for name, one in state.people.items() if set(one.roles) - {"annotator"}}
    first = _counted([told for _, *told in every])
    then = _counted([told for who, *told in every if who in judges])
    then = then if then.wrong else first
    if not first.wrong:
        return ()
    if state.layers[layer].rules.overlap == 1:
        return (first, then, then)
    return (Looks(first.repeated, first.wrong, 0, 0), then)


def _answers(state: State, measures: Measures, layer: str) -> list[tuple[str, bool, bool]]:
    """Return each answer to a gold item: whose, whether the model was right, and whether the answer says the same."""
    measure, enough = measure_of(measures, layer), state.layers[layer].rules.accept_at

    def alike(one: Notes, other: Notes) -> bool:
        return measure.agreement(one, other) >= enough

    return [
        (one.author, alike(work.item.machine, work.item.answer), alike(work.item.machine, one.notes))
        for work in state.work.values()
        if work.item.kind != WORK and work.item.layer == layer and work.item.machine
        for one in work.versions.values()
        if one.id in work.scores
    ]


def _counted(told: Sequence[Sequence[bool]]) -> Looks:
    wrong, right = [same for is_right, same in told if not is_right], [same for is_right, same in told if is_right]
    return Looks(sum(wrong), len(wrong), sum(right), len(right))
