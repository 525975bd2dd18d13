"""`ostraka runs`: what each run did and cost."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import click

from pipelines.commands.options import open_shelf, shelf_option
from pipelines.commands.screen import say, table


@click.command(short_help="Show what each run did and cost.")
@click.argument("run", metavar="[ID]", required=False, default="")
@shelf_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def runs(run: str, shelf_url: str, form: str) -> None:
    """List the runs of a shelf, or show one: its steps, counts, failures, versions. The beginning of an ID will do, and
    `last` is the latest."""
    from pipelines.query.runs import all_runs, find_run

    shelf = open_shelf(shelf_url)
    found = [find_run(shelf, run)] if run else all_runs(shelf)
    if form == "json":
        _print_json(found)
    elif run:
        _show(shelf, found[0])
    else:
        _list(found, shelf_url)


def _print_json(found: list[Any]) -> None:
    import msgspec

    from pipelines.query.runs import status_of

    for one in found:
        click.echo(msgspec.json.encode(msgspec.structs.replace(one, status=status_of(one))))


def _list(found: list[Any], shelf_url: str) -> None:
    from pipelines.query.runs import samples_of, short_ids, status_of, subject_of

    ids = short_ids(found)
    rows = [
        (
            short,
            f"{one.verb} {subject_of(one).split('@')[0]}",
            status_of(one),
            _seconds(one.seconds),
            _per_s(samples_of(one), one.seconds),
            _mib(one.peak_rss_mib),
            _counts(one),
        )
        for short, one in zip(ids, found, strict=True)
    ]
    headings = ("id (began, UTC)", "verb", "status", "seconds", "samples/s", "MiB", "in = kept + dropped + failed")
    table("", headings, rows, numbers=[3, 4, 5])
    say(f"next: ostraka runs {ids[-1]} --shelf {shlex.quote(shelf_url)}")


def _show(shelf: Any, one: Any) -> None:
    from pipelines.query.runs import failures_path, flow_of, status_of, subject_of

    status, flow = status_of(one), flow_of(one)
    say(f"{one.id}  {one.verb} {subject_of(one)}  {status}")
    say(f"  began {_time(one.began)} UTC on {one.host or 'a machine not named'}, took {_seconds(one.seconds)} s")
    say(f"  peak {_mib(one.peak_rss_mib)} MiB of one process, {_mib(one.peak_tree_mib) or '?'} MiB of all together")
    if flow:
        say(f"  {flow.came} in = {flow.kept} kept + {flow.dropped} dropped + {flow.failed} failed")
    if one.error:
        say(f"  {one.error}")
    _steps(one, alive=status == "running")
    reasons = [(who, why, count) for who, found in sorted(one.failed.items()) for why, count in sorted(found.items())]
    for title, headings, rows in (
        ("failed", ("annotator", "reason", "samples"), reasons),
        ("counts", ("", "count"), list(one.counts.items())),
        ("config", ("", "value"), list(_flat(one.config))),
    ):
        if rows:
            table(title, headings, rows, numbers=[len(headings) - 1] if title in ("failed", "counts") else ())
    for line in _made_with(one):
        say(line)
    if details := failures_path(shelf, one):
        say(f"why each failed: {details}")


def _steps(one: Any, *, alive: bool) -> None:
    rows = [
        (
            step.name,
            step.status if alive or step.status != "running" else "not ended",
            _seconds(step.seconds),
            step.samples or "",
            _per_s(step.samples, step.seconds),
            _mib(step.peak_rss_mib),
            _mib(step.peak_tree_mib),
        )
        for step in one.steps
    ]
    if rows:
        headings = ("step", "status", "seconds", "samples", "samples/s", "peak MiB", "of all")
        table("steps", headings, rows, numbers=range(2, len(headings)))


def _counts(one: Any) -> str:
    from pipelines.query.runs import flow_of

    if flow := flow_of(one):
        return f"{flow.came} = {flow.kept} + {flow.dropped} + {flow.failed}"
    return ", ".join(f"{count} {what}" for what, count in one.counts.items())


def _made_with(one: Any) -> Iterator[str]:
    if one.versions:
        yield "made with " + ", ".join(f"{name} {version}" for name, version in one.versions.items())
    if one.stamp.code:
        yield f"  code {one.stamp.code}, packages {one.stamp.pins}"
    if one.machine.cpus:
        yield f"  {one.machine.cpus} cpus, {one.machine.memory_mib} MiB, {one.machine.platform}"


def _flat(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield what was asked for as `options.max_failed 0.05`, a list of texts a line each."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _time(began: str) -> str:
    return began[: len("2026-01-01T00:00:00")].replace("T", " ")


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}"


def _per_s(samples: int, seconds: float) -> str:
    return f"{samples / seconds:.0f}" if samples and seconds else ""


def _mib(mib: float) -> str:
    return f"{mib:.0f}" if mib else ""
