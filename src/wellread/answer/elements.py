"""What of a sentence can be held against a text: its quantities, codes, names, content words, and its negation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from wellread.retrieve import quantities
from wellread.retrieve.quantities import Quantity
from wellread.retrieve.units import Quotable, words

NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|without|cannot|\w+n['’]t)\b|[不没未無无]|ない|ません", re.IGNORECASE
)
YES_NO = re.compile(r"^\W*(yes|no|yeah|nope|true|false|correct)\b[\s,.;:!–-]*", re.IGNORECASE)
CODE = re.compile(r"(?<![\w.,])(?=[A-Za-z-]*[A-Za-z])(?=[\w-]*\d)[A-Za-z]+[ -]?\d[\w-]*|\b\d+[A-Za-z]+\d*\b")
NAME = re.compile(r"\b[^\W\d_a-z][^\W\d_]*(?:['’-][^\W\d_]+)*")
# Words that frame an answer and say nothing of the matter.
FRAME = frozenset(
    words(
        "according documents document passage passages text source sources answer question states stated says said"
        " mentioned given provided based information yes correct following therefore thus total altogether equals"
        " approximately about exactly respectively namely"
    )
)
_LETTERS = re.compile(r"[^\W_]+")
_ORDINALS = re.compile(r"^\d{1,2}(?:st|nd|rd|th)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Elements:
    """What a sentence says that its question does not: each has to stand in what it rests on."""

    numbers: tuple[Quantity, ...]
    codes: frozenset[str]  # N13, F-12, LT-2: letters and digits without blanks and hyphens, lower case
    names: frozenset[str]  # stems of capitalised words, not the first of the sentence
    words: frozenset[str]  # stems of all other content words
    negated: bool
    polarity: bool | None  # of an answer that opens with yes or no

    @property
    def empty(self) -> bool:
        """Whether the sentence adds nothing to its question."""
        return not (self.numbers or self.codes or self.names or self.words)


def elements(sentence: str, question: str) -> Elements:
    """What ``sentence`` adds to ``question``."""
    opening = YES_NO.match(sentence)
    polarity = None if opening is None else opening[1].lower() in ("yes", "yeah", "true", "correct")
    rest = sentence[opening.end() :] if opening else sentence
    asked = frozenset(words(question)) | FRAME
    given = quantities.quantities(question)
    codes = frozenset(map(_code, _codes(rest))) - frozenset(map(_code, _codes(question)))
    told = CODE.sub(lambda m: m[0] if _ORDINALS.match(m[0]) or _counted(m[0]) else " ", rest)
    numbers = tuple(q for q in quantities.quantities(told, every=False) if not any(agree(q, g) for g in given))
    first = re.match(r"\W*", rest)
    start = first.end() if first else 0
    capitalised = {s for m in NAME.finditer(told) if m.start() > start for s in words(m[0])}
    plain = re.sub(r"\d[\w.,:]*", " ", told)
    held = {word for word in words(plain) if not word[0].isdigit()} - asked - _unit_words(numbers, told)
    names = frozenset(capitalised - asked)
    return Elements(
        numbers, codes, names, frozenset(held - names), NEGATION.search(rest) is not None and polarity is None, polarity
    )


def _codes(text: str) -> Iterable[str]:
    return (m[0] for m in CODE.finditer(text) if not _ORDINALS.match(m[0]) and not _counted(m[0]))


def _counted(code: str) -> bool:
    """Whether letters and digits are a number with a unit («10kg», «Line 4», «May 2026») and no code."""
    return bool(quantities.alone(code)) or bool(re.match(r"[A-Za-z][a-z]+ \d", code)) or code[0].isdigit()


def _code(text: str) -> str:
    return re.sub(r"[\s-]", "", text).lower()


def _unit_words(numbers: Iterable[Quantity], text: str) -> set[str]:
    """Words that belong to a number («eleven», «per cent», «kroner»): they are compared as quantities."""
    folded = quantities.fold(text)
    return {word for q in numbers for word in words(folded[q.span.start : q.span.end])}


def agree(said: Quantity, held: Quantity, *, cell: bool = True) -> bool:
    """Whether two quantities say the same; a number agrees with its ordinal, a count with the same number of others.

    A number without a unit says what the unit of its column is in a ``cell``; in a sentence «12 tonnes» is not «12».
    """
    if quantities.same(said, held):
        return cell or not _dimension(said) or _dimension(held) or bool(held.days or said.days)
    if said.days or held.days or said.number != held.number or _dimension(said) or _dimension(held):
        return False
    return not (said.meanings and held.meanings) or said.meanings == held.meanings


def _dimension(quantity: Quantity) -> bool:
    return any(not name.startswith(("ordinal", "count")) for name, _ in quantity.meanings)


@dataclass(slots=True, eq=False)
class Held:
    """What a unit holds, read when it is first needed."""

    unit: Quotable
    words: frozenset[str]
    letters: str
    _values: tuple[tuple[str, tuple[Quantity, ...]], ...] | None = field(default=None, repr=False)
    _codes: frozenset[str] | None = field(default=None, repr=False)
    _own: frozenset[str] | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The unit with its context."""
        return f"{self.unit.context}. {self.unit.reading}"

    @property
    def values(self) -> tuple[tuple[str, tuple[Quantity, ...]], ...]:
        """Of a row: the name of each column with the quantities of its cell; of a sentence: all of it, without a name.

        Numbers of titles, headings and column names are no values: «Fares 2026» and «Senior 67+» say no price.
        """
        if self._values is None:
            pairs = pairs_of(self.unit)
            self._values = tuple((name, tuple(quantities.quantities(value))) for name, value in pairs)
        return self._values

    @property
    def numbers(self) -> tuple[Quantity, ...]:
        """Quantities of the unit, in every way that they can be read."""
        return tuple(q for _, cell in self.values for q in cell)

    @property
    def own(self) -> frozenset[str]:
        """Stems of the unit alone; of a row those of its cells, not of the names of its columns."""
        if self._own is None:
            self._own = frozenset(words(" ".join(value for _, value in pairs_of(self.unit))))
        return self._own

    @property
    def row(self) -> bool:
        """Whether the unit is a row of a table."""
        return len(self.values) > 1

    @property
    def codes(self) -> frozenset[str]:
        """Codes of the unit and its context."""
        if self._codes is None:
            self._codes = frozenset(map(_code, _codes(f"{self.text} {self.unit.text}")))
        return self._codes


def pairs_of(unit: Quotable) -> list[tuple[str, str]]:
    """Column names and cells of a row that reads «name: value; name: value»; one pair without a name otherwise."""
    parts = [part.partition(": ") for part in unit.reading.split("; ")]
    if len(parts) > 1 and all(mark for _, mark, _ in parts):
        return [(name, value) for name, _, value in parts]
    return [("", unit.reading)]


def held_by(unit: Quotable) -> Held:
    """What a unit and its context hold."""
    text = f"{unit.context} {unit.reading}"
    return Held(unit, frozenset(words(text)), letters(text))


def letters(text: str) -> str:
    """Letters and digits with a blank between and around: « 9 may 1921 »."""
    return f" {' '.join(_LETTERS.findall(quantities.fold(text)))} "
