"""A small good file of every kind that is read without an extra, made here: what is in it is known word by word."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def zipped(parts: dict[str, str | bytes]) -> bytes:
    """A ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def relations(**targets: str) -> str:
    """A .rels part: id → «type target»."""
    rows = []
    for key, told in targets.items():
        kind, target = told.split(" ")
        rows.append(f'<Relationship Id="{key}" Type="{R}/{kind}" Target="{target}"/>')
    return f'<Relationships xmlns="{_RELS}">{"".join(rows)}</Relationships>'


def xlsx(
    rows: str, *, more: str = "", styles: str = "", strings: str = "", sheets: str = "", book: str = "", **parts: str
) -> bytes:
    """A workbook whose first sheet «Fares» holds ``rows``."""
    sheets = sheets or '<sheet name="Fares" sheetId="1" r:id="rId1"/>'
    held: dict[str, str | bytes] = {
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{R}">{book}<sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            rId1="worksheet worksheets/sheet1.xml", rId2="worksheet worksheets/sheet2.xml"
        ),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{S}"><sheetData>{rows}</sheetData>{more}</worksheet>',
        "xl/styles.xml": f'<styleSheet xmlns="{S}">{styles}</styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{S}">{strings}</sst>',
        **parts,
    }
    return zipped(held)


def text_cell(place: str, words: str) -> str:
    """A cell with its own text."""
    return f'<c r="{place}" t="inlineStr"><is><t>{words}</t></is></c>'


def fares() -> bytes:
    """Two columns of fares under a merged title, a hidden row, a comment, a date, per cent, currency, a formula."""
    styles = (
        '<numFmts><numFmt numFmtId="164" formatCode="#,##0.00 &quot;kr&quot;"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="10"/><xf numFmtId="164"/></cellXfs>'
    )
    rows = (
        f'<row r="1">{text_cell("B1", "Fares 2026")}</row>'
        f'<row r="2">{text_cell("B2", "Port")}{text_cell("C2", "Adult")}{text_cell("D2", "Since")}</row>'
        f'<row r="3">{text_cell("B3", "Skerry")}<c r="C3" s="3"><v>1234.5</v></c><c r="D3" s="1"><v>46023</v></c></row>'
        f'<row r="4" hidden="1">{text_cell("B4", "Secretport")}<c r="C4"><v>7</v></c></row>'
        f'<row r="5">{text_cell("B5", "Kestvik")}<c r="C5" s="2"><v>0.075</v></c><c r="D5" s="1"><v>46024</v></c></row>'
        f'<row r="6">{text_cell("B6", "Total")}<c r="C6"><f>SUM(C3:C5)</f><v>1234.575</v></c></row>'
        '<row r="7"><c r="C7"><f>C6*2</f></c></row>'
    )
    comments = (
        f'<comments xmlns="{S}"><authors><author>Oda</author></authors><commentList>'
        '<comment ref="C3" authorId="0"><text><r><t>agreed in May</t></r></text></comment></commentList></comments>'
    )
    hidden = (
        f'<worksheet xmlns="{S}"><sheetData><row r="1">{text_cell("A1", "Vaultword")}</row></sheetData></worksheet>'
    )
    sheets = '<sheet name="Fares" sheetId="1" r:id="rId1"/><sheet name="Old" sheetId="2" state="hidden" r:id="rId2"/>'
    return xlsx(
        rows,
        more='<mergeCells><mergeCell ref="B1:D1"/></mergeCells>',
        styles=styles,
        sheets=sheets,
        **{
            "xl/worksheets/sheet2.xml": hidden,
            "xl/worksheets/_rels/sheet1.xml.rels": relations(rId1="comments ../comments1.xml"),
            "xl/comments1.xml": comments,
        },
    )


def shape(words: str, top: int, role: str = "") -> str:
    """A shape of a slide."""
    holder = f'<p:nvPr><p:ph type="{role}"/></p:nvPr>' if role else "<p:nvPr/>"
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in words.split("\n"))
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="x"/>{holder}</p:nvSpPr><p:spPr><a:xfrm><a:off x="0" y="{top}"/>'
        f'<a:ext cx="900000" cy="900000"/></a:xfrm></p:spPr><p:txBody>{lines}</p:txBody></p:sp>'
    )


def slide(*shapes: str, show: str = "1") -> str:
    """A slide."""
    held = "".join(shapes)
    return f'<p:sld xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{R}" show="{show}"><p:cSld><p:spTree>{held}</p:spTree></p:cSld></p:sld>'


def pptx() -> bytes:
    """A title above a body that stands before it in the file, a table, notes; then a hidden slide, then an empty one."""
    table = (
        "<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id='4' name='t'/></p:nvGraphicFramePr>"
        '<p:xfrm><a:off x="0" y="5000000"/><a:ext cx="1" cy="1"/></p:xfrm><a:graphic><a:graphicData><a:tbl>'
        '<a:tblPr firstRow="1"/>'
        '<a:tr><a:tc gridSpan="2"><a:txBody><a:p><a:r><a:t>Both</a:t></a:r></a:p></a:txBody></a:tc><a:tc hMerge="1"/></a:tr>'
        "<a:tr><a:tc><a:txBody><a:p><a:r><a:t>Skerry</a:t></a:r></a:p></a:txBody></a:tc>"
        "<a:tc><a:txBody><a:p><a:r><a:t>12</a:t></a:r></a:p></a:txBody></a:tc></a:tr>"
        "</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )
    ids = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in (1, 2, 3))
    return zipped(
        {
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{R}"><p:sldIdLst>{ids}</p:sldIdLst>'
            '<p:sldSz cx="9144000" cy="6858000"/></p:presentation>',
            "ppt/_rels/presentation.xml.rels": relations(
                rId1="slide slides/slide1.xml", rId2="slide slides/slide2.xml", rId3="slide slides/slide3.xml"
            ),
            "ppt/slides/slide1.xml": slide(
                shape("Row one\nRow two", 2_000_000), shape("Safety week", 100, "title"), shape("7", 0, "sldNum"), table
            ),
            "ppt/slides/_rels/slide1.xml.rels": relations(rId1="notesSlide ../notesSlides/notesSlide1.xml"),
            "ppt/notesSlides/notesSlide1.xml": slide(shape("Say hello first", 0, "body")),
            "ppt/slides/slide2.xml": slide(shape("Hiddenword", 0), show="0"),
            "ppt/slides/slide3.xml": slide(),
        }
    )


def odf(body: str, kind: str, styles: str = "") -> bytes:
    """An OpenDocument file."""
    content = (
        f"<office:document-content {_ODF}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    return zipped({"mimetype": "x", "content.xml": content})


def odt() -> bytes:
    """Heading, paragraph with spaces and a note, list, table, deleted text, a comment."""
    return odf(
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>Goneword</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        '<text:h text:outline-level="2">Rules</text:h>'
        "<text:p>Dogs<text:s text:c='2'/>travel<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>Not on Sundays.</text:p></text:note-body></text:note> free.</text:p>"
        "<text:list><text:list-item><text:p>leash</text:p><text:list><text:list-item><text:p>short</text:p>"
        "</text:list-item></text:list></text:list-item></text:list>"
        "<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Pet</text:p>"
        "</table:table-cell><table:table-cell><text:p>Fare</text:p></table:table-cell></table:table-row>"
        "</table:table-header-rows><table:table-row><table:table-cell><text:p>Dog</text:p></table:table-cell>"
        "<table:table-cell><text:p>0</text:p></table:table-cell></table:table-row></table:table>"
        "<text:p><office:annotation><dc:creator>Oda</dc:creator><text:p>check this</text:p></office:annotation></text:p>",
        "text",
    )


def ods() -> bytes:
    """A sheet with a per cent, a million repeated empty cells, and a hidden sheet."""
    cell = '<table:table-cell office:value-type="{}" office:value="{}"><text:p>{}</text:p></table:table-cell>'
    blank = '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    rows = (
        "<table:table-row><table:table-cell><text:p>Port</text:p></table:table-cell><table:table-cell><text:p>Share</text:p>"
        f"</table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>Skerry</text:p></table:table-cell>"
        f"{cell.format('percentage', '0.075', '7.5 %')}</table:table-row>{blank}"
    )
    hidden = (
        '<table:table table:name="Old" table:style-name="h"><table:table-row><table:table-cell><text:p>Vaultword</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    )
    style = (
        '<style:style style:name="h" style:family="table"><style:table-properties table:display="false"/></style:style>'
    )
    return odf(f'<table:table table:name="Shares">{rows}</table:table>{hidden}', "spreadsheet", style)


def odp() -> bytes:
    """A slide with title, body and notes."""
    return odf(
        '<draw:page draw:name="One"><draw:frame><draw:text-box><text:p>Body words</text:p></draw:text-box></draw:frame>'
        '<draw:frame presentation:class="title"><draw:text-box><text:p>Safety week</text:p></draw:text-box></draw:frame>'
        "<presentation:notes><draw:frame><draw:text-box><text:p>Say hello</text:p></draw:text-box></draw:frame>"
        "</presentation:notes></draw:page>",
        "presentation",
    )


def epub(**more: str) -> bytes:
    """Two chapters, the second first in the file, one of them named twice in the spine."""
    return zipped(
        {
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
            "OPS/book.opf": "<package><metadata><title>Tides</title><creator>Oda</creator><language>en</language></metadata>"
            '<manifest><item id="a" href="z.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="b" href="a.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>'
            '<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="a"/></spine></package>',
            "OPS/z.xhtml": "<html><body><h1>Ebb</h1><p>The sea goes out.</p></body></html>",
            "OPS/a.xhtml": "<html><body><p>The sea comes in.</p></body></html>",
            "OPS/nav.xhtml": '<html><body><nav><a href="a.xhtml">Flood</a></nav></body></html>',
            **more,
        }
    )


def mail(body: str = "", *, attached: dict[str, bytes] | None = None, head: str = "") -> bytes:
    """A reply with a signature, a quotation and attachments."""
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"] = "Gudrun <g@example.org>", "Rolf <r@example.org>"
    message["Subject"], message["Date"] = "Re: Bow ramp", "Mon, 17 Aug 2026 09:05:00 +0200"
    message["Message-ID"], message["In-Reply-To"] = "<2@example.org>", "<1@example.org>"
    message["References"] = "<0@example.org> <1@example.org>"
    text = body or (
        "Yes, order it.\n\nNot on the 30th.\n\n-- \nGudrun, deck\n\nOn Fri, 14 Aug 2026, Rolf wrote:\n"
        "> May I order it?\n> It costs 18,400.\n"
    )
    message.set_content(text)
    for name, data in (attached or {}).items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return head.encode() + message.as_bytes()


def notebook() -> bytes:
    """Markdown, code with an output and a picture, an empty cell."""
    cells = [
        {"cell_type": "markdown", "source": ["# Tides\n", "\n", "High water."]},
        {
            "cell_type": "code",
            "source": "print(6 * 7)",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31m42\x1b[0m\n"]},
                {"output_type": "display_data", "data": {"image/png": "aGVsbG8=", "text/plain": "<Figure>"}},
            ],
        },
        {"cell_type": "code", "source": "", "outputs": []},
    ]
    facts = {"kernelspec": {"display_name": "Python 3"}, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": facts, "nbformat": 4}).encode()


RTF = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times;}}{\info{\title Tides}}\pard\outlinelevel0 Ebb\par"
    rb"\pard The s\'e9a goes \u8222?out\u8220?.{\v Hiddenword}\par\trowd\intbl Port\cell Fare\cell\row"
    rb"\trowd\intbl Skerry\cell 12\cell\row\pard After.\par}"
)
SRT = (
    b"1\n00:00:01,500 --> 00:00:04,000\n<i>Cast off</i> the lines.\n\n2\n00:00:03,000 --> 00:00:05,000\nCast off the lines.\n\n"
    b"3\n00:01:02,000 --> 00:01:03,250\nSlow ahead.\n"
)
VTT = b"WEBVTT\n\nNOTE not said\n\n00:01.000 --> 00:03.000 align:start\n<v Oda>Cast off.\n\n01:00:02.000 --> 01:00:03.000\nStop.\n"
CODE = (
    b'"""Tides."""\n\nimport math\n\n\n# how high\n@cached\ndef height(day):\n    return math.sin(day)\n\n\nclass Pier:\n'
    b'    """A pier."""\n\n    def ships(self):\n        return 3\n'
)
JSON = json.dumps(
    {
        "title": "Fares",
        "season": {"from": "May"},
        "lines": [{"port": "Skerry", "fare": 12.5}, {"port": "Kestvik", "fare": 9}],
    }
).encode()
TOML = b'title = "Fares"\n[season]\nfrom = 2026-05-01\n'
XML = b'<?xml version="1.0"?><fares year="2026"><line><port>Skerry</port><fare>12</fare></line><line><port>Kestvik</port><fare>9</fare></line><note>Free <b>dogs</b>.</note></fares>'
YAML = b"title: Fares\nseason:\n  from: May\nlines:\n  - {port: Skerry, fare: 12}\n  - {port: Kestvik, fare: 9}\n"
MBOX = b"From a@b Mon Aug 17 2026\nFrom: a@b.example\nSubject: One\n\nFirst.\n>From here on.\n\nFrom c@d Tue\nFrom: c@d.example\nSubject: Two\n\nSecond.\n"


def tar(files: dict[str, bytes]) -> bytes:
    """A TAR archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def good() -> dict[str, bytes]:
    """A file of every kind, by name."""
    files = {"fares.md": b"# Fares\n\nDogs go free.", "../up.txt": b"Up."}
    return {
        "fares.xlsx": fares(),
        "week.pptx": pptx(),
        "rules.odt": odt(),
        "shares.ods": ods(),
        "week.odp": odp(),
        "tides.epub": epub(),
        "reply.eml": mail(
            attached={"plan.md": b"# Plan\n\nGrease the ramp.", "plan.zip": zipped({"deep.txt": "Deep words."})}
        ),
        "box.mbox": MBOX,
        "tides.ipynb": notebook(),
        "fares.json": JSON,
        "fares.jsonl": b'{"port": "Skerry"}\n{"port": "Kestvik"}\n',
        "fares.toml": TOML,
        "fares.xml": XML,
        "fares.yaml": YAML,
        "tides.py": CODE,
        "tides.rtf": RTF,
        "film.srt": SRT,
        "film.vtt": VTT,
        "pack.zip": zipped(files),
        "pack.tar": tar(files),
        "pack.tar.gz": gzip.compress(tar(files)),
        "one.txt.gz": gzip.compress(b"One packed file."),
        "two.txt.bz2": bz2.compress(b"Another packed file."),
        "three.txt.xz": lzma.compress(b"A third packed file."),
    }


def write(folder: Path) -> list[str]:
    """All of them in a folder; their names."""
    for name, data in good().items():
        (folder / name).write_bytes(data)
    return sorted(good())
