"""`ostraka doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import click

from pipelines.commands.screen import say, table


@click.command(short_help="Say what is installed, what is missing, how to get it.")
def doctor() -> None:
    """List the packages of the core and of each extra with their versions."""
    import platform
    import re
    from importlib import metadata

    rows: list[tuple[str, str, str, str]] = []
    missing: set[str] = set()
    for wanted in metadata.requires("ostraka") or []:
        name = re.split(r"[\s<>=!~;\[]", wanted, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", wanted)
        if name == "ostraka":
            continue
        where = extra[1] if extra else "core"
        try:
            rows.append((where, name, metadata.version(name), ""))
        except metadata.PackageNotFoundError:
            rows.append((where, name, "missing", f"pip install 'ostraka[{where}]'"))
            missing.add(where)
    table(
        f"ostraka {metadata.version('ostraka')}, Python {platform.python_version()}",
        ("needed by", "package", "version", "how to get it"),
        sorted(rows, key=lambda row: (row[0] != "core", *row)),
    )
    say("everything is here" if not missing else f"missing: {', '.join(sorted(missing))} (each is optional but core)")
    if "core" in missing:
        raise SystemExit(1)
