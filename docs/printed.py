"""What the pages say is printed is what is printed: runs the commands of pages and writes, or checks, their outputs.

    python docs/printed.py                      run all pages that show commands, rewrite what is printed
    python docs/printed.py --check PAGE ...     say where a page and the commands differ, and exit with 1

Each page runs in an empty folder that holds the tutorial's `photos`. A block with a caption is a file, a `console`
block is commands after `$`, each followed by what it prints.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent
FOLDER = "/home/you/try"
BIN = os.path.dirname(sys.executable)
"""Where `ostraka` and `python` are."""

PAGES = (
    DOCS / "tutorial.md",
    *sorted((DOCS / "how-to").glob("*.md")),
    DOCS / "reference" / "sample-and-tar-form.md",
    DOCS / "reference" / "verifiers.md",
)

BLOCK = re.compile(r"^(`{3,})(\{code-block\} \w+\n:caption: (?P<file>\S+)\n\n|console\n)(?P<body>.*?)^\1$", re.M | re.S)


def main(arguments: list[str]) -> int:
    """Run pages; with --check nothing is written."""
    check = "--check" in arguments
    asked = [Path(one).resolve() for one in arguments if one != "--check"]
    differ = False
    for page in asked or PAGES:
        before = page.read_text(encoding="utf-8")
        after = printed(before)
        if check:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), str(page), "printed", lineterm="", n=2
            )
            sys.stdout.writelines(f"{line}\n" for line in lines)
        elif after != before:
            page.write_text(after, encoding="utf-8")
        differ |= before != after
    return int(check and differ)


def printed(page: str) -> str:
    """Return a page with what its commands print now."""
    from pipelines.demos.captions import write_source

    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.realpath(scratch)
        write_source(os.path.join(folder, "photos"))

        def block(found: re.Match[str]) -> str:
            if found["file"]:
                path = Path(folder, found["file"])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(found["body"], encoding="utf-8")
                return found[0]
            told = "".join(f"$ {command}\n{_run(command, folder)}" for command in commands(found["body"]))
            return f"{found[1]}console\n{told}{found[1]}"

        return BLOCK.sub(block, page)


def commands(body: str) -> Iterator[str]:
    """Yield the commands of a console block; a backslash at the end of a line carries one on."""
    lines = iter(body.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            continue
        command = line[2:]
        while command.endswith("\\"):
            command += "\n" + next(lines)
        yield command


def _run(command: str, folder: str) -> str:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = ended.stdout.decode().replace(folder, FOLDER)
    if "Traceback" in said:
        raise SystemExit(f"{command}\n{said}")
    told = "".join(f"{line.rstrip()}\n" for line in said.splitlines())
    return re.sub(r"\n\n+$", "\n", re.sub(r"\n{3,}", "\n\n", told))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
