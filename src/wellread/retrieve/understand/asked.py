"""What kind of thing a question asks for, and whether a sentence holds one; English only, other languages pass."""

from __future__ import annotations

import re
from typing import Literal

Wanted = Literal["number", "time", "name"]

_TIME = re.compile(r"\bwhen\b|\bwhat (?:time|date|day)\b|\bwhich (?:date|day|year|month)\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\bhow (?:many|much|long|old|far|high|deep|heavy|big|large|wide|fast|often|late|early|soon|tall)\b"
    r"|\bwhat (?:percentage|share|speed|price|temperature|number)\b|\bnumber of\b"
    r"|\b(?:what|how)\b.*\b(?:cost|costs|price|fare|fee|pay|charge|charged)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"\b(?:who|whose|whom)\b", re.IGNORECASE)

_HELD_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty"
    r"|ninety|hundred|thousand|half|twice|once|dozen|free|daily|weekly|monthly|yearly)\b",
    re.IGNORECASE,
)
_HELD_TIME = re.compile(
    r"\d|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:day|days|week|month|year|daily|weekly|monthly|yearly)\b|\b(?:january|february|march|april|may|june|july|august"
    r"|september|october|november|december|noon|midnight|spring|summer|autumn|winter|easter|christmas)\b",
    re.IGNORECASE,
)
_CAPITAL = re.compile(r"\b[A-Z][\w’'-]+")


def wanted(question: str) -> Wanted | None:
    """The kind of answer that a question asks for; None where it leaves that open."""
    if _TIME.search(question):
        return "time"
    if _NUMBER.search(question):
        return "number"
    return "name" if _NAME.search(question) else None


def holds(reading: str, kind: Wanted | None, question: str) -> bool:
    """Whether a sentence holds something of that kind; a name counts when the question does not give it already."""
    if kind == "number":
        return bool(_HELD_NUMBER.search(reading))
    if kind == "time":
        return bool(_HELD_TIME.search(reading))
    if kind == "name":
        return any(word.lower() not in question.lower() for word in _CAPITAL.findall(reading))
    return True
