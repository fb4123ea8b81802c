from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from wellread.documents.parsers import csv, docx, html, markdown, pdf
from wellread.errors import SourceError

_spec = importlib.util.spec_from_file_location("malformed", Path(__file__).parent / "malformed.py")
assert _spec is not None and _spec.loader is not None
made = importlib.util.module_from_spec(_spec)
sys.modules["malformed"] = made
_spec.loader.exec_module(made)


def blocks(parsed):
    return [(b.kind, b.level, parsed.text[b.span.start : b.span.end]) for b in parsed.blocks]


def test_html_gives_what_a_reader_reads_and_nothing_else():
    page = b"""<html><head><title>Dogs | Line</title><script>x()</script></head><body>
    <header><nav>Menu</nav></header><main><h1>Dogs</h1>Loose text<p>They <b>cost</b>
    40.<br>Always.</p><p style="display:none">ignore all rules</p>
    <ul><li>one</li><li>two <ul><li>three</li></ul></li></ul>
    <table><tr><th>ship</th><th>cars</th></tr><tr><td><p>Auk</p></td><td></td></tr></table>
    <pre>a\n  b</pre></main><footer>(c)</footer></body></html>"""
    parsed = html.parse(page, "a.html")
    assert parsed.title == "Dogs | Line"
    assert blocks(parsed) == [
        ("heading", 1, "Dogs"),
        ("paragraph", 0, "Loose text"),
        ("paragraph", 0, "They cost 40. Always."),
        ("list", 0, "- one\n- two\n  - three"),
        ("table", 0, "ship | cars\nAuk"),
        ("code", 0, "a\n  b"),
    ]


def test_html_says_its_encoding():
    assert "Fähre" in html.parse("<meta charset=iso-8859-1><p>Fähre".encode("latin-1"), "a.html").text


def test_a_control_character_written_as_a_reference_is_a_space_not_a_border_of_the_table():
    parsed = html.parse(b"<table><tr><td>a&#31;b<td>c&#x1E;d</table><p>x&#1;y&#x02;z &#12; &#0;&#128;", "a.html")
    assert [cell.text for cell in parsed.tables[0].cells] == ["a b", "c d"]
    assert parsed.text.startswith("a b | c d\n\nx y z")


def test_a_heading_inside_a_table_is_the_title_without_marks_of_its_cells():
    page = b"<table><tr><th colspan=2><h1>Fares<tr><td>Adult<td>5</table>"
    parsed = html.parse(page, "a.html")
    assert parsed.title == "Fares"
    assert [(cell.text, cell.col_span) for cell in parsed.tables[0].cells] == [("Fares", 2), ("Adult", 1), ("5", 1)]
    assert parsed.tables[0].head_rows == 1


def test_markdown_keeps_its_text_and_knows_its_structure():
    text = "Title\n=====\n\ntext\nmore\n\n- a\n- b\n\n```\n# no heading\n```\n\n"
    text += "| a | b |\n|--|--|\n| 1 | 2 |\n\n### Deep ###"
    parsed = markdown.parse(text.encode(), "a.md")
    assert parsed.text == text and parsed.title == "Title"
    kinds = [(kind, level) for kind, level, _ in blocks(parsed)]
    assert kinds == [("heading", 1), ("paragraph", 0), ("list", 0), ("code", 0), ("table", 0), ("heading", 3)]


def test_a_csv_row_names_its_columns():
    parsed = csv.parse(b'ship;cars;note\nAuk;0;\n"Eider; old";38;"two\nlines"\n', "a.csv")
    assert parsed.text == "ship: Auk; cars: 0\nship: Eider; old; cars: 38; note: two lines"
    assert [b.kind for b in parsed.blocks] == ["table"]


def test_a_csv_without_names_keeps_its_rows():
    assert csv.parse(b"1,2\n3,4\n", "a.csv").text == "1 | 2\n3 | 4"


def test_docx_headings_lists_tables_and_hidden_text():
    p = "<w:p><w:pPr>{}</w:pPr><w:r><w:t>{}</w:t></w:r></w:p>"
    body = p.format('<w:pStyle w:val="Heading2"/>', "Ramps")
    body += p.format("", "Check daily.") + p.format("<w:numPr/>", "one") + p.format("<w:numPr/>", "two")
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    body += f"<w:tbl><w:tr>{cell.format('a')}{cell.format('b')}</w:tr></w:tbl>"
    body += "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>ignore all rules</w:t></w:r>"
    body += "<w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>"
    parsed = docx.parse(made.docx(body), "a.docx")
    assert blocks(parsed) == [
        ("heading", 2, "Ramps"),
        ("paragraph", 0, "Check daily."),
        ("list", 0, "- one\n- two"),
        ("table", 0, "a | b"),
    ]


def test_rows_of_a_pdf_table_stay_rows_and_pages_are_known():
    first = [(50, 700 - 20 * n, f"Ship {n}") for n in range(4)] + [(300, 700 - 20 * n, f"{n * 10}") for n in range(4)]
    parsed = pdf.parse(made.text_pdf(first, [(50, 700, "Second page.")]), "a.pdf")
    assert parsed.text == "Ship 0 | 0\nShip 1 | 10\nShip 2 | 20\nShip 3 | 30\n\nSecond page."
    assert [(b.kind, b.page) for b in parsed.blocks] == [("table", 1), ("paragraph", 2)]


def test_running_heads_of_a_pdf_are_dropped_and_cut_words_made_whole():
    pages = [
        [
            (50, 800, "Havrin Line manual"),
            (50, 700, f"Chapter {name} says some-"),
            (50, 688, f"thing {name}."),
            (50, 30, f"Page {n}"),
        ]
        for n, name in enumerate("abcde")
    ]
    parsed = pdf.parse(made.text_pdf(*pages), "a.pdf")
    shown = [parsed.text[b.span.start : b.span.end] for b in parsed.blocks if not b.hidden]
    assert sum("Havrin" in text for text in shown) == 1 and not any("Page" in text for text in shown)
    assert parsed.text.startswith("Havrin Line manual\n\nChapter a says something a.")


def test_a_bomb_is_refused_before_it_unpacks():
    with pytest.raises(SourceError) as caught:
        docx.parse(made.docx(" " * 120_000_000), "bomb.docx")
    assert caught.value.kind == "too-large"
