"""What verdicts are worth: how far raters agree, who gave how many, whether place decided, and what can be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from wellread.evaluate.judge import judge as judging
from wellread.evaluate.judge.judge import Agreement
from wellread.metrics import stats
from wellread.tune.data.data import PreferenceRow, row_id
from wellread.tune.data.pairs.kept import AnswerPair, By, KeptPairs, PairVerdict

TRUST: Mapping[By, int] = {"hand": 2, "model": 1, "rules": 0}  # whose verdicts on a pair count before whose
DECIDED = ("first", "second", "edited")
JUDGED = ("first", "second", "tie")  # verdicts that can be held against each other
PLACE = 0.05  # p below which a rater seems to have chosen by place
NAMES_APART = "+"  # between the raters of a row that several agree on


@dataclass(frozen=True, slots=True)
class RaterFigures:
    """What one rater did: verdicts, ties, how often the answer that stood first won, and p of «place is chance»."""

    name: str
    by: By
    verdicts: int
    ties: int
    share: float  # of all verdicts
    first_shown: float | None  # of those with a winner; None without one, and for rules, who see no place
    p_place: float | None


@dataclass(frozen=True, slots=True)
class PairsFigures:
    """All that is known of a set of pairs. ``cohen`` is by pair of raters; ``fleiss`` over all people together.

    ``model_with_people`` is how far each judging model agrees with the people's majority on the same pairs.
    """

    pairs: int
    decided: int
    ties: int
    disagreed: int
    raters: tuple[RaterFigures, ...]
    cohen: Mapping[tuple[str, str], Agreement]
    fleiss: float | None
    fleiss_pairs: int
    model_with_people: Mapping[str, Agreement]


def figures(pairs: KeptPairs, *, seed: int) -> PairsFigures:
    """Of all verdicts on a set of pairs; skipped pairs count nowhere."""
    given = [one for one in pairs.verdicts if one.choice != "skip"]
    names = list(dict.fromkeys(one.rater for one in given))
    settled = {pair.id: settle([one for one in given if one.pair == pair.id]) for pair in pairs.pairs}
    hands = list(dict.fromkeys(one.rater for one in given if one.by == "hand"))
    tables = [Counter[str](one.choice for one in given if one.pair == p.id and one.by == "hand") for p in pairs.pairs]
    tables = [table for table in tables if sum(table.values()) > 1]
    counted = Counter(settled.values())
    return PairsFigures(
        pairs=len(pairs.pairs),
        decided=sum(counted[choice] for choice in DECIDED),
        ties=counted["tie"],
        disagreed=counted["disagreed"],
        raters=tuple(_of_rater(name, given) for name in names),
        cohen={
            (one, other): shared
            for one, other in combinations(names, 2)
            if (shared := _cohen(given, one, other, seed=seed)) is not None
        },
        fleiss=fleiss(tables) if len(hands) > 2 and tables else None,
        fleiss_pairs=len(tables),
        model_with_people=_with_people(given, seed=seed),
    )


def _of_rater(name: str, given: Sequence[PairVerdict]) -> RaterFigures:
    own = [one for one in given if one.rater == name]
    won = [one for one in own if one.choice in ("first", "second")]
    first = sum((one.choice == "second") == one.swapped for one in won)
    seen = bool(won) and own[0].by == "hand"
    return RaterFigures(
        name=name,
        by=own[0].by,
        verdicts=len(own),
        ties=sum(one.choice == "tie" for one in own),
        share=len(own) / len(given),
        first_shown=first / len(won) if seen else None,
        p_place=stats.mcnemar(first, len(won) - first) if seen else None,
    )


def _cohen(given: Sequence[PairVerdict], one: str, other: str, *, seed: int) -> Agreement | None:
    """Cohen's kappa of two raters on the pairs that both judged; None where there is none."""
    said = [{v.pair: v.choice for v in given if v.rater == name and v.choice in JUDGED} for name in (one, other)]
    shared = [pair for pair in said[0] if pair in said[1]]
    if not shared:
        return None
    return judging.agreement([said[0][p] for p in shared], [said[1][p] for p in shared], seed=seed)


def _with_people(given: Sequence[PairVerdict], *, seed: int) -> dict[str, Agreement]:
    by_hand: dict[str, list[PairVerdict]] = {}
    for one in given:
        if one.by == "hand":
            by_hand.setdefault(one.pair, []).append(one)
    people = {pair: settle(said) for pair, said in by_hand.items()}
    found = {}
    for name in dict.fromkeys(one.rater for one in given if one.by == "model"):
        both = [(v.choice, people[v.pair]) for v in given if v.rater == name and people.get(v.pair) in JUDGED]
        if both:
            found[name] = judging.agreement([one for one, _ in both], [other for _, other in both], seed=seed)
    return found


def fleiss(tables: Sequence[Mapping[str, int]]) -> float:
    """Fleiss' kappa: how far several raters agree beyond chance, 1 for fully, 0 for as much as chance gives.

    Not every item needs the same number of raters: an item's agreement is taken over the pairs of its own ones.

    Args:
        tables: label → how many raters gave it, of each item; at least two raters each.
    Raises: ValueError for no item, or one with fewer than two raters.
    Source: Fleiss, Psychological Bulletin 1971, equations 1 to 7.
    """
    sizes = [sum(table.values()) for table in tables]
    if not sizes or min(sizes) < 2:
        raise ValueError("tables: at least one item, and two raters each")
    agreed = [
        sum(n * (n - 1) for n in table.values()) / (size * (size - 1))
        for table, size in zip(tables, sizes, strict=True)
    ]
    total = Counter[str]()
    for table in tables:
        total.update(table)
    chance = sum((n / sum(sizes)) ** 2 for n in total.values())
    mean = sum(agreed) / len(agreed)
    return (mean - chance) / (1 - chance) if chance < 1 else 0.0


def settle(given: Sequence[PairVerdict]) -> str:
    """What is decided of one pair: a choice, «disagreed», or nothing; whom TRUST puts first decides alone.

    An edited answer counts before a choice, the newest of several; else the choice of most, where it is one.
    """
    given = [one for one in given if one.choice != "skip"]
    if not given:
        return ""
    best = max(TRUST[one.by] for one in given)
    trusted = [one for one in given if TRUST[one.by] == best]
    if any(one.choice == "edited" for one in trusted):
        return "edited"
    (choice, n), *rest = Counter(one.choice for one in trusted).most_common()
    return "disagreed" if rest and rest[0][1] == n else choice


def worth(known: Agreement | None) -> str:
    """How far a judging model agrees with people, in words; few shared pairs say nothing."""
    n = known.kappa.n if known else 0
    more = f"judge {judging.FEWEST_LABELS} of its pairs or more by hand"
    if known is None or n < judging.FEWEST_LABELS:
        return f"its agreement with people is not known (both judged {n}); {more}"
    k = known.kappa
    return f"kappa with people {k.value:.2f} ({k.low:.2f} to {k.high:.2f}) on {n} pairs, {known.equal.value:.0%} equal"


def rows(pairs: KeptPairs, left_out: Counter[str]) -> list[tuple[PreferenceRow, PairVerdict]]:
    """What can be learned from the verdicts: a row for each decided pair, two for an edited answer, with one verdict.

    ``left_out`` counts the pairs that give none, by reason.
    """
    made: list[tuple[PreferenceRow, PairVerdict]] = []
    for pair in pairs.pairs:
        given = [one for one in pairs.verdicts if one.pair == pair.id]
        choice = settle(given)
        if choice not in DECIDED:
            reasons = {"": "nobody has judged", "tie": "neither answer is better", "disagreed": "raters disagree"}
            left_out[reasons[choice]] += 1
            continue
        agreeing = [one for one in given if one.choice == choice and TRUST[one.by] == max(TRUST[v.by] for v in given)]
        raters = NAMES_APART.join(dict.fromkeys(one.rater for one in agreeing))
        made += [(row, agreeing[-1]) for row in _of_pair(pair, choice, agreeing[-1].text, raters)]
    return made


def _of_pair(pair: AnswerPair, choice: str, edited: str, rater: str) -> list[PreferenceRow]:
    first, second = pair.first.text, pair.second.text
    both = {"first": [(first, second)], "second": [(second, first)], "edited": [(edited, first), (edited, second)]}
    return [
        PreferenceRow(row_id(pair.prompt, better, worse, rater), pair.prompt, better, worse, rater)
        for better, worse in both[choice]
    ]
