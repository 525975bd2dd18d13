"""A desk's folder: its settings, its sheets and guidelines as they were asked, and the media that people see.

desk.json             the desk's name, its layers, its people's addresses, its editor
ledger.sqlite3        what happened, unless OSTRAKA_DESK_LEDGER names a database
sheets/<fp>.json      every sheet that was ever asked; what was sent under an older one is read by it
guidelines/<id>.md    every guideline that was ever shown
people/<name>.json    how a person signs in, for the person alone: nobody else may read the file
served/media/         proxies, their frame maps (.json), pictures
data/, server.json    the editor's, where it is a server of our own
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256

import fsspec
import msgspec
from msgspec import Struct

from annotators.desk.label_studio.compared import measure_of_sheet
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.ledger import Ledger, open_ledger
from annotators.desk.measure import Measure
from schemas.errors import BadInput, Unavailable
from schemas.publish import put

LEDGER = "OSTRAKA_DESK_LEDGER"
SETTINGS, SHEETS, GUIDELINES, _LOCK = "desk.json", "sheets", "guidelines", "sync.lock"
MEDIA = ("served", "media")


class Settings(Struct, frozen=True):
    """What a desk is: sheets in force by layer and where each is found, addresses by person, the editor's URL (empty:
    the folder's own), and what stands before a file's name where people see it (empty: the own server's)."""

    name: str
    layers: dict[str, str] = {}
    sources: dict[str, str] = {}
    people: dict[str, str] = {}
    editor: str = ""
    media_url: str = ""


class Folder:
    """A desk by its folder. Raises BadInput where there is no desk yet."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with open(self._at(SETTINGS), "rb") as file:
                self.settings = msgspec.json.decode(file.read(), type=Settings)
        except FileNotFoundError:
            remedy = "begin one: ostraka desk ask LAYER"
            raise BadInput("there is no desk yet", where=path, remedy=remedy) from None
        except msgspec.DecodeError as error:
            remedy = "mend it, or take it from a copy"
            raise BadInput(f"the settings cannot be read: {error}", where=self._at(SETTINGS), remedy=remedy) from None

    @staticmethod
    def is_begun(path: str) -> bool:
        """Say whether a folder holds a desk."""
        return os.path.exists(os.path.join(path, SETTINGS))

    @classmethod
    def begun(cls, path: str, name: str = "") -> Folder:
        """Return the desk of a folder, which is begun there where there is none."""
        if not cls.is_begun(path):
            chosen = name or os.path.basename(os.path.abspath(path)) or "desk"
            _put(os.path.join(path, SETTINGS), msgspec.json.encode(Settings("-".join(chosen.split()))))
        return cls(path)

    def _at(self, *parts: str) -> str:
        return os.path.join(self.path, *parts)

    @property
    def media(self) -> str:
        """The folder of what people see."""
        return os.path.abspath(self._at(*MEDIA))

    def change(self, **settings: object) -> None:
        """Change settings, on the disk too."""
        self.settings = msgspec.structs.replace(self.settings, **settings)
        _put(self._at(SETTINGS), msgspec.json.format(msgspec.json.encode(self.settings), indent=2))

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open the desk's ledger: the folder's own, or the database that OSTRAKA_DESK_LEDGER names."""
        with self.ledger_of(self.path) as ledger:
            yield ledger

    @contextmanager
    def ledger_of(self, path: str) -> Iterator[Ledger]:
        """Open the ledger of a desk in another folder, by this one's name and layers."""
        url = os.environ.get(LEDGER, "") or os.path.join(path, "ledger.sqlite3")
        with open_ledger(url, self.settings.name, self.measures()) as ledger:
            yield ledger

    def measures(self) -> Mapping[str, Measure]:
        """Return how the answers of each layer are compared."""
        return {layer: measure_of_sheet(sheet) for layer, sheet in self.sheets().items()}

    def sheets(self) -> Mapping[str, Sheet]:
        """Return the sheets in force, by layer."""
        return {layer: self._sheet(fingerprint) for layer, fingerprint in self.settings.layers.items()}

    def older_sheets(self) -> Sequence[Sheet]:
        """Return every sheet that was ever asked here."""
        names = os.listdir(self._at(SHEETS)) if os.path.isdir(self._at(SHEETS)) else []
        return [self._sheet(name.removesuffix(".json")) for name in sorted(names) if name.endswith(".json")]

    def _sheet(self, fingerprint: str) -> Sheet:
        path = self._at(SHEETS, f"{fingerprint}.json")
        try:
            with open(path, "rb") as file:
                return msgspec.json.decode(file.read(), type=Sheet)
        except (FileNotFoundError, msgspec.DecodeError):
            remedy = "ask the layer again: ostraka desk ask"
            raise BadInput("the sheet is gone or broken", where=path, remedy=remedy) from None

    def ask(self, sheet: Sheet, source: str) -> None:
        """Put a sheet in force, which is found under `source`."""
        _put(self._at(SHEETS, f"{sheet.fingerprint}.json"), msgspec.json.encode(sheet))
        layers, sources = {sheet.name: sheet.fingerprint}, {sheet.name: source} if ":" in source else {}
        self.change(layers=self.settings.layers | layers, sources=self.settings.sources | sources)

    def keep_guideline(self, text: str) -> str:
        """Keep a guideline and return its version, the first digits of its digest; none of no text."""
        if not text.strip():
            return ""
        version = sha256(text.encode()).hexdigest()[:10]
        _put(self._at(GUIDELINES, f"{version}.md"), text.encode())
        return version

    def guideline(self, version: str) -> str:
        """Return the text of a guideline."""
        if not version:
            return ""
        try:
            with open(self._at(GUIDELINES, f"{version}.md"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            remedy = "give it again: ostraka desk ask --guideline FILE"
            raise BadInput(f"the guideline {version} is gone", where=self.path, remedy=remedy) from None

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """Hold the desk's right to sync; raises Unavailable where another process has it."""
        number = os.open(self._at(_LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Unavailable("another sync is at work", where=self.path, remedy="wait until it has ended") from None
        finally:
            os.close(number)


def now_ms() -> int:
    """Return Unix milliseconds."""
    return time.time_ns() // 1_000_000


def _put(path: str, data: bytes) -> None:
    put(fsspec.filesystem("file"), path, data)
