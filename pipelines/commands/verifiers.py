"""`ostraka verifiers`: what is verified how, and whether the verifiers hold against their packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipelines.commands.options import own_modules
from pipelines.commands.screen import counted, say, share, table

if TYPE_CHECKING:
    from filters.verifiers.domain import Domain
    from filters.verifiers.pack import Miss, Rates

MOST_PAID, MOST_REFUSED = 0.005, 0.02
_SHOWN_CHARS = 60


@click.command(short_help="List the verifiers, or check them against their packs of attacks.")
@click.argument("what", type=click.Choice(["list", "check"]), default="list")
@click.option(
    "--domain",
    "asked",
    multiple=True,
    metavar="NAME",
    help="A domain by its name, or package.module:Class of your own; may be given several times. By default all.",
)
@click.option("--misses", default=10, show_default=True, type=click.IntRange(0), help="Misses shown at most.")
def verifiers(what: str, asked: tuple[str, ...], misses: int) -> None:
    """List the domains with the parameters that they read; `check` runs each on its pack and prints the rates.

    Exits with 1 where more than 0.5 % of the attacks are paid or more than 2 % of the honest answers refused.
    """
    from pipelines.packs import chosen, rates_of

    own_modules()
    domains = chosen(asked)
    if what == "list":
        _list(domains)
        return
    found = [rates_of(domain, domains) for domain in domains.values()]
    _rates(found)
    _misses(found, misses)
    paid, attacks = sum(len(one.paid) for one in found), sum(one.attacks for one in found)
    refused, honest = sum(len(one.refused) for one in found), sum(one.honest for one in found)
    if paid > MOST_PAID * attacks or refused > MOST_REFUSED * honest:
        say(f"over the bounds: {100 * MOST_PAID:g} % of attacks paid, {100 * MOST_REFUSED:g} % of honest ones refused")
        raise SystemExit(1)


def _list(domains: dict[str, Domain]) -> None:
    rows = [
        (name, ", ".join(domain.reads), "yes" if domain.judged else "", "" if domain.boxed else "no box")
        for name, domain in domains.items()
    ]
    table(counted(len(rows), "domain"), ("domain", "parameters", "may ask a judge", "form"), rows)
    say("next: ostraka verifiers check")


def _rates(found: list[Rates]) -> None:
    rows: list[tuple[str | int, ...]] = [
        (
            one.domain,
            one.attacks,
            len(one.paid),
            one.attacks_to_judge,
            one.honest,
            len(one.refused),
            one.honest_to_judge,
        )
        for one in found
    ]
    attacks, paid, asked, honest, refused, told = (
        sum(column) for column in zip(*(row[1:] for row in rows), strict=True)
    )
    rows.append(("all", attacks, paid, asked, honest, refused, told))
    shares = [(paid, attacks), (asked, attacks), (refused, honest), (told, honest)]
    paid_share, asked_share, refused_share, told_share = (share(part, whole) for part, whole in shares)
    rows.append(("", "", paid_share, asked_share, "", refused_share, told_share))
    headings = ("domain", "attacks", "paid", "to a judge", "honest", "refused", "to a judge")
    table("attacks and honest answers", headings, rows, numbers=range(1, 7))


def _misses(found: list[Rates], most: int) -> None:
    missed = [(one.domain, miss) for one in found for miss in (*one.paid, *one.refused)]
    if not missed or not most:
        return
    rows = [(domain, miss.line, *_miss(miss)) for domain, miss in missed[:most]]
    table(f"{len(rows)} of {len(missed)} misses", ("domain", "line", "case", "reference", "answer", "grade"), rows)


def _miss(miss: Miss) -> tuple[str, ...]:
    case = miss.case
    what = f"paid: {case.attack}" if case.attack else f"refused: {case.honest}"
    said = case.answer or case.response
    return what, case.reference[:_SHOWN_CHARS], said[:_SHOWN_CHARS], f"{miss.grade.reward:g} {miss.grade.reason}"
