"""What can be seen only across rows: duplicates, contradictions, leaks, classes out of balance, outliers."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import numpy as np

from wellread.documents.dedupe import NearDuplicates, minhash
from wellread.models.api import Embedder
from wellread.questions.stands import letters
from wellread.retrieve.units import words
from wellread.tune.data.data import ChatRow, ClassifyRow, PairRow, PreferenceRow, RatedRow, TagRow, TextRow, texts_of
from wellread.tune.data.findings import DataFinding, Policy
from wellread.tune.data.rows import PlacedRow

NEAR = 0.85  # Jaccard of runs of five letters, above which two rows say the same
SAME_WORDS = 0.8  # share of the words that carry two questions, from which they ask the same
LEAK = 0.75  # the same, above which a question is an examination question in other words
ROUGH = 0.4  # estimated by MinHash, from which the true likeness is computed
RARE = 3  # rows of a label below which it cannot stand in train, validation and test
IMBALANCE = 10.0  # rows of the most frequent label for one of the rarest that is not rare
REFERENCE = 4000  # rows among which the nearest in meaning are looked for
BLOCK = 1000  # rows that are compared at once
FEWEST_TO_COMPARE = 20
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def grams(text: str) -> frozenset[str]:
    """Runs of five letters of a text, case and marks apart."""
    bare = letters(text)
    return frozenset(bare[at : at + 5] for at in range(max(1, len(bare) - 4)))


def _hash(text: str) -> bytes:
    """MinHash of the runs of five letters: letters stand as words, so that short texts can be compared too."""
    return minhash(" ".join(letters(text).replace(" ", "_")))


def jaccard(one: frozenset[str], two: frozenset[str]) -> float:
    """Share of common members in all members."""
    return len(one & two) / max(1, len(one | two))


def _whole(placed: PlacedRow) -> str:
    label = f"\n{placed.row.label}" if isinstance(placed.row, ClassifyRow) else ""
    tags = f"\n{' '.join(placed.row.tags)}" if isinstance(placed.row, TagRow) else ""
    score = f"\n{placed.row.score}" if isinstance(placed.row, RatedRow) else ""
    rater = f"\n{placed.row.rater}" if isinstance(placed.row, (PreferenceRow, RatedRow)) else ""
    return "\n".join(texts_of(placed.row)) + label + tags + score + rater


def duplicates(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """Rows that are there already, letter for letter or nearly."""
    found = []
    first: dict[str, PlacedRow] = {}
    hashes = NearDuplicates({}, ROUGH)
    known: dict[str, PlacedRow] = {}
    for placed in rows:
        whole = _whole(placed)
        key = "\n".join(line.rstrip() for line in whole.strip().splitlines())  # case and indents mean something
        if key in first:
            message = f"is the same as {_at(first[key], placed)}"
            found.append(policy.finding("duplicate", placed.file, placed.number, message))
            continue
        first[key] = placed
        name, value = str(len(known)), _hash(whole)
        other = hashes.nearest(name, value)
        if other is not None:
            share = jaccard(grams(whole), grams(_whole(known[other])))
            if share >= NEAR and _answer(placed) == _answer(known[other]) and not _same_fact(placed, known[other]):
                message = f"is {min(share, 0.99):.0%} the same as {_at(known[other], placed)}"
                found.append(policy.finding("near-duplicate", placed.file, placed.number, message))
        known[name] = placed
        hashes.add(name, value)
    return found


def _same_fact(one: PlacedRow, other: PlacedRow) -> bool:
    """Whether the two word one fact on purpose."""
    fact = one.row.fact if isinstance(one.row, ChatRow) else ""
    return bool(fact) and isinstance(other.row, ChatRow) and other.row.fact == fact


def _at(other: PlacedRow, here: PlacedRow) -> str:
    return f"row {other.number}" if other.file == here.file else f"{other.file}: row {other.number}"


def asked(placed: PlacedRow) -> str | None:
    """What a row is asked, in one text; None where nothing is asked."""
    row = placed.row
    if isinstance(row, ChatRow):
        last = max(n for n, turn in enumerate(row.messages) if turn.role == "assistant")
        return "\n".join(f"{turn.role}: {turn.content}" for turn in row.messages[:last])
    if isinstance(row, ClassifyRow):
        return row.text
    if isinstance(row, PairRow):
        return row.source
    if isinstance(row, (PreferenceRow, RatedRow)):
        return row.prompt
    return None


def _answer(placed: PlacedRow) -> str:
    row = placed.row
    if isinstance(row, ChatRow):
        return [turn.content for turn in row.messages if turn.role == "assistant"][-1]
    if isinstance(row, ClassifyRow):
        return row.label
    if isinstance(row, RatedRow):
        return f"{row.score:g} {row.rater}"
    return row.target if isinstance(row, PairRow) else ""


def contradictions(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """Rows with the input of another row and another answer."""
    found = []
    first: dict[str, PlacedRow] = {}
    pairs: dict[tuple[str, str, str], PlacedRow] = {}
    for placed in rows:
        row, question = placed.row, asked(placed)
        if isinstance(row, PreferenceRow):
            key = letters(row.prompt), letters(row.chosen), letters(row.rejected)
            other = pairs.get((key[0], key[2], key[1]))
            if other is not None:
                message = f"prefers what {_at(other, placed)} rejects"
                found.append(policy.finding("reversed-pair", placed.file, placed.number, message))
            pairs.setdefault(key, placed)
            continue
        if question is None:
            continue
        if isinstance(row, RatedRow):  # another rater may see it otherwise
            other = first.setdefault("\n".join((letters(row.prompt), letters(row.answer), row.rater)), placed)
            if isinstance(other.row, RatedRow) and other.row.score != row.score:
                message = f"gives {row.score:g} where {_at(other, placed)} gives the same answer {other.row.score:g}"
                found.append(policy.finding("contradiction", placed.file, placed.number, message))
            continue
        other = first.setdefault(" ".join(question.split()).casefold(), placed)
        if letters(_answer(other)) != letters(_answer(placed)):
            message = (
                f"answers '{_short(_answer(placed))}' where {_at(other, placed)} answers '{_short(_answer(other))}'"
            )
            found.append(policy.finding("contradiction", placed.file, placed.number, message))
    return found


def _short(text: str) -> str:
    return " ".join(text.split())[:40]


def leaks(rows: Sequence[PlacedRow], questions: Sequence[str], policy: Policy) -> list[DataFinding]:
    """Rows that ask what the model will be examined on, in the same or nearly the same words."""
    known = _Known(questions)
    found = []
    for placed in rows:
        question = next((hit for text in _questions_of(placed) if (hit := known.like(text))), None)
        if question is not None:
            message = f"asks the evaluation question «{_short(question)}»; a result on it would mean nothing"
            found.append(policy.finding("leaked-question", placed.file, placed.number, message))
    return found


class _Known:
    """Questions that are found again by their letters, by runs of five letters, or by the words that carry them."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._exact = {letters(question): question for question in questions}
        self._near = NearDuplicates({question: _hash(question) for question in questions}, ROUGH)
        self._words = {question: frozenset(words(question)) for question in questions}
        self._holding: dict[str, list[str]] = defaultdict(list)
        for question, held in self._words.items():
            for word in held:
                self._holding[word].append(question)

    def like(self, text: str) -> str | None:
        """The question that ``text`` asks, None where it asks none of them."""
        exact = self._exact.get(letters(text))
        if exact is not None:
            return exact
        near = self._near.nearest("", _hash(text))
        if near is not None and jaccard(grams(near), grams(text)) >= LEAK:
            return near
        held = frozenset(words(text))
        shared = Counter(question for word in held for question in self._holding.get(word, ()))
        for question, n in shared.most_common(1):
            if (
                n >= 3
                and n >= SAME_WORDS * len(held | self._words[question])
                and _numbers(held) == _numbers(self._words[question])
            ):
                return question
        return None


def _numbers(held: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in held if any(c.isdigit() for c in word))


def _questions_of(placed: PlacedRow) -> Iterator[str]:
    row = placed.row
    if isinstance(row, ChatRow):
        for turn in row.messages:
            if turn.role == "user":
                yield turn.content
                yield from (
                    line.partition(":")[2] for line in turn.content.splitlines() if line.startswith("Question:")
                )
    elif isinstance(row, (ClassifyRow, TextRow)):
        yield row.text
    elif isinstance(row, PairRow):
        yield row.source
    elif isinstance(row, (PreferenceRow, RatedRow)):
        yield row.prompt
    elif not isinstance(row, TagRow):
        yield row.question


# labels and tags


def classes(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """What is wrong with the labels of a classification as a whole, each at the first row that has the label."""
    first: dict[str, PlacedRow] = {}
    labels = Counter[str]()
    for placed in rows:
        if isinstance(placed.row, ClassifyRow):
            labels[placed.row.label] += 1
            first.setdefault(placed.row.label, placed)
    if not labels:
        return []

    def say(code: str, label: str, message: str, *, whole: bool = False) -> DataFinding:
        return policy.finding(code, first[label].file, 0 if whole else first[label].number, message)

    (most, n_most), n = labels.most_common(1)[0], sum(labels.values())
    if len(labels) == 1:
        return [say("one-class", most, f"every row is '{most}', so there is nothing to tell apart", whole=True)]
    if n >= 10 and len(labels) > 0.9 * n:
        message = f"{len(labels)} labels on {n} rows: is the right column mapped to label? see --map"
        return [say("label-per-row", most, message, whole=True)]
    found = [
        say("rare-class", label, f"the label '{label}' has {count} of {n} rows; {RARE} are needed for three parts")
        for label, count in labels.items()
        if count < RARE
    ]
    frequent = {label: count for label, count in labels.items() if count >= RARE}
    if frequent and n_most > IMBALANCE * min(frequent.values()):
        least = min(frequent, key=lambda label: frequent[label])
        message = (
            f"'{least}' has {frequent[least]} rows and '{most}' has {n_most}; add rows, or weigh the loss by class"
        )
        found.append(say("imbalance", least, message))
    found += [say("similar-labels", b, f"'{b}' ({labels[b]} rows) looks like '{a}' ({labels[a]} rows); make them one")
              for a, b in _similar(labels)]  # fmt: skip
    numbers = [label for label in labels if _NUMBER.fullmatch(label)]
    if numbers and len(numbers) < len(labels):
        odd = numbers[0] if 2 * len(numbers) <= len(labels) else next(one for one in labels if one not in numbers)
        found.append(say("mixed-labels", odd, f"'{odd}' is a label beside {'words' if odd in numbers else 'numbers'}"))
    return found


def _similar(labels: Counter[str]) -> Iterator[tuple[str, str]]:
    """Pairs of labels that look like the same one, the more frequent first."""
    names = [label for label, _ in labels.most_common(300)]
    for n, one in enumerate(names):
        for other in names[n + 1 :]:
            if _looks_like(one, other):
                yield one, other


def _looks_like(one: str, other: str) -> bool:
    if letters(one) == letters(other):
        return True
    if _NUMBER.fullmatch(one) and _NUMBER.fullmatch(other):
        return float(one) == float(other)
    if min(len(one), len(other)) < 5 or any(c.isdigit() for c in one + other) or abs(len(one) - len(other)) > 1:
        return False
    return difflib.SequenceMatcher(None, one.lower(), other.lower(), autojunk=False).ratio() > 0.9


def tags(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """Tags that continue what was not begun, and a set in which nothing is tagged."""
    found = []
    seen: set[str] = set()
    for placed in rows:
        if not isinstance(placed.row, TagRow):
            continue
        seen.update(placed.row.tags)
        before = "O"
        for n, tag in enumerate(placed.row.tags, 1):
            if tag.startswith("I-") and before[1:] != tag[1:]:
                message = f"token {n} is {tag} after {before}; what begins there is B{tag[1:]}"
                found.append(policy.finding("tag-sequence", placed.file, placed.number, message))
                break
            before = tag
    if seen == {"O"}:
        found.append(policy.finding("only-outside", rows[0].file, 0, "every tag is O, so there is nothing to find"))
    return found


# outliers


def outliers(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """Rows far longer or shorter than the rest, and pairs whose sides differ in length as no other pair's do."""
    found = []
    by_kind: dict[str, list[PlacedRow]] = defaultdict(list)
    for placed in rows:
        by_kind[placed.row.kind if isinstance(placed.row, ChatRow) else ""].append(placed)
    for alike in by_kind.values():
        if len(alike) < FEWEST_TO_COMPARE:
            continue
        for placed, size, middle in _far(alike, [float(len(_whole(one))) for one in alike], least=math.log(8)):
            message = f"has {size:,.0f} characters where the median row has {middle:,.0f}"
            found.append(policy.finding("length-outlier", placed.file, placed.number, message))
    pairs = [placed for placed in rows if isinstance(placed.row, PairRow)]
    if len(pairs) >= 5:
        ratios = [len(p.row.target) / len(p.row.source) for p in pairs if isinstance(p.row, PairRow)]
        for placed, ratio, middle in _far(pairs, ratios, least=math.log(6)):
            message = f"its target is {ratio:.2g} times as long as its source; the median pair has {middle:.2g}"
            found.append(policy.finding("length-ratio", placed.file, placed.number, message))
    return found


def _far(
    rows: Sequence[PlacedRow], values: Sequence[float], *, least: float
) -> Iterator[tuple[PlacedRow, float, float]]:
    """Rows whose value is far from the median on a log scale: by 5 robust standard deviations and by ``least``."""
    logs = [math.log(max(value, 1e-9)) for value in values]
    middle = median(logs)
    spread = 1.4826 * median(abs(value - middle) for value in logs)
    for placed, value, at in zip(rows, values, logs, strict=True):
        if abs(at - middle) > max(5 * spread, least):
            yield placed, value, math.exp(middle)


def meanings(rows: Sequence[PlacedRow], embedder: Embedder, policy: Policy) -> list[DataFinding]:
    """Rows whose nearest five others are far from them in meaning, compared with what is usual in the set.

    Others are looked for among REFERENCE rows, spread evenly over the set, so that time grows with the rows alone.
    """
    if len(rows) < FEWEST_TO_COMPARE:
        return []
    vectors = embedder.embed([(asked(placed) or _whole(placed))[:2000] for placed in rows])
    reference = np.unique(np.linspace(0, len(rows) - 1, min(REFERENCE, len(rows))).astype(int))
    nearest = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        likeness = vectors[start : start + BLOCK] @ vectors[reference].T  # (rows of the block, reference)
        likeness[np.arange(start, start + len(likeness))[:, None] == reference[None, :]] = -1  # itself
        nearest[start : start + BLOCK] = np.sort(likeness, axis=1)[:, -5:].mean(axis=1)
    middle = float(np.median(nearest))
    spread = 1.4826 * float(np.median(np.abs(nearest - middle)))
    limit = min(middle - 3.5 * spread, 0.5 * middle)
    found = []
    for at in np.flatnonzero(nearest < limit):
        placed = rows[int(at)]
        message = f"is like no other row (nearest {nearest[at]:.2f}, usual {middle:.2f}); does it belong here?"
        found.append(policy.finding("odd-one-out", placed.file, placed.number, message))
    return found


CHECKS: dict[str, Callable[[Sequence[PlacedRow], Policy], list[DataFinding]]] = {
    "duplicates": duplicates,
    "contradictions": contradictions,
    "classes": classes,
    "tags": tags,
    "outliers": outliers,
}


def by_cluster(rows: Sequence[PlacedRow]) -> list[int]:
    """A number for each row; rows that are nearly the same have the same one, so that a split keeps them together."""
    hashes = NearDuplicates({}, ROUGH)
    number: dict[str, int] = {}
    for at, placed in enumerate(rows):
        name, value = str(at), _hash(_whole(placed))
        other = hashes.nearest(name, value)
        if other is not None and jaccard(grams(_whole(placed)), grams(_whole(rows[int(other)]))) < NEAR:
            other = None
        number[name] = number[other] if other is not None else at
        hashes.add(name, value)
    return [number[str(at)] for at in range(len(rows))]
