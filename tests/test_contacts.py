"""Contacts: what is an address or a number and what only looks like one, and that none of them is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.annotator import Subject
from annotators.check import check
from annotators.contacts import Contacts, emails
from filters.safety import NoContacts
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.note import Noted
from schemas.sample import Sample, Source, Text
from schemas.verdict import Verdict


def look(annotator: Contacts, *texts: str) -> dict[str, Any]:
    sample = Sample("0" * 32, tuple(Text(text) for text in texts), Source("d", "r"))
    with annotator.open() as looking:
        [noted] = looking([Subject(sample, "", [], {}, lambda *_: b"")])
    check(annotator, noted)
    assert isinstance(noted, Noted)
    return dict(noted.values)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("write to jane.doe+x@mail.example.co.uk, or JOE@EXAMPLE.COM.", 2),
        ("a@b.com,b@c.org;<d@e.net>(f@g.de)", 4),
        ("müller@bücher.de and user@例え.テスト", 2),
        ("mailto:jane@example.com", 1),
        ("o'neil_7%x@ex-ample.com", 1),
        ("icon@2x.png, shot@3x.jpeg", 0),
        ("@handle at the beach, me @ home.com", 0),
        ("a@b", 0),
        ("a@-b.com a@b-.com a@b..com @b.com a@.com", 0),
        ("5@10.25 each, 3@1.5", 0),
        ("x@" * 50_000, 0),
        ("a." * 50_000 + "@b", 0),
        ("x" * 100_000 + "@", 0),
        ("x@" + "a." * 50_000 + "1", 0),
        ("", 0),
    ],
)
def test_what_is_an_email_address(text: str, count: int) -> None:
    assert emails(text) == count


LOCALS = st.from_regex(r"[a-z0-9][a-z0-9_+-]{0,20}(\.[a-z0-9_+-]{1,9})?", fullmatch=True)
HOSTS = st.from_regex(r"([a-z0-9]([a-z0-9-]{0,9}[a-z0-9])?\.){1,3}(com|org|museum|de)", fullmatch=True)


@given(st.lists(st.tuples(LOCALS, HOSTS), max_size=4), st.sampled_from([" ", ", ", "; ", "\n", "> <", ") ("]))
def test_addresses_are_found_whatever_stands_between_them(pairs: list[tuple[str, str]], between: str) -> None:
    assert emails(between.join(f"{local}@{host}" for local, host in pairs)) == len(pairs)


@pytest.mark.parametrize(
    ("text", "regions", "count"),
    [
        ("call +49 30 901820 or (212) 555-0123", ("US", "GB"), 2),
        ("tel: 020 7946 0958", ("GB",), 1),
        ("tel: 020 7946 0958", ("US",), 0),
        ("tel: 020 7946 0958", (), 0),
        ("tel: +44 20 7946 0958", (), 1),
        ("+1 212-736-5000 and once more 212.736.5000", ("US", "CA"), 2),
        ("2012-05-06 12:30:45, ISBN 978-3-16-148410-0", ("US", "GB"), 0),
        ("1234567 pieces at 1080x1920, 3.14159265, 192.168.100.200", ("US", "GB"), 0),
        ("IMG_20120506_123045.jpg", ("US", "GB"), 0),
    ],
)
def test_what_is_a_telephone_number(text: str, regions: tuple[str, ...], count: int) -> None:
    assert look(Contacts(regions), text)["text_phones"] == [count]


def test_texts_are_counted_each_for_itself_in_order() -> None:
    found = look(Contacts(), "a boat", "a@b.com, +49 30 901820", "", "c@d.org e@f.org")
    assert found == {"text_emails": [0, 1, 0, 2], "text_phones": [0, 1, 0, 0]}
    assert look(Contacts()) == {"text_emails": [], "text_phones": []}


@pytest.mark.parametrize(
    ("emails_of", "phones_of", "verdict"),
    [
        ([0, 0], [0, 0], Verdict(True, "", 0.0)),
        ([1, 0], [0, 0], Verdict(True, "", 1.0, (3,), ("holds_email",))),
        ([0, 0], [0, 2], Verdict(True, "", 0.0, (5,), ("holds_phone",))),
        ([2, 0], [1, 1], Verdict(False, "holds_email", 2.0)),
        ([0, 1], [3, 0], Verdict(False, "holds_phone", 3.0)),
    ],
)
def test_a_text_with_a_contact_is_left_out_and_a_sample_goes_when_no_text_is_left(
    emails_of: Sequence[int], phones_of: Sequence[int], verdict: Verdict
) -> None:
    notes = {"text_emails": emails_of, "text_phones": phones_of, "text_parts": [3, 5]}
    assert NoContacts().judge(notes) == verdict


def test_as_many_contacts_pass_as_are_stated_and_no_text_is_its_own_reason() -> None:
    notes = {"text_emails": [1, 2], "text_phones": [2, 2], "text_parts": [0, 1]}
    assert NoContacts(most_emails=1, most_phones=2).judge(notes).left_out == (1,)
    assert NoContacts().judge({"text_emails": [], "text_phones": [], "text_parts": []}).reason == "no_caption"


RECIPE = Recipe("no-contacts", Annotate(Contacts()), Keep(NoContacts()))


def test_a_shelf_is_judged_and_no_note_or_verdict_holds_an_address_or_a_number(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    captions = [["A boat."], ["Ask joe@example.com"], ["Call (212) 736-5000 now", "A lake."]]
    (tmp_path / "source").mkdir()
    for n, said in enumerate(captions):
        (tmp_path / "source" / f"{n}.jpg").write_bytes(picture(n))
        (tmp_path / "source" / f"{n}.json").write_text(json.dumps({"caption": said}))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "source"), Local(1))
    run(shelf, RECIPE, Local(1))
    verdicts = pq.read_table(shelf.path("verdicts", RECIPE.id, "000000.parquet")).to_pydict()
    assert verdicts["reason"] == ["", "holds_email", ""]
    assert verdicts["left_out"] == [[], [], [1]]
    written = [path for room in ("notes", "verdicts") for path in (tmp_path / "shelf" / room).rglob("*.parquet")]
    assert written and not any(
        found in str(pq.read_table(path).to_pydict()) for path in written for found in ("joe", "736", "example")
    )
