"""The dataset card: what an export holds, how it came to be, how to read it, in the form that Hugging Face reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from pipelines.export.choose import EXCLUDE, LICENCE, NOTHING_LEFT
from pipelines.export.manifest import CONCEPTS, CROISSANT, KeptOut, Manifest, Mixed
from pipelines.export.people import OPTION
from schemas.form import MANIFEST
from schemas.sniff import PICTURES

_KNOWN_LICENCES = frozenset(
    [
        *("apache-2.0", "mit", "cc0-1.0", "odc-by", "odbl", "pddl", "cdla-permissive-2.0"),
        *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nd-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
        *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
    ]
)
KEEP_LIST = "keep_list"
_WHY = {
    LICENCE: "their licence was not asked for",
    EXCLUDE: "they stand on the opt-out list",
    NOTHING_LEFT: "no part of them was left",
    KEEP_LIST: "they do not stand on the list of keys to keep",
}


def card(manifest: Manifest) -> str:
    """Return the card as Markdown with YAML in front."""
    blocks = [
        _front(manifest),
        f"# {manifest.name}",
        _summary(manifest),
        *_contents(manifest),
        *_mix(manifest),
        *_kinds(manifest),
        *_funnel(manifest),
        *_concepts(manifest),
        *_benchmarks(manifest.benchmarks, "## Benchmarks kept out"),
        *_captions(manifest),
        *_people(manifest),
        *_sources(manifest),
        *_opt_out(manifest),
        *_loading(manifest),
        *_layout(manifest),
    ]
    return "\n\n".join(blocks) + "\n"


def _front(manifest: Manifest) -> str:
    licences = {licence.lower() for licence in manifest.licences}
    known = sorted(licences) if licences and licences <= _KNOWN_LICENCES else ["other"]
    lines = ["---", "license:", *(f"- {licence}" for licence in known)]
    lines += ["configs:"] if manifest.folders() else []
    for form, splits in _by_form(manifest).items():
        lines += [f"- config_name: {_yaml(form)}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {_yaml(split)}", f"    path: {_yaml(f'{split}/{form}/*.tar')}"]
    return "\n".join([*lines, "---"])


def _summary(manifest: Manifest) -> str:
    tars = manifest.tars()
    size_mib = sum(tar.size_bytes for tar in tars) / 2**20
    made = "Pictures and videos are the original bytes, never re-encoded."
    if spans := manifest.options.get("spans"):
        made = (
            f"Each sample is a span of a video ({', '.join(spans['wanted']['names'])}), whose key is its `parent`. "
            "`cut` says how it was cut: its packets as they are (`copied`), encoded anew (`encoded`), pictures of "
            "some of its frames (`frames`), or the whole file (`whole`)."
        )
    return (
        f"{manifest.counts.exported:,} samples in {len(tars):,} WebDataset shards ({size_mib:,.1f} MiB), curated by "
        f"the recipe `{manifest.recipe}` and exported by ostraka. {made}"
    )


def _contents(manifest: Manifest) -> Iterator[str]:
    yield "## Contents"
    folders = manifest.folders()
    rows = [(split, form, folders[f"{split}/{form}"]) for form, s in _by_form(manifest).items() for split in s]
    yield _table(("split", "form", "samples"), sorted(rows))
    yield (
        "One folder holds one set of members and one image type. Copies of a picture, and samples made from one "
        "parent, lie in the same split."
    )
    if spans := manifest.options.get("spans"):
        yield (
            f"{spans['samples']:,} samples were kept, {spans['samples_without']:,} of them without such a span and "
            f"{sum(spans['samples_left_out'].values()):,} left out ({_left_out(spans['samples_left_out'])})."
        )
    what = "spans were chosen" if spans else "samples were kept"
    left_out = _left_out(manifest.counts.left_out)
    yield f"{manifest.counts.kept:,} {what} = {manifest.counts.exported:,} exported + {left_out}"


def _left_out(counts: dict[str, int]) -> str:
    told = (f"{n:,} left out because {_WHY.get(reason, f'of `{reason}`')}" for reason, n in counts.items())
    return ", ".join(told) or "none left out"


def _mix(manifest: Manifest) -> Iterator[str]:
    if not manifest.mix:
        return
    yield "## The mix"
    yield (
        "Shards bear the name of their part. A weight says how many of all samples that are trained on come from a "
        "part; where none is given, as many as it has. A trainer may take other weights."
    )
    whole = sum(one.weight or one.counts.exported for one in manifest.mix) or 1
    rows = [
        (
            one.name,
            f"`{one.recipe}`",
            one.counts.exported,
            sum(of.estimated_tokens for of in one.kinds.values()),
            str(one.weight or "-"),
            f"{(one.weight or one.counts.exported) / whole:.1%}",
        )
        for one in manifest.mix
    ]
    yield _table(("part", "recipe", "samples", "about tokens", "weight", "share"), rows)


def _kinds(manifest: Manifest) -> Iterator[str]:
    if not manifest.kinds:
        return
    yield "## Kinds"
    rows: list[Sequence[object]]
    if manifest.mix:
        rows = [
            (one.name, kind, of.samples, of.estimated_tokens) for one in manifest.mix for kind, of in one.kinds.items()
        ]
        yield _table(("part", "kind", "samples", "about tokens"), rows)
    else:
        rows = [(kind, of.samples, of.estimated_tokens) for kind, of in manifest.kinds.items()]
        yield _table(("kind", "samples", "about tokens"), rows)
    yield (
        "Tokens are an estimate from four bytes of text and 28 x 28 pixels of a picture each; every sidecar's row "
        "holds its own."
    )


def _funnel(manifest: Manifest) -> Iterator[str]:
    yield "## How they were chosen"
    for part in manifest.mix:
        yield f"### {part.name}"
        yield from _chosen(part)
        yield from _benchmarks(part.benchmarks, "#### Benchmarks kept out")
    if not manifest.mix:
        yield from _chosen(manifest)


def _chosen(manifest: Manifest | Mixed) -> Iterator[str]:
    rows = []
    for step in manifest.funnel:
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in sorted({**step.dropped, **step.failed}.items()))
        dropped, failed = sum(step.dropped.values()), sum(step.failed.values())
        rows.append((f"`{step.name}`", step.reached, step.went_on, dropped, failed, reasons))
    yield _table(("step", "in", "kept", "dropped", "failed", "reasons"), rows)
    yield "At every step in = kept + dropped + failed. Steps with values of their own:"
    valued = [(name, fields.replace("`", "\\u0060")) for name, _, fields in manifest.steps if fields != "{}"]
    yield _list(f"`{name}`: `{fields}`" for name, fields in valued)


def _concepts(manifest: Manifest) -> Iterator[str]:
    for told in manifest.concepts:
        funnel = next((part.funnel for part in manifest.mix if part.name == told.part), manifest.funnel)
        stage = funnel[told.step + 1]
        share = f" ({stage.went_on / stage.reached:.1%})" if stage.reached else ""
        yield f"## Concepts: `{told.name}`{f' of {told.part}' if told.part else ''}"
        yield (
            f"A vocabulary of {told.entries:,} entries was looked for in the texts. {told.matched:,} of them match a "
            f"sample, and {told.head:,} (the head) match more than {told.per_entry:,} samples. An entry that `before` "
            f"samples match was drawn for each of them with p = min(1, {told.per_entry:,} / `before`), and a sample "
            f"stayed if any of its entries was drawn: {stage.went_on:,} of {stage.reached:,} samples stayed{share}. "
            f"The entropy of the entries' counts was {told.entropy_before_bits:.2f} bits before and "
            f"{told.entropy_after_bits:.2f} bits after. The commonest entries:"
        )
        rows = [(one.entry, one.before, one.after, f"{one.chance:.4g}") for one in told.commonest]
        yield _table(("entry", "before", "after", "p"), rows)
    if manifest.concepts:
        yield (
            f"All entries that match are in `{CONCEPTS}`. The counts are of the step: what went later is still in them."
        )


def _benchmarks(kept_out: Sequence[KeptOut], heading: str) -> Iterator[str]:
    if not kept_out:
        return
    yield heading
    yield (
        "Samples that hold an item of these benchmarks were dropped: by a run of words, whatever its case and marks, "
        "by a short question that is a whole text or line of theirs, or by a picture, resized and saved again or not, "
        "or alike to a model. "
        "`items` are those that were looked for, `found` those that at least one dropped sample held."
    )
    names = ("benchmark", "items", "found", "by text", "by question", "by picture", "alike", "longest run, words")
    rows = [
        (
            f"`{one.benchmark}`",
            one.items,
            one.items_found,
            one.by_text,
            one.by_question,
            one.by_picture,
            one.by_alike,
            one.longest_words,
        )
        for one in kept_out
    ]
    yield _table(names, rows)


def _captions(manifest: Manifest) -> Iterator[str]:
    if share := manifest.options.get("recaption_share"):
        yield "## Captions"
        yield (
            f"In {share:.0%} of the samples, drawn by their keys, a caption that a model wrote anew stands for the "
            "original where there is one that kept its names and numbers: a text of the role `recaption`."
        )


def _people(manifest: Manifest) -> Iterator[str]:
    told = manifest.options.get(OPTION)
    if not told:
        return
    yield "## People's notes"
    yield (
        f"People at a desk ({', '.join(f'`{_cell(one)}`' for one in told['desks'])}) annotated and reviewed samples of "
        "the shelf that this comes from. Where they were asked, their notes stand in the place of models' notes. The "
        "sidecars' column `people` says of each sample what they noted, how it came to stand (`agreement`, `single`, "
        "`review`, `fix`, `adjudication`), under which guideline and taxonomy, by whom under a pseudonym, and what "
        "models had noted before. On the shelf there were:"
    )
    rows = [
        (
            name,
            of["items"],
            of["notes"],
            ", ".join(f"{taxonomy or 'not named'} ({n:,})" for taxonomy, n in of["taxonomies"].items()),
        )
        for name, of in sorted(told["layers"].items())
    ]
    yield _table(("layer", "items", "notes", "items by taxonomy"), rows)
    if mixed := [name for name, of in sorted(told["layers"].items()) if len(of["taxonomies"]) > 1]:
        yield (
            f"**Taxonomies are mixed** in {', '.join(mixed)}: some notes were made under an earlier one and kept. Each "
            "says in the column `people` which it was."
        )


def _sources(manifest: Manifest) -> Iterator[str]:
    yield "## Sources and licences"
    yield _table(("dataset", "samples"), sorted(manifest.datasets.items()))
    yield _table(("licence", "samples"), [(name or "not stated", n) for name, n in sorted(manifest.licences.items())])
    asked = manifest.options["licences"]
    yield (
        f"Only licences like {', '.join(f'`{_cell(one)}`' for one in asked)} were exported. "
        if asked
        else "Licences were not restricted. "
    ) + "Each sample carries its own, as its source stated it, in its sidecar's row and its json."


def _opt_out(manifest: Manifest) -> Iterator[str]:
    yield "## Opting out"
    entries = manifest.options["exclude_entries"]
    applied = (
        f"A list of {entries:,} entries was applied (SHA-256 `{manifest.options['exclude_sha256']}`); it left out "
        f"{manifest.counts.left_out.get(EXCLUDE, 0):,} samples."
        if manifest.options["exclude_sha256"]
        else "No list was applied to this export."
    )
    yield (
        "Whoever has rights in a sample can have it left out: its key, the SHA-256 of its bytes or its address goes on "
        "a list, and whatever is on that list (and whatever was made from it) is in no later export: "
        f"`ostraka export {manifest.name} --exclude opt-outs.txt`. {applied}"
    )


def _loading(manifest: Manifest) -> Iterator[str]:
    yield "## Loading"
    first = next((tar.path for tar in manifest.tars()), f"train/jpg/{manifest.name}-000000.tar")
    folder = first.rsplit("/", 1)[0]
    form = folder.split("/")[1]
    yield _code("python", "from datasets import load_dataset", "", f'samples = load_dataset("PATH", {_yaml(form)})')
    yield _code(
        "python", "import webdataset", "", f'samples = webdataset.WebDataset("PATH/{first}", shardshuffle=False)'
    )
    yield _code("sh", "ostraka verify PATH", "ostraka ingest PATH/" + folder + " --shelf NEW --by-reference")
    if manifest.options["energon"]:
        yield 'Energon\'s index is there: `get_train_dataset("PATH", ...)` of `megatron.energon` reads it as it is.'


def _layout(manifest: Manifest) -> Iterator[str]:
    yield "## Layout"
    yield _list(
        (
            "`<split>/<form>/<name>-000000.tar`: per sample `<key>.jpg` (or what the form says), `<key>.txt`, its "
            "caption, and `<key>.json`, everything that is known of it",
            "`<split>/<form>/<name>-000000.parquet`: a row per sample under img2dataset's names, with the byte range "
            "of every member",
            *((f"`{CONCEPTS}`: the counts of every concept, before and after",) if manifest.concepts else ()),
            f"`{MANIFEST}`: counts, funnel, recipe, and the SHA-256 of every file; `{CROISSANT}`: for machines",
        )
    )


def _by_form(manifest: Manifest) -> dict[str, list[str]]:
    """Return the splits that each form has, in order of forms."""
    found: dict[str, list[str]] = {}
    for folder in sorted(manifest.folders()):
        split, form = folder.split("/", 1)
        found.setdefault(form, []).append(split)
    return dict(sorted(found.items(), key=lambda item: (item[0] not in PICTURES, item[0])))


def _table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    rows = list(rows)
    numeric = [all(isinstance(row[n], int) for row in rows) for n in range(len(names))]
    ruler = ("---:" if number else "---" for number in numeric)
    shown = (line(f"{cell:,}" if isinstance(cell, int) else _cell(str(cell)) for cell in row) for row in rows)
    return "\n".join([line(names), line(ruler), *shown])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _code(language: str, *lines: str) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _yaml(text: str) -> str:
    return msgspec.json.encode(text).decode()
