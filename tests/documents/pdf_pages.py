"""Small PDFs written by hand: what stands where is said by the test that needs it."""

from __future__ import annotations

from collections.abc import Sequence


def document(
    *contents: str | bytes,
    page: str = "",
    catalog: str = "",
    extra: Sequence[bytes] = (),
    box: str = "0 0 595 842",
    xobjects: str = "",
    fonts: str = "",
) -> bytes:
    """A PDF with one page for each content stream.

    Args:
        contents: operators of each page; fonts /F (Helvetica), /B (bold), /M (Courier) are there.
        page: further entries of every page.
        catalog: further entries of the catalogue.
        extra: further objects; the first is number 1000.
        box: the pages' MediaBox.
        xobjects: further pictures and forms of every page; /P is a grey one.
        fonts: further fonts of every page.
    """
    objects: dict[int, bytes] = {
        3: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        4: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>",
        5: b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>",
    }
    kids = []
    for n, content in enumerate(contents):
        data = content.encode("latin-1") if isinstance(content, str) else content
        kids.append(f"{10 + 2 * n} 0 R")
        objects[10 + 2 * n] = (
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Resources<</Font<</F 3 0 R/B 4 0 R/M 5 0 R{fonts}>>"
            f"/XObject<</P 99 0 R{xobjects}>>>>/Contents {11 + 2 * n} 0 R{page}>>"
        ).encode()
        objects[11 + 2 * n] = stream(data)
    objects[1] = f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode()
    objects[2] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>".encode()
    objects[99] = stream(
        b"\x7f", "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"
    )
    objects |= {1000 + n: body for n, body in enumerate(extra)}
    out, places = bytearray(b"%PDF-1.5\n"), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in sorted(places.items()):
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    return bytes(out + b"trailer <</Size 2000/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start)


def stream(data: bytes, entries: str = "") -> bytes:
    """A stream object."""
    return f"<</Length {len(data)}{entries}>>stream\n".encode() + data + b"\nendstream"


def at(x: float, y: float, text: str, size: float = 10, font: str = "F") -> str:
    """Operators that write ``text`` with its baseline at x, y."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET\n"


def glyphs(x: float, y: float, text: str, size: float = 10) -> str:
    """The same with every letter placed for itself, in Courier, as some report writers do."""
    return "".join(
        at(round(x + 0.6 * size * n, 2), y, letter, size, "M") for n, letter in enumerate(text) if letter != " "
    )


def lines(*segments: tuple[float, float, float, float]) -> str:
    """Operators that draw thin lines."""
    return "0.5 w\n" + "".join(f"{a} {b} m {c} {d} l S\n" for a, b, c, d in segments)


def grid(xs: Sequence[float], ys: Sequence[float]) -> str:
    """Operators that draw a full grid."""
    across = [(xs[0], y, xs[-1], y) for y in ys]
    return lines(*across, *((x, ys[0], x, ys[-1]) for x in xs))
