"""Single answers that somebody rated, as the model reads them, and which of them nothing can be learned from.

What is good and what is bad is told by the middle of the scale that the training part uses: of thumbs that lies between
the two, of one to five stars at three. An answer in the very middle is neither and is left out, listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wellread.errors import UsageError
from wellread.tune.align.preferences import PreferenceParts, answered, unlearnable
from wellread.tune.base.template import IGNORED, Encoded
from wellread.tune.data.data import PARTS, DataSet, RatedRow, Row, limit_of
from wellread.tune.train.loop import TuneFailed


@dataclass(frozen=True, slots=True)
class EncodedAnswer:
    """A prompt with one rated answer, and the same prompt with an answer to another one: only answers have labels.

    ``text`` is the answer's; ``strange`` is what the distance from the base model is estimated on.
    """

    id: str
    prompt: str
    text: str
    own: Encoded
    strange: Encoded
    score: float
    good: bool
    rater: str = ""

    @property
    def rows(self) -> tuple[Encoded, Encoded]:
        """What goes through the model for this answer."""
        return self.own, self.strange

    @property
    def n_tokens(self) -> int:
        """Tokens that go through the model for this answer."""
        return len(self.own.ids) + len(self.strange.ids)


@dataclass(frozen=True, slots=True)
class RatedParts:
    """The parts of a data set as rated answers; ``left_out`` names each row that is not among them, and why.

    Below ``middle`` an answer is bad, above it is good.
    """

    train: tuple[EncodedAnswer, ...]
    validation: tuple[EncodedAnswer, ...]
    test: tuple[EncodedAnswer, ...]
    left_out: tuple[Mapping[str, Any], ...]
    max_length: int
    middle: float

    @property
    def held_out(self) -> tuple[EncodedAnswer, ...]:
        """What a run is judged by: the test part, else the validation part."""
        return self.test or self.validation

    @property
    def wanted(self) -> dict[str, str]:
        """Held-out prompts, each with an answer that was found good where there is one."""
        found = {one.prompt: one.text for one in reversed(self.held_out)}
        return {**found, **{one.prompt: one.text for one in reversed(self.held_out) if one.good}}


def encode_ratings(data: DataSet, tokenizer: Any, max_length: int) -> RatedParts:
    """Every rated answer of the data set in the model's own template; those beyond the limit are left out and listed.

    Args: as ``preferences.encode_pairs``.
    Raises: UsageError where the tokenizer has no template; TuneFailed where the training part does not hold both good
        and bad answers, or asks one prompt only.
    """
    most = limit_of(data.card, max_length)
    left_out: list[Mapping[str, Any]] = []
    scores = [row.score for row in data.train if isinstance(row, RatedRow)]
    middle = (min(scores) + max(scores)) / 2 if scores else 0.0
    parts = [_part(name, getattr(data, name), tokenizer, most, middle, left_out) for name in PARTS]
    train, validation, test = _with_strangers(parts, most)
    return _checked(RatedParts(train, validation, test, tuple(left_out), most, middle))


def of_pairs(pairs: PreferenceParts) -> RatedParts:
    """Pairs as single answers: what was preferred is good, what was not is bad."""
    parts = []
    for part in (pairs.train, pairs.validation, pairs.test):
        good = [EncodedAnswer(p.id, p.prompt, p.preferred, p.chosen, p.chosen, 1.0, True, p.rater) for p in part]
        bad = [EncodedAnswer(p.id, p.prompt, "", p.rejected, p.rejected, 0.0, False, p.rater) for p in part]
        parts.append([one for two in zip(good, bad, strict=True) for one in two])
    train, validation, test = _with_strangers(parts, pairs.max_length)
    return _checked(RatedParts(train, validation, test, pairs.left_out, pairs.max_length, 0.5))


def _part(
    part: str, rows: Sequence[Row], tokenizer: Any, most: int, middle: float, left_out: list[Mapping[str, Any]]
) -> list[EncodedAnswer]:
    kept = []
    for row in rows:
        if not isinstance(row, RatedRow):
            raise UsageError(f"row {row.id}: is no rated answer")
        own = answered(row.prompt, row.answer, tokenizer, most)
        reason = unlearnable("", own, most)
        if not reason and row.score == middle:
            reason = f"its score {row.score:g} is the middle of the scale: neither good nor bad"
        if reason:
            left_out.append({"part": part, "id": row.id, "reason": reason})
        else:
            good = row.score > middle
            kept.append(EncodedAnswer(row.id, row.prompt, row.answer, own, own, row.score, good, row.rater))
    return kept


def _with_strangers(parts: Sequence[Sequence[EncodedAnswer]], most: int) -> list[tuple[EncodedAnswer, ...]]:
    """Each answer with that of the next other prompt of its part, else of the training part."""
    made = []
    for part in parts:
        pool = [*part, *parts[0]]
        rows = []
        for at, one in enumerate(part):
            other = next((o for o in (*pool[at + 1 :], *pool[:at]) if o.prompt != one.prompt), one)
            rows.append(replace(one, strange=_joined(one.own, other.own, most)))
        made.append(tuple(rows))
    return made


def _joined(asked: Encoded, said: Encoded, most: int) -> Encoded:
    """The prompt of one row with the answer of another, cut to ``most`` tokens but one of the answer kept."""
    prompt = asked.ids[: next(at for at, label in enumerate(asked.labels) if label != IGNORED)]
    answer = said.ids[next(at for at, label in enumerate(said.labels) if label != IGNORED) :]
    answer = answer[: max(1, most - len(prompt))]
    return Encoded((*prompt, *answer), (*[IGNORED] * len(prompt), *answer), ends=False)


def _checked(parts: RatedParts) -> RatedParts:
    good = sum(one.good for one in parts.train)
    if not 0 < good < len(parts.train):
        first = f"; left out first: {parts.left_out[0]['id']}: {parts.left_out[0]['reason']}" if parts.left_out else ""
        raise TuneFailed(
            f"{good} of {len(parts.train)} rated answers are good (above {parts.middle:g}): both good and bad ones are "
            f"needed to learn from{first}"
        )
    if len({one.prompt for one in parts.train}) == 1:
        raise TuneFailed("all rated answers are to one prompt: at least two are needed to learn from")
    return parts
