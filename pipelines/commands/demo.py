"""`ostraka demo`: the whole job on real photographs, as a list of ostraka commands run one after another."""

from __future__ import annotations

import click

from pipelines.commands.screen import say, table


@click.command(short_help="The whole job on real photographs.")
@click.argument("what", required=False, default="", metavar="[train]")
@click.option("--to", "folder", default="ostraka-demo", show_default=True, help="The folder to work in.")
def demo(what: str, folder: str) -> None:
    """Bring in, curate, ask, browse, export and read back photographs with planted copies and faults.

    `ostraka demo train` then trains a small model on the shards. Every step is an ostraka command that is printed
    before it runs. A second time, each goes on where it was.
    """
    import os
    import shlex
    import subprocess
    import sys

    from pipelines.demo import command_lines, read_back, training_lines, write_source

    if what not in ("", "train"):
        raise click.BadParameter(f"there is no demo {what!r}; say train, or nothing", param_hint="WHAT")

    def run(lines: list[list[str]]) -> None:
        for arguments in lines:
            say(f"\n$ ostraka {shlex.join(arguments)}")
            sys.stdout.flush()
            ended = subprocess.run([sys.executable, "-m", "pipelines.cli", *arguments], check=False)
            if ended.returncode:
                raise SystemExit(ended.returncode)

    write_source(os.path.join(folder, "photos"))
    run(command_lines(folder))
    counts = read_back(os.path.join(folder, "export"))
    say("\nread back with webdataset:")
    table("", ("shard", "samples"), sorted(counts.items()), numbers=[1])
    if what:
        run(training_lines(folder))
    say(f"look at {os.path.join(folder, 'browse.html')}")
