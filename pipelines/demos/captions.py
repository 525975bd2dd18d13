"""The demo: real photographs with captions, planted duplicates and faults, and the commands that curate them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from importlib.util import find_spec

import msgspec

from pipelines.ingest.photographs import photographs_folder
from schemas.errors import BadInput

_CC0, _FREE = "CC0-1.0", "public domain"

PHOTOGRAPHS = {
    "astronaut.png": ("Astronaut Eileen Collins smiles in an orange flight suit, a flag behind her.", _FREE),
    "brick.png": ("A grey brick wall seen straight on, every joint filled with mortar.", _CC0),
    "camera.png": ("A man in a dark coat looks through a camera on a tripod in a wide meadow.", _CC0),
    "chelsea.png": ("Chelsea the tabby cat lies on a carpet and looks past the camera.", _CC0),
    "clock_motion.png": ("A round wall clock, blurred because the camera moved sideways.", _FREE),
    "coffee.png": ("A cup of espresso on a saucer with a spoon, on a worn wooden table.", _CC0),
    "coins.png": ("Greek coins from Pompeii in four rows on a grey background.", "no known copyright restrictions"),
    "grass.png": ("Grass from above in black and white, blades in every direction.", _CC0),
    "gravel.png": ("Gravel from above, rounded stones of different sizes.", _CC0),
    "hubble_deep_field.jpg": ("Hundreds of distant galaxies in the Hubble eXtreme Deep Field.", _FREE),
    "ihc.png": (
        "Stained tissue of colonic glands under a microscope, brown on blue.",
        "no known copyright restrictions",
    ),
    "retina.jpg": ("The retina of a normal left eye, with the optic disc to the left.", _CC0),
    "rocket.jpg": ("A Falcon 9 rocket lifts off from Cape Canaveral with the DSCOVR satellite.", _FREE),
}


def write_source(folder: str) -> None:
    """Write the demo's source: photographs as they are shipped, then copies and faults made from them."""
    os.makedirs(folder, exist_ok=True)
    shipped = photographs_folder()
    for name, (caption, licence) in PHOTOGRAPHS.items():
        with open(os.path.join(shipped, name), "rb") as file:
            _write(folder, name, file.read(), caption, licence)
    for name, content, caption in _planted(shipped):
        _write(folder, name, content, caption, _CC0)


def _write(folder: str, name: str, content: bytes, caption: str, licence: str) -> None:
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)
    told = msgspec.json.format(msgspec.json.encode({"caption": caption, "licence": licence}), indent=1)
    with open(os.path.join(folder, name.rsplit(".", 1)[0] + ".json"), "wb") as file:
        file.write(told + b"\n")


def _planted(shipped: str) -> Iterator[tuple[str, bytes, str]]:
    """Yield name, bytes and caption of every planted copy and fault."""
    from PIL import Image

    def shot(name: str) -> Image.Image:
        return Image.open(os.path.join(shipped, name)).convert("RGB")

    def encoded(picture: Image.Image, kind: str = "JPEG", quality: int = 90) -> bytes:
        out = io.BytesIO()
        picture.save(out, kind, quality=quality)
        return out.getvalue()

    with open(os.path.join(shipped, "coffee.png"), "rb") as file:
        yield "planted_exact_copy.png", file.read(), "The same espresso again, under another name."
    rocket, cat = shot("rocket.jpg"), shot("chelsea.png")
    half = rocket.resize((rocket.width // 2, rocket.height // 2))
    yield "planted_half_size.jpg", encoded(half), "The same rocket at half its size."
    yield "planted_low_quality.jpg", encoded(cat, quality=40), "The same cat, saved again at low quality."
    yield "planted_icon.png", encoded(cat.resize((16, 16)), "PNG"), "A cat the size of an icon."
    yield "planted_grey.png", encoded(Image.new("RGB", (320, 240), "grey"), "PNG"), "Nothing but grey."
    yield "planted_truncated.jpg", encoded(rocket)[:9000], "A rocket whose file ends too early."
    yield "planted_no_picture.jpg", b"this is a text, whatever it is called\n", "A text under a picture's name."
    yield "planted_file_name.jpg", encoded(shot("coffee.png").crop((0, 0, 300, 300))), "IMG_2041.jpg"
    tabby = cat.crop((100, 0, 400, 300))
    yield "planted_german.jpg", encoded(tabby), "Eine getigerte Katze liegt auf dem Teppich und schaut zur Seite."
    with open(os.path.join(shipped, "no_time_for_that_tiny.gif"), "rb") as file:
        yield "planted_animated.gif", file.read(), "A short animation of a man who has no time for that."


def command_lines(folder: str) -> list[list[str]]:
    """Return the ostraka command lines of the demo, in order; each goes on where a stopped one was."""
    shelf, out = os.path.join(folder, "shelf"), os.path.join(folder, "export")
    here = ["--shelf", shelf]
    return [
        ["ingest", os.path.join(folder, "photos"), *here, "--max-failed", "1"],
        ["run", "caption-light", *here],
        ["funnel", *here],
        ["why", "planted_half_size.jpg", *here],
        ["what-if", "sharpness >= 500", *here],
        ["browse", *here, "--to", os.path.join(folder, "browse.html")],
        ["export", "demo", *here, "--to", out, "--split", "val=0.2"],
        ["verify", out],
    ]


def training_lines(folder: str) -> list[list[str]]:
    """Return the command lines that train a small model on the demo's shards, in a minute or two."""
    out, run = os.path.join(folder, "export"), os.path.join(folder, "run")
    small = ["--sequence", "512", "--batch", "2"]
    return [
        ["plan", "--data", out, *small, "--steps", "30"],
        ["train", "pretrain", "--data", out, "--val", out, "--to", run, *small, "--steps", "30"],
    ]


def read_back(folder: str) -> dict[str, int]:
    """Read every shard with webdataset and return how many samples each holds; raises BadInput without it."""
    if find_spec("webdataset") is None:
        raise BadInput("webdataset is not here", remedy="pip install 'ostraka[demo]'")
    import webdataset

    counts: dict[str, int] = {}
    for here, _, names in sorted(os.walk(folder)):
        for name in sorted(name for name in names if name.endswith(".tar")):
            path = os.path.join(here, name)
            shards = webdataset.WebDataset(path, shardshuffle=False, empty_check=False)
            counts[os.path.relpath(path, folder)] = sum(1 for _ in shards.decode("pil"))
    return counts
