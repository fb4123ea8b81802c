"""Questions of a conversation made whole, so that they can be searched for alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wellread.models.api import Embedder
from wellread.retrieve.units import words

_CONTINUES = re.compile(r"^\W*(?:and|but|or|so|then|also|what about|how about|what of)\b", re.IGNORECASE)
_FRAGMENT = re.compile(
    r"^\W*(?:(?:and|but|or|so|then|also|what about|how about|what of)\s+)+"
    r"(?P<how>for|in|on|at|with|to|from|of|by)?\s*(?:(?:the|an?|my|your|our)\s+)?(?P<said>[\w'’ -]{1,60}?)\W*$",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\b(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|do|does|did|can|may|will|has|have|must|should)\b",
    re.IGNORECASE,
)
_POINTING = re.compile(
    r"\b(?:it|its|they|them|their|(?<!is )(?<!are )(?<!was )(?<!were )there|that|those|these|this|he|she|his|her"
    r"|one|ones|same)\b|^\W*(?:is|are|was|were) there (?:an?|any)\b[^?]{0,20}\W*$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w'’-]+")
LIKE = 0.3  # cosine from which a word may be what another one takes the place of: adult and children 0.5


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation with the answer it got."""

    question: str
    answer: str


History = Sequence[Turn]  # earlier turns of a conversation, oldest first


def whole(question: str, history: Sequence[Turn], embedder: Embedder | None = None) -> str:
    """The question with what it leans on put in front; unchanged where it stands alone.

    Without a model: «and for children?» takes the place of the word of the question before that is most like it (by
    number, by preposition, by the vectors of ``embedder``); one that points at something it does not name takes the
    content words of the question before it that it does not hold itself.
    """
    if not history or not leans(question):
        return question
    before = history[-1].question
    if replaced := _in_place(question, before, embedder):
        return replaced
    held = set(words(question))
    missing = [word for word in _WORD.findall(before) if (w := words(word)) and w[0] not in held]
    return f"{' '.join(missing)}: {question}" if missing else question


def leans(question: str) -> bool:
    """Whether a question opens like a continuation, points at what it does not name, or asks nothing by itself."""
    if _CONTINUES.match(question) or _POINTING.search(question):
        return True
    n = len(words(question))
    return n <= 1 or (n == 2 and not _ASKS.search(question))


def _in_place(question: str, before: str, embedder: Embedder | None) -> str:
    """The question before with a fragment in the place of what it is like; empty where nothing is like it."""
    match = _FRAGMENT.match(question)
    if match is None or _ASKS.search(match["said"]) or not words(match["said"]):
        return ""
    said, how = match["said"].strip(), match["how"]
    numbered = re.fullmatch(r"(?P<noun>[^\W\d]+) \d+\w*", said)
    if numbered and (same := re.search(rf"\b{re.escape(numbered['noun'])} \d+\w*", before, re.IGNORECASE)):
        return before[: same.start()] + said + before[same.end() :]
    content = [found for found in _WORD.finditer(before) if words(found[0])]
    if embedder is not None and content:
        vectors = embedder.embed([said.split()[-1], *(found[0] for found in content)])
        near = (vectors[1:] @ vectors[0]).tolist()
        best = max(range(len(content)), key=lambda n: near[n])
        if near[best] >= LIKE:
            place = content[best]
            return before[: place.start()] + said + before[place.end() :]
    return f"{before.rstrip('?. ')} {how} {said}?" if how else ""
