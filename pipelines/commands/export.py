"""`ostraka export`, `verify`, `sheet` and `reshard`: the door out."""

from __future__ import annotations

from typing import Any

import click

from pipelines.commands.options import engine_option, log_option, open_shelf, workers_option
from pipelines.commands.screen import counted, say, shown, table


@click.command(short_help="Write what was kept as WebDataset shards.")
@click.argument("name")
@click.option(
    "--shelf", "shelf_url", default="", metavar="URL", help="The shelf: a folder, or any URL that fsspec reads."
)
@click.option(
    "--mix",
    multiple=True,
    metavar="PART=SHELF",
    help="A part of a mix, in place of --shelf: PART=SHELF[,recipe=NAME][,weight=N]; given several times.",
)
@click.option("--to", default="", metavar="URL", help="The folder to write; by default exports/NAME on the shelf.")
@click.option("--recipe", "asked", default="", metavar="NAME", help="The recipe, where several were run here.")
@click.option(
    "--split", "splits", multiple=True, metavar="NAME=SHARE", help="A split beside train, for instance val=0.01."
)
@click.option(
    "--licence", "licences", multiple=True, metavar="PATTERN", help="Only these licences, for instance 'CC-BY-[0-9]*'."
)
@click.option("--exclude", default="", metavar="FILE", help="An opt-out list: a key, SHA-256 or address a line.")
@click.option(
    "--shard-rows", default=10_000, show_default=True, type=click.IntRange(1), help="Most samples of a shard."
)
@click.option("--shard-mib", default=512, show_default=True, type=click.IntRange(1), help="Most MiB of a shard.")
@click.option(
    "--recaption-share",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of samples that leave with their recaption, where they have one, in place of the caption.",
)
@click.option(
    "--spans",
    multiple=True,
    metavar="NAME",
    help="Cut videos: a sample for each span that bears a note of this name: shots, captions, any note's name; videos "
    "for whole ones.",
)
@click.option(
    "--turns",
    multiple=True,
    metavar="ABOUT",
    help="With --spans: a dialogue out of the notes, about captions, questions, grounding, motion, "
    "actions, texts, framing, or all.",
)
@click.option(
    "--uncopied",
    type=click.Choice(["encode", "frames", "leave"]),
    default="encode",
    show_default=True,
    help="What becomes of a span that does not lie between keyframes.",
)
@click.option(
    "--span-s",
    default="0.5-",
    show_default=True,
    metavar="LEAST-MOST",
    help="Spans of so many seconds; the most may be left out.",
)
@click.option("--energon", is_flag=True, help="Write Energon's index beside the shards.")
@click.option("--replace", is_flag=True, help="Replace the export in that folder.")
@click.option("--dry-run", is_flag=True, help="Say what would leave, and write nothing.")
@engine_option
@log_option
def export(
    name: str,
    shelf_url: str,
    mix: tuple[str, ...],
    to: str,
    asked: str,
    splits: tuple[str, ...],
    licences: tuple[str, ...],
    exclude: str,
    shard_rows: int,
    shard_mib: int,
    recaption_share: float,
    spans: tuple[str, ...],
    turns: tuple[str, ...],
    uncopied: Any,
    span_s: str,
    energon: bool,
    replace: bool,
    dry_run: bool,
    engine: Any,
) -> None:
    """Write the samples that a recipe kept as shards called NAME; the same command again goes on.

    With --mix, what several recipes kept, on one shelf or several, becomes one export, each part with a weight.

    With --spans, videos are cut: a sample for each span, with its parent's key.

    Original bytes, one member set and one image type a folder, a parquet sidecar a shard, a card and a manifest.
    """
    from pipelines.engines.asked import engine_of
    from pipelines.export.export import ExportOptions
    from pipelines.export.export import dry_run as foresee
    from pipelines.export.export import export as write

    options = ExportOptions(
        recipe=asked,
        splits=_shares(splits),
        licences=licences,
        exclude=exclude,
        rows=shard_rows,
        mib=shard_mib,
        recaption_share=recaption_share,
        energon=energon,
        replace=replace,
    )
    if turns and not spans:
        raise click.UsageError("--turns is about spans: say which with --spans")
    if spans:
        if mix or not shelf_url:
            raise click.UsageError("spans are cut of one --shelf at a time; a trainer takes several exports")
        cut = _cut_rule(spans, turns, uncopied, span_s)
        done = _cut(open_shelf(shelf_url), name, to, engine_of(engine), options, cut, dry_run)
    elif mix:
        done = _mixed(mix, shelf_url, name, to, engine_of(engine), options, dry_run)
    elif not shelf_url:
        raise click.UsageError("give --shelf, or the parts of a mix with --mix")
    else:
        done = (foresee if dry_run else write)(open_shelf(shelf_url), name, to, engine_of(engine), options, shown)
    rows = [(folder, count) for folder, count in sorted(done.folders.items())]
    rows += [(f"left out: {reason}", count) for reason, count in sorted(done.left_out.items()) if count]
    held = f"{done.to}: {counted(done.shards, 'shard')}, {done.size_bytes / 2**20:.1f} MiB"
    foreseen = f"{held} of pictures, videos and texts would be written"
    if spans:
        foreseen = f"{done.to}: spans would be cut out of {done.size_bytes / 2**20:.1f} MiB of samples"
    table(
        foreseen if dry_run else held,
        ("samples", "count"),
        rows,
        numbers=[1],
    )
    say(f"{done.kept} {'spans' if spans else 'kept'} = {done.exported} exported + {done.kept - done.exported} left out")
    if done.unmatched:
        say(f"{counted(done.unmatched, 'opt-out')} matched no sample that was kept: see {exclude}")
    say("next: the same without --dry-run" if dry_run else f"next: ostraka verify {done.to}")


def _cut_rule(spans: tuple[str, ...], turns: tuple[str, ...], uncopied: Any, span_s: str) -> Any:
    from pipelines.export.spans.cut_shard import CutRule
    from pipelines.export.spans.export import wanted_of
    from pipelines.export.spans.turns import FORMS

    least, _, most = span_s.partition("-")
    try:
        lengths_s = float(least or 0), float(most or 0)
    except ValueError:
        raise click.BadParameter(f"{span_s!r} is not LEAST-MOST, for instance 1-30", param_hint="--span-s") from None
    forms = FORMS if "all" in turns else tuple(form for form in FORMS if form in turns)
    unknown = tuple(form for form in dict.fromkeys(turns) if form not in FORMS and form != "all")
    return CutRule(wanted_of(spans, *lengths_s), uncopied, forms=(*forms, *unknown))


def _cut(shelf: Any, name: str, to: str, engine: Any, options: Any, cut: Any, dry_run: bool) -> Any:
    from pipelines.export.spans.export import dry_run_spans, export_spans

    return (dry_run_spans if dry_run else export_spans)(shelf, name, to, engine, options, cut, shown)


def _mixed(mix: tuple[str, ...], shelf_url: str, name: str, to: str, engine: Any, options: Any, dry_run: bool) -> Any:
    from pipelines.export.mix import dry_run_mix, export_mix, part_of

    if shelf_url or options.recipe:
        raise click.UsageError("--mix takes the place of --shelf and --recipe: PART=SHELF,recipe=NAME")
    if not to:
        raise click.UsageError("a mix is of several shelves: say where it goes with --to")
    parts = [part_of(one) for one in mix]
    for part in parts:
        open_shelf(part.shelf)
    return (dry_run_mix if dry_run else export_mix)(parts, name, to, engine, options, shown)


@click.command(short_help="Prove an export whole.")
@click.argument("folder")
@workers_option
def verify(folder: str, workers: int) -> None:
    """Check every file, member, row and count of the export in FOLDER, without its shelf."""
    from pipelines.engines.local import Local
    from pipelines.export.verify import verify as prove

    found = prove(folder, Local(workers), shown)
    held = ", ".join(f"{name} {count}" for name, count in sorted(found.folders.items()))
    whole = f"{counted(found.samples, 'sample')} in {counted(found.shards, 'shard')}"
    say(f"{folder} is whole: {whole} ({held}), {found.size_bytes} bytes")


@click.command(short_help="Write one page with samples of an export.")
@click.argument("folder")
@click.option("--to", "path", default="sheet.html", show_default=True, help="The page to write.")
@click.option("--count", default=6, show_default=True, type=click.IntRange(1, 1000), help="Samples of each kind.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind; given several times.")
def sheet(folder: str, path: str, count: int, kinds: tuple[str, ...]) -> None:
    """Write a self-contained HTML page of samples of the export in FOLDER, as they leave: pictures in place, in order.

    Which samples hangs on their keys alone. Clips are shown by frames, with ostraka[video].
    """
    from pipelines.export.sheet import write_sheet

    size_bytes, found = write_sheet(folder, path, count, kinds)
    told = ", ".join(f"{kind} {count}" for kind, count in found.items())
    say(f"{path}: {told}, {size_bytes / 2**20:.1f} MiB; open it in a browser")


@click.command(short_help="Apply a list of keys to an export.")
@click.argument("folder")
@click.option("--keep", required=True, metavar="FILE", help="The keys to keep, one a line.")
@click.option("--to", required=True, metavar="URL", help="The folder to write.")
@click.option("--replace", is_flag=True, help="Replace the export in that folder.")
def reshard(folder: str, keep: str, to: str, replace: bool) -> None:
    """Copy the samples of a list of keys from the export in FOLDER to another, span by span, without its shelf."""
    from pipelines.export.reshard import reshard as copy

    done = copy(folder, keep, to, replace=replace)
    say(
        f"{done.to}: {done.exported} of {done.kept} samples in {counted(done.shards, 'shard')}, {done.size_bytes} bytes"
    )
    say(f"next: ostraka verify {to}")


def _shares(splits: tuple[str, ...]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for said in splits:
        name, _, share = said.partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            raise click.BadParameter(
                f"{said!r} is not NAME=SHARE, for instance val=0.01", param_hint="--split"
            ) from None
    return shares
