"""The trainer's verbs, which the command line finds by the entry-point group ostraka.verbs."""

from __future__ import annotations

from trainer.commands.pilot import pilot
from trainer.commands.plan import plan
from trainer.commands.serve import serve
from trainer.commands.train import train

VERBS = [plan, train, serve, pilot]
