"""Text of a page that no reader sees is no evidence, and what one sees is never lost."""

from __future__ import annotations

import pytest

from wellread.documents.parsers import html

FILL = "<p>The ferry leaves at nine and comes back at six, every day but Sunday, from the old quay by the mill.</p>" * 4


def read(body: str, head: str = "") -> tuple[str, str]:
    page = f"<html><head><title>T</title>{head}</head><body>{body}{FILL}</body></html>"
    parsed = html.parse(page.encode(), "p.html")
    return parsed.text, parsed.metadata.get("hidden_characters", "")


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ('<p style="color:#fff">SECRET</p>', ""),
        ('<p style="color: white !important">SECRET</p>', ""),
        ('<p style="color:rgb(254, 255, 255)">SECRET</p>', ""),
        ('<font color="#FFFFFF">SECRET</font>', ""),
        ('<div style="background:#222"><p style="color:#232323">SECRET</p></div>', ""),
        ('<table bgcolor="black"><tr><td><span style="color:black">SECRET</span></td></tr></table>', ""),
        ('<p style="font-size:1px">SECRET</p>', ""),
        ('<p style="font-size:0">SECRET</p>', ""),
        ('<p style="opacity:0">SECRET</p>', ""),
        ('<p style="position:absolute;left:-9999px">SECRET</p>', ""),
        ('<p style="text-indent:-9999px">SECRET</p>', ""),
        ('<p style="position:absolute; clip: rect(0 0 0 0)">SECRET</p>', ""),
        ('<p style="height:0; overflow:hidden">SECRET</p>', ""),
        ('<p class="x">SECRET</p>', "<style>/* a */ .x { color: #fefefe; }</style>"),
        (
            '<p class="y">SECRET</p>',
            "<style>@media print {.z {color:red}} p.y{position:fixed;top:-9em;left:-999px}</style>",
        ),
        ('<p id="k">SECRET</p>', "<style>body{background:#fafafa} #k{color:#f9f9f9}</style>"),
    ],
)
def test_what_no_reader_sees_is_left_out_and_counted(body: str, head: str) -> None:
    text, hidden = read(body, head)
    assert "SECRET" not in text
    assert hidden.startswith("6 ")
    assert "the old quay" in text


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ('<div style="background:#003366"><h2 style="color:#fff">SEEN</h2></div>', ""),
        ('<div class="hero"><p style="color:white">SEEN</p></div>', '<link rel="stylesheet" href="site.css">'),
        ('<div style="background:url(a.png)"><p style="color:#fff">SEEN</p></div>', ""),
        ('<div style="background:linear-gradient(#000,#333)"><p style="color:#fff">SEEN</p></div>', ""),
        ("<table><tr><th>SEEN</th></tr></table>", "<style>th{background:#444;color:#fff}</style>"),
        ('<div style="font-size:0"><span style="font-size:16px">SEEN</span></div>', ""),
        ('<p style="color:#fff"><b style="color:#000">SEEN</b></p>', ""),
        ('<div class="tab">SEEN</div>', "<style>.tab{display:none}</style>"),
        ('<p style="font-size:0.9em">SEEN</p>', ""),
        ('<p class="a">SEEN</p>', "<style>.a:hover{color:#fff}</style>"),
        ('<p style="position:relative;left:-9999px;position:static">SEEN</p>', ""),
        ('<div style="background:#000;color:#fff"><p>SEEN</p></div>', ""),
    ],
)
def test_what_a_reader_sees_stays(body: str, head: str) -> None:
    text, hidden = read(body, head)
    assert "SEEN" in text
    assert hidden == ""


def test_a_page_that_a_script_fades_in_is_read() -> None:
    parsed = html.parse(f'<html><body><div style="opacity:0">{FILL}</div></body></html>'.encode(), "p.html")
    assert "the old quay" in parsed.text
