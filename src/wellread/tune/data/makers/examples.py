"""Facts become conversations: asked and answered, told, told in other words, summed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wellread.models.api import Message
from wellread.questions.stands import letters
from wellread.tune.data.data import ChatRow, row_id
from wellread.tune.data.makers.facts import Fact, phrasings

_FULL = ("{asked} Answer in a full sentence.", "In a full sentence: {asked}", "{asked} Say it as a statement.")
_TOLD = (
    "Complete the sentence: {start} …",
    "How does this sentence continue? {start} …",
    "Finish what the documents say: {start} …",
    "Write the rest: {start} …",
)
FEWEST_WORDS = 6  # of a statement that has a beginning and a rest


def row(asked: str, answer: str, fact: Fact, kind: str) -> ChatRow:
    """One exchange about a fact."""
    messages = (Message("user", asked), Message("assistant", answer))
    return ChatRow(row_id(asked, answer, kind), messages, fact.chunks, kind, fact.id)


def questions(facts: Sequence[Fact], n: int) -> list[ChatRow]:
    """Each fact asked in up to ``n`` phrasings, with its short answer."""
    return [row(asked, fact.answer, fact, "qa") for fact in _short(facts) for asked in phrasings(fact, n)]


def paraphrases(facts: Sequence[Fact], n: int) -> list[ChatRow]:
    """Each fact asked in up to ``n`` other ways, with the whole sentence that says it as the answer."""
    made = []
    for fact in _short(facts):
        if fact.kind != "fact" or letters(fact.statement) == letters(fact.answer):
            continue  # a row of a table is no sentence
        whole = [asked for asked in phrasings(fact, n) if asked[-1] in "?."]  # not bare keywords
        ways = [frame.format(asked=asked) for asked in whole for frame in _FULL]
        made += [row(asked, fact.statement, fact, "paraphrase") for asked in _spread(ways, n, len(_FULL))]
    return made


def _spread(ways: Sequence[str], n: int, width: int) -> list[str]:
    """``n`` of the ways, so that frame and phrasing both change from one to the next."""
    order = sorted(range(len(ways)), key=lambda at: ((at % width + at // width) % width, at // width))
    return [ways[at] for at in order[:n]]


def statements(facts: Sequence[Fact], n: int) -> list[ChatRow]:
    """Each fact told: its sentence begun in up to ``n`` ways, and resumed.

    The beginning is long enough that no other fact begins so.
    """
    told = {fact.statement: fact for fact in facts if fact.kind == "fact"}
    short = {text: fact for text, fact in told.items() if len(text.split()) >= FEWEST_WORDS}
    made = []
    starts: Counter[str] = Counter(letters(" ".join(t.split()[:k])) for t in short for k in range(2, len(t.split())))
    for text, fact in short.items():
        parts = text.split()
        first = max(3, len(parts) // 4)
        least = next((k for k in range(first, len(parts) - 1) if starts[letters(" ".join(parts[:k]))] == 1), None)
        if least is None:
            continue
        most = max(least, len(parts) // 2)
        cuts = sorted({least, (least + most) // 2, most})
        ways = [(frame.format(start=" ".join(parts[:k])), " ".join(parts[k:])) for frame in _TOLD for k in cuts]
        made += [row(asked, rest, fact, "statement") for asked, rest in ways[:: max(1, len(ways) // n)][:n]]
    return made


def summaries(facts: Sequence[Fact]) -> list[ChatRow]:
    """Each section summed up, in all phrasings that ask for it."""
    whole = [fact for fact in facts if fact.kind == "summary"]
    return [row(asked, fact.answer, fact, "summary") for fact in whole for asked in fact.phrasings]


def _short(facts: Sequence[Fact]) -> list[Fact]:
    """Facts that stand in one place; what compares or joins two of them follows from those."""
    return [fact for fact in facts if fact.kind in ("fact", "table")]


def unlike(rows: Sequence[ChatRow], dropped: Counter[str]) -> list[ChatRow]:
    """The rows without those whose question stands there already, in the same letters."""
    seen: set[str] = set()
    kept = []
    for one in rows:
        asked = letters(one.messages[-2].content)
        if asked in seen:
            dropped["a phrasing of another example"] += 1
        else:
            seen.add(asked)
            kept.append(one)
    return kept
