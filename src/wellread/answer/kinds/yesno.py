"""«May glass tubes be frozen?»: the sentence that decides it, after yes or no where that follows without a doubt."""

from __future__ import annotations

import re

from wellread.answer import gate, quote
from wellread.answer.elements import NEGATION, held_by, pairs_of
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import is_of_another, stands, telling
from wellread.retrieve.units import WORD, Quotable, words

MOST_NEW = 3  # words of a sentence that are not in the question, where yes or no is said
_ASKS = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|can|may|must|should|has|have|will)\b(?!.*\b(?:or|who|whom|what|when|where"
    r"|which|why|how)\b)",
    re.IGNORECASE,
)
_PLAIN_NOT = re.compile(
    r"\b(?:is|are|was|were|do|does|did|can|may|must|should|has|have|will) not\b|\bcannot\b|n['’]t\b", re.I
)
# Words that limit a sentence or turn it round: with them the sentence is left to speak for itself.
_LIMITS = re.compile(
    r"\b(?:only|other|others|else|if|unless|except|until|when|where|who|which|that|but|some|most|few|hardly|rarely|seldom|never|nobody"
    r"|none|nothing|no|neither|without|forbid\w*|forbade|prohibit\w*|bann\w*|refus\w*|den(?:y|ies|ied)|illegal|exempt\w*"
    r"|lacks?|fail\w*|too|closed|stopp\w*|ceas\w*|abolish\w*|used to|planned|may be|might|could|would)\b|[,;:(?]",
    re.IGNORECASE,
)
_DUTY = re.compile(r"\b(?:must|ha(?:s|ve) to|needs?|required|obliged)\b", re.IGNORECASE)
_FUTURE = re.compile(r"\b(?:will|shall)\b", re.IGNORECASE)


def answer(case: QuestionCase) -> Made | None:
    """The best sentence that holds the subject and every name of the question; None where none near the best does."""
    if not _ASKS.search(case.question) or not case.enough:
        return None
    if is_of_another(case.question, case.scored.units[:3], case.scorer):
        return None
    about = telling(case.question)
    named = {word for name in gate.names(case.question) for word in words(name)}
    subject = [word for word in words(case.question) if word in about][:1]
    for unit, total in zip(case.scored.units, case.scored.total, strict=True):
        if total < quote.CLOSE * case.scored.total[0]:
            return None
        held = held_by(unit).words
        if all(stands(word, held) for word in (*named, *subject)):
            piece = quote.whole(unit, case.scored)
            text = _opening(case.question, unit) + " ".join(u.reading for u in piece)
            return Made("yes or no", (CitedClaim(text, piece[::-1]),))
    return None


def _opening(question: str, unit: Quotable) -> str:
    """``Yes: `` or ``No: `` where the sentence says what is asked, word for word in its order, or says it is not."""
    sentence = unit.reading
    if len(pairs_of(unit)) > 1 or " | " in unit.text or not sentence.endswith("."):
        return ""
    if _LIMITS.search(sentence) or NEGATION.search(question) or re.search(r"\bonly\b", question, re.IGNORECASE):
        return ""
    if any(bool(kind.search(question)) != bool(kind.search(sentence)) for kind in (_DUTY, _FUTURE)):
        return ""
    asked, said = _in_order(question), _in_order(sentence)
    if not asked or [word for word in said if word in asked] != asked or len(set(said) - set(asked)) > MOST_NEW:
        return ""
    if NEGATION.search(sentence):
        return "No: " if len(NEGATION.findall(sentence)) == 1 and _PLAIN_NOT.search(sentence) else ""
    return "Yes: "


def _in_order(text: str) -> list[str]:
    return list(dict.fromkeys(stem for match in WORD.finditer(text) for stem in words(match[0])))
