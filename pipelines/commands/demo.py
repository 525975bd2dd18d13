"""`ostraka demo`: the whole job on real photographs, as a list of ostraka commands run one after another."""

from __future__ import annotations

import click

from pipelines.commands.screen import say, table


@click.command(short_help="The whole job on real photographs.")
@click.option("--to", "folder", default="ostraka-demo", show_default=True, help="The folder to work in.")
def demo(folder: str) -> None:
    """Bring in, curate, ask, browse, export and read back photographs with planted copies and faults.

    Every step is an ostraka command that is printed before it runs. A second time, each goes on where it was.
    """
    import os
    import shlex
    import subprocess
    import sys

    from pipelines.demo import command_lines, read_back, write_source

    write_source(os.path.join(folder, "photos"))
    for arguments in command_lines(folder):
        say(f"\n$ ostraka {shlex.join(arguments)}")
        sys.stdout.flush()
        ended = subprocess.run([sys.executable, "-m", "pipelines.cli", *arguments], check=False)
        if ended.returncode:
            raise SystemExit(ended.returncode)
    counts = read_back(os.path.join(folder, "export"))
    say("\nread back with webdataset:")
    table("", ("shard", "samples"), sorted(counts.items()), numbers=[1])
    say(f"look at {os.path.join(folder, 'browse.html')}")
