"""A set of drawn tasks as a folder: pictures, the tasks that `ostraka ingest` takes, and their dense captions."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec
from PIL import Image

from pipelines.ingest.drawn_tasks import DRAWN, LEVELS, draw_task
from schemas.errors import BadInput
from schemas.task import Difficulty


def write_tasks(
    folder: str,
    count: int,
    kinds: Sequence[str],
    levels: Sequence[Difficulty],
    split: str,
    *,
    first: int = 0,
    worked: bool = False,
) -> str:
    """Write `count` tasks into a new folder, kinds and levels by turns; return the path of `tasks.jsonl`.

    `captions.jsonl` beside it says of each picture all that is in it. They are numbered from `first` on, so that sets
    of one split need not meet; `worked` gives each task one right response. Raises BadInput where the folder is there.
    """
    kinds, levels = kinds or tuple(DRAWN), levels or LEVELS[:3]
    try:
        os.makedirs(os.path.join(folder, "pictures"))
    except FileExistsError:
        raise BadInput("it is there already", where=folder, remedy="give --to a folder that is not") from None
    path = os.path.join(folder, "tasks.jsonl")
    with open(path, "wb") as tasks, open(os.path.join(folder, "captions.jsonl"), "wb") as captions:
        for number in range(first, first + count):
            kind, level = kinds[number % len(kinds)], levels[number // len(kinds) % len(levels)]
            name = f"{split}-{number:06d}"
            drawn = draw_task(kind, name, level)
            picture = f"pictures/{name}.png"
            Image.fromarray(drawn.picture).save(os.path.join(folder, picture))
            task = msgspec.to_builtins(drawn.task)
            asked = {"id": name, **task, "question": f"<image>{drawn.task.question}", "images": [picture]}
            if worked:
                asked["responses"] = [drawn.worked]
            tasks.write(msgspec.json.encode(asked) + b"\n")
            told = {"id": name, "image": picture, "caption": drawn.caption}
            captions.write(msgspec.json.encode(told) + b"\n")
    return path
