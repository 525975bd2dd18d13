"""It sees: 32 photographs with their captions, and 8 clips with the order of their frames; writes docs/proofs/sees.md.

A tiny model learns them by heart and is then asked for each: with its own picture, with another's, with none; each clip
with its frames as they were and in another order. Each part that is done is kept in WORK and not done again.

    python tests/long/sees.py [WORK]
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "proofs" / "sees.md"
DATA = Path(os.environ.get("OSTRAKA_DATA", ROOT.parent / "shared" / "data"))
PHOTOGRAPHS, SIDE_PX, CLIPS = 32, 112, 8
MOST_SHARE, MOST_S = 0.05, 120
ORDERS = ("goes on", "goes in reverse", "begins with its end")


def small_proof() -> Any:
    """Return the proof of the test suite, whose larger form this is."""
    spec = importlib.util.spec_from_file_location("sees", ROOT / "tests" / "test_trainer_sees.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def photographs() -> dict[str, Any]:
    """Learn the captions, and count which are said for their own photograph, for others and for a blank."""
    proof = small_proof()
    samples = proof.captioned(DATA, PHOTOGRAPHS)
    tokens = proof.train_tokens([sample.texts[0].text for sample, _ in samples], 600)
    codec = proof.Codec("4.1v", tokens, proof.PictureRule(most_tokens=16))
    documents = [proof.encode(sample, [square(content)], codec) for sample, content in samples]
    began_s = time.process_time()
    says = proof.learnt(documents, tokens, steps=80)
    learnt_s = time.process_time() - began_s
    others = [says(one, documents[place - 1].patches_PD) for place, one in enumerate(documents)]
    return {
        "asked": len(documents),
        "own": sum(says(one, one.patches_PD) for one in documents),
        "permuted": sum(others),
        "blank": sum(says(one, np.zeros_like(one.patches_PD)) for one in documents),
        "cpu_s": round(learnt_s),
    }


def square(content: bytes) -> bytes:
    """Return a photograph of one size for all, so that each can be shown in another's place."""
    out = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").resize((SIDE_PX, SIDE_PX)).save(out, "PNG")
    return out.getvalue()


def clips() -> dict[str, Any]:
    """Learn clips in three orders of their frames, and count which are said for their own and for another order."""
    proof = small_proof()
    folder = DATA / "video" / "panda70m_research_only"
    tokens = proof.train_tokens(["a clip of number goes on begins with its end in reverse"] * 9, 400)
    codec = proof.Codec("4.1v", tokens, clip=proof.ClipRule(most_tokens=24))
    documents = []
    for number, path in enumerate(sorted(folder.glob("*.mp4"))[:CLIPS]):
        frames = proof.six_frames(path.read_bytes())
        for order, shown in zip(ORDERS, (frames, frames[::-1], frames[2:] + frames[:2]), strict=True):
            documents.append(proof.clip_document(proof.filmed(shown), f"clip number {number} {order}", codec))
    began_s = time.process_time()
    says = proof.learnt(documents, tokens, steps=160)
    learnt_s = time.process_time() - began_s
    others = [says(one, documents[place // 3 * 3 + (place + 1) % 3].patches_PD) for place, one in enumerate(documents)]
    return {
        "asked": len(documents),
        "own": sum(says(one, one.patches_PD) for one in documents),
        "permuted": sum(others),
        "blank": sum(says(one, np.zeros_like(one.patches_PD)) for one in documents),
        "cpu_s": round(learnt_s),
    }


PARTS = {"photographs, their captions": photographs, "clips in three orders, their order": clips}


def main(work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "parts.json"
    found = json.loads(kept.read_text()) if kept.exists() else {}
    for name, part in PARTS.items():
        if name not in found:
            found[name] = part()
            print(name, found[name], flush=True)
            kept.write_text(json.dumps(found))
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(written(found))
    print(REPORT.read_text())
    for name, told in found.items():
        assert told["own"] == told["asked"], f"{name}: not all are said back"
        most = 1 if name.startswith("clips") else int(MOST_SHARE * told["asked"])
        assert told["permuted"] <= most and told["blank"] <= most, f"{name}: said without being seen"
        assert told["cpu_s"] <= MOST_S, f"{name}: it took too long"


def written(found: dict[str, dict[str, Any]]) -> str:
    """Return the report."""
    rows = [
        f"| {name} | {told['own']} of {told['asked']} | {told['permuted']} | {told['blank']} | {told['cpu_s']} |"
        for name, told in found.items()
    ]
    return (
        "---\norphan: true\n---\n\n# It sees\n\n"
        "A tiny model learns photographs with their captions by heart, and clips with the order in which their frames\n"
        "are shown, in one packed row on one processor. Then it is asked for each: an answer counts where every token\n"
        "is right. `permuted`: asked with another photograph, or with the same clip in another order; `blank`: with\n"
        "black frames. Photographs are 112 pixels wide and high; a clip is six frames of a real one, as they go, in\n"
        "reverse, and from the third on with the first two behind.\n\n"
        "| | own | permuted | blank | seconds of learning (one processor) |\n|---|---:|---:|---:|---:|\n"
        + "\n".join(rows)
        + f"\n\nAsked are: all of its own, in {MOST_S} seconds; "
        f"{MOST_SHARE:.0%} permuted or blank at the most, of clips one.\n\n"
        "Written by `python tests/long/sees.py`.\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/ostraka-sees"))
