"""More than 300 malformed files, the same ones every time: what must end as a row with a reason, or as a document."""

from __future__ import annotations

import io
import os
import random
import zipfile
import zlib
from pathlib import Path

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of numbered objects with a right cross-reference table."""
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    return bytes(out + b"trailer <</Size %d " % (len(objects) + 1) + trailer + b">>\nstartxref\n%d\n%%%%EOF" % start)


def stream(data: bytes, filters: bytes = b"") -> bytes:
    """A stream object."""
    return b"<</Length %d %s>>stream\n" % (len(data), filters) + data + b"\nendstream"


def text_pdf(*pages: list[tuple[float, float, str]]) -> bytes:
    """A PDF whose pages hold pieces of text at x, y in 10-point Helvetica."""
    n = len(pages)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(n))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (n, kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for i, pieces in enumerate(pages):
        drawn = b"".join(b"BT /F 10 Tf %f %f Td (%s) Tj ET\n" % (x, y, text.encode()) for x, y, text in pieces)
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
        objects += [page % (5 + 2 * i), stream(drawn)]
    return pdf(*objects)


def docx(body: str, extra: dict[str, bytes] | None = None, head: str = "") -> bytes:
    """A DOCX with the given body."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        document = f'<?xml version="1.0"?>{head}<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
        archive.writestr("word/document.xml", document)
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return out.getvalue()


def good() -> dict[str, bytes]:
    """One sound file of each format."""
    words = "The gangway of Gannet Bay closes at twelve metres per second. "
    return {
        "txt": (words * 5).encode(),
        "md": f"---\ntitle: T\n---\n# Heading\n\n{words * 3}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".encode(),
        "html": f"<html><head><title>T</title></head><body><h1>H</h1><p>{words * 3}</p></body></html>".encode(),
        "csv": b"ship,cars\nGannet Bay,92\nEider Sound,38\n",
        "pdf": text_pdf([(50, 700, words)], [(50, 700, words)]),
        "docx": docx(f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"),
    }


def _handmade() -> dict[str, bytes]:
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    bomb = zlib.compress(zlib.compress(zlib.compress(b"\0" * (1 << 28), 9), 9), 9)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return {
        "empty.txt": b"",
        "blank.md": b" \n\t\n",
        "png-as-text.txt": png,
        "png-as-html.html": png,
        "png-as-pdf.pdf": png,
        "png-as-docx.docx": png,
        "pdf-as-text.txt": good()["pdf"],
        "zip-as-csv.csv": good()["docx"],
        "elf.md": b"\x7fELF" + b"\0" * 300,
        "unknown.xyz": b"text of an unknown type",
        "no-extension": b"text without an extension",
        "ole.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "half-utf16.txt": b"\xff\xfeh\0e\0l\0l",
        "utf16-no-mark.txt": "hello wörld".encode("utf-16-le"),
        "binary.csv": bytes(range(256)) * 20,
        "nul.txt": b"text\0with\0nul" * 10,
        "tags-only.html": b"<html><body><script>alert(1)</script></body></html>",
        "deep.html": b"<div>" * 200_000 + b"x",
        "deep-closed.md": b"> " * 20_000 + b"deep",
        "attributes.html": b"<p " + b"a=1 " * 200_000 + b">text</p>",
        "one-line.txt": b"word" * 500_000,
        "one-line.csv": b'"' + b"x," * 500_000,
        "quotes.csv": b'a,b\n"' * 5_000,
        "big-field.csv": b"a,b\n" + b"x" * 3_000_000 + b",1\n",
        "fences.md": b"```\n" * 20_001,
        "hashes.md": b"#" * 100_000,
        "pipes.md": b"|" * 50_000 + b"\n" + b"|-" * 25_000,
        "front-open.md": b"---\n" + b"key: value\n" * 5_000,
        "bomb.pdf": pdf(
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            page,
            stream(bomb, b"/Filter[/FlateDecode/FlateDecode/FlateDecode]"),
        ),
        "page-loop.pdf": pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 9/Kids[2 0 R 2 0 R]>>"),
        "many-pages.pdf": pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 2000000000/Kids[]>>"),
        "encrypted.pdf": pdf(
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            page,
            stream(b"BT ET"),
            b"<</Filter/Standard/V 1/R 2/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">/P -4>>",
            trailer=b"/Root 1 0 R/Encrypt 5 0 R/ID[<00><00>]",
        ),
        "no-text.pdf": pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>", page, stream(b"")),
        "header-only.pdf": b"%PDF-1.7\n",
        "bomb.docx": docx(" " * 60_000_000),
        "bomb-more.docx": docx("x", {f"word/media/{i}": b"\0" * 10_000_000 for i in range(12)}),
        "entities.docx": docx("&l9;", head=f'<!DOCTYPE d [<!ENTITY l0 "lol">{lol}]>'),
        "outside.docx": docx("&x;", head='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        "deep.docx": docx("<w:p>" * 50_000),
        "paths.docx": docx("", {"../../../../tmp/evil": b"x", "/etc/evil": b"x"}),
        "many.docx": docx("", {f"a/{i}": b"" for i in range(6_000)}),
        "no-document.docx": _zip({"hello.txt": b"x"}),
        "wrong-xml.docx": _zip({"word/document.xml": b"<w:document"}),
        "broken-sidecar.txt": b"text",
        "broken-sidecar.txt.meta.toml": b"title = [",
        "broken-date.md": b"---\nvalid_from: soon\n---\ntext\n",
        "up..%2f..%2fetc%2fpasswd.txt": b"",
        "new\nline.txt": b"",
        "-rf.txt": b"",
        "\u202etxt.exe": b"MZ\x90\x00",
    }


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def write(folder: Path, seed: int = 1) -> int:
    """How many files were written below ``folder``: by hand, truncated, with flipped bytes, under wrong names."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    files = _handmade()
    sound = good()
    for extension, data in sound.items():
        for number in range(18):
            files[f"cut{number}.{extension}"] = data[: len(data) * number // 18]
        for number in range(22):
            flipped = bytearray(data)
            for _ in range(1 + len(data) // 40):
                flipped[chance.randrange(len(data))] = chance.randrange(256)
            files[f"flip{number}.{extension}"] = bytes(flipped)
        for other in sound:
            if other != extension:
                files[f"really-{extension}.{other}"] = data
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "unnamed\udcff.txt").write_bytes(b"")
    with (folder / "huge.txt").open("wb") as sparse:
        sparse.truncate(1 << 40)
    (folder / "loop-a.txt").symlink_to("loop-b.txt")
    (folder / "loop-b.txt").symlink_to("loop-a.txt")
    (folder / "self").symlink_to(".", target_is_directory=True)
    (folder / "outside").symlink_to("/etc", target_is_directory=True)
    (folder / "outside.txt").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.txt")
    return sum(1 for name in files if not name.endswith(".meta.toml")) + 3
