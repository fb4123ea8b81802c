"""Office MathML on one line, as a person would type it: d = 3 + 2.5 L."""

from __future__ import annotations

from xml.etree import ElementTree

from wellread.documents.notation import fraction, index, joined, power, root

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_PROPERTIES = "Pr"
MAX_DEPTH = 200
_OPERATORS = frozenset("=+-−±×·⋅*÷/<>≤≥≠≈≡∼→←⇒⇔∈∉⊂⊆∪∩∧∨|,;:!()[]{}")


def linear(node: ElementTree.Element, depth: int = 0) -> str:
    """The text of an ``m:oMath`` or of a part of one."""
    if depth > MAX_DEPTH:
        return "".join(node.itertext())
    parts = {child.tag.removeprefix(M): linear(child, depth + 1) for child in node if child.tag.startswith(M)}
    match node.tag.removeprefix(M):
        case "r":
            return "".join(piece.text or "" for piece in node.iter() if piece.tag.endswith("}t"))
        case "f":
            return fraction(parts.get("num", ""), parts.get("den", ""))
        case "sSup":
            return power(parts.get("e", ""), parts.get("sup", ""))
        case "sSub":
            return index(parts.get("e", ""), parts.get("sub", ""))
        case "sSubSup":
            return power(index(parts.get("e", ""), parts.get("sub", "")), parts.get("sup", ""))
        case "rad":
            return root(parts.get("e", ""), parts.get("deg", ""))
        case "nary":
            sign = _value(node, "naryPr", "chr") or "∫"
            return f"{power(index(sign, parts.get('sub', '')), parts.get('sup', ''))} {parts.get('e', '')}"
        case "d":
            inner = [linear(child, depth + 1) for child in node if child.tag == f"{M}e"]
            return f"{_value(node, 'dPr', 'begChr') or '('}{', '.join(inner)}{_value(node, 'dPr', 'endChr') or ')'}"
        case "m":
            rows = [", ".join(linear(cell, depth + 1) for cell in row) for row in node if row.tag == f"{M}mr"]
            return "; ".join(rows)
        case "oMathPara" | "eqArr":
            return "; ".join(filter(None, (linear(child, depth + 1) for child in node if not _about(child))))
        case _:
            return joined([piece for child in node if not _about(child) for piece in _pieces(child, depth)])


def _pieces(node: ElementTree.Element, depth: int) -> list[tuple[str, bool]]:
    """A part of a row; a run is cut at its operators."""
    text = linear(node, depth + 1)
    if node.tag != f"{M}r":
        return [(text, False)]
    pieces: list[tuple[str, bool]] = []
    for letter in text:
        operator = letter in _OPERATORS
        if pieces and not operator and not pieces[-1][1]:
            pieces[-1] = pieces[-1][0] + letter, False
        else:
            pieces.append((letter, operator))
    return pieces


def _about(node: ElementTree.Element) -> bool:
    return node.tag.endswith(_PROPERTIES)


def _value(node: ElementTree.Element, properties: str, name: str) -> str:
    found = node.find(f"{M}{properties}/{M}{name}")
    return found.get(f"{M}val", "") if found is not None else ""
