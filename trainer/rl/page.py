"""A run of reinforcement learning as a page: what was paid, by domain, what was held out, and how it learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from trainer.loop.asked import read_wish
from trainer.loop.record import read_as
from trainer.loop.run_page import Curve, chart, put_page
from trainer.rl.asked import RlAsked
from trainer.rl.held_out import read_held_out
from trainer.rl.told import DomainTold, RlTold


def write_page(folder: str) -> None:
    """Write the page of a run into its folder."""
    told, asked = read_as(folder, RlTold), read_wish(folder, RlAsked)
    drawn = sum(one.drawn for one in told)
    head = f"{len(told):,} of {asked.stage.steps:,} steps, {sum(one.groups for one in told):,} groups, {drawn:,} tokens"
    said = [
        *structs.asdict(asked.stage).items(),
        *structs.asdict(asked.grpo).items(),
        *structs.asdict(asked.given).items(),
        *structs.asdict(asked.start).items(),
        *structs.asdict(asked.curriculum).items(),
        ("rewards", asked.rewards),
    ]
    put_page(folder, f"{asked.stage.name}, {asked.given.preset}", head, [*_held_out(folder), *_charts(told)], said)


def _charts(told: Sequence[RlTold]) -> list[str]:
    def of(title: str, *names: str) -> str:
        curves = [
            Curve(name.replace("_", " "), [(one.step, float(getattr(one, name))) for one in told]) for name in names
        ]
        return chart(title, curves)

    return [
        of("Reward", "reward", "right"),
        chart("Right, by domain", _by_domain(told, lambda one: one.right)),
        of("Share of groups that teach", "teaching"),
        chart("Tokens of an answer, by domain", _by_domain(told, lambda one: one.tokens)),
        chart("Entropy, by domain", _by_domain(told, lambda one: one.entropy)),
        of("Malformed and cut off", "malformed", "cut_off"),
        of("Norm of the gradient", "gradient_norm"),
        of("Share of tokens clipped", "clipped"),
        of("Engine off the trainer", "parity"),
        of("Seconds a step", "rollout_s", "learn_s"),
    ]


def _held_out(folder: str) -> list[str]:
    told = read_held_out(folder)
    domains = sorted({domain for one in told for domain in one.right_by_domain})
    curves = [Curve(domain, [(one.step, one.right_by_domain[domain]) for one in told]) for domain in domains]
    return [chart("Held-out tasks right, likeliest answer", curves)] if told else []


def _by_domain(told: Sequence[RlTold], value: Callable[[DomainTold], float]) -> list[Curve]:
    domains = sorted({domain for one in told for domain in one.by_domain})
    return [
        Curve(domain, [(one.step, value(one.by_domain[domain])) for one in told if domain in one.by_domain])
        for domain in domains
    ]
