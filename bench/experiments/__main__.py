"""python -m bench.experiments rlcs --start MODEL --to FOLDER [--seeds 5] [--arm NAME ...] [--report DIR]."""

from __future__ import annotations

import argparse
import os

from bench.experiments import rlcs
from bench.experiments.pool import made
from bench.experiments.report import write_report
from bench.experiments.runs import read_all, run_all
from schemas.errors import BadInput
from trainer.loop.start import model_folder


def main() -> None:
    """Run what has not run, and write the report of what has."""
    asked = argparse.ArgumentParser(prog="python -m bench.experiments", description=__doc__)
    asked.add_argument("experiment", choices=["rlcs"])
    asked.add_argument("--start", required=True, help="the model to begin with: a run's folder, or a saved model")
    asked.add_argument("--to", required=True, help="the experiment's folder; the same command goes on in it")
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--arm", action="append", help="only this arm; may be given several times")
    asked.add_argument("--report", default="", help="where the report goes, by default FOLDER/report")
    said = asked.parse_args()
    try:
        model_folder(said.start)
    except BadInput as error:
        asked.error(f"{error}; `make cot-proof` leaves one as `begun`")
    os.makedirs(said.to, exist_ok=True)
    pool, test = made(said.to, said.start)
    arms = rlcs.arms(os.path.abspath(said.to), os.path.abspath(said.start), pool, test)
    unknown = set(said.arm or ()) - {arm.name for arm in arms}
    if unknown:
        asked.error(f"no arm {min(unknown)!r}; choose of {', '.join(arm.name for arm in arms)}")
    chosen = [arm for arm in arms if not said.arm or arm.name in said.arm]
    run_all(chosen, range(said.seeds), said.to, print, rlcs.enough)
    runs = read_all(said.to, [arm.name for arm in arms], range(said.seeds))
    to = said.report or os.path.join(said.to, "report")
    print("report:", write_report(to, rlcs.TITLE, rlcs.about(), runs, rlcs.MEASURES, rlcs.AGAINST))


if __name__ == "__main__":
    main()
