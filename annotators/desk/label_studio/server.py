"""A Label Studio server of our own: started on loopback, waited for, and stopped by its process's id and start time.

Secrets go to it through its environment, never through arguments, which everyone on the machine may read. It runs in a
session of its own and outlives the command that started it. Its folder holds `data/` (its database),
`served/media/` (what it may show), `server.json` and `server.log`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from annotators.desk.label_studio.environment import SILENT, is_ready, lay_database, program
from annotators.desk.label_studio.http import Editor, Secret
from schemas.errors import BadInput, OstrakaError, Unavailable

SERVED, MEDIA = "served", "media"
_DATA, _RECORD, _LOG = "data", "server.json", "server.log"
HOST = "127.0.0.1"
_STEP_S, _STOP_S = 0.25, 20.0


class Login(Struct, frozen=True):
    """Who the desk is to the server; the token and the password are Secrets, which print as stars."""

    email: str
    password: Secret
    token: Secret


class Running(Struct, frozen=True):
    """A server that was started: its process, when that began, and its port."""

    pid: int
    began: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def start(
    folder: str, environment: str, login: Login, *, port: int = 0, hooks: bool = False, wait_s: float = 240
) -> Running:
    """Start the server of a folder, unless it runs, and wait until it answers and knows the token.

    `hooks` lets it call webhooks on this machine, which it refuses otherwise. Raises BadInput or Unavailable.
    """
    if running := find(folder):
        _wait(running, folder, login, wait_s)
        return running
    if not is_ready(environment):
        raise BadInput("Label Studio is not installed there", where=environment, remedy="ostraka desk up installs it")
    for name in (_DATA, os.path.join(SERVED, MEDIA)):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    lay_database(environment, os.path.join(folder, _DATA))
    port = _free(port)
    command = [program(environment), "start", "--no-browser", "--internal-host", HOST, "--port", str(port)]
    with open(os.path.join(folder, _LOG), "ab") as log:
        process = subprocess.Popen(
            [*command, "--log-level", "WARNING"],
            env=_surroundings(folder, login, hooks),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Running(process.pid, _began(process.pid), port)
    with open(os.path.join(folder, _RECORD), "wb") as file:
        file.write(msgspec.json.encode(running))
    try:
        _wait(running, folder, login, wait_s)
    except BaseException:
        stop(folder)
        raise
    return running


def media(folder: str) -> str:
    """Return the folder whose files the server of a folder may show."""
    return os.path.abspath(os.path.join(folder, SERVED, MEDIA))


def find(folder: str) -> Running | None:
    """Return the running server of a folder; None where none runs, or where its id is another process's by now."""
    try:
        with open(os.path.join(folder, _RECORD), "rb") as file:
            running = msgspec.json.decode(file.read(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return running if running.began and _began(running.pid) == running.began else None


def stop(folder: str) -> bool:
    """Stop the server of a folder with all its processes, and return whether one ran."""
    running = find(folder)
    if running:
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(running.pid, how)
            except ProcessLookupError:
                break
            if _gone(running):
                break
    if os.path.exists(os.path.join(folder, _RECORD)):
        os.remove(os.path.join(folder, _RECORD))
    return running is not None


def _surroundings(folder: str, login: Login, hooks: bool) -> Mapping[str, str]:
    """Return the server's environment: nothing is sent anywhere, and nothing but `served/` is shown."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LABEL_STUDIO", "OSTRAKA"))}
    about = {
        "LABEL_STUDIO_BASE_DATA_DIR": os.path.abspath(os.path.join(folder, _DATA)),
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": os.path.abspath(os.path.join(folder, SERVED)),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "SSRF_PROTECTION_ENABLED": "false" if hooks else "true",
        "LABEL_STUDIO_USERNAME": login.email,
        "LABEL_STUDIO_PASSWORD": login.password.shown,
        "LABEL_STUDIO_USER_TOKEN": login.token.shown,
    }
    return kept | SILENT | about


def _wait(running: Running, folder: str, login: Login, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while True:
        try:
            with Editor(running.url, login.token, tries=1) as editor:
                editor.healthy()
                editor.check()
            return
        except Unavailable:
            if _began(running.pid) != running.began:
                raise Unavailable(f"Label Studio ended: {_tail(folder, login)}", where=folder) from None
            if time.monotonic() > end:
                remedy = f"read {os.path.join(folder, _LOG)}"
                raise Unavailable(
                    f"Label Studio does not answer after {wait_s:.0f} s", where=folder, remedy=remedy
                ) from None
        except OstrakaError as error:
            remedy = "give the token that the server was first started with"
            raise BadInput(error.what, where=folder, remedy=error.remedy or remedy) from None
        time.sleep(_STEP_S)


def _tail(folder: str, login: Login) -> str:
    with open(os.path.join(folder, _LOG), "rb") as file:
        said = file.read()[-600:].decode(errors="replace").strip()
    return login.token.hidden_in(login.password.hidden_in(said))


def _free(port: int) -> int:
    """Return a port that nobody listens on; the server itself would go on to the next one and say nothing."""
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            raise BadInput(f"port {port} is taken", remedy="give another, or none") from None
        found: int = probe.getsockname()[1]
        return found


def _began(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; empty where there is none, or a dead one."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _gone(running: Running) -> bool:
    end = time.monotonic() + _STOP_S
    while time.monotonic() < end:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(running.pid, os.WNOHANG)
        if _began(running.pid) != running.began:
            return True
        time.sleep(_STEP_S)
    return False
