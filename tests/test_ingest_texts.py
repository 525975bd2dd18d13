"""The door for long texts: files, records and book modules, whole as they are, and pages with their code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.documents.cnxml import take_apart
from pipelines.documents.pieces import Words
from pipelines.engines.local import Local
from pipelines.ingest.cnxml import cnxml_text
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.ingest.ui_code import QUESTIONS, UiCode
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample

CNXML = b"""<document xmlns="http://cnx.rice.edu/cnxml" xmlns:m="http://www.w3.org/1998/Math/MathML">
<title>Light</title><metadata><title>no</title></metadata><content>
<para id="a">It   travels
fast <emphasis>indeed</emphasis>, <m:math><m:mi>c</m:mi></m:math>far.</para>
<figure><title>Lamp</title><caption>A lamp.</caption></figure>
<list><item>One</item><item><para>Two</para></item></list><section><title>More</title><para> </para></section>
</content></document>"""


def taken(shelf: Shelf, source: Path, kind: str = "texts", options: Options = Options()) -> dict[str, tuple[str, Any]]:
    """Return, by name, why a row failed and its texts with their roles."""
    ingest(shelf, str(source), Local(1), options, kind=kind, dataset=f"d{len(shelf.shards())}", max_failed=1.0)
    rows = shelf.catalog(shelf.shards()[-1]).to_pylist()
    return {
        row["name"]: (row["failed"], [(p.get("role"), p.get("text")) for p in json.loads(row["parts"])]) for row in rows
    }


def test_files_and_records_of_a_folder_come_whole_in_the_order_of_their_paths(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "a.txt").write_bytes("\ufeffSchöne  Welt\n\n<image> {x}\n".encode())
    (source / "b.md").write_text("# Title")
    (source / "bad.txt").write_bytes(b"caf\xe9")
    (source / "empty.txt").write_bytes(b"")
    (source / "deep" / "m.cnxml").write_bytes(CNXML)
    (source / "deep" / "n.cnxml").write_text("<document><para>cut")
    (source / "left.png").write_bytes(b"x")
    lines = [{"id": "x", "text": "<video> one\n", "n": 1}, {"id": "y", "text": " "}, [1], {"id": "z", "text": 7}]
    (source / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{\n")
    found = taken(Shelf(str(tmp_path / "shelf")), source)
    assert found == {
        "a.txt": ("", [("text", "Schöne  Welt\n\n<image> {x}")]),
        "b.md": ("", [("text", "# Title")]),
        "bad.txt": ("text_not_utf8", []),
        "deep/m.cnxml": ("", [("text", "Light\n\nIt travels fast indeed, far.\n\nOne\n\nTwo\n\nMore")]),
        "deep/n.cnxml": ("xml_unreadable", []),
        "empty.txt": ("empty_file", []),
        "r.jsonl/x": ("", [("text", "<video> one\n")]),
        "r.jsonl/y": ("empty_text", []),
        "r.jsonl/line-000000003": ("not_a_record", []),
        "r.jsonl/z": ("", [("text", "7")]),
        "r.jsonl/line-000000005": ("json_unreadable", []),
    }


def test_a_column_of_ones_own_is_named_and_a_file_without_one_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["One.", None], "url": ["http://a.b/c", ""], "k": [1, 2]}), tmp_path / "t.parquet")
    shelf = Shelf(str(tmp_path / "shelf"))
    found = taken(shelf, tmp_path / "t.parquet", options=Options(caption_column="body"))
    assert found == {"line-000000001": ("", [("text", "One.")]), "line-000000002": ("empty_text", [])}
    assert shelf.catalog("000000").to_pylist()[0]["uri"] == "http://a.b/c"
    with pytest.raises(BadInput, match="columns are body, url, k; name it by --caption-column"):
        ingest(shelf, str(tmp_path / "t.parquet"), Local(1), kind="texts", dataset="other")
    (tmp_path / "one.txt").write_text("A text of its own.")
    assert taken(shelf, tmp_path / "one.txt", kind="") == {"one.txt": ("", [("text", "A text of its own.")])}
    (tmp_path / "bare").mkdir()
    with pytest.raises(BadInput, match="no texts in this folder"):
        ingest(shelf, str(tmp_path / "bare"), Local(1), kind="texts")


def test_of_a_real_module_all_paragraphs_stand_in_order_and_nothing_of_its_figures(data: Path) -> None:
    path = sorted(data.glob("interleaved/openstax_astronomy/modules/*/index.cnxml"))[3]
    text = cnxml_text(path.read_bytes(), path.name)
    assert text.count("\n\n") > 20 and "<" not in text and "  " not in text
    from xml.etree import ElementTree

    space = "{http://cnx.rice.edu/cnxml}"
    paragraphs = list(ElementTree.fromstring(path.read_bytes()).iter(f"{space}para"))
    plain = [" ".join("".join(one.itertext()).split()) for one in paragraphs if len(one) == 0]
    places = [text.find(one) for one in plain if len(one) > 60]
    assert len(places) > 5 and min(places) >= 0 and places == sorted(places)
    with pytest.raises(BadSample, match="empty_text"):
        cnxml_text(b"<document/>", "x")


def test_a_reference_without_words_says_what_it_leads_to(data: Path) -> None:
    module = (
        b'<document xmlns="http://cnx.rice.edu/cnxml"><content>'
        b'<para>See <link target-id="a"/> (<link target-id="b"/>), '
        b'<link target-id="c"/>, <link target-id="a" document="m1"/> and <link url="http://x.example">this</link>.</para>'
        b'<figure id="a"><caption>Fig.</caption></figure><section id="b"><table id="c"/></section></content></document>'
    )
    wanted = "See the figure (the section), the table, another section and this."
    assert cnxml_text(module, "m") == wanted
    assert next(one.text for one in take_apart(module).pieces if isinstance(one, Words)) == wanted
    paths = sorted(data.glob("interleaved/openstax_*/modules/*/index.cnxml"))
    texts = {path.parent.name: cnxml_text(path.read_bytes(), path.name) for path in paths}
    assert len(texts) == 37 and not [name for name, text in texts.items() if "()" in text]
    assert sum(text.count("the figure") for text in texts.values()) > 100


def test_a_page_is_asked_for_by_its_picture_with_its_styles_and_scripts_in_it(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    source = tmp_path / "pages"
    (source / "deep").mkdir(parents=True)
    (source / "style.css").write_text("p { color: red }")
    (source / "a.js").write_text('document.write("\\\\1 <b>");')
    page = (
        '<html><link rel="stylesheet" href="../style.css?v=1"><link rel=icon href=x.ico>'
        '<link href="https://fonts.example/f.css" rel="stylesheet"><script src="../a.js"></script><p>Hi</p></html>\n'
    )
    for name, text in {
        "deep/a.html": page,
        "deep/b.html": page,
        "c.html": '<link rel="stylesheet" href="gone.css"><p>x',
        "d.html": '<link rel="stylesheet" href="../../etc/passwd"><p>x',
        "e.html": "<p>" + "x" * 300,
        "f.html": "plain",
    }.items():
        (source / name).write_text(text)
        if name != "deep/b.html":
            (source / name.replace(".html", ".png")).write_bytes(picture(3, kind="PNG"))
    (source / "g.html").write_bytes(b"<p>caf\xe9")
    (source / "g.jpg").write_bytes(picture(4))
    rows = {row.name: row for row in UiCode(str(source), most_chars=300).rows()}
    reasons = {name: row.failed for name, row in rows.items() if row.failed}
    assert reasons == {
        "deep/b.html": "no_screenshot",
        "c.html": "style_missing",
        "d.html": "path_leaves_source",
        "e.html": "code_too_long",
        "f.html": "no_code",
        "g.html": "text_not_utf8",
    }
    (asked, question), (told, code) = rows["deep/a.html"].texts
    assert (asked, told) == ("user", "assistant") and question in QUESTIONS
    assert code == (
        "<html><style>\np { color: red }\n</style><link rel=icon href=x.ico>"
        '<link href="https://fonts.example/f.css" rel="stylesheet"><script>\ndocument.write("\\\\1 <b>");\n</script>'
        "<p>Hi</p></html>"
    )
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BadInput, match="no html"):
        list(UiCode(str(tmp_path / "nothing")).rows())
