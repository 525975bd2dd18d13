"""The editor's own environment: Label Studio beside ours, since its packages and ours would move each other's pins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.resources import files

from schemas.errors import BadInput, Unavailable

PROVEN = "1.23.2"
"""The version of Label Studio whose frames, regions and interface the desk is proven on."""
PINS = "server.txt"
SILENT = {
    "COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
}
"""What keeps the server from telling anyone outside that it runs."""
_MARK, _DONE, _LOG, _EMPTY = "pyvenv.cfg", ".done", "install.log", "empty"
_DATABASE = "label_studio.sqlite3"


_MIGRATE = """
import os, sys
import label_studio
sys.path.insert(0, os.path.dirname(label_studio.__file__))
os.environ["DJANGO_SETTINGS_MODULE"] = "label_studio.core.settings.label_studio"
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""


def is_ready(folder: str) -> bool:
    """Say whether the environment in a folder was made to the end."""
    return os.path.exists(os.path.join(folder, _DONE)) and os.path.exists(program(folder))


def program(folder: str) -> str:
    """Return the path of the server's program in an environment."""
    return os.path.join(folder, "bin", "label-studio")


def make_environment(folder: str) -> None:
    """Make a virtual environment with Label Studio and everything below it pinned, unless it is there.

    Takes two or three minutes and a gigabyte, once; what was broken off is begun anew. An empty database is laid
    beside, since to make one takes the server longer than to start with it. Raises BadInput where the folder holds
    other files, and Unavailable, with where its log is, where it cannot be made.
    """
    if is_ready(folder):
        return
    if os.path.isdir(folder) and os.listdir(folder) and not os.path.exists(os.path.join(folder, _MARK)):
        raise BadInput("it holds other files than an environment's", where=folder, remedy="give a folder of its own")
    os.makedirs(folder, exist_ok=True)
    log = f"{os.path.abspath(folder)}.{_LOG}"
    pins = str(files("annotators.desk.label_studio").joinpath(PINS))
    python = os.path.join(folder, "bin", "python")
    with open(log, "wb") as out:
        for command in (
            [sys.executable, "-m", "venv", "--clear", folder],
            [python, "-m", "pip", "install", "--quiet", "--requirement", pins],
            [python, "-c", _MIGRATE],
        ):
            env = os.environ | SILENT | {"LABEL_STUDIO_BASE_DATA_DIR": os.path.abspath(os.path.join(folder, _EMPTY))}
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=env, check=False).returncode:
                remedy = f"read {log}; the same command begins anew"
                raise Unavailable("Label Studio could not be installed", where=folder, remedy=remedy)
    with open(os.path.join(folder, _DONE), "wb"):
        pass


def lay_database(folder: str, data: str) -> None:
    """Copy an environment's empty database into a folder of data, unless there is a database already."""
    empty, path = os.path.join(folder, _EMPTY, _DATABASE), os.path.join(data, _DATABASE)
    if os.path.exists(empty) and not os.path.exists(path):
        shutil.copyfile(empty, path + ".part")
        os.replace(path + ".part", path)
