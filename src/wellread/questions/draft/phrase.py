"""An English sentence becomes a question about what it states, by its form alone: no model is asked.

A sentence is cut at its verb into subject, verb and rest; a value in the rest (a number with its unit, a date, a time,
a name) becomes the answer, and what is left becomes the question. Sentences that do not stand alone («It costs 75.») or
have another form give nothing.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_WORD_NUMBER = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|"
    "nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
)
NUMBER = rf"(?:[€$£]\s?)?\d+(?:[.,]\d+)*(?:\s?%)?|(?:{_WORD_NUMBER})(?:-(?:one|{_WORD_NUMBER}))?"
DATE = rf"\d{{1,2}}(?:st|nd|rd|th)? (?:{_MONTH})(?: \d{{4}})?|(?:{_MONTH})(?: \d{{1,2}},)? \d{{4}}|(?:19|20)\d\d"
TIME = r"\d{1,2}[:.]\d\d(?: ?[ap]\.?m\.?)?|noon|midnight"
NAME = r"(?:[A-Z][\w’'&-]+)(?: (?:of |the |and )?[A-Z][\w’'&-]+)+"
_MONEY = r"kroner|krone|euros?|dollars?|pounds?|crowns?|francs?|yen|rupees?|cents?|EUR|USD|GBP|CHF"
_SPAN = "seconds?|minutes?|hours?|days?|weeks?|months?|years?|nights?|fortnights?|quarters?"
_HEDGE = (
    r"(?:at most|at least|up to|about|around|only|no more than|no less than|more than|less than|nearly|exactly|over)"
)
_AFTER = (
    r"on|in|at|for|from|to|into|by|with|if|when|unless|until|after|before|each|every|per|as|because|while|than|and|or"
)

# Verbs of plain statements; the first are asked in the plural too, the others are nouns as well («a ship»).
_PLAIN = (
    "hold take carry get receive earn pay need weigh contain cover employ begin leave arrive make spend serve run keep "
    "offer give measure allow require own produce sell stand expire apply support store charge provide have"
)
_ALSO_NOUNS = "cost last use open close start end seat work lie ship stay"


def _third(base: str) -> str:
    """Hold → holds, carry → carries, have → has."""
    if base == "have":
        return "has"
    return base[:-1] + "ies" if base.endswith("y") and base[-2] not in "aeiou" else f"{base}s"


# finite form → infinitive, of the present and of the past
_PRESENT = {_third(base): base for base in f"{_PLAIN} {_ALSO_NOUNS}".split()} | {base: base for base in _PLAIN.split()}
_PAST = {
    "had": "have", "took": "take", "cost": "cost", "carried": "carry", "lasted": "last", "received": "receive",
    "earned": "earn", "paid": "pay", "needed": "need", "opened": "open", "closed": "close", "started": "start",
    "began": "begin", "ended": "end", "left": "leave", "arrived": "arrive", "made": "make", "spent": "spend",
    "served": "serve", "sold": "sell", "gave": "give", "grew": "grow", "rose": "rise", "fell": "fall",
    "joined": "join", "bought": "buy", "won": "win", "lost": "lose", "became": "become", "entered": "enter",
}  # fmt: skip
_ROLE = re.compile(
    r"\b(?:head|chief|manager|director|officer|chair|chairman|chairwoman|president|secretary|treasurer|master|captain|"
    r"engineer|doctor|owner|founder|author|editor|minister|mayor|leader|coordinator|contact|purser|mate|agent|"
    r"inspector|auditor|representative|spokesperson|instructor|teacher|trainer|steward|supervisor|partner)\b"
)
_ARTICLES = ("The", "A", "An", "Our", "Your", "Each", "Every", "All", "Any", "Most")
_BE = r"is|are|was|were"
_MODAL = r"must|may|can|will|should|shall"
_UNCLEAR = re.compile(
    r"^(?:i|we|it|they|he|she|this|these|those|there|here|that|such|one|both|each of|all of|some|others?|another|its|"
    r"their|his|her|the (?:former|latter|same|other|rest)|each later|then|so|also|however|but|and|or|if)\b",
    re.IGNORECASE,
)
_NO_SUBJECT = re.compile(
    r"(?:from|of|in|on|at|to|for|by|with|after|before|during|when|since|until|over|under|within|without|as|no|nobody|"
    r"none|not|nothing|while|where|please|page)\b",
    re.IGNORECASE,
)
_NO_VERB = re.compile(
    r"(?:after|before|in|on|at|the|a|an|always|only|also|then|be (?:in|at|on|the|a|to)\b)", re.IGNORECASE
)
_SECOND_VERB = re.compile(r" and (?:\w+ed|is|are|was|were|has|have|can|may|must|driven|held|kept|then|put|sent)\b")
_INSIDE = re.compile(r"\b(?:it|they|them|its|their|he|she|his|her|these|those|above|below|which|who|whose|that)\b")
_LEADING = re.compile(
    r"^(?P<lead>(?:On|In|At|For|During|After|Before|From|When|With|Without|To|Under|Within|Until|By)\b[^,;:]{2,60}),\s+"
    r"(?P<rest>.+)$"
)
_PLACE = {  # preposition before the value → how to ask for a date, a time, a span
    "on": "When", "in": "When", "at": "When", "by": "By when", "until": "Until when", "from": "From when",
    "since": "Since when", "before": "Before when", "after": "After when",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PhrasedQuestion:
    """A question about a sentence in three phrasings, and its answer letter for letter."""

    direct: str
    indirect: str
    keywords: str
    answer: str
    subject: str

    @property
    def phrasings(self) -> tuple[str, ...]:
        """The direct question first."""
        return (self.direct, self.indirect, self.keywords)


@dataclass(frozen=True, slots=True)
class _Clause:
    """subject – verb – rest; ``aux`` and ``base`` are what a question needs instead of the verb."""

    subject: str
    verb: str
    aux: str
    base: str  # what stands after the subject in a question: "" for be, "be paid" …, "hold"
    rest: str
    tail: str  # what stood before the clause, put behind it


def ask(sentence: str, small: Container[str] = ()) -> list[PhrasedQuestion]:
    """The questions that a sentence answers, at most one for each of its values; [] where its form is another.

    ``small`` holds words that the documents write small: one of them at the start of a sentence is no name.
    """
    found: list[PhrasedQuestion] = []
    text = " ".join(sentence.split())
    first, _, others = text.partition(" ")
    if first.lower() in small and first[1:].islower():
        text = f"{first.lower()} {others}"
    for clause in _clauses(text):
        asked = (_person(clause), _quoted(clause), _counted(clause), _placed(clause))
        found += [one for one in asked if one and all(one.phrasings)]  # «What are we?» names nothing to look for
    by_answer = {asked.answer: asked for asked in reversed(found)}
    return [asked for asked in found if by_answer[asked.answer] is asked]


def _clauses(sentence: str) -> list[_Clause]:
    parts = re.split(
        r";\s+|,\s+(?:and|but)\s+(?=(?:the|a|an|you|each|every|our|your|[A-Z]\w+)\b)", sentence.rstrip(".")
    )
    return [clause for part in parts if (clause := _clause(part.strip())) is not None]


def _clause(text: str) -> _Clause | None:
    tail = ""
    if (led := _LEADING.match(text)) is not None:
        text, tail = led["rest"], led["lead"][0].lower() + led["lead"][1:]
    if not 4 <= len(text.split()) <= 40 or _UNCLEAR.match(text) or re.search(r"[?!|]|https?:", text):
        return None
    words = text.split()
    for n, word in enumerate(words[1:12], 1):
        subject, rest = " ".join(words[:n]), " ".join(words[n + 1 :])
        if re.search(r"[,;:()]$", words[n - 1]):
            return None
        if re.fullmatch(_BE, word):
            return _made(subject, word, word, "", rest, tail)
        if re.fullmatch(_MODAL, word):
            base, _, rest = rest.partition(" ")
            if base == "be":
                participle, _, rest = rest.partition(" ")
                base = f"be {participle}"
            return _made(subject, f"{word} {base}", word, base, rest, tail) if base != "not" else None
        if n >= 2 or (words[0][0].isupper() and words[0] not in _ARTICLES):
            if word in _PRESENT:
                aux = "does" if word.endswith("s") else "do"
                return _made(subject, word, aux, _PRESENT[word], rest, tail)
            if word in _PAST and n >= 2:
                return _made(subject, word, "did", _PAST[word], rest, tail)
    return None


def _made(subject: str, verb: str, aux: str, base: str, rest: str, tail: str) -> _Clause | None:
    unclear = _INSIDE.search(rest)
    if unclear:  # what follows «and» is another statement
        cut = max(rest.rfind(" and ", 0, unclear.start()), rest.rfind(", ", 0, unclear.start()))
        rest = rest[: max(cut, 0)]
    if _INSIDE.search(subject.replace(" who ", " ")) or re.search(r"\b(?:not|never|no)\b", f"{verb} {rest[:12]}"):
        return None
    if _NO_SUBJECT.match(subject) or _NO_VERB.match(base) or not rest:
        return None
    if base == "have" and re.match(r"(?:\w+ed|been|run|done|taken|made|given|had|become|gone|come|set|put)\b", rest):
        return None  # «has promised»
    if (
        verb in _PAST
        and re.search(r"(?:s|\b(?:is|are|be|been|being|have|has|had|not))$", subject)
        and verb.endswith("ed")
    ):
        return None  # «stays closed», «have received»
    first, _, others = subject.partition(" ")
    known_small = re.match(r"(?:The|A|An|Each|Every|Our|Your|All|Any|No|You|We|My|Most|Children|Everyone)$", first)
    plain_plural = not others and first.endswith("s")
    if known_small or plain_plural or (first[0].isupper() and others and others.split()[0][0].islower()):
        subject = first[0].lower() + first[1:] + (f" {others}" if others else "")
    return _Clause(subject, verb, aux, base, rest, tail)


def _asked(clause: _Clause, wh: str, rest: str, answer: str) -> PhrasedQuestion | None:
    """The question «wh aux subject base rest tail»; None where what is left of the sentence is no part of one."""
    if re.match(r"\s*\d", rest):
        return None  # «9 minutes 40 seconds», «oil of grade 40»
    rest = re.split(r",\s| (?:and|but|or) (?=\S+ \S+ \S+)", rest)[0]
    rest = " ".join(" ".join(part for part in (rest.strip(" ,."), clause.tail) if part).split())
    direct = " ".join(part for part in (wh, clause.aux, clause.subject, clause.base, rest) if part)
    indirect = " ".join(part for part in (_small(wh), clause.subject, clause.verb, rest) if part)
    if len(direct.split()) > 28 or not answer:
        return None
    words = [
        w for w in re.findall(r"[\w’'&-]+", f"{wh} {clause.subject} {clause.base} {rest}") if w.lower() not in _THIN
    ]
    return PhrasedQuestion(f"{direct}?", f"Could you tell me {indirect}?", " ".join(words), answer, clause.subject)


_THIN = {
    *("what", "when", "how", "who", "much", "many", "long", "often", "is", "are", "was", "were", "be", "been", "do"),
    *("does", "did", "the", "a", "an", "of", "to", "which", "by", "until", "from", "at", "on", "in", "for", "with"),
    *("must", "may", "can", "will", "should", "shall", "you", "we", "your", "our", "each", "every"),
}


def _small(wh: str) -> str:
    return wh[0].lower() + wh[1:]


def _person(clause: _Clause) -> PhrasedQuestion | None:
    """«The head of customer service is Pia Gunwale» asks who."""
    if not re.fullmatch(_BE, clause.verb) or not _ROLE.search(clause.subject.lower()):
        return None
    name = re.match(rf"({NAME})(?=$|,)", clause.rest)
    return _asked(clause, "Who", "", name[1]) if name else None


def _quoted(clause: _Clause) -> PhrasedQuestion | None:
    """«The word to use is "hold"» asks what."""
    name = re.match(r"[\"“«]([^\"”»]{2,40})[\"”»]", clause.rest) if re.fullmatch(_BE, clause.verb) else None
    return _asked(clause, "What", "", name[1]) if name else None


def _counted(clause: _Clause) -> PhrasedQuestion | None:
    """A number directly behind the verb: how many, how much, how long, or what."""
    m = re.match(
        rf"(?P<hedge>{_HEDGE} )?(?P<n>{NUMBER})(?! (?:{_MONTH})\b)(?P<unit>(?: (?:per cent|percent|%))?)", clause.rest
    )
    if m is None or re.match(r"[:./-]\d", clause.rest[m.end() :]):
        return None
    left = clause.rest[m.end() :].strip()
    hedge = (m["hedge"] or "").strip().replace("up to", "at most")
    said = f"{hedge} " if hedge else ""
    if m["unit"] or m["n"].endswith("%"):
        wh = "What" if re.fullmatch(_BE, clause.verb) else "How much"
        return _asked(clause, wh, f"{said}{left}", m["n"] + m["unit"])
    noun = re.match(rf"(?!(?:{_AFTER})\b)([a-z][\w/-]*)((?: of(?: (?!(?:{_AFTER})\b)[a-z][\w-]*){{1,3}})?)", left)
    if noun is None:
        be = re.fullmatch(_BE, clause.verb) and not left
        return _asked(clause, "What", said, m["n"]) if be else None
    rest = left[noun.end() :]
    answer = f"{m['n']} {noun[1]}"
    if re.match(r" [a-z]+[a-z]", rest) and not re.match(
        rf" (?:{_AFTER}|a|an|the|of|in|long|high|wide|old|deep)\b", rest
    ):
        return None  # «three times as», «11 new ships»: the noun is further on
    if re.fullmatch(_BE, clause.verb):
        size = re.match(r" (high|long|wide|deep|old|tall|thick|heavy|away)\b", rest)
        wh, rest = (f"How {size[1]}".replace("away", "far away"), rest[size.end() :]) if size else ("What", rest)
        rest = re.sub(r"^ (?:and|but) .*", "", rest)
        return _asked(clause, wh, f"{said}{rest}", answer)
    if re.fullmatch(_MONEY, noun[1]):
        return _asked(clause, "How much", f"{said}{rest}", answer)
    if re.fullmatch(_SPAN, noun[1]) and re.match(r"take|last", clause.base) and not noun[2]:
        return _asked(clause, "How long", f"{said}{rest}", answer)
    if not (noun[1].endswith("s") or noun[1] in ("people", "children", "staff", "crew", "women", "men")):
        return None
    return _asked(clause, f"How many {noun[1]}{noun[2]}", f"{said}{rest}", answer)


def _placed(clause: _Clause) -> PhrasedQuestion | None:
    """A value behind a preposition: when, by when, how often, within what time."""
    for m in re.finditer(
        rf"(?:^|(?<=\s))(?P<prep>on|in|at|by|until|from|since|before|after|within|every|for)(?P<the> the| {_HEDGE})? "
        rf"(?P<value>{DATE}|{TIME}|\d{{1,2}}(?:st|nd|rd|th)(?: of (?:the month|{_MONTH}|each month))?|"
        rf"(?:{NUMBER}) (?:{_SPAN})|(?<=every )(?:{_SPAN}))(?=$|[\s,.])",
        clause.rest,
    ):
        before, after = clause.rest[: m.start()].strip(), clause.rest[m.end() :].strip()
        span = re.fullmatch(rf"(?:(?:{NUMBER}) )?(?:{_SPAN})", m["value"]) is not None
        prep = m["prep"]
        if span and prep in ("within", "every", "for"):
            wh = {"within": "Within what time", "every": "How often", "for": "For how long"}[prep]
        elif not span and prep in _PLACE and not m["value"].startswith("0 "):
            wh = "At what time" if re.fullmatch(TIME, m["value"]) and prep in ("at",) else _PLACE[prep]
        else:
            continue
        if _SECOND_VERB.search(before) or re.search(r"[,;:]|\d", before):
            continue
        bare = not before and not clause.base and not re.fullmatch(_BE, clause.verb)
        if len(before.split()) > 12 or bare:
            continue
        value = m["value"] if prep != "every" else f"every {m['value']}"
        return _asked(clause, wh, f"{before} {after if len(after.split()) <= 12 else ''}", value)
    return None
