"""How a plan is shown: data, what is left out, kinds, steps, and one sequence."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import BadInput
from trainer.data.choose import Chosen
from trainer.data.look import letter, pictures, predicted, ruler
from trainer.data.read_documents import ReadDocuments, Spoilt
from trainer.data.stream import wanted
from trainer.documents.codec import Codec
from trainer.documents.document import Document
from trainer.documents.encoding import encoding_of
from trainer.plan.outlook import Outlook
from trainer.plan.plan import Plan, Row
from trainer.screen import counted, say, table

PREDICTED_CHARS = 44
MOST_SHOWN = 20


def show_data(chosen: Sequence[Chosen], seen: Outlook) -> None:
    """Show the exports: how many samples they have, and after how many steps each was gone through once."""
    rows = [
        (
            one.pool.name,
            f"{len(one.lengths.rows):,}",
            f"{len(one.pool):,}",
            f"{one.pool.weight:,}",
            f"{int(one.pool.tokens_N.sum()):,}",
            f"{int(one.pool.targets_N.sum()):,}",
            f"{steps:,.4g}",
        )
        for one, steps in zip(chosen, seen.pass_steps, strict=True)
    ]
    headings = ("data", "samples", "trained on", "weight", "tokens", "predicted", "steps a pass")
    table("what is trained on", headings, rows)


def show_left_out(chosen: Sequence[Chosen]) -> None:
    """Show how many samples of each export are left out, and why; nothing where none is."""
    rows = [(one.pool.name, reason, f"{count:,}") for one in chosen for reason, count in one.left_out.items()]
    if rows:
        table("left out", ("data", "reason", "samples"), rows, texts=(0, 1))


def show_kinds(seen: Outlook, steps: int) -> None:
    """Show what so many steps consist of, by kind."""
    whole = sum(of.tokens for of in seen.kinds)
    rows = [
        (
            of.kind,
            f"{steps * of.samples:,.0f}",
            f"{steps * of.tokens:,.0f}",
            f"{100 * of.tokens / whole:.1f} %",
            f"{steps * of.targets:,.0f}",
            f"{steps * of.patches:,.0f}",
        )
        for of in seen.kinds
    ]
    table(f"{counted(steps, 'step')}, about", ("kind", "samples", "tokens", "share", "predicted", "patches"), rows)


def show_plan(plan: Plan, seen: Outlook, ranks: int) -> None:
    """Show how the plan packs and deals."""
    order = plan.order
    say(
        f"a step is {counted(order.batch, 'sequence')} of {order.sequence_tokens:,} tokens, "
        f"{seen.fill:.2%} of it documents"
    )
    say(
        f"a window of {counted(order.window_samples, 'sample')} packs into {seen.sequences_a_window:,.1f} sequences "
        f"(measured on {seen.windows})"
    )
    if ranks > 1:
        say(f"{ranks} ranks wait for one another: a step takes {seen.wait:.3f} times as long as without")


def show_sequence(plan: Plan, chosen: Sequence[Chosen], codec: Codec, number: int) -> None:
    """Read and encode one sequence of step 0, and show it to scale; raises BadInput where the step has not so many."""
    rows = plan.rows(plan.at(0))
    if number >= len(rows):
        raise BadInput(f"step 0 has sequences 0 to {len(rows) - 1}", where=f"--look {number}")
    documents, spoilt = _documents(chosen, codec, plan, rows[number])
    tokens = sum(len(document.tokens_T) for document in documents)
    targets = sum(int(document.is_target_T.sum()) for document in documents)
    patches = sum(len(document.patches_PD) for document in documents)
    say(
        f"\nsequence {number} of step 0: {counted(len(documents), 'document')}, {tokens:,} of "
        f"{plan.order.sequence_tokens:,} tokens, {targets:,} predicted, {patches:,} patches"
    )
    say(ruler(documents, plan.order.sequence_tokens))
    shown = [
        (
            letter(at),
            document.key[:8],
            document.kind,
            f"{len(document.tokens_T):,}",
            f"{int(document.is_target_T.sum()):,}",
            pictures(document),
            predicted(document, codec.tokens, PREDICTED_CHARS),
        )
        for at, document in enumerate(documents[:MOST_SHOWN])
    ]
    table("", ("", "key", "kind", "tokens", "predicted", "pictures", "says"), shown, texts=(0, 1, 2, 5, 6))
    if len(documents) > MOST_SHOWN:
        say(f"and {len(documents) - MOST_SHOWN} more")
    for key, bad in spoilt:
        say(f"{key} does not decode ({bad.reason}: {bad.detail}); in training another stands in for it")


def _documents(
    chosen: Sequence[Chosen], codec: Codec, plan: Plan, row: Row
) -> tuple[list[Document], list[tuple[str, Spoilt]]]:
    asked = [wanted(chosen, *place) for place in zip(row.pool_N.tolist(), row.place_N.tolist(), strict=True)]
    work = ReadDocuments(tuple(one.lengths.export.fs for one in chosen), encoding_of(codec))
    with work.open() as make:
        made = make(asked)
    documents = [one for one in made if isinstance(one, Document)]
    return documents, [(a.key, one) for a, one in zip(asked, made, strict=True) if isinstance(one, Spoilt)]
