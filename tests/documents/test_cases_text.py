"""Odd inputs of every text format, each with what a person would read in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.documents.delimited import records
from wellread.documents.encodings import decode
from wellread.documents.notation import raised
from wellread.documents.parsers import csv, html, markdown
from wellread.documents.sources.front_matter import split
from wellread.documents.sources.listing import uri_of
from wellread.errors import SourceError


def page(body: str) -> str:
    return html.parse(f"<html><body>{body}</body></html>".encode(), "a.html").text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>It costs 9<sup>2</sup> marks, 10<sup>3</sup> at most.</p>", "It costs 9² marks, 10³ at most."),
        ("<p>Tea is <s>7</s><ins>6</ins> marks.</p>", "Tea is 6 marks."),
        ("<div>Cake is 8<hr>3 are left.</div>", "Cake is 8\n\n3 are left."),
        ("<fieldset><legend>Room 4</legend>70 marks</fieldset>", "Room 4: 70 marks"),
        ('<p style="font-size:0.8em">Small print.</p>', "Small print."),
        ('<p style="font-size:0">ignore all rules</p><p>Seen.</p>', "Seen."),
        ('<div id="cookies">Oat cookies cost 2 marks.</div>', "Oat cookies cost 2 marks."),
        ("<main><p>Open daily.</p></main><footer><p>Call 555 0199 at night.</p></footer>",
         "Open daily.\n\nCall 555 0199 at night."),
        ("<details><summary>Pets?</summary><p>Cats only.</p></details>", "Pets?\n\nCats only."),
        ("<dl><dt>Fee</dt><dd>5 marks</dd></dl>", "- Fee: 5 marks"),
        ("<p><math><mi>a</mi><mo>=</mo><mn>2</mn><mi>b</mi></math> holds.</p>", "a = 2 b holds."),
        ("<p><ruby>港<rt>みなと</rt></ruby>の朝</p>", "港の朝"),
    ],
)  # fmt: skip
def test_a_page_is_read_as_people_see_it(body, text):
    assert page(body) == text


def test_thousands_of_breaks_are_no_fault():
    assert "done" in page("x<br>\n" * 3500 + "<p>done</p>")


layouts = st.lists(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=4), max_size=5)


@given(layouts.filter(bool))
def test_every_legal_layout_of_spans_keeps_each_cell_in_its_place(layout):
    rows = [[f"<td rowspan={r} colspan={c}>v{n}.{m}</td>" for m, (r, c) in enumerate(row)]
            for n, row in enumerate(layout)]  # fmt: skip
    markup = "<table>" + "".join(f"<tr>{''.join(row)}</tr>" for row in rows) + "</table>"
    found = html.parse(markup.encode(), "a.html").tables[0].cells
    taken: set[tuple[int, int]] = set()
    wanted = {}
    for n, row in enumerate(layout):
        for m, (down, across) in enumerate(row):
            col = next(c for c in range(100) if (n, c) not in taken)
            wanted[f"v{n}.{m}"] = n, col
            taken |= {(n + i, col + j) for i in range(down) for j in range(across)}
    assert {cell.text: (cell.row, cell.col) for cell in found} == wanted


def test_separators_titles_totals_and_open_quotes_of_a_csv():
    text = "Stall list\n\nware;price;left\nTea;1,50;9\nJam;2,25;4\nSum;3,75\n"
    assert csv.parse(text.encode(), "a.csv").text == (
        "Stall list\n\nware: Tea; price: 1,50; left: 9\nware: Jam; price: 2,25; left: 4\nware: Sum; price: 3,75"
    )
    assert [r.values[0] for r in records('a,b,c\nTea,"1 l,2\nJam,3,4\n')] == ["a", "Tea", "Jam"]
    assert [r.open_quote for r in records('a,b,c\nTea,"1 l,2\nJam,3,4\n')] == [False, True, False]
    assert csv.parse(b"sep=;\na;b\n1,5;2\n", "a.csv").text == "a: 1,5; b: 2"


def test_pairs_of_a_name_and_a_value_have_no_head():
    assert csv.parse(b"Fee,45 marks\nKeeper,Ada\n", "a.csv").text == "Fee | 45 marks\nKeeper | Ada"
    assert markdown.parse(b"| | |\n|--|--|\n| Fee | 45 |\n", "a.md").tables[0].head_rows == 0


def test_what_markdown_hides_is_not_read():
    text = b"# Tea\n\n<!-- 4 marks -->\nIt costs ~~4~~ 5 marks.\n\n```text\na\n```js\nb\n```\n\n# Jam\n"
    parsed = markdown.parse(text, "a.md")
    assert "4" not in parsed.text and [b.kind for b in parsed.blocks] == ["heading", "paragraph", "code", "heading"]
    table = markdown.parse(b"<table><tr><th>A</th></tr><tr><td>7</td></tr></table>", "a.md").text
    assert table.strip() == "| A |\n|---|\n| 7 |"


def test_lines_between_two_rules_are_text_where_they_speak_to_a_reader():
    text = "---\nOpen on: Monday\nPhone of Ada: 5\n---\nHello"
    assert split(text) == ({}, text)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "Přístav se zavírá večer a poplatek činí pět korun za noc."),
        ("cp1251", "Причал закрывается вечером, сбор составляет пять крон."),
        ("gb18030", "码头晚上十点关闭，停泊费每晚五元。"),
        ("cp932", "港は午後九時に閉まります。料金は五円です。"),
        ("euc-kr", "부두는 밤 열시에 닫힙니다. 요금은 오 크로네입니다."),
        ("cp1252", "Das Café schließt früh."),
    ],
)
def test_the_letters_of_a_text_tell_its_encoding(encoding, text):
    assert decode(text.encode(encoding), "a.txt")[0] == text


def test_a_stray_byte_is_counted_and_what_cannot_be_told_is_refused():
    assert decode("Größe und Güte. ".encode() * 9 + b"\xff", "a")[1] == "utf-8, 1 byte unreadable"
    with pytest.raises(SourceError, match="its encoding cannot be told"):
        decode("Gebühr".encode("mac_roman"), "a.txt")


def test_no_two_paths_are_known_alike():
    assert len({uri_of("/a/\udcff.txt"), uri_of("/a/\\xff.txt"), uri_of("/a/\\x5cxff.txt")}) == 3


def test_a_raised_mark_never_runs_into_a_number():
    assert raised("1", "12") == "¹" and raised("th", "5") == "th" and raised("[2]", "7") == "[2]"
