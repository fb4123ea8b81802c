"""What is wrong with preferences and ratings as a whole: length decides, one-sided raters, answers in circles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from wellread.metrics import stats
from wellread.questions.stands import letters
from wellread.tune.data.data import PreferenceRow, RatedRow
from wellread.tune.data.findings import DataFinding, Policy
from wellread.tune.data.rows import PlacedRow
from wellread.tune.data.set_checks import grams, jaccard

NEAR_SAME = 0.9  # Jaccard of runs of five letters, above which two answers hardly differ
FEWEST = 20  # rows from which a share says something of the whole
FEWEST_OF_RATER = 10
BIAS = 0.7  # share of pairs that length alone decides, from which a model learns length
CHANCE = 0.01  # p above which a share may be chance
ONE_SIDE = 0.95  # share of a rater's rows that say the same
MOST_OF_ONE = 0.5  # share of all rows by one rater of several


def alike(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """Pairs whose two answers hardly differ: what is learned of them is mostly chance."""
    found = []
    for placed in rows:
        row = placed.row
        if not isinstance(row, PreferenceRow) or letters(row.chosen) == letters(row.rejected):
            continue
        share = jaccard(grams(row.chosen), grams(row.rejected))
        if share >= NEAR_SAME:
            message = f"its two answers are {min(share, 0.99):.0%} the same; is the difference what is meant?"
            found.append(policy.finding("near-same-pair", placed.file, placed.number, message))
    return found


def length(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """Whether length alone tells which answer was preferred, over all pairs."""
    pairs = [placed.row for placed in rows if isinstance(placed.row, PreferenceRow)]
    longer, shorter = _by_length(pairs)
    n = longer + shorter
    if n < FEWEST or stats.mcnemar(longer, shorter) > CHANCE or max(longer, shorter) < BIAS * n:
        return []
    side, share = ("longer", longer / n) if longer > shorter else ("shorter", shorter / n)
    message = (
        f"the {side} answer is preferred in {share:.0%} of {n} pairs: what is learned may be length alone; add pairs "
        "in which it is not, or make sure that it is meant"
    )
    return [policy.finding("length-bias", rows[0].file, 0, message)]


def _by_length(pairs: Sequence[PreferenceRow]) -> tuple[int, int]:
    """How many pairs prefer the longer, and the shorter answer, by their letters."""
    sizes = [(len(row.chosen), len(row.rejected)) for row in pairs]
    return sum(one > other for one, other in sizes), sum(one < other for one, other in sizes)


def one_sided(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """Raters whose rows all say the same: one score for everything, or always the longer or shorter answer."""
    found = []
    for name, own in _raters(rows).items():
        if len(own) < FEWEST_OF_RATER:
            continue
        first = own[0]
        scores = Counter(placed.row.score for placed in own if isinstance(placed.row, RatedRow))
        longer, shorter = _by_length([placed.row for placed in own if isinstance(placed.row, PreferenceRow)])
        said = ""
        if scores and scores.most_common(1)[0][1] >= ONE_SIDE * scores.total():
            score, n = scores.most_common(1)[0]
            said = f"gives {score:g} to {n} of {scores.total()} answers"
        elif longer + shorter >= FEWEST_OF_RATER and max(longer, shorter) >= ONE_SIDE * (longer + shorter):
            side = "longer" if longer > shorter else "shorter"
            said = f"prefers the {side} answer in {max(longer, shorter)} of {longer + shorter} pairs"
        if said:
            message = f"the rater '{name}' {said}; ask whether the answers were read"
            found.append(policy.finding("one-sided-rater", first.file, 0, message))
    return found


def shares(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """A rater among several who gave most of the rows: what is learned is one person's taste."""
    by_rater = _raters(rows)
    n = sum(map(len, by_rater.values()))
    if len(by_rater) < 2 or n < FEWEST:
        return []
    name, own = max(by_rater.items(), key=lambda pair: len(pair[1]))
    if len(own) <= MOST_OF_ONE * n:
        return []
    message = f"the rater '{name}' gave {len(own) / n:.0%} of {n} rows; prepare.rater_share caps it"
    return [policy.finding("rater-share", own[0].file, 0, message)]


def circles(rows: Sequence[PlacedRow], policy: Policy) -> list[DataFinding]:
    """Answers to one prompt that are each better than the next, all the way round; two that swap are reversed pairs."""
    by_prompt: dict[str, list[PlacedRow]] = defaultdict(list)
    for placed in rows:
        if isinstance(placed.row, PreferenceRow):
            by_prompt[letters(placed.row.prompt)].append(placed)
    found = []
    for pairs in by_prompt.values():
        circle = _in_circle(pairs) if len(pairs) > 2 else None
        if circle is not None:
            message = "its answers go in a circle with other pairs of the same prompt: each is better than the next"
            found.append(policy.finding("preference-circle", circle.file, circle.number, message))
    return found


def _in_circle(pairs: Sequence[PlacedRow]) -> PlacedRow | None:
    """A pair on a circle of three or more: what is left when ends, which no answer beats or which beat none, go."""
    edges = {}
    for placed in pairs:
        if isinstance(placed.row, PreferenceRow):
            edges[letters(placed.row.chosen), letters(placed.row.rejected)] = placed
    edges = {(one, other): placed for (one, other), placed in edges.items() if (other, one) not in edges}
    while edges:
        better, worse = {one for one, _ in edges}, {other for _, other in edges}
        left = {edge: placed for edge, placed in edges.items() if edge[1] in better and edge[0] in worse}
        if len(left) == len(edges):
            return next(iter(edges.values()))
        edges = left
    return None


def capped(rows: Sequence[PlacedRow], most: float, policy: Policy) -> list[DataFinding]:
    """The rows of a rater beyond the share ``most`` of all rows that are kept, each dropped; rows without a rater stay.

    A share that so few raters cannot keep to is said and drops nothing.
    """
    by_rater = _raters(rows)
    if most >= 1 or not by_rater:
        return []
    others = len(rows) - sum(map(len, by_rater.values()))
    sizes = sorted(map(len, by_rater.values()), reverse=True)
    fits = [limit for limit in range(1, sizes[0] + 1) if limit <= most * (others + sum(min(n, limit) for n in sizes))]
    if not fits:
        message = f"{len(sizes)} raters cannot each give at most {most:.0%}; ask more, or raise prepare.rater_share"
        return [policy.finding("rater-share", rows[0].file, 0, message)]
    found = []
    for name, own in by_rater.items():
        for placed in own[fits[-1] :]:
            message = f"is beyond {most:.0%} of all rows by the rater '{name}'"
            found.append(policy.finding("over-share", placed.file, placed.number, message))
    return found


def _raters(rows: Sequence[PlacedRow]) -> Mapping[str, list[PlacedRow]]:
    """The rows of each rater that is named."""
    found: dict[str, list[PlacedRow]] = defaultdict(list)
    for placed in rows:
        if isinstance(placed.row, (PreferenceRow, RatedRow)) and placed.row.rater:
            found[placed.row.rater].append(placed)
    return found


CHECKS: dict[str, Callable[[Sequence[PlacedRow], Policy], list[DataFinding]]] = {
    "alike": alike,
    "length": length,
    "one_sided": one_sided,
    "shares": shares,
    "circles": circles,
}
