"""Who says which of two answers is better: a person at the keyboard, rules, or a chat model asked both ways round."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from wellread import digests, prompts
from wellread.config import suggestion
from wellread.errors import UsageError
from wellread.models.api import Chat, Message, Sampling
from wellread.progress import SILENT, Progress
from wellread.tune.data.pairs import kept
from wellread.tune.data.pairs.kept import AnswerPair, Choice, DrawnAnswer, KeptPairs, PairVerdict

SAMPLING = Sampling(max_tokens=8, temperature=0.0, seed=0)  # pinned: the same pair is judged the same again
LONGEST = 6000  # characters of an answer that a judging model is shown
WANTED = "The better one is right, says where it is from, and says no more than was asked."
_SAID = re.compile(r"\b(A|B|same)\b")

# what is better, as a number that is higher for the better answer; rules are asked in the order in which they are named
RULES: Mapping[str, Callable[[DrawnAnswer], float]] = {
    "right": lambda one: one.right or 0.0,
    "answered": lambda one: float(not one.refused),
    "cites": lambda one: float(one.citations > 0),
    "shorter": lambda one: -float(len(one.text.split())),
    "longer": lambda one: float(len(one.text.split())),
}


def swapped(pair: AnswerPair, rater: str) -> bool:
    """Whether the rater sees the second answer first: for half of all pairs, always the same for the same two."""
    return int(digests.of_text(f"{pair.id}\n{rater}")[:8], 16) % 2 == 1


def waiting(pairs: KeptPairs, rater: str) -> list[AnswerPair]:
    """The pairs that the rater has not judged, in their order."""
    judged = kept.of_rater(pairs.verdicts, rater)
    return [pair for pair in pairs.pairs if pair.id not in judged]


def rules_of(names: Sequence[str]) -> tuple[str, ...]:
    """The rules of these names. Raises: UsageError for an unknown one, or two that exclude each other."""
    for name in names:
        if name not in RULES:
            raise UsageError(f"--rule {name}: no such rule{suggestion(name, RULES)}; rules are {', '.join(RULES)}")
    if {"shorter", "longer"} <= set(names):
        raise UsageError("--rule: shorter and longer exclude each other")
    return tuple(dict.fromkeys(names))


def by_rules(pair: AnswerPair, names: Sequence[str]) -> Choice:
    """What the first rule says that tells the two apart; a tie where none does."""
    for name in names:
        first, second = RULES[name](pair.first), RULES[name](pair.second)
        if first != second:
            return "first" if first > second else "second"
    return "tie"


def judge_by_rules(pairs: KeptPairs, names: Sequence[str]) -> list[PairVerdict]:
    """A verdict of the rules on every pair that they have not judged, kept."""
    rater = f"rules:{'+'.join(names)}"
    made = [PairVerdict(one.id, rater, "rules", by_rules(one, names)) for one in waiting(pairs, rater)]
    return [kept.add_verdict(pairs.folder, one) for one in made]


def judge_by_model(pairs: KeptPairs, chat: Chat, *, wanted: str = "", progress: Progress = SILENT) -> list[PairVerdict]:
    """A verdict of a chat model on every pair that it has not judged, each kept at once.

    It is asked with either answer first; where the two replies do not name the same answer the verdict is a tie.

    Raises: ModelError, ModelUnavailable.
    """
    made, left = [], waiting(pairs, chat.name)
    for at, pair in enumerate(left):
        progress.step("judge", at, len(left))
        choice = _agreed(_said(chat, pair, wanted, turned=False), _said(chat, pair, wanted, turned=True))
        made.append(kept.add_verdict(pairs.folder, PairVerdict(pair.id, chat.name, "model", choice)))
    progress.step("judge", len(left), len(left))
    return made


def _agreed(one: Choice, other: Choice) -> Choice:
    return one if one == other else "tie"


def _said(chat: Chat, pair: AnswerPair, wanted: str, *, turned: bool) -> Choice:
    """What the model says with the second answer first where ``turned``."""
    texts = [_harmless(one.text) for one in (pair.first, pair.second)]
    first, second = reversed(texts) if turned else texts
    asked = prompts.filled(
        "tune.data.pairs",
        "judge-pair",
        question=_harmless(pair.question),
        first=first,
        second=second,
        wanted=wanted.strip() or WANTED,
    )
    found = _SAID.search(chat.reply([Message("user", asked)], SAMPLING).text)
    if found is None or found[1] == "same":
        return "tie"
    return "first" if (found[1] == "A") != turned else "second"


def _harmless(text: str) -> str:
    """No text can close the marks around it."""
    return text[:LONGEST].replace("<<<", "‹‹‹").replace(">>>", "›››")
