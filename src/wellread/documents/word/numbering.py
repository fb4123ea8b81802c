"""Numbers of list items and headings, which a document keeps as rules and not as text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

from wellread.documents.word.text import W

_PLACE = re.compile(r"%(\d)")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
MAX_LEVEL = 8


@dataclass(frozen=True, slots=True)
class ListLevel:
    """How one level is numbered: ``format`` as in the file (decimal, bullet …), ``text`` like «%1.%2»."""

    format: str = "bullet"
    text: str = ""
    start: int = 1


@dataclass(slots=True)
class Numbering:
    """The lists of a document, and how far each has been counted."""

    levels: dict[str, dict[int, ListLevel]] = field(default_factory=dict)  # by list
    counted_as: dict[str, str] = field(default_factory=dict)  # lists that count on: list → abstract list
    counters: dict[str, dict[int, int]] = field(default_factory=dict)

    def next(self, list_id: str, level: int) -> str:
        """The mark of the next item, "-" for a bullet and what is not known, "" for a level without any."""
        level = min(max(level, 0), MAX_LEVEL)
        rules = self.levels.get(list_id, {})
        rule = rules.get(level, ListLevel())
        if rule.format == "bullet":
            return "-"
        counts = self.counters.setdefault(self.counted_as.get(list_id, list_id), {})
        counts[level] = counts.get(level, rule.start - 1) + 1
        for deeper in [known for known in counts if known > level]:
            del counts[deeper]
        if rule.format == "none" or not rule.text:
            return ""

        def number(found: re.Match[str]) -> str:
            at = int(found.group(1)) - 1
            other = rules.get(at, ListLevel("decimal"))
            return numeral(counts.get(at, other.start), other.format)

        return _PLACE.sub(number, rule.text).strip()


def numeral(n: int, style: str) -> str:
    """A number in the style of WordprocessingML's ``numFmt``; decimal for the styles that it has beyond these."""
    if style in ("lowerLetter", "upperLetter") and n > 0:
        text = chr(97 + (n - 1) % 26) * ((n - 1) // 26 + 1)
    elif style in ("lowerRoman", "upperRoman") and 0 < n < 4000:
        text = ""
        for value, letters in _ROMAN:
            text += letters * (n // value)
            n %= value
    elif style == "decimalZero":
        return f"{n:02d}"
    else:
        return str(n)
    return text.upper() if style.startswith("upper") else text


def numbering_of(part: ElementTree.Element | None) -> Numbering:
    """The lists that ``word/numbering.xml`` describes."""
    made = Numbering()
    if part is None:
        return made
    abstract = {
        one.get(f"{W}abstractNumId", ""): {_int(level, "ilvl"): _level(level) for level in one.iter(f"{W}lvl")}
        for one in part.iter(f"{W}abstractNum")
    }
    for number in part.iter(f"{W}num"):
        list_id, base = number.get(f"{W}numId", ""), number.find(f"{W}abstractNumId")
        base_id = base.get(f"{W}val", "") if base is not None else ""
        levels = dict(abstract.get(base_id, {}))
        restarts = False
        for override in number.findall(f"{W}lvlOverride"):
            at, start, own = _int(override, "ilvl"), override.find(f"{W}startOverride"), override.find(f"{W}lvl")
            if own is not None:
                levels[at] = _level(own)
            if start is not None:
                rule = levels.get(at, ListLevel("decimal", f"%{at + 1}."))
                levels[at] = ListLevel(rule.format, rule.text, _int(start, "val"))
                restarts = True
        made.levels[list_id] = levels
        made.counted_as[list_id] = list_id if restarts else f"abstract {base_id}"
    return made


def _level(node: ElementTree.Element) -> ListLevel:
    format_, text, start = (node.find(f"{W}{name}") for name in ("numFmt", "lvlText", "start"))
    style = format_.get(f"{W}val", "decimal") if format_ is not None else "decimal"
    words = text.get(f"{W}val", "") if text is not None else ""
    return ListLevel(style, words, _int(start, "val") if start is not None else 1)


def _int(node: ElementTree.Element, name: str) -> int:
    value = node.get(f"{W}{name}", "0")
    return int(value) if re.fullmatch(r"\d{1,6}", value) else 0
