"""A PostgreSQL of its own: in a folder that goes with it, on a socket in that folder, as a user that is not root."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

USER = "postgres"


def programs() -> str:
    """Return the folder of the newest PostgreSQL's programs, empty where there is none that can be run."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[-2]))
    if not found:
        beside = shutil.which("initdb")
        found = [os.path.dirname(beside)] if beside else []
    return found[-1] if found else ""


def other_user() -> int | None:
    """Return whom to run it as where we are root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER).pw_uid
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid


@contextmanager
def postgres() -> Iterator[str]:
    """Serve a database, and yield its address; the server and its folder are gone afterwards."""
    user = other_user()
    root = tempfile.mkdtemp(prefix="ostraka-pg-", dir="/tmp")
    data = os.path.join(root, "data")
    try:
        if user is not None:
            os.chown(root, user, -1)
        _run("initdb", "-D", data, "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", user=user)
        options = f"-k {root} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB -c max_connections=20"
        log = os.path.join(root, "log")
        _run("pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "-o", options, "start", user=user)
        try:
            yield f"postgresql://{USER}@/postgres?host={root}"
        finally:
            _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop", user=user)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run(program: str, *arguments: str, user: int | None) -> None:
    command = [os.path.join(programs(), program), *arguments]
    ran = subprocess.run(
        command, user=user, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if ran.returncode:
        raise RuntimeError(f"{program} ended with {ran.returncode}: {ran.stdout.decode(errors='replace')[-2000:]}")
