"""Candidates that need no model: sentences asked by their form, tables, summaries, and what no document says."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from wellread.index.words.stopwords import STOPWORDS
from wellread.questions.draft import phrase, tables
from wellread.questions.draft.candidate import Candidate, DraftTable, Sentence
from wellread.questions.stands import letters
from wellread.retrieve.units import words
from wellread.types import Evidence

# What is commonly wanted of a named thing and seldom written down; each is asked only where no passage has it.
_ATTRIBUTES = (
    "insurance value", "serial number", "colour", "e-mail address", "annual budget", "date of the last inspection",
    "weight", "warranty period", "replacement cost", "emergency telephone number",
)  # fmt: skip
_CONTACTS = ("e-mail address", "telephone number", "postal address", "fax number")  # wanted of people and places too
_SUMMARY_SENTENCES = 3
_SUMMARY_LEAST = 4  # sentences of a section that is worth a summary
_NUMBERS = {
    word: str(n)
    for n, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 2
    )
}
_NAMED = re.compile(rf"(?<![.!?:] )(?<!^)({phrase.NAME})")

Says = Callable[[str, str], bool]  # whether a passage has both the name and the words


def facts(sentences: Sequence[Sentence]) -> Iterator[Candidate]:
    """Single facts of running text; the heading is named where a question would not stand alone."""
    small = frozenset(
        word for s in sentences for word in re.findall(r"(?<=[a-z,] )[a-z][a-z-]+", s.text) if word not in STOPWORDS
    )
    for sentence in sentences:
        for asked in phrase.ask(sentence.text, small):
            about = _about(asked, sentence)
            yield Candidate(
                phrasings=tuple(f"{about}{each[0].lower()}{each[1:]}" if about else each for each in asked.phrasings),
                answers=_spellings(asked.answer),
                evidence=(Evidence(sentence.document.uri, sentence.text),),
                kind="fact",
                made="rule: sentence",
                labels=sentence.document.labels,
            )


def _about(asked: phrase.PhrasedQuestion, sentence: Sentence) -> str:
    """``On the subject of X, `` where neither a name nor the heading's words say what the question is about."""
    held = set(words(asked.direct))
    topic = sentence.heading or sentence.document.title.split(" | ")[0]
    named = re.search(r"(?<=\s)[A-Z]\w", asked.direct)
    if named or not topic or set(words(topic)) & held:
        return ""
    return f"On the subject of “{topic}”, "


def _spellings(answer: str) -> tuple[str, ...]:
    """The answer, and the number alone where it is one with a unit."""
    number = re.match(rf"((?:every )?(?:{phrase.NUMBER}))(?: [a-z]+| per cent)$", answer)
    found = [answer]
    if number and not answer.startswith("every"):
        found.append(number[1])
    return tuple(dict.fromkeys([*found, *(_in_digits(each) for each in found)]))


def _in_digits(text: str) -> str:
    first, space, rest = text.partition(" ")
    return _NUMBERS.get(first, first) + space + rest


def summaries(sentences: Sequence[Sentence]) -> Iterator[Candidate]:
    """One for each section of several sentences: its most central sentences, in their order, are the answer."""
    sections: dict[tuple[str, str], list[Sentence]] = {}
    for sentence in sentences:
        if sentence.heading:
            sections.setdefault((sentence.document.uri, sentence.heading), []).append(sentence)
    for (uri, heading), section in sections.items():
        if len(section) < _SUMMARY_LEAST:
            continue
        count = Counter(word for s in section for word in set(words(s.text)))

        def weight(s: Sentence, count: Counter[str] = count) -> float:
            held = set(words(s.text))
            return sum(count[word] for word in held) / (len(held) + 5)

        chosen = sorted(sorted(section, key=weight, reverse=True)[:_SUMMARY_SENTENCES], key=section.index)
        title = section[0].document.title.split(" | ")[0]
        where = f" in “{title}”" if letters(title) != letters(heading) else ""
        yield Candidate(
            phrasings=(
                f"Sum up what is said about “{heading}”{where}.",
                f"What are the main points on “{heading}”{where}?",
            ),
            answers=(" ".join(" ".join(s.text.split()) for s in chosen),),
            evidence=tuple(Evidence(uri, s.text) for s in chosen),
            kind="summary",
            made="rule: section",
            labels=section[0].document.labels,
        )


def of_tables(every: Sequence[DraftTable], chance: random.Random) -> Iterator[Candidate]:
    """Numbers from tables, comparisons and several hops."""
    keyed = tables.keyed(every)
    yield from tables.cells(keyed)
    for one in keyed:
        yield from tables.comparisons(one, chance)
    yield from tables.hops(keyed)


def unanswerable(
    made: Sequence[Candidate],
    every: Sequence[DraftTable],
    sentences: Sequence[Sentence],
    says: Says,
    chance: random.Random,
) -> Iterator[Candidate]:
    """Questions about what the documents name and do not say, each looked for in vain; in an order of chance."""
    keyed = tables.keyed(every)
    things = {
        one.key.name: sorted({c for row in one.table.rows if re.match(r"[A-Z]", c := row.cells[one.key.at])})
        for one in keyed
    }
    makers = [list(_swapped(made, things)), list(tables.strangers(keyed)), list(_attributes(things, sentences))]
    for found in makers:
        chance.shuffle(found)
    for taken in zip_longest(*makers):  # turn by turn, so that the many do not hide the few
        for candidate, name, wanted in filter(None, taken):
            if not says(name, wanted):
                yield candidate


def _swapped(made: Sequence[Candidate], things: dict[str, list[str]]) -> Iterator[tuple[Candidate, str, str]]:
    """A fact about one thing asked of another of its kind."""
    for candidate in made:
        if candidate.kind != "fact":
            continue
        for alike in things.values():
            named = [thing for thing in alike if re.search(rf"\b{re.escape(thing)}\b", candidate.phrasings[0])]
            if len(named) != 1:
                continue
            for other in alike:
                if other != named[0]:
                    phrasings = tuple(each.replace(named[0], other) for each in candidate.phrasings)
                    rest = candidate.phrasings[-1].replace(named[0], " ")
                    swapped = replace(
                        candidate,
                        phrasings=phrasings,
                        answers=(),
                        evidence=(),
                        kind="unanswerable",
                        made="rule: a fact of another thing",
                    )
                    yield swapped, other, rest


def _attributes(things: dict[str, list[str]], sentences: Sequence[Sentence]) -> Iterator[tuple[Candidate, str, str]]:
    """What is commonly wanted of things that a table lists, and how to reach those that running text names twice."""
    count = Counter(name for s in sentences for name in set(_NAMED.findall(s.text)))
    listed = {thing for alike in things.values() for thing in alike if tables.is_name(thing)}
    wanted = [(name, attribute) for name in sorted(listed) for attribute in _ATTRIBUTES]
    wanted += [(name, each) for name, n in sorted(count.items()) if n > 1 and len(name) < 40 for each in _CONTACTS]
    for name, attribute in wanted:
        phrasings = (f"What is the {attribute} of {name}?", f"Could you tell me the {attribute} of {name}?")
        made = Candidate(phrasings, (), (), "unanswerable", "rule: what is not written of a named thing")
        yield made, name, attribute
