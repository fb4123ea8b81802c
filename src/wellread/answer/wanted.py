"""What kind of answer a question leaves room for: a price is no length of time, «how many metres» no date."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wellread.retrieve import quantities
from wellread.retrieve.quantities import Quantity
from wellread.retrieve.understand import asked

_MONEY = frozenset(["NOK", "DKK", "SEK", "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR"])
# (words of a question, dimensions of an answer to it); the first that fits decides
_DIMENSIONS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), frozenset(dimensions))
    for pattern, dimensions in (
        (r"\b(?:phone|telephone|fax|mobile)\b.*\bnumber\b|\bnumber\b.*\bphone\b", ()),
        (r"\bhow (?:fast)\b|\bspeed\b|\bwind limit", ("speed", "angle")),
        (r"\bhow (?:heavy|much weight)\b|\bweight\b|\bweigh\b|\b(?:axle )?load\b", ("mass", "share")),
        (r"\btemperature\b|\bhow (?:hot|cold|warm)\b", ("celsius", "fahrenheit", "angle")),
        (r"\bpressure\b", ("pressure",)),
        (
            r"\bhow (?:wide|high|deep|tall|far|short|thick)\b|\bclearance\b|\bdepth\b|\bheight\b",
            ("length", "time", "share"),
        ),
        (r"\bhow (?:long|soon|quickly|late|early|often)\b", ("time", "nights", "months", "length", "clock", "share")),
        (r"\bwhat (?:percentage|share|per cent)\b|\bcommission\b", ("share", *_MONEY)),
        (r"\bhow (?:old)\b|\bwhat age\b", ("months", "time")),
        (r"\bcapacity\b", ("energy", "volume", "mass", "persons", "data", "power")),
        (r"\bhow much (?:water|oil|fuel|milk)\b", ("volume", "mass")),
        (r"\bhow much data\b", ("data",)),
        (
            r"\b(?:cost|costs|price|prices|fare|fares|fee|fees|charge|charged|pay|pays|salary|earn|earns|bonus|allowance"
            r"|voucher|ticket|supplement|wage|budget|bill|expensive|cheap|refund|rent|hire)\b",
            (*_MONEY, "share"),
        ),
        (
            r"^\W*(?:when|since when|until when|by when)\b|\bwhat (?:date|day|year|time)\b",
            ("time", "months", "clock", "nights"),
        ),
    )
)
_COUNTED = re.compile(r"\bhow many ((?:[\w'’-]+ ?){1,4})", re.IGNORECASE)
_OPENS = re.compile(
    r"\W*(?:may|can|could|is|are|was|were|do|does|did|will|would|should|must|has|have|had)\b", re.IGNORECASE
)
_ASKS = re.compile(r"\b(?:how|what|when|which|who|whom|whose|where|why)\b", re.IGNORECASE)


def fault(sentence: str, numbers: Sequence[Quantity], question: str) -> str:
    """Why a sentence is no answer to this question by its kind alone; empty where it may be one."""
    kind = asked.wanted(question)
    if kind is not None and asks(question) < 2 and not asked.holds(sentence, kind, question):
        wanted = {"number": "a number", "time": "a time or date", "name": "a name"}[kind]
        return f"the question asks for {wanted}, and the sentence holds none"
    allowed = _allowed(question)
    if allowed is None:
        return ""
    if numbers and not any(_fits(q, allowed) for q in numbers):
        return "the question asks for another kind of number"
    return "" if numbers or allowed or re.search(r"\d", sentence) else "the question asks for a number"


def asks(question: str) -> int:
    """How many things a question asks, by its question words; one that opens with a verb asks yes or no besides."""
    return len(_ASKS.findall(question)) + bool(_OPENS.match(question))


def _fits(number: Quantity, allowed: frozenset[str]) -> bool:
    dimensions = {name for name, _ in number.meanings if not name.startswith(("count", "ordinal"))}
    if number.days:
        return bool({"clock", "months"} & allowed)
    return not dimensions or bool(dimensions & allowed)


def _allowed(question: str) -> frozenset[str] | None:
    """Dimensions that an answer may have; None where the question leaves them open."""
    if asks(question) > 1:
        return None
    if counted := _COUNTED.search(question):
        named = (q for word in counted[1].split() for q in quantities.quantities(f"2 {word}", every=False))
        dimensions = {name for q in named for name, _ in q.meanings if not name.startswith(("count", "ordinal"))}
        return frozenset(dimensions or {"persons"})
    return next((dimensions for pattern, dimensions in _DIMENSIONS if pattern.search(question)), None)
