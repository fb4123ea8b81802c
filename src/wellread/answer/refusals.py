"""Whether a text declines to answer, by the phrases that models decline with; English."""

from __future__ import annotations

import re

from wellread.documents.sentences import sentences
from wellread.retrieve import quantities

_MARKS = re.compile(r"\s*\[\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\]")
_SOURCES = (
    r"(?:the|these|this|those|any of the|provided|given|available|retrieved|above|supplied|your|our)?\s*(?:\w+ )?"
    r"(?:documents?|passages?|context|text|sources?|excerpts?|information|documentation|materials?|article|manual|page)"
)
_SAYS_NOT = (
    r"(?:do|does|did)(?: not|n't) (?:\w+ )?(?:say|state|mention|contain|include|specify|provide|give|indicate|answer"
    r"|tell|discuss|cover|have|list|address|describe|explain|reveal|offer|name|disclose)"
)
_REFUSALS = re.compile(
    rf"\b(?:i|we) (?:(?:really|simply|just|still|also) )?(?:do|did)(?: not|n't) (?:actually )?(?:know|have (?:\w+ )?"
    r"(?:information|knowledge|access|data|details|enough|an answer|the answer|that))"
    r"|\b(?:i am|i'm|we are|we're) (?:\w+ )?(?:not (?:\w+ )?(?:sure|aware|certain|able)|unable|unaware|unsure)"
    r"|\b(?:i|we) (?:can ?not|can't|could not|couldn't|am unable to|was unable to) (?:\w+ )?"
    r"(?:find|answer|provide|determine|tell|say|locate|confirm|verify|know|see|give|help|access|assist)"
    rf"|\b{_SOURCES} (?:\w+ ){{0,3}}?{_SAYS_NOT}"
    r"|^(?:they|it) (?:do|does)(?: not|n't) (?:\w+ )?(?:say|state|mention|specify)\b"
    r"|\bno (?:\w+ )?(?:information|mention|answer|details?|data|record|evidence)\b.{0,40}"
    r"\b(?:documents?|passages?|context|text|sources?|given|provided|available|found)"
    r"|\bthere (?:is|was|are)(?: no|n't| not)(?: any| enough| sufficient)? (?:\w+ )?"
    r"(?:information|mention|details?|data|record|answer|evidence)"
    r"|\b(?:is|are|was|were)(?: not|n't) (?:\w+ )?(?:mentioned|specified|stated|provided|given|included|found"
    rf"|available|contained|disclosed|described|covered|listed|known|in) (?:\w+ )?(?:in|by|within|from|anywhere)?\s*"
    rf"{_SOURCES}"
    r"|\b(?:it|this|that|the answer)(?: is|'s| can| could)(?: not|n't|not) (?:be )?"
    r"(?:mentioned|specified|stated|answered|determined|possible to (?:say|tell|determine|answer))"
    r"|^not (?:\w+ )?(?:in|mentioned|stated|specified|found|given|provided|answerable|enough information|available)\b"
    r"|^(?:unknown|unanswerable|no answer|not known|n/a|none given|no information)\W*$"
    r"|\b(?:question|it) (?:is unanswerable|cannot be answered|can't be answered|can not be answered)"
)
_TURNS = re.compile(r"\b(?:but|however|nevertheless|although|though|that said|still,)\b")
_EXCUSE = re.compile(
    r"^(?:\W*(?:i'm|i am|we are|we're)?\s*(?:very |so )?(?:sorry|afraid|apologi[sz]e)\W*(?:but|that)?)+"
)


def without_marks(text: str) -> str:
    """A text without marks of citations such as [2], which are no part of what it says."""
    return _MARKS.sub("", text).strip()


def is_refusal(text: str) -> bool:
    """Whether a text declines to answer: it is empty, or says so in its first sentence and does not turn.

    «I do not know the year, but it was in May» turns, and is an answer. The last of two or three sentences may say
    so too where no number stands before it: «This is about dogs. It does not mention gliders.» English phrases only.
    """
    plain = without_marks(text).strip(" *_#>\"'")
    said = [_EXCUSE.sub("", quantities.fold(plain[start:end])).strip() for start, end in sentences(plain)]
    said = [sentence for sentence in said if re.search(r"\w", sentence)]
    if not said:
        return True
    for n in {0, len(said) - 1}:
        match = _REFUSALS.search(said[n])
        if match and not _TURNS.search(" ".join([said[n][match.end() :], *said[n + 1 :]])):
            return n == 0 or (len(said) <= 3 and not re.search(r"\d", " ".join(said[:n])))
    return False
