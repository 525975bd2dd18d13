"""What a run was asked to be, kept in its folder: the same command goes on, another one is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct, structs

from schemas.errors import BadInput
from trainer.data.given import Given
from trainer.loop.parallel import check_mesh
from trainer.loop.run_file import put_file
from trainer.loop.stages import Stage
from trainer.loop.start import Start, model_folder
from trainer.model.presets import preset

RUN = "run.json"
Wish = TypeVar("Wish", bound=Struct)
_PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "pillow", "av")


class Asked(Struct, frozen=True):
    """A stage's values, what is given to train on, where its weights come from, and what is held out."""

    stage: Stage
    given: Given
    start: Start = Start()
    held_out: tuple[str, ...] = ()


class Kept(Struct, Generic[Wish], frozen=True):
    """What run.json holds."""

    asked: Wish
    versions: dict[str, str]


def check(asked: Asked) -> None:
    """Raise BadInput where no run could be what is asked, before a folder is made for it."""
    preset(asked.given.preset)
    check_mesh(asked.stage.mesh)
    if asked.start.folder:
        model_folder(asked.start.folder)


def claim(folder: str, asked: Asked) -> None:
    """Write what is asked into a new run's folder, or raise BadInput where the folder's run was asked another thing.

    Where the data lies may change: that it is the same is told by its digests.
    """
    claim_by(folder, asked, _values)


def claim_by(folder: str, asked: Wish, values: Callable[[Wish], Iterator[tuple[str, Any]]]) -> None:
    """Claim a folder for what is asked, where `values` are those that must not change."""
    path = os.path.join(folder, RUN)
    if os.path.exists(path):
        before = dict(values(read_wish(folder, type(asked))))
        for what, now in values(asked):
            if before.get(what) != now:
                raise BadInput(
                    f"it was begun with {what} {before.get(what)}, not {now}",
                    where=folder,
                    remedy="give the same command to go on, or another folder with --to",
                )
        return
    if os.path.isdir(folder) and os.listdir(folder):
        raise BadInput("there is something else in it", where=folder, remedy="give another folder with --to")
    os.makedirs(folder, exist_ok=True)
    kept = Kept(asked, {package: version(package) for package in _PACKAGES})
    put_file(path, msgspec.json.format(msgspec.json.encode(kept)))


def read_asked(folder: str) -> Asked:
    """Return what a run was asked; raises BadInput where the folder is no run's."""
    return read_wish(folder, Asked)


def read_wish(folder: str, kind: type[Wish]) -> Wish:
    """Return what a run of a kind was asked; raises BadInput where the folder is no such run's."""
    try:
        with open(os.path.join(folder, RUN), "rb") as file:
            kept: Kept[Wish] = msgspec.json.decode(file.read(), type=Kept[kind])  # type: ignore[valid-type]
    except (OSError, msgspec.DecodeError) as error:
        raise BadInput(f"no run: {error}", where=folder, remedy="give the folder of `ostraka train --to`") from None
    return kept.asked


def _values(asked: Asked) -> Iterator[tuple[str, Any]]:
    yield from structs.asdict(asked.stage).items()
    yield from structs.asdict(asked.start).items()
    for what in ("preset", "picture_tokens", "clip_tokens"):
        yield what, getattr(asked.given, what)
