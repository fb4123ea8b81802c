"""MathML on one line, as a person would type it: d = 3 + 2.5 L."""

from __future__ import annotations

from selectolax.lexbor import LexborNode

from wellread.documents.notation import fraction, index, joined, power, root

_LEAVES = frozenset({"mi", "mn", "mtext", "ms"})
_SKIPPED = frozenset({"annotation", "annotation-xml", "mphantom", "mspace", "none", "mprescripts"})
MAX_DEPTH = 200


def linear(node: LexborNode, depth: int = 0) -> str:
    """The text of a ``math`` element or of a part of one."""
    if depth > MAX_DEPTH:
        return str(node.text())
    tag = str(node.tag)
    parts = [child for child in node.iter() if child.tag not in _SKIPPED]
    if tag in _LEAVES or tag == "mo" or not parts:
        return " ".join(str(node.text()).split())
    inner = [linear(part, depth + 1) for part in parts]
    two = len(inner) >= 2
    if tag == "mfrac" and two:
        return fraction(inner[0], inner[1])
    if tag in ("msup", "mover") and two:
        return power(inner[0], inner[1])
    if tag in ("msub", "munder") and two:
        return index(inner[0], inner[1])
    if tag in ("msubsup", "munderover") and len(inner) >= 3:
        return power(index(inner[0], inner[1]), inner[2])
    if tag == "mroot" and two:
        return root(inner[0], inner[1])
    row = joined([(text, part.tag == "mo") for text, part in zip(inner, parts, strict=True)])
    if tag == "msqrt":
        return root(row)
    if tag == "mfenced":
        return f"({', '.join(inner)})"
    if tag == "mtr":
        return ", ".join(inner)
    return "; ".join(inner) if tag == "mtable" else row
