"""Text that a page keeps from its reader by style: in the colour of its ground, without size, off the page, clipped.

Styles of elements and simple rules of sheets inside the page count; sheets elsewhere are not fetched. Where the ground
is not known (a picture, a variable, a sheet elsewhere) text is not taken for hidden. What a script may show later
(``display: none`` in a sheet) is left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

MOST_RULES, MOST_MATCHES = 2_000, 20_000  # of sheets and of elements that they style; beyond them nothing is looked at
ANIMATED = 0.2  # share of a page's text; if more of it is transparent, a script is going to show it
NEAR = 24  # of 3 × 255: colours that no eye tells apart
OFF = 900  # pixels beyond the edge
_RULE = re.compile(r"([^{}@;]+)\{([^{}]*)\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AT = re.compile(r"@[^{};]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}|@[^{};]+;")
_LENGTH = re.compile(r"(-?\d*\.?\d+)(px|pt|em|rem|%|vw|vh|)$")
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}(?:[0-9a-f]{2})?)$")
_RGB = re.compile(r"rgba?\(\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)$")
_NAMES = {
    "white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "yellow": (255, 255, 0), "lime": (0, 255, 0),
    "blue": (0, 0, 255), "gray": (128, 128, 128), "grey": (128, 128, 128), "silver": (192, 192, 192),
    "ivory": (255, 255, 240), "snow": (255, 250, 250), "whitesmoke": (245, 245, 245), "ghostwhite": (248, 248, 255),
}  # fmt: skip
_CLIPPED = re.compile(r"rect\(\s*(?:0|1px)(?:px)?[, ]+(?:0|1px)(?:px)?[, ]+(?:0|1px)(?:px)?[, ]+(?:0|1px)(?:px)?\s*\)")

_WRITTEN = frozenset(("color", "background", "background-color", "font-size"))
Colour = tuple[int, int, int]
Style = dict[str, str]


def conceal(tree: LexborHTMLParser) -> Counter[str]:
    """Takes concealed text out of the tree; how many characters, by what concealed them."""
    body = tree.body
    found: Counter[str] = Counter()
    if body is None:
        return found
    styles = _styles(tree, body)
    if not styles:
        return found
    whole = len(body.text())
    plain = tree.css_first("link[rel~=stylesheet i]") is None  # no sheet elsewhere says what the page is painted on
    faded: list[LexborNode] = []
    written: list[LexborNode] = []
    for node in [body, *body.css("*")]:
        own = styles.get(node.mem_id)
        if own is None:
            continue
        why = _why(own)
        if why == "transparent":
            faded.append(node)
        elif why:
            found[why] += _taken(node)
        if not _WRITTEN.isdisjoint(own):
            written.append(node)
    for node in written:
        if node.parent is not None and (state := _state(node, styles, plain)).unseen:
            _taken_out(node, styles, state, found)
    if sum(len(node.text()) for node in faded if node.parent is not None) <= ANIMATED * whole:
        found["transparent"] += sum(_taken(node) for node in faded if node.parent is not None)
    return +found


@dataclass(frozen=True, slots=True)
class _State:
    """How the text of an element is written; None where that is not known."""

    colour: Colour | None
    ground: Colour | None
    tiny: bool = False

    @property
    def unseen(self) -> str:
        """Why no reader sees it; empty where one does, or nobody knows."""
        if self.tiny:
            return "too small to read"
        alike = self.colour is not None and self.ground is not None and _distance(self.colour, self.ground) <= NEAR
        return "in the colour of its ground" if alike else ""

    def within(self, own: Style) -> _State:
        """The state of an element in this one, with what it declares."""
        colour, ground, tiny = self.colour, self.ground, self.tiny
        behind = own.get("background-color") or own.get("background")
        if behind and behind not in ("none", "transparent", "inherit", "initial", "0", "0 0"):
            ground = _colour(behind if "(" in behind else behind.split()[0])
        if (said := own.get("color")) and said != "inherit":
            colour = _colour(said)
        if size := own.get("font-size"):
            length = _length(size, ("px", "pt"))
            tiny = 0 <= length <= 1 if length is not None else tiny and size.endswith(("em", "%")) and "rem" not in size
        return _State(colour, ground, tiny)


def _state(node: LexborNode, styles: Mapping[int, Style], plain: bool) -> _State:
    """The state of an element, from the page downwards."""
    line = []
    above: LexborNode | None = node
    while above is not None:
        line.append(styles.get(above.mem_id))
        above = above.parent
    state = _State((0, 0, 0), (255, 255, 255)) if plain else _State(None, None)
    for own in reversed(line):
        state = state.within(own) if own else state
    return state


def _taken_out(node: LexborNode, styles: Mapping[int, Style], state: _State, found: Counter[str]) -> None:
    """Takes out the text that no reader sees, of an element and those in it."""
    pending = [(node, state)]
    while pending:
        element, within = pending.pop()
        why = within.unseen
        for child in list(element.iter(include_text=True)):
            if child.tag != "-text":
                own = styles.get(child.mem_id)
                pending.append((child, within.within(own) if own else within))
            elif why and (n := len(" ".join(child.text().split()))):
                found[why] += n
                child.replace_with(" ")


def _taken(node: LexborNode) -> int:
    n = len(" ".join(node.text().split()))
    node.decompose()
    return n


def _styles(tree: LexborHTMLParser, body: LexborNode) -> dict[int, Style]:
    """The declarations of elements, those of sheets first, so that an element's own come last."""
    styles: dict[int, Style] = {}
    rules = [rule for sheet in tree.css("style") for rule in _rules(sheet.text())]
    matches = 0
    for selector, declared in rules[:MOST_RULES]:
        if not _tells(declared):
            continue
        try:
            nodes = body.parent.css(selector) if body.parent is not None else body.css(selector)
        except ValueError:
            continue  # a selector that only a browser knows
        matches += len(nodes)
        if matches > MOST_MATCHES:
            break
        for node in nodes:
            styles.setdefault(node.mem_id, {}).update(declared)
    for node in [body, *body.css("[style], [bgcolor], font[color]")]:
        given = node.attributes
        own = _declared(given.get("style") or "")
        if given.get("bgcolor"):
            own.setdefault("background-color", str(given["bgcolor"]).lower())
        if node.tag == "font" and given.get("color"):
            own.setdefault("color", str(given["color"]).lower())
        if own:
            styles.setdefault(node.mem_id, {}).update(own)
    return styles


def _rules(sheet: str) -> Iterator[tuple[str, Style]]:
    plain = _AT.sub("", _COMMENT.sub("", sheet))
    for match in _RULE.finditer(plain):
        selector = match[1].strip()
        if selector and not re.search(r":(?:hover|focus|before|after|checked|target|active|visited|:)", selector):
            yield selector, _declared(match[2])


def _declared(text: str) -> Style:
    pairs = (part.partition(":") for part in text.split(";"))
    return {
        name.strip().lower(): value.replace("!important", "").strip().lower() for name, mark, value in pairs if mark
    }


def _tells(style: Style) -> bool:
    return bool(_why(style)) or not _WRITTEN.isdisjoint(style)


def _why(style: Mapping[str, str]) -> str:
    """What conceals an element whatever its ground; empty where nothing does."""
    if (indent := _length(style.get("text-indent"), ("px", "pt", ""))) is not None and indent <= -OFF:
        return "off the page"
    if style.get("position") in ("absolute", "fixed"):
        sides = [_length(style.get(side), ("px", "pt", "")) for side in ("left", "top", "right", "bottom")]
        if any(one is not None and one <= -OFF for one in sides):
            return "off the page"
        if _CLIPPED.search(style.get("clip", "")) or style.get("clip-path", "").startswith(("inset(50%", "inset(100%")):
            return "clipped"
    if style.get("overflow") == "hidden":
        sizes = [_length(style.get(name) or style.get(f"max-{name}"), ("px", "")) for name in ("width", "height")]
        if any(one is not None and 0 <= one <= 1 for one in sizes):
            return "clipped"
    opacity = style.get("opacity")
    return "transparent" if opacity is not None and re.fullmatch(r"0*\.?0+%?", opacity) else ""


def _length(value: str | None, units: tuple[str, ...]) -> float | None:
    match = _LENGTH.match(value.strip()) if value else None
    return float(match[1]) if match and (match[2] in units or float(match[1]) == 0) else None


def _colour(value: str) -> Colour | None:
    value = value.strip()
    if value in _NAMES:
        return _NAMES[value]
    if match := _HEX.match(value):
        digits = match[1]
        if len(digits) in (4, 8) and digits[-len(digits) // 4 :].strip("f"):
            return None  # not opaque
        whole = "".join(2 * one for one in digits[:3]) if len(digits) < 6 else digits[:6]
        return int(whole[:2], 16), int(whole[2:4], 16), int(whole[4:6], 16)
    if match := _RGB.match(value):
        opaque = match[4] is None or float(match[4]) >= (100 if match[5] else 1)
        return (int(match[1]), int(match[2]), int(match[3])) if opaque else None
    return None


def _distance(one: Colour, two: Colour) -> int:
    return sum(abs(a - b) for a, b in zip(one, two, strict=True))
