"""The desk against a random review: the same people, the same minutes, other clips to look at.

Twenty simulated people and a simulated model look at 5,000 clips whose truth is known. On one side a random 20 % of the
clips go through a desk; on the other the same desk has as many human minutes and looks where `routing` sends it, audit
included, and is told what else the model said when it was asked again (a random review asks it once). What is compared
is the share of all clips that is labelled wrongly in the end.

Then the interval of the audit: in 200 corpora, how often it holds the precision of what was accepted by itself, with
people's word for the truth, and with what an exam tells of how often they repeat a model's mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from annotators.desk.audit import Precision, precision
from annotators.desk.choices import Choices
from annotators.desk.draw import fraction
from annotators.desk.events import Role
from annotators.desk.item import Item, Notes
from annotators.desk.ledger import Ledger, open_ledger
from annotators.desk.routing import Route
from annotators.desk.rules import Layer, Rules
from annotators.desk.submission import Review, Submission
from bench.desk_people import EXPERTS, MODELS, MOVES, Labels, accuracies, clips, exam, said, verdicts
from bench.duel import Row
from schemas.note import Note

CLIPS, SHARE, SEEDS, CORPORA = 5_000, 0.2, 3, 200
LOOK_S, FOR_EVER_S = 60.0, 1e9
BATCH: dict[Role, int] = {"adjudicator": 50, "reviewer": 50, "annotator": 1}
"""How much each takes at once: what waits for a judge goes before what is begun."""
ROUTE = Route(threshold=0.29)
GOAL, COVERS = 0.6, 0.95
LAYER = Layer("camera", "1", rules=Rules(overlap=1, review_share=0.0, gold_share=0.0))


def rows(folder: str) -> Iterator[Row]:
    """Fight, and print what came of it: these are shares, not rates."""
    del folder
    yield from ()
    for name, hard in MODELS.items():
        for seconded, how in ((True, "a reviewer where nobody seconds a person"), (False, "a reviewer each time")):
            found = [fight(hard, seed, seconded=seconded) for seed in range(SEEDS)]
            ratio = median(ours / theirs for _, theirs, ours, _ in found)
            model, theirs, ours, hours = (median(one[at] for one in found) for at in range(4))
            met = "met" if ratio <= GOAL else "missed"
            print(
                f"Wrong labels, {name}, {how}: {model:.1%} with no look, {theirs:.1%} after a random review of "
                f"{SHARE:.0%}, {ours:.1%} routed, in {hours:.1f} human hours each: {ratio:.2f}x "
                f"(goal <= {GOAL}x: {met})."
            )
    for name, hard in MODELS.items():
        told = [audited(hard, corpus) for corpus in range(CORPORA)]
        for at, whose in enumerate(("people's word for the truth", "their errors known from an exam")):
            held = sum(found[at].low <= true <= found[at].high for true, found in told) / CORPORA
            width = median(found[at].high - found[at].low for _, found in told)
            seen = median(found[at].audited for _, found in told)
            print(
                f"Precision of what was accepted by itself, {name}, {whose}: inside its 95 % interval in {held:.1%} of "
                f"{CORPORA} corpora (goal >= {COVERS:.0%}: {'met' if held >= COVERS else 'missed'}); {seen:.0f} clips "
                f"audited, the interval {width:.1%} wide."
            )


def fight(hard: tuple[float, float], seed: int, *, seconded: bool = True) -> tuple[float, float, float, float]:
    """Return the share of wrong labels with no look, after a random review, and routed; and the hours of each."""
    random = np.random.default_rng([seed, 8])
    truth = clips(CLIPS, random)
    noted, how, counts = verdicts(truth, hard, random)
    names = [f"clip {seed} {n}" for n in range(CLIPS)]
    drawn = sorted(range(CLIPS), key=lambda n: fraction("random review", names[n]))[: int(CLIPS * SHARE)]
    theirs, spent_s = desk(
        [Item(names[n], LAYER.name, names[n], machine=note(noted[n])) for n in drawn],
        names,
        noted,
        truth,
        FOR_EVER_S,
        random,
    )
    also = counts if seconded else np.zeros_like(counts)
    asked = [item for n in range(CLIPS) if (item := routed(names[n], noted[n], float(how[n]), also[n]))]
    ours, also_s = desk(asked, names, noted, truth, spent_s, random)
    assert also_s <= spent_s, "the routed side took longer"
    wrong = [float((labels != truth).mean()) for labels in (noted, theirs, ours)]
    return wrong[0], wrong[1], wrong[2], spent_s / 3600


def routed(name: str, noted: int, unsure: float, counts: Labels) -> Item | None:
    """Return the item that routing makes: audits before all, then what is least sure; None where nobody looks."""
    way = ROUTE.way(name, unsure)
    if way == "accepted":
        return None
    doubts = tuple(note(int(move)) for move in np.flatnonzero(counts) if move != noted)
    priority = 1000 if way == "audit" else round(unsure * 100)
    return Item(name, LAYER.name, name, why=way, priority=priority, machine=note(noted), doubts=doubts)


def desk(
    asked: Sequence[Item],
    names: Sequence[str],
    noted: Labels,
    truth: Labels,
    most_s: float,
    random: np.random.Generator,
) -> tuple[Labels, float]:
    """Have people look for so long, on a real ledger, and return the labels that stand then, and how long it took."""
    right = {f"p{n:02d}": share for n, share in enumerate(accuracies())}
    experts = [name for name, share in right.items() if int(name[1:]) % 4 == 3]
    place = {name: n for n, name in enumerate(names)}
    with open_ledger(":memory:", measures={"camera": Choices()}) as ledger:
        ledger.set_layer(LAYER, 0)
        for name in right:
            roles: tuple[Role, ...] = ("annotator", "reviewer", "adjudicator") if name in experts else ("annotator",)
            ledger.set_person(name, roles, 0)
        ledger.select(asked, 0)
        spent_s = 0.0
        while spent_s < most_s and (looks := _round(ledger, right, experts, place, truth, most_s - spent_s, random)):
            spent_s += looks * LOOK_S
        labels = noted.copy()
        for one in ledger.standing():
            labels[place[one.item.id]] = MOVES.index(str(one.version.notes[0].value))
    return labels, spent_s


def _round(
    ledger: Ledger,
    right: dict[str, float],
    experts: Sequence[str],
    place: dict[str, int],
    truth: Labels,
    left_s: float,
    random: np.random.Generator,
) -> int:
    """Have experts judge what waits and then everybody annotate a few, as time is left; return the looks it took."""
    looks = 0
    turns: tuple[tuple[Role, Sequence[str]], ...] = (
        ("adjudicator", experts),
        ("reviewer", experts),
        ("annotator", list(right)),
    )
    for role, people in turns:
        for name in people:
            most = min(BATCH[role], int(left_s // LOOK_S) - looks)
            tasks = ledger.take(name, role, 0, most=most) if most > 0 else ()
            for task in tasks:
                true = truth[[place[task.item.id]]]
                notes = note(int(said(true, np.array([right[name]]), random)[0]))
                given = Submission(task.item.id, name, notes, "1", spent_s=LOOK_S)
                if role == "annotator":
                    ledger.submit(given, 0)
                elif role == "adjudicator":
                    ledger.adjudicate(given, 0)
                else:
                    ledger.review(Review(task.item.id, name, "fix", notes, spent_s=LOOK_S), 0)
            looks += len(tasks)
    return looks


def note(move: int) -> Notes:
    """Return a move as what somebody notes."""
    return (Note("camera_move", MOVES[move]),)


def audited(hard: tuple[float, float], corpus: int) -> tuple[float, tuple[Precision, Precision]]:
    """Return the true precision of what was accepted by itself, and what the audit says without and with an exam."""
    random = np.random.default_rng([corpus, 200])
    truth = clips(CLIPS, random)
    noted, how, _ = verdicts(truth, hard, random)
    ways = [ROUTE.way(f"clip {corpus} {n}", float(one)) for n, one in enumerate(how)]
    alone = np.array([way != "unsure" for way in ways])
    seen = np.array([way == "audit" for way in ways])
    right = int((judged(truth[seen], noted[seen], random) == noted[seen]).sum())
    count = int(seen.sum())
    found = precision(right, count), precision(right, count, looks=exam(random))
    return float((noted == truth)[alone].mean()), found


def judged(truth: Labels, noted: Labels, random: np.random.Generator) -> Labels:
    """Return what stands after a person looked, an expert where the person spoke against the model, and another."""
    first = said(truth, random.choice(accuracies(), truth.shape), random)
    second, third = (said(truth, random.choice(EXPERTS, truth.shape), random) for _ in range(2))
    return np.where(first == noted, first, np.where(second == noted, second, third))
