"""The recipes `instructions` and `text` on all given samples of their kind; writes docs/proofs/words.md.

python tests/long/words.py [WORK]
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "proofs" / "words.md"
DATA = Path(os.environ.get("OSTRAKA_DATA", ROOT.parent / "shared" / "data"))

HEAD = """---
orphan: true
---

# Instructions and texts

The recipes [`instructions`](../how-to/instructions.md) and [`text`](../how-to/text.md) on real samples of their kind.
"""


def ostraka(*arguments: str) -> str:
    """Run a command and return what it prints, without spaces at the ends of lines."""
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{arguments}: {ended.stderr}"
    return re.sub(r" +$", "", ended.stdout, flags=re.MULTILINE).strip()


def without_pictures(work: Path) -> Iterator[tuple[str, str]]:
    """Yield evaluation sets whose pictures are not given, as files of questions: they show categories and fill-ins."""
    items = json.loads((DATA / "eval_sets" / "mathvista_testmini.json").read_text()).values()
    told = [{name: item[name] for name in ("pid", "question", "choices", "unit", "answer")} for item in items]
    (work / "mathvista.json").write_text(json.dumps({one.pop("pid"): one for one in told}))
    yield "mathvista", str(work / "mathvista.json")
    bench = (DATA / "instruct" / "llava_bench" / "coco2014_val_gpt4_qa_30x3.jsonl").read_text().splitlines()
    lines = [{**json.loads(line), "id": str(number)} for number, line in enumerate(bench)]
    (work / "llava.jsonl").write_text("".join(json.dumps({**line, "image": ""}) + "\n" for line in lines))
    yield "llava-bench", str(work / "llava.jsonl")


def instructions(shelf: str, work: Path) -> Iterator[str]:
    """Bring dialogues, quizzes and charts to a shelf, make fill-ins, and yield the funnel and the categories."""
    given = DATA / "instruct"
    demo, tables = given / "llama_factory_demo", given / "tabmwp"
    ostraka("ingest", str(demo / "mllm_demo.json"), "--shelf", shelf)
    ostraka("ingest", str(demo / "mllm_video_demo.json"), "--shelf", shelf)
    typed = ["--root", str(demo / "mllm_demo_data"), "--base-names"]
    ostraka("ingest", str(demo / "v1_multimodal_demo.jsonl"), "--shelf", shelf, *typed)
    pattern = ["--root", str(tables), "--image-pattern", "tables/{id}.png"]
    ostraka("ingest", str(tables / "problems_dev1k.json"), "--shelf", shelf, *pattern)
    ostraka("ingest", str(given / "gsm8k" / "train.jsonl"), "--shelf", shelf)
    ostraka("ingest", str(DATA / "eval_sets" / "sat_math_test.jsonl"), "--shelf", shelf)
    for folder in ("simple", "complex"):
        for path in sorted((given / "chartqa_split" / folder).glob("*.json")):
            named = ["--dataset", f"chartqa-{folder}-{path.stem}", "--image-column", "imgname"]
            ostraka("ingest", str(path), "--shelf", shelf, "--root", str(path.parent / "png"), *named)
    for name, path in without_pictures(work):
        ostraka("ingest", path, "--shelf", shelf, "--dataset", name, "--as", "dialogues")
    yield "Fill-ins of its questions with choices (MathVista's stand without their pictures here):"
    yield ostraka("ingest", shelf, "--as", "fill-in", "--shelf", shelf).partition("\n\n")[2].partition("\n\nnext")[0]
    ostraka("run", "instructions", "--shelf", shelf, "--with", "languages=en,zh")
    yield "Everything:"
    yield ostraka("funnel", "--shelf", shelf).partition("\nnext")[0]
    yield "By category:"
    query = "select category, category_by as placed_by, count(*) as samples from notes_taxonomist group by all"
    yield ostraka("sql", f"{query} order by samples desc, category", "--shelf", shelf)
    shares = "mathematics=0.3,chart=0.2,table=0.1,*=0.4"
    ostraka("run", "instructions", "--shelf", shelf, "--with", "languages=en,zh", "--with", f"shares={shares}")
    (last,) = [path.stem for path in Path(shelf, "recipes").glob("instructions@*") if b"Shares" in path.read_bytes()]
    yield f"With `shares={shares}`:"
    kept = f"select category, count(*) as samples from notes_taxonomist join verdicts using (shard, row) \
where recipe = '{last}' and outcome = 'kept' group by all"
    share = "round(samples / sum(samples) over (), 3)"
    grouped = "case when category in ('mathematics', 'chart', 'table') then category else '*' end as category"
    query = f"select {grouped}, sum(samples) as samples from ({kept}) group by all"
    yield ostraka("sql", f"select *, {share} as share from ({query}) order by samples desc", "--shelf", shelf)


def texts(shelf: str) -> Iterator[str]:
    """Bring books, papers and pages to a shelf, and yield the funnel."""
    for name in (
        "interleaved/openstax_astronomy",
        "interleaved/openstax_psychology",
        "ocr/docling_pdf",
        "ocr/latex_arxiv",
    ):
        ostraka("ingest", str(DATA / name), "--as", "texts", "--shelf", shelf)
    ostraka("run", "text", "--shelf", shelf)
    yield "Chapters of two books (cnxml), reference texts of papers and their notes (md, txt):"
    yield ostraka("funnel", "--shelf", shelf).partition("\nnext")[0]


def main(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    found = ["## Instructions", *instructions(str(work / "instructions"), work), "## Texts", *texts(str(work / "text"))]
    body = [one if one.startswith("#") or one.endswith(":") else f"```text\n{one}\n```" for one in found]
    REPORT.write_text(f"{HEAD}\n" + "\n\n".join(body) + "\n\nWritten by `python tests/long/words.py`.\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/words").resolve())
