"""What a question is searched as: spelled and named as the documents do, in other words, in parts, a step back.

Everything that asks a chat model has a form without one, or is left out, and says which it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wellread import prompts
from wellread.errors import MissingExtra, ModelError
from wellread.index.open import Snapshot
from wellread.index.words.stopwords import STOPWORDS
from wellread.models.api import Chat, Embedder, Message, Sampling
from wellread.retrieve.parts import Trace
from wellread.retrieve.settings import RewriteSettings
from wellread.retrieve.understand import glossary
from wellread.retrieve.understand.followup import Turn, leans, whole
from wellread.retrieve.understand.glossary import IsWord
from wellread.retrieve.units import WORD, words
from wellread.types import Hit

MOST_PARTS = 4
LONGEST = 400  # characters of a wording that a model made; a longer one is no question any more
NAMED = 0.5  # weight of the question with its other names, beside the question as it is
BESIDE = 1.0  # weight of all other wordings together; the question itself weighs 1
FEEDBACK_HITS, FEEDBACK_WORDS = 5, 8  # of the first hits, words taken over; Lavrenko and Croft took 10 and more
HISTORY = 3  # turns of a conversation that a model is shown

_CLAUSE = re.compile(
    r"\?\s+|;\s+|,?\s+(?:while|whereas|compared (?:to|with)|as opposed to|versus|vs\.?)\s+"
    r"|,?\s+and\s+(?=(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|may|must|should)\b)",
    re.IGNORECASE,
)
_BOTH = re.compile(
    r"^(?P<head>.*?)\b(?:difference|differences|compare|comparison|between|both|either)\b(?:\s+(?:of|between|both))?\s+"
    r"(?P<one>.+?)\s+(?:and|with|to|or)\s+(?P<two>.+?)(?P<tail>\s+(?:in|on|for|regarding|about)\s+.+?)?\??$",
    re.IGNORECASE,
)
_OF = re.compile(r"\s+(?:of|for)\s+")
_SPECIFIC = re.compile(r"\b(?:\d[\w.,:/-]*|[A-Z][\w’'-]*)\b")
_LEAD = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)])\s*|^\s*(?:question|variant)\s*\d*\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wording:
    """One text that is searched for, and its weight beside the others."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What to search for: the question as it is read, its wordings, a made-up passage, and its parts, if any.

    ``feedback`` asks for a second search with the telling words of the first hits.
    """

    question: str
    wordings: tuple[Wording, ...]
    passage: str = ""
    sub_questions: tuple[str, ...] = ()
    feedback: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that is searched for, each once; the question in the documents' words first."""
        return tuple(dict.fromkeys((*(wording.text for wording in self.wordings), *self.sub_questions)))


@dataclass(slots=True)
class Asking:
    """A chat model that is opened when it is first needed; once it has failed it is not asked again."""

    open: Callable[[], Chat] | None
    trace: Trace
    calls: int = 0
    reason: str = ""
    _chat: Chat | None = field(default=None)

    def ask(self, name: str, max_tokens: int = 160, **values: object) -> str:
        """The answer to a prompt of this room; "" where no model answers, ``reason`` then says why."""
        if self.open is None or self.reason:
            self.reason = self.reason or "no chat model"
            return ""
        try:
            self._chat = self._chat or self.open()
            self.trace.sent_to(self._chat.remote)
            prompt = prompts.filled("retrieve", name, **values)
            self.calls += 1
            reply = self._chat.reply([Message("user", prompt)], Sampling(max_tokens=max_tokens))
        except (ModelError, MissingExtra) as error:  # the form without a model takes over, and the trace says why
            self.reason = str(error)
            return ""
        self.trace.usage += reply.usage
        return reply.text.strip()


def own_words(
    question: str, snapshot: Snapshot, settings: RewriteSettings, is_word: IsWord, detail: dict[str, object]
) -> tuple[str, str]:
    """The question spelled as the documents spell, and the same with what they call its things as well."""
    spelled = question
    if settings.spelling:
        spelled, changes = glossary.corrected(question, snapshot, is_word)
        if changes:
            detail["spelling"] = glossary.told(changes)
    named = spelled
    if settings.glossary:
        known = glossary.meanings(spelled, snapshot, is_word)
        if known:
            detail["glossary"] = glossary.told(known)
            named = f"{spelled} {' '.join(other for _, other in known)}"
    return spelled, named


def plan(question: str, named: str, settings: RewriteSettings, asking: Asking, detail: dict[str, object]) -> SearchPlan:
    """All that is searched for instead of, or beside, the question; ``named`` is the question with its other names."""
    others: list[str] = []
    if settings.variants == "model":
        made = lines(asking.ask("variants", n=settings.n_variants, question=question), question, settings.n_variants)
        detail["variants"] = made or f"none: {asking.reason or 'nothing usable was written'}"
        others += made
    if settings.step_back != "off":
        text = asking.ask("step-back", 60, question=question) if settings.step_back == "model" else ""
        made = lines(text, question, 1)
        back = made or ([broad] if (broad := broader(question)) else [])
        detail["step back"] = back or "none: nothing specific to leave out"
        _by(detail, "step back", settings.step_back, bool(made), asking)
        others += back
    passage, again = "", settings.hyde == "feedback"
    if settings.hyde == "model":
        passage = asking.ask("passage", question=question)
        again = not passage
        detail["hyde"] = (passage,) if passage else f"by feedback ({asking.reason or 'nothing was written'})"
    parts: list[str] = []
    if settings.sub_questions != "off":
        text = asking.ask("sub-questions", question=question) if settings.sub_questions == "model" else ""
        made = lines(text, question, MOST_PARTS)
        one = _same(question) in map(_same, text.splitlines())  # repeated, as the prompt asks where there is one thing
        parts = made if len(made) > 1 else [] if one else split(question)
        parts = parts if len(parts) > 1 else []
        detail["sub-questions"] = parts or "none: it asks for one thing"
        _by(detail, "sub-questions", settings.sub_questions, len(made) > 1 or one, asking)
    share = BESIDE / len(others) if others else 0.0
    known = (Wording(named, NAMED),) if named != question else ()
    wordings = (Wording(question), *known, *(Wording(text, share) for text in others))
    return SearchPlan(question, wordings, passage, tuple(parts), again)


def with_others(plan: SearchPlan, texts: Sequence[str]) -> SearchPlan:
    """The plan with further wordings, which weigh together what those weigh that it has beside the question."""
    known = {wording.text for wording in plan.wordings}
    new = [text for text in dict.fromkeys(texts) if text not in known]
    share = BESIDE / max(1, len(new))
    return replace(plan, wordings=(*plan.wordings, *(Wording(text, share) for text in new)))


def _by(detail: dict[str, object], name: str, wanted: str, asked: bool, asking: Asking) -> None:
    if wanted == "model":
        detail[f"{name} by"] = "model" if asked else f"rules ({asking.reason or 'nothing usable was written'})"


def lines(text: str, question: str, most: int, *, alike: bool = True) -> list[str]:
    """The usable lines of what a model wrote, but not the question itself: short, each once.

    ``alike``: each must share a word with the question.
    """
    asked = set(words(question))
    kept = {_same(question): ""}
    for line in text.splitlines():
        line = _LEAD.sub("", line).strip(' \t"“”*')
        held = set(words(line))
        if len(line.split()) >= 2 and len(line) <= LONGEST and held and (not alike or held & asked):
            kept.setdefault(_same(line), line)
    return [line for line in kept.values() if line][:most]


def _same(line: str) -> str:
    """A line for comparison with others."""
    return line.strip().casefold().rstrip("?. ")


def split(question: str) -> list[str]:
    """The parts of a question that asks for several things, without a model; one part where it does not."""
    both = _BOTH.match(question)
    if both and len(words(both["one"])) and len(words(both["two"])):
        frame = f"{both['head']} {both['tail'] or ''}"
        frame = " ".join(w for w in WORD.findall(frame) if w.lower() not in STOPWORDS)
        one, two = (both[side].strip(" ,?") for side in ("one", "two"))
        if _OF.search(one) and not _OF.search(two):  # «the fares of A and B» asks for the fares of B too
            two = f"{_OF.split(one)[0]} of {two}"
        return [f"{side} {frame}".strip() for side in (one, two)]
    parts = [part.strip(" ,?") for part in _CLAUSE.split(question) if part]
    parts = [part for part in parts if len(words(part)) >= 2]
    return parts[:MOST_PARTS] if len(parts) > 1 else [question]


def broader(question: str) -> str:
    """The question without its names, dates and numbers; "" where it has none, or too little is left."""
    first = WORD.search(question)
    start = first.end() if first else 0
    rest = question[:start] + _SPECIFIC.sub(" ", question[start:])
    left = " ".join(rest.split())
    return left if left != " ".join(question.split()) and len(words(left)) >= 2 else ""


def feedback(question: str, hits: Sequence[Hit], snapshot: Snapshot) -> str:
    """The question with the telling words of its first hits: frequent in them, rare in the base. "" without any.

    Source: Lavrenko and Croft, SIGIR 2001 (relevance model 1), mixed with the question as in Abdul-Jaleel et al., 2004.
    """
    asked = set(words(question))
    weight: Counter[str] = Counter()
    form: dict[str, str] = {}
    best = hits[:FEEDBACK_HITS]
    top = max((hit.score for hit in best), default=0.0) or 1.0
    for hit in best:
        held = [w for w in WORD.findall(hit.chunk.text) if w.lower() not in STOPWORDS and not w[0].isdigit()]
        for word in held:
            stems = words(word)
            if stems and stems[0] not in asked and len(word) > 2:
                weight[stems[0]] += hit.score / top / len(held)  # type: ignore[assignment]  # a Counter of shares
                form.setdefault(stems[0], word.lower())
    if not weight:
        return ""
    rare = {stem: 1.0 / np.log2(2 + snapshot.count(f'"{form[stem]}"')) for stem, _ in weight.most_common(40)}
    chosen = sorted(rare, key=lambda stem: (-weight[stem] * rare[stem], stem))[:FEEDBACK_WORDS]
    return f"{question} {' '.join(form[stem] for stem in chosen)}"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A question of a conversation, made whole, and how."""

    text: str
    how: str


def follow_up(
    question: str,
    history: Sequence[Turn],
    settings: RewriteSettings,
    asking: Asking,
    embedder: Embedder | None = None,
) -> FollowUp:
    """The question as it can be searched for alone; unchanged, and no model asked, where it does not lean on others."""
    if not history or not leans(question):
        return FollowUp(question, "stands alone")
    if settings.follow_up == "model":
        told = "\n".join(f"Question: {turn.question}\nAnswer: {turn.answer[:LONGEST]}" for turn in history[-HISTORY:])
        made = lines(asking.ask("follow-up", 80, history=told, question=question), question, 1, alike=False)
        if made:
            return FollowUp(made[0], "model")
    reason = f" ({asking.reason})" if asking.reason else ""
    return FollowUp(whole(question, history, embedder), f"rules{reason}")
