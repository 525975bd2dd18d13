"""`ostraka`: one command with the verbs of every room that registers some under the entry-point group ostraka.verbs."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

import click

from pipelines.commands.benchmark import benchmark, contamination
from pipelines.commands.browse import browse
from pipelines.commands.compact import compact
from pipelines.commands.contact_sheet import contact_sheet
from pipelines.commands.demo import demo
from pipelines.commands.desk import desk
from pipelines.commands.difficulty import difficulty
from pipelines.commands.doctor import doctor
from pipelines.commands.draw import draw
from pipelines.commands.export import export, reshard, sheet, verify
from pipelines.commands.fit import fit
from pipelines.commands.funnel import funnel
from pipelines.commands.ingest import ingest
from pipelines.commands.run import recipes, run
from pipelines.commands.runs import runs
from pipelines.commands.show import show
from pipelines.commands.sql import sql
from pipelines.commands.verifiers import verifiers
from pipelines.commands.vocabulary import vocabulary
from pipelines.commands.weights import weights
from pipelines.commands.what_if import what_if
from pipelines.commands.why import why
from pipelines.record import log

VERBS = [
    ingest,
    run,
    recipes,
    funnel,
    why,
    what_if,
    show,
    sql,
    browse,
    contact_sheet,
    runs,
    compact,
    export,
    verify,
    sheet,
    reshard,
    verifiers,
    vocabulary,
    benchmark,
    contamination,
    difficulty,
    weights,
    fit,
    draw,
    desk,
    doctor,
    demo,
]


_INTERRUPTED = "stopped; the same command goes on where this one was"


class _InOrder(click.Group):
    """A group whose help lists the verbs in the order in which a user needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ostraka", prog_name="ostraka")
def ostraka() -> None:
    """Curate a multimodal corpus: bring samples in, annotate, filter, ask, and write shards."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 stopped, 2 wrong input, 130 interrupted."""
    for entry in sorted(entry_points(group="ostraka.verbs"), key=lambda entry: entry.name):
        for verb in entry.load():
            ostraka.add_command(verb)
    try:
        log.to_standard_error()
        ostraka.main(args=arguments, standalone_mode=False)
    except click.exceptions.Abort:
        _stop(_INTERRUPTED, 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _stop(_INTERRUPTED, 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        where = error.filename or "the target"
        _stop(f"{where}: {error.strerror}; nothing half-written was left, the same command goes on", 1)
    except Exception as error:
        from schemas.errors import BadInput, OstrakaError

        if "Query interrupted" in str(error):
            _stop(_INTERRUPTED, 130)
        if not isinstance(error, OstrakaError):
            raise
        _stop(str(error), 2 if isinstance(error, BadInput) else 1)


def _stop(message: str, code: int) -> None:
    click.echo(f"ostraka: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
