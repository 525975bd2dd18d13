"""`ostraka demo`: the whole job on small real samples of a kind, as a list of commands run one after another."""

from __future__ import annotations

import click

from pipelines.commands.screen import say, table


@click.command(short_help="The whole job on real samples of a kind.")
@click.argument("kind", required=False, default="captions", metavar="[KIND]")
@click.option("--to", "folder", default="ostraka-demo", show_default=True, help="The folder to work in.")
def demo(kind: str, folder: str) -> None:
    """Bring in, curate, ask, browse, export and read back photographs with planted copies and faults.

    KIND is captions (photographs, and so without it), documents, instructions, text or video: each shows the job of
    its kind, in a folder of its own below. `ostraka demo train` is captions, and then trains a small model on their
    shards. Every step is an ostraka command that is printed before it runs. A second time, each goes on where it was.
    """
    import os

    if kind in ("captions", "train"):
        _captions(folder, trains=kind == "train")
        return
    from pipelines.demos.all import DEMOS

    if kind not in DEMOS:
        known = ", ".join(("captions", *DEMOS, "train"))
        raise click.BadParameter(f"there is no demo of {kind!r}; choose one of {known}", param_hint="KIND")
    shown, below = DEMOS[kind], os.path.join(folder, kind)
    shown.check(kind)
    os.makedirs(below, exist_ok=True)
    shown.write(below)
    _run(shown.command_lines(below))
    say(f"look at {os.path.join(below, 'browse.html')} and {os.path.join(below, 'sheet.html')}")


def _captions(folder: str, *, trains: bool) -> None:
    import os

    from pipelines.demos.captions import command_lines, read_back, training_lines, write_source

    write_source(os.path.join(folder, "photos"))
    _run(command_lines(folder))
    counts = read_back(os.path.join(folder, "export"))
    say("\nread back with webdataset:")
    table("", ("shard", "samples"), sorted(counts.items()), numbers=[1])
    if trains:
        _run(training_lines(folder))
    say(f"look at {os.path.join(folder, 'browse.html')}")


def _run(lines: list[list[str]]) -> None:
    """Run ostraka commands one after another; exits as the first that fails."""
    import shlex
    import subprocess
    import sys

    for arguments in lines:
        say(f"\n$ ostraka {shlex.join(arguments)}")
        sys.stdout.flush()
        ended = subprocess.run([sys.executable, "-m", "pipelines.cli", *arguments], check=False)
        if ended.returncode:
            raise SystemExit(ended.returncode)
